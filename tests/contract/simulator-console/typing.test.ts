/** Typing at a scripted console: what a line editor and the terminal's own discipline do with keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/util/clock.ts';
import type { RawConsole } from '../../support/console-client.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { openConsole } from '../../support/open-console.ts';

let sim: ConsoleSimulator;
let console: RawConsole;
beforeAll(async () => {
  sim = await startConsoleSimulator({ shell: 'scripted' });
  await sim.addContainer(500);
  console = await openConsole(sim, 500);
  await console.until('# ');
});
afterAll(() => sim.close());

/** What is printed from now on, up to a text. */
async function typed(keys: string, wanted: string | RegExp): Promise<string> {
  const before = console.text().length;
  console.type(keys);
  const rest = (): string => console.text().slice(before);
  const isThere = (): boolean => (typeof wanted === 'string' ? rest().includes(wanted) : wanted.test(rest()));
  for (let turn = 0; !isThere(); turn += 1) {
    if (turn > 200) throw new Error(`no ${String(wanted)} in ${JSON.stringify(rest())}`);
    await systemClock.sleep(10);
  }
  return rest();
}

describe('the line that is typed', () => {
  const lines: readonly (readonly [name: string, keys: string, output: string])[] = [
    ['backspace', 'echo abX\x7fc\r', 'abc\r\r\n'],
    ['Ctrl-U', 'nonsense\x15echo u""1\r', 'u1\r\r\n'],
    ['Ctrl-W', 'echo one two\x17three""3\r', 'one three3\r\r\n'],
    ['the line before', '\x1b[A\r', 'one three3\r\r\n'],
    ['the line before that, as a keypad sends it', '\x1bOA\x1bOA\r', 'u1\r\r\n'],
    ['forth and back', '\x1b[A\x1b[A\x1b[B\x1b[B\recho fo""rth\r', 'forth\r\r\n'],
    ['other keys that mean nothing here', 'echo a\x1b[15~\x1b[1;5C\x1bxb""c\r', 'abc\r\r\n'],
    ['Ctrl-C', 'nonsense\x03', '^C\r\r\n'],
    ['several lines', 'for i in 1 2; do\recho "<$i>"\rdone\r', '<1>\r\r\n<2>\r\r\n'],
    ['a quote that goes on', "echo 'a\rb'\r", 'a\r\r\nb\r\r\n'],
    ['text that is pasted', '\x1b[200~echo pas""ted\x1b[201~\r', 'pasted\r\r\n'],
  ];
  it.each(lines)('%s', async (_name, keys, output) => {
    expect(await typed(keys, output)).toContain(output);
  });

  it('stays out of sight without echo', async () => {
    await typed('stty -echo; echo no""w\r', 'now');
    expect(await typed('echo hid""den\r', 'hidden')).not.toContain('echo');
    await typed('stty echo; echo se""en\r', 'seen');
  });

  it('wraps where the terminal ends', async () => {
    expect(await typed(`echo ${'x'.repeat(100)}\r`, /x{100}\r\r\n/)).toMatch(/x \rx/);
  });
});

describe('programs at the terminal', () => {
  it('get whole lines, until Ctrl-D', async () => {
    await typed('echo sta""rted; cat; echo e""nd\r', 'started');
    const output = await typed('one\rtwX\x7fo\r\x04', 'end');
    expect(output.match(/one\r\r\n/g)).toHaveLength(2); // typed, and printed
    expect(output).toContain('two\r\r\n');
  });

  it('are ended by Ctrl-C, and the shell is not', async () => {
    await typed('echo sta""rted; sleep 1000\r', 'started');
    expect(await typed('\x03', '# ')).toContain('^C');
    await typed('echo "<$?>"\r', '<130>');
    await typed('echo sta""rted; while :; do :; done\r', 'started');
    await typed('\x03', '# ');
    await typed('sh -c \'trap "echo cau""ght" INT; echo sta""rted; sleep 1000; echo go""ne\'\r', 'started');
    expect(await typed('\x03', 'gone')).toContain('caught');
  });

  it('take a password without showing it', async () => {
    await typed('passwd\r', 'New password: ');
    await typed('geheim2\r', 'Retype new password: ');
    expect(await typed('geheim2\r', 'updated successfully')).not.toContain('geheim2');
    expect(sim.simulator.state.containers[500]?.inside?.passwords).toEqual({ root: 'geheim2' });
  });

  it('learn the signs of life of a job', async () => {
    const output = await typed('sleep 1000 & jobs; kill %1; wait; echo al""l\r', 'all');
    expect(output).toMatch(/\[1\] \d+\r\r\n\[1\] {2}Running\r\r\n/);
  });

  it('read without editing, for as long as they said', async () => {
    const output = await typed(
      'stty -icanon min 0 time 1; head -c 3; echo "<$?>"; stty icanon; echo ba""ck\r',
      'back',
    );
    expect(output).toContain('<0>');
  });
});

/** Taking a terminal over and giving it back. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type LocalTerminal, localTerminal } from '../../../src/cli/terminal.ts';

interface Fake {
  readonly terminal: LocalTerminal;
  readonly keyboard: PassThrough;
  /** What was done to it, in order. */
  readonly log: string[];
  /** The process ends. */
  readonly exit: () => void;
  readonly resize: () => void;
}

function fake(): Fake {
  const log: string[] = [];
  const exits = new Set<() => void>();
  const resizes = new Set<() => void>();
  const keyboard = new PassThrough();
  const terminal = localTerminal({
    stdin: Object.assign(keyboard, { isTTY: true, setRawMode: (on: boolean) => log.push(`raw ${on}`) }),
    stdout: {
      isTTY: true,
      columns: 80,
      rows: 24,
      write: (text) => log.push(`write ${JSON.stringify(text)}`),
      on: (_, handler) => resizes.add(handler),
      off: (_, handler) => resizes.delete(handler),
    },
    keepNewlines: () => log.push('newlines'),
    onExit: (handler) => {
      exits.add(handler);
      return () => exits.delete(handler);
    },
  });
  if (!terminal) throw new Error('no terminal');
  const all = (handlers: Set<() => void>) => (): void => {
    for (const handler of [...handlers]) handler();
  };
  return { terminal, keyboard, log, exit: all(exits), resize: all(resizes) };
}

const listeners = (log: string[]): Parameters<LocalTerminal['takeOver']>[0] => ({
  onInput: (bytes) => log.push(`key ${Buffer.from(bytes).toString()}`),
  onResize: () => log.push('resize'),
  onHangup: () => log.push('hangup'),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a terminal', () => {
  it('is given back once, with its modes undone before raw mode ends, and hears nothing afterwards', async () => {
    const { terminal, keyboard, log, exit, resize } = fake();
    const giveBack = terminal.takeOver(listeners(log), () => 'undo');
    keyboard.write('a');
    await turn();
    resize();
    giveBack();
    giveBack();
    exit();
    resize();
    keyboard.write('b');
    await turn();
    expect(log).toEqual(['raw true', 'newlines', 'key a', 'resize', 'write "undo"', 'raw false']);
  });

  it('is given back when the process ends, whatever the reason', () => {
    const { terminal, log, exit } = fake();
    terminal.takeOver(listeners(log), () => 'undo');
    exit();
    exit();
    expect(log).toEqual(['raw true', 'newlines', 'write "undo"', 'raw false']);
  });

  it('tells when the keyboard is gone', async () => {
    const { terminal, keyboard, log } = fake();
    terminal.takeOver(listeners(log));
    keyboard.end();
    await turn();
    await turn();
    expect(log).toEqual(['raw true', 'hangup']);
  });

  it.each([
    [true, false],
    [false, true],
    [false, false],
  ])('is none with keyboard %s and screen %s', (input, output) => {
    const stdin = Object.assign(new PassThrough(), { isTTY: input });
    const stdout = { isTTY: output, write: () => true };
    expect(localTerminal({ stdin, stdout, onExit: () => () => undefined })).toBeUndefined();
  });

  it.each([
    [0, 0],
    [80, 0],
  ])('that says it is %d × %d has no size', (columns, rows) => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const stdout = { isTTY: true, columns, rows, write: () => true };
    expect(localTerminal({ stdin, stdout, onExit: () => () => undefined })?.size()).toBeUndefined();
  });
});

/** A real shell of this machine behind a simulated console. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { openConsole } from '../../support/open-console.ts';

/** Tells whether a process is there and not just waiting to be counted out by its parent. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

let sim: ConsoleSimulator;
beforeAll(async () => {
  sim = await startConsoleSimulator({ shell: 'real', program: '/bin/sh' });
  await sim.addContainer(500);
  await sim.addContainer(501);
});
afterAll(() => sim.close());

describe('a real shell', () => {
  it('runs commands on a terminal of 80 columns and 20 rows, with the environment of lxc-attach', async () => {
    const console = await openConsole(sim, 500);
    console.type('stty size; echo "$TERM $container"; echo "<$(env | cut -d= -f1 | sort | tr "\\n" " ")>"\r');
    const text = await console.until('PWD TERM container');
    expect(text).toContain('20 80\r\r\nxterm-256color lxc\r\r\n');
    expect(text).toMatch(/<HOME (OLDPWD )?PATH PS1 PWD TERM container( _)? >/);
    console.close();
  });

  it('learns of a new size', async () => {
    const console = await openConsole(sim, 500);
    console.type("trap 'stty size' WINCH; echo rea''dy\r");
    await console.until('ready');
    console.send('1:132:43:');
    console.type('\r');
    expect(await console.until('43 132')).toContain('43 132\r\r\n');
    console.type('trap - WINCH\r');
    console.close();
  });

  it('has a home of its own for each container, which goes with the simulator', async () => {
    const other = await startConsoleSimulator({ shell: 'real', program: '/bin/sh' });
    const homes: string[] = [];
    for (const vmid of [500, 501]) {
      await other.addContainer(vmid);
      const console = await openConsole(other, vmid);
      console.type('touch here; echo "<$HOME>"\r');
      const text = await console.until(/<\/[^>]+>/);
      homes.push(/<(\/[^>]+)>/.exec(text)?.[1] ?? '');
    }
    expect(new Set(homes).size).toBe(2);
    expect(homes.map((home) => existsSync(`${home}/here`))).toEqual([true, true]);
    await other.close();
    expect(homes.map((home) => existsSync(home))).toEqual([false, false]);
  });

  it.runIf(process.getuid?.() === 0)('remembers its set-up apart from others', async () => {
    const [one, other] = [await openConsole(sim, 500), await openConsole(sim, 501)];
    one.type('mkdir -p /var/lib/pvefleet; echo mine >/var/lib/pvefleet/note; echo wri""tten\r');
    await one.until('written');
    other.type('ls /var/lib/pvefleet; echo "<e""nd>"\r');
    expect(await other.until('<end>')).not.toMatch(/^note/m);
    for (const console of [one, other]) console.close();
  });

  it('takes and gives a megabyte while it is not read', async () => {
    const console = await openConsole(sim, 501);
    console.type("stty raw -echo; echo rea''dy; head -c 1000000 | cat; stty sane; echo do''ne\r");
    await console.until('ready');
    const data = Buffer.alloc(1_000_000, 'x');
    const message = Buffer.concat([Buffer.from(`0:${data.length}:`), data]);
    for (let at = 0; at < message.length; at += 100_000) console.send(message.subarray(at, at + 100_000));
    const text = await console.until('done');
    expect(text.match(/x{1000000}/)).not.toBeNull();
    console.close();
  });

  it('has /run and /var/tmp for itself where the system allows it, else those of the machine', async () => {
    const console = await openConsole(sim, 500);
    console.type('touch /run/pvefleet-test.$$ && ls /run; rm -f /run/pvefleet-test.$$; echo en""d\r');
    expect(await console.until('end')).toMatch(/pvefleet-test\.\d+\r\r\n|Permission denied/);
    expect(readdirSync('/run').filter((name) => name.startsWith('pvefleet-test.'))).toEqual([]);
    console.close();
  });

  it('is ended with everything it started when its container stops', async () => {
    const console = await openConsole(sim, 501);
    console.type(`setsid -f sh -c 'echo "<"$$">"; exec sleep 1000'\r`);
    const pid = Number(/<(\d+)>/.exec(await console.until(/<\d+>/))?.[1]);
    expect(isRunning(pid)).toBe(true);
    await sim.simulator.fetch(
      new Request('https://x/api2/json/nodes/pve1/lxc/501/status/stop', {
        method: 'POST',
        headers: { Authorization: sim.authorization },
      }),
    );
    await console.until('[EOF - dtach terminating]');
    await console.closed;
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

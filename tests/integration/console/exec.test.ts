/** Commands in real shells on real pseudo-terminals, shared as Proxmox VE shares a container's console. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConsoleLostError } from '../../../src/console/errors.ts';
import { resumeCommand } from '../../../src/console/run-command.ts';
import type { Shell } from '../../../src/console/shell.ts';
import { scaledClock, systemClock } from '../../../src/util/clock.ts';
import { run, runOnce, shellOf } from '../../support/console-shell.ts';
import {
  hasBusybox,
  type LocalConsole,
  type LocalConsoleOptions,
  localConsole,
} from '../../support/local-console.ts';

const kinds: readonly (readonly [name: string, options: LocalConsoleOptions])[] = [
  ['bash with a coloured prompt', { env: { PROMPT_COMMAND: 'printf "\\e]0;title\\a"' } }],
  ['sh', { command: ['/bin/sh', '-i'] }],
  ...(hasBusybox ? ([['busybox ash', { busybox: {} }]] as const) : []),
];
const bare: LocalConsoleOptions = { busybox: { without: ['base64', 'od', 'setsid', 'getent'] } };

const open: { consoles: LocalConsole[]; shells: Shell[] } = { consoles: [], shells: [] };
const start = (options: LocalConsoleOptions = {}): LocalConsole => {
  const console = localConsole(options);
  open.consoles.push(console);
  return console;
};
const shellIn = (console: LocalConsole, ...more: [Parameters<typeof shellOf>[1]?]): Shell => {
  const shell = shellOf(console, ...more);
  open.shells.push(shell);
  return shell;
};
afterAll(async () => {
  for (const shell of open.shells.splice(0)) await shell.close();
  for (const console of open.consoles.splice(0)) console.close();
});

/** What runs left behind in the container. */
const remains = ({ places }: LocalConsole): string[] => [
  ...(existsSync(places.runs) ? readdirSync(places.runs) : []),
  ...readdirSync(places.spool),
];
const sh = (script: string): string[] => ['sh', '-c', script];

describe.concurrent.each(kinds)('%s', (_, options) => {
  it('keeps stdout, stderr and the exit code apart, and leaves nothing behind', async () => {
    const console = start(options);
    const result = await runOnce(console, sh('echo out; echo err >&2; exit 7'));
    expect(result).toMatchObject({ exitCode: 7, timedOut: false });
    expect(result.stdout.toString()).toBe('out\n');
    expect(result.stderr.toString()).toBe('err\n');
    expect(remains(console)).toEqual([]);
  });

  // all of them: tests/contract/provision/run-script.test.ts
  it('gives the exit code', async () => {
    const shell = shellIn(start(options));
    for (const code of [0, 1, 124, 128, 255])
      expect((await run(shell, sh(`exit ${code}`))).exitCode).toBe(code);
  });

  it.each([
    ['HUP', 129],
    ['INT', 130],
    ['KILL', 137],
    ['TERM', 143],
  ])('tells signal %s as %i', async (signal, code) => {
    const result = await runOnce(start(options), sh(`kill -${signal} $$`));
    expect([result.exitCode, result.stderr.toString()]).toEqual([code, '']);
  });

  it('brings random bytes in and out unharmed', { timeout: 60_000 }, async () => {
    const data = randomBytes(options.busybox || options.command ? 1_000_000 : 10_000_000);
    const result = await runOnce(start(options), ['cat'], { stdin: [data] });
    expect(result.stdout.equals(data)).toBe(true);
  });

  it('is not confused by control sequences, its own marks among them', async () => {
    const nasty = '\u001b[2J\u001b]0;x\u0007\r\n\u0003\u0004\u0000.\n.\r\npv00<o\n\u009b6n\u001b[?2004h';
    const result = await runOnce(start(options), ['cat'], { stdin: [Buffer.from(nasty)] });
    expect(result.stdout.toString()).toBe(nasty);
  });

  it('gives a program that asks an end of file, and no terminal', async () => {
    const result = await runOnce(start(options), sh('printf "name? "; read x; echo "[$x]"; : </dev/tty'));
    expect(result.stdout.toString()).toBe('name? []\n');
    expect(result.stderr.toString()).toMatch(/\/dev\/tty/);
  });

  it('ends a command whose time is over, and what it has started', { timeout: 30_000 }, async () => {
    const console = start(options);
    const result = await runOnce(console, {
      argv: sh('echo begun; sleep 300 & sleep 300; echo ended'),
      timeoutSeconds: 1,
    });
    expect(result).toMatchObject({ exitCode: 124, timedOut: true });
    expect(result.stdout.toString()).toBe('begun\n');
  });

  it('gives the terminal back as it was', async () => {
    const console = start(options);
    await runOnce(console, ['true']);
    console.type('stty -a\n');
    await expect.poll(() => console.shown()).toMatch(/stty -a.* icanon.* echo /s);
  });

  it('takes words literally and the environment as it was given', async () => {
    const words = ["it's", '$HOME', '`id`', '"x"', '*', '', '-n', 'a\nb', 'ä€😀', '\\', '!'];
    const result = await runOnce(start(options), {
      argv: sh('printf "<%s>" "$@" "$V W"').concat('sh', ...words),
      env: { V: "a 'b' $c" },
    });
    expect(result.stdout.toString()).toBe(`${words.map((word) => `<${word}>`).join('')}<a 'b' $c W>`);
  });
});

describe.concurrent('where a run happens', () => {
  it('starts in the home folder or in the one that was named', async () => {
    const console = start();
    const shell = shellIn(console);
    expect((await run(shell, ['pwd'])).stdout.toString()).toBe(`${join(console.folder, 'home')}\n`);
    expect((await run(shell, { argv: ['pwd'], cwd: '/usr' })).stdout.toString()).toBe('/usr\n');
  });

  it.each([
    ['a folder', { cwd: '/not here' }, 'pvefleet: cannot enter the folder /not here\n'],
    ['a user', { user: 'nobody-of-that-name' }, 'pvefleet: there is no user nobody-of-that-name\n'],
  ])('says that %s is not there', async (_, more, text) => {
    const result = await runOnce(start(), { argv: ['true'], ...more });
    expect([result.exitCode, result.stderr.toString()]).toEqual([126, text]);
  });

  it.runIf(process.getuid?.() === 0)('becomes another user', async () => {
    const shell = shellIn(start());
    const result = await run(shell, { argv: sh('id -un; echo $HOME'), user: 'nobody', cwd: '/' });
    expect(result.stdout.toString()).toMatch(/^nobody\n\/\w+\n$/);
  });

  it('has a clean environment', async () => {
    const result = await runOnce(start({ env: { LEFT_OVER: 'x' } }), ['env']);
    expect(result.stdout.toString()).not.toContain('LEFT_OVER');
    expect(result.stdout.toString()).toMatch(/^PATH=/m);
  });
});

describe.runIf(hasBusybox).concurrent('a container with next to nothing', () => {
  it('works without base64, od and setsid', { timeout: 60_000 }, async () => {
    const shell = shellIn(start(bare));
    const data = randomBytes(30_000);
    const result = await run(shell, ['cat'], { stdin: [data] });
    expect(result.stdout.equals(data)).toBe(true);
    expect((await run(shell, sh('kill -INT $$'))).exitCode).toBe(130);
    expect((await run(shell, sh('cat </dev/tty'))).exitCode).not.toBe(0);
  });

  it('refuses one that cannot make checksums', async () => {
    const console = start({ busybox: { without: ['sha256sum', 'sha1sum', 'md5sum'] } });
    await expect(runOnce(console, ['true'])).rejects.toThrow(/no tool for checksums/);
  });
});

describe.concurrent('a connection that breaks', () => {
  const counting = (file: string): string[] =>
    sh(`echo x >>${file}; head -c 900000 /dev/zero; wc -l <${file}`);

  it.each([300, 700, 5_000, 200_000, 900_000])(
    'while output comes, after %i bytes: the command runs once and nothing is missing',
    { timeout: 30_000 },
    async (bytes) => {
      const console = start();
      const shell = shellIn(console);
      await run(shell, ['true']);
      console.severAfter(bytes);
      const result = await run(shell, counting(join(console.folder, 'count')));
      expect(result.stdout.length).toBe(900_002);
      expect(result.stdout.subarray(-2).toString()).toBe('1\n');
      expect(console.opened).toBeGreaterThan(1);
      expect(remains(console)).toEqual([]);
    },
  );

  it.each([30, 500, 5_000, 200_000, 700_000])(
    'while input goes, after %i bytes: it arrives once',
    { timeout: 40_000 },
    async (bytes) => {
      const console = start();
      const shell = shellIn(console);
      await run(shell, ['true']);
      console.severAfterInput(bytes);
      const data = randomBytes(600_000);
      const result = await run(shell, ['cat'], { stdin: [data] });
      expect(result.stdout.equals(data)).toBe(true);
      expect(console.opened).toBeGreaterThan(1);
    },
  );

  it('outlives the connection, and is found again by its id', { timeout: 30_000 }, async () => {
    const console = start();
    const file = join(console.folder, 'count');
    let isOpen = true;
    const shell = shellIn(console, {
      open: () => (isOpen ? console.open() : Promise.reject(new ConsoleLostError('no route to host'))),
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 200), signal) },
    });
    let id = '';
    const running = run(shell, sh(`echo x >>${file}; sleep 2; wc -l <${file}; exit 3`), {
      onStart: (started) => {
        id = started;
        isOpen = false;
        setTimeout(() => console.sever(), 300);
      },
    });
    await expect(running).rejects.toMatchObject({
      code: 'EXEC_OUTCOME_UNKNOWN',
      hint: expect.stringContaining(`--resume`) as string,
    });
    let output = '';
    const outcome = await resumeCommand(shellIn(console), id, {
      onOutput: (_, bytes) => {
        output += Buffer.from(bytes).toString();
      },
    });
    expect([outcome.exitCode, output]).toEqual([3, '1\n']);
    expect(remains(console)).toEqual([]);
  });

  it('says so when the container was restarted meanwhile', { timeout: 30_000 }, async () => {
    const console = start();
    const shell = shellIn(console);
    const running = run(shell, ['sleep', '20'], {
      onStart: () => {
        setTimeout(() => {
          rmSync(console.places.runs, { recursive: true });
          console.sever();
        }, 300);
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'EXEC_OUTCOME_UNKNOWN' });
  });
});

describe.concurrent('somebody else on the same console', () => {
  it('is refused while another run has it, and has it afterwards', { timeout: 30_000 }, async () => {
    const console = start();
    let begun: () => void = () => undefined;
    const isRunning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = runOnce(console, sh('sleep 2; echo first'), { onStart: () => begun() });
    await isRunning;
    await expect(runOnce(console, ['echo', 'second'])).rejects.toMatchObject({
      code: 'CONSOLE_BUSY',
      message: 'another run of pvefleet is using the console',
    });
    expect((await first).stdout.toString()).toBe('first\n');
    expect((await runOnce(console, ['echo', 'second'])).stdout.toString()).toBe('second\n');
  });

  it('is waited for when that is wanted', { timeout: 40_000 }, async () => {
    const console = start();
    let begun: () => void = () => undefined;
    const isRunning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = runOnce(console, sh('sleep 1; echo first'), { onStart: () => begun() });
    await isRunning;
    const waits: string[] = [];
    const second = await runOnce(console, ['echo', 'second'], {
      shell: { wait: true, onWait: (because) => waits.push(because) },
    });
    expect(second.stdout.toString()).toBe('second\n');
    expect((await first).stdout.toString()).toBe('first\n');
    expect(waits.length).toBeGreaterThan(0);
  });

  it('goes on while a human types, and says that it was disturbed', { timeout: 30_000 }, async () => {
    const console = start();
    const shell = shellIn(console);
    const data = randomBytes(2_000_000);
    await run(shell, ['true']);
    setTimeout(() => console.type('ls -l\n'), 50);
    setTimeout(() => console.type('whoami\n'), 150);
    const result = await run(shell, ['cat'], { stdin: [data] });
    expect(result.stdout.equals(data)).toBe(true);
    expect(shell.wasDisturbed).toBe(true);
  });

  it('comes back after a human pressed Ctrl-C', { timeout: 40_000 }, async () => {
    const console = start();
    const shell = shellIn(console);
    const result = await run(shell, sh('sleep 3; echo survived'), {
      onStart: () => setTimeout(() => console.type('\u0003'), 500),
    });
    expect(result.stdout.toString()).toBe('survived\n');
  });

  it('clears what somebody left half typed', async () => {
    const console = start();
    await console.open();
    await expect.poll(() => console.shown()).toContain('# ');
    console.type(`touch ${join(console.folder, 'typed')} `);
    const result = await runOnce(console, ['echo', 'fine']);
    expect(result.stdout.toString()).toBe('fine\n');
    expect(existsSync(join(console.folder, 'typed'))).toBe(false);
  });

  it('refuses to type into a program that is running there', { timeout: 40_000 }, async () => {
    const console = start();
    await console.open();
    await expect.poll(() => console.shown()).toContain('# ');
    console.type('cat >/dev/null\n');
    await systemClock.sleep(300);
    const shell = { clock: scaledClock(6) };
    await expect(runOnce(console, ['true'], { shell })).rejects.toMatchObject({
      code: 'CONSOLE_NO_SHELL',
      exitCode: 6,
    });
  });

  it.each([
    ['a login prompt', 'printf "Debian GNU/Linux 12 c500 tty1\\n\\nc500 login: "; cat', /'c500 login:'.*/],
    ['a question', 'printf "Do you want to continue? [Y/n] "; cat', /asking something/],
    ['a full-screen program', 'printf "\\033[?1049h\\033[H~\\n~"; cat', /full-screen/],
  ])('types nothing into %s', async (_, script, message) => {
    const console = start({ command: ['/bin/sh', '-c', script] });
    await expect(runOnce(console, ['true'])).rejects.toThrow(message);
    expect(console.shown()).not.toContain('pvefleet');
  });

  it('refuses a console that is written to all the time', { timeout: 20_000 }, async () => {
    const console = start({ command: ['/bin/sh', '-c', 'while :; do echo noise; sleep 0.05; done'] });
    // on a slow machine a pause between two lines may look like the end of the noise
    await expect(runOnce(console, ['true'])).rejects.toMatchObject({ exitCode: 6 });
  });
});

describe.concurrent('an interruption', () => {
  it('ends the command and tells how', { timeout: 20_000 }, async () => {
    const stop = new AbortController();
    const result = await runOnce(
      start(),
      sh('trap "echo told; exit 9" TERM; echo begun; while :; do sleep 0.1; done'),
      {
        interrupt: stop.signal,
        onStart: () => setTimeout(() => stop.abort(new Error('enough')), 400),
      },
    );
    expect([result.exitCode, result.stdout.toString()]).toEqual([9, 'begun\ntold\n']);
  });
});

it('works in twenty containers at once', { timeout: 90_000 }, async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      runOnce(start({ command: ['/bin/sh', '-i'] }), sh(`echo ${n}; exit ${n}`)),
    ),
  );
  expect(results.map(({ exitCode, stdout }) => [exitCode, Number(stdout)])).toEqual(
    Array.from({ length: 20 }, (_, n) => [n, n]),
  );
});

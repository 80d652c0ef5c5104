/** `exec` and `cp` of the built command line against the HTTPS simulator, with real shells behind its consoles. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ExecDocument } from '../../../src/engine/inside/exec.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { type Relay, startRelay } from '../../support/relay.ts';
import { type CliOptions, type CliResult, type CliRun, runCli, startCli } from '../../support/run-cli.ts';

const cwd = mkdtempSync(join(tmpdir(), 'pvefleet-test-'));
let cluster: ConsoleSimulator;
let relay: Relay;
let env: Record<string, string>;

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startConsoleSimulator({ shell: 'real', speed: 400 });
  relay = await startRelay(Number(new URL(cluster.url).port));
  env = { ...cluster.env, PVEFLEET_URL: `https://127.0.0.1:${relay.port}` };
  for (let n = 1; n <= 20; n++)
    await cluster.addContainer(300 + n, { hostname: `student-${n}`, tags: 'class' });
  await cluster.addContainer(401, { hostname: 'plain', cmode: 'tty' });
}, 180_000);
afterAll(async () => {
  await relay.close();
  await cluster.close();
  rmSync(cwd, { recursive: true });
});
afterEach(() => relay.mend());

const run = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { env, cwd, ...options });
const start = (args: readonly string[]): CliRun => startCli(args, { env, cwd });
const sh = (script: string): string[] => ['--', 'sh', '-c', script];
/** What was changed in the cluster since the last call. */
let seen = 0;
const takeWrites = (): string[] => {
  const { journal } = cluster.simulator;
  const fresh = journal.slice(seen);
  seen = journal.length;
  return fresh
    .filter(
      ({ method, path }) => method !== 'GET' && !path.endsWith('/termproxy') && !path.includes('ticket'),
    )
    .map(({ method, path, params }) => `${method} ${path} ${JSON.stringify(params)}`);
};

describe('one container', { timeout: 60_000 }, () => {
  it('passes both streams and the exit code through', async () => {
    const result = await run(['exec', 'student-1', ...sh('printf out; printf err >&2; exit 42')]);
    expect(result).toMatchObject({ code: 42, stdout: 'out', stderr: 'err' });
  });

  it.each([0, 255])('ends with the code %i of its command', async (code) => {
    const result = await run(['exec', 'student-1', ...sh(`exit ${code}`)]);
    expect([result.code, result.stderr]).toEqual([code, '']);
  });

  it('tells in JSON what a code of its own cannot', async () => {
    const result = await run(['exec', '301', '-o', 'json', ...sh('printf "\\377"; kill -9 $$')]);
    expect(result.code).toBe(137);
    expect(result.json<ExecDocument>()).toMatchObject({
      format: 'pvefleet.exec/1',
      containers: [
        {
          vmid: 301,
          name: 'student-1',
          exitCode: 137,
          signal: 'SIGKILL',
          stdout: '/w==',
          stdoutBase64: true,
        },
      ],
    });
  });

  it('gives the command its input, variables, folder and time', async () => {
    const words = ['exec', 'student-1', '--stdin', '--env', 'A=x y', '--cwd', '/usr'];
    const result = await run([...words, ...sh('cat; echo "$A"; pwd')], { input: 'in\n' });
    expect(result.stdout).toBe('in\nx y\n/usr\n');
    const late = await run(['exec', 'student-1', '--timeout', '1', '--', 'sleep', '60']);
    expect([late.code, late.stderr]).toEqual([124, 'The time of the command was over; it was ended.\n']);
  });

  it.each([
    [['exec', 'student-1', 'ls'], 2, /put the command behind --: pvefleet exec student-1 -- ls/],
    [['exec', '--', 'ls'], 2, /exec was not told where/],
    [['exec', 'student-1', '--env', 'secret', '--', 'ls'], 2, /--env takes NAME=VALUE/],
    [['exec', 'nobody', '--', 'ls'], 2, /there is no container 'nobody'/],
    [['exec', 'plain', '--', 'ls'], 6, /login prompt \(cmode tty\)(?:.|\n)*--allow restart/],
    [['exec', 'student-1', '--resume', '0123456789abcdef'], 5, /the run is not there any more/],
  ])('%j fails with %i', async (args, code, message) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stdout).toBe('');
  });

  it('goes on after the connection was cut: once, and with all of its output', async () => {
    const file = join(cwd, 'count');
    const running = start([
      'exec',
      'student-2',
      ...sh(`echo x >>${file}; sleep 4; head -c 300000 /dev/zero | tr '\\0' a; wc -l <${file}`),
    ]);
    await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
    relay.cut();
    setTimeout(() => relay.mend(), 1500);
    const result = await running.done;
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toHaveLength(300_002);
    expect(result.stdout.slice(-2)).toBe('1\n');
    expect(result.stderr).toContain('trying again');
  });

  it('can be left with two Ctrl-C, and found again at once', async () => {
    const file = join(cwd, 'left');
    const running = start([
      'exec',
      'student-3',
      '--events-file',
      'events',
      ...sh(`trap '' TERM; echo x >>${file}; sleep 2; wc -l <${file}; exit 9`),
    ]);
    await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
    running.child.kill('SIGINT');
    await expect.poll(() => readFileSync(join(cwd, 'events'), 'utf8')).toContain('"draining"');
    running.child.kill('SIGINT');
    const left = await running.done;
    expect(left.code).toBe(130);
    const [, id = 'not told'] = /--resume ([0-9a-f]{16})/.exec(left.stderr) ?? [];
    const result = await run(['exec', 'student-3', '--resume', id]);
    expect([result.code, result.stdout], `${left.stderr}\n${result.stderr}`).toEqual([9, '1\n']);
  });

  it('ends the command on Ctrl-C', async () => {
    const file = join(cwd, 'ended');
    const running = start([
      'exec',
      'student-4',
      ...sh(`trap 'echo told >${file}; exit 1' TERM; echo begun; while :; do sleep 0.1; done`),
    ]);
    await expect
      .poll(() => running.child.stdout?.readableEnded === false && existsBegun(running), { timeout: 20_000 })
      .toBe(true);
    running.child.kill('SIGINT');
    const result = await running.done;
    expect(result.code).toBe(130);
    expect(readFileSync(file, 'utf8')).toBe('told\n');
  });
});

const begun = new WeakMap<CliRun, string>();
/** Whether the command's first line has arrived. */
function existsBegun(running: CliRun): boolean {
  if (!begun.has(running)) {
    begun.set(running, '');
    running.child.stdout?.on('data', (text: string) => begun.set(running, (begun.get(running) ?? '') + text));
  }
  return (begun.get(running) ?? '').includes('begun');
}

describe('many containers', { timeout: 90_000 }, () => {
  it('runs in twenty at once, with names in front and a table at the end', async () => {
    const result = await run(['exec', 'student-*', '--parallel', '20', ...sh('echo one; echo two >&2')]);
    expect(result.code, result.stderr).toBe(0);
    for (let n = 1; n <= 20; n++) {
      expect(result.stdout).toContain(`${`student-${n}`.padEnd(10)} | one\n`);
      expect(result.stderr).toContain(`${`student-${n}`.padEnd(10)} | two\n`);
    }
    expect(result.stdout).toMatch(/\nstudent-20 +320 +pve1 +✔ done/);
    expect(result.stdout).toContain('20 containers: 20 done.');
  });

  it('ends with 5 when one fails, and says which', async () => {
    const result = await run(['exec', 'student-1', 'plain', '-o', 'json', '--', 'false']);
    expect(result.code).toBe(5);
    expect(result.json<ExecDocument>()).toMatchObject({
      containers: [
        { name: 'student-1', exitCode: 1 },
        { name: 'plain', exitCode: null, error: { code: 'PLAN_REFUSED' } },
      ],
      summary: { ok: 0, failed: 1, error: 1 },
    });
  });

  it('streams output as events', async () => {
    const result = await run(['exec', '--tag', 'class', 'student-1?', '-o', 'ndjson', '--', 'echo', 'hi']);
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ type }) => type === 'exec.output')).toHaveLength(10);
    expect(lines.at(-1)).toMatchObject({ format: 'pvefleet.exec/1', summary: { ok: 10 } });
  });
});

describe('a console that is no shell', { timeout: 60_000 }, () => {
  const base = '/nodes/pve1/lxc/401';
  it.each([
    ['the work succeeds', ['true'], 0],
    ['the work fails', ['sh', '-c', 'exit 3'], 3],
  ])('is made one, and put back, when %s', async (_, words, code) => {
    // what an earlier case has left: the console is a shell until the next restart
    await run(['restart', 'plain', '--yes']);
    takeWrites();
    const result = await run(['exec', 'plain', '--allow', 'restart', '--', ...words]);
    expect(result.code, result.stderr).toBe(code);
    const writes = takeWrites();
    expect(writes.map((write) => write.replace(base, '').split(' ').slice(0, 2).join(' '))).toEqual([
      'PUT /config',
      'POST /status/reboot',
      'PUT /config',
    ]);
    expect(writes[0]).toContain('"cmode":"shell"');
    expect(writes[2]).toContain('"cmode":"tty"');
    expect(result.stderr).toContain('the console stays a root shell until its next restart');
  });

  it('is put back when the work is interrupted', async () => {
    await run(['restart', 'plain', '--yes']);
    takeWrites();
    const running = start(['exec', 'plain', '--allow', 'restart', ...sh('echo begun; sleep 60')]);
    await expect.poll(() => existsBegun(running), { timeout: 20_000 }).toBe(true);
    running.child.kill('SIGINT');
    expect((await running.done).code).toBe(130);
    expect(takeWrites().at(-1)).toContain('"cmode":"tty"');
  });
});

describe('cp', { timeout: 60_000 }, () => {
  it('brings 10 MB in and out with equal checksums', async () => {
    const data = randomBytes(10_000_000);
    writeFileSync(join(cwd, 'big'), data);
    const there = join(cwd, 'there');
    const into = await run(['cp', 'big', `student-5:${there}`, '-o', 'json']);
    expect(into.code, into.stderr).toBe(0);
    expect(into.json()).toMatchObject({ direction: 'in', files: [{ to: there, bytes: 10_000_000 }] });
    expect(readFileSync(there).equals(data)).toBe(true);
    const out = await run(['cp', `student-5:${there}`, 'back']);
    expect(out.code, out.stderr).toBe(0);
    expect(out.stdout).toMatch(/student-5:\S+there → \S+back {2}9\.5 MiB\nCopied in .*, checksums equal\.\n/);
    expect(readFileSync(join(cwd, 'back')).equals(data)).toBe(true);
  });

  it.each([
    [['cp', 'a', 'b'], /exactly one side/],
    [['cp', 'student-1:/a', 'student-2:/b'], /exactly one side/],
    [['cp', 'student-1:/a'], /needs a source and a target/],
  ])('%j is refused', async (args, message) => {
    const result = await run(args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });

  it('says what is missing', async () => {
    const result = await run(['cp', 'student-1:/not/there', '.']);
    expect([result.code, result.stderr.split('\n').at(-2)]).toEqual([
      5,
      'error: there is no /not/there in the container',
    ]);
  });
});

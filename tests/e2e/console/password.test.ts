/** `password` against the HTTPS simulator, with its scripted shell: a real one would be this machine's. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { type CliOptions, type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
const secret = 'correct horse: $battery "staple"';
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKg1 me@here';
let cluster: ConsoleSimulator;
/** Everything that any run has written. */
let told = '';

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startConsoleSimulator({ shell: 'scripted' });
  await cluster.addContainer(301, { hostname: 'web01' });
}, 180_000);
afterAll(() => cluster.close());

const run = async (args: readonly string[], options: CliOptions = {}): Promise<CliResult> => {
  const result = await runCli(args, { env: cluster.env, cwd, ...options });
  told += result.stdout + result.stderr;
  return result;
};
const inside = async (script: string): Promise<string> =>
  (await run(['exec', 'web01', '--', 'sh', '-c', script])).stdout;

describe('password', { timeout: 60_000 }, () => {
  it('sets it from stdin or a file, and shows it to nobody', async () => {
    const before = await inside('cat /etc/shadow');
    const events = join(cwd, 'events');
    const result = await run(['password', 'web01', '--stdin', '--events-file', events, '-v'], {
      input: `${secret}\n`,
    });
    expect([result.code, result.stdout]).toEqual([0, 'Password of root in web01 set.\n']);
    expect(await inside('cat /etc/shadow')).not.toBe(before);
    writeFileSync(join(cwd, 'pw'), `${secret}2\n`);
    const json = await run(['password', 'web01', '--password-file', 'pw', '-o', 'json']);
    expect(json.json()).toEqual({
      format: 'pvefleet.access/1',
      vmid: 301,
      name: 'web01',
      node: 'pve1',
      user: 'root',
      passwordSet: true,
    });
    const traces = told + readFileSync(events, 'utf8') + JSON.stringify(cluster.simulator.journal);
    expect(traces).not.toContain('battery');
    expect(traces).not.toContain(Buffer.from(secret).toString('base64').slice(0, 20));
    expect(await inside('ls /run/pvefleet /var/tmp')).not.toMatch(/\bin\b/);
  });

  it('makes one and writes it where only you can read it, never over something', async () => {
    const result = await run(['password', 'web01', '--generate', 'made']);
    expect(result.code, result.stderr).toBe(0);
    expect(readFileSync(join(cwd, 'made'), 'utf8')).toMatch(/^[A-Za-z2-9]{20}\n$/);
    expect(statSync(join(cwd, 'made')).mode & 0o777).toBe(0o600);
    expect(told).not.toContain(readFileSync(join(cwd, 'made'), 'utf8').trim());
    expect((await run(['password', 'web01', '--generate', 'made'])).code).toBe(2);
  });

  it('authorises keys once, in a file that sshd accepts', async () => {
    writeFileSync(join(cwd, 'key.pub'), `${key}\n`);
    const first = await run(['password', 'web01', '--ssh-key', 'key.pub']);
    expect([first.code, first.stdout]).toEqual([0, 'SSH keys of root in web01: 1 added.\n']);
    writeFileSync(join(cwd, 'key.pub'), `${key.replace('me@here', 'another comment')}\n`);
    const second = await run(['password', 'web01', '--ssh-key', 'key.pub']);
    expect(second.stdout).toBe('SSH keys of root in web01: 0 added, 1 there already.\n');
    expect(await inside('cat /root/.ssh/authorized_keys')).toBe(`${key}\n`);
    expect(await inside('stat -c %a /root/.ssh /root/.ssh/authorized_keys')).toBe('700\n600\n');
  });

  it.each<[string, string[], CliOptions, number, RegExp]>([
    ['nothing to set', [], {}, 2, /was not told what to set/],
    ['an empty one', ['--stdin'], { input: '\n' }, 2, /empty/],
    ['two lines', ['--stdin'], { input: 'a\nb\n' }, 2, /more than one line/],
    ['two sources', ['--stdin', '--generate', 'x'], { input: 'a' }, 2, /comes from one place/],
    ['a private key', ['--ssh-key', 'private'], {}, 2, /holds a private key/],
    ['an unknown user', ['--stdin', '--user', 'nosuchuser'], { input: 'a\n' }, 5, /nosuchuser/],
  ])('refuses %s', async (_, args, options, code, message) => {
    writeFileSync(join(cwd, 'private'), '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n');
    chmodSync(join(cwd, 'private'), 0o600);
    const result = await run(['password', 'web01', ...args], options);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
  });
});

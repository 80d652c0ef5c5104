/** What only a terminal can do: confirmations, names to type, questions for what flags leave open, the wizard. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { screen } from '@inquirer/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseProfiles } from '../../../src/spec/profile.ts';
import { type FakeHost, fakeHost } from '../../support/fake-host.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runInProcess } from '../../support/in-process.ts';
import { temporaryFolder } from '../../support/run-cli.ts';

let cluster: HttpsSimulator;
const cwd = temporaryFolder();
beforeAll(async () => {
  cluster = await startHttpsSimulator('small', 200);
});
afterAll(() => cluster.close());

const terminal = (env: Record<string, string> = {}, tty = true): FakeHost =>
  fakeHost({ tty, cwd, env: { ...cluster.env, HOME: cwd, ...env } });

/** Waits for a question; clear the screen first when the same one has been asked before. */
async function shown(text: string): Promise<void> {
  while (!screen.getScreen().includes(text)) await screen.next();
}
async function answer(question: string, text: string): Promise<void> {
  await shown(question);
  screen.type(text);
  screen.keypress('enter');
}

function write(...names: string[]): void {
  writeFileSync(
    join(cwd, 'fleet.yaml'),
    [
      'version: 1',
      'fleet: lab',
      'defaults: { node: pve1, template: alpine, memory: 128MiB, rootfs: { storage: local-lvm, size: 1GiB } }',
      'containers:',
      ...names.map((name) => `  ${name}: {}`),
      '',
    ].join('\n'),
  );
}
const hostnames = (): string[] =>
  Object.values(cluster.simulator.state.containers).map((one) => one.config['hostname'] ?? '');

describe('apply', () => {
  it('shows the plan and stops at no', async () => {
    write('web01', 'web02');
    const { host, stderr, stdout } = terminal();
    const run = runInProcess(['apply', '-f', 'fleet.yaml'], host);
    await answer('Carry this out?', 'n');
    expect(await run).toBe(2);
    expect(stderr()).toContain('2 to create');
    expect(stderr()).toContain('stopped: nothing was changed');
    expect(stdout()).toBe('');
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('ends with 130 on Ctrl-C in the question', async () => {
    const { host } = terminal();
    const run = runInProcess(['apply', '-f', 'fleet.yaml'], host);
    await shown('Carry this out?');
    screen.keypress({ name: 'c', ctrl: true });
    expect(await run).toBe(130);
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('goes on at yes', { timeout: 60_000 }, async () => {
    const { host, stdout } = terminal();
    const run = runInProcess(['apply', '-f', 'fleet.yaml'], host);
    await answer('Carry this out?', 'y');
    expect(await run).toBe(0);
    expect(stdout()).toContain('Verified');
    expect(hostnames()).toEqual(['web01', 'web02']);
  });

  it.each([
    ['--no-input', ['--no-input'], {}],
    ['CI', [], { CI: '1' }],
  ])('never asks with %s', async (_, args, env) => {
    write('web01', 'web02', 'web03');
    const { host, stderr } = terminal(env);
    expect(await runInProcess(['apply', '-f', 'fleet.yaml', ...args], host)).toBe(2);
    expect(stderr()).toContain('--yes');
  });

  it('destroys what left the file only when the name of the fleet is typed, --yes or not', {
    timeout: 60_000,
  }, async () => {
    write('web01');
    cluster.takeWrites();
    for (const args of [[], ['--yes']]) {
      screen.clear();
      const { host } = terminal();
      const run = runInProcess(['apply', '-f', 'fleet.yaml', ...args], host);
      await answer('Type lab to go on', '');
      expect(await run).toBe(2);
    }
    expect(cluster.takeWrites()).toEqual([]);
    screen.clear();
    const { host } = terminal();
    const run = runInProcess(['apply', '-f', 'fleet.yaml'], host);
    await answer('This destroys web02 with all data. Type lab to go on', 'lab');
    expect(await run).toBe(0);
    expect(hostnames()).toEqual(['web01']);
  });

  it('asks before a restart, and goes on without it at no', { timeout: 60_000 }, async () => {
    const nameserver = (address: string): void =>
      writeFileSync(
        join(cwd, 'fleet.yaml'),
        readFileSync(join(cwd, 'fleet.yaml'), 'utf8').replace(
          /web01: .*/,
          `web01: { nameserver: ${address} }`,
        ),
      );
    const web = () => Object.values(cluster.simulator.state.containers)[0];
    for (const [reply, address] of [
      ['n', '10.0.0.8'],
      ['y', '10.0.0.9'],
    ] as const) {
      nameserver(address);
      screen.clear();
      const { host } = terminal();
      const run = runInProcess(['apply', '-f', 'fleet.yaml'], host);
      await answer('Restart them as part of this', reply);
      await answer('Carry this out?', 'y');
      expect(await run).toBe(0);
      expect(web()?.config['nameserver']).toBe(reply === 'y' ? address : undefined);
    }
  });

  it('cannot be talked into more than --max-destroy', async () => {
    write();
    writeFileSync(join(cwd, 'fleet.yaml'), 'version: 1\nfleet: lab\ncontainers: {}\n');
    const { host } = terminal();
    expect(await runInProcess(['apply', '-f', 'fleet.yaml', '--max-destroy', '0'], host)).toBe(6);
  });
});

describe('single steps', () => {
  it('ask before a service is interrupted, not before a start', { timeout: 60_000 }, async () => {
    const no = terminal();
    const refused = runInProcess(['stop', 'web01'], no.host);
    await answer('Carry this out?', '');
    expect(await refused).toBe(2);
    const yes = terminal();
    expect(await runInProcess(['stop', 'web01', '--yes'], yes.host)).toBe(0);
    const start = terminal();
    expect(await runInProcess(['start', 'web01'], start.host)).toBe(0);
  });

  it('ask which containers are meant', { timeout: 60_000 }, async () => {
    const { host, stdout } = terminal();
    const run = runInProcess(['shutdown', '--yes'], host);
    await shown('Which containers to shutdown?');
    expect(screen.getScreen()).toContain('web01');
    screen.keypress('space');
    screen.keypress('enter');
    expect(await run).toBe(0);
    expect(stdout()).toContain('Applied');
  });

  it('delete only when the name is typed', { timeout: 60_000 }, async () => {
    const { host } = terminal();
    const run = runInProcess(['delete', 'web01'], host);
    await answer('This destroys web01 with all data. Type web01 to go on', 'web01');
    expect(await run).toBe(0);
    expect(hostnames()).toEqual([]);
  });

  it('create asks for what is not given, and shows the plan before', { timeout: 60_000 }, async () => {
    const { host, stderr } = terminal();
    const run = runInProcess(['create', 'ask01', '--cores', '2', '--memory', '256MiB'], host);
    await shown('Template');
    screen.type('alpine');
    await shown('alpine');
    while (screen.getScreen().includes('debian')) await screen.next();
    screen.keypress('enter');
    await answer('Size of the root disk', '1GiB');
    await answer('IPv4 address', '');
    await answer('Carry this out?', 'y');
    expect(await run).toBe(0);
    expect(stderr()).toContain('1 to create');
    expect(hostnames()).toEqual(['ask01']);
  });
});

describe('init', () => {
  const home = temporaryFolder();
  const wizard = (args: string[] = []): { host: FakeHost; run: Promise<number> } => {
    const host = fakeHost({
      tty: true,
      cwd: home,
      env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config') },
    });
    return { host, run: runInProcess(['init', ...args], host.host) };
  };
  const config = join(home, '.config/pvefleet/config.yaml');

  it('writes nothing when the certificate is not trusted', async () => {
    const { host, run } = wizard();
    await answer('URL of a node', cluster.env['PVEFLEET_URL'] as string);
    await shown(cluster.env['PVEFLEET_FINGERPRINT'] as string);
    screen.keypress('enter');
    expect(await run).toBe(2);
    expect(host.stderr()).toContain('nothing was written');
    expect(existsSync(config)).toBe(false);
  });

  it('proves the connection, asks again for a wrong secret, and writes a private profile and a valid fleet file', {
    timeout: 60_000,
  }, async () => {
    const { host, run } = wizard();
    await answer('URL of a node', cluster.env['PVEFLEET_URL'] as string);
    await answer('Is it the right one?', 'y');
    for (const secret of [
      '00000000-0000-4000-8000-000000000000',
      cluster.env['PVEFLEET_TOKEN_SECRET'] as string,
    ]) {
      await shown('Log in with');
      screen.keypress('enter');
      await answer('Token id', cluster.env['PVEFLEET_TOKEN_ID'] as string);
      await answer('Its secret', secret);
    }
    await answer('Name of this profile', '');
    await answer('Write a first fleet file fleet.yaml?', '');
    await answer('Name of the fleet', '');
    await answer('Name of its first container', 'first01');
    await shown('Template');
    screen.type('alpine');
    while (!screen.getScreen().includes('alpine') || screen.getScreen().includes('debian'))
      await screen.next();
    screen.keypress('enter');
    expect(await run, host.stderr()).toBe(0);
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(host.stdout() + host.stderr()).not.toContain(cluster.env['PVEFLEET_TOKEN_SECRET']);

    const after = fakeHost({ cwd: home, env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config') } });
    expect(await runInProcess(['plan', '-f', 'fleet.yaml'], after.host), after.stderr()).toBe(0);
    expect(after.stdout()).toContain('first01');
  });

  it('adds a second profile, keeps the first, and leaves a fleet file alone', {
    timeout: 60_000,
  }, async () => {
    mkdirSync(home, { recursive: true });
    const before = readFileSync(join(home, 'fleet.yaml'), 'utf8');
    const { run, host } = wizard();
    const { username, password } = cluster.simulator.credentials;
    await answer('URL of a node', cluster.env['PVEFLEET_URL'] as string);
    await answer('Is it the right one?', 'y');
    await shown('Log in with');
    screen.keypress('down');
    screen.keypress('enter');
    await answer('User (user@realm)', username === 'root@pam' ? '' : username);
    await answer('Password', password);
    await answer('Name of this profile', 'byname');
    await answer('Write a first fleet file fleet.yaml?', '');
    await answer('Name of the fleet', '');
    await answer('Name of its first container', '');
    await shown('Template');
    screen.keypress('enter');
    expect(await run).toBe(2);
    expect(host.stderr()).toContain('fleet.yaml is there already and was left as it is');
    expect(readFileSync(join(home, 'fleet.yaml'), 'utf8')).toBe(before);
    const { profiles } = parseProfiles(config, readFileSync(config, 'utf8'));
    expect(profiles?.default).toBe('default');
    expect(profiles?.profiles['byname']).toMatchObject({
      username,
      fingerprint: cluster.env['PVEFLEET_FINGERPRINT'],
    });
    expect(profiles?.profiles['default']?.token?.id).toBe(cluster.env['PVEFLEET_TOKEN_ID']);
  });
});

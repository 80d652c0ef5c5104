/** How the built command line connects: trust, credentials, profiles; everything that fails there ends with 4 and says why. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runCli, startCluster, temporaryFolder } from '../../support/run-cli.ts';

let cluster: HttpsSimulator;
beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster', 200);
}, 180_000);
afterAll(() => cluster.close());

type Env = Record<string, string | undefined>;
const run = (args: readonly string[], env: Env) =>
  runCli(args, { cwd: temporaryFolder(), env: { ...cluster.env, ...env } });
const otherPin = Array.from({ length: 32 }, () => '00').join(':');

describe('the certificate', () => {
  it('that nobody vouches for is refused, with its fingerprint and how to pin it', async () => {
    const { code, stdout, stderr } = await run(['list'], { PVEFLEET_FINGERPRINT: undefined });
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain(cluster.env['PVEFLEET_FINGERPRINT']);
    expect(stderr).toContain('PVEFLEET_FINGERPRINT');
    expect(cluster.simulator.journal).toEqual([]);
  });

  it('that is another one is refused before anything is sent', async () => {
    const { code, json } = await run(['list', '-o', 'json'], { PVEFLEET_FINGERPRINT: otherPin });
    expect(code).toBe(4);
    expect(json()).toMatchObject({
      code: 'PVE_TLS',
      details: { expected: [otherPin], actual: cluster.env['PVEFLEET_FINGERPRINT'] },
    });
    expect(cluster.simulator.journal).toEqual([]);
  });

  it('is trusted by a flag as well', async () => {
    const fingerprint = cluster.env['PVEFLEET_FINGERPRINT'] as string;
    expect(
      await run(['list', '--fingerprint', fingerprint], { PVEFLEET_FINGERPRINT: undefined }),
    ).toMatchObject({ code: 0 });
  });
});

describe('what cannot be reached or does not let us in', () => {
  const table: [name: string, env: Env, code: string][] = [
    ['nobody listens', { PVEFLEET_URL: 'https://127.0.0.1:1' }, 'PVE_CONNECTION'],
    ['a wrong secret', { PVEFLEET_TOKEN_SECRET: '00000000-0000-4000-8000-000000000000' }, 'PVE_AUTH'],
    [
      'a wrong password',
      {
        PVEFLEET_TOKEN_ID: undefined,
        PVEFLEET_TOKEN_SECRET: undefined,
        PVEFLEET_USERNAME: 'root@pam',
        PVEFLEET_PASSWORD: 'wrong',
      },
      'PVE_AUTH',
    ],
  ];
  it.each(table)('%s', async (_, env, code) => {
    const result = await run(['list', '-o', 'json'], env);
    expect(result.code).toBe(4);
    expect(result.json()).toMatchObject({ format: 'pvefleet.error/1', code });
  });

  it('tries the next URL', async () => {
    const result = await run(['list', '-o', 'json'], {
      PVEFLEET_URL: `https://127.0.0.1:1,${cluster.env['PVEFLEET_URL']}`,
    });
    expect(result.code).toBe(0);
  });

  it('names the privilege that is missing', async () => {
    const token = cluster.simulator.state.users['auditor@pve']?.tokens['ro'];
    const result = await run(['api', 'POST', '/pools', 'poolid=x', '-o', 'json'], {
      PVEFLEET_TOKEN_ID: 'auditor@pve!ro',
      PVEFLEET_TOKEN_SECRET: token?.secret,
    });
    expect(result.code).toBe(4);
    expect(result.json()).toMatchObject({
      code: 'PVE_PERMISSION',
      details: { privileges: ['Pool.Allocate'] },
    });
  });
});

describe('credentials', () => {
  it('may be user and password', async () => {
    const { username, password } = cluster.simulator.credentials;
    expect(
      await run(['list'], {
        PVEFLEET_TOKEN_ID: undefined,
        PVEFLEET_TOKEN_SECRET: undefined,
        PVEFLEET_USERNAME: username,
        PVEFLEET_PASSWORD: password,
      }),
    ).toMatchObject({ code: 0 });
  });

  it('come from a profile, its secret from a private file', async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, '.config/pvefleet'), { recursive: true });
    writeFileSync(join(home, 'secret'), `${cluster.env['PVEFLEET_TOKEN_SECRET']}\n`, { mode: 0o600 });
    writeFileSync(
      join(home, '.config/pvefleet/config.yaml'),
      [
        'default: sim',
        'profiles:',
        '  sim:',
        `    url: ${cluster.env['PVEFLEET_URL']}`,
        `    fingerprint: ${cluster.env['PVEFLEET_FINGERPRINT']}`,
        '    token:',
        `      id: ${cluster.env['PVEFLEET_TOKEN_ID']}`,
        `      secret: \${file:${join(home, 'secret')}}`,
        '',
      ].join('\n'),
    );
    expect(await runCli(['list'], { cwd: home })).toMatchObject({ code: 0 });
    expect(await runCli(['list', '--profile', 'sin'], { cwd: home })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean sim?'),
    });
  });
});

describe('doctor', () => {
  it('is content with root', async () => {
    const { code, json, stdout } = await run(['doctor', '-o', 'json'], {});
    expect(code, stdout).toBe(0);
    expect(json()).toMatchObject({ format: 'pvefleet.doctor/1', healthy: true });
  });

  it('says what a fleet needs that this token may not, and the commands that grant it', async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, 'fleet.yaml'),
      'version: 1\nfleet: lab\ncontainers:\n  a: { node: pve1, template: alpine, rootfs: { storage: local-lvm, size: 1GiB }, nets: { eth0: { bridge: vmbr0, ip: dhcp } } }\n',
    );
    const token = cluster.simulator.state.users['auditor@pve']?.tokens['ro'];
    const { code, json, stdout } = await runCli(['doctor', '-f', 'fleet.yaml', '-o', 'json'], {
      cwd,
      env: { ...cluster.env, PVEFLEET_TOKEN_ID: 'auditor@pve!ro', PVEFLEET_TOKEN_SECRET: token?.secret },
    });
    expect(code, stdout).toBe(4);
    expect(json<{ commands: string[] }>().commands.join('\n')).toMatch(/pveum .*VM\.Allocate/s);
  });
});

describe('sim serve', () => {
  it('ends with 0 on SIGTERM and SIGINT, and keeps its state', { timeout: 60_000 }, async () => {
    const state = join(temporaryFolder(), 'state.json');
    const first = await startCluster(['--seed', 'small', '--state', state]);
    const created = await runCli(
      ['create', 'web01', '--template', 'alpine', '--storage', 'local-lvm', '--no-start', '--yes'],
      { env: first.env },
    );
    expect(created.code, created.stderr).toBe(0);
    expect(await first.stop('SIGTERM')).toBe(0);
    const second = await startCluster(['--state', state]);
    const { stdout } = await runCli(['list'], { env: { ...first.env, ...second.env } });
    expect(stdout).toContain('web01');
    expect(await second.stop('SIGINT')).toBe(0);
  });

  it('serves plain http on loopback', async () => {
    const server = await startCluster(['--seed', 'small', '--http']);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(await runCli(['list'], { env: server.env })).toMatchObject({ code: 0 });
    await server.stop();
  });
});

/** Files of the simulated cluster, with the built command line: faults, seeds, journal, state, exports. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListDocument } from '../../../src/engine/list.ts';
import type { JournalEntry, SimState } from '../../../src/simulator/index.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type Cluster, runCli, startCluster, temporaryFolder } from '../../support/run-cli.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
function write(name: string, content: unknown): string {
  writeFileSync(path(name), typeof content === 'string' ? content : JSON.stringify(content));
  return path(name);
}

const fleet = write(
  'lab.yaml',
  [
    'version: 1',
    'fleet: lab',
    'defaults: { node: pve1, template: alpine, memory: 128MiB, rootfs: { storage: local-lvm, size: 1GiB } }',
    'containers:',
    '  web01: { vmid: 201, nets: { eth0: { bridge: vmbr0, ip: 10.0.0.11/24 } }, description: "the door", pool: lab }',
    '  db01: { vmid: 202, mounts: { /srv: { storage: local-lvm, size: 1GiB } } }',
    '  idle01: { vmid: 203, power: stopped }',
    '',
  ].join('\n'),
);

const running: Cluster[] = [];
async function start(...args: string[]): Promise<Cluster> {
  const cluster = await startCluster(['--speed', '60', ...args]);
  running.push(cluster);
  return cluster;
}
beforeAll(ensureBuilt, 180_000);
afterAll(() => Promise.all(running.map((cluster) => cluster.stop('SIGKILL'))));

const cli = (cluster: Cluster, ...args: string[]): ReturnType<typeof runCli> =>
  runCli(args, { env: cluster.env, cwd: folder });

describe('sim serve --faults', () => {
  it('makes things go wrong; the run copes, and the journal tells', { timeout: 60_000 }, async () => {
    const faults = write('faults.json', {
      randomSeed: 3,
      faults: [
        // not the one whose lock times out: that is looked for half a minute
        { fault: 'drop', when: 'after', method: 'POST', path: '/nodes/*/lxc', skip: 1 },
        { fault: 'answer', status: 596, when: 'after', method: 'POST', path: '/nodes/*/lxc/*/status/start' },
        { fault: 'lock-timeout', lock: '*storage-local-lvm' },
      ],
    });
    const journal = path('journal.ndjson');
    const cluster = await start('--seed', 'cluster', '--faults', faults, '--journal', journal);
    const applied = await cli(cluster, 'apply', '-f', fleet, '--yes');
    expect(applied.code, applied.stderr + applied.stdout).toBe(0);
    expect((await cli(cluster, 'verify', '-f', fleet)).code).toBe(0);
    expect(await cluster.stop()).toBe(0);
    const entries = readFileSync(journal, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JournalEntry);
    expect(entries.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(
      entries.map((_, index) => index + 1),
    );
    expect(entries.flatMap(({ faults: struck = [] }) => struck)).toEqual(['drop after', 'answer 596 after']);
    expect(entries.find(({ status }) => status === 0)).toMatchObject({
      method: 'POST',
      template: '/nodes/{node}/lxc',
      authid: cluster.tokenId,
      params: { vmid: expect.stringMatching(/^20\d$/) },
    });
    const text = readFileSync(journal, 'utf8');
    expect(text).not.toContain(cluster.tokenSecret);
    expect(text).not.toContain(cluster.password);
    expect(statSync(journal).mode & 0o777).toBe(0o600);
  });

  it('masks what is secret in the journal, and goes on in the same file', { timeout: 60_000 }, async () => {
    const journal = write('journal2.ndjson', '{"seq":0}\n');
    const cluster = await start('--seed', 'small', '--journal', journal);
    const { username, password, url, fingerprint } = cluster;
    const login = await runCli(['list'], {
      env: {
        PVEFLEET_URL: url,
        PVEFLEET_FINGERPRINT: fingerprint,
        PVEFLEET_USERNAME: username,
        PVEFLEET_PASSWORD: password,
      },
      cwd: folder,
    });
    expect(login.code, login.stderr).toBe(0);
    const [first, ...lines] = readFileSync(journal, 'utf8').trimEnd().split('\n');
    expect(first).toBe('{"seq":0}');
    expect(lines.map((line) => (JSON.parse(line) as JournalEntry).template)).toContain('/access/ticket');
    expect(lines.join('\n')).not.toContain(password);
  });

  const wrong: [name: string, content: unknown, flag: string, want: string[]][] = [
    ['no JSON', 'faults: []', '--faults', ['bad.json is no JSON']],
    ['a list', [], '--faults', ['bad.json is no fault schedule', 'it looks like {"faults"']],
    [
      'an unknown key',
      { faults: [{ fault: 'drop', mehtod: 'PUT' }] },
      '--faults',
      ['faults[0].mehtod', 'did you mean method?'],
    ],
    [
      'an unknown node',
      { faults: [{ fault: 'node-loss', node: 'pve9' }] },
      '--faults',
      ['faults[0].node', 'pve1, pve2, pve3'],
    ],
    [
      'a seed with a wrong fault',
      { base: 'small', faults: [{ fault: 'dropp' }] },
      '--seed',
      ['faults[0].fault', 'did you mean drop?'],
    ],
    [
      'a seed with an unknown key',
      { containers: {}, node: 1 },
      '--seed',
      ['bad.json is no seed: node: there is no such key'],
    ],
    [
      'half a state',
      { format: 'pvefleet.sim-state/1', nodes: {} },
      '--seed',
      ['no sound state', 'containers: is missing'],
    ],
    ['half a saved state', { format: 'pvefleet.sim-state/1' }, '--state', ['no sound state']],
  ];
  it.each(wrong)('refuses %s', async (_, content, flag, want) => {
    const file = write('bad.json', content);
    const { code, stdout, stderr } = await runCli(['sim', 'serve', flag, file], { cwd: folder });
    expect(code, stderr).toBe(2);
    expect(stdout).toBe('');
    for (const text of want) expect(stderr).toContain(text);
  });

  it.each([
    ['--journal', '/nowhere/at/all.ndjson', 'cannot write the journal'],
    ['--faults', 'missing.json', 'cannot read the fault schedule'],
  ])('refuses %s %s', async (flag, file, want) => {
    const { code, stderr } = await runCli(['sim', 'serve', flag, file], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain(want);
  });
});

describe('sim serve --seed FILE', () => {
  it('begins with its containers and its faults', { timeout: 60_000 }, async () => {
    const seed = write('seed.json', {
      base: 'cluster',
      randomSeed: 7,
      containers: { 101: { running: true, config: { hostname: 'old01', memory: 1024 } } },
      faults: [
        {
          fault: 'edit',
          vmid: 101,
          method: 'PUT',
          path: '/nodes/*/lxc/*/config',
          when: 'before',
          set: { cores: 7 },
        },
      ],
    });
    const cluster = await start('--seed', seed);
    const list = (await cli(cluster, 'list', '-o', 'json')).json<ListDocument>();
    expect(list.containers).toMatchObject([{ vmid: 101, name: 'old01', status: 'running', memoryMiB: 1024 }]);
    const resized = await cli(cluster, 'resize', 'old01', '--memory', '2GiB', '--yes');
    expect(resized.code).toBe(5);
    expect(resized.stdout + resized.stderr).toMatch(/somebody changed the container/);
    const after = (await cli(cluster, 'list', '-o', 'json')).json<ListDocument>();
    expect(after.containers).toMatchObject([{ cores: 7, memoryMiB: 1024 }]);
  });
});

describe('sim serve --state FILE', () => {
  it('loses little when it is killed', { timeout: 60_000 }, async () => {
    const state = path('state.json');
    const first = await start('--seed', 'cluster', '--state', state);
    expect((await cli(first, 'apply', '-f', fleet, '--yes')).code).toBe(0);
    // it saves once a second
    await expect
      .poll(() => Object.keys((JSON.parse(readFileSync(state, 'utf8')) as SimState).containers), {
        timeout: 10_000,
      })
      .toEqual(['201', '202', '203']);
    await expect
      .poll(() => (JSON.parse(readFileSync(state, 'utf8')) as SimState).containers[202]?.runtime, {
        timeout: 10_000,
      })
      .toMatchObject({ memoryMiB: 128 });
    await first.stop('SIGKILL');
    const second = await start('--state', state);
    const env = { ...second.env, PVEFLEET_TOKEN_SECRET: first.tokenSecret };
    const plan = await runCli(['plan', '-f', fleet, '--detailed-exitcode'], { env, cwd: folder });
    expect(plan.code, plan.stdout + plan.stderr).toBe(0);
    expect(statSync(state).mode & 0o777).toBe(0o600);
  });
});

describe('sim export', () => {
  let live: Cluster;
  beforeAll(async () => {
    live = await start('--seed', 'cluster');
    const applied = await cli(live, 'apply', '-f', fleet, '--yes');
    if (applied.code !== 0) throw new Error(applied.stderr);
  }, 120_000);

  const steady = (list: ListDocument): unknown =>
    list.containers.map(({ usage: _usage, uptimeSeconds: _uptime, ...row }) => row);

  it('writes a seed on which everything is the same', { timeout: 90_000 }, async () => {
    const exported = await cli(live, 'sim', 'export', '--output-file', 'copy.json');
    expect(exported, exported.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(exported.stdout).toContain(
      'Wrote copy.json: 3 nodes, 3 containers, 0 virtual machines, 4 storages',
    );
    expect(exported.stdout).toContain('pvefleet sim serve --seed copy.json');
    expect(statSync(path('copy.json')).mode & 0o777).toBe(0o600);
    const text = readFileSync(path('copy.json'), 'utf8');
    expect(text).not.toContain(live.tokenSecret);
    expect(text).not.toContain(live.password);

    const copy = await start('--seed', path('copy.json'));
    expect(copy.tokenId).toBe('root@pam!pvefleet');
    expect(copy.tokenSecret).not.toBe(live.tokenSecret);
    const plan = await cli(copy, 'plan', '-f', fleet, '--detailed-exitcode');
    expect(plan.code, plan.stdout + plan.stderr).toBe(0);
    const [before, after] = await Promise.all(
      [live, copy].map(async (cluster) => (await cli(cluster, 'list', '-o', 'json')).json<ListDocument>()),
    );
    expect(steady(after as ListDocument)).toEqual(steady(before as ListDocument));
    // rehearsed there, nothing happens here
    expect((await cli(copy, 'destroy', '-f', fleet, '--yes', '--allow', 'destroy')).code).toBe(0);
    expect((await cli(live, 'verify', '-f', fleet)).code).toBe(0);
  });
});

/** `reset` through the built command line: ten of thirty containers damaged, one command undoes it and touches nobody else. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { loadFleet } from '../../../src/spec/load.ts';
import { ensureBuilt } from '../../support/build.ts';
import { makeEngine } from '../../support/engine.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runHere } from '../../support/in-process.ts';
import { build } from '../../support/lab.ts';
import { type CliResult, runCli, startCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
/** The command itself. */
const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd, env: cluster.env });
/** What comes before and after it. */
const here = (...args: string[]): Promise<CliResult> => runHere(args, { cwd, env: cluster.env });
const fleetFile = (goldenStorage: string, count = 30, inGroup = 10): string => `
version: 1
fleet: class
vmids: { from: 1000, to: 1099 }
defaults: { node: pve1, reset: { strategy: auto } }
containers:
  golden:
    template: alpine
    isTemplate: true
    memory: 64MiB
    swap: 0MiB
    rootfs: { storage: ${goldenStorage}, size: 1GiB }
    nets: { eth0: { bridge: vmbr0, ip: dhcp } }
  a:
    count: ${inGroup}
    name: student-a{nn}
    from: { clone: golden }
    nets: { eth0: { bridge: vmbr1, ip: '10.1.1.{n}/24' } }
    tags: [student, group-a]
  b:
    count: ${count - inGroup}
    name: student-b{nn}
    from: { clone: golden }
    nets: { eth0: { bridge: vmbr1, ip: '10.1.2.{n}/24' } }
    tags: [student, group-b]
`;

const containers = () => Object.values(cluster.simulator.state.containers);
const named = (name: string) => {
  const found = containers().find(({ config }) => config['hostname'] === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};
/** Everything about containers, their volumes and rights that a reset must leave as it was. */
const facts = (vmids: readonly number[]): unknown => {
  const { state } = cluster.simulator;
  return vmids.map((vmid) => {
    const { config, runtime } = state.containers[vmid] ?? {};
    const { net0, hostname, tags } = config ?? {};
    return {
      vmid,
      net0: net0?.split(',').sort(),
      hostname,
      tags,
      runs: runtime != null,
      acls: state.acls.filter(({ path }) => path === `/vms/${vmid}`),
      pools: Object.values(state.pools).flatMap(({ poolid, vms }) => (vms.includes(vmid) ? [poolid] : [])),
      content: Object.values(state.volumes)
        .filter((one) => one.vmid === vmid)
        .map(({ meta }) => meta?.['contentBytes']),
    };
  });
};

function damage(name: string): number {
  const one = named(name);
  one.config['memory'] = '512';
  one.config['tags'] = 'hacked;pvefleet';
  for (const volume of Object.values(cluster.simulator.state.volumes))
    if (volume.vmid === one.vmid) volume.meta = { ...volume.meta, contentBytes: 1 };
  return one.vmid;
}

function fleetOf(text: string): DesiredFleet {
  const { fleet, diagnostics } = loadFleet({ file: 'class.yaml', text, readBlueprint: () => undefined });
  if (!fleet) throw new Error(JSON.stringify(diagnostics));
  return fleet;
}

/** Builds the class on a clock that does not wait, and serves it. */
async function startClass(text: string, speed: number): Promise<void> {
  writeFileSync(join(cwd, 'class.yaml'), text);
  const engine = makeEngine();
  await build(engine, fleetOf(text));
  cluster = await startHttpsSimulator(engine.simulator.state, speed);
}

/** Containers that were written to since the last look. */
const touched = (): number[] => {
  const vmids = cluster.takeWrites().map((one) => Number(/\/(?:lxc|vms)\/(\d+)/.exec(one)?.[1] ?? 0));
  return [...new Set(vmids)].filter(Boolean).sort((a, b) => a - b);
};

beforeAll(async () => {
  await ensureBuilt();
}, 180_000);
afterAll(() => cluster.close());

test.each([
  ['local-lvm', 'rollback'],
  ['shared', 'reclone'],
])(
  'on %s, by %s',
  async (storage, strategy) => {
    await startClass(fleetFile(storage), 200);
    const { state } = cluster.simulator;
    const all = containers().flatMap(({ vmid, config }) => (config['template'] ? [] : [vmid]));
    expect(all).toHaveLength(30);
    for (const vmid of all)
      state.acls.push({
        path: `/vms/${vmid}`,
        type: 'user',
        ugid: 'student@pve',
        roleid: 'PVEVMUser',
        propagate: true,
      });
    const before = facts(all);

    const tens = Array.from({ length: 10 }, (_, index) => `student-a${String(index + 1).padStart(2, '0')}`);
    const damaged = tens.map(damage);
    expect(facts(all)).not.toEqual(before);
    touched();

    const dry = await here(
      'reset',
      '-f',
      'class.yaml',
      ...tens,
      '--dry-run',
      '-o',
      'json',
      '--detailed-exitcode',
    );
    expect(dry.code).toBe(7);
    const { reset } = dry.json<Plan>();
    expect(reset?.containers.map((one) => one.strategy)).toEqual(tens.map(() => strategy));
    const refused = await here('reset', '-f', 'class.yaml', ...tens, '--yes');
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain(
      '10 containers (student-a01, student-a02, student-a03 and 7 more) would lose everything',
    );
    const tooMany = await here(
      'reset',
      '-f',
      'class.yaml',
      ...tens,
      '--yes',
      '--allow',
      'destroy',
      '--max-destroy',
      '9',
    );
    expect(tooMany.code).toBe(6);
    expect(touched()).toEqual([]);

    const done = await cli(
      'reset',
      '-f',
      'class.yaml',
      '--group',
      'A',
      '--yes',
      '--allow',
      'destroy',
      '-o',
      'json',
    );
    expect(done.code, done.stdout + done.stderr).toBe(0);
    const report = done.json<ApplyReport & { verify: VerifyReport }>();
    expect(report.verify).toMatchObject({ converged: true, summary: { applied: 10 } });
    const source = strategy === 'reclone' ? [named('golden').vmid] : [];
    expect(touched()).toEqual([...source, ...damaged].sort((a, b) => a - b));
    expect(facts(all)).toEqual(before);
    expect((await here('verify', '-f', 'class.yaml')).code).toBe(0);
    await cluster.close();
  },
  120_000,
);

test('killed in the middle, and run again', async () => {
  await startClass(fleetFile('shared', 4, 2), 20);
  const { state } = cluster.simulator;
  const all = containers().flatMap(({ vmid, config }) => (config['template'] ? [] : [vmid]));
  for (const vmid of all) {
    state.acls.push({
      path: `/vms/${vmid}`,
      type: 'user',
      ugid: 'student@pve',
      roleid: 'PVEVMUser',
      propagate: true,
    });
    state.pools['lab']?.vms.push(vmid);
  }
  const before = facts(all);
  const args = ['reset', '-f', 'class.yaml', '--all', '--yes', '--allow', 'destroy'];
  const run = startCli(args, { cwd, env: cluster.env });
  await run.waitForStderr('destroy student-a0');
  run.child.kill('SIGKILL');
  await run.done;
  const records = join(cwd, '.local', 'state', 'pvefleet', 'resets');
  expect(readdirSync(records)).toHaveLength(1);
  const again = await cli(...args);
  expect(again.code, again.stdout + again.stderr).toBe(0);
  expect(facts(all)).toEqual(before);
  expect(existsSync(records) ? readdirSync(records) : []).toEqual([]);
}, 120_000);

test.each([
  [['reset'], 2, 'was not told which containers'],
  [['reset', '--all'], 2, '--all needs a fleet file'],
  [['reset', 'student-a01', '--strategy', 'rebuild'], 2, 'needs a fleet file'],
  [['reset', '-f', 'class.yaml', '--all', 'student-a01'], 2, 'exclude each other'],
  [['reset', '-f', 'class.yaml', 'studnt-a01'], 2, 'did you mean student-a01?'],
  [['reset', '--tag', 'nobody'], 2, 'means no container'],
  [
    ['reset', 'student-a01', '--yes', '--allow', 'destroy'],
    6,
    'it cannot be snapshotted: its root disk is on shared (nfs)',
  ],
  [
    ['reset', '-f', 'class.yaml', 'golden', '--yes', '--allow', 'destroy'],
    6,
    'is a template, which never changes',
  ],
])('%j is refused before anything is written', async (args, code, text) => {
  cluster.takeWrites();
  const result = await here(...args);
  expect(result.code, result.stderr).toBe(code);
  expect(result.stderr).toContain(text);
  expect(cluster.takeWrites()).toEqual([]);
});

test('without a file: back to any snapshot of that name', async () => {
  const made = await here(
    'create',
    'single',
    '--vmid',
    '500',
    '--node',
    'pve1',
    '--template',
    'alpine',
    '--storage',
    'local-lvm',
    '--rootfs',
    '1GiB',
    '--bridge',
    'vmbr0',
    '--yes',
  );
  expect(made.code, made.stderr).toBe(0);
  expect((await here('snapshot', 'create', 'single', '--snapshot', 'clean', '--yes')).code).toBe(0);
  const before = facts([500]);
  damage('single');
  expect((await here('reset', 'single', '--yes', '--allow', 'destroy')).code).toBe(6);
  const done = await cli('reset', 'single', '--snapshot', 'clean', '--yes', '--allow', 'destroy');
  expect(done.code, done.stderr).toBe(0);
  expect(facts([500])).toEqual(before);
});

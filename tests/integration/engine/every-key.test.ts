/**
 * Every field is changed alone on the simulated cluster, running and stopped: what the plan predicts is what is seen, and
 * afterwards nothing is left to do. Which fields there are comes from the table that is compared with the schema.
 */
import { describe, expect, test } from 'vitest';
import type {
  DesiredContainer,
  DesiredFirewall,
  DesiredFleet,
  DesiredMount,
  DesiredNet,
} from '../../../src/domain/desired.ts';
import type { Effect } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { importContainers } from '../../../src/engine/import.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { loadFleet } from '../../../src/spec/load.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { allFields, placeFields } from '../../support/every-key.ts';

type Wish = Partial<DesiredContainer>;

/** What a change of the field looks like in a plan, and what it was before. */
interface Row {
  readonly field: string;
  readonly change: string;
  readonly before?: Wish;
  readonly after: Wish;
  readonly effect: Effect;
}

const limits = { cores: 1, memoryMiB: 512, swapMiB: 256 };
const compute = (more: DesiredContainer['compute']): Wish => ({ compute: { ...limits, ...more } });
const rootfs = (more: object): Wish => ({ rootfs: { storage: 'local-lvm', sizeBytes: 4 * GiB, ...more } });
const row = (field: string, effect: Effect, after: Wish, before: Wish = {}, change = field): Row => ({
  field,
  change,
  before,
  after,
  effect,
});
const option = (name: keyof DesiredContainer['options'], effect: Effect, value: unknown): Row =>
  row(name, effect, { options: { [name]: value } });

const net: DesiredNet = { bridge: 'vmbr0', ip: '10.0.0.5/24', ip6: 'fd00::5/64' };
const nets = (more: Partial<DesiredNet>): Wish => ({ nets: { eth0: { ...net, ...more } } });
const netRow = (name: keyof DesiredNet, value: unknown): Row =>
  row(`nets.${name}`, 'live', nets({ [name]: value }), nets({}), 'nets.eth0');

const mount: DesiredMount = { storage: 'local-lvm', sizeBytes: GiB };
const mounts = (more: Partial<DesiredMount>): Wish => ({ mounts: { '/data': { ...mount, ...more } } });
const mountRow = (name: keyof DesiredMount, value: unknown, more: Wish = {}): Row =>
  row(
    `mounts.${name}`,
    'restart',
    { ...mounts({ [name]: value }), ...more },
    { ...mounts({}), ...more },
    'mounts./data',
  );

const deviceRow = (name: string, value: unknown): Row =>
  row(
    `devices.${name}`,
    'restart',
    { devices: { '/dev/fuse': { [name]: value } } },
    { devices: { '/dev/fuse': {} } },
    'devices./dev/fuse',
  );
const featureRow = (name: string, value: unknown): Row =>
  row(`features.${name}`, 'restart', { features: { [name]: value } }, { features: {} }, 'features');
const firewallRow = (name: keyof DesiredFirewall, value: unknown): Row =>
  row(`firewall.${name}`, 'live', { firewall: { [name]: value } });
const privileged: Wish = { unprivileged: false, features: {} };

const rows: readonly Row[] = [
  row('hostname', 'live', { hostname: 'www' }),
  row('memory', 'live', compute({ memoryMiB: 1024 })),
  row('swap', 'live', compute({ swapMiB: 512 })),
  row('cores', 'live', compute({ cores: 2 })),
  row('cpuLimit', 'live', compute({ cpuLimit: 1.5 })),
  row('cpuUnits', 'live', compute({ cpuUnits: 200 })),
  option('onboot', 'live', true),
  option('protection', 'live', true),
  option('startup', 'live', { order: 3, upSeconds: 5, downSeconds: 9 }),
  option('tags', 'live', ['a', 'b']),
  option('description', 'live', 'two\nlines'),
  option('hookscript', 'live', 'local:snippets/hook.pl'),
  option('nameservers', 'restart', ['10.0.0.1']),
  option('searchDomains', 'restart', ['example.org']),
  option('timezone', 'restart', 'UTC'),
  option('cmode', 'restart', 'shell'),
  option('tty', 'restart', 4),
  option('console', 'restart', false),
  option('debug', 'restart', true),
  option('arch', 'restart', 'i386'),
  option('ostype', 'restart', 'unmanaged'),
  option('entrypoint', 'restart', '/sbin/init'),
  option('env', 'restart', { A: '1', B: 'two words' }),
  row('features', 'restart', { features: null }),
  featureRow('nesting', true),
  featureRow('keyctl', true),
  featureRow('fuse', true),
  featureRow('mknod', true),
  featureRow('forceRwSys', true),
  featureRow('mount', ['nfs', 'cifs']),
  row('rootfs', 'live', rootfs({ sizeBytes: 5 * GiB }), {}, 'rootfs.size'),
  row('rootfs.size', 'live', rootfs({ sizeBytes: 6 * GiB })),
  row('rootfs.acl', 'restart', rootfs({ acl: true })),
  row('rootfs.idmap', 'restart', rootfs({ idmap: 'passthrough' })),
  row('rootfs.options', 'restart', rootfs({ options: ['noatime', 'nodev'] })),
  row('rootfs.quota', 'restart', { ...privileged, ...rootfs({ quota: true }) }, privileged),
  row('rootfs.replicate', 'restart', rootfs({ replicate: false })),
  row('rootfs.readOnly', 'restart', rootfs({ readOnly: true })),
  row('rootfs.shared', 'restart', rootfs({ shared: true })),
  row('mounts', 'live', mounts({}), { mounts: {} }, 'mounts./data'),
  row('mounts.size', 'live', mounts({ sizeBytes: 2 * GiB }), mounts({}), 'mounts./data.size'),
  row('mounts.source', 'live', { mounts: { '/srv': { source: '/srv' } } }, { mounts: {} }, 'mounts./srv'),
  mountRow('acl', true),
  mountRow('backup', true),
  mountRow('idmap', 'passthrough'),
  mountRow('keepAttributes', true),
  mountRow('options', ['noexec']),
  mountRow('quota', true, privileged),
  mountRow('replicate', false),
  mountRow('readOnly', true),
  mountRow('shared', true),
  row('nets', 'live', { nets: { eth0: net, eth1: { bridge: 'vmbr0' } } }, nets({}), 'nets.eth1'),
  netRow('bridge', 'vmbr1'),
  netRow('firewall', true),
  netRow('gateway', '10.0.0.1'),
  netRow('gateway6', 'fd00::1'),
  row('nets.hostManaged', 'live', nets({ hostManaged: true }), nets({ hostManaged: false }), 'nets.eth0'),
  netRow('mac', 'BC:24:11:00:00:42'),
  netRow('ip', 'dhcp'),
  netRow('ip6', 'manual'),
  netRow('linkDown', true),
  netRow('mtu', 1400),
  netRow('rateMBps', 12.5),
  netRow('vlan', 7),
  netRow('trunks', [3, 5]),
  row('devices', 'live', { devices: { '/dev/fuse': {} } }, { devices: {} }, 'devices./dev/fuse'),
  deviceRow('mode', '0660'),
  deviceRow('uid', 100),
  deviceRow('gid', 100),
  deviceRow('denyWrite', true),
  row('pool', 'live', { pool: null }, { pool: 'lab' }),
  row('pool', 'live', { pool: 'lab' }),
  row('ha', 'live', { ha: {} }, {}, 'ha.state'),
  row('ha.state', 'live', { ha: { state: 'ignored' } }, { ha: {} }),
  row('ha.maxRestart', 'live', { ha: { maxRestart: 3 } }, { ha: {} }),
  row('ha.maxRelocate', 'live', { ha: { maxRelocate: 3 } }, { ha: {} }),
  row('ha.failback', 'live', { ha: { failback: false } }, { ha: {} }),
  row('ha.comment', 'live', { ha: { comment: 'shop' } }, { ha: {} }),
  firewallRow('enable', true),
  firewallRow('dhcp', true),
  firewallRow('ndp', false),
  firewallRow('radv', true),
  firewallRow('ipFilter', true),
  firewallRow('macFilter', false),
  firewallRow('policyIn', 'ACCEPT'),
  firewallRow('policyOut', 'REJECT'),
  firewallRow('logLevelIn', 'info'),
  firewallRow('logLevelOut', 'warning'),
  firewallRow('rules', [{ type: 'in', action: 'ACCEPT', enable: true, macro: 'SSH', comment: 'admin' }]),
  row('unprivileged', 'recreate', { unprivileged: false, features: null }, { features: null }),
];

const aliases = { 'debian-12': 'debian-12-standard_*' };

/** Features, devices and hook scripts are for root@pam's own ticket only. */
function rootEngine(): TestEngine {
  const engine = makeEngine();
  const { username, password } = engine.simulator.credentials;
  const { volumes } = engine.simulator.state;
  const archive = Object.values(volumes).find(({ volid }) => volid.startsWith('local:vztmpl/'));
  if (!archive) throw new Error('there is no file on local');
  volumes['pve1|local:snippets/hook.pl'] = {
    ...archive,
    node: 'pve1',
    volid: 'local:snippets/hook.pl',
    content: 'snippets',
  };
  return engine.again({ auth: { kind: 'ticket', username, password } });
}
const all = policyOf({ all: true });
const noRestart = { ...all, allow: { ...all.allow, restart: false } };

async function change(row: Row, power: 'running' | 'stopped'): Promise<void> {
  const engine = rootEngine();
  const file = (wish: Wish) => fleet([container('web', { power, ...wish })]);
  const first = await applyPlan(
    engine.context,
    (await makePlan(engine.context, file(row.before ?? {}), all)).plan,
  );
  expect(first.actions.filter(({ result }) => result === 'failed' || result === 'diverged')).toEqual([]);
  await engine.clock.advance(60_000);
  const startedAt = engine.simulator.state.containers[200]?.runtime?.startedAtMs;

  const { plan } = await makePlan(engine.context, file(row.after), noRestart);
  expect(plan.refusals).toEqual([]);
  // a new container has all its values anew
  const predicted = plan.actions
    .filter(({ kind }) => kind !== 'container.create')
    .flatMap(({ changes }) => changes.filter(({ field }) => field === row.change));
  const isDown = power === 'stopped' && row.effect === 'restart';
  expect([...new Set(predicted.map(({ effect }) => effect))]).toEqual([isDown ? 'live' : row.effect]);
  const report = await applyPlan(engine.context, plan);
  expect(report.actions.filter(({ result }) => result !== 'ok' && result !== 'warnings')).toEqual([]);

  await engine.clock.advance(20_000);
  const web = engine.simulator.state.containers[200];
  const waits = Object.keys(web?.pending ?? {}).length + Object.keys(web?.pendingDelete ?? {}).length > 0;
  expect(waits).toBe(!isDown && row.effect === 'restart');
  if (row.effect !== 'recreate') expect(web?.runtime?.startedAtMs).toBe(startedAt);
  expect((await makePlan(engine.context, file(row.after), noRestart)).plan.actions).toEqual([]);
  const found = (await verify(engine.context, file(row.after))).findings;
  expect(found.filter(({ state }) => state !== 'pending')).toEqual([]);
  expect(found.length > 0).toBe(waits);
}

describe('key by key', () => {
  test('no field is left out', () => {
    const tested = [...rows.map(({ field }) => field), ...Object.keys(placeFields)];
    expect(allFields().filter((field) => !tested.includes(field))).toEqual([]);
    expect(tested.filter((field) => !allFields().includes(field))).toEqual([]);
  });

  test.each(rows.map((one) => [one.field, one] as const))('%s of a running container', async (_, one) => {
    await change(one, 'running');
    expect.hasAssertions();
  });

  test.each(rows.map((one) => [one.field, one] as const))('%s of a stopped container', async (_, one) => {
    await change(one, 'stopped');
    expect.hasAssertions();
  });
});

/** Puts one member over another, deeply. */
function merge(below: unknown, above: unknown): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap(below) || !isMap(above)) return above;
  return Object.fromEntries(
    [...new Set([...Object.keys(below), ...Object.keys(above)])].map((key) => [
      key,
      key in above ? merge(below[key], above[key]) : below[key],
    ]),
  );
}

test('a container with every key applies, a second plan is empty, and it is imported equal', async () => {
  const skipped = new Set([
    'protection',
    'features',
    'unprivileged',
    'rootfs.quota',
    'mounts.quota',
    'ha.state',
  ]);
  const wish = rows
    .filter(({ field }) => !skipped.has(field))
    .reduce<unknown>((so, { after }) => merge(so, after), {}) as Wish;
  const web = container('web', {
    ...wish,
    options: { ...wish.options, arch: 'amd64', ostype: 'debian', protection: true },
  });
  // what the other one cannot have at the same time
  const old = container('old', {
    nets: { eth0: { bridge: 'vmbr0', ip: 'dhcp', mac: 'BC:24:11:00:00:43' } },
    ...rootfs({ quota: true }),
    ...mounts({ quota: true }),
    unprivileged: false,
    features: { nesting: true },
    options: { arch: 'amd64', ostype: 'debian' },
    ha: { state: 'ignored' },
  });
  const file = fleet([web, old]);
  const engine = rootEngine();
  const report = await applyPlan(engine.context, (await makePlan(engine.context, file, all)).plan);
  expect(report.actions.filter(({ result }) => result !== 'ok' && result !== 'warnings')).toEqual([]);
  await engine.clock.advance(20_000);
  expect((await makePlan(engine.again().context, file, all)).plan.actions).toEqual([]);
  expect((await verify(engine.context, file)).findings).toEqual([]);

  const { notices, yaml } = await importContainers(engine.context, { names: [] }, { aliases });
  expect(notices).toEqual([]);
  const { fleet: imported } = loadFleet({ file: 'x', text: yaml, aliases, readBlueprint: () => undefined });
  const found = imported?.containers.map(({ origin: _origin, templateName: _name, ...one }) => one);
  const mac = expect.stringMatching(/^BC:24:11:/) as string;
  const { eth1 } = web.nets as { eth1: DesiredNet };
  expect(found).toEqual([
    { ...old, vmid: 200, template: 'debian-12-standard_*' },
    {
      ...web,
      vmid: 201,
      template: 'debian-12-standard_*',
      nets: { ...web.nets, eth1: { ...eth1, mac } },
    },
  ]);
  expect((await makePlan(engine.context, imported as DesiredFleet, all)).plan.actions).toEqual([]);
});

/** Clones, restored backups and templates on the simulated cluster, each followed by an empty plan. */
import { expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan, applySavedPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

type Wish = Partial<DesiredContainer>;

const plan = async (engine: TestEngine, file: DesiredFleet, all = true): Promise<Plan> =>
  (await makePlan(engine.context, file, policyOf({ all }))).plan;

/** Applies, and expects that nothing is left to do. */
async function reach(engine: TestEngine, file: DesiredFleet, all = true): Promise<string[]> {
  const made = await plan(engine, file, all);
  expect(made.refusals).toEqual([]);
  const report = await applyPlan(engine.context, made);
  expect(report.actions.filter(({ result }) => result !== 'ok' && result !== 'warnings')).toEqual([]);
  expect((await plan(engine.again(), file)).actions.map(({ id }) => id)).toEqual([]);
  expect((await verify(engine.context, file)).findings).toEqual([]);
  return report.actions.map(({ id }) => id);
}

const refusals = async (engine: TestEngine, file: DesiredFleet): Promise<string[]> =>
  (await plan(engine, file)).refusals.map(({ code }) => code);

const ct = (engine: TestEngine, name: string) => {
  const found = Object.values(engine.simulator.state.containers).find(
    ({ config }) => config['hostname'] === name,
  );
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};

const golden = (more: Wish = {}): DesiredContainer =>
  container('golden', {
    isTemplate: true,
    power: 'stopped',
    mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } },
    options: { tags: ['base'], onboot: true, description: 'do not touch', timezone: 'UTC' },
    ...more,
  });
const bare: Wish = { template: '', rootfs: {}, compute: {} };
function copy(key: string, more: Wish = {}): DesiredContainer {
  const { nets: _nets, features: _features, ...rest } = container(key);
  return { ...rest, ...bare, from: { clone: 'golden' }, ...more };
}

test('a template and linked clones of it are made in one go', async () => {
  const engine = makeEngine();
  const file = fleet([
    golden(),
    copy('a'),
    copy('b', { compute: { cores: 2, memoryMiB: 1024, swapMiB: 0 }, options: { tags: ['web'] } }),
  ]);
  const ids = await reach(engine, file);
  expect(ids.slice(0, 2)).toEqual(['golden/create', 'golden/template']);
  expect(ct(engine, 'golden').config).toMatchObject({
    template: '1',
    rootfs: expect.stringContaining('base-'),
  });
  const { config } = ct(engine, 'b');
  expect(config).toMatchObject({ cores: '2', memory: '1024', tags: 'pvefleet;web', timezone: 'UTC' });
  expect(config['onboot']).not.toBe('1');
  expect(config['description']).not.toContain('do not touch');
  expect(config['net0']).not.toBe(ct(engine, 'golden').config['net0']);
  expect(ct(engine, 'a').runtime).not.toBeNull();
  const clones = engine.simulator.journal.filter(({ template }) => template.endsWith('/clone'));
  expect(clones.map(({ params }) => params['full'])).toEqual(['0', '0']);
});

test('one clone of a source at a time, without a lock error', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([golden()]));
  const clones = Array.from({ length: 6 }, (_, index) =>
    copy(`c${index}`, { from: { clone: 'golden', full: true } }),
  );
  await reach(engine, fleet([golden(), ...clones]));
  expect(engine.eventsOf('retry')).toEqual([]);
});

test('a full clone differs in storage, size, mounts and nets', async () => {
  const engine = makeEngine();
  const web = copy('web', {
    from: { clone: 'golden', full: true },
    rootfs: { storage: 'local-zfs', sizeBytes: 6 * GiB, options: ['noatime'] },
    mounts: {
      '/data': { storage: 'shared', sizeBytes: 2 * GiB, backup: true },
      '/more': { storage: 'local-lvm', sizeBytes: GiB },
    },
    nets: {
      eth0: { bridge: 'vmbr0', ip: '10.0.0.5/24' },
      eth1: { bridge: 'vmbr0', mac: 'BC:24:11:00:00:77' },
    },
    features: { nesting: true },
    pool: 'lab',
  });
  await reach(engine, fleet([golden(), web]));
  const { config } = ct(engine, 'web');
  expect(config).toMatchObject({
    rootfs: expect.stringMatching(/^local-zfs:subvol-\d+-disk-\d+,mountoptions=noatime,size=6G$/),
    mp0: expect.stringMatching(/^shared:\d+\/vm-\d+-disk-\d+\.raw,mp=\/data,backup=1,size=2G$/),
    mp1: expect.stringContaining('mp=/more'),
    net0: expect.stringContaining('ip=10.0.0.5/24'),
  });
  expect(config['unused0']).toBeUndefined();
  expect(engine.simulator.state.pools['lab']?.vms).toContain(ct(engine, 'web').vmid);
});

test('a mount that the file does not want is detached and kept', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([golden(), copy('web', { mounts: {} })]));
  expect(ct(engine, 'web').config['mp0']).toBeUndefined();
});

test('a clone goes to another node: directly on shared storages, else by a migration', async () => {
  const engine = makeEngine();
  const shared = { rootfs: { storage: 'shared', sizeBytes: 4 * GiB }, mounts: {} };
  const source = (key: string, more: Wish): DesiredContainer => ({ ...golden(more), key, hostname: key });
  const file = fleet([
    source('near', {}),
    source('far', shared),
    copy('one', { node: 'pve2', from: { clone: 'near' } }),
    copy('two', { node: 'pve3', from: { clone: 'far' } }),
  ]);
  const ids = await reach(engine, file);
  expect(ids.filter((id) => id.endsWith('/migrate'))).toEqual(['one/migrate']);
  expect([ct(engine, 'one').node, ct(engine, 'two').node]).toEqual(['pve2', 'pve3']);
});

test('from a snapshot, with the config of that time; also by vmid and from a container of nobody', async () => {
  const engine = makeEngine();
  const live = container('live', { vmid: 250, compute: { cores: 1, memoryMiB: 512, swapMiB: 256 } });
  await reach(engine, fleet([live], { name: 'other' }));
  const { pve } = engine.context;
  const upid = await pve.post('/nodes/{node}/lxc/{vmid}/snapshot', {
    node: 'pve1',
    vmid: 250,
    snapname: 'before',
  });
  await pve.waitTask(upid);
  await pve.put('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: 250, memory: 4096 });
  for (const clone of ['live', '250']) {
    const file = fleet([copy(`copy-${clone}`, { from: { clone, snapshot: 'before' } })]);
    await reach(engine, file);
    expect(ct(engine, `copy-${clone}`).config).toMatchObject({ memory: '512', tags: 'pvefleet' });
  }
});

test('a clone of a clone', async () => {
  const engine = makeEngine();
  const middle = copy('middle', { power: 'stopped', compute: { memoryMiB: 256 } });
  const last = copy('last', { from: { clone: 'middle' }, compute: { memoryMiB: 256, cores: 3 } });
  await reach(engine, fleet([last, middle, golden()]));
  expect(ct(engine, 'last').config).toMatchObject({ memory: '256', cores: '3' });
});

test.each<[string, DesiredContainer[], string]>([
  [
    'a source that does not exist',
    [golden(), copy('a', { from: { clone: 'goldn' } })],
    'CLONE_SOURCE_UNKNOWN',
  ],
  [
    'a source that runs',
    [golden({ isTemplate: false, power: 'running' }), copy('a')],
    'CLONE_SOURCE_RUNNING',
  ],
  [
    'a circle',
    [
      copy('a', { from: { clone: 'b' }, power: 'stopped' }),
      copy('b', { from: { clone: 'a' }, power: 'stopped' }),
    ],
    'CLONE_CYCLE',
  ],
  [
    'a linked clone on another storage',
    [golden(), copy('a', { from: { clone: 'golden', full: false }, rootfs: { storage: 'shared' } })],
    'CLONE_LINKED_PLACE',
  ],
  [
    'a linked clone on nfs',
    [
      golden({ rootfs: { storage: 'shared', sizeBytes: 4 * GiB }, mounts: {} }),
      copy('a', { from: { clone: 'golden', full: false } }),
    ],
    'CLONE_NOT_LINKABLE',
  ],
  ['a smaller disk', [golden(), copy('a', { rootfs: { sizeBytes: GiB } })], 'DISK_SHRINK'],
  ['privileged from unprivileged', [golden(), copy('a', { unprivileged: false })], 'COPY_DIFFERS'],
  [
    'an unknown snapshot',
    [golden(), copy('a', { from: { clone: 'golden', snapshot: 'x1' } })],
    'CLONE_SNAPSHOT_UNKNOWN',
  ],
  ['an unknown backup', [copy('a', { from: { backup: 'local:backup/none.tar.zst' } })], 'BACKUP_UNREADABLE'],
])('is refused before anything is sent: %s', async (_, containers, code) => {
  const engine = makeEngine();
  expect(await refusals(engine, fleet(containers))).toContain(code);
});

test('the firewall of a clone is that of the file, whatever its source had', async () => {
  const engine = makeEngine();
  const rule = (comment: string) => ({ type: 'in' as const, action: 'ACCEPT', enable: true, comment });
  const file = fleet([
    golden({ firewall: { enable: true, rules: [rule('old'), rule('both')] } }),
    copy('a', { firewall: { enable: false, rules: [rule('both'), rule('new')] } }),
    copy('b'),
  ]);
  await reach(engine, file);
  const rules = (name: string): unknown =>
    (
      engine.simulator.state.firewall[`vms/${ct(engine, name).vmid}`] as { rules: { comment: string }[] }
    ).rules.map(({ comment }) => comment);
  expect([rules('golden'), rules('a'), rules('b')]).toEqual([
    ['old', 'both'],
    ['both', 'new'],
    ['old', 'both'],
  ]);
});

test('ids that somebody takes meanwhile: source and clones keep together', async () => {
  const engine = makeEngine();
  const made = await plan(engine, fleet([golden(), copy('a')]));
  const other = engine.again();
  await applyPlan(
    other.context,
    await plan(other, fleet([container('x'), container('y')], { name: 'other' })),
  );
  const report = await applySavedPlan(engine.context, made);
  expect(report.summary).toMatchObject({ failed: 0, skipped: 0, diverged: 0 });
  expect(ct(engine, 'golden').vmid).toBeGreaterThan(201);
  expect(ct(engine, 'a').runtime).not.toBeNull();
});

test.each(['before', 'after'] as const)(
  'a clone whose answer is lost (%s the server acted) is made once',
  async (when) => {
    const engine = makeEngine();
    await reach(engine, fleet([golden()]));
    engine.simulator.faults.onRequest(
      { method: 'POST', path: '/nodes/{node}/lxc/{vmid}/clone' },
      { kind: 'drop', when },
    );
    await reach(engine, fleet([golden(), copy('a')]));
    expect(Object.keys(engine.simulator.state.containers)).toHaveLength(2);
  },
);

test('an interrupted copy is finished by the next apply', async () => {
  const engine = makeEngine({
    onEvent: (event, { drain }) => {
      if (event.type === 'action.done' && event.id === 'a/clone') drain.abort();
    },
  });
  const file = fleet([golden(), copy('a', { compute: { cores: 4 }, options: { onboot: true } })]);
  const report = await applyPlan(engine.context, await plan(engine, file));
  expect(report.interrupted).toBe(true);
  const again = engine.again();
  expect(await reach(again, file)).toEqual(['a/configure:live', 'a/start']);
  expect(ct(engine, 'a').config).toMatchObject({ cores: '4', onboot: '1' });
});

test('a container becomes a template, and stays one', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([golden({ isTemplate: false, power: 'running' })]));
  expect(await reach(engine, fleet([golden()]))).toEqual(['golden/shutdown', 'golden/template']);
  expect(
    await reach(engine, fleet([golden({ compute: { cores: 2, memoryMiB: 512, swapMiB: 256 } })])),
  ).toEqual(['golden/configure:live']);
  expect(await refusals(engine, fleet([golden({ isTemplate: false })]))).toEqual(['CONTAINER_IS_TEMPLATE']);
});

test('a failing conversion is told', async () => {
  const engine = makeEngine();
  engine.simulator.faults.onTask({ type: 'vztemplate' }, { fail: 'no space left' });
  const report = await applyPlan(engine.context, await plan(engine, fleet([golden()])));
  expect(report.actions.at(-1)).toMatchObject({
    id: 'golden/template',
    result: 'failed',
    upid: expect.stringContaining('vztemplate'),
  });
});

async function backupOf(engine: TestEngine, vmid: number): Promise<string> {
  const { pve } = engine.context;
  const upid = await pve.post('/nodes/{node}/vzdump', {
    node: 'pve1',
    vmid: String(vmid),
    storage: 'shared',
    mode: 'stop',
  });
  await pve.waitTask(upid);
  const rows = await pve.get('/nodes/{node}/storage/{storage}/content', {
    node: 'pve1',
    storage: 'shared',
    content: 'backup',
  });
  return rows[0]?.volid as string;
}

test('a backup is restored as another container, and then as the file says', async () => {
  const engine = makeEngine();
  const web = container('web', {
    mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } },
    options: { tags: ['x'], tty: 4, description: 'notes' },
  });
  await reach(engine, fleet([web]));
  const backup = await backupOf(engine, 200);
  const again = copy('again', {
    node: 'pve2',
    from: { backup },
    rootfs: { storage: 'local-zfs', sizeBytes: 5 * GiB },
    mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } },
    nets: { eth0: { bridge: 'vmbr0', ip: '10.0.0.9/24' } },
    options: { tty: null },
  });
  const ids = await reach(engine, fleet([web, again]));
  expect(ids[0]).toBe('again/restore');
  const { config, node, runtime } = ct(engine, 'again');
  expect(node).toBe('pve2');
  expect(runtime).not.toBeNull();
  expect(config).toMatchObject({ tags: 'pvefleet;x', description: expect.stringContaining('notes') });
  expect(config['tty']).toBeUndefined();
  expect(config['rootfs']).toContain('local-zfs:');
  expect(config['mp0']).toContain('local-lvm:');
  expect(/hwaddr=([^,]+)/.exec(config['net0'] ?? '')?.[1]).not.toBe(
    /hwaddr=([^,]+)/.exec(ct(engine, 'web').config['net0'] ?? '')?.[1],
  );
});

test('a deleted container comes back from its backup with its MAC address', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([container('web', { vmid: 220 })]));
  const backup = await backupOf(engine, 220);
  const mac = /hwaddr=([^,]+)/.exec(ct(engine, 'web').config['net0'] ?? '')?.[1];
  await reach(engine, fleet([]));
  await reach(engine, fleet([copy('web', { vmid: 220, from: { backup } })]));
  expect(ct(engine, 'web').config['net0']).toContain(mac);
});

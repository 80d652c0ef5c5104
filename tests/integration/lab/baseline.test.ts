/** Baselines on the simulated cluster: taken once, where that can be, and never asked for more than needed. */
import { expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

const reset = { strategy: 'auto', snapshot: 'baseline' } as const;
const plan = async (engine: TestEngine, file: DesiredFleet): Promise<Plan> =>
  (await makePlan(engine.context, file, policyOf())).plan;
const idsOf = ({ actions }: Plan): string[] => actions.map(({ id }) => id);

/** Applies, and expects that nothing is left to do. */
async function reach(engine: TestEngine, file: DesiredFleet): Promise<string[]> {
  const made = await plan(engine, file);
  expect(made.refusals).toEqual([]);
  const report = await applyPlan(engine.context, made);
  expect(report.actions.filter(({ result }) => result !== 'ok' && result !== 'warnings')).toEqual([]);
  expect(idsOf(await plan(engine.again(), file))).toEqual([]);
  expect((await verify(engine.context, file)).findings).toEqual([]);
  return idsOf(made);
}

const ct = (engine: TestEngine, vmid: number) => {
  const found = engine.simulator.state.containers[vmid];
  if (!found) throw new Error(`there is no ${vmid}`);
  return found;
};
const asked = (engine: TestEngine): number =>
  engine.requests().filter((one) => one === 'GET /nodes/{node}/lxc/{vmid}/snapshot').length;

test.each<[string, Partial<DesiredContainer>, string[]]>([
  [
    'at rest, on a storage whose file systems guard against two mounts',
    {},
    ['a/create', 'a/start', 'a/shutdown:baseline', 'a/snapshot:baseline', 'a/start:again'],
  ],
  [
    'running, on ZFS',
    { rootfs: { storage: 'local-zfs', sizeBytes: GiB } },
    ['a/create', 'a/start', 'a/snapshot:baseline'],
  ],
  ['of a container that does not run', { power: 'stopped' }, ['a/create', 'a/snapshot:baseline']],
])('a baseline is taken %s', async (_, more, ids) => {
  const engine = makeEngine();
  const file = fleet([container('a', { reset, ...more })]);
  expect(await reach(engine, file)).toEqual(ids);
  expect(Object.values(ct(engine, 200).snapshots)).toMatchObject([
    { name: 'baseline', description: expect.stringContaining('baseline of lab/a') },
  ]);
  expect(ct(engine, 200).runtime === null).toBe(more.power === 'stopped');
});

test('those who depend on a container wait until it is up and ready for good', async () => {
  const engine = makeEngine();
  const ready = { timeoutSeconds: 60, checks: [{ kind: 'address', interface: 'eth0' }] } as const;
  const file = fleet([container('db', { reset, ready }), container('web', { reset, dependsOn: ['db'] })]);
  const made = await plan(engine, file);
  const ids = idsOf(made);
  expect(ids.slice(0, ids.indexOf('web/start'))).toEqual(
    expect.arrayContaining(['db/ready', 'db/shutdown:baseline', 'db/start:again', 'db/ready:again']),
  );
  await reach(engine, file);
});

test.each<[string, Partial<DesiredContainer>, string]>([
  ['a plain storage', { rootfs: { storage: 'shared', sizeBytes: GiB } }, 'its root disk is on shared (nfs)'],
  [
    'one plain storage among others',
    { mounts: { '/data': { storage: 'shared', sizeBytes: GiB } } },
    '/data is on shared (nfs)',
  ],
])('%s has no baselines, which is told once for all', async (_, more, why) => {
  const engine = makeEngine();
  const file = fleet(many(5, { reset, ...more }));
  const { notices, actions } = await plan(engine, file);
  expect(notices.filter(({ code }) => code === 'NO_BASELINE')).toMatchObject([
    {
      message: `ct1, ct2, ct3 and 2 more: no baseline snapshot can be taken (${why}), so a reset will make it anew`,
    },
  ]);
  expect(actions.some(({ kind }) => kind === 'snapshot.create')).toBe(false);
  await reach(engine, file);
  // nor is it asked for ever after
  expect(asked(engine)).toBe(0);
});

test('a rollback that can never be is refused before anything is made', async () => {
  const engine = makeEngine();
  const rollback = { strategy: 'rollback', snapshot: 'baseline' } as const;
  const file = fleet([container('a', { reset: rollback, rootfs: { storage: 'shared', sizeBytes: GiB } })]);
  expect((await plan(engine, file)).refusals).toMatchObject([
    {
      code: 'BASELINE_IMPOSSIBLE',
      message:
        'a: it is to be reset by a rollback, and cannot be snapshotted: its root disk is on shared (nfs)',
    },
  ]);
});

test('an existing container gets its baseline; one that follows from it is not asked', async () => {
  const engine = makeEngine();
  await reach(engine, fleet(many(3)));
  const file = fleet(many(3, { reset }));
  expect(await reach(engine, file)).toEqual([1, 2, 3].map((n) => `ct${n}/snapshot:baseline`));
  const again = engine.again();
  const before = asked(again);
  expect(idsOf(await plan(again, file))).toEqual([]);
  expect(asked(again)).toBe(before);
});

test('another snapshot does not hide that the baseline is there, or not', async () => {
  const engine = makeEngine();
  const file = fleet([container('a', { reset })]);
  await reach(engine, file);
  const take = async (snapname: string): Promise<void> => {
    const { pve } = engine.context;
    await pve.waitTask(
      await pve.post('/nodes/{node}/lxc/{vmid}/snapshot', { node: 'pve1', vmid: 200, snapname }),
    );
  };
  await take('exam');
  expect(idsOf(await plan(engine, file))).toEqual([]);
  expect(ct(engine, 200).config['parent']).toBe('exam');
  const other = fleet([container('a', { reset: { ...reset, snapshot: 'second' } })]);
  expect(await reach(engine, other)).toEqual(['a/snapshot:second']);
});

test('with --snapshot-first only the safeguard is asked about', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([container('a')]));
  const file = fleet([container('a', { reset, options: { timezone: 'UTC' } }), container('b', { reset })]);
  const { plan: made } = await makePlan(engine.context, file, policyOf({ snapshotFirst: true }));
  expect(made.refusals).toEqual([]);
  expect(idsOf(made).filter((id) => id.includes('/snapshot:'))).toEqual([
    expect.stringMatching(/^a\/snapshot:before-/),
    'a/snapshot:baseline',
    'b/snapshot:baseline',
  ]);
});

test('a template has no baseline, and its clones have one that tells where they come from', async () => {
  const engine = makeEngine();
  const golden = container('golden', { reset, isTemplate: true, power: 'stopped' });
  const copy = container('a', {
    reset,
    template: '',
    rootfs: {},
    compute: {},
    from: { clone: 'golden' },
  });
  await reach(engine, fleet([golden, copy]));
  expect(ct(engine, 201).snapshots).toEqual({});
  expect(Object.values(ct(engine, 200).snapshots)).toMatchObject([
    { description: expect.stringContaining('baseline of lab/a, made from golden') },
  ]);
});

test('a container with snapshots of others does not become a template', async () => {
  const engine = makeEngine();
  await reach(engine, fleet([container('a', { reset })]));
  const { pve } = engine.context;
  const upid = await pve.post('/nodes/{node}/lxc/{vmid}/snapshot', {
    node: 'pve1',
    vmid: 200,
    snapname: 'exam',
  });
  await pve.waitTask(upid);
  const file = fleet([container('a', { reset, isTemplate: true, power: 'stopped' })]);
  expect((await plan(engine, file)).refusals).toMatchObject([
    {
      code: 'TEMPLATE_SNAPSHOTS',
      message: 'a: container 200 has snapshots (exam), so it cannot become a template',
    },
  ]);
  await pve.waitTask(
    await pve.delete('/nodes/{node}/lxc/{vmid}/snapshot/{snapname}', {
      node: 'pve1',
      vmid: 200,
      snapname: 'exam',
    }),
  );
  expect(await reach(engine, file)).toEqual(['a/shutdown', 'a/snapshot:delete', 'a/template']);
});

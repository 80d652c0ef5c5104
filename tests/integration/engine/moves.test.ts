/** Moves on the simulated cluster: carried out, proved, and followed by an empty plan. */
import { expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { applyPlan, applySavedPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

type Wish = Partial<DesiredContainer>;

async function apply(engine: TestEngine, wish: Wish, all = false): Promise<ApplyReport> {
  const { plan } = await makePlan(engine.context, fleet([container('web01', wish)]), policyOf({ all }));
  return applyPlan(engine.context, plan);
}

const outcome = (report: ApplyReport): Record<string, string> =>
  Object.fromEntries(
    report.actions.map(({ id, result, error }) => [id, error ? `${result}: ${error.message}` : result]),
  );

async function expectSettled(engine: TestEngine, wish: Wish): Promise<void> {
  const file = fleet([container('web01', wish)]);
  const { plan } = await makePlan(engine.again().context, file, policyOf());
  expect(plan.actions.map(({ id }) => id)).toEqual([]);
  expect((await verify(engine.context, file)).findings).toEqual([]);
}

const web = (engine: TestEngine) => {
  const found = engine.simulator.state.containers[200];
  if (!found) throw new Error('container 200 is gone');
  return found;
};

test.each<[string, Wish]>([
  ['a running container', {}],
  ['a stopped container', { power: 'stopped' }],
  ['a running container on a shared storage', { rootfs: { storage: 'shared', sizeBytes: 4 * GiB } }],
])('%s goes to another node', async (_, wish) => {
  const engine = makeEngine();
  await apply(engine, wish);
  const wasRunning = web(engine).runtime !== null;
  const there = { ...wish, node: 'pve2' };
  const report = await apply(engine, there, true);
  expect(outcome(report)).toEqual({ 'web01/migrate': 'ok', 'web01/configure:mark': 'ok' });
  expect(web(engine).node).toBe('pve2');
  expect(web(engine).runtime !== null).toBe(wasRunning);
  await expectSettled(engine, there);
});

test('a move by somebody is followed, also when the file changes otherwise; a change of the node is not forgotten', async () => {
  const engine = makeEngine();
  await apply(engine, { power: 'stopped' });
  web(engine).node = 'pve2';
  const { volumes } = engine.simulator.state;
  for (const [name, volume] of Object.entries(volumes))
    if (volume.vmid === 200) {
      delete volumes[name];
      volumes[`pve2|${volume.volid}`] = { ...volume, node: 'pve2' };
    }
  await expectSettled(engine, { power: 'stopped' });
  const wish: Wish = { power: 'stopped', compute: { cores: 2, memoryMiB: 512, swapMiB: 256 } };
  expect(outcome(await apply(engine, wish))).toEqual({ 'web01/configure:live': 'ok' });
  expect(web(engine)).toMatchObject({ node: 'pve2', config: { cores: '2' } });
});

test('without permission a running container stays, and verify says what waits', async () => {
  const engine = makeEngine();
  await apply(engine, {});
  expect((await apply(engine, { node: 'pve2' })).actions).toEqual([]);
  const report = await verify(engine.context, fleet([container('web01', { node: 'pve2' })]));
  expect(report).toMatchObject({
    converged: false,
    findings: [{ field: 'node', state: 'pending', expected: 'pve2', actual: 'pve1' }],
    summary: { pending: 1, diverged: 0 },
  });
});

test('a migration that fails is tried again by the next apply', async () => {
  const engine = makeEngine();
  await apply(engine, {});
  engine.simulator.faults.onTask({ type: 'vzmigrate' }, { fail: 'migration aborted' });
  const wish: Wish = { node: 'pve2', compute: { cores: 2, memoryMiB: 512, swapMiB: 256 } };
  const failed = await apply(engine, wish, true);
  expect(outcome(failed)).toMatchObject({
    'web01/configure:live': 'ok',
    'web01/migrate': expect.stringContaining('failed'),
    'web01/configure:mark': expect.stringContaining('skipped'),
  });
  expect(outcome(await apply(engine, wish, true))).toEqual({
    'web01/migrate': 'ok',
    'web01/configure:mark': 'ok',
  });
  await expectSettled(engine, wish);
});

test('a container of HA is moved by its manager', async () => {
  const engine = makeEngine();
  await apply(engine, {});
  engine.simulator.state.haResources['ct:200'] = { state: 'started' };
  await engine.clock.advance(20_000);
  const report = await apply(engine, { node: 'pve3' }, true);
  expect(outcome(report)).toEqual({ 'web01/migrate': 'ok', 'web01/configure:mark': 'ok' });
  expect(report.actions[0]?.upid).toContain(':hamigrate:');
  expect(web(engine)).toMatchObject({ node: 'pve3' });
  expect(web(engine).runtime).not.toBeNull();
  await expectSettled(engine, { node: 'pve3' });
});

test('disks go to another storage while the container is down, and keep what they are', async () => {
  const engine = makeEngine();
  const mounts = { '/data': { storage: 'local-lvm', sizeBytes: GiB } };
  await apply(engine, { mounts });
  const wish: Wish = {
    rootfs: { storage: 'local-zfs', sizeBytes: 5 * GiB },
    mounts: { '/data': { storage: 'shared', sizeBytes: 2 * GiB, backup: true } },
    options: { tty: 4 },
  };
  const report = await apply(engine, wish, true);
  expect(Object.keys(outcome(report))).toEqual([
    'web01/shutdown',
    'web01/resize:rootfs',
    'web01/resize:mp0',
    'web01/configure:live',
    'web01/move:rootfs',
    'web01/move:mp0',
    'web01/start',
  ]);
  expect(report.summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
  const { config, runtime } = web(engine);
  expect(config['rootfs']).toMatch(/^local-zfs:subvol-200-disk-0,size=5G$/);
  expect(config['mp0']).toMatch(/^shared:200\/vm-200-disk-0\.raw,mp=\/data,backup=1,size=2G$/);
  expect(config['unused0']).toBeUndefined(); // destroy was allowed
  expect(config['tty']).toBe('4');
  expect(runtime).not.toBeNull();
  await expectSettled(engine, wish);
});

test('without permission to destroy, the old volume is kept', async () => {
  const engine = makeEngine();
  await apply(engine, { power: 'stopped' });
  const wish: Wish = { power: 'stopped', rootfs: { storage: 'shared', sizeBytes: 4 * GiB } };
  expect(outcome(await apply(engine, wish))).toEqual({ 'web01/move:rootfs': 'ok' });
  expect(web(engine).config['unused0']).toBe('local-lvm:vm-200-disk-0');
  await expectSettled(engine, wish);
});

test('to another node and another storage in one go', async () => {
  const engine = makeEngine();
  await apply(engine, { rootfs: { storage: 'local-zfs', sizeBytes: 4 * GiB } });
  const wish: Wish = { node: 'pve3', rootfs: { storage: 'local-lvm', sizeBytes: 4 * GiB } };
  expect(outcome(await apply(engine, wish, true))).toEqual({
    'web01/migrate': 'ok',
    'web01/configure:mark': 'ok',
  });
  expect(web(engine)).toMatchObject({
    node: 'pve3',
    config: { rootfs: 'local-lvm:vm-200-disk-0,size=4G' },
  });
  await expectSettled(engine, wish);
});

test('a saved plan with a move fits until somebody else moves the container', async () => {
  const engine = makeEngine();
  await apply(engine, { power: 'stopped' });
  const file = fleet([container('web01', { node: 'pve2' })]);
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applySavedPlan(engine.again().context, plan);
  expect(Object.keys(outcome(report))).toEqual(['web01/migrate', 'web01/configure:mark', 'web01/start']);
  await expect(applySavedPlan(engine.again().context, plan)).rejects.toMatchObject({ code: 'PLAN_REFUSED' });
});

test('a linked clone that cannot leave its template is not sent away', async () => {
  const engine = makeEngine();
  const golden = container('golden', {
    isTemplate: true,
    power: 'stopped',
    rootfs: { storage: 'local-zfs', sizeBytes: 4 * GiB },
  });
  const wish: Wish = { power: 'stopped', template: '', rootfs: {}, from: { clone: 'golden' } };
  const file = (more: Wish = {}) => fleet([golden, container('web01', { ...wish, ...more })]);
  const all = policyOf({ all: true });
  await applyPlan(engine.context, (await makePlan(engine.context, file(), all)).plan);
  const { plan } = await makePlan(engine.context, file({ node: 'pve2' }), all);
  expect(plan.refusals).toMatchObject([
    {
      code: 'MIGRATE_LINKED',
      message:
        'web01: rootfs is a linked clone of basevol-200-disk-0 on local-zfs, so container 201 cannot go to pve2',
    },
  ]);
  // the server would have tried, and given up
  const report = await applyPlan(engine.context, { ...plan, refusals: [] });
  expect(report.actions[0]).toMatchObject({
    result: 'failed',
    log: expect.arrayContaining([expect.stringContaining("clone of 'basevol-200-disk-0'")]) as string[],
  });
});

test('a lost answer to a migration is looked up, not repeated', async () => {
  const engine = makeEngine();
  await apply(engine, { power: 'stopped' });
  engine.simulator.faults.onRequest(
    { method: 'POST', path: '/nodes/{node}/lxc/{vmid}/migrate' },
    { kind: 'drop', when: 'after' },
  );
  const report = await apply(engine, { power: 'stopped', node: 'pve2' });
  expect(outcome(report)).toEqual({ 'web01/migrate': 'ok', 'web01/configure:mark': 'ok' });
  expect(engine.requests({ writes: true }).filter((line) => line.endsWith('/migrate'))).toHaveLength(1);
});

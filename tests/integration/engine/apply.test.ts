import { expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan, assertApplied } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

async function applyFleet(engine: TestEngine, file: DesiredFleet, all = false): Promise<ApplyReport> {
  const { plan } = await makePlan(engine.context, file, policyOf({ all }));
  return applyPlan(engine.context, plan);
}

const results = (report: ApplyReport): Record<string, string> =>
  Object.fromEntries(report.actions.map(({ id, result }) => [id, result]));

test('creates and starts containers; a second plan finds nothing to do', async () => {
  const engine = makeEngine();
  const file = fleet([
    container('web01'),
    container('db01', { compute: { cores: 2, memoryMiB: 1024, swapMiB: 0 } }),
  ]);
  const report = await applyFleet(engine, file);
  expect(results(report)).toEqual({
    'db01/create': 'ok',
    'db01/start': 'ok',
    'web01/create': 'ok',
    'web01/start': 'ok',
  });
  expect(() => assertApplied(report)).not.toThrow();
  const { containers } = engine.simulator.state;
  expect(
    Object.values(containers).map(({ config, runtime }) => [config['hostname'], runtime !== null]),
  ).toEqual([
    ['db01', true],
    ['web01', true],
  ]);
  expect(containers[200]?.config).toMatchObject({
    memory: '1024',
    cores: '2',
    unprivileged: '1',
    tags: 'pvefleet',
  });

  const second = await makePlan(engine.again().context, file, policyOf());
  expect(second.plan.actions).toEqual([]);
  expect(second.plan.inSync).toEqual(['db01', 'web01']);
  expect(await verify(engine.context, file)).toMatchObject({ converged: true, summary: { applied: 2 } });
});

test('downloads a template once, with progress, before the containers that need it', async () => {
  const engine = makeEngine();
  const file = fleet([container('a', { template: 'debian-13' }), container('b', { template: 'debian-13' })]);
  const report = await applyFleet(engine, file);
  expect(report.summary).toMatchObject({ ok: 5 });
  expect(engine.requests({ writes: true }).filter((line) => line.includes('aplinfo'))).toHaveLength(1);
  const percents = engine.eventsOf('task.progress').map(({ percent }) => percent);
  expect(percents.length).toBeGreaterThan(1);
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
});

test('changes limits of a running container without restarting it', async () => {
  const engine = makeEngine();
  await applyFleet(engine, fleet([container('web01')]));
  await engine.clock.advance(60_000);
  const startedAt = engine.simulator.state.containers[200]?.runtime?.startedAtMs;
  const bigger = fleet([
    container('web01', {
      compute: { cores: 2, memoryMiB: 2048, swapMiB: 512, cpuLimit: 1.5 },
      rootfs: { storage: 'local-lvm', sizeBytes: 6 * GiB },
    }),
  ]);
  const report = await applyFleet(engine, bigger);
  expect(results(report)).toEqual({ 'web01/configure:live': 'ok', 'web01/resize:rootfs': 'ok' });
  expect(engine.simulator.state.containers[200]?.runtime).toMatchObject({
    memoryMiB: 2048,
    swapMiB: 512,
    startedAtMs: startedAt,
  });
  expect(await verify(engine.context, bigger)).toMatchObject({ converged: true });
});

test('finds drift and repairs it', async () => {
  const engine = makeEngine();
  const file = fleet([container('web01')]);
  await applyFleet(engine, file);
  const drifted = engine.simulator.state.containers[200];
  if (drifted) drifted.config['memory'] = '4096';
  expect(await verify(engine.context, file)).toMatchObject({
    converged: false,
    findings: [{ field: 'memory' }],
  });
  expect(results(await applyFleet(engine, file))).toEqual({ 'web01/configure:live': 'ok' });
  expect(await verify(engine.context, file)).toMatchObject({ converged: true });
});

test('prunes only what the fleet owns, and only when allowed', async () => {
  const engine = makeEngine();
  await applyFleet(engine, fleet([container('web01'), container('web02')]));
  await applyFleet(engine, fleet([container('other')], { name: 'elsewhere', vmids: { from: 400, to: 410 } }));
  const less = fleet([container('web01')]);
  const refused = await makePlan(engine.context, less, policyOf());
  await expect(applyPlan(engine.context, refused.plan)).rejects.toMatchObject({
    code: 'PLAN_REFUSED',
    exitCode: 6,
  });
  const report = await applyFleet(engine, less, true);
  expect(report.summary).toMatchObject({ failed: 0, skipped: 0 });
  expect(Object.keys(engine.simulator.state.containers)).toEqual(['200', '400']);
});

test('a failed task fails its container alone, skips what depends on it, and is made good by the next apply', async () => {
  const engine = makeEngine();
  engine.simulator.faults.onTask(
    { type: 'vzcreate', id: '201' },
    { fail: 'unable to create CT 201 - no space left' },
  );
  const file = fleet(many(3));
  const report = await applyFleet(engine, file);
  expect(results(report)).toEqual({
    'ct1/create': 'ok',
    'ct1/start': 'ok',
    'ct2/create': 'failed',
    'ct2/start': 'skipped',
    'ct3/create': 'ok',
    'ct3/start': 'ok',
  });
  const failed = report.actions.find(({ id }) => id === 'ct2/create');
  expect(failed?.error).toMatchObject({ code: 'TASK_FAILED' });
  expect(failed?.error?.message).toContain('no space left');
  expect(failed?.log?.join('\n')).toContain('no space left');
  expect(() => assertApplied(report)).toThrow(expect.objectContaining({ code: 'APPLY_FAILED', exitCode: 5 }));

  const rest = await makePlan(engine.context, file, policyOf());
  expect(rest.plan.actions.map(({ id }) => id)).toEqual(['ct2/create', 'ct2/start']);
  expect((await applyPlan(engine.context, rest.plan)).summary).toMatchObject({ ok: 2, failed: 0 });
});

test('warnings of a task are shown and are no failure', async () => {
  const engine = makeEngine();
  const report = await applyFleet(engine, fleet([container('web01', { features: {} })]));
  const create = report.actions.find(({ id }) => id === 'web01/create');
  expect(create).toMatchObject({ result: 'warnings', warnings: 1 });
  expect(create?.log?.join('\n')).toContain('nesting');
  expect(() => assertApplied(report)).not.toThrow();
});

test('destroys a running container that the plan stops first', async () => {
  const engine = makeEngine();
  await applyFleet(engine, fleet([container('web01')]));
  const report = await applyFleet(engine, fleet([]), true);
  expect(report.summary.failed).toBe(0);
  expect(engine.simulator.state.containers).toEqual({});
});

test('with fail-fast nothing new starts after the first failure', async () => {
  const engine = makeEngine({ limits: { actions: 1 } });
  engine.simulator.faults.onTask({ type: 'vzcreate', id: '200' }, { fail: 'broken' });
  const { plan } = await makePlan(engine.context, fleet(many(3)), policyOf());
  const report = await applyPlan(engine.context, plan, { failFast: true });
  expect(report.summary).toMatchObject({ failed: 1, skipped: 5, ok: 0 });
  expect(engine.requests({ writes: true })).toEqual(['POST /nodes/{node}/lxc']);
});

test('a secret that cannot be resolved stops the run before anything is written', async () => {
  const engine = makeEngine({ resolveSecret: () => Promise.reject(new Error('no such secret')) });
  const file = fleet([container('a'), container('b', { access: { password: { $secret: 'env:NOPE' } } })]);
  const { plan } = await makePlan(engine.context, file, policyOf());
  await expect(applyPlan(engine.context, plan)).rejects.toThrow('no such secret');
  expect(engine.requests({ writes: true })).toEqual([]);
});

test('secrets reach the server and nothing else', async () => {
  const engine = makeEngine({ resolveSecret: () => Promise.resolve('hunter2-very-secret') });
  const file = fleet([container('web01', { access: { password: { $secret: 'env:PASSWORD' } } })]);
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(report.summary.ok).toBe(2);
  expect(JSON.stringify([plan, report, engine.events])).not.toContain('hunter2');
  const create = engine.simulator.journal.find(
    ({ method, template }) => method === 'POST' && template === '/nodes/{node}/lxc',
  );
  expect(create?.params['password']).toBe('********');
});

/** What can go wrong between a plan and its end: races, lost connections, locks, quorum. */
import { expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

async function planOf(engine: TestEngine, file: DesiredFleet): Promise<Plan> {
  return (await makePlan(engine.context, file, policyOf())).plan;
}

async function applied(engine: TestEngine, file: DesiredFleet): Promise<ApplyReport> {
  return applyPlan(engine.context, await planOf(engine, file));
}

const resultsOf = (report: ApplyReport): Record<string, string> =>
  Object.fromEntries(report.actions.map(({ id, result }) => [id, result]));

const hostnames = (engine: TestEngine): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.values(engine.simulator.state.containers).map(({ vmid, config }) => [vmid, config['hostname']]),
  );

/** Somebody else's container. */
async function foreign(engine: TestEngine, vmid: number, hostname = `foreign${vmid}`): Promise<void> {
  const { plan } = await makePlan(
    engine.again().context,
    fleet([container(hostname, { vmid, power: 'stopped' })], { name: 'theirs' }),
    policyOf(),
  );
  await applyPlan(engine.again().context, plan);
}

const creates = (engine: TestEngine): number =>
  engine.requests({ writes: true }).filter((line) => line === 'POST /nodes/{node}/lxc').length;

test('takes the next free id when somebody was faster, and goes on with it', async () => {
  const engine = makeEngine();
  const file = fleet(many(2));
  const plan = await planOf(engine, file);
  await foreign(engine, 200);
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ ok: 4, failed: 0 });
  expect(engine.eventsOf('action.vmid')).toMatchObject([{ id: 'ct1/create', from: 200, to: 202 }]);
  expect(hostnames(engine)).toEqual({ 200: 'foreign200', 201: 'ct2', 202: 'ct1' });
  expect(report.actions.find(({ id }) => id === 'ct1/start')?.vmid).toBe(202);
  expect(await verify(engine.context, file)).toMatchObject({ converged: true });
});

test('an id that the file fixes is a conflict when somebody was faster', async () => {
  const engine = makeEngine();
  const plan = await planOf(
    engine,
    fleet([container('web01', { vmid: 250 }), container('web02', { vmid: 251 })]),
  );
  await foreign(engine, 250);
  const report = await applyPlan(engine.context, plan);
  expect(resultsOf(report)).toMatchObject({
    'web01/create': 'failed',
    'web01/start': 'skipped',
    'web02/create': 'ok',
  });
  expect(report.actions[0]?.error).toMatchObject({ code: 'PVE_CONFLICT' });
  expect(hostnames(engine)[250]).toBe('foreign250');
});

test('two runs of the same fleet do not make a container twice', async () => {
  const engine = makeEngine();
  const file = fleet(many(2));
  const plan = await planOf(engine, file);
  await applied(engine.again(), file);
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ ok: 0, failed: 2, skipped: 2 });
  expect(report.actions[0]?.error).toMatchObject({ code: 'PLAN_STALE' });
  expect(hostnames(engine)).toEqual({ 200: 'ct1', 201: 'ct2' });
});

test.each([
  ['after the server has acted', 'after'],
  ['before the server has acted', 'before'],
] as const)('a connection lost %s does not create a container twice', async (_, when) => {
  const engine = makeEngine();
  engine.simulator.faults.onRequest({ method: 'POST', path: '/nodes/{node}/lxc' }, { kind: 'drop', when });
  const report = await applied(engine, fleet([container('web01')]));
  expect(report.summary).toMatchObject({ ok: 2, failed: 0 });
  expect(hostnames(engine)).toEqual({ 200: 'web01' });
  // a request that is dropped before the server has acted does not reach its journal
  expect(creates(engine)).toBe(1);
});

test.each([
  ['written', 'after', 1],
  ['not written', 'before', 2],
] as const)('a 596 on a config that was %s is read back', async (_, when, puts) => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01')]));
  engine.simulator.faults.onRequest(
    { method: 'PUT', path: '/nodes/{node}/lxc/{vmid}/config' },
    { kind: 'answer', status: 596, reason: 'Connection timed out', when },
  );
  const bigger = fleet([container('web01', { compute: { cores: 1, memoryMiB: 1024, swapMiB: 256 } })]);
  const report = await applied(engine, bigger);
  expect(resultsOf(report)).toEqual({ 'web01/configure:live': 'ok' });
  expect(engine.requests({ writes: true }).filter((line) => line.startsWith('PUT'))).toHaveLength(puts);
  expect(await verify(engine.context, bigger)).toMatchObject({ converged: true });
});

test.each(['after', 'before'] as const)(
  'a start whose answer is lost (%s the effect) is found or repeated',
  async (when) => {
    const engine = makeEngine();
    engine.simulator.faults.onRequest(
      { method: 'POST', path: '/nodes/{node}/lxc/{vmid}/status/start' },
      { kind: 'drop', when },
    );
    const report = await applied(engine, fleet([container('web01')]));
    expect(report.summary).toMatchObject({ ok: 2 });
    expect(engine.simulator.state.containers[200]?.runtime).not.toBeNull();
  },
);

test('a container that somebody changed since the plan is not overwritten', async () => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01')]));
  const plan = await planOf(
    engine,
    fleet([container('web01', { compute: { cores: 3, memoryMiB: 512, swapMiB: 256 } })]),
  );
  await engine
    .again()
    .context.pve.put('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: 200, cores: 7 });
  const report = await applyPlan(engine.context, plan);
  expect(report.actions[0]).toMatchObject({ result: 'failed', error: { code: 'PVE_CONFLICT' } });
  expect(report.actions[0]?.error?.hint).toMatch(/plan/);
  expect(engine.simulator.state.containers[200]?.config['cores']).toBe('7');
});

test('a container that somebody changed since the plan is not destroyed', async () => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01', { power: 'stopped' })]));
  const { plan } = await makePlan(engine.context, fleet([]), policyOf({ all: true }));
  await engine
    .again()
    .context.pve.put('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: 200, onboot: true });
  const report = await applyPlan(engine.context, plan);
  expect(report.actions.at(-1)).toMatchObject({ result: 'failed', error: { code: 'PLAN_STALE' } });
  expect(hostnames(engine)).toEqual({ 200: 'web01' });
});

test('waits for a lock that passes', async () => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01', { power: 'stopped' })]));
  const { plan } = await makeVerbPlan(engine.context, 'start', [200], policyOf());
  const ct = engine.simulator.state.containers[200];
  if (ct) ct.config['lock'] = 'backup';
  const run = applyPlan(engine.context, plan);
  const unlocked = engine.clock.sleep(20_000).then(() => {
    if (ct) delete ct.config['lock'];
  });
  const [report] = await Promise.all([run, unlocked]);
  expect(report.summary).toMatchObject({ ok: 1 });
  expect(engine.eventsOf('retry').some(({ because }) => because.includes('backup'))).toBe(true);
});

test('gives up on a lock that stays, and says how to remove it', async () => {
  const engine = makeEngine({ limits: { lockWaitMs: 30_000 } });
  await applied(engine, fleet([container('web01', { power: 'stopped' })]));
  const { plan } = await makeVerbPlan(engine.context, 'start', [200], policyOf());
  const ct = engine.simulator.state.containers[200];
  if (ct) ct.config['lock'] = 'backup';
  const before = engine.clock.now();
  const report = await applyPlan(engine.context, plan);
  expect(report.actions[0]).toMatchObject({ result: 'failed' });
  expect(report.actions[0]?.error?.hint).toContain('pct unlock');
  expect(engine.clock.now() - before).toBeLessThan(120_000);
});

test('without quorum everything else is left out', async () => {
  const engine = makeEngine({ limits: { actions: 1 } });
  const plan = await planOf(engine, fleet(many(3)));
  engine.simulator.state.quorate = false;
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ failed: 1, skipped: 5 });
  expect(report.actions[0]?.error).toMatchObject({ code: 'PVE_NO_QUORUM' });
  expect(creates(engine)).toBe(1);
});

test('a container that runs already counts as unchanged', async () => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01', { power: 'stopped' })]));
  const { plan } = await makeVerbPlan(engine.context, 'start', [200], policyOf());
  await applyPlan(engine.again().context, plan);
  const report = await applyPlan(engine.context, plan);
  expect(resultsOf(report)).toEqual({ 'web01/start': 'unchanged' });
});

test('a start whose task finds the container running already counts as unchanged', async () => {
  const engine = makeEngine();
  await applied(engine, fleet([container('web01', { power: 'stopped' })]));
  const { plan } = await makeVerbPlan(engine.context, 'start', [200], policyOf());
  await applyPlan(engine.again().context, plan);
  engine.simulator.faults.onRequest(
    { method: 'POST', path: '/nodes/{node}/lxc/{vmid}/status/start' },
    { kind: 'answer', status: 500, reason: 'CT 200 already running' },
  );
  expect(resultsOf(await applyPlan(engine.context, plan))).toEqual({ 'web01/start': 'unchanged' });
  const ct = engine.simulator.state.containers[200];
  if (ct) ct.runtime = null;
  engine.simulator.faults.onTask({ type: 'vzstart' }, { fail: 'CT 200 already running' });
  const report = await applyPlan(engine.context, plan);
  // the effect is looked at nevertheless
  expect(report.actions).toMatchObject([{ result: 'diverged', error: { code: 'DIVERGED' } }]);
});

test('refused credentials end the run instead of failing action after action', async () => {
  const engine = makeEngine({ limits: { actions: 1 } });
  const plan = await planOf(engine, fleet(many(3)));
  engine.simulator.faults.onRequest(
    { method: 'POST', times: 99 },
    { kind: 'answer', status: 401, reason: 'Authentication failed!' },
  );
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ failed: 1, skipped: 5 });
});

test('a node that cannot be reached for some seconds is asked again', async () => {
  const engine = makeEngine();
  const plan = await planOf(engine, fleet([container('web01', { power: 'stopped' })]));
  engine.simulator.faults.onRequest(
    { method: 'POST', times: 6 },
    { kind: 'answer', status: 595, reason: 'No route to host' },
  );
  expect((await applyPlan(engine.context, plan)).summary).toMatchObject({ ok: 1 });
});

test('what a failed creation leaves on the server is told, and not touched', async () => {
  const engine = makeEngine();
  const { state } = engine.simulator;
  engine.simulator.faults.onTask(
    { type: 'vzcreate', id: '200' },
    { fail: 'the node has no power', when: 'before' },
  );
  const report = await applied(engine, fleet([container('web01')]));
  expect(state.containers[200]?.config['lock']).toBe('create');
  expect(report.actions[0]?.error?.hint).toContain('pct unlock 200 && pct destroy 200');
  const again = await applied(engine, fleet([container('web01')]));
  expect(again.summary.failed).toBe(0);
  expect(Object.keys(state.containers)).toEqual(['200', '201']);
});

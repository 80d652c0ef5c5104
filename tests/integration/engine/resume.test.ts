/** A run that was cut off and comes back: what it left on the server is found and awaited, not done again. */
import { expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeDestroyPlan, makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import {
  container,
  type EngineOptions,
  fleet,
  makeEngine,
  many,
  policyOf,
  type TestEngine,
} from '../../support/engine.ts';

const file = fleet(many(2));

/** Applies until that many tasks of a kind have begun, and is gone then. */
async function cutOff(type: string, count: number, options: EngineOptions = {}): Promise<TestEngine> {
  let seen = 0;
  const engine = makeEngine({
    ...options,
    onEvent: (event, { drain, detach }) => {
      if (event.type !== 'task.start' || !event.upid.includes(`:${type}:`)) return;
      seen += 1;
      if (seen < count) return;
      drain.abort(new Error('interrupted'));
      detach.abort(new Error('detached'));
    },
  });
  const { plan } = await makePlan(engine.context, file, policyOf());
  await applyPlan(engine.context, plan);
  return engine;
}

const notices = (engine: TestEngine): string[] =>
  engine.eventsOf('notice').map(({ diagnostic }) => diagnostic.code);

test('containers that are still being created are awaited, not created a second time', async () => {
  const first = await cutOff('vzcreate', 2);
  expect(Object.values(first.simulator.state.containers).map(({ config }) => config['lock'])).toEqual([
    'create',
    'create',
  ]);
  const second = first.again();
  const { plan } = await makePlan(second.context, file, policyOf());
  expect(notices(second)).toEqual(['TASK_RUNNING', 'TASK_RUNNING']);
  expect(plan.actions.map(({ id }) => id)).toEqual(['ct1/start', 'ct2/start']);
  await applyPlan(second.context, plan);
  expect(Object.keys(first.simulator.state.containers)).toEqual(['200', '201']);
  expect(await verify(second.context, file)).toMatchObject({ converged: true });
});

test('somebody who comes back with another token is the same person', async () => {
  const first = await cutOff('vzcreate', 2);
  const { username, password } = first.simulator.credentials;
  const second = first.again({ auth: { kind: 'ticket', username, password } });
  const { plan } = await makePlan(second.context, file, policyOf());
  expect(plan.summary).toMatchObject({ create: 0 });
});

test('containers that are still being started are awaited, not started again', async () => {
  const first = await cutOff('vzstart', 2);
  const second = first.again();
  expect((await makePlan(second.context, file, policyOf())).plan.actions).toEqual([]);
});

test('a fleet that is destroyed while it is created is destroyed as a whole', async () => {
  const first = await cutOff('vzcreate', 2);
  const second = first.again();
  const { plan } = await makeDestroyPlan(second.context, 'lab', policyOf({ all: true }));
  await applyPlan(second.context, plan);
  expect(first.simulator.state.containers).toEqual({});
});

test('a template that is still being downloaded is awaited, not downloaded again', async () => {
  const elsewhere = fleet([container('web01', { node: 'pve2', power: 'stopped' })]);
  const first = makeEngine({
    onEvent: (event, { drain, detach }) => {
      if (event.type !== 'task.start') return;
      drain.abort(new Error('interrupted'));
      detach.abort(new Error('detached'));
    },
  });
  await applyPlan(first.context, (await makePlan(first.context, elsewhere, policyOf())).plan);
  const second = first.again();
  const report = await applyPlan(
    second.context,
    (await makePlan(second.context, elsewhere, policyOf())).plan,
  );
  expect(report.summary).toMatchObject({ ok: 2, failed: 0 });
  const downloads = Object.values(first.simulator.state.tasks).filter(({ type }) => type === 'download');
  expect(downloads).toHaveLength(1);
});

test('tasks of others are not waited for', async () => {
  const first = await cutOff('vzcreate', 2, {
    auth: { kind: 'ticket', username: 'automation@pve', password: 'automation-password' },
  });
  const second = first.again();
  await makePlan(second.context, fleet([container('web01')], { name: 'web' }), policyOf());
  expect(notices(second)).toEqual([]);
});

test('an interrupt ends the waiting', async () => {
  const first = await cutOff('vzcreate', 2);
  const second = first.again({
    onEvent: (event, { drain }) => {
      if (event.type === 'notice' && event.diagnostic.code === 'TASK_RUNNING')
        drain.abort(new Error('interrupted'));
    },
  });
  const before = second.clock.now();
  await makePlan(second.context, file, policyOf());
  expect(second.clock.now() - before).toBeLessThan(1_000);
});

test.each([
  ['is not in the list yet', undefined],
  ['has the name of one that is being created', 'CT200'],
])('a fresh container that %s and lost its tag is not created again', async (_, name) => {
  const engine = makeEngine();
  await applyPlan(engine.context, (await makePlan(engine.context, file, policyOf())).plan);
  const { state } = engine.simulator;
  delete state.containers[200]?.config['tags'];
  // what the nodes tell each other is up to ten seconds old
  const atMs = Math.floor(engine.clock.now() / 10_000) * 10_000;
  state.broadcast = {
    atMs,
    storages: {},
    guests: name === undefined ? {} : { 200: { name, status: 'stopped' } },
  };
  const { plan } = await makePlan(engine.again().context, file, policyOf());
  expect(plan.summary).toMatchObject({ create: 0 });
});

test('a creation whose answer was lost is found among the finished tasks of our token', async () => {
  const engine = makeEngine();
  engine.simulator.faults.onRequest(
    { method: 'POST', path: '/nodes/{node}/lxc' },
    { kind: 'answer', status: 502, reason: 'Bad Gateway', when: 'after' },
  );
  engine.simulator.faults.onTask({ type: 'vzcreate' }, { warn: 'smells' });
  const one = fleet([container('web01', { power: 'stopped' })]);
  const report = await applyPlan(engine.context, (await makePlan(engine.context, one, policyOf())).plan);
  expect(report.actions).toMatchObject([{ result: 'warnings', warnings: 1 }]);
  expect(engine.requests({ writes: true })).toEqual(['POST /nodes/{node}/lxc']);
});

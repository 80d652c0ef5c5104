import { expect, test } from 'vitest';
import { applyPlan, assertApplied } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { fleet, makeEngine, many, policyOf } from '../../support/engine.ts';

test('the first interrupt lets running actions end, leaves the rest, and a second apply finishes', async () => {
  const file = fleet(many(6));
  const engine = makeEngine({
    limits: { actions: 2, actionsPerNode: 2 },
    onEvent: (event, { drain }) => {
      if (event.type === 'action.done' && event.id === 'ct1/create') drain.abort(new Error('interrupted'));
    },
  });
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(report).toMatchObject({ interrupted: true, runningUpids: [] });
  const done = (kind: string): number =>
    report.actions.filter((action) => action.kind === kind && action.result === 'ok').length;
  const [created, started] = [done('container.create'), done('container.start')];
  // two at once: the other one may have come a step or two further
  expect(created).toBeLessThan(4);
  expect(report.summary).toMatchObject({ skipped: 12 - created - started, failed: 0, indeterminate: 0 });
  expect(report.actions.at(-1)?.error).toMatchObject({ code: 'INTERRUPTED' });
  expect(() => assertApplied(report)).toThrow(expect.objectContaining({ exitCode: 130, stage: 'draining' }));

  const next = engine.again();
  const rest = await makePlan(next.context, file, policyOf());
  expect(rest.plan.summary).toMatchObject({ create: 6 - created, update: created - started });
  const second = await applyPlan(next.context, rest.plan);
  expect(second.summary).toMatchObject({ ok: 12 - created - started });
  expect(await verify(next.context, file)).toMatchObject({ converged: true, summary: { applied: 6 } });
});

test('the second interrupt stops waiting at once and names the tasks that go on', async () => {
  const file = fleet(many(3));
  const engine = makeEngine({
    onEvent: (event, { detach, drain, eventsOf }) => {
      if (event.type !== 'task.start' || eventsOf('task.start').length < 3) return;
      drain.abort(new Error('interrupted'));
      detach.abort(new Error('detached'));
    },
  });
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(report.interrupted).toBe(true);
  expect(report.summary).toMatchObject({ indeterminate: 3, skipped: 3 });
  expect(report.runningUpids).toHaveLength(3);
  expect(report.runningUpids.every((upid) => upid.includes(':vzcreate:'))).toBe(true);
  expect(() => assertApplied(report)).toThrow(
    expect.objectContaining({ exitCode: 130, stage: 'detached', runningUpids: report.runningUpids }),
  );

  await engine.clock.advance(60_000);
  await engine.simulator.settle();
  const next = engine.again();
  const rest = await makePlan(next.context, file, policyOf());
  expect(rest.plan.actions.map(({ kind }) => kind)).toEqual(Array(3).fill('container.start'));
  expect((await applyPlan(next.context, rest.plan)).summary).toMatchObject({ ok: 3 });
});

test('an apply right after a detached one waits for its tasks and creates nothing twice', async () => {
  const file = fleet(many(3));
  const engine = makeEngine({
    onEvent: (event, { detach, drain, eventsOf }) => {
      if (event.type !== 'task.start' || eventsOf('task.start').length < 3) return;
      drain.abort(new Error('interrupted'));
      detach.abort(new Error('detached'));
    },
  });
  const first = await makePlan(engine.context, file, policyOf());
  expect((await applyPlan(engine.context, first.plan)).runningUpids).toHaveLength(3);
  const next = engine.again();
  const rest = await makePlan(next.context, file, policyOf());
  expect(rest.plan.actions.map(({ kind }) => kind)).toEqual(Array(3).fill('container.start'));
  expect((await applyPlan(next.context, rest.plan)).summary).toMatchObject({ ok: 3 });
  expect(Object.keys(engine.simulator.state.containers)).toHaveLength(3);
});

test('an interrupt while observing ends with the reason of the signal', async () => {
  const engine = makeEngine({
    onEvent: (event, { detach }) => {
      if (event.type === 'observe.start') detach.abort(new Error('stop'));
    },
  });
  await expect(makePlan(engine.context, fleet(many(1)), policyOf())).rejects.toThrow('stop');
});

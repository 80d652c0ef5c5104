/** Whole classes: how long, how many requests, no lock error, and never more than a few containers gone at once. */
import { expect, test } from 'vitest';
import type { TickPlan } from '../../../src/domain/lab/plan-tick.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeResetPlan, proveReset } from '../../../src/engine/lab/reset.ts';
import { makeTickPlan } from '../../../src/engine/lab/tick.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import {
  auto,
  build,
  classOf,
  cloned,
  ct,
  damage,
  golden,
  isDamaged,
  student,
  troubles,
} from '../../support/lab.ts';

const everything = policyOf({ all: true });
const lockTexts = (engine: TestEngine): string[] => engine.eventsOf('retry').map(({ because }) => because);
const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `student-${String(index + 1).padStart(3, '0')}`);

/** This machine's time, not that of the simulation. */
const timeout = 300_000;

test('300 students on one node are rolled back by a tick in under five minutes, without a lock error; the next finds nothing', {
  timeout,
}, async () => {
  const engine = makeEngine();
  const daily = { do: 'reset', days: [0, 1, 2, 3, 4, 5, 6], minutes: 60 } as const;
  const schedule = { zone: 'UTC', holidays: [], classes: [], actions: [daily], graceMs: 60 * 60_000 };
  const file = fleet(
    numbered(300).map((key) => student(key, { schedule })),
    { vmids: { from: 1000, to: 1999 } },
  );
  const made = await makePlan(engine.context, file, everything);
  expect(troubles(await applyPlan(engine.context, made.plan))).toEqual([]);
  for (const one of Object.values(engine.simulator.state.containers)) damage(engine, one);

  const again = engine.again();
  const dayMs = 24 * 60 * 60_000;
  await again.clock.advance(dayMs + 60 * 60_000 - (again.clock.now() % dayMs));
  const look = (): Promise<TickPlan> =>
    makeTickPlan(again.context, { fleet: file, now: again.clock.now(), policy: policyOf() });
  const startedAt = again.clock.now();
  let requests = 0;
  const fetch = engine.simulator.fetch.bind(engine.simulator);
  engine.simulator.fetch = (request) => {
    requests += 1;
    return fetch(request);
  };
  const { resets, plan: first } = await look();
  expect(first.actions).toEqual([]);
  requests = 0;
  // Ctrl-C in the middle of it
  const cut = again.again({
    onEvent: ({ type }, { drain, eventsOf }) => {
      if (type === 'action.done' && eventsOf('action.done').length === 300) drain.abort();
    },
  });
  const begun = await makeResetPlan(cut.context, file, { names: resets }, {}, everything);
  const planned = requests;
  const parted = await applyPlan(cut.context, begun.plan);
  expect(parted.summary).toMatchObject({ failed: 0, indeterminate: 0 });
  const rest = (await look()).resets;
  expect(rest.length).toBeLessThan(300);
  const done = await makeResetPlan(
    again.context,
    file,
    { names: rest },
    { unfinished: begun.kept },
    everything,
  );
  const report = await applyPlan(again.context, done.plan);
  expect((await proveReset(again.context, file, done)).findings).toEqual([]);
  expect(troubles(report)).toEqual([]);
  expect(begun.plan.reset?.containers.length).toBe(300);
  expect(begun.plan.reset?.containers.every(({ strategy }) => strategy === 'rollback')).toBe(true);
  expect(again.clock.now() - startedAt).toBeLessThan(5 * 60_000);
  expect(begun.plan.reset?.seconds).toBeLessThan(5 * 60);
  expect([...lockTexts(cut), ...lockTexts(again)]).toEqual([]);
  expect(await look()).toMatchObject({ resets: [], plan: { actions: [] } });
  // one for its config, two for its snapshots
  expect(planned).toBeLessThan(3 * 300 + 30);
  const containers = Object.values(engine.simulator.state.containers);
  expect(containers.filter((one) => one.runtime === null || isDamaged(engine, one))).toEqual([]);
});

test.each([
  ['linked', {}],
  ['full', { rootfs: { storage: 'shared', sizeBytes: GiB } }],
])('a golden container and thirty %s clones come in one go; all are cloned again', async (_, more) => {
  const engine = makeEngine();
  const keys = numbered(30);
  const again = { reset: { ...auto, strategy: 'reclone' } as const };
  const file = classOf(golden(more), ...keys.map((key) => cloned(key, again)));
  await build(engine, file);
  expect(lockTexts(engine)).toEqual([]);
  for (const key of keys) damage(engine, ct(engine, key));

  const { state } = engine.simulator;
  let least = keys.length;
  const watched = engine.again({
    onEvent: () => {
      least = Math.min(least, Object.keys(state.containers).length - 1);
    },
  });
  const done = await makeResetPlan(watched.context, file, { names: [] }, {}, everything);
  expect(done.plan.notices.map(({ code }) => code)).toContain('RESET_SKIPPED');
  expect(troubles(await applyPlan(watched.context, done.plan))).toEqual([]);
  expect((await proveReset(watched.context, file, done)).findings).toEqual([]);
  expect(lockTexts(watched)).toEqual([]);
  expect(least).toBeGreaterThanOrEqual(keys.length - 3);
  expect(Object.values(state.containers).filter((one) => isDamaged(engine, one))).toEqual([]);
});

/** Whole classes: how long, how many requests, no lock error, and never more than a few containers gone at once. */
import { expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeResetPlan, proveReset } from '../../../src/engine/lab/reset.ts';
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

test('300 students on one node are rolled back in under five minutes, without a lock error', {
  timeout,
}, async () => {
  const engine = makeEngine();
  const file = fleet(
    numbered(300).map((key) => student(key)),
    { vmids: { from: 1000, to: 1999 } },
  );
  const made = await makePlan(engine.context, file, everything);
  expect(troubles(await applyPlan(engine.context, made.plan))).toEqual([]);
  for (const one of Object.values(engine.simulator.state.containers)) damage(engine, one);

  const again = engine.again();
  const startedAt = again.clock.now();
  let requests = 0;
  const fetch = engine.simulator.fetch.bind(engine.simulator);
  engine.simulator.fetch = (request) => {
    requests += 1;
    return fetch(request);
  };
  const done = await makeResetPlan(again.context, file, { names: ['student-*'] }, {}, everything);
  const planned = requests;
  const report = await applyPlan(again.context, done.plan);
  expect((await proveReset(again.context, file, done)).findings).toEqual([]);
  expect(troubles(report)).toEqual([]);
  expect(done.plan.reset?.containers.every(({ strategy }) => strategy === 'rollback')).toBe(true);
  expect(again.clock.now() - startedAt).toBeLessThan(5 * 60_000);
  expect(done.plan.reset?.seconds).toBeLessThan(5 * 60);
  expect(lockTexts(again)).toEqual([]);
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

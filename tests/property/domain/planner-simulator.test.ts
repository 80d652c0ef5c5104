/**
 * The planner against the simulated server: every request of a random plan is accepted, has the effect that the plan
 * predicts, and leads to what the file says. The simulator shares no code with the planner.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Policy } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeDestroyPlan, makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { policyOf, type TestEngine } from '../../support/engine.ts';
import { fitting, rootEngine } from '../../support/root-engine.ts';
import { fleet } from './arbitraries.ts';

/** The template needs a GiB. */
const smallSizes = [GiB, 1536 * MiB];
const largeSizes = [1536 * MiB, 3 * GiB];

/** Carries out what the file needs. */
async function reach({ context }: TestEngine, file: DesiredFleet, policy: Policy): Promise<string[]> {
  const { plan } = await makePlan(context, file, policy);
  const report = await applyPlan(context, plan);
  return report.actions
    .filter(({ result }) => result !== 'ok' && result !== 'warnings')
    .map(({ id, result, error }) => `${id} ${result}: ${error?.message}`);
}

const all = policyOf({ all: true });
const noRestart: Policy = { ...all, allow: { ...all.allow, restart: false } };

test('what is planned is accepted, does what was predicted, and is all that is needed', async () => {
  await fc.assert(
    fc.asyncProperty(fleet(smallSizes), fleet(largeSizes), async (before, after) => {
      const engine = rootEngine();
      expect(await reach(engine, fitting(before), all)).toEqual([]);
      expect(await reach(engine, fitting(after), all)).toEqual([]);
      expect((await makePlan(engine.context, fitting(after), all)).plan.actions).toEqual([]);
      expect((await verify(engine.context, fitting(after))).findings).toEqual([]);
      const { plan } = await makeDestroyPlan(engine.context, 'lab', all);
      await applyPlan(engine.context, plan);
      expect((await makeDestroyPlan(engine.context, 'lab', all)).plan.actions).toEqual([]);
    }),
    { numRuns: 15, seed: 41 },
  );
}, 120_000);

test('without restarts exactly what was announced waits', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fleet(smallSizes), { minLength: 2, maxLength: 3 }), async (files) => {
      const engine = rootEngine();
      for (const file of files) {
        const running = fitting(file, { power: 'running', restart: 'never' });
        const { plan } = await makePlan(engine.context, running, noRestart);
        fc.pre(plan.refusals.length === 0);
        expect(await reach(engine, running, noRestart)).toEqual([]);
        const { plan: again, snapshot } = await makePlan(engine.context, running, noRestart);
        expect(again.actions).toEqual([]);
        const waiting = [...snapshot.containers.values()].filter(({ pending }) => pending.length > 0);
        const announced = again.notices.filter(({ code }) => code === 'RESTART_NEEDED');
        expect(announced).toHaveLength(waiting.length);
      }
    }),
    { numRuns: 12, seed: 42 },
  );
}, 120_000);

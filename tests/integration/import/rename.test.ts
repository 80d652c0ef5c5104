/** Renaming an entry of the file on a cluster: the container keeps its id, its disks and its uptime. */
import { expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

async function reach({ context }: TestEngine, one: DesiredContainer): Promise<void> {
  const { plan } = await makePlan(context, fleet([one]), policyOf());
  const { actions } = await applyPlan(context, plan);
  expect(actions.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
}

test('a renamed container goes on running, and neither the next plan nor the one without the line does anything', async () => {
  const engine = makeEngine();
  await reach(engine, container('old'));
  const before = structuredClone(engine.simulator.state.containers[200]);
  const renamed = container('new', { renamedFrom: 'old' });
  await reach(engine, renamed);
  expect(Object.keys(engine.simulator.state.containers)).toEqual(['200']);
  const { runtime, config } = engine.simulator.state.containers[200] as NonNullable<typeof before>;
  expect(runtime).toEqual(before?.runtime);
  expect(config).toMatchObject({
    hostname: 'new',
    rootfs: before?.config['rootfs'],
    net0: before?.config['net0'],
  });
  for (const file of [renamed, container('new')]) {
    expect((await makePlan(engine.context, fleet([file]), policyOf())).plan.actions).toEqual([]);
    expect((await verify(engine.context, fleet([file]))).converged).toBe(true);
  }
});

test('without the word for it nothing is destroyed, and the way out is named', async () => {
  const engine = makeEngine();
  await reach(engine, container('old'));
  const { plan } = await makePlan(engine.context, fleet([container('new')]), policyOf());
  expect(plan.refusals).toMatchObject([{ key: 'old', code: 'DESTROY_NOT_ALLOWED' }]);
  expect(plan.notices).toContainEqual(
    expect.objectContaining({
      code: 'MAYBE_RENAMED',
      hint: 'if it was renamed, write renamedFrom: old to keep the container',
    }),
  );
});

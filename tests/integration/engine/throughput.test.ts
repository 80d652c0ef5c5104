/**
 * Hundreds of creations on a cluster with locks that time out: no lock error reaches the user, and the whole takes hardly
 * longer than the best possible schedule. That is computed from the simulator's own table of durations.
 */
import { expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { defaultLimits } from '../../../src/engine/context.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { applianceContent } from '../../../src/simulator/model/appliances.ts';
import { copyMs, durations, unpackMs } from '../../../src/simulator/model/timing.ts';
import { contentBytes } from '../../../src/simulator/model/volumes.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

const count = 300;
const tolerance = 1.15;
const vmids = { from: 1000, to: 1999 };

/** How long one creation takes when nobody is in its way. */
function creationMs(engine: TestEngine): number {
  const { state } = engine.simulator;
  const archive = Object.values(state.volumes).find(({ volid }) => volid.includes('debian-12'));
  if (!archive) throw new Error('the cluster has no Debian template');
  return durations.allocate + unpackMs(applianceContent(archive).unpackedBytes) + durations.setUp;
}

const troubles = (report: ApplyReport): unknown =>
  report.actions.filter(({ result }) => result !== 'ok').map(({ id, error }) => [id, error?.message]);
const lockTexts = (engine: TestEngine): string[] => engine.eventsOf('retry').map(({ because }) => because);

test('300 creations on one storage, with as many at once as the user allows by default', async () => {
  const engine = makeEngine();
  const file = fleet(many(count, { power: 'stopped' }), { vmids });
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(troubles(report)).toEqual([]);
  expect(lockTexts(engine)).toEqual([]);
  const best = (count / defaultLimits.actions) * creationMs(engine);
  expect(report.ms / best).toBeLessThan(tolerance);
});

test('300 creations on one storage, with as many at once as its lock allows', async () => {
  const engine = makeEngine({ limits: { actions: 64, actionsPerNode: 64 } });
  const file = fleet(many(count, { power: 'stopped' }), { vmids });
  const { plan } = await makePlan(engine.context, file, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(troubles(report)).toEqual([]);
  expect(lockTexts(engine)).toEqual([]);
  // the lock of the storage is never idle, and the last creation goes on for a while after it
  const best = count * durations.allocate + creationMs(engine) - durations.allocate;
  expect(report.ms / best).toBeLessThan(tolerance);
});

test.each([
  ['linked', false],
  ['full', true],
])('300 %s clones of one container, each changed to what the file says', async (_, full) => {
  const engine = makeEngine();
  const golden = container('golden', { power: 'stopped', vmid: 900, ...(full ? {} : { isTemplate: true }) });
  await applyPlan(engine.context, (await makePlan(engine.context, fleet([golden]), policyOf())).plan);
  const clones = many(count, {
    power: 'stopped',
    template: '',
    from: { clone: 'golden', full },
    compute: { cores: 2, memoryMiB: 256, swapMiB: 0 },
  });
  const file = fleet([golden, ...clones], { vmids });
  const { plan } = await makePlan(engine.context, file, policyOf());
  expect(plan.refusals).toEqual([]);
  expect(plan.actions.map(({ kind }) => kind).sort()).toEqual([
    ...Array<string>(count).fill('container.clone'),
    ...Array<string>(count).fill('container.configure'),
  ]);
  const report = await applyPlan(engine.context, plan);
  expect(troubles(report)).toEqual([]);
  expect(lockTexts(engine)).toEqual([]);
  const volume = Object.values(engine.simulator.state.volumes).find(({ vmid }) => vmid === 900);
  if (!volume) throw new Error('the source has no volume');
  // the source is locked until each copy is done
  const copy = full ? copyMs(contentBytes(volume)) : durations.linkedClone;
  const best = count * (durations.allocate + copy);
  expect(report.ms / best).toBeLessThan(tolerance);
  expect(Object.keys(engine.simulator.state.containers)).toHaveLength(count + 1);
  expect((await makePlan(engine.context, file, policyOf())).plan.actions).toEqual([]);
});

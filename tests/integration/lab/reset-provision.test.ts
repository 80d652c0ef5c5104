/** Resets of containers with provisioning: what is inside goes back with a rollback, and is made again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import type { DesiredContainer, DesiredFleet, ProvisionStep } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import {
  makeResetPlan,
  makeRollbackPlan,
  proveReset,
  type ResetOptions,
} from '../../../src/engine/lab/reset.ts';
import { policyOf } from '../../support/engine.ts';
import { auto, troubles } from '../../support/lab.ts';
import { labFleet, type ProvisionLab, provisioned, script, startLab } from '../../support/provision-lab.ts';

let lab: ProvisionLab;
beforeAll(async () => {
  lab = await startLab({ shell: 'scripted' });
}, 30_000);
afterAll(() => lab.close());

const everything = policyOf({ all: true });
const log = (word: string): ProvisionStep => script(`echo ${word} >>/log`);
const based = (
  key: string,
  steps: readonly ProvisionStep[],
  more: Partial<DesiredContainer> = {},
): DesiredFleet => labFleet(provisioned(key, steps, { reset: auto, ...more }));
const ct = (key: string) => {
  const found = Object.values(lab.server.simulator.state.containers).find(
    ({ config }) => config['hostname'] === key,
  );
  if (!found) throw new Error(`there is no ${key}`);
  return found;
};
const logOf = (key: string): string | undefined => ct(key).inside?.files['/log']?.data;
const inside = ({ actions }: Plan): string[] =>
  actions.filter((action) => action.inside).map(({ id, reason }) => `${id} (${reason})`);

/** Applies and expects that it worked and that nothing is left to do. */
async function reach(file: DesiredFleet): Promise<void> {
  expect(troubles(await lab.apply(file))).toEqual([]);
  expect((await lab.plan(file)).actions).toEqual([]);
}

/** Resets all, and expects that it is proved and that nothing is left to do. */
async function reset(
  file: DesiredFleet,
  options: ResetOptions = {},
): Promise<{ plan: Plan; results: string[] }> {
  const { context, events } = lab.start();
  const done = await makeResetPlan(context, file, { names: [] }, options, everything);
  expect(done.plan.refusals).toEqual([]);
  const report = await applyPlan(context, done.plan);
  expect(troubles(report)).toEqual([]);
  expect(events.filter(({ type }) => type === 'retry')).toEqual([]);
  expect((await proveReset(context, file, done)).findings).toEqual([]);
  expect((await lab.plan(file)).actions).toEqual([]);
  return { plan: done.plan, results: report.actions.map(({ id, result }) => `${id} ${result}`) };
}

test('steps that came after the baseline are run again, and no others', { timeout: 60_000 }, async () => {
  await reach(based('one', [log('first')]));
  const baseline = ct('one').snapshots['baseline'];
  expect(baseline?.description?.trimEnd()).toBe(`baseline of one/one, provisioned ${lab.record('one')}`);
  expect(inside((await reset(based('one', [log('first')]))).plan)).toEqual([]);

  const file = based('one', [log('first'), log('second')]);
  await reach(file);
  expect(logOf('one')).toBe('first\nsecond\n');
  const { plan } = await reset(file);
  expect(plan.actions.map(({ id }) => id)).toEqual([
    'one/configure:steps',
    'one/rollback',
    'one/configure:live',
    'one/start',
    'one/provision:2',
  ]);
  expect(logOf('one')).toBe('first\nsecond\n');
  expect(lab.record('one')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{8}$/);

  // cut off right after the rollback: an apply does not believe that the steps were run, either
  const cut = lab.start({
    onEvent: (event) => {
      if (event.type === 'action.done' && event.id === 'one/rollback') cut.detach.abort();
    },
  });
  const torn = await makeResetPlan(cut.context, file, { names: [] }, {}, everything);
  expect((await applyPlan(cut.context, torn.plan)).interrupted).toBe(true);
  expect(logOf('one')).toBe('first\n');
  await reach(file);
  expect(logOf('one')).toBe('first\nsecond\n');

  // a baseline of an earlier version has no record: what was run is found out inside
  if (baseline) baseline.description = 'baseline of one/one';
  const old = await reset(file);
  expect(old.results.filter((one) => one.includes('provision'))).toEqual([
    'one/provision:1 unchanged',
    'one/provision:2 ok',
  ]);
  expect(old.plan.notices.map(({ code }) => code)).toEqual(['PROVISION_UNKNOWN']);
  expect(logOf('one')).toBe('first\nsecond\n');

  // without the file nothing can be run; the line does not say that it was
  const { context } = lab.start();
  const back = await makeRollbackPlan(context, [ct('one').vmid], {}, everything);
  expect(troubles(await applyPlan(context, back.plan))).toEqual([]);
  expect(splitDescription(ct('one').config['description'] ?? '').ownership?.provision).toBeUndefined();
  await reach(file);
  expect(logOf('one')).toBe('first\nsecond\n');
});

test('a container that is made anew is provisioned again', { timeout: 60_000 }, async () => {
  const ready = { timeoutSeconds: 60, checks: [{ kind: 'file', path: '/log' }] } as const;
  const file = based('anew', [log('first'), log('second')], { ready });
  await reach(file);
  const { plan } = await reset(file, { strategy: 'rebuild' });
  expect(plan.actions.map(({ id }) => id)).toEqual([
    'anew/stop',
    'anew/destroy',
    'anew/create',
    'anew/start',
    'anew/provision:1',
    'anew/provision:2',
    'anew/ready',
    'anew/shutdown:baseline',
    'anew/snapshot:baseline',
    'anew/start:again',
    'anew/ready:again',
  ]);
  expect(logOf('anew')).toBe('first\nsecond\n');
});

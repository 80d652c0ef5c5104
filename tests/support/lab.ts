/** A class on a simulated cluster: containers with baselines, damage done to them, and resets. */
import { expect } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../src/domain/desired.ts';
import type { ResetPlan } from '../../src/domain/lab/plan-reset.ts';
import { applyPlan } from '../../src/engine/apply.ts';
import {
  makeResetPlan,
  proveReset,
  type ResetOptions,
  type ResetSelection,
} from '../../src/engine/lab/reset.ts';
import { makePlan } from '../../src/engine/plan.ts';
import type { ApplyReport } from '../../src/engine/report.ts';
import type { SimState } from '../../src/simulator/index.ts';
import { container, fleet, policyOf, type TestEngine } from './engine.ts';

export type SimContainer = SimState['containers'][number];

const everything = policyOf({ all: true });

/** Reset policy of a file. */
export const auto = { strategy: 'auto', snapshot: 'baseline' } as const;

/** A student's container with everything that a reset has to keep. */
export function student(key: string, more: Partial<DesiredContainer> = {}): DesiredContainer {
  return container(key, { reset: auto, options: { tags: ['student'] }, ...more });
}

/** The golden container of a class. */
export const golden = (more: Partial<DesiredContainer> = {}): DesiredContainer =>
  container('golden', { isTemplate: true, power: 'stopped', ...more });

/** A container that is cloned from the golden one. */
export function cloned(key: string, more: Partial<DesiredContainer> = {}): DesiredContainer {
  const { template: _template, rootfs: _rootfs, ...rest } = student(key);
  return { ...rest, template: '', rootfs: {}, from: { clone: 'golden' }, ...more };
}

/** Steps that did not go as they should. */
export const troubles = ({ actions }: ApplyReport): unknown[] =>
  actions
    .filter(({ result }) => !['ok', 'warnings', 'unchanged'].includes(result))
    .map(({ id, result, error }) => [id, result, error?.message]);

/** Applies a file, and expects that it is reached. */
export async function build(engine: TestEngine, file: DesiredFleet): Promise<void> {
  const { plan } = await makePlan(engine.context, file, everything);
  expect(plan.refusals).toEqual([]);
  expect(troubles(await applyPlan(engine.context, plan))).toEqual([]);
  expect((await makePlan(engine.context, file, everything)).plan.actions.map(({ id }) => id)).toEqual([]);
}

/** Plan of a reset with everything allowed. */
export const planOf = (
  engine: TestEngine,
  file: DesiredFleet,
  selection: ResetSelection = { names: [] },
  options: ResetOptions = {},
): Promise<ResetPlan> => makeResetPlan(engine.context, file, selection, options, everything);

/** Resets, and expects that all of it is proved and that nothing is left to do. */
export async function reset(
  engine: TestEngine,
  file: DesiredFleet,
  selection: ResetSelection = { names: [] },
  options: ResetOptions = {},
): Promise<ResetPlan> {
  const done = await planOf(engine, file, selection, options);
  expect(done.plan.refusals).toEqual([]);
  expect(troubles(await applyPlan(engine.context, done.plan))).toEqual([]);
  expect((await proveReset(engine.context, file, done)).findings).toEqual([]);
  expect((await makePlan(engine.context, file, everything)).plan.actions.map(({ id }) => id)).toEqual([]);
  return done;
}

/** A container of the simulation by its host name. */
export function ct({ simulator }: TestEngine, name: string): SimContainer {
  const found = Object.values(simulator.state.containers).find(({ config }) => config['hostname'] === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

const volumesOf = (state: SimState, vmid: number) =>
  Object.values(state.volumes).filter((volume) => volume.vmid === vmid && volume.content === 'rootdir');

/** Does what a student may do in an afternoon: other settings, and other content on every disk. */
export function damage({ simulator }: TestEngine, one: SimContainer): void {
  const { config } = one;
  config['memory'] = '4096';
  config['cores'] = '8';
  config['hostname'] = `${config['hostname']}-hacked`;
  config['tags'] = 'hacked;pvefleet';
  delete config['features'];
  for (const volume of volumesOf(simulator.state, one.vmid))
    volume.meta = { ...volume.meta, contentBytes: 777 };
}

/** Whether something that {@link damage} did is still there. */
export function isDamaged({ simulator }: TestEngine, one: SimContainer): boolean {
  const texts = [one.config['hostname'], one.config['tags']].join(' ');
  const volumes = volumesOf(simulator.state, one.vmid);
  return /hacked/.test(texts) || volumes.some(({ meta }) => meta?.['contentBytes'] === 777);
}

/** What of a container must be as before a reset. */
export function identity({ simulator }: TestEngine, vmid: number): unknown {
  const { state } = simulator;
  const one = state.containers[vmid];
  const nets = Object.entries(one?.config ?? {}).filter(([key]) => /^net\d+$/.test(key));
  return {
    vmid: one?.vmid,
    node: one?.node,
    running: one?.runtime != null,
    nets: nets.map(([key, value]) => [key, ...value.split(',').sort()]),
    pools: Object.values(state.pools)
      .filter(({ vms }) => vms.includes(vmid))
      .map(({ poolid }) => poolid),
    acls: state.acls
      .filter(({ path }) => path === `/vms/${vmid}`)
      .map(({ type, ugid, roleid, propagate }) => `${type} ${ugid} ${roleid} ${propagate}`)
      .sort(),
    ha: state.haResources[`ct:${vmid}`] ?? null,
  };
}

/** A fleet `lab` of these containers. */
export const classOf = (...containers: readonly DesiredContainer[]): DesiredFleet => fleet(containers);

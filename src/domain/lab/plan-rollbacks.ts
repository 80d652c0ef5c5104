/** Resets without a file: containers go back to their baseline, and become neither more nor less than it holds. Pure. */
import { joinDescription, splitDescription } from '../../codec/description.ts';
import { naturalCompare } from '../../util/compare.ts';
import { configureAction, startAction, type Target } from '../actions.ts';
import type { ActualContainer, StorageInfo } from '../actual.ts';
import type { ContainerPlan } from '../assemble.ts';
import { labelContainers } from '../labels.ts';
import type { Action, PlannedReset, Policy } from '../plan.ts';
import { lockedRefusal } from '../plan-remove.ts';
import { refusal } from '../refusal.ts';
import { baselineRecord } from './baseline.ts';
import { forgetSteps } from './forget-steps.ts';
import { frozenRefusals } from './frozen.ts';
import { assembleReset, type ResetPlan, type ResetRequest } from './plan-reset.ts';
import { secondsForAll } from './reset-estimate.ts';
import { type Kept, notesOf, type ResetFacts } from './reset-facts.ts';
import { handsOff, handsOn } from './reset-ha.ts';
import { keptOf } from './reset-kept.ts';
import { rollbackAction } from './reset-rollback.ts';
import { chooseStrategy, policyFor } from './reset-strategy.ts';

interface Part {
  readonly plan: ContainerPlan;
  readonly kept?: Kept;
  readonly reset?: PlannedReset;
}

function planOne(
  key: string,
  actual: ActualContainer,
  storages: readonly StorageInfo[],
  facts: ResetFacts,
  request: Omit<ResetRequest, 'keys'>,
): Part {
  const { vmid, node, digest, lock } = actual;
  const target: Target = { key, vmid, node };
  const { snapshot } = policyFor(undefined, request);
  const choice = chooseStrategy({
    actual,
    snapshot,
    wanted: 'rollback',
    snapshots: facts.snapshots.get(vmid) ?? [],
    baseline: facts.baselines.get(vmid),
    storages,
    isReplicated: facts.replicated.has(vmid),
  });
  const kept = keptOf('', key, actual, vmid, facts) as Kept;
  const problem = 'code' in choice ? refusal({ key, vmid }, choice) : undefined;
  const locked = lock === undefined ? undefined : lockedRefusal(key, vmid, lock);
  const frozen = frozenRefusals(key, actual);
  if ('code' in choice || locked || frozen.length > 0) {
    const refusals = [problem, locked, ...frozen].filter((one) => one !== undefined);
    return { plan: { key, outcome: 'refused', actions: [], refusals, notices: [] } };
  }
  const { why } = choice;
  const ha = actual.haState === undefined ? undefined : kept.ha;
  const off = ha ? [handsOff(target, ha)] : [];
  const reason = `reset by rollback to ${why}`;
  const actions: Action[] = [...off];
  const after = (): string[] => actions.slice(-1).map(({ id }) => id);
  const record = baselineRecord(notesOf(facts, vmid, snapshot));
  actions.push(...forgetSteps(target, actual, record, after()));
  actions.push(rollbackAction(target, snapshot, digest, { reason, after: after() }));
  const { text, ownership } = splitDescription(actual.next.description ?? '');
  if (ownership) {
    const { provision: _since, ...line } = ownership;
    const provision = record === undefined ? {} : { provision: record };
    const description = joinDescription(text, { ...line, ...provision, reset: request.at });
    const change = { field: 'reset', from: ownership.reset ?? null, to: request.at, effect: 'live' } as const;
    const step = { reason: 'recorded', after: after(), changes: [change] };
    actions.push(configureAction(target, 'mark', { description }, digest, step));
  }
  if (kept.running) actions.push(startAction(target, { reason: 'was running before', after: after() }));
  if (ha) actions.push(handsOn(target, ha, after()));
  return {
    plan: { key, outcome: 'update', actions, refusals: [], notices: [] },
    kept,
    reset: { key, vmid, node, strategy: 'rollback', why, seconds: 4 },
  };
}

/**
 * Plans resets without a fleet file.
 *
 * @param containers - owned or not.
 * @param storages - of the cluster.
 * @param facts - snapshots and what else was read.
 * @param request - to which snapshot, and when.
 * @param policy - a reset needs `allow.destroy`.
 * @returns the plan, whose fleet is empty, and what must be as before afterwards.
 */
export function planRollbacks(
  containers: readonly ActualContainer[],
  storages: readonly StorageInfo[],
  facts: ResetFacts,
  request: Omit<ResetRequest, 'keys'>,
  policy: Policy,
): ResetPlan {
  const labels = labelContainers(containers);
  const parts = containers.map((actual) =>
    planOne(labels.get(actual.vmid) as string, actual, storages, facts, request),
  );
  const resets = parts
    .flatMap(({ reset }) => (reset ? [reset] : []))
    .sort((a, b) => naturalCompare(a.key, b.key));
  const seconds = secondsForAll(resets, () => undefined, request.atOnce);
  return {
    plan: assembleReset('', { containers: parts.map(({ plan }) => plan), resets }, seconds, policy),
    kept: parts.flatMap(({ kept }) => (kept ? [kept] : [])),
  };
}

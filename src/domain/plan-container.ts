/** One container of the file → its part of the plan. */
import { joinDescription } from '../codec/description.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { poolAction, shutdownAction, startAction, templateAction } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import { adopt, type Proposal } from './adopt.ts';
import type { ContainerPlan } from './assemble.ts';
import { completeContainer } from './complete.ts';
import type { DesiredContainer } from './desired.ts';
import { type Difference, diff } from './diff.ts';
import { causeOf, type DriftFacts, reasonFor } from './drift.ts';
import { patchConfig } from './field-row.ts';
import { asOfNow, isExpired } from './lab/as-of-now.ts';
import {
  type Boost,
  boostChange,
  boostOf,
  isOver,
  limitsAfter,
  limitsPatch,
  withBoost,
  withoutBoosted,
} from './lab/boost.ts';
import { type Frozen, frozenOf } from './lab/frozen.ts';
import { spellTime } from './lab/times.ts';
import type { Match } from './match.ts';
import {
  claim,
  expiryChange,
  ownershipChange,
  ownershipOf,
  renewedLine,
  wantsOtherNode,
  withClusterTags,
} from './ownership.ts';
import type { Action, FieldChange, Refusal } from './plan.ts';
import { planChanges } from './plan-changes.ts';
import { moveActions, moveStop, prepareMove } from './plan-move.ts';
import { nodeObstacles, type PlanContext, planNew, planRecreate } from './plan-new.ts';
import { lockedRefusal } from './plan-remove.ts';
import { refusal } from './refusal.ts';
import { snapshotRefusals } from './snapshot-holds.ts';

/** Into the pool of the file, at once; out of any, as the last step, because rights may be lost with it. */
function poolActions(
  desired: DesiredContainer,
  actual: ActualContainer,
  facts: DriftFacts,
  last: Action | undefined,
): Action[] {
  const { key, pool: wanted } = desired;
  const { vmid, pool } = actual;
  const from = pool ?? null;
  if (wanted === undefined || wanted === from) return [];
  const change: FieldChange = { field: 'pool', from, to: wanted, effect: 'live' };
  const step = { reason: reasonFor(['pool'], { ...facts, differing: 1 }), changes: [change] };
  if (wanted !== null)
    return [poolAction({ key, vmid, node: actual.node }, wanted, pool === undefined ? 'join' : 'move', step)];
  const target = { key, vmid, node: last?.target.node ?? actual.node };
  return [poolAction(target, from as string, 'leave', { ...step, after: last ? [last.id] : [] })];
}

/** Start and shutdown. */
function powerActions(
  desired: DesiredContainer,
  actual: ActualContainer,
  last: string | undefined,
  isMoved: boolean,
): Action[] {
  const target = { key: desired.key, vmid: actual.vmid, node: actual.node };
  const after = last === undefined ? [] : [last];
  const actions: Action[] = [];
  // a move that takes it down also brings it up again
  if (isMoved) return actions;
  if (desired.power === 'running' && actual.status !== 'running')
    actions.push(startAction(target, { reason: 'should be running', after }));
  if (desired.power === 'stopped' && actual.status === 'running')
    actions.push(shutdownAction(target, { reason: 'should be stopped', after }));
  return actions;
}

/** Says of an action why it is needed, for programs; the reason says it to people. */
function withCause(action: Action, facts: DriftFacts): Action {
  const cause = action.kind === 'container.reboot' ? 'awaiting-restart' : causeOf(facts);
  return cause === undefined ? action : { ...action, cause };
}

/** A boost that has run out: what it changed goes back, where the file does not say what it should be. */
function withoutBoost(
  proposal: Proposal,
  boost: Boost,
  desired: DesiredContainer,
  refusedTags: readonly string[] | undefined,
): Proposal {
  const limits = limitsPatch(limitsAfter(boost, desired));
  return { ...proposal, config: withBoost(patchConfig(proposal.config, limits), undefined, refusedTags) };
}

const boostNotice = (key: string, { until }: Boost): Diagnostic => ({
  severity: 'info',
  code: 'BOOSTED',
  message: `${key}: it has other limits than the file says until ${spellTime(until)}`,
  hint: `pvefleet resize ${key} --end-boost ends that`,
});

/** Left alone, whatever the file says. */
function planFrozen(match: Match, frozen: Frozen): ContainerPlan {
  const { key } = match.desired;
  const message = `${key}: frozen since ${spellTime(frozen.at)}, and left as it is`;
  const hint = `pvefleet unfreeze ${key} ends that`;
  return {
    key,
    outcome: 'unchanged',
    actions: [],
    refusals: match.refusals,
    notices: [...match.notices, { severity: 'info', code: 'FROZEN', message, hint }],
  };
}

/** A container whose last day is over is not made again. */
function planOver({ desired, notices }: Match): ContainerPlan {
  const { key, schedule } = desired;
  const message = `${key}: its last day was ${schedule?.expiry?.day}, so it is not created`;
  const hint = "write a later day for 'expires', or take it out of the file";
  return {
    key,
    outcome: 'unchanged',
    actions: [],
    refusals: [],
    notices: [...notices, { severity: 'info', code: 'EXPIRED', message, hint }],
    // it is not there, so it is not in sync either
    isWaiting: true,
  };
}

function planExisting(context: PlanContext, match: Match, actual: ActualContainer): ContainerPlan {
  const { fleet, policy, snapshot } = context;
  const { key } = match.desired;
  const { vmid } = actual;
  const refusals = [...match.refusals];
  const notices: Diagnostic[] = [...match.notices];
  const refused = (one: Refusal): ContainerPlan => ({
    key,
    outcome: 'refused',
    actions: [],
    refusals: [...refusals, one],
    notices,
  });
  if (actual.isTemplate && !match.desired.isTemplate)
    return refused(
      refusal(
        { key, vmid },
        {
          code: 'CONTAINER_IS_TEMPLATE',
          message: `container ${vmid} is a template now, which cannot be undone`,
          hint: 'give the container of the file another vmid or key',
        },
      ),
    );
  const wished = asOfNow(match.desired, policy.now);
  const boost = boostOf(actual);
  const isBoosted = boost !== undefined && !isOver(boost, policy.now);
  const desired = withClusterTags(isBoosted ? withoutBoosted(wished, boost) : wished, snapshot.tagStyle);
  const adopted = adopt(desired, actual);
  const proposal =
    boost && !isBoosted ? withoutBoost(adopted, boost, desired, snapshot.refusedTags) : adopted;
  if (isBoosted) notices.push(boostNotice(key, boost));
  const { ownTag } = snapshot;
  const tagging = { ownTag, now: actual.next, before: actual.ownership };
  const owner = renewedLine(ownershipOf(fleet.name, match.desired, tagging), {
    next: proposal.config,
  });
  const owning = ownershipChange(actual, owner);
  const ending = expiryChange(actual, owner);
  const boosting = boostChange(actual.next, proposal.config);
  const mayRestart = desired.restart === 'always' || (desired.restart === 'ask' && policy.allow.restart);
  const move = prepareMove(context, wished, actual, mayRestart);
  refusals.push(...move.refusals);
  notices.push(...move.notices);
  const isStopped = actual.status === 'stopped' || move.stops;
  const differences: Difference[] = [
    ...(owning ? [{ change: owning, keys: ['description', 'tags'] }] : []),
    ...(ending ? [{ change: ending, keys: ['description', 'tags'] }] : []),
    ...(boosting ? [{ change: boosting, keys: ['description', 'tags'] }] : []),
    ...diff(actual.next, proposal.config, { live: actual.live, isStopped }),
  ];
  const changes = differences.map(({ change }) => change);
  const recreate = changes.filter(({ effect }) => effect === 'recreate');
  if (recreate.length > 0) return planRecreate(context, match, actual, recreate);
  for (const { change, ...text } of proposal.conflicts)
    refusals.push(refusal({ key, vmid }, { ...text, changes: [change] }));
  const recorded = actual.ownership?.fleet === fleet.name ? actual.ownership : undefined;
  const facts = {
    recorded: recorded?.specDigest,
    renamedFrom: recorded?.key === key ? undefined : recorded?.key,
    wanted: owner.specDigest,
    hasOtherEnd: ending !== undefined,
    differing: changes.length,
    pending: actual.pending.length,
  };
  const target = { key, vmid, node: actual.node };
  const stop = moveStop(target, move);
  // until it is there, its line says that it is not
  const isOnItsWay = wantsOtherNode(fleet.name, match.desired, actual);
  const line = isOnItsWay ? { ...owner, node: actual.node } : owner;
  const reason = (fields: readonly string[]): string => reasonFor(fields, facts);
  const planned = planChanges({
    key,
    // PVE: what waits is applied when the container goes down
    actual: move.stops ? { ...actual, status: 'stopped', live: actual.next, pending: [] } : actual,
    config: claim(proposal.config, line, snapshot.tagStyle),
    differences,
    reason,
    mayRestart,
    neverRestart: desired.restart === 'never',
    willStop: desired.power === 'stopped' || move.restarts,
    after: stop.map(({ id }) => id),
  });
  const before = [...stop, ...planned.actions];
  const moved = moveActions(move, {
    target,
    actual,
    desired,
    after: before.slice(-1).map(({ id }) => id),
    reason,
    description: joinDescription(proposal.config.description ?? '', owner),
    // PVE: a volume that a snapshot needs cannot be deleted
    mayDestroy: policy.allow.destroy && !policy.snapshotFirst,
  });
  const isMoved = move.stops || moved.some(({ kind }) => kind === 'container.start');
  const joins = desired.pool === null ? [] : poolActions(desired, actual, facts, undefined);
  const power = powerActions(desired, actual, before.at(-1)?.id, isMoved);
  const steps = [...before, ...moved, ...joins, ...power];
  if (desired.isTemplate && !actual.isTemplate) {
    const node = move.node ?? actual.node;
    const after = steps.slice(-1).map(({ id }) => id);
    steps.push(templateAction({ ...target, node }, { reason: 'should be a template', after }));
  }
  if (desired.pool === null) steps.push(...poolActions(desired, actual, facts, steps.at(-1)));
  const actions = steps.map((action) => withCause(action, facts));
  refusals.push(...planned.refusals);
  notices.push(...planned.notices);
  if (actions.length > 0) {
    const onlyPower = actions.every(
      ({ kind }) => kind === 'container.start' || kind === 'container.shutdown',
    );
    if (actual.lock !== undefined && !(actual.lock === 'mounted' && onlyPower))
      refusals.push(lockedRefusal(key, vmid, actual.lock));
    refusals.push(...nodeObstacles(context, key, actual.node));
    const { storages } = snapshot;
    refusals.push(...snapshotRefusals(key, actual, actions, { storages, isFirst: false }));
  }
  const outcome = actions.length > 0 ? 'update' : refusals.length > 0 ? 'refused' : 'unchanged';
  const isWaiting = planned.waiting.length > 0 || move.isPostponed;
  return { key, outcome, actions, refusals, notices, isWaiting };
}

/**
 * Plans one container of the file.
 *
 * @param context - fleet, cluster, policy.
 * @param match - the container and what it stands for.
 * @returns its part of the plan.
 */
export function planContainer(context: PlanContext, match: Match): ContainerPlan {
  const { desired, vmid, actual, refusals, notices } = match;
  const { snapshot } = context;
  const completed = (wanted: DesiredContainer, planned: ContainerPlan): ContainerPlan =>
    completeContainer(snapshot, wanted, actual, planned);
  const frozen = actual && frozenOf(actual);
  if (frozen && refusals.length === 0) return planFrozen(match, frozen);
  const { now } = context.policy;
  if (actual && refusals.length === 0)
    return completed(asOfNow(desired, now), planExisting(context, match, actual));
  if (isExpired(desired, now) && refusals.length === 0) return planOver(match);
  if (vmid !== undefined && refusals.length === 0) return completed(desired, planNew(context, match, vmid));
  return { key: desired.key, outcome: 'refused', actions: [], refusals, notices };
}

/**
 * Reset by rollback: back to the snapshot, then everything in which the file differs from it, because a rollback brings the
 * old config back, too; up again when it was up. The rollback itself stops a container that runs. Pure.
 */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import { build, guest, place, poolAction, startAction, type Target } from '../actions.ts';
import type { ActualContainer } from '../actual.ts';
import { adopt } from '../adopt.ts';
import type { ContainerPlan } from '../assemble.ts';
import { completeContainer } from '../complete.ts';
import type { DesiredContainer } from '../desired.ts';
import { type Difference, diff } from '../diff.ts';
import { claim, ownershipChange, ownershipOf, wantsOtherNode, withClusterTags } from '../ownership.ts';
import type { Action, FieldChange } from '../plan.ts';
import { planChanges } from '../plan-changes.ts';
import type { PlanContext } from '../plan-new.ts';
import { dueSteps } from '../provision.ts';
import { refusal } from '../refusal.ts';
import { asOfNow } from './as-of-now.ts';
import { baselineRecord } from './baseline.ts';
import { forgetSteps } from './forget-steps.ts';
import { aclActions } from './reset-acls.ts';
import { downAgain, wakesUp } from './reset-asleep.ts';
import type { Kept, ResetFacts } from './reset-facts.ts';
import { finalHa, handsOff } from './reset-ha.ts';
import { missingAcls, withKeptBeside } from './reset-kept.ts';

/** A container that is to be rolled back. */
export interface RollbackRequest {
  readonly context: PlanContext;
  /** As the file has it, for the digest in the ownership line. */
  readonly desired: DesiredContainer;
  readonly actual: ActualContainer;
  readonly kept: Kept;
  readonly facts: ResetFacts;
  readonly snapshot: string;
  /** Config that the snapshot holds. */
  readonly baseline: LxcConfig;
  /** Its notes. */
  readonly notes: string;
  /** When the reset is made, ISO 8601. */
  readonly at: string;
  readonly why: string;
}

/** The step back. A running container is stopped by it at once. */
export function rollbackAction(
  target: Target,
  snapshot: string,
  digest: string,
  step: { readonly reason: string; readonly after?: readonly string[] },
): Action {
  const params = { ...place(target), snapname: snapshot };
  return build(
    'snapshot.rollback',
    `${target.key}/rollback`,
    target,
    { method: 'POST', path: `${guest}/snapshot/{snapname}/rollback`, params },
    { ...step, changes: [{ field: 'snapshot', from: 'now', to: snapshot, effect: 'restart' }] },
    // the call takes no digest; it is compared before
    { precondition: { kind: 'digest', digest } },
  );
}

/**
 * Plans a reset by rollback.
 *
 * @param request - the container and everything known about it.
 * @returns its part of the plan.
 */
export function planRollback(request: RollbackRequest): ContainerPlan {
  const { context, actual, kept, facts, snapshot, baseline, notes, at, why } = request;
  const { fleet, snapshot: cluster } = context;
  const { key } = request.desired;
  const { vmid, node, digest } = actual;
  const target: Target = { key, vmid, node };
  const wished = asOfNow(request.desired, Date.parse(at));
  const desired = withClusterTags(withKeptBeside(wished, baseline, kept), cluster.tagStyle);
  const reason = `reset by rollback to ${why}`;
  const managed = kept.ha && desired.ha !== null ? kept.ha : undefined;
  const off = managed && actual.haState !== undefined ? [handsOff(target, managed)] : [];
  const record = baselineRecord(notes);
  const forgotten = forgetSteps(
    target,
    actual,
    record,
    off.map(({ id }) => id),
  );
  const before = [...off, ...forgotten];
  const back = rollbackAction(target, snapshot, digest, {
    reason,
    after: before.slice(-1).map(({ id }) => id),
  });
  // PVE: a rollback keeps the notes, and drops what waits for a restart
  const { description: _old, ...rest } = baseline;
  const { description } = actual.next;
  const base: LxcConfig = { ...rest, ...(description === undefined ? {} : { description }) };
  const views = { live: base, next: base };
  const { config, conflicts } = adopt(desired, views);
  const isOnItsWay = wantsOtherNode(fleet.name, request.desired, actual);
  const owner = {
    ...ownershipOf(fleet.name, request.desired, { before: kept.line }),
    ...(record === undefined ? {} : { provision: record }),
    ...(isOnItsWay ? { node } : {}),
    reset: at,
  };
  const recorded: FieldChange = {
    field: 'reset',
    from: kept.line?.reset ?? null,
    to: at,
    effect: 'live',
  };
  const owning = ownershipChange({ next: base }, owner);
  const differences: Difference[] = [
    ...(owning ? [{ change: owning, keys: ['description', 'tags'] }] : []),
    { change: recorded, keys: ['description'] },
    ...diff(base, config, { live: base, isStopped: true }),
  ];
  const planned = planChanges({
    key,
    actual: { ...actual, status: 'stopped', ...views, pending: [] },
    config: claim(config, owner, cluster.tagStyle),
    differences,
    reason: () => 'a rollback brings the old settings back',
    mayRestart: false,
    willStop: false,
    after: [back.id],
  });
  const actions: Action[] = [...before, back, ...planned.actions];
  const pool = desired.pool === undefined ? kept.pool : (desired.pool ?? undefined);
  if (pool !== undefined && pool !== actual.pool)
    actions.push(
      poolAction(target, pool, actual.pool === undefined ? 'join' : 'move', {
        reason: 'as it was before',
        changes: [{ field: 'pool', from: actual.pool ?? null, to: pool, effect: 'live' }],
      }),
    );
  actions.push(...aclActions(target, missingAcls(kept.acls, facts.acls.get(vmid) ?? []), []));
  const isUp = desired.power === 'unmanaged' ? kept.running : desired.power === 'running';
  const settled = planned.actions.at(-1)?.id ?? back.id;
  const isAsleep = wakesUp(desired, isUp, dueSteps(desired.provision ?? [], owner).length > 0);
  if (isUp || isAsleep)
    actions.push(
      startAction(target, { reason: isUp ? 'up again' : 'for its provisioning', after: [settled] }),
    );
  const plan: ContainerPlan = {
    key,
    outcome: 'update',
    actions,
    refusals: [
      ...conflicts.map(({ change, ...text }) => refusal({ key, vmid }, { ...text, changes: [change] })),
      ...planned.refusals,
    ],
    notices: planned.notices,
  };
  const ha = finalHa(desired, kept.ha);
  const resources = new Map(cluster.haResources);
  if (managed && off.length > 0) resources.set(vmid, { ...managed, state: 'ignored' });
  const whole = completeContainer(
    { ...cluster, haResources: resources },
    { ...desired, ...(ha === undefined ? {} : { ha }) },
    { ...actual, ...views, status: isUp ? 'running' : 'stopped', ownership: owner },
    plan,
  );
  return isAsleep ? { ...whole, actions: downAgain(target, whole.actions) } : whole;
}

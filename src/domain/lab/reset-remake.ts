/**
 * Reset by making a container anew, as a clone of its source or from its template, under the same id. The server forgets
 * rights, pool, HA and firewall of what is destroyed, so all of it is put back. Pure.
 */
import type { Diagnostic } from '../../util/diagnostic.ts';
import { build, type Target } from '../actions.ts';
import type { ActualContainer, ClusterSnapshot } from '../actual.ts';
import type { ContainerPlan } from '../assemble.ts';
import { completeContainer } from '../complete.ts';
import type { DesiredContainer } from '../desired.ts';
import { nameSome } from '../drift.ts';
import type { Match } from '../match.ts';
import type { Action, Precondition } from '../plan.ts';
import { createContainer, nodeObstacles, type PlanContext } from '../plan-new.ts';
import { removalActions } from '../plan-remove.ts';
import { asOfNow } from './as-of-now.ts';
import { withBaselines } from './baseline.ts';
import { aclActions } from './reset-acls.ts';
import { downAgain, wakesUp } from './reset-asleep.ts';
import type { Kept, ResetFacts } from './reset-facts.ts';
import { missingAcls, withKept } from './reset-kept.ts';

/** A container that is to be made anew. */
export interface RemakeRequest {
  readonly context: PlanContext;
  readonly match: Match;
  /** Absent: nothing is known of it, so it becomes what the file says. */
  readonly kept?: Kept;
  readonly facts: ResetFacts;
  /** `reclone: …`. */
  readonly reason: string;
  /** When the reset is made, ISO 8601. */
  readonly at: string;
}

/** PVE 8 does not know the parameter, and always leaves rules to themselves. */
const keepsRules = (version: string | undefined): boolean => Number(version?.split('.')[0] ?? 0) >= 9;

/** Out of HA without the rules about it: so the destruction needs no purge, which would take backup jobs along. */
function leaveHa(target: Target, { version }: ClusterSnapshot, ha: Kept['ha']): Action {
  const sid = `ct:${target.vmid}`;
  const params = keepsRules(version) ? { sid, purge: false } : { sid };
  return build(
    'ha.remove',
    `${target.key}/ha:out`,
    target,
    { method: 'DELETE', path: '/cluster/ha/resources/{sid}', params },
    {
      reason: 'HA must not start it in between',
      changes: [{ field: 'ha', from: ha ? { ...ha } : {}, to: null, effect: 'live' }],
    },
    { completes: 'now' },
  );
}

function removal({ match, kept, context, reason }: RemakeRequest, actual: ActualContainer): Action[] {
  const { key } = match.desired;
  const { haState, ...rest } = actual;
  const target: Target = { key, vmid: actual.vmid, node: actual.node };
  const out = haState === undefined ? [] : [leaveHa(target, context.snapshot, kept?.ha)];
  const gone = removalActions(key, rest, { reason, purge: false });
  const first = out.map(({ id }) => id);
  return [
    ...out,
    ...gone.map((action) => (action.dependsOn.length > 0 ? action : { ...action, dependsOn: first })),
  ];
}

function lossNotices({ match, facts }: RemakeRequest, actual: ActualContainer): Diagnostic[] {
  const { key } = match.desired;
  const objects = facts.firewallObjects.get(actual.vmid) ?? [];
  const snapshots = (facts.snapshots.get(actual.vmid) ?? []).map(({ name }) => name);
  const warn = (code: string, message: string, hint: string): Diagnostic => ({
    severity: 'warning',
    code,
    message: `${key}: ${message}`,
    hint,
  });
  return [
    ...(snapshots.length === 0
      ? []
      : [
          warn(
            'SNAPSHOTS_LOST',
            `its snapshots ${nameSome(snapshots)} go with it`,
            'clone from one first to keep it',
          ),
        ]),
    ...(objects.length === 0
      ? []
      : [
          warn(
            'FIREWALL_OBJECTS_LOST',
            `${nameSome(objects)} of its firewall are not put back`,
            'put aliases and IP sets into the firewall of the datacenter',
          ),
        ]),
  ];
}

/**
 * Plans a reset by making a container anew.
 *
 * @param request - the container and what it must keep; where it is gone already, only its making is planned.
 * @returns its part of the plan.
 */
export function planRemake(request: RemakeRequest): ContainerPlan {
  const { context, match, kept, facts, reason, at } = request;
  const { actual } = match;
  const { key } = match.desired;
  const vmid = match.vmid as number;
  const node = kept?.node ?? match.desired.node;
  const target: Target = { key, vmid, node };
  // of one about which nothing is known, only the file tells whether it runs
  const asBefore = kept ? withKept(asOfNow(match.desired, Date.parse(at)), kept) : match.desired;
  const isAsleep = wakesUp(asBefore, asBefore.power === 'running', (asBefore.provision ?? []).length > 0);
  const desired: DesiredContainer = isAsleep ? { ...asBefore, power: 'running' } : asBefore;
  const gone = actual ? removal(request, actual) : [];
  const after = gone.slice(-1).map(({ id }) => id);
  const precondition: Precondition = actual
    ? { kind: 'none' }
    : { kind: 'vmid-free', flexible: false, from: vmid, to: vmid };
  const made = createContainer(context, desired, { vmid, node }, { precondition, reason, after });
  const wanted = kept?.acls ?? [];
  // not before it is back in its pool, because the right to give rights may come from there
  const acls = aclActions(
    target,
    actual ? wanted : missingAcls(wanted, facts.acls.get(vmid) ?? []),
    made.actions.slice(0, 1).map(({ id }) => id),
  );
  const plan: ContainerPlan = {
    key,
    outcome: actual ? 'recreate' : 'create',
    actions: made.actions.length > 0 ? [...gone, ...made.actions] : [],
    refusals: [...match.refusals, ...nodeObstacles(context, key, node), ...made.refusals],
    notices: [...match.notices, ...(actual ? lossNotices(request, actual) : []), ...(made.notices ?? [])],
    ...(made.template ? { template: made.template } : {}),
    ...(made.origin ? { origin: made.origin } : {}),
    ...(made.config ? { config: made.config } : {}),
  };
  if (plan.actions.length === 0) return { ...plan, outcome: 'refused' };
  const complete = completeContainer(context.snapshot, desired, actual, plan);
  const based = withBaselines(context.fleet.name, [{ ...match, desired }], [complete], context.snapshot);
  const [whole = complete] = based.plans;
  const isLoss = actual !== undefined;
  const steps = isAsleep ? downAgain(target, whole.actions) : whole.actions;
  const actions = [...steps, ...acls].map(
    (action): Action =>
      isLoss && action.risk === 'safe' && action.kind.startsWith('container.') && !action.inside
        ? { ...action, risk: 'destructive' }
        : action,
  );
  return { ...whole, actions };
}

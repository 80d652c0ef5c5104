/** The planner: file + cluster + policy → plan. Pure; the same inputs in any order give the same bytes. */
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import { assemblePlan, type ContainerPlan, extendPlan } from './assemble.ts';
import { demandsOf, judgeCapacity } from './capacity.ts';
import { dependencyCycle, linkContainers, withAwaited } from './dependencies.ts';
import type { DesiredFleet } from './desired.ts';
import { planDownloads } from './downloads.ts';
import { ownedBy } from './identify.ts';
import { knownContainer, withAccounts } from './lab/account-actions.ts';
import { withBaselines } from './lab/baseline.ts';
import { frozenOf } from './lab/frozen.ts';
import { matchFleet } from './match.ts';
import { specDigestOf, tagRefused, tagRefusedHint } from './ownership.ts';
import { placeFleet } from './placement.ts';
import { type Action, makingKinds, type Plan, type Policy, type Refusal } from './plan.ts';
import { planContainer } from './plan-container.ts';
import { createPlanContext } from './plan-context.ts';
import { linkSources } from './plan-copy.ts';
import { planRemoval } from './plan-remove.ts';
import { refusal } from './refusal.ts';
import { templatesLast } from './removal-order.ts';
import { renameHints } from './rename.ts';
import { tooManyDestroyed } from './risk.ts';
import { keyFilter } from './scope.ts';
import { withSnapshot } from './snapshot-first.ts';

/** What left the file while it is frozen stays until it is unfrozen. */
function keepFrozen(actual: ActualContainer, key: string): ContainerPlan {
  const message = `${key}: left the fleet file, but container ${actual.vmid} is frozen and stays`;
  const hint = `pvefleet unfreeze ${actual.vmid}, then apply again`;
  return {
    key,
    outcome: 'unchanged',
    actions: [],
    refusals: [],
    notices: [{ severity: 'info', code: 'FROZEN', message, hint }],
  };
}

/** Removal of owned containers; two that claim the same key are left alone, because one is a copy made by hand. */
function planRemovals(
  containers: readonly ActualContainer[],
  policy: Policy,
  reason: string,
  keepsFrozen: boolean,
): ContainerPlan[] {
  const isMeant = keyFilter(policy);
  const byKey = new Map<string, ActualContainer[]>();
  for (const container of containers) {
    const key = container.ownership?.key ?? '';
    const same = byKey.get(key);
    if (same) same.push(container);
    else byKey.set(key, [container]);
  }
  const plans = [...byKey]
    .filter(([key]) => isMeant(key))
    .map(([key, [first, ...more]]): ContainerPlan => {
      if (more.length === 0) {
        const only = first as ActualContainer;
        return keepsFrozen && frozenOf(only)
          ? keepFrozen(only, key)
          : planRemoval(only, key, policy, { reason, purge: true });
      }
      const vmids = [first, ...more].map((one) => one?.vmid).join(' and ');
      const ambiguous = refusal(
        { key },
        {
          code: 'OWNERSHIP_AMBIGUOUS',
          message: `containers ${vmids} both say that they are it, so none is destroyed`,
          hint: 'a clone copies the notes: remove the pvefleet line from the notes of the wrong one',
        },
      );
      return { key, outcome: 'refused', actions: [], refusals: [ambiguous], notices: [] };
    });
  return templatesLast(plans, containers);
}

/** Destructions that are permitted as such, so that only their number is left to judge. */
function permittedDestructions(plans: readonly ContainerPlan[], policy: Policy): string[] {
  return plans
    .filter(
      ({ outcome }) =>
        (outcome === 'destroy' && policy.allow.destroy) || (outcome === 'recreate' && policy.allow.recreate),
    )
    .map(({ key }) => key)
    .sort(naturalCompare);
}

const takesOwnership = ({ kind, changes }: Action): boolean =>
  makingKinds.has(kind) || changes.some(({ field }) => field === 'ownership');

const tagNotice: Diagnostic = {
  severity: 'warning',
  code: 'TAG_REFUSED',
  message: tagRefused,
  hint: tagRefusedHint,
};

const present = (...refusals: (Refusal | undefined)[]): Refusal[] =>
  refusals.filter((one) => one !== undefined);

/**
 * Plans what makes the cluster as the file says.
 *
 * @param file - the fleet file.
 * @param snapshot - the cluster; containers that {@link containersToRead} names must be read in full.
 * @param policy - what is allowed, and which containers are meant.
 * @returns the plan; with refusals when something may not or cannot be done.
 */
export function planFleet(file: DesiredFleet, snapshot: ClusterSnapshot, policy: Policy): Plan {
  const isMeant = keyFilter(policy);
  const placed = placeFleet(file, snapshot);
  const { fleet } = placed;
  const { matches, orphans } = matchFleet(fleet, snapshot);
  const meant = matches
    .filter(({ desired }) => isMeant(desired.key))
    .map((match) => {
      const nowhere = placed.refusals.get(match.desired.key);
      return nowhere ? { ...match, refusals: [...match.refusals, nowhere] } : match;
    });
  const context = createPlanContext(fleet, snapshot, policy, matches);
  const planned = meant.map((match) => {
    const plan = planContainer(context, match);
    if (!policy.snapshotFirst) return plan;
    return withSnapshot(plan, { actual: match.actual, digest: specDigestOf(match.desired) }, snapshot);
  });
  const based = withBaselines(fleet.name, meant, planned, snapshot);
  const { plans, downloads } = planDownloads(based.plans, snapshot.storages);
  const cycle = dependencyCycle(fleet.containers);
  const linked = linkSources(cycle ? plans : linkContainers(withAwaited(plans, meant), fleet.containers));
  const removed = policy.prune ? planRemovals(orphans, policy, 'left the fleet file', true) : [];
  const doomed = new Set(removed.map(({ key }) => key));
  const hints = renameHints(
    meant.filter(({ actual, vmid }) => !actual && vmid !== undefined).map(({ desired }) => desired),
    orphans.filter(({ ownership }) => doomed.has(ownership?.key ?? '')),
    snapshot.tagStyle,
  );
  const hinted = linked.map((one) => {
    const hint = hints.get(one.key);
    return hint ? { ...one, notices: [...one.notices, hint] } : one;
  });
  const containers = [...hinted, ...removed];
  const plan = assemblePlan({
    fleet: fleet.name,
    containers,
    shared: downloads,
    refusals: present(cycle, tooManyDestroyed(fleet.name, permittedDestructions(containers, policy), policy)),
  });
  const capacity = judgeCapacity(fleet.name, demandsOf(plan.actions, snapshot, fleet.capacity));
  const tagless = snapshot.ownTag === 'refused' && plan.actions.some(takesOwnership) ? [tagNotice] : [];
  const whole = extendPlan(plan, {
    ...capacity,
    notices: [...placed.notices, ...based.notices, ...capacity.notices, ...tagless],
  });
  const { access } = snapshot;
  // also without accounts in the file: those that are there are not wanted any more
  if (!access) return whole;
  const known = [
    ...matches.flatMap(({ desired, actual }) => (actual ? [knownContainer(actual, desired.key)] : [])),
    ...orphans.map((orphan) => knownContainer(orphan)),
  ];
  return withAccounts(whole, { fleet, access, containers: known, policy });
}

/**
 * Plans the removal of everything that a fleet owns.
 *
 * @param fleetName - name of the fleet.
 * @param snapshot - the cluster.
 * @param policy - what is allowed, and which containers are meant.
 * @returns the plan.
 */
export function planDestroy(fleetName: string, snapshot: ClusterSnapshot, policy: Policy): Plan {
  const containers = planRemovals(ownedBy(fleetName, snapshot), policy, 'the fleet is destroyed', false);
  const plan = assemblePlan({
    fleet: fleetName,
    containers,
    refusals: present(tooManyDestroyed(fleetName, permittedDestructions(containers, policy), policy)),
  });
  const { access } = snapshot;
  if (!access) return plan;
  const known = ownedBy(fleetName, snapshot).map((container) => knownContainer(container));
  return withAccounts(plan, { fleet: { name: fleetName }, access, containers: known, policy });
}

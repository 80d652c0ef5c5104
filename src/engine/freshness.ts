/** Whether a plan that was made earlier still fits the cluster. Pure. */
import type { ClusterSnapshot } from '../domain/actual.ts';
import { isAccountAction } from '../domain/lab/account-actions.ts';
import { staleAccount } from '../domain/lab/account-facts.ts';
import { type Action, makingKinds, type Plan } from '../domain/plan.ts';
import type { StaleAction } from './errors.ts';

/** Ids that an earlier action of the plan frees. */
function freed(plan: Plan): ReadonlySet<number> {
  const destroys = plan.actions.filter((action) => action.kind === 'container.destroy');
  return new Set(destroys.flatMap(({ target }) => (target.vmid === undefined ? [] : [target.vmid])));
}

/** Why a create action no longer fits. */
function staleCreate(plan: Plan, action: Action, snapshot: ClusterSnapshot): string | undefined {
  const { key, vmid } = action.target;
  const leaving = freed(plan);
  const twin = [...snapshot.containers.values()].find(
    ({ ownership, vmid: id }) => ownership?.fleet === plan.fleet && ownership.key === key && !leaving.has(id),
  );
  if (twin) return `${key} exists already: CT ${twin.vmid} on ${twin.node}`;
  if (action.precondition.kind !== 'vmid-free' || action.precondition.flexible || vmid === undefined) {
    return undefined;
  }
  const taker = snapshot.guests.find((guest) => guest.vmid === vmid && !leaving.has(vmid));
  return taker && `id ${vmid} is taken by ${taker.name ?? taker.type} on ${taker.node}`;
}

/** Where containers are before the plan moves them, by id and the node that they go to. */
function leaving(plan: Plan): ReadonlyMap<string, string> {
  const moves = plan.actions.filter((action) => action.kind === 'container.migrate');
  return new Map(
    moves.map(({ target, request }) => [`${target.vmid} ${String(request.params['target'])}`, target.node]),
  );
}

/** Why an action on an existing container no longer fits. */
function staleChange(
  action: Action,
  snapshot: ClusterSnapshot,
  from: ReadonlyMap<string, string>,
): string | undefined {
  const { vmid } = action.target;
  if (vmid === undefined) return undefined;
  const node = from.get(`${vmid} ${action.target.node}`) ?? action.target.node;
  const guest = snapshot.guests.find((one) => one.vmid === vmid);
  if (!guest) return `CT ${vmid} does not exist any more`;
  if (guest.node !== node) return `CT ${vmid} has moved from ${node} to ${guest.node}`;
  if (action.precondition.kind !== 'digest') return undefined;
  const container = snapshot.containers.get(vmid);
  if (!container) return `CT ${vmid} cannot be read`;
  return container.digest === action.precondition.digest ? undefined : `CT ${vmid} has changed`;
}

/**
 * Compares a plan's preconditions with the cluster.
 *
 * @param plan - made earlier.
 * @param snapshot - observed now: the fleet's containers and those that the plan names, users, pools, roles and rights.
 * @returns the actions that no longer fit; empty: carry on.
 */
export function staleActions(plan: Plan, snapshot: ClusterSnapshot): StaleAction[] {
  const created = new Set(
    plan.actions.filter(({ kind }) => makingKinds.has(kind)).map(({ target }) => target.key),
  );
  const moved = leaving(plan);
  return plan.actions.flatMap((action): StaleAction[] => {
    const { key, vmid } = action.target;
    const follows =
      created.has(key) && action.kind !== 'container.destroy' && action.precondition.kind === 'none';
    const reason = isAccountAction(action)
      ? staleAccount(action, snapshot.access)
      : makingKinds.has(action.kind)
        ? staleCreate(plan, action, snapshot)
        : action.kind.startsWith('template.') || follows
          ? undefined
          : staleChange(action, snapshot, moved);
    return reason === undefined
      ? []
      : [{ id: action.id, key, reason, ...(vmid === undefined ? {} : { vmid }) }];
  });
}

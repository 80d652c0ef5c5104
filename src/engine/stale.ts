/** What of a saved plan is left out when parts of it are stale, and why. Pure. */
import { isAccountAction } from '../domain/lab/account-actions.ts';
import type { Plan } from '../domain/plan.ts';
import type { StaleAction } from './errors.ts';

/**
 * Finds everything that cannot go on: all steps of a container, or of an account, with a stale step, what waits for them, and the templates
 * that nobody needs then.
 *
 * @param plan - made earlier.
 * @param stale - the actions that no longer fit.
 * @returns reason by action id, for the actions that are left out.
 */
export function leftOut(plan: Plan, stale: readonly StaleAction[]): ReadonlyMap<string, string> {
  const accounts = new Set(plan.actions.filter(isAccountAction).map(({ id }) => id));
  // the login of a student may be the key of a container as well
  const reasonsOf = (about: 'accounts' | 'containers'): ReadonlyMap<string, string> =>
    new Map(
      stale
        .filter(({ id }) => accounts.has(id) === (about === 'accounts'))
        .map(({ key, reason }) => [key, reason]),
    );
  const [ofContainers, ofAccounts] = [reasonsOf('containers'), reasonsOf('accounts')];
  const left = new Map<string, string>();
  // the actions of a plan stand in the order of their dependencies, so that one pass finds the followers of followers
  for (const { id, kind, target, dependsOn } of plan.actions) {
    const reasons = accounts.has(id) ? ofAccounts : ofContainers;
    const own = kind.startsWith('template.') ? undefined : reasons.get(target.key);
    const need = dependsOn.find((before) => left.has(before));
    const reason = own ?? (need === undefined ? undefined : `it waits for ${need}, which is left out`);
    if (reason !== undefined) left.set(id, reason);
  }
  for (const { id, kind } of plan.actions) {
    const users = plan.actions.filter(({ dependsOn }) => dependsOn.includes(id));
    if (kind.startsWith('template.') && users.length > 0 && users.every((user) => left.has(user.id)))
      left.set(id, 'what needs it is left out');
  }
  return left;
}

/** Before anything is written: may this account do all that the plan wants? One request at most. Changes nothing. */
import { PveError } from '../api/errors/pve-error.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import { extendPlan } from '../domain/assemble.ts';
import { type Account, isRoot, judgeRights, rightsRefusals } from '../domain/judge-rights.ts';
import type { PermissionTree } from '../domain/permission-tree.ts';
import type { Plan, Refusal } from '../domain/plan.ts';
import { rightsOf } from '../domain/rights.ts';
import { messageOf } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { warn } from './notices.ts';

/** The part of an observation that rights depend on. */
type Observed = Pick<ClusterSnapshot, 'containers' | 'tagRules' | 'roles'>;

/**
 * Reads what the account may do.
 *
 * @returns privileges by ACL path.
 */
export async function readPermissions(context: EngineContext): Promise<PermissionTree> {
  const answer = await context.pve.get('/access/permissions', {}, { signal: context.signal });
  return answer as PermissionTree;
}

/**
 * Judges a plan by an account's rights.
 *
 * @param plan - as planning made it.
 * @param observed - the cluster that it was made from.
 * @param account - who is to carry it out.
 * @returns refusals with code `RIGHTS_MISSING` and `ROOT_ONLY`.
 */
export function judgePlan(plan: Plan, observed: Observed, account: Account): Refusal[] {
  return rightsRefusals(plan.fleet, judgeRights(rightsOf(plan.actions, observed), account), account);
}

async function permissionsOrNotice(context: EngineContext): Promise<PermissionTree | undefined> {
  try {
    return await readPermissions(context);
  } catch (error) {
    if (!(error instanceof PveError) || error.status === undefined || context.signal.aborted) throw error;
    warn(context, 'RIGHTS_UNKNOWN', `the rights of this account could not be read: ${messageOf(error)}`);
    return undefined;
  }
}

/**
 * Finds out which steps of a plan the server would refuse.
 *
 * @param plan - as planning made it.
 * @param observed - the cluster that it was made from.
 * @returns the plan, with a refusal for everything that the account may not do; unchanged for root@pam, for a plan without
 *   actions, and, with a notice event, where the rights cannot be read.
 */
export async function preflight(context: EngineContext, plan: Plan, observed: Observed): Promise<Plan> {
  const { identity } = context;
  if (plan.actions.length === 0 || isRoot(identity)) return plan;
  const tree = await permissionsOrNotice(context);
  if (!tree) return plan;
  const account: Account = { tree, ...(identity === undefined ? {} : { identity }) };
  return extendPlan(plan, { refusals: judgePlan(plan, observed, account) });
}

/** Before anything is written: may this account do all that the plan wants? One request at most. Changes nothing. */
import { PveError } from '../api/errors/pve-error.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import { extendPlan } from '../domain/assemble.ts';
import { type Account, isRoot, judgeRights, rightsRefusals } from '../domain/judge-rights.ts';
import type { ActualAccess } from '../domain/lab/access.ts';
import type { PermissionTree } from '../domain/permission-tree.ts';
import type { Plan, Refusal } from '../domain/plan.ts';
import { refusal } from '../domain/refusal.ts';
import { type RightsFacts, rightsOf } from '../domain/rights.ts';
import { messageOf } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { readRoles } from './lab/observe-access.ts';
import { warn } from './notices.ts';

/** The part of an observation that rights depend on. */
type Observed = RightsFacts & Pick<ClusterSnapshot, 'access'>;

/**
 * Adds what the roles of the cluster give.
 *
 * @param roles - default: those of the observation, where it has any.
 */
export function withRoles(
  observed: Observed,
  roles: ActualAccess['roles'] | undefined = observed.access?.roles,
): Observed {
  if (observed.roles || !roles) return observed;
  return { ...observed, roles: new Map(roles.map(({ roleid, privileges }) => [roleid, privileges])) };
}

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

/** What the server refuses to API tokens, whatever rights they have. PVE: transport-auth §7, PUT /access/password. */
function loginRefusals({ actions, fleet }: Plan, identity = ''): Refusal[] {
  const count = actions.filter(({ kind }) => kind === 'user.password').length;
  if (count === 0 || !identity.includes('!')) return [];
  const about = {
    code: 'LOGIN_NEEDED',
    message: `passwords of existing users cannot be set with an API token, and ${identity} is one`,
    hint: 'log in with user and password: PVEFLEET_USERNAME and PVEFLEET_PASSWORD instead of the token',
  };
  return [refusal({ key: fleet }, about)];
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
  const byToken = loginRefusals(plan, identity);
  const tree = await permissionsOrNotice(context);
  if (!tree) return extendPlan(plan, { refusals: byToken });
  const account: Account = { tree, ...(identity === undefined ? {} : { identity }) };
  const isAboutRoles = plan.actions.some(({ kind }) => kind === 'acl.grant' || kind === 'acl.revoke');
  const known = withRoles(observed);
  const facts = isAboutRoles && !known.roles ? withRoles(known, await readRoles(context)) : known;
  return extendPlan(plan, { refusals: [...byToken, ...judgePlan(plan, facts, account)] });
}

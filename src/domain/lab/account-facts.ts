/**
 * What an account step was planned from, as a digest in the plan, so that a plan that is carried out later can tell
 * whether somebody has changed it meanwhile. Pure.
 */
import { digestOf } from '../../util/canonical-json.ts';
import type { Action, JsonValue, Precondition } from '../plan.ts';
import type { AccountChange, ActualAccess } from './access.ts';
import { poolCreation } from './account-pools.ts';
import { roleCreation } from './account-rights.ts';
import { userCreation } from './account-users.ts';

type Step = Pick<AccountChange, 'kind' | 'request' | 'dependsOn'>;

const text = ({ request }: Step, name: string): string => String(request.params[name] ?? '');

/** PVE: members come in no order; the plan itself moves containers in and out, so they matter to a removal alone. */
function poolOf({ pools }: ActualAccess, poolid: string, withMembers: boolean): JsonValue {
  const pool = pools.find((one) => one.poolid === poolid);
  if (!pool) return null;
  const { comment = '', storages } = pool;
  if (!withMembers) return { poolid, comment };
  return { poolid, comment, vmids: pool.vmids.toSorted((a, b) => a - b), storages: storages.toSorted() };
}

function roleOf({ roles }: ActualAccess, roleid: string): JsonValue {
  const role = roles.find((one) => one.roleid === roleid);
  return role ? { roleid, privileges: role.privileges.toSorted() } : null;
}

const userOf = ({ users }: ActualAccess, userid: string): JsonValue =>
  (users.find((one) => one.userid === userid) as JsonValue | undefined) ?? null;

/** A right, the privileges that it gives, and whether there is what it needs, but for what the same plan makes. */
function rightOf(access: ActualAccess, step: Step): JsonValue {
  const [path, userid, roleid] = [text(step, 'path'), text(step, 'users'), text(step, 'roles')];
  const right = access.acls.find(
    (acl) => acl.type === 'user' && acl.path === path && acl.ugid === userid && acl.roleid === roleid,
  );
  const poolid = /^\/pool\/(.+)$/.exec(path)?.[1];
  const made = new Set(step.dependsOn);
  return {
    right: right ? { propagate: right.propagate } : null,
    role: made.has(roleCreation(roleid)) ? null : roleOf(access, roleid),
    user: made.has(userCreation(userid)) || access.users.some((one) => one.userid === userid),
    pool:
      poolid === undefined ||
      made.has(poolCreation(poolid)) ||
      access.pools.some((one) => one.poolid === poolid),
  };
}

/** Whether a step needs the members of its pool, which take a request each. */
export const needsMembers = ({ kind }: Pick<Action, 'kind'>): boolean =>
  kind === 'pool.delete' || kind === 'pool.remove-member';

function factOf(access: ActualAccess, step: Step): JsonValue {
  const [what] = step.kind.split('.');
  if (what === 'role') return roleOf(access, text(step, 'roleid'));
  if (what === 'user') return userOf(access, text(step, 'userid'));
  if (what === 'pool') return poolOf(access, text(step, 'poolid'), needsMembers(step));
  return rightOf(access, step);
}

/**
 * What must still be true when an account step is carried out.
 *
 * @param access - what the step was planned from.
 * @param step - as it was planned, with the ids that it was planned with.
 */
export function accountPrecondition(access: ActualAccess, step: Step): Precondition {
  return { kind: 'access', digest: digestOf(factOf(access, step)) };
}

/** What a step is about, for messages. */
function subjectOf(step: Step): string {
  const [what] = step.kind.split('.');
  if (what === 'role') return `the role ${text(step, 'roleid')}`;
  if (what === 'user') return `the user ${text(step, 'userid')}`;
  if (what === 'pool') return `the pool ${text(step, 'poolid')}`;
  return `what ${text(step, 'users')} may do on ${text(step, 'path')}`;
}

/**
 * Why an account step no longer fits.
 *
 * @param action - of a plan that was made earlier.
 * @param access - what there is now; absent: it could not be asked for.
 * @returns undefined while it fits, and for plans of versions that did not note what they were made from.
 */
export function staleAccount(action: Action, access: ActualAccess | undefined): string | undefined {
  const { precondition } = action;
  if (precondition.kind !== 'access' || !access) return undefined;
  const step = action as Step;
  const now = factOf(access, step);
  if (digestOf(now) === precondition.digest) return undefined;
  const subject = subjectOf(step);
  if (action.kind.endsWith('.create')) return `${subject} exists already`;
  return now === null ? `${subject} does not exist any more` : `${subject} has changed`;
}

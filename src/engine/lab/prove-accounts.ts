/** Read-back of users, pools, roles and rights after a change, and when the answer to one was lost. Reads only. */

import type { ActualUser } from '../../domain/lab/access.ts';
import { isAccountAction } from '../../domain/lab/account-actions.ts';
import type { AccountKind, Action, FieldChange, JsonValue } from '../../domain/plan.ts';
import { deepEqual } from '../../util/compare.ts';
import type { EngineContext } from '../context.ts';
import { requestText } from '../request-text.ts';
import type { RunState } from '../run-state.ts';
import { decodeUser, readAcls, readPool, readRoles } from './observe-access.ts';
import { isPasswordSet, unprovedPassword } from './prove-password.ts';

type Proof = (context: EngineContext, action: Action, run?: RunState) => Promise<FieldChange[]>;

const off = (field: string, from: JsonValue, to: JsonValue): FieldChange => ({
  field,
  from,
  to,
  effect: 'live',
});
const text = (action: Action, name: string): string => requestText(action.request, name) ?? '';

async function readUser(context: EngineContext, userid: string): Promise<ActualUser | undefined> {
  // the list, and not the single user: the latter is an error like any other when there is none
  const rows = await context.pve.get('/access/users', {}, { signal: context.signal });
  const row = rows.find((one) => one.userid === userid);
  return row && decodeUser(userid, row);
}

const userFields = ['firstname', 'lastname', 'email', 'comment', 'enable', 'expire'] as const;

const provedUser: Proof = async (context, action, run) => {
  const user = await readUser(context, text(action, 'userid'));
  if (!user) return [off('user', 'present', 'absent')];
  const { params } = action.request;
  const fields = userFields.flatMap((field) => {
    const wanted = params[field] as JsonValue | undefined;
    const found = user[field] ?? (field === 'comment' || field === 'email' ? '' : null);
    return wanted === undefined || deepEqual(wanted, found) ? [] : [off(field, wanted, found)];
  });
  return [...fields, ...(await unprovedPassword(context, run, action, user))];
};

const provedPassword: Proof = async (context, action, run) => {
  const user = await readUser(context, text(action, 'userid'));
  return user ? unprovedPassword(context, run, action, user) : [off('user', 'present', 'absent')];
};

const provedPool: Proof = async (context, action) => {
  const pool = await readPool(context, text(action, 'poolid'));
  if (!pool) return [off('pool', 'present', 'absent')];
  const comment = text(action, 'comment');
  return pool.comment === comment ? [] : [off('comment', comment, pool.comment ?? null)];
};

const provedRole: Proof = async (context, action) => {
  const wanted = text(action, 'privs').split(',').sort();
  const role = (await readRoles(context)).find(({ roleid }) => roleid === text(action, 'roleid'));
  if (!role) return [off('role', 'present', 'absent')];
  return deepEqual(wanted, role.privileges) ? [] : [off('privileges', wanted, [...role.privileges])];
};

/** PVE: a path names an id, and another one may have been taken for the container. */
function pathNow(action: Action, run: RunState | undefined): string {
  const path = text(action, 'path');
  const vmid = /^\/vms\/(\d+)$/.exec(path)?.[1];
  return vmid === undefined || !run ? path : `/vms/${run.idNow(Number(vmid))}`;
}

const provedRight =
  (isThere: boolean): Proof =>
  async (context, action, run) => {
    const path = pathNow(action, run);
    const [userid, roleid] = [text(action, 'users'), text(action, 'roles')];
    const found = (await readAcls(context)).some(
      (acl) => acl.type === 'user' && acl.path === path && acl.ugid === userid && acl.roleid === roleid,
    );
    if (found === isThere) return [];
    return [off(path, isThere ? roleid : null, found ? roleid : null)];
  };

const provedEmpty: Proof = async (context, action) => {
  const left = (await readPool(context, text(action, 'poolid')))?.vmids ?? [];
  const wanted = text(action, 'vms').split(',').map(Number);
  const still = left.filter((vmid) => wanted.includes(vmid));
  return still.length === 0 ? [] : [off('members', [], still)];
};

const gone =
  (what: string, find: (context: EngineContext, action: Action) => Promise<unknown>): Proof =>
  async (context, action) =>
    (await find(context, action)) === undefined ? [] : [off(what, 'absent', 'present')];

const proofs: Readonly<Record<AccountKind, Proof>> = {
  'role.create': provedRole,
  'role.update': provedRole,
  'role.delete': gone('role', async (context, action) =>
    (await readRoles(context)).find(({ roleid }) => roleid === text(action, 'roleid')),
  ),
  'user.create': provedUser,
  'user.update': provedUser,
  'user.password': provedPassword,
  'user.delete': gone('user', (context, action) => readUser(context, text(action, 'userid'))),
  'pool.create': provedPool,
  'pool.update': provedPool,
  'pool.remove-member': provedEmpty,
  'pool.delete': gone('pool', (context, action) => readPool(context, text(action, 'poolid'))),
  'acl.grant': provedRight(true),
  'acl.revoke': provedRight(false),
};

/**
 * Compares what an action was to do about an account with what is there.
 *
 * @param run - ids that were chosen anew.
 * @returns planned changes that are not there; from: wanted, to: found.
 */
export async function unprovedAccount(
  context: EngineContext,
  run: RunState | undefined,
  action: Action,
): Promise<FieldChange[]> {
  return isAccountAction(action) ? proofs[action.kind](context, action, run) : [];
}

/**
 * Whether the effect is there, after an answer was lost.
 *
 * @param action - with the request as it was sent.
 */
export async function isAccountDone(context: EngineContext, action: Action): Promise<boolean> {
  if (action.kind === 'user.password') return isPasswordSet(context, action);
  return (await unprovedAccount(context, undefined, action)).length === 0;
}

/**
 * Rights that requests about users, pools, roles and ACLs need; rows of the rights table. Pure.
 * PVE: permissions of the API schema, and pve-access-control API2/ACL.pm: whoever may allocate on a path may hand out there
 * what he has himself, and with Permissions.Modify anything.
 */
import { type Need, type Right, right } from '../config-rights.ts';
import type { Action } from '../plan.ts';

interface Asked {
  readonly params: Readonly<Record<string, string>>;
  /** Privileges by role. */
  readonly facts: { readonly roles?: ReadonlyMap<string, readonly string[]> };
}

type Rule = (asked: Asked) => readonly (Need['oneOf'] | Need)[];

/** Pools of students are many, and to come: rights on them are granted on all pools. */
const onPool = (poolid: string | undefined, privilege: string): Right => ({
  path: `/pool/${poolid}`,
  privilege,
  grantAt: '/pool',
});

const realmOf = (userid = ''): string => userid.slice(userid.lastIndexOf('@') + 1);
const modifyUser = right('/access/groups', 'User.Modify');
const allocateUser = (userid: string | undefined): Need['oneOf'] =>
  right(`/access/realm/${realmOf(userid)}`, 'Realm.AllocateUser');

const allocatePool: Rule = ({ params }) => [[[onPool(params['poolid'], 'Pool.Allocate')]]];
const changeRole: Rule = () => [right('/access', 'Sys.Modify')];

const poolOf = ({ params }: Pick<Asked, 'params'>): string | undefined =>
  /^\/pool\/(.+)$/.exec(params['path'] ?? '')?.[1];

/** Whether a role is given, or taken, on a pool. */
export const givesOnPool = (asked: Pick<Asked, 'params'>): boolean => poolOf(asked) !== undefined;

/** What that needs. */
export const giveOnPool: Rule = (asked) => {
  const pool = poolOf(asked);
  const privileges = asked.facts.roles?.get(asked.params['roles'] ?? '');
  // without the role's privileges it cannot be told what is given
  const own = privileges && ['Pool.Allocate', ...privileges].map((privilege) => onPool(pool, privilege));
  return [[...(own ? [own] : []), [onPool(pool, 'Permissions.Modify')]]];
};

/** By operation, as in the rights table. */
export const accountRights: Readonly<Record<string, Rule>> = {
  'POST /access/users': ({ params }) => [allocateUser(params['userid']), modifyUser],
  'PUT /access/users/{userid}': () => [modifyUser],
  'DELETE /access/users/{userid}': ({ params }) => [allocateUser(params['userid']), modifyUser],
  'PUT /access/password': ({ params }) => [allocateUser(params['userid']), modifyUser],
  'POST /access/roles': changeRole,
  'PUT /access/roles/{roleid}': changeRole,
  'DELETE /access/roles/{roleid}': changeRole,
  'POST /pools': allocatePool,
  'DELETE /pools': allocatePool,
};

/**
 * Roles as a plan leaves them.
 *
 * @param roles - privileges by role, as observed.
 * @param actions - of the plan.
 * @returns the roles, with those that the plan makes or changes.
 */
export function rolesAfter(
  roles: ReadonlyMap<string, readonly string[]>,
  actions: readonly Action[],
): ReadonlyMap<string, readonly string[]> {
  const made = actions.flatMap(({ kind, request }): [string, string[]][] => {
    const { roleid, privs } = request.params;
    return (kind === 'role.create' || kind === 'role.update') && typeof roleid === 'string'
      ? [[roleid, String(privs).split(',')]]
      : [];
  });
  return new Map([...roles, ...made]);
}

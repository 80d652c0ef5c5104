/**
 * The role of students, and who has it where. Neither roles nor rights can hold a mark: a role is the fleet's own while
 * nothing else uses it, and a right is it on the fleet's own pools and containers, with that role.
 */
import { naturalCompare } from '../../util/compare.ts';
import type { DesiredAccounts, DesiredStudent, Vmid } from '../desired.ts';
import type { Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import {
  type AccountChange,
  type ActualAccess,
  type ActualAcl,
  type OwnContainer,
  readMark,
} from './access.ts';
import { poolCreation } from './account-pools.ts';
import { userCreation } from './account-users.ts';

/** What role and rights come to. */
export interface RightsPlan {
  readonly role: readonly AccountChange[];
  readonly granted: readonly AccountChange[];
  readonly revoked: readonly AccountChange[];
  readonly refusals: readonly Refusal[];
}

/** What role and rights are planned from. */
export interface RightsRequest {
  readonly fleet: string;
  readonly accounts?: DesiredAccounts;
  readonly students: readonly DesiredStudent[];
  readonly actual: ActualAccess;
  readonly own: ReadonlyMap<Vmid, OwnContainer>;
}

/** Why everything goes. */
export const noAccounts = 'the fleet has no accounts any more';

/** Name of the role that a fleet makes when the file names none. */
const defaultRole = (fleet: string): string => `${fleet}-student`;

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join() === [...b].sort().join();

/** Paths that are the fleet's own. */
function ownPaths({ fleet, students, actual, own }: RightsRequest): Set<string> {
  const marked = actual.pools.filter(({ comment }) => readMark(comment)?.fleet === fleet);
  return new Set([
    ...marked.map(({ poolid }) => `/pool/${poolid}`),
    ...students.flatMap(({ account }) => (account?.pool === undefined ? [] : [`/pool/${account.pool}`])),
    ...[...own.keys()].map((vmid) => `/vms/${vmid}`),
  ]);
}

/** Id of the change that creates a role. */
export const roleCreation = (roleid: string): string => `role/${roleid}/create`;

function planRole(request: RightsRequest, paths: ReadonlySet<string>): Pick<RightsPlan, 'role' | 'refusals'> {
  const { fleet, accounts, actual } = request;
  const uses = (roleid: string): ActualAcl[] => actual.acls.filter((acl) => acl.roleid === roleid);
  const common = { changes: [], dependsOn: [], phase: 'before' } as const;
  if (!accounts) {
    const roleid = defaultRole(fleet);
    const role = actual.roles.find((one) => one.roleid === roleid);
    const used = uses(roleid);
    // used by this fleet, and by nothing else: only then it is certain whose it is
    if (!role || role.isBuiltIn || used.length === 0 || used.some(({ path }) => !paths.has(path)))
      return { role: [], refusals: [] };
    const removal: AccountChange = {
      ...common,
      id: `role/${roleid}/delete`,
      kind: 'role.delete',
      target: roleid,
      request: { method: 'DELETE', path: '/access/roles/{roleid}', params: { roleid } },
      risk: 'destructive',
      reason: noAccounts,
    };
    return { role: [removal], refusals: [] };
  }
  const { name: roleid, privileges } = accounts.role;
  const role = actual.roles.find((one) => one.roleid === roleid);
  const refuse = (code: string, message: string, hint: string): Pick<RightsPlan, 'role' | 'refusals'> => ({
    role: [],
    refusals: [refusal({ key: fleet }, { code, message, hint })],
  });
  if (!privileges)
    return role
      ? { role: [], refusals: [] }
      : refuse(
          'ROLE_MISSING',
          `there is no role ${roleid}`,
          `to have it created write role: { name: ${roleid} } with its privileges`,
        );
  const privs = privileges.join(',');
  if (!role)
    return {
      role: [
        {
          ...common,
          id: roleCreation(roleid),
          kind: 'role.create',
          target: roleid,
          request: { method: 'POST', path: '/access/roles', params: { roleid, privs } },
          changes: [{ field: 'privileges', from: null, to: [...privileges], effect: 'live' }],
          risk: 'safe',
          reason: 'not there yet',
        },
      ],
      refusals: [],
    };
  if (sameSet(role.privileges, privileges)) return { role: [], refusals: [] };
  const elsewhere = uses(roleid).find(({ path }) => !paths.has(path));
  if (role.isBuiltIn || elsewhere)
    return refuse(
      'ROLE_FOREIGN',
      `the role ${roleid} has other privileges and ${
        elsewhere ? `is used at ${elsewhere.path} too` : 'comes with Proxmox VE'
      }`,
      `write role: ${roleid} to use it as it is, or give the own one another name`,
    );
  return {
    role: [
      {
        ...common,
        id: `role/${roleid}/update`,
        kind: 'role.update',
        target: roleid,
        request: { method: 'PUT', path: '/access/roles/{roleid}', params: { roleid, privs } },
        changes: [
          { field: 'privileges', from: [...role.privileges].sort(), to: [...privileges], effect: 'live' },
        ],
        risk: 'safe',
        reason: 'privileges differ',
      },
    ],
    refusals: [],
  };
}

interface Right {
  readonly path: string;
  readonly userid: string;
  readonly login: string;
}

/** Where each student is to have the role. */
function wantedRights({ students, own }: RightsRequest): Right[] {
  const vmids = new Map(
    [...own.values()].filter(({ leaves }) => !leaves).map(({ key, vmid }) => [key, vmid]),
  );
  return students.flatMap(({ login, account, containers }): Right[] => {
    if (!account) return [];
    const { userid, pool } = account;
    if (pool !== undefined) return [{ path: `/pool/${pool}`, userid, login }];
    return containers.flatMap((key) => {
      const vmid = vmids.get(key);
      return vmid === undefined ? [] : [{ path: `/vms/${vmid}`, userid, login }];
    });
  });
}

const idOf = (path: string, ugid: string): string => JSON.stringify([path, ugid]);

/** The container that a path is about; NaN: none. */
const vmidOf = (path: string): Vmid => Number(/^\/vms\/(\d+)$/.exec(path)?.[1]);

function planGrants(request: RightsRequest, role: string): AccountChange[] {
  const { actual, own } = request;
  const there = new Map(
    actual.acls
      .filter((acl) => acl.type === 'user' && acl.roleid === role)
      .map((acl) => [idOf(acl.path, acl.ugid), acl]),
  );
  const users = new Set(actual.users.map(({ userid }) => userid));
  const pools = new Set(actual.pools.map(({ poolid }) => poolid));
  const hasRole = actual.roles.some(({ roleid }) => roleid === role);
  return wantedRights(request).flatMap(({ path, userid, login }): AccountChange[] => {
    const isMadeAnew = own.get(vmidOf(path))?.isMadeAnew ?? false;
    const acl = isMadeAnew ? undefined : there.get(idOf(path, userid));
    if (acl?.propagate) return [];
    const pool = path.startsWith('/pool/') ? path.slice('/pool/'.length) : undefined;
    return [
      {
        id: `acl${path}/${userid}/grant`,
        kind: 'acl.grant',
        target: path,
        student: login,
        request: {
          method: 'PUT',
          path: '/access/acl',
          params: { path, users: userid, roles: role, propagate: true },
        },
        changes: [{ field: 'role', from: null, to: role, effect: 'live' }],
        risk: 'safe',
        reason: isMadeAnew
          ? 'the container is made anew'
          : acl
            ? 'does not reach what is below'
            : 'not there yet',
        dependsOn: [
          ...(hasRole ? [] : [roleCreation(role)]),
          ...(users.has(userid) ? [] : [userCreation(userid)]),
          ...(pool === undefined || pools.has(pool) ? [] : [poolCreation(pool)]),
        ],
        // rights on a container vanish with it, so they are granted when all containers are there
        phase: pool === undefined ? 'after' : 'before',
      },
    ];
  });
}

function planRevocations(
  request: RightsRequest,
  paths: ReadonlySet<string>,
  gone: ReadonlySet<string>,
): AccountChange[] {
  const { fleet, accounts, students, actual, own } = request;
  if (!accounts) return [];
  const { name: role, privileges } = accounts.role;
  const wanted = new Set(wantedRights(request).map(({ path, userid }) => idOf(path, userid)));
  const ours = new Set([
    ...actual.users.filter(({ comment }) => readMark(comment)?.fleet === fleet).map(({ userid }) => userid),
    ...students.flatMap(({ account }) => (account ? [account.userid] : [])),
  ]);
  return actual.acls
    .filter(({ path, type, ugid, roleid }) => {
      // what vanishes with its user, its pool or its container needs no request of its own
      const vanishes = gone.has(ugid) || gone.has(path) || own.get(vmidOf(path))?.leaves;
      const isOwn = type === 'user' && roleid === role && paths.has(path);
      // a role that others use as well may have been given to somebody by hand
      return (
        isOwn && !vanishes && !wanted.has(idOf(path, ugid)) && (ours.has(ugid) || privileges !== undefined)
      );
    })
    .sort((a, b) => naturalCompare(a.path, b.path) || naturalCompare(a.ugid, b.ugid))
    .map(
      ({ path, ugid }): AccountChange => ({
        id: `acl${path}/${ugid}/revoke`,
        kind: 'acl.revoke',
        target: path,
        request: {
          method: 'PUT',
          path: '/access/acl',
          params: { path, users: ugid, roles: role, delete: true },
        },
        changes: [{ field: 'role', from: role, to: null, effect: 'live' }],
        risk: 'disruptive',
        reason: `${ugid} has no containers there`,
        dependsOn: [],
        phase: 'before',
      }),
    );
}

/**
 * Plans role and rights.
 *
 * @param request - students, and what there is.
 * @param gone - users and `/pool/…` paths that are removed.
 * @returns what to create, grant and revoke.
 */
export function planRights(request: RightsRequest, gone: ReadonlySet<string>): RightsPlan {
  const paths = ownPaths(request);
  const { role, refusals } = planRole(request, paths);
  const granted = request.accounts ? planGrants(request, request.accounts.role.name) : [];
  return { role, refusals, granted, revoked: planRevocations(request, paths, gone) };
}

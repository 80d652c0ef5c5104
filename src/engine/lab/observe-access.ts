/** Users, pools, roles, rights and realms of the cluster, in five requests and one per pool that is to go. Reads only. */

import type { Returns } from '../../api/types.ts';
import { splitList } from '../../codec/list.ts';
import { decodeBoolean, decodeNumber } from '../../codec/scalar.ts';
import type { GuestSummary } from '../../domain/actual.ts';
import type { DesiredFleet, DesiredStudent } from '../../domain/desired.ts';
import { type ActualAccess, type ActualPool, type ActualUser, readMark } from '../../domain/lab/access.ts';
import type { EngineContext } from '../context.ts';
import { mapBounded } from '../parallel.ts';

type UserRow = Returns<'GET', '/access/users'>[number];
type PoolRow = Returns<'GET', '/pools'>[number];

/** Whose accounts are read. */
export interface AccessScope extends Pick<DesiredFleet, 'name' | 'students'> {
  /** Pools whose members are asked for, where that is known; else those that the fleet does not want any more. */
  readonly emptied?: ReadonlySet<string>;
}

/** Empty texts are as good as none. PVE: some fields of a user are there as soon as a later one is set. */
const texts = <K extends string>(
  row: Partial<Record<K, unknown>>,
  keys: readonly K[],
): Partial<Record<K, string>> =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = row[key];
      return typeof value === 'string' && value !== '' ? [[key, value]] : [];
    }),
  ) as Partial<Record<K, string>>;

/** A user as the list and the call for a single one have it. */
export function decodeUser(userid: string, row: Omit<UserRow, 'userid' | 'groups' | 'tokens'>): ActualUser {
  return {
    userid,
    ...texts(row, ['comment', 'email', 'firstname', 'lastname']),
    enable: decodeBoolean(row.enable) ?? true,
    expire: decodeNumber(row.expire) ?? 0,
  };
}

/**
 * Reads a pool with its members.
 *
 * @returns the pool; undefined when there is none.
 */
export async function readPool(context: EngineContext, poolid: string): Promise<ActualPool | undefined> {
  // the list first: to ask for one that is not there is an error like any other
  const rows = await context.pve.get('/pools', {}, { signal: context.signal });
  return rows.some((row) => row.poolid === poolid) ? readMembers(context, poolid) : undefined;
}

async function readMembers(context: EngineContext, poolid: string): Promise<ActualPool> {
  const [row] = await context.pve.get('/pools', { poolid }, { signal: context.signal });
  const members = row?.members ?? [];
  return {
    poolid,
    ...texts(row ?? {}, ['comment']),
    vmids: members.flatMap(({ vmid }) => decodeNumber(vmid) ?? []),
    storages: members.flatMap(({ storage, type }) =>
      type === 'storage' && storage !== undefined ? [storage] : [],
    ),
  };
}

/** A pool whose members are known from the list of guests; storages only matter where it is to be removed. */
function fromGuests(row: PoolRow, guests: readonly GuestSummary[]): ActualPool {
  return {
    poolid: row.poolid,
    ...texts(row, ['comment']),
    vmids: guests.filter(({ pool }) => pool === row.poolid).map(({ vmid }) => vmid),
    storages: [],
  };
}

/** Roles, as GET /access/roles has them. */
export async function readRoles(context: EngineContext): Promise<ActualAccess['roles']> {
  const rows = await context.pve.get('/access/roles', {}, { signal: context.signal });
  return rows.map(({ roleid, privs, special }) => ({
    roleid,
    privileges: splitList(privs ?? '').sort(),
    isBuiltIn: decodeBoolean(special) ?? false,
  }));
}

/** Rights, as GET /access/acl has them. */
export async function readAcls(context: EngineContext): Promise<ActualAccess['acls']> {
  const rows = await context.pve.get('/access/acl', {}, { signal: context.signal });
  return rows.map(({ path, type, ugid, roleid, propagate }) => ({
    path,
    type: type as 'user' | 'group' | 'token',
    ugid,
    roleid,
    propagate: decodeBoolean(propagate) ?? true,
  }));
}

/** Pools that stay whatever happens: those of students, and what is above them. */
function wantedPools(students: readonly DesiredStudent[]): Set<string> {
  return new Set(
    students.flatMap(({ account }) => {
      const parts = (account?.pool ?? '').split('/');
      return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    }),
  );
}

/**
 * Reads what accounts are removed from, where a fleet's file has none: two requests when it never had any.
 *
 * @param fleet - its name.
 * @param guests - all guests of the cluster, with their pools.
 * @returns undefined where no user and no pool carries its mark.
 */
export async function readLeftAccess(
  context: EngineContext,
  fleet: string,
  guests: readonly GuestSummary[],
): Promise<ActualAccess | undefined> {
  const options = { signal: context.signal };
  const [users, pools] = await Promise.all([
    context.pve.get('/access/users', {}, options),
    context.pve.get('/pools', {}, options),
  ]);
  const isOurs = ({ comment }: { readonly comment?: unknown }): boolean =>
    typeof comment === 'string' && readMark(comment)?.fleet === fleet;
  return [...users, ...pools].some(isOurs) ? readAccess(context, { name: fleet }, guests) : undefined;
}

/**
 * Reads what accounts are planned from.
 *
 * @param fleet - whose.
 * @param guests - all guests of the cluster, with their pools.
 * @returns what this account may see of it.
 */
export async function readAccess(
  context: EngineContext,
  fleet: AccessScope,
  guests: readonly GuestSummary[],
): Promise<ActualAccess> {
  const options = { signal: context.signal };
  const [users, pools, roles, acls, domains] = await Promise.all([
    context.pve.get('/access/users', {}, options),
    context.pve.get('/pools', {}, options),
    readRoles(context),
    readAcls(context),
    context.pve.get('/access/domains', {}, options),
  ]);
  const wanted = wantedPools(fleet.students ?? []);
  const read = await mapBounded(context.limits.requests, pools, async (row) => {
    const mayGo = fleet.emptied
      ? fleet.emptied.has(row.poolid)
      : readMark(row.comment)?.fleet === fleet.name && !wanted.has(row.poolid);
    return mayGo ? readMembers(context, row.poolid) : fromGuests(row, guests);
  });
  return {
    users: users.map((row) => decodeUser(row.userid, row)),
    pools: read,
    roles,
    acls,
    realms: domains.map(({ realm }) => realm),
  };
}

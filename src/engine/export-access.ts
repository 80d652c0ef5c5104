/**
 * Export, fourth part: users, groups, roles, rights, realms and pools. No password, no key and no second factor is read,
 * and what people are called stays where it is; tokens keep their names and get new secrets.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { splitList } from '../codec/list.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedAccess, ExportedPool, ExportedUser } from './export-types.ts';
import { compact } from './resources.ts';

const root = 'root@pam';
/** Names for a token of root that has all its rights; the first that is free, or is one already. */
const tokenNames = ['pvefleet', 'pvefleet-sim', 'pvefleet-sim2'];

/** root@pam can log in with a new password, and has a token that needs no further rights. */
function withRoot(users: Record<string, ExportedUser>): Record<string, ExportedUser> {
  const known = users[root] ?? { userid: root, enable: true, expire: 0, groups: [], tokens: {} };
  const { tokens } = known;
  const isFull = (name: string): boolean => {
    const token = tokens[name];
    return token === undefined || (!token.privsep && token.expire === 0);
  };
  const name = tokenNames.find(isFull) ?? 'pvefleet';
  const token = tokens[name] ?? { tokenid: name, secret: randomUUID(), privsep: false, expire: 0 };
  // The first one is what `sim serve` prints.
  const { [name]: _, ...others } = tokens;
  const user: ExportedUser = {
    ...known,
    enable: true,
    password: randomBytes(12).toString('hex'),
    tokens: { [name]: token, ...others },
  };
  return { ...users, [root]: user };
}

async function readUsers(reader: Reader): Promise<Record<string, ExportedUser>> {
  const rows = await reader.ask('users and tokens', (get, options) =>
    get('/access/users', { full: true }, options),
  );
  const users = (rows ?? []).map((row): [string, ExportedUser] => {
    const tokens = (row.tokens ?? []).map((token) => {
      const { tokenid, comment } = token;
      const entry = compact({
        tokenid,
        secret: randomUUID(),
        privsep: decodeBoolean(token.privsep) ?? true,
        expire: decodeNumber(token.expire) ?? 0,
        comment,
      });
      return [tokenid, entry] as const;
    });
    const user = compact({
      userid: row.userid,
      enable: decodeBoolean(row.enable) ?? true,
      expire: decodeNumber(row.expire) ?? 0,
      comment: row.comment,
      groups: splitList(row.groups ?? '').sort(),
      tokens: Object.fromEntries(tokens),
    });
    return [row.userid, user as ExportedUser];
  });
  return withRoot(Object.fromEntries(users));
}

/**
 * Reads users and rights.
 *
 * @returns what is readable, and root@pam with new credentials.
 */
export async function exportAccess(reader: Reader): Promise<ExportedAccess> {
  const [users, groups, roles, acls, realms] = await Promise.all([
    readUsers(reader),
    reader.ask('groups', (get, options) => get('/access/groups', {}, options)),
    reader.ask('roles', (get, options) => get('/access/roles', {}, options)),
    reader.ask('access control list', (get, options) => get('/access/acl', {}, options)),
    reader.ask('realms', (get, options) => get('/access/domains', {}, options)),
  ]);
  const own = (roles ?? []).filter((role) => decodeBoolean(role.special) !== true);
  return {
    users,
    groups: Object.fromEntries(
      (groups ?? []).map(({ groupid, comment, users: members }) => [
        groupid,
        compact({ comment, users: splitList(members ?? '').sort() }) as { users: string[] },
      ]),
    ),
    roles: Object.fromEntries(own.map(({ roleid, privs }) => [roleid, splitList(privs ?? '').sort()])),
    acls: (acls ?? []).map((acl) => ({
      path: acl.path,
      type: acl.type,
      ugid: acl.ugid,
      roleid: acl.roleid,
      propagate: decodeBoolean(acl.propagate) ?? true,
    })),
    realms: {
      pam: { type: 'pam' },
      pve: { type: 'pve' },
      ...Object.fromEntries(
        (realms ?? []).map(({ realm, type, comment, ...more }) => [
          realm,
          compact({
            type,
            comment,
            default: decodeBoolean((more as Record<string, unknown>)['default']) || undefined,
          }) as { type: string },
        ]),
      ),
    },
  };
}

/**
 * Reads the pools with their members.
 *
 * @returns pools by id; without the right to audit one, it is not even listed.
 */
export async function exportPools(reader: Reader): Promise<Record<string, ExportedPool>> {
  const rows = await reader.ask('pools', (get, options) => get('/pools', {}, options));
  const pools = await Promise.all(
    (rows ?? []).map(async ({ poolid, comment }) => {
      const details = await reader.ask(`members of pool ${poolid}`, (get, options) =>
        get('/pools', { poolid }, options),
      );
      const members = details?.[0]?.members ?? [];
      return compact({
        poolid,
        comment,
        vms: members.flatMap(({ vmid }) => decodeNumber(vmid) ?? []).sort((a, b) => a - b),
        storages: [
          ...new Set(members.flatMap(({ type, storage }) => (type === 'storage' ? (storage ?? []) : []))),
        ].sort(),
      }) as ExportedPool;
    }),
  );
  return Object.fromEntries(pools.map((pool) => [pool.poolid, pool]));
}

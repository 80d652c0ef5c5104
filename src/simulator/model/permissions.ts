/**
 * Who may do what: ACLs with propagation, groups, pools, and the intersection for tokens with privileges of their own
 * (PVE::AccessControl `roles`, PVE::RPCEnvironment `permissions`). Reads the state, changes nothing.
 */
import { roleOf } from './roles.ts';
import type { SimAcl, SimState } from './state.ts';

/** Roles or privileges, and whether they reach below the path. */
export type Grants = Record<string, 0 | 1>;

/** Parts of `user@realm!token`; a user has no token part. */
export interface AuthId {
  readonly userid: string;
  readonly tokenid?: string;
}

/**
 * Splits an id of a user or token.
 *
 * @param authid - `user@realm` or `user@realm!token`.
 */
export function splitAuthId(authid: string): AuthId {
  const at = authid.lastIndexOf('!');
  const inRealm = at > authid.lastIndexOf('@');
  return at > 0 && inRealm
    ? { userid: authid.slice(0, at), tokenid: authid.slice(at + 1) }
    : { userid: authid };
}

/**
 * Brings an ACL path to its normal form.
 *
 * @param path - as given, for example `vms//100/`.
 * @returns `/vms/100`, or `undefined` for an impossible path.
 */
export function normalizePath(path: string): string | undefined {
  if (path === '') return undefined;
  const clean = path.replaceAll(/\/+/g, '/').replace(/\/$/, '');
  const rooted = clean === '' ? '/' : clean.startsWith('/') ? clean : `/${clean}`;
  return /^[A-Za-z0-9.\-_/]+$/.test(rooted) ? rooted : undefined;
}

const word = '[A-Za-z0-9.\\-_]+';
const validPath = new RegExp(
  `^(?:${[
    '/',
    `/access(?:/groups(?:/${word})?|/realm(?:/${word})?)?`,
    `/nodes(?:/${word})?`,
    `/pool(?:/${word}){0,3}`,
    `/sdn(?:/(?:controllers|dns|ipams|fabrics|prefix-lists|route-maps)(?:/${word})?)?`,
    `/sdn/zones(?:/${word}(?:/${word}(?:/[1-9][0-9]{0,3})?)?)?`,
    `/storage(?:/${word})?`,
    '/vms(?:/[1-9][0-9]{2,})?',
    `/mapping(?:/${word}(?:/${word})?)?`,
  ].join('|')})$`,
);

/**
 * Tells whether an ACL may be set on a path.
 *
 * @param path - a normalised path.
 */
export function isAclPath(path: string): boolean {
  return validPath.test(path);
}

/** `/`, `/vms`, `/vms/100`. */
function prefixes(path: string): string[] {
  if (path === '/') return ['/'];
  const parts = path.split('/').slice(1);
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

function rolesOn(
  acls: readonly SimAcl[],
  matches: (acl: SimAcl) => boolean,
  isFinal: boolean,
): Grants | undefined {
  let found: Grants | undefined;
  for (const acl of acls) {
    if (!matches(acl) || !(isFinal || acl.propagate)) continue;
    found ??= {};
    found[acl.roleid] = acl.propagate ? 1 : 0;
  }
  return found;
}

/** Roles by the ACLs alone; on each level a token's or user's own entries beat those of groups, deeper beats shallower. */
function aclRoles(state: SimState, authid: string, path: string): Grants {
  const { userid, tokenid } = splitAuthId(authid);
  if (tokenid !== undefined) {
    const token = state.users[userid]?.tokens[tokenid];
    if (!token) return {};
    if (!token.privsep) return aclRoles(state, userid, path);
  }
  let roles: Grants = {};
  for (const prefix of prefixes(path)) {
    const here = state.acls.filter((acl) => acl.path === prefix);
    if (here.length === 0) continue;
    const isFinal = prefix === path;
    roles =
      rolesOn(here, (acl) => acl.type === 'token' && acl.ugid === authid, isFinal) ??
      rolesOn(here, (acl) => acl.type === 'user' && acl.ugid === authid, isFinal) ??
      rolesOn(
        here,
        (acl) => acl.type === 'group' && state.groups[acl.ugid]?.users.includes(authid) === true,
        isFinal,
      ) ??
      roles;
  }
  return roles['NoAccess'] === undefined ? roles : { NoAccess: roles['NoAccess'] };
}

/** Roles on the pools that a guest or storage is a member of. */
function poolRoles(state: SimState, authid: string, path: string): Grants {
  const member = /^\/(vms|storage)\/([^/]+)$/.exec(path);
  const found: Grants = {};
  if (!member) return found;
  const [, kind, name] = member as unknown as [string, string, string];
  for (const pool of Object.values(state.pools)) {
    const isMember = kind === 'vms' ? pool.vms.includes(Number(name)) : pool.storages.includes(name);
    if (isMember)
      for (const role of Object.keys(aclRoles(state, authid, `/pool/${pool.poolid}`))) found[role] = 1;
  }
  return found;
}

function ownPrivileges(state: SimState, authid: string, path: string): Grants {
  const roles = { ...poolRoles(state, authid, path), ...aclRoles(state, authid, path) };
  if (roles['NoAccess'] !== undefined) return {};
  const result: Grants = {};
  for (const [role, propagate] of Object.entries(roles)) {
    for (const privilege of roleOf(state, role) ?? []) {
      result[privilege] = result[privilege] === 1 || propagate === 1 ? 1 : 0;
    }
  }
  return result;
}

let everything: Grants | undefined;

/** What root@pam may do; made once, because nearly every request of a test asks for it. */
function rootPrivileges(state: SimState): Grants {
  everything ??= Object.fromEntries(
    (roleOf(state, 'Administrator') ?? []).map((privilege) => [privilege, 1]),
  );
  return everything;
}

/**
 * Effective privileges of a user or token on a path.
 *
 * @param state - cluster.
 * @param authid - `user@realm` or `user@realm!token`; root@pam has everything.
 * @param path - normalised path.
 * @returns the privileges; 1 for those that propagate.
 */
export function privilegesOf(state: SimState, authid: string, path: string): Readonly<Grants> {
  if (authid === 'root@pam') return rootPrivileges(state);
  const { userid, tokenid } = splitAuthId(authid);
  if (tokenid === undefined) return ownPrivileges(state, authid, path);
  const token = state.users[userid]?.tokens[tokenid];
  if (!token) return {};
  const ofUser = privilegesOf(state, userid, path);
  if (!token.privsep) return ofUser;
  const ofToken = ownPrivileges(state, authid, path);
  const both: Grants = {};
  for (const [privilege, propagate] of Object.entries(ofToken)) {
    const users = ofUser[privilege];
    if (users !== undefined) both[privilege] = users === 1 && propagate === 1 ? 1 : 0;
  }
  return both;
}

/**
 * Names the first missing privilege, the way the server checks them.
 *
 * @param granted - effective privileges on a path.
 * @param wanted - privileges that are asked for.
 * @param any - one of them is enough.
 * @returns `undefined` when the rights suffice, else what the refusal names: one privilege, or all joined by `|`.
 */
export function missingPrivilege(
  granted: Readonly<Grants>,
  wanted: readonly string[],
  any: boolean,
): string | undefined {
  if (any) return wanted.some((privilege) => granted[privilege] !== undefined) ? undefined : wanted.join('|');
  return wanted.find((privilege) => granted[privilege] === undefined);
}

const topLevelPaths = ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms'];

/**
 * Everything somebody may do, by path: the top-level paths, those with ACLs and those of pool members; paths without
 * privileges are left out.
 *
 * @param state - cluster.
 * @param authid - whose rights.
 */
export function effectivePermissions(state: SimState, authid: string): Record<string, Grants> {
  const paths = new Set([...topLevelPaths, ...state.acls.flatMap(({ path }) => prefixes(path))]);
  for (const pool of Object.values(state.pools)) {
    for (const vmid of pool.vms) paths.add(`/vms/${vmid}`);
    for (const storage of pool.storages) paths.add(`/storage/${storage}`);
  }
  const result: Record<string, Grants> = {};
  for (const path of paths) {
    const granted = privilegesOf(state, authid, path);
    if (Object.keys(granted).length > 0) result[path] = granted;
  }
  return result;
}

const capabilityGroups: Readonly<Record<string, RegExp>> = {
  vms: /^(?:VM\.|Permissions\.Modify)/,
  access: /^(?:(?:User|Group)\.|Permissions\.Modify)/,
  storage: /^(?:Datastore\.|Permissions\.Modify)/,
  nodes: /^(?:Sys\.|Permissions\.Modify)/,
  sdn: /^(?:SDN\.|Permissions\.Modify)/,
  dc: /^(?:Sys\.Audit|Sys\.Modify|SDN\.)/,
  mapping: /^(?:Mapping\.|Permissions\.Modify)/,
};
const capabilityPaths = ['/', '/nodes', '/access/groups', '/vms', '/storage', '/sdn', '/mapping'];

/**
 * The `cap` object of a login: what the user interface may offer.
 *
 * @param state - cluster.
 * @param userid - who logs in.
 */
export function capabilities(state: SimState, userid: string): Record<string, Record<string, 1>> {
  const result: Record<string, Record<string, 1>> = Object.fromEntries(
    Object.keys(capabilityGroups).map((group) => [group, {}]),
  );
  for (const path of new Set([...capabilityPaths, ...state.acls.flatMap((acl) => prefixes(acl.path))])) {
    const group = path === '/' ? 'dc' : (path.split('/')[1] as string);
    for (const privilege of Object.keys(privilegesOf(state, userid, path))) {
      const target =
        group !== 'pool'
          ? group
          : privilege.startsWith('VM.')
            ? 'vms'
            : privilege.startsWith('Datastore.')
              ? 'storage'
              : '';
      const into = result[target];
      if (into && (group === 'pool' || capabilityGroups[target]?.test(privilege) === true))
        into[privilege] = 1;
    }
  }
  return result;
}

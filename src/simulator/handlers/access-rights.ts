/** Roles, ACLs and the rights that follow from them (PVE::API2::Role, PVE::API2::ACL, transport-auth §8). */
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import {
  effectivePermissions,
  isAclPath,
  normalizePath,
  privilegesOf,
  splitAuthId,
} from '../model/permissions.ts';
import { builtInRoles, roleOf } from '../model/roles.ts';
import type { SimAcl } from '../model/state.ts';
import { splitServerList } from '../validate/formats.ts';
import { mayAudit } from './access-users.ts';

function listRoles(context: HandlerContext): unknown {
  const rows = (roles: Readonly<Record<string, readonly string[]>>, special: 0 | 1): unknown[] =>
    Object.entries(roles).map(([roleid, privs]) => ({ roleid, special, privs: privs.toSorted().join(',') }));
  return [...rows(builtInRoles, 1), ...rows(context.state.roles, 0)];
}

function readRole(context: HandlerContext): unknown {
  const roleid = context.text('roleid') as string;
  const role = roleOf(context.state, roleid) ?? die(`role '${roleid}' does not exist`);
  return Object.fromEntries(role.map((privilege) => [privilege, 1]));
}

function createRole(context: HandlerContext): unknown {
  const roleid = context.text('roleid') as string;
  if (/^PVE/i.test(roleid)) {
    paramError({ roleid: "cannot use role ID starting with the (case-insensitive) 'PVE' namespace" });
  }
  if (roleOf(context.state, roleid) !== undefined) die(`create role failed: role '${roleid}' already exists`);
  context.state.roles[roleid] = [...new Set(splitServerList(context.text('privs') ?? ''))];
  return null;
}

/** A role of one's own; built-in ones stay as they are. */
function needCustomRole(context: HandlerContext, verb: string, failed: string): string[] {
  const roleid = context.text('roleid') as string;
  if (Object.hasOwn(builtInRoles, roleid)) die(`auto-generated role '${roleid}' cannot be ${verb}`);
  const role = Object.hasOwn(context.state.roles, roleid) ? context.state.roles[roleid] : undefined;
  return role ?? die(`${failed}: role '${roleid}' does not exist`);
}

function updateRole(context: HandlerContext): unknown {
  const role = needCustomRole(context, 'modified', 'update role failed');
  const privs = splitServerList(context.text('privs') ?? '');
  const kept = context.flag('append') === true ? role : [];
  context.state.roles[context.text('roleid') as string] = [...new Set([...kept, ...privs])];
  return null;
}

function deleteRole(context: HandlerContext): unknown {
  const roleid = context.text('roleid') as string;
  needCustomRole(context, 'deleted', 'delete role failed');
  delete context.state.roles[roleid];
  context.state.acls = context.state.acls.filter((acl) => acl.roleid !== roleid);
  return null;
}

const allocateRights: readonly (readonly [prefix: string, privilege: string])[] = [
  ['/storage/', 'Datastore.Allocate'],
  ['/vms/', 'VM.Allocate'],
  ['/pool/', 'Pool.Allocate'],
];

/** ACLs are shown to auditors and to those who might change them. */
function listAcls(context: HandlerContext): unknown {
  const isAuditor = context.has('/access', ['Sys.Audit']);
  const mayModify = (path: string): boolean => {
    const extra = allocateRights
      .filter(([prefix]) => path.startsWith(prefix))
      .map(([, privilege]) => privilege);
    return context.has(path, ['Permissions.Modify', ...extra], { any: true });
  };
  return context.state.acls
    .filter(({ path }) => isAuditor || mayModify(path))
    .map(({ path, type, ugid, roleid, propagate }) => ({
      path,
      type,
      ugid,
      roleid,
      propagate: propagate ? 1 : 0,
    }));
}

/** Who cannot change permissions may hand out only what he has himself. */
function checkHandedOut(context: HandlerContext, path: string, role: string, propagate: boolean): void {
  const own = context.privileges(path);
  if (context.auth.isRoot || own['Permissions.Modify'] !== undefined) return;
  const isRemoval = context.flag('delete') === true;
  const verb = isRemoval ? 'remove' : 'add';
  const refuse = (what: string): never => paramError({ role: `Cannot ${verb} role '${role}'${what}` });
  for (const privilege of roleOf(context.state, role) ?? []) {
    if (own[privilege] === undefined) {
      refuse(" - requires 'Permissions.Modify' or superset of privileges.");
    } else if (propagate && own[privilege] === 0 && !isRemoval) {
      refuse(" with propagation - requires 'Permissions.Modify' or propagated superset of privileges.");
    }
  }
  if (role === 'NoAccess') refuse(" - requires 'Permissions.Modify'");
}

/** The subjects that an update names; all must exist. */
function subjects(context: HandlerContext): Pick<SimAcl, 'type' | 'ugid'>[] {
  const { state } = context;
  const named = (name: string): string[] => splitServerList(context.text(name) ?? '');
  const failed = (what: string): never => die(`ACL update failed: ${what}`);
  return [
    ...named('groups').map((ugid) => {
      if (!Object.hasOwn(state.groups, ugid)) failed(`group '${ugid}' does not exist`);
      return { type: 'group' as const, ugid };
    }),
    ...named('users').map((ugid) => {
      if (!Object.hasOwn(state.users, ugid)) failed(`user '${ugid}' does not exist`);
      return { type: 'user' as const, ugid };
    }),
    ...named('tokens').map((ugid) => {
      const { userid, tokenid = '' } = splitAuthId(ugid);
      if (!Object.hasOwn(state.users, userid)) failed(`no such user ('${userid}')`);
      if (!Object.hasOwn(state.users[userid]?.tokens ?? {}, tokenid)) {
        failed(`no such token '${tokenid}' for user '${userid}'`);
      }
      return { type: 'token' as const, ugid };
    }),
  ];
}

function updateAcl(context: HandlerContext): unknown {
  const { state } = context;
  if (['users', 'groups', 'tokens'].every((name) => (context.text(name) ?? '') === '')) {
    const text = "either 'users', 'groups' or 'tokens' is required.";
    paramError({ users: text, groups: text, tokens: text });
  }
  const isRemoval = context.flag('delete') === true;
  const path = normalizePath(context.text('path') as string);
  if (path === undefined || (!isRemoval && !isAclPath(path))) {
    paramError({ path: `invalid ACL path '${context.text('path')}'` });
  }
  const propagate = context.flag('propagate') ?? true;
  const roles = splitServerList(context.text('roles') ?? '');
  for (const role of roles) {
    if (roleOf(state, role) === undefined) die(`ACL update failed: role '${role}' does not exist`);
    checkHandedOut(context, path, role, propagate);
  }
  for (const { type, ugid } of subjects(context)) {
    for (const roleid of roles) {
      state.acls = state.acls.filter(
        (acl) => !(acl.path === path && acl.type === type && acl.ugid === ugid && acl.roleid === roleid),
      );
      if (!isRemoval) state.acls.push({ path, type, ugid, roleid, propagate });
    }
  }
  return null;
}

function readPermissions(context: HandlerContext): unknown {
  const authid = context.text('userid') ?? context.auth.authid;
  // A user may also look at what his own tokens may do.
  const isOwn = authid === context.auth.authid || splitAuthId(authid).userid === context.auth.authid;
  if (!isOwn && !mayAudit(context, authid)) context.need('/access', ['Sys.Audit']);
  const path = context.text('path');
  if (path === undefined) return effectivePermissions(context.state, authid);
  const normal = normalizePath(path) ?? path;
  return { [normal]: privilegesOf(context.state, authid, normal) };
}

export const rightsHandlers: HandlerTable = {
  'GET /access/roles': listRoles,
  'POST /access/roles': createRole,
  'GET /access/roles/{roleid}': readRole,
  'PUT /access/roles/{roleid}': updateRole,
  'DELETE /access/roles/{roleid}': deleteRole,
  'GET /access/acl': listAcls,
  'PUT /access/acl': updateAcl,
  'GET /access/permissions': readPermissions,
};

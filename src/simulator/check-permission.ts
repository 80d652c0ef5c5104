/**
 * Evaluates the permission expressions of the schema with the raw parameters of a request, before these are validated
 * (PVE::RPCEnvironment `check_api2_permissions`, `exec_api2_perm_check`).
 */
import type { Operation, PermissionCheck } from '../schema/types.ts';
import { die, forbidden, paramError, type SimAuth, SimError } from './context.ts';
import { missingPrivilege, normalizePath, privilegesOf } from './model/permissions.ts';
import type { SimState } from './model/state.ts';
import { splitServerList } from './validate/formats.ts';
import { textOf } from './wire/scalar.ts';

interface Request {
  readonly state: SimState;
  readonly auth: SimAuth;
  readonly params: Readonly<Record<string, unknown>>;
}

type Test = (check: PermissionCheck, request: Request) => void;

function options(list: readonly unknown[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (let index = 0; index + 1 < list.length; index += 2) result[textOf(list[index])] = list[index + 1];
  return result;
}

/** Refuses unless the caller has the privileges on the path. */
function needOn(request: Request, path: string, wanted: readonly string[], any: boolean): void {
  const missing = missingPrivilege(privilegesOf(request.state, request.auth.authid, path), wanted, any);
  if (missing !== undefined) forbidden(`${path}, ${missing}`);
}

function needUser(state: SimState, userid: string): void {
  if (!Object.hasOwn(state.users, userid)) die(`no such user ('${userid}')`);
}

function fillTemplate(template: string, params: Readonly<Record<string, unknown>>): string | undefined {
  return normalizePath(template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => textOf(params[name])));
}

function passes(check: PermissionCheck, request: Request): boolean {
  try {
    evaluate(check, request);
    return true;
  } catch (error) {
    if (error instanceof SimError) return false;
    throw error;
  }
}

/** May the caller do this to the user: by a right on all groups, or on one of the user's groups. */
const userGroupTest: Test = (check, request) => {
  const [, wanted, ...rest] = check as unknown as [string, string[], ...unknown[]];
  const { groups_param: mode } = options(rest);
  const { state, auth, params } = request;
  const userid = textOf(params['userid']);
  if (mode !== 'create') needUser(state, userid);
  const onAll = privilegesOf(state, auth.authid, '/access/groups');
  if (missingPrivilege(onAll, wanted, true) === undefined) return;
  const allowed = (group: string): boolean =>
    missingPrivilege(privilegesOf(state, auth.authid, `/access/groups/${group}`), wanted, true) === undefined;
  if (mode !== undefined) {
    const given = splitServerList(textOf(params['groups']));
    if (mode === 'create' && given.length === 0) forbidden(`/access/groups, ${wanted.join('|')}`);
    const bad = given.find((group) => !allowed(group));
    if (bad !== undefined) forbidden(`/access/groups/${bad}, ${wanted.join('|')}`);
  }
  if (mode !== 'create') {
    const groups = Object.keys(state.groups).filter((group) => state.groups[group]?.users.includes(userid));
    if (!groups.some(allowed)) forbidden(`/access/groups, ${wanted.join('|')}`);
  }
};

const userParamTest: Test = (check, request) => {
  const [, what] = check as readonly [string, string];
  const { state, auth, params } = request;
  const userid = textOf(params['userid']);
  const realm = /^[^\s:/]+@([A-Za-z][A-Za-z0-9.\-_]+)$/.exec(userid)?.[1];
  if (realm === undefined) die(`value '${userid}' does not look like a valid user name`);
  if (what === 'self') {
    needUser(state, userid);
    if (auth.authid !== userid) forbidden();
    return;
  }
  needOn(request, `/access/realm/${realm}`, [what], false);
};

/** May the caller change ACLs on the path: Permissions.Modify, or the Allocate right of what the path names. */
const modifyTest: Test = (check, request) => {
  const path = fillTemplate(textOf(check[1]), request.params);
  if (path === undefined) paramError({ path: `invalid ACL path '${textOf(request.params['path'])}'` });
  const allocate: readonly (readonly [RegExp, string])[] = [
    [/^\/storage\/.+/, 'Datastore.Allocate'],
    [/^\/vms\/.+/, 'VM.Allocate'],
    [/^\/pool\/.+/, 'Pool.Allocate'],
  ];
  const extra = allocate.find(([pattern]) => pattern.test(path))?.[1];
  needOn(request, path, ['Permissions.Modify', ...(extra === undefined ? [] : [extra])], true);
};

const tests: Readonly<Record<string, Test>> = {
  and: (check, request) => {
    for (const part of check.slice(1)) evaluate(part as PermissionCheck, request);
  },
  or: (check, request) => {
    if (!check.slice(1).some((part) => passes(part as PermissionCheck, request))) forbidden();
  },
  perm: (check, request) => {
    const [, template, wanted, ...rest] = check as unknown as [string, string, string[], ...unknown[]];
    const { any, require_param: required } = options(rest);
    if (required !== undefined && textOf(request.params[textOf(required)]) === '') forbidden();
    const path = fillTemplate(template, request.params);
    // A name that no path can hold: nobody has a right there, and the refusal names no path.
    if (path === undefined) forbidden(`, ${missingPrivilege({}, wanted, any === 1)}`);
    needOn(request, path, wanted, any === 1);
  },
  'userid-group': userGroupTest,
  'userid-param': userParamTest,
  'perm-modify': modifyTest,
};

function evaluate(check: PermissionCheck, request: Request): void {
  const test = tests[check[0]];
  if (!test) die(`unknown permission test`);
  test(check, request);
}

/**
 * Refuses a call that the schema's own rules do not allow. Rules that live in the server's code are the handlers'.
 *
 * @param operation - what is called.
 * @param state - cluster.
 * @param auth - who calls; empty for nobody.
 * @param params - raw parameters, path parameters included.
 * @throws SimError 403 mostly.
 */
export function checkPermissions(
  operation: Operation,
  state: SimState,
  auth: SimAuth,
  params: Readonly<Record<string, unknown>>,
): void {
  const { permissions } = operation;
  if (auth.userid === '') {
    if (permissions?.user === 'world') return;
    forbidden('user != null');
  }
  if (auth.isRoot) return;
  if (!permissions) forbidden('user != root@pam');
  if (permissions.user === 'all') return;
  if (!permissions.check) forbidden();
  evaluate(permissions.check, { state, auth, params });
}

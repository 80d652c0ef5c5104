/** Users and groups (PVE::API2::User, PVE::API2::Group). */
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import { missingPrivilege, privilegesOf } from '../model/permissions.ts';
import type { SimState, SimUser } from '../model/state.ts';
import { splitServerList } from '../validate/formats.ts';

/**
 * A user that must exist.
 *
 * @throws SimError 500 `no such user ('x')`.
 */
export function needUser(context: HandlerContext): SimUser {
  const userid = context.text('userid') as string;
  const user = Object.hasOwn(context.state.users, userid) ? context.state.users[userid] : undefined;
  return user ?? die(`no such user ('${userid}')`);
}

/** What is shown of a token. */
export function tokenInfo(token: SimUser['tokens'][string]): Record<string, unknown> {
  const { privsep, expire, comment } = token;
  return { privsep: privsep ? 1 : 0, expire, ...(comment === undefined ? {} : { comment }) };
}

function userFields(user: SimUser): Record<string, unknown> {
  // The server's user.cfg is a list of fields: an empty e-mail address shows when a later field is set.
  const email = user.email ?? (user.comment !== undefined || user.keys !== undefined ? '' : undefined);
  const texts = {
    firstname: user.firstname,
    lastname: user.lastname,
    email,
    comment: user.comment,
    keys: user.keys,
  };
  const given = Object.entries(texts).filter(([, value]) => value !== undefined);
  return { enable: user.enable ? 1 : 0, expire: user.expire, ...Object.fromEntries(given) };
}

/** Users that the caller may see by a right on one of their groups. */
function maySee(context: HandlerContext, user: SimUser): boolean {
  const wanted = ['User.Modify', 'Sys.Audit'];
  const on = (path: string): boolean => context.has(path, wanted, { any: true });
  if (user.userid === context.auth.authid || on('/access/groups')) return true;
  const groups = Object.keys(context.state.groups);
  return groups.some(
    (group) => context.state.groups[group]?.users.includes(user.userid) && on(`/access/groups/${group}`),
  );
}

function groupsOf(state: SimState, userid: string): string[] {
  return Object.keys(state.groups)
    .filter((group) => state.groups[group]?.users.includes(userid))
    .sort();
}

function listUsers(context: HandlerContext): unknown {
  const { state } = context;
  const full = context.flag('full') === true;
  const enabled = context.flag('enabled');
  return Object.values(state.users)
    .filter((user) => maySee(context, user) && (enabled === undefined || user.enable === enabled))
    .toSorted((a, b) => (a.userid < b.userid ? -1 : 1))
    .map((user) => {
      const tokens = Object.values(user.tokens)
        .toSorted((a, b) => (a.tokenid < b.tokenid ? -1 : 1))
        .map((token) => ({ tokenid: token.tokenid, ...tokenInfo(token) }));
      const realm = state.realms[user.userid.slice(user.userid.lastIndexOf('@') + 1)];
      return {
        userid: user.userid,
        ...userFields(user),
        ...(realm === undefined ? {} : { 'realm-type': realm.type }),
        ...(full
          ? { groups: groupsOf(state, user.userid).join(','), tokens: tokens.length > 0 ? tokens : null }
          : {}),
      };
    });
}

function readUser(context: HandlerContext): unknown {
  const user = needUser(context);
  const tokens = Object.values(user.tokens).map((token) => [token.tokenid, tokenInfo(token)]);
  return {
    ...userFields(user),
    groups: groupsOf(context.state, user.userid),
    tokens: tokens.length > 0 ? Object.fromEntries(tokens) : null,
  };
}

const textFields = ['firstname', 'lastname', 'email', 'comment', 'keys'] as const;

function setFields(context: HandlerContext, user: SimUser): void {
  user.enable = context.flag('enable') ?? user.enable;
  user.expire = context.number('expire') ?? user.expire;
  for (const field of textFields) {
    const value = context.text(field);
    if (value !== undefined) user[field] = value;
  }
}

function joinGroups(context: HandlerContext, user: SimUser, failed: string): void {
  const text = context.text('groups');
  if (text === undefined) return;
  const wanted = splitServerList(text);
  const { groups } = context.state;
  const unknown = wanted.find((group) => !Object.hasOwn(groups, group));
  if (unknown !== undefined) die(`${failed}: no such group '${unknown}'`);
  for (const [name, group] of Object.entries(groups)) {
    const isMember = group.users.includes(user.userid);
    if (wanted.includes(name) && !isMember) group.users.push(user.userid);
    else if (!wanted.includes(name) && isMember && context.flag('append') !== true) {
      group.users = group.users.filter((userid) => userid !== user.userid);
    }
  }
  user.groups = groupsOf(context.state, user.userid);
}

function createUser(context: HandlerContext): unknown {
  const { state } = context;
  const userid = context.text('userid') as string;
  const password = context.text('password');
  if (Object.hasOwn(state.users, userid)) die(`create user failed: user '${userid}' already exists`);
  const realm = userid.slice(userid.lastIndexOf('@') + 1);
  if (password !== undefined && !Object.hasOwn(state.realms, realm)) {
    die(`create user failed: authentication domain '${realm}' does not exist`);
  }
  const user: SimUser = {
    userid,
    enable: true,
    expire: 0,
    groups: [],
    tokens: {},
    ...(password === undefined ? {} : { password }),
  };
  setFields(context, user);
  joinGroups(context, user, 'create user failed');
  state.users[userid] = user;
  return null;
}

function updateUser(context: HandlerContext): unknown {
  const user = needUser(context);
  joinGroups(context, user, 'update user failed');
  setFields(context, user);
  return null;
}

function deleteUser(context: HandlerContext): unknown {
  const { state } = context;
  const user = needUser(context);
  const tokens = new Set(Object.keys(user.tokens).map((token) => `${user.userid}!${token}`));
  state.acls = state.acls.filter(
    ({ type, ugid }) => !(type === 'user' && ugid === user.userid) && !(type === 'token' && tokens.has(ugid)),
  );
  for (const group of Object.values(state.groups)) {
    group.users = group.users.filter((userid) => userid !== user.userid);
  }
  // root@pam is not in the file that users are deleted from.
  if (user.userid !== 'root@pam') delete state.users[user.userid];
  return null;
}

const groupRights = ['User.Modify', 'Sys.Audit', 'Group.Allocate'];

function listGroups(context: HandlerContext): unknown {
  return Object.entries(context.state.groups)
    .filter(([groupid]) => context.has(`/access/groups/${groupid}`, groupRights, { any: true }))
    .map(([groupid, { comment, users }]) => ({
      groupid,
      users: users.toSorted().join(','),
      ...(comment === undefined ? {} : { comment }),
    }));
}

function needGroup(context: HandlerContext, failed: string): { comment?: string; users: string[] } {
  const groupid = context.text('groupid') as string;
  const found = Object.hasOwn(context.state.groups, groupid) ? context.state.groups[groupid] : undefined;
  return found ?? die(`${failed}group '${groupid}' does not exist`);
}

function readGroup(context: HandlerContext): unknown {
  const { comment, users } = needGroup(context, '');
  return { members: users.slice(), ...(comment === undefined ? {} : { comment }) };
}

function createGroup(context: HandlerContext): unknown {
  const groupid = context.text('groupid') as string;
  const comment = context.text('comment');
  if (Object.hasOwn(context.state.groups, groupid))
    die(`create group failed: group '${groupid}' already exists`);
  context.state.groups[groupid] = { users: [], ...(comment === undefined ? {} : { comment }) };
  return null;
}

function updateGroup(context: HandlerContext): unknown {
  const group = needGroup(context, 'update group failed: ');
  const comment = context.text('comment');
  if (comment !== undefined) group.comment = comment;
  return null;
}

function deleteGroup(context: HandlerContext): unknown {
  const { state } = context;
  const groupid = context.text('groupid') as string;
  needGroup(context, 'delete group failed: ');
  delete state.groups[groupid];
  state.acls = state.acls.filter(({ type, ugid }) => !(type === 'group' && ugid === groupid));
  for (const user of Object.values(state.users)) user.groups = user.groups.filter((name) => name !== groupid);
  return null;
}

/**
 * Tells whether the caller may look at others' rights and second factors.
 *
 * @param context - the call.
 * @param userid - whose.
 */
export function mayAudit(context: HandlerContext, userid: string): boolean {
  if (context.auth.isRoot || context.auth.userid === userid) return true;
  const granted = privilegesOf(context.state, context.auth.authid, '/access');
  return missingPrivilege(granted, ['Sys.Audit'], false) === undefined;
}

export const userHandlers: HandlerTable = {
  'GET /access/users': listUsers,
  'POST /access/users': createUser,
  'GET /access/users/{userid}': readUser,
  'PUT /access/users/{userid}': updateUser,
  'DELETE /access/users/{userid}': deleteUser,
  'GET /access/groups': listGroups,
  'POST /access/groups': createGroup,
  'GET /access/groups/{groupid}': readGroup,
  'PUT /access/groups/{groupid}': updateGroup,
  'DELETE /access/groups/{groupid}': deleteGroup,
};

/** Logging in and passwords (transport-auth §6; PVE::API2::AccessControl). */
import { isUserUsable } from '../authenticate.ts';
import { die, forbidden, type HandlerContext, type HandlerTable, paramError, SimError } from '../context.ts';
import { capabilities, missingPrivilege, normalizePath, privilegesOf } from '../model/permissions.ts';
import type { SimUser } from '../model/state.ts';
import {
  isTfaTicketOf,
  isTotpCode,
  makeCsrfToken,
  makeTfaTicket,
  makeTicket,
  ticketUser,
} from '../model/tickets.ts';
import { isVncTicketOf } from '../model/vnc-ticket.ts';
import { splitServerList } from '../validate/formats.ts';

/** One text for every reason, so that nobody learns which users exist. */
function authenticationFailure(): never {
  throw new SimError(401, 'authentication failure');
}

/** What second factors a user has; `undefined` for none. */
function challengeOf(user: SimUser): Record<string, unknown> | undefined {
  const hasTotp = user.totpSecret !== undefined && user.totp?.enable !== false;
  const codes = user.recovery?.codes.length;
  if (!hasTotp && codes === undefined) return undefined;
  return {
    ...(hasTotp ? { totp: true } : {}),
    ...(codes === undefined
      ? {}
      : { recovery: codes === 0 ? 'unavailable' : codes < 4 ? 'low' : 'available' }),
  };
}

/** Answers a second factor; a recovery code is used up by it. */
function answersChallenge(context: HandlerContext, user: SimUser, response: string): boolean {
  const [, kind, value = ''] = /^(totp|recovery):(.*)$/s.exec(response) ?? [];
  if (kind === 'totp' && user.totpSecret !== undefined && user.totp?.enable !== false) {
    return isTotpCode(user.totpSecret, value, context.clock.now());
  }
  const codes = user.recovery?.codes ?? [];
  const index = kind === 'recovery' ? codes.indexOf(value) : -1;
  if (index >= 0) codes.splice(index, 1);
  return index >= 0;
}

function login(context: HandlerContext, user: SimUser, withCapabilities: boolean): unknown {
  const { state } = context;
  const now = context.seconds();
  const { userid } = user;
  const mayAuditCluster = state.clusterName !== null && context.hasFor(userid, '/', ['Sys.Audit']);
  return {
    username: userid,
    ticket: makeTicket(state, userid, now),
    CSRFPreventionToken: makeCsrfToken(state, userid, now),
    ...(withCapabilities ? { cap: capabilities(state, userid) } : {}),
    ...(mayAuditCluster ? { clustername: state.clusterName } : {}),
  };
}

/** With `path` and `privs` the credentials and rights are only checked. */
function verifyOnly(context: HandlerContext, user: SimUser, password: string): unknown {
  const path = normalizePath(context.text('path') ?? '');
  const ticketFor = ticketUser(context.state, password, context.seconds());
  if (ticketFor !== user.userid && user.password !== password) authenticationFailure();
  const wanted = splitServerList(context.text('privs') ?? '');
  if (path === undefined) authenticationFailure();
  if (missingPrivilege(privilegesOf(context.state, user.userid, path), wanted, false) !== undefined) {
    authenticationFailure();
  }
  return { username: user.userid };
}

function createTicket(context: HandlerContext): unknown {
  const { state } = context;
  const now = context.seconds();
  const realm = context.text('realm');
  const userid = `${context.text('username')}${realm === undefined ? '' : `@${realm}`}`;
  const password = context.text('password') ?? '';
  const user = Object.hasOwn(state.users, userid) ? state.users[userid] : undefined;
  if (!user || !isUserUsable(state, userid, now)) authenticationFailure();
  if (context.text('path') !== undefined) return verifyOnly(context, user, password);

  const challenge = context.text('tfa-challenge');
  if (challenge !== undefined) {
    if (!isTfaTicketOf(state, challenge, userid, now)) authenticationFailure();
    if (!answersChallenge(context, user, password)) authenticationFailure();
    return login(context, user, true);
  }
  // A valid ticket renews itself; root's opens a session for anybody.
  const ticketFor = ticketUser(state, password, now);
  if (ticketFor === userid || ticketFor === 'root@pam') return login(context, user, true);
  if (user.password === undefined || user.password !== password) authenticationFailure();
  const factors = challengeOf(user);
  if (factors === undefined) return login(context, user, true);
  if (context.text('otp') !== undefined) authenticationFailure();
  return {
    username: userid,
    ticket: makeTfaTicket(state, userid, factors, now),
    CSRFPreventionToken: makeCsrfToken(state, userid, now),
    NeedTFA: 1,
  };
}

/**
 * Makes callers other than root@pam prove who they are before they change credentials.
 *
 * @param context - the call.
 * @param name - parameter that holds the caller's password.
 */
export function confirmPassword(context: HandlerContext, name: string): void {
  if (context.auth.isRoot) return;
  const given = context.text(name);
  if (given === undefined) paramError({ [name]: 'password is required to modify user' });
  if (context.state.users[context.auth.userid]?.password !== given) die('authentication failure');
}

function changePassword(context: HandlerContext): unknown {
  const user = context.state.users[context.text('userid') as string];
  if (!user) die(`no such user ('${context.text('userid')}')`);
  confirmPassword(context, 'confirmation-password');
  const realm = user.userid.slice(user.userid.lastIndexOf('@') + 1);
  if (!Object.hasOwn(context.state.realms, realm)) die(`authentication domain '${realm}' does not exist`);
  user.password = context.text('password') as string;
  return null;
}

/** What the program behind a console asks: is this ticket good, and may its owner do that? */
function verifyVncTicket(context: HandlerContext): unknown {
  const authid = context.text('authid') as string;
  const path = normalizePath(context.text('path') as string) ?? '';
  const { consoles } = context;
  const target = { authid, path, port: consoles.ticketPort(context.number('port') ?? 0) };
  if (!isVncTicketOf(context.state, context.text('vncticket') as string, target, consoles.seconds())) {
    throw new SimError(401, 'permission denied - invalid PVEVNC ticket');
  }
  const privs = splitServerList(context.text('privs') as string);
  const missing = missingPrivilege(privilegesOf(context.state, authid, path), privs, false);
  if (missing !== undefined) forbidden(`${path}, ${missing}`);
  return null;
}

export const ticketHandlers: HandlerTable = {
  'POST /access/vncticket': verifyVncTicket,
  'GET /access/ticket': () => null,
  'POST /access/ticket': createTicket,
  'PUT /access/password': changePassword,
};

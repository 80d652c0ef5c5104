/**
 * The first step of every request: who calls (transport-auth §5 step 1, §6, §7). A refusal here has an empty body and is
 * sent three seconds late; that is the pipeline's business.
 */
import type { SimAuth } from './context.ts';
import { missingPrivilege, privilegesOf } from './model/permissions.ts';
import type { SimState } from './model/state.ts';
import { isCsrfTokenOf, ticketUser } from './model/tickets.ts';
import { type Credentials, readCredentials } from './wire/authorization.ts';

export type Authentication =
  | {
      readonly ok: true;
      readonly auth: SimAuth;
      /** The request carries an API token, also where nobody asks for one. */
      readonly hasApiToken: boolean;
    }
  | { readonly ok: false; readonly status: number; readonly reason: string };

/** Calls that need no credentials: those that give them. */
const worldCalls: ReadonlySet<string> = new Set([
  'GET /access/domains',
  'GET /access/ticket',
  'POST /access/ticket',
  'POST /access/vncticket',
  'POST /access/openid/login',
  'POST /access/openid/auth-url',
]);

const uploadPath = /^\/nodes\/[^/]+\/storage\/([^/]+)\/upload$/;

/** Nobody: the caller of a world-readable path. */
const anonymous: SimAuth = { userid: '', authid: '', isRoot: false };

const refused = (reason: string, status = 401): Authentication => ({ ok: false, status, reason });

/**
 * Tells whether a user may log in at all.
 *
 * @param state - cluster.
 * @param userid - `user@realm`.
 * @param nowSeconds - seconds since the epoch.
 */
export function isUserUsable(state: SimState, userid: string, nowSeconds: number): boolean {
  const user = Object.hasOwn(state.users, userid) ? state.users[userid] : undefined;
  return user?.enable === true && (user.expire === 0 || user.expire > nowSeconds);
}

function tokenAuth(state: SimState, text: string, nowSeconds: number): SimAuth | undefined {
  const match = /^([^\s:/!]+@[^\s:/!]+)!([A-Za-z][A-Za-z0-9.\-_]+)=(.*)$/s.exec(text);
  if (!match) return undefined;
  const [, userid, tokenid, secret] = match as unknown as [string, string, string, string];
  if (!isUserUsable(state, userid, nowSeconds)) return undefined;
  const tokens = state.users[userid]?.tokens ?? {};
  const token = Object.hasOwn(tokens, tokenid) ? tokens[tokenid] : undefined;
  if (!token || token.secret !== secret) return undefined;
  if (token.expire !== 0 && token.expire <= nowSeconds) return undefined;
  return { userid, tokenid, authid: `${userid}!${tokenid}`, isRoot: false };
}

function ticketAuth(
  state: SimState,
  credentials: Credentials,
  nowSeconds: number,
  needsCsrf: boolean,
  uploadTo: string | undefined,
): Authentication {
  const userid =
    credentials.ticket === undefined ? undefined : ticketUser(state, credentials.ticket, nowSeconds);
  if (userid === undefined || !isUserUsable(state, userid, nowSeconds))
    return refused('Authentication failed!');
  if (uploadTo !== undefined) {
    // An upload needs no CSRF header; the right is checked instead, before the body is read.
    const path = `/storage/${uploadTo}`;
    const missing = missingPrivilege(
      privilegesOf(state, userid, path),
      ['Datastore.AllocateTemplate'],
      false,
    );
    if (missing !== undefined) return refused(`Permission check failed (${path}, ${missing})`, 403);
  } else if (needsCsrf && !isCsrfTokenOf(state, credentials.csrfToken ?? '', userid, nowSeconds)) {
    return refused('Permission denied - invalid csrf token');
  }
  return { ok: true, auth: { userid, authid: userid, isRoot: userid === 'root@pam' }, hasApiToken: false };
}

/**
 * Finds out who calls.
 *
 * @param state - cluster.
 * @param request - verb, path below the format, headers.
 * @param nowSeconds - seconds since the epoch.
 */
export function authenticate(
  state: SimState,
  request: { readonly method: string; readonly path: string; readonly headers: Headers },
  nowSeconds: number,
): Authentication {
  const { method, path } = request;
  const credentials = readCredentials(request.headers);
  const hasApiToken = credentials.apiToken !== undefined;
  if (worldCalls.has(`${method} ${path}`)) return { ok: true, auth: anonymous, hasApiToken };
  if (credentials.apiToken !== undefined) {
    const auth = tokenAuth(state, credentials.apiToken, nowSeconds);
    return auth ? { ok: true, auth, hasApiToken } : refused('Authentication failed!');
  }
  if (credentials.ticket === undefined) return refused('No ticket');
  const uploadTo = method === 'POST' ? uploadPath.exec(path)?.[1] : undefined;
  return ticketAuth(state, credentials, nowSeconds, method !== 'GET', uploadTo);
}

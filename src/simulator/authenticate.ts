/**
 * The first step of every request: who calls (transport-auth §5 step 1, §6, §7). A refusal here has an empty body and is
 * sent three seconds late; that is the pipeline's business.
 */
import type { SimAuth } from './context.ts';
import { missingPrivilege, privilegesOf } from './model/permissions.ts';
import type { SimState } from './model/state.ts';
import { isCsrfTokenOf, ticketUser } from './model/tickets.ts';
import { readCredentials } from './wire/authorization.ts';
import type { WireRequest } from './wire/exchange.ts';

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

/** An upload needs no CSRF header; instead the right is checked at once, before the body is read. */
function uploadRefusal(state: SimState, authid: string, storage: string): Authentication | undefined {
  const path = `/storage/${storage}`;
  const missing = missingPrivilege(privilegesOf(state, authid, path), ['Datastore.AllocateTemplate'], false);
  return missing === undefined ? undefined : refused(`Permission check failed (${path}, ${missing})`, 403);
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
  request: { readonly method: string; readonly path: string; readonly headers: WireRequest['headers'] },
  nowSeconds: number,
): Authentication {
  const { method, path } = request;
  const credentials = readCredentials(request.headers);
  const hasApiToken = credentials.apiToken !== undefined;
  if (worldCalls.has(`${method} ${path}`)) return { ok: true, auth: anonymous, hasApiToken };
  const uploadTo = method === 'POST' ? uploadPath.exec(path)?.[1] : undefined;
  let auth: SimAuth | undefined;
  if (credentials.apiToken !== undefined) {
    auth = tokenAuth(state, credentials.apiToken, nowSeconds);
  } else if (credentials.ticket === undefined) {
    return refused('No ticket');
  } else {
    const userid = ticketUser(state, credentials.ticket, nowSeconds);
    if (userid !== undefined && isUserUsable(state, userid, nowSeconds)) {
      auth = { userid, authid: userid, isRoot: userid === 'root@pam' };
    }
  }
  if (!auth) return refused('Authentication failed!');
  const refusal = uploadTo === undefined ? undefined : uploadRefusal(state, auth.authid, uploadTo);
  if (refusal) return refusal;
  const needsCsrf = !hasApiToken && uploadTo === undefined && method !== 'GET';
  if (needsCsrf && !isCsrfTokenOf(state, credentials.csrfToken ?? '', auth.userid, nowSeconds)) {
    return refused('Permission denied - invalid csrf token');
  }
  return { ok: true, auth, hasApiToken };
}

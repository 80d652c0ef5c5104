/**
 * The second check of a console ticket: termproxy asks the API whether whoever has connected may (lxc-endpoints §G,
 * differences.md). Changes nothing.
 */
import { isUserUsable } from '../authenticate.ts';
import { missingPrivilege, privilegesOf } from '../model/permissions.ts';
import type { SimState } from '../model/state.ts';
import { isVncTicketOf } from '../model/vnc-ticket.ts';

/** Consoles take API tokens, and tickets are bound to a port, from this release on. */
const tokensFrom: readonly [major: number, minor: number] = [9, 1];

/**
 * Tells whether the simulated server has the newer way to check console tickets.
 *
 * @param state - cluster.
 */
export function hasTicketEndpoint(state: Pick<SimState, 'version'>): boolean {
  const [major = 0, minor = 0] = state.version.version.split('.').map(Number);
  return major > tokensFrom[0] || (major === tokensFrom[0] && minor >= tokensFrom[1]);
}

/** What termproxy is asked to let in. */
export interface TicketLogin {
  /** `user@realm` or `user@realm!token`. */
  readonly authid: string;
  readonly ticket: string;
  /** For example `/vms/100`. */
  readonly path: string;
  readonly port: number;
}

/**
 * Checks a login.
 *
 * @param state - cluster.
 * @param login - as the client sent it.
 * @param nowSeconds - time that tickets are measured by, seconds since the epoch.
 * @returns reason phrase of the API's refusal with its status, or undefined.
 */
export function refuseLogin(state: SimState, login: TicketLogin, nowSeconds: number): string | undefined {
  const { authid, ticket, path, port } = login;
  const isNew = hasTicketEndpoint(state);
  const [userid = '', tokenid] = authid.split('!');
  // The older way is the login of users, which knows nothing of tokens.
  if (tokenid !== undefined && !isNew) return '401 authentication failure';
  const refused = isNew ? '401 permission denied - invalid PVEVNC ticket' : '401 authentication failure';
  if (!isUserUsable(state, userid, Math.floor(nowSeconds))) return refused;
  if (!isVncTicketOf(state, ticket, { authid, path, port: isNew ? port : 0 }, nowSeconds)) return refused;
  const missing = missingPrivilege(privilegesOf(state, authid, path), ['VM.Console'], false);
  if (missing === undefined) return undefined;
  return isNew ? `403 Permission check failed (${path}, ${missing})` : refused;
}

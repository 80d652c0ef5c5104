/** Where credentials stand in a request (transport-auth §6, §7; AnyEvent.pm `extract_auth_value`). Checks nothing. */
import type { WireRequest } from './exchange.ts';
import { percentDecode } from './form.ts';

export interface Credentials {
  /** Ticket of the cookie, or of the Authorization header. */
  readonly ticket?: string;
  /** `user@realm!token=secret`; only looked at when there is no ticket. */
  readonly apiToken?: string;
  readonly csrfToken?: string;
}

/** `KEY=value` or `KEY value`, up to the next semicolon. */
function credentialIn(header: string | null, key: string): string | undefined {
  if (header === null) return undefined;
  const match = new RegExp(`(?:^|\\s)${key}(?:=| )([^;]*)`).exec(header);
  const value = match?.[1];
  return value === undefined || value === '' ? undefined : percentDecode(value);
}

/**
 * Finds the credentials of a request. A cookie wins over the Authorization header, a ticket over a token.
 *
 * @param headers - headers of the request.
 */
export function readCredentials(headers: WireRequest['headers']): Credentials {
  const authorization = headers.get('authorization');
  const ticket =
    credentialIn(headers.get('cookie'), 'PVEAuthCookie') ?? credentialIn(authorization, 'PVEAuthCookie');
  const apiToken = ticket === undefined ? credentialIn(authorization, 'PVEAPIToken') : undefined;
  const csrfToken = headers.get('csrfpreventiontoken');
  return {
    ...(ticket === undefined ? {} : { ticket }),
    ...(apiToken === undefined ? {} : { apiToken }),
    ...(csrfToken === null ? {} : { csrfToken }),
  };
}

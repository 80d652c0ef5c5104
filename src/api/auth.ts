/**
 * Credentials → request headers. Secrets stay inside the functions made here; nothing of them can be reached or printed
 * from outside. Sends nothing itself: logging in is passed in.
 */
import { abortable } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import { PveAuthError } from './errors/auth-error.ts';
import type { RequestInfo } from './errors/pve-error.ts';
import { hints } from './hints.ts';
import type { TicketCredentials, TokenAuth } from './types.ts';

/** Headers of one request, and whether the credentials in them can be replaced by fresh ones. */
export type AuthHeaders = Readonly<Record<string, string>>;

/** Gives headers and reacts to refusals. */
export interface Authenticator {
  /**
   * Gives the headers that a request needs; may log in first, once for all who wait.
   *
   * @param writes - whether the request changes something.
   * @param signal - stops waiting, not a login that others wait for too.
   */
  headers(writes: boolean, signal?: AbortSignal): Promise<AuthHeaders>;
  /**
   * Told that the server answered 401 to these headers.
   *
   * @returns whether asking for headers again may help.
   */
  rejected(headers: AuthHeaders): boolean;
}

/** Parameters of `POST /access/ticket`. */
interface LoginParams {
  readonly username: string;
  readonly password: string;
  readonly 'tfa-challenge'?: string;
}

/** Sends `POST /access/ticket`; gives its `data`. */
export type Login = (params: LoginParams) => Promise<unknown>;

/** A ticket and what belongs to it. */
interface Session {
  readonly ticket: string;
  readonly csrfToken: string;
  readonly username: string;
  /** On our clock, ms. */
  readonly since: number;
}

/** PVE: tickets live for two hours; pve-access-control AccessControl.pm ($ticket_lifetime). */
const lifetimeMs = 2 * 60 * 60_000;
const renewAfterMs = 90 * 60_000;

const loginRequest = (username: string): RequestInfo => ({
  method: 'POST',
  path: '/access/ticket',
  doing: `log in as ${username}`,
});

/**
 * Authenticates with an API token.
 *
 * @param auth - token id and secret.
 * @returns an authenticator that never logs in.
 */
export function createTokenAuth(auth: TokenAuth): Authenticator {
  // PVE: AnyEvent.pm percent-decodes the value and ends it at `;`.
  const value = `${auth.tokenId}=${auth.secret}`.replaceAll(/[%;]|[^\x21-\x7e]/g, encodeURIComponent);
  const headers = { Authorization: `PVEAPIToken=${value}` };
  return { headers: () => Promise.resolve(headers), rejected: () => false };
}

/** The kinds of second factor that a challenge accepts. */
function factorsOf(ticket: string): string[] {
  const encoded = /^PVE:!tfa!(.*):[0-9A-F]{8}::/.exec(ticket)?.[1];
  if (encoded === undefined) return [];
  try {
    const challenge = JSON.parse(decodeURIComponent(encoded)) as Record<string, unknown>;
    return Object.keys(challenge).filter(
      (name) => challenge[name] !== false && challenge[name] !== 'unavailable',
    );
  } catch {
    // A challenge of another form is a factor that we do not know, which is what the caller then says.
    return [];
  }
}

interface TicketAnswer {
  readonly ticket?: unknown;
  readonly CSRFPreventionToken?: unknown;
  readonly username?: unknown;
  readonly NeedTFA?: unknown;
}

/** What ticket logins need from outside. */
export interface TicketAuthOptions {
  readonly credentials: TicketCredentials;
  readonly login: Login;
  readonly clock: Clock;
  readonly onTotp?: (() => Promise<string>) | undefined;
}

/**
 * Authenticates with user and password: logs in when needed, renews the ticket after 90 minutes, logs in again when the
 * server no longer accepts it.
 *
 * @param options - credentials, how to log in, clock, and whom to ask for a TOTP code.
 * @returns the authenticator.
 */
export function createTicketAuth(options: TicketAuthOptions): Authenticator {
  const { credentials, login, clock, onTotp } = options;
  let session: Session | undefined;
  let pending: Promise<Session> | undefined;
  let otp = credentials.otp;

  const fail = (reason: string, hint: string): PveAuthError =>
    new PveAuthError({ request: loginRequest(credentials.username), reason, hint });

  const toSession = (answer: TicketAnswer): Session => {
    const { ticket, CSRFPreventionToken: csrfToken, username } = answer;
    if (typeof ticket !== 'string') throw fail('the server gave no ticket', hints.login);
    return {
      ticket,
      csrfToken: typeof csrfToken === 'string' ? csrfToken : '',
      username: typeof username === 'string' ? username : credentials.username,
      since: clock.now(),
    };
  };

  const secondFactor = async (answer: TicketAnswer): Promise<TicketAnswer> => {
    const challenge = answer.ticket;
    if (typeof challenge !== 'string')
      throw fail('the server gave no challenge for the second factor', hints.login);
    const factors = factorsOf(challenge);
    if (!factors.includes('totp')) {
      throw fail(
        `the account wants a second factor that pvefleet does not know (${factors.join(', ') || 'none usable'})`,
        'use an API token (PVEFLEET_TOKEN_ID, PVEFLEET_TOKEN_SECRET)',
      );
    }
    // A code is good for one login only.
    const code = otp ?? (await onTotp?.());
    otp = undefined;
    if (code === undefined || code.trim() === '') {
      throw fail(
        'the account wants a TOTP code',
        'give the current code (PVEFLEET_OTP), or use an API token',
      );
    }
    return (await login({
      username: typeof answer.username === 'string' ? answer.username : credentials.username,
      'tfa-challenge': challenge,
      password: `totp:${code.replaceAll(/\s/g, '')}`,
    })) as TicketAnswer;
  };

  const logIn = async (): Promise<Session> => {
    const { username, password } = credentials;
    const answer = (await login({ username, password })) as TicketAnswer;
    // PVE: the challenge is a ticket in form, but opens nothing.
    return toSession(Number(answer.NeedTFA ?? 0) === 1 ? await secondFactor(answer) : answer);
  };

  /** PVE: a ticket that is still valid serves as the password of the next, also for accounts with a second factor. */
  const renew = async (old: Session): Promise<Session> => {
    try {
      return toSession((await login({ username: old.username, password: old.ticket })) as TicketAnswer);
    } catch (error) {
      if (error instanceof PveAuthError) return logIn();
      throw error;
    }
  };

  const current = (): Promise<Session> => {
    const age = session === undefined ? Number.POSITIVE_INFINITY : clock.now() - session.since;
    if (session !== undefined && age < renewAfterMs) return Promise.resolve(session);
    pending ??= (session !== undefined && age < lifetimeMs ? renew(session) : logIn())
      .then((fresh) => {
        session = fresh;
        return fresh;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };

  const cookie = (ticket: string): string => `PVEAuthCookie=${encodeURIComponent(ticket)}`;

  return {
    async headers(writes, signal) {
      const { ticket, csrfToken } = await abortable(current(), signal);
      return { Cookie: cookie(ticket), ...(writes ? { CSRFPreventionToken: csrfToken } : {}) };
    },
    rejected(headers) {
      // Somebody else's refusal may have led to a new login already.
      if (session !== undefined && headers['Cookie'] === cookie(session.ticket)) session = undefined;
      return true;
    },
  };
}

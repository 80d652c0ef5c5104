/**
 * Tickets, CSRF tokens, one-time passwords: made and checked with the cluster's key. Formats as on the real server
 * (transport-auth §6), signatures of our own (an HMAC instead of RSA), equally long.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SimState } from './state.ts';

/** Tickets and CSRF tokens hold for two hours; clocks may be five minutes apart. */
const lifeSeconds = 7200;
const skewSeconds = 300;

const hex8 = (seconds: number): string => seconds.toString(16).toUpperCase().padStart(8, '0');

function signature(secret: string, text: string): string {
  // Four blocks of 64 bytes: as long as the RSA signature of the real server, so that cookies have their real size.
  const blocks = [0, 1, 2, 3].map((block) =>
    createHmac('sha512', secret).update(`${block}:${text}`).digest(),
  );
  return Buffer.concat(blocks).toString('base64');
}

function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

function isCurrent(issued: string, nowSeconds: number): boolean {
  const age = nowSeconds - Number.parseInt(issued, 16);
  return age > -skewSeconds && age < lifeSeconds;
}

/**
 * Makes a ticket.
 *
 * @param state - holder of the key.
 * @param userid - whose ticket.
 * @param nowSeconds - time of issue, seconds since the epoch.
 * @returns `PVE:user@realm:HEXTIME::SIGNATURE`.
 */
export function makeTicket(state: Pick<SimState, 'secret'>, userid: string, nowSeconds: number): string {
  const plain = `PVE:${userid}:${hex8(nowSeconds)}`;
  return `${plain}::${signature(state.secret, plain)}`;
}

/**
 * Makes the half-way ticket that asks for a second factor.
 *
 * @param challenge - what kinds of factor there are.
 */
export function makeTfaTicket(
  state: Pick<SimState, 'secret'>,
  userid: string,
  challenge: Readonly<Record<string, unknown>>,
  nowSeconds: number,
): string {
  // Colons end the parts of a ticket, so the server escapes them in the challenge (and nothing else).
  const plain = `PVE:!tfa!${JSON.stringify(challenge).replaceAll(':', '%3A')}:${hex8(nowSeconds)}`;
  return `${plain}::${signature(state.secret, `${plain}:${userid}`)}`;
}

/**
 * Checks a ticket.
 *
 * @returns the user it was made for, or `undefined` when it is none, forged, or out of date.
 */
export function ticketUser(
  state: Pick<SimState, 'secret'>,
  ticket: string,
  nowSeconds: number,
): string | undefined {
  const match = /^(PVE:([^:!][^:]*):([0-9A-F]{8}))::([A-Za-z0-9+/=]+)$/.exec(ticket);
  if (!match) return undefined;
  const [, plain, userid, issued, signed] = match as unknown as [string, string, string, string, string];
  return isCurrent(issued, nowSeconds) && equal(signature(state.secret, plain), signed) ? userid : undefined;
}

/**
 * Checks a half-way ticket.
 *
 * @param userid - who wants to go on with it.
 */
export function isTfaTicketOf(
  state: Pick<SimState, 'secret'>,
  ticket: string,
  userid: string,
  nowSeconds: number,
): boolean {
  const match = /^(PVE:!tfa![^:]*:([0-9A-F]{8}))::([A-Za-z0-9+/=]+)$/.exec(ticket);
  if (!match) return false;
  const [, plain, issued, signed] = match as unknown as [string, string, string, string];
  return isCurrent(issued, nowSeconds) && equal(signature(state.secret, `${plain}:${userid}`), signed);
}

function csrfSignature(secret: string, issued: string, userid: string): string {
  return createHmac('sha256', secret).update(`csrf:${issued}:${userid}`).digest('base64').replace(/=+$/, '');
}

/**
 * Makes the token that writing requests with a ticket must carry.
 *
 * @returns `HEXTIME:BASE64`.
 */
export function makeCsrfToken(state: Pick<SimState, 'secret'>, userid: string, nowSeconds: number): string {
  const issued = hex8(nowSeconds);
  return `${issued}:${csrfSignature(state.secret, issued, userid)}`;
}

/** Checks a CSRF token of a user. */
export function isCsrfTokenOf(
  state: Pick<SimState, 'secret'>,
  token: string,
  userid: string,
  nowSeconds: number,
): boolean {
  const match = /^([0-9A-F]{8}):(\S+)$/.exec(token);
  if (!match) return false;
  const [, issued, signed] = match as unknown as [string, string, string];
  return isCurrent(issued, nowSeconds) && equal(csrfSignature(state.secret, issued, userid), signed);
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Decodes base32; characters that are none are skipped, as authenticator apps print secrets with blanks. */
function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text.toUpperCase()) {
    const digit = base32.indexOf(letter);
    if (digit < 0) continue;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >>> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}

/**
 * The one-time password of a moment (RFC 6238, SHA-1, 6 digits, 30 s).
 *
 * @param secret - base32.
 * @param nowMs - ms since the epoch.
 */
export function totpCode(secret: string, nowMs: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000)));
  const digest = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = (digest.at(-1) as number) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Checks a one-time password; the neighbouring 30 s count as well. */
export function isTotpCode(secret: string, code: string, nowMs: number): boolean {
  return [0, -1, 1].some((step) => totpCode(secret, nowMs + step * 30_000) === code);
}

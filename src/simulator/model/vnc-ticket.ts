/**
 * Tickets for consoles: bound to caller, container and port, good for some seconds (contract lxc-endpoints §G).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SimState } from './state.ts';

/** How old a ticket may be, and how far in the future clocks may be. */
const lifeSeconds = 40;
const skewSeconds = 20;

/** What a ticket is good for. */
export interface VncTarget {
  /** `user@realm` or `user@realm!token`. */
  readonly authid: string;
  /** Path that the rights are checked on, for example `/vms/100`. */
  readonly path: string;
  readonly port: number;
}

function signature(state: Pick<SimState, 'secret'>, issued: string, target: VncTarget): string {
  const text = `PVEVNC:${issued}:${target.authid}:${target.path}:${target.port}`;
  return createHmac('sha512', state.secret).update(text).digest('base64');
}

/**
 * Makes a console ticket.
 *
 * @param nowSeconds - seconds since the epoch.
 * @returns `PVEVNC:HEXTIME::SIGNATURE`.
 */
export function makeVncTicket(
  state: Pick<SimState, 'secret'>,
  target: VncTarget,
  nowSeconds: number,
): string {
  const issued = nowSeconds.toString(16).toUpperCase().padStart(8, '0');
  return `PVEVNC:${issued}::${signature(state, issued, target)}`;
}

/** Checks a console ticket. */
export function isVncTicketOf(
  state: Pick<SimState, 'secret'>,
  ticket: string,
  target: VncTarget,
  nowSeconds: number,
): boolean {
  const [, issued = '', signed = ''] = /^PVEVNC:([0-9A-F]{8})::([A-Za-z0-9+/=]+)$/.exec(ticket) ?? [];
  const age = nowSeconds - Number.parseInt(issued, 16);
  const expected = Buffer.from(signature(state, issued, target));
  const given = Buffer.from(signed);
  return (
    age >= -skewSeconds &&
    age <= lifeSeconds &&
    given.length === expected.length &&
    timingSafeEqual(given, expected)
  );
}

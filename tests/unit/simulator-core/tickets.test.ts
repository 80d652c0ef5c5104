import { describe, expect, test } from 'vitest';
import {
  isCsrfTokenOf,
  isTfaTicketOf,
  isTotpCode,
  makeCsrfToken,
  makeTfaTicket,
  makeTicket,
  ticketUser,
  totpCode,
} from '../../../src/simulator/model/tickets.ts';

const state = { secret: 'a key' };
const issued = 1_800_000_000;

describe('tickets', () => {
  test.each<[name: string, at: number, want: string | undefined]>([
    ['when made', issued, 'ann@pve'],
    ['just before two hours have passed', issued + 7199, 'ann@pve'],
    ['after two hours', issued + 7200, undefined],
    ['on a clock that is four minutes behind', issued - 240, 'ann@pve'],
    ['on a clock that is six minutes behind', issued - 360, undefined],
  ])('%s', (_, at, want) => {
    expect(ticketUser(state, makeTicket(state, 'ann@pve', issued), at)).toBe(want);
  });
  test('have the form and about the length of real ones', () => {
    const ticket = makeTicket(state, 'ann@pve', issued);
    expect(ticket).toMatch(/^PVE:ann@pve:6B49D200::[A-Za-z0-9+/]{342}==$/);
  });
  test.each<[name: string, change: (ticket: string) => string]>([
    ['another user', (ticket) => ticket.replace('ann@', 'bob@')],
    ['another time', (ticket) => ticket.replace('6B49D200', '6B49D201')],
    ['another signature', (ticket) => ticket.replace(/::./, (start) => (start === '::A' ? '::B' : '::A'))],
    ['no ticket', () => 'garbage'],
    ['nothing', () => ''],
  ])('refuse %s', (_, change) => {
    expect(ticketUser(state, change(makeTicket(state, 'ann@pve', issued)), issued)).toBeUndefined();
  });
  test('of another cluster are refused', () => {
    expect(ticketUser({ secret: 'other' }, makeTicket(state, 'ann@pve', issued), issued)).toBeUndefined();
  });
});

describe('half-way tickets', () => {
  const ticket = makeTfaTicket(state, 'ann@pve', { totp: true }, issued);
  test('carry the challenge with its colons escaped', () => {
    expect(ticket.startsWith('PVE:!tfa!{"totp"%3Atrue}:6B49D200::')).toBe(true);
  });
  test('open nothing', () => {
    expect(ticketUser(state, ticket, issued)).toBeUndefined();
  });
  test('belong to their user', () => {
    expect(isTfaTicketOf(state, ticket, 'ann@pve', issued)).toBe(true);
    expect(isTfaTicketOf(state, ticket, 'bob@pve', issued)).toBe(false);
    expect(isTfaTicketOf(state, ticket, 'ann@pve', issued + 7200)).toBe(false);
  });
});

describe('CSRF tokens', () => {
  const token = makeCsrfToken(state, 'ann@pve', issued);
  test('belong to their user for two hours', () => {
    expect(isCsrfTokenOf(state, token, 'ann@pve', issued + 60)).toBe(true);
    expect(isCsrfTokenOf(state, token, 'bob@pve', issued)).toBe(false);
    expect(isCsrfTokenOf(state, token, 'ann@pve', issued + 7200)).toBe(false);
    expect(isCsrfTokenOf(state, 'bad:token', 'ann@pve', issued)).toBe(false);
  });
});

describe('one-time passwords', () => {
  // RFC 6238, appendix B, SHA-1, last six digits; the secret is the ASCII text 12345678901234567890.
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  test.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
  ])('at %i s', (seconds, want) => {
    expect(totpCode(secret, seconds * 1000)).toBe(want);
  });
  test('blanks and small letters in a secret do not matter', () => {
    expect(totpCode('gezd gnbv gy3t qojq gezd gnbv gy3t qojq', 59_000)).toBe('287082');
  });
  test('the neighbouring half minutes count, others do not', () => {
    const now = 1_800_000_000_000;
    expect(
      [-60, -30, 0, 30, 60].map((offset) => isTotpCode(secret, totpCode(secret, now + offset * 1000), now)),
    ).toEqual([false, true, true, true, false]);
  });
});

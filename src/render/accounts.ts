/** Accounts of students as a table. */
import type { AccountState, AccountsDocument } from '../engine/lab/accounts.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { counted } from './values.ts';

const columns: readonly Column[] = [
  { title: 'LOGIN' },
  { title: 'NAME' },
  { title: 'GROUP' },
  { title: 'USER' },
  { title: 'STATE' },
  { title: 'EXPIRES' },
  { title: 'CONTAINERS', isBelow: true },
];

const words: Readonly<Record<AccountState, string>> = {
  active: 'active',
  disabled: 'disabled',
  expired: 'expired',
  missing: 'missing',
  foreign: 'of somebody else',
  left: 'not in the file',
};

/**
 * Renders the accounts of a fleet.
 *
 * @param document - what there is.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderAccounts({ fleet, accounts }: AccountsDocument, style: Style): string {
  const paint = (state: AccountState): string =>
    (state === 'active' ? style.green : state === 'disabled' ? style.dim : style.yellow)(words[state]);
  const rows = accounts.map(({ login, name, group, userid, state, expires, containers }) => [
    style.bold(login),
    name,
    group ?? '',
    userid,
    paint(state),
    expires?.slice(0, 10) ?? '',
    containers.map(({ key, vmid, status }) => `${key} (${vmid}) ${status}`).join(', '),
  ]);
  const count = `${counted(accounts.length, 'account')} of ${fleet}`;
  return rows.length === 0
    ? `No accounts of ${fleet}.\n`
    : `${renderTable(columns, rows, style)}\n${count}.\n`;
}

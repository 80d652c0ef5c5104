/** Steps about accounts in a plan: one line per student. */
import type { AccountKind, Action, PlanSummary } from '../domain/plan.ts';
import { fill } from './fill.ts';
import type { Style } from './style.ts';
import { showChange } from './values.ts';

const isAbout = /^(?:role|user|pool|acl)\./;

/** Whether a step is about an account. */
export const isAccountStep = ({ kind }: Pick<Action, 'kind'>): boolean => isAbout.test(kind);

const text = ({ request }: Action, name: string): string => String(request.params[name] ?? '');

const phrases: Readonly<Record<AccountKind, (action: Action) => string>> = {
  'role.create': (action) =>
    `role ${text(action, 'roleid')} (${text(action, 'privs').replaceAll(',', ', ')})`,
  'role.update': (action) => `role ${text(action, 'roleid')}`,
  'role.delete': (action) => `remove role ${text(action, 'roleid')}`,
  'user.create': (action) => `account ${text(action, 'userid')}`,
  'user.update': (action) => `account ${text(action, 'userid')}`,
  'user.password': (action) => `new password of ${text(action, 'userid')}`,
  'user.delete': (action) => `remove account ${text(action, 'userid')}`,
  'pool.create': (action) => `pool ${text(action, 'poolid')}`,
  'pool.update': (action) => `pool ${text(action, 'poolid')}`,
  'pool.remove-member': (action) =>
    `take ${text(action, 'vms').replaceAll(',', ', ')} out of pool ${text(action, 'poolid')}`,
  'pool.delete': (action) => `remove pool ${text(action, 'poolid')}`,
  'acl.grant': (action) => `${text(action, 'roles')} on ${text(action, 'path')}`,
  'acl.revoke': (action) => `no ${text(action, 'roles')} on ${text(action, 'path')}`,
};

/**
 * The sign of a student's line.
 *
 * @param actions - steps about one student's account.
 * @returns `+` when an account is made, `-` when one goes, else `~`.
 */
export function accountSign(actions: readonly Action[]): '+' | '~' | '-' {
  const kinds = new Set(actions.map(({ kind }) => kind));
  const isMade = [...kinds].every((kind) => kind === 'role.create' || kind === 'pool.create');
  if (kinds.has('user.create') || isMade) return '+';
  return [...kinds].every((kind) => /\.(?:delete|remove-member|revoke)$/.test(kind)) ? '-' : '~';
}

/**
 * What happens to a student's account.
 *
 * @param actions - steps about one student's account.
 * @param width - columns that a line may take.
 * @param style - palette.
 * @returns lines without indentation.
 */
export function accountLines(actions: readonly Action[], width: number, style: Style): string[] {
  const said = actions.map((action) => phrases[action.kind as AccountKind](action));
  const changes = actions
    .filter(({ kind }) => kind.endsWith('.update'))
    .flatMap(({ changes: list }) => list)
    .map(({ field, from, to }) => `${field} ${showChange(from, to, style)}`);
  return [...fill(new Set(said), width, style), ...changes.map(style.dim)];
}

/**
 * Counts of accounts, for the last line of a plan.
 *
 * @returns text that starts with a semicolon, or nothing.
 */
export function accountSummary({ accounts }: PlanSummary): string {
  if (!accounts) return '';
  const { create, update, remove } = accounts;
  return `; accounts: ${create} to create, ${update} to change, ${remove} to remove`;
}

/** Values as people read them. */
import type { Action, JsonValue } from '../domain/plan.ts';
import { deepEqual } from '../util/compare.ts';
import type { Style } from './style.ts';

/**
 * Writes a field's value on one line.
 *
 * @param value - value of a field change.
 * @returns for example `2GiB`, `on`, `unset`, `bridge=vmbr0 ip=dhcp`.
 */
export function showValue(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return 'unset';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') {
    if (value === '') return '""';
    const [first = '', ...more] = value.split('\n');
    return more.length > 0 ? `${first} (+${more.length} more lines)` : first;
  }
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((item: JsonValue) => showValue(item)).join(', ');
  const entries = Object.entries(value as Readonly<Record<string, JsonValue>>).filter(
    ([, member]) => member !== null,
  );
  return entries.length === 0
    ? 'none'
    : entries.map(([key, member]) => `${key}=${showValue(member)}`).join(' ');
}

type JsonObject = Readonly<Record<string, JsonValue>>;

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Keeps of two values what differs: of two maps only the members that are not the same, anything else as it is.
 *
 * @returns both values, reduced.
 */
export function differing(
  from: JsonValue | undefined,
  to: JsonValue | undefined,
): readonly [JsonValue | undefined, JsonValue | undefined] {
  if (!isObject(from) || !isObject(to)) return [from, to];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (name) => !deepEqual(from[name] ?? null, to[name] ?? null),
  );
  const only = (value: JsonObject): JsonObject =>
    Object.fromEntries(
      names.filter((name) => value[name] !== undefined).map((name) => [name, value[name] as JsonValue]),
    );
  return [only(from), only(to)];
}

/** Of a list of rules or the like: what comes and what goes; undefined for other values. */
function showMembers(from: JsonValue, to: JsonValue): string | undefined {
  if (!Array.isArray(from) || !Array.isArray(to) || ![...from, ...to].some(isObject)) return undefined;
  const missing = (list: readonly JsonValue[], others: readonly JsonValue[]): JsonValue[] =>
    list.filter((one) => !others.some((other) => deepEqual(one, other)));
  const changes = [
    ...missing(to, from).map((one) => `+ ${showValue(one)}`),
    ...missing(from, to).map((one) => `- ${showValue(one)}`),
  ];
  return changes.length === 0 ? 'another order' : changes.join(', ');
}

/**
 * Writes a change on one line; of a map only the members that change, of a list of maps those that come and go.
 *
 * @param from - value before.
 * @param to - value after.
 * @param style - for the arrow; absent: for documents.
 * @returns for example `2GiB → 4GiB` or `ip=10.0.0.5/24 → ip=10.0.0.6/24 vlan=5`.
 */
export function showChange(from: JsonValue, to: JsonValue, style?: Style): string {
  const members = showMembers(from, to);
  if (members !== undefined) return members;
  const [left, right] = differing(from, to);
  return `${showValue(left)} ${style?.glyph.arrow ?? '→'} ${showValue(right)}`;
}

/**
 * Whether a step is worth a line of its own. Of the steps from one list of firewall rules to another, the last one tells
 * the change.
 */
export const isTold = ({ kind, changes }: Pick<Action, 'kind' | 'changes'>): boolean =>
  kind !== 'firewall.rule' || changes.length > 0;

/**
 * Writes a duration.
 *
 * @param ms - milliseconds, not negative.
 * @returns for example `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
 */
export function showDuration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * Writes a count with its noun.
 *
 * @param count - how many.
 * @param one - noun for one.
 * @param many - noun for several; default: `one` with an s.
 * @returns for example `1 container`, `3 containers`.
 */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * Tables of the sub-keys of nets, mounts, the root disk, devices and features: name in a fleet file, name on the wire,
 * spelling. Merging over such a table is what keeps MAC addresses and other unmanaged sub-keys as they are.
 */
import { deepEqual, naturalCompare } from '../util/compare.ts';
import type { JsonValue } from './plan.ts';
import type { JsonObject } from './spelling.ts';

type WireValue = string | number | boolean;

/** One sub-key. */
export interface SubkeyRow {
  /** Member of the desired type. */
  readonly name: string;
  /** Key of the property string. */
  readonly key: string;
  /** What an absent key means; null: unset. */
  readonly unset: JsonValue;
  readonly show: (value: WireValue) => JsonValue;
  /** The value to send; undefined: send no key. */
  readonly send: (value: JsonValue) => WireValue | undefined;
  /** Form in which two spelled values are compared. */
  readonly normal: (value: JsonValue) => JsonValue;
}

const asIs = (value: JsonValue): JsonValue => value;
const sorted = (value: JsonValue): JsonValue =>
  Array.isArray(value)
    ? value.length === 0
      ? null
      : (value as JsonValue[]).toSorted((a, b) => naturalCompare(JSON.stringify(a), JSON.stringify(b)))
    : value;

const value = (name: string, key: string = name, normal: SubkeyRow['normal'] = asIs): SubkeyRow => ({
  name,
  key,
  unset: null,
  show: (given) => given,
  send: (given) => given as WireValue,
  normal,
});
const flag = (name: string, key: string = name, unset = false): SubkeyRow => ({ ...value(name, key), unset });
const list = (name: string, key: string, item: (text: string) => JsonValue = (text) => text): SubkeyRow => ({
  name,
  key,
  unset: null,
  show: (given) =>
    String(given)
      .split(/[; ]+/)
      .filter((part) => part !== '')
      .map(item),
  send: (given) => (Array.isArray(given) && given.length > 0 ? given.join(';') : undefined),
  normal: sorted,
});
const foldCase =
  (fold: 'toLowerCase' | 'toUpperCase') =>
  (given: JsonValue): JsonValue =>
    typeof given === 'string' ? given[fold]() : given;

/** Network interfaces; their name is the key of the map they stand in. */
export const netRows: readonly SubkeyRow[] = [
  value('bridge'),
  value('ip'),
  value('gateway', 'gw'),
  value('ip6', 'ip6', foldCase('toLowerCase')),
  value('gateway6', 'gw6', foldCase('toLowerCase')),
  value('mac', 'hwaddr', foldCase('toUpperCase')),
  value('vlan', 'tag'),
  list('trunks', 'trunks', Number),
  value('mtu'),
  value('rateMBps', 'rate'),
  flag('firewall'),
  flag('linkDown', 'link_down'),
  flag('hostManaged', 'host-managed'),
];

/** Options of the root disk. `acl` has three states: on, off, and what the file system does. */
export const rootfsRows: readonly SubkeyRow[] = [
  value('acl'),
  flag('quota'),
  flag('replicate', 'replicate', true),
  flag('readOnly', 'ro'),
  list('options', 'mountoptions'),
  flag('shared'),
  value('idmap'),
];

/** Options of mount points; volume, path and size are handled by their family. */
export const mountRows: readonly SubkeyRow[] = [
  ...rootfsRows,
  flag('backup'),
  flag('keepAttributes', 'keepattrs'),
];

export const deviceRows: readonly SubkeyRow[] = [
  value('mode'),
  value('uid'),
  value('gid'),
  flag('denyWrite', 'deny-write'),
];

export const featureRows: readonly SubkeyRow[] = [
  flag('nesting'),
  flag('keyctl'),
  flag('fuse'),
  flag('mknod'),
  flag('forceRwSys', 'force_rw_sys'),
  list('mount', 'mount'),
];

/** Reads one sub-key as a fleet file spells it. */
export function showSubkey(row: SubkeyRow, item: object): JsonValue {
  const found = (item as Record<string, WireValue | undefined>)[row.key];
  return found === undefined ? row.unset : row.show(found);
}

/**
 * Spells an item as a fleet file does.
 *
 * @param rows - its table.
 * @param item - decoded property string.
 * @returns the sub-keys that are not at their default.
 */
export function showSubkeys(rows: readonly SubkeyRow[], item: object): JsonObject {
  const shown = rows.map((row) => [row.name, showSubkey(row, item)] as const);
  return Object.fromEntries(shown.filter(([, given], index) => !deepEqual(given, rows[index]?.unset)));
}

/**
 * Puts wanted sub-keys over an item. What is equal keeps the item's own spelling, what is not managed stays as it is.
 *
 * @param rows - table of the item.
 * @param wanted - desired members by name; undefined: not managed, null: to be unset.
 * @param item - decoded property string to start from.
 * @returns the merged item.
 */
export function mergeSubkeys<T extends object>(rows: readonly SubkeyRow[], wanted: object, item: T): T {
  const result = { ...item } as Record<string, WireValue>;
  for (const row of rows) {
    const want = (wanted as Record<string, JsonValue | undefined>)[row.name];
    if (want === undefined) continue;
    const found = showSubkey(row, item);
    const target = want === null ? row.unset : want;
    if (deepEqual(row.normal(found), row.normal(target))) continue;
    const sent = want === null ? undefined : row.send(want);
    if (sent === undefined) delete result[row.key];
    else result[row.key] = sent;
  }
  return result as T;
}

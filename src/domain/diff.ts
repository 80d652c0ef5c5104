/** What differs between two configs of one container, field by field, with the API keys that carry each difference. */
import { encodeLxcConfig, type LxcConfig, type LxcWireValue } from '../codec/lxc-config.ts';
import { deepEqual } from '../util/compare.ts';
import { type Entry, entriesOf, type FamilyName, familyNames, familyOf } from './families.ts';
import { fieldRows, rootfsStorage } from './fields.ts';
import type { Effect, FieldChange, JsonValue } from './plan.ts';
import { type JsonObject, spellBytes } from './spelling.ts';

/** One difference. */
export interface Difference {
  readonly change: FieldChange;
  /** Keys of PUT …/config that bring it about; empty for a disk that grows. */
  readonly keys: readonly string[];
  /** A disk to grow, and the bytes it should have. */
  readonly grow?: { readonly disk: string; readonly bytes: number };
}

/** The container that is changed. */
export interface DiffContext {
  /** Its config in force. */
  readonly live: LxcConfig;
  /** In a stopped container everything applies at once. */
  readonly isStopped: boolean;
}

type Wire = Readonly<Record<string, LxcWireValue>>;

function withoutSize(shown: JsonObject): JsonObject {
  const { size: _, ...rest } = shown;
  return rest;
}

function sizeOf(item: object | undefined): number | undefined {
  const size = (item as { size?: unknown } | undefined)?.size;
  return typeof size === 'number' ? size : undefined;
}

/**
 * When a change to a numbered key takes effect in a running container.
 * PVE: pve-container LXC/Config.pm, vmconfig_hotplug_pending. Its pattern for removing nets matches one digit only.
 */
function entryEffect(name: FamilyName, key: string, isRemoved: boolean, live: LxcConfig): Effect {
  if (name === 'nets') return isRemoved && key.length > 'net9'.length ? 'restart' : 'live';
  return key in live[name] ? 'restart' : 'live';
}

function diffFamily(name: FamilyName, from: LxcConfig, to: LxcConfig, live: LxcConfig): Difference[] {
  const { member, show } = familyOf(name);
  const before = entriesOf(name, from);
  const after = entriesOf(name, to);
  const differences: Difference[] = [];
  const differ = (field: string, entry: Entry, was: JsonValue, becomes: JsonValue): void => {
    const effect = entryEffect(name, entry.key, becomes === null, live);
    differences.push({ change: { field, from: was, to: becomes, effect }, keys: [entry.key] });
  };
  for (const identity of new Set([...before.keys(), ...after.keys()])) {
    const field = `${member}.${identity}`;
    const old = before.get(identity);
    const now = after.get(identity);
    if (old && now) {
      const was = withoutSize(show(old.item));
      const becomes = withoutSize(show(now.item));
      if (!deepEqual(was, becomes)) differ(field, now, was, becomes);
      differences.push(...diffSize(`${field}.size`, now.key, old.item, now.item));
    } else if (now) differ(field, now, null, show(now.item));
    else if (old) differ(field, old, show(old.item), null);
  }
  return differences;
}

function diffSize(
  field: string,
  disk: string,
  from: object | undefined,
  to: object | undefined,
): Difference[] {
  const was = sizeOf(from);
  const bytes = sizeOf(to);
  if (was === undefined || bytes === undefined || was === bytes) return [];
  const change: FieldChange = { field, from: spellBytes(was), to: spellBytes(bytes), effect: 'live' };
  return [{ change, keys: [], grow: { disk, bytes } }];
}

/**
 * Compares two configs.
 *
 * @param from - the config that is (usually `next`).
 * @param to - the config that should be.
 * @param context - what is in force, and whether the container is stopped.
 * @returns the differences in the order of the field table.
 */
export function diff(from: LxcConfig, to: LxcConfig, context: DiffContext): Difference[] {
  const differences: Difference[] = fieldRows.flatMap((row) => {
    const was = row.read(from);
    const becomes = row.read(to);
    return deepEqual(was, becomes)
      ? []
      : [{ change: { field: row.field, from: was, to: becomes, effect: row.effect }, keys: [row.key] }];
  });
  const storage = { from: rootfsStorage(from), to: rootfsStorage(to) };
  if (storage.from !== storage.to)
    differences.push({ change: { field: 'rootfs.storage', ...storage, effect: 'recreate' }, keys: [] });
  else differences.push(...diffSize('rootfs.size', 'rootfs', from.rootfs, to.rootfs));
  for (const name of familyNames) differences.push(...diffFamily(name, from, to, context.live));
  if (differences.length === 0) return differences;
  const wanted: Wire = encodeLxcConfig(to);
  const inForce: Wire = encodeLxcConfig(context.live);
  return differences.map((difference) => {
    const isBack = difference.keys.length > 0 && difference.keys.every((key) => wanted[key] === inForce[key]);
    return difference.change.effect === 'restart' && (context.isStopped || isBack)
      ? { ...difference, change: { ...difference.change, effect: 'live' } }
      : difference;
  });
}

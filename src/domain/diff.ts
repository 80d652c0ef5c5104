/** What differs between two configs of one container, field by field, with the API keys that carry each difference. */
import { encodeLxcConfig, type LxcConfig, type LxcWireValue } from '../codec/lxc-config.ts';
import type { LxcMount } from '../schema/generated/formats.gen.ts';
import { deepEqual } from '../util/compare.ts';
import { type Entry, entriesOf, type FamilyName, familyNames, familyOf } from './families.ts';
import { fieldRows } from './fields.ts';
import type { Effect, FieldChange, JsonValue } from './plan.ts';
import { type JsonObject, spellBytes, withTrueSize } from './spelling.ts';

/** One difference. */
export interface Difference {
  readonly change: FieldChange;
  /** Keys of PUT …/config that bring it about; empty for a disk that just grows. */
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

type Disk = Pick<LxcMount, 'volume' | 'size'>;

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
      if (name === 'mounts')
        differences.push(
          ...diffSize(`${field}.size`, now.key, {
            from: old.item as Disk,
            to: now.item as Disk,
            live: live.mounts[now.key],
          }),
        );
    } else if (now) {
      differ(field, now, null, show(now.item));
      // a mount whose removal waited is kept, and may have to grow as well
      const kept = live.mounts[now.key];
      if (name === 'mounts' && kept)
        differences.push(
          ...diffSize(`${field}.size`, now.key, { from: kept, to: now.item as Disk, live: kept }),
        );
    } else if (old) differ(field, old, show(old.item), null);
  }
  return differences;
}

/** A disk grows by a call of its own; the size in a string that waits for a restart has to be written anew as well. */
function diffSize(
  field: string,
  disk: string,
  { from, to, live }: { readonly [K in 'from' | 'to' | 'live']: Disk | undefined },
): Difference[] {
  if (!from || to?.size === undefined) return [];
  const bytes = to.size;
  const was = withTrueSize(from, live).size;
  const isWaiting = live !== undefined && !deepEqual(from, live);
  if (was !== undefined && was !== bytes) {
    const change: FieldChange = { field, from: spellBytes(was), to: spellBytes(bytes), effect: 'live' };
    return [{ change, keys: isWaiting ? [disk] : [], grow: { disk, bytes } }];
  }
  if (from.size === undefined || from.size === bytes) return [];
  return [
    {
      change: { field, from: spellBytes(from.size), to: spellBytes(bytes), effect: 'restart' },
      keys: [disk],
    },
  ];
}

/**
 * The config in force after its disks have grown.
 *
 * @param live - the config in force.
 * @param differences - what is to be done, disks to grow among it.
 * @returns the config with the sizes that the disks will have.
 */
export function withGrowth(live: LxcConfig, differences: readonly Difference[]): LxcConfig {
  let grown = live;
  for (const { grow } of differences) {
    if (!grow) continue;
    const mount = grown.mounts[grow.disk];
    if (grow.disk === 'rootfs' && grown.rootfs)
      grown = { ...grown, rootfs: { ...grown.rootfs, size: grow.bytes } };
    else if (mount)
      grown = { ...grown, mounts: { ...grown.mounts, [grow.disk]: { ...mount, size: grow.bytes } } };
  }
  return grown;
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
    if (deepEqual(was, becomes)) return [];
    const { field, effect, settles } = row;
    const later = settles && !context.isStopped ? { settles } : {};
    return [{ change: { field, from: was, to: becomes, effect, ...later }, keys: [row.key] }];
  });
  differences.push(
    ...diffSize('rootfs.size', 'rootfs', { from: from.rootfs, to: to.rootfs, live: context.live.rootfs }),
  );
  for (const name of familyNames) differences.push(...diffFamily(name, from, to, context.live));
  if (differences.length === 0) return differences;
  const wanted: Wire = encodeLxcConfig(to);
  const inForce: Wire = encodeLxcConfig(withGrowth(context.live, differences));
  return differences.map((difference) => {
    const isBack = difference.keys.length > 0 && difference.keys.every((key) => wanted[key] === inForce[key]);
    return difference.change.effect === 'restart' && (context.isStopped || isBack)
      ? { ...difference, change: { ...difference.change, effect: 'live' } }
      : difference;
  });
}

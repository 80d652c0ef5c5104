/**
 * The three families of numbered keys (`netN`, `mpN`, `devN`). In a fleet file they are maps by what a person knows them
 * by: interface name, mount path, device path. A map that is present says which entries exist; inside an entry, keys that
 * are absent keep their value.
 */
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { LxcDevice, LxcMount, LxcNet } from '../schema/generated/formats.gen.ts';
import { MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { DesiredContainer, DesiredDevice, DesiredMount, DesiredNet } from './desired.ts';
import type { FieldChange } from './plan.ts';
import {
  isSizeReached,
  type JsonObject,
  plainPath,
  readVolume,
  spellBytes,
  spellNewVolume,
  unknownVolume,
  withTrueSize,
} from './spelling.ts';
import { deviceRows, mergeSubkeys, mountRows, netRows, showSubkeys } from './subkeys.ts';

/** Something the file asks for that cannot be done to this container. */
export interface Conflict {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly change: FieldChange;
}

/** One family; `D` is its desired entry, `T` its decoded property string. */
export interface Family<D, T> {
  /** Member of the desired container and of the config, and start of the field id. */
  readonly member: 'nets' | 'mounts' | 'devices';
  /** Key on the wire, without its number. */
  readonly wire: 'net' | 'mp' | 'dev';
  readonly identify: (item: T) => string;
  readonly show: (item: T) => JsonObject;
  /** The entry as it should become; undefined with a conflict that leaves it out. */
  readonly merge: (
    name: string,
    wanted: D,
    item: T | undefined,
    report: (conflict: Conflict) => void,
  ) => T | undefined;
}

const forbidden = (field: string, from: FieldChange['from'], to: FieldChange['to']): FieldChange => ({
  field,
  from,
  to,
  effect: 'forbidden',
});

/**
 * The size a disk should get: as found, or grown.
 *
 * @param field - field id of the size, for the conflict.
 * @param found - present size in bytes; undefined: it has none.
 * @param wanted - wanted size in bytes; undefined: not managed.
 * @param report - told when the disk would have to shrink.
 * @returns bytes, or undefined where there is no size.
 */
export function sizeToBe(
  field: string,
  found: number | undefined,
  wanted: number | undefined,
  report: (conflict: Conflict) => void,
): number | undefined {
  // a directory subvolume without a limit has size 0, a bind mount none: there is nothing to grow
  if (found === undefined || found === 0 || wanted === undefined || isSizeReached(found, wanted))
    return found;
  if (wanted > found) return Math.ceil(wanted / MiB) * MiB;
  report({
    code: 'DISK_SHRINK',
    message: `${field} cannot shrink from ${spellBytes(found)} to ${spellBytes(wanted)}`,
    hint: `write ${spellBytes(found)} or more; Proxmox VE can only grow disks`,
    change: forbidden(field, spellBytes(found), spellBytes(wanted)),
  });
  return found;
}

const nets: Family<DesiredNet, LxcNet> = {
  member: 'nets',
  wire: 'net',
  identify: (net) => net.name,
  show: (net) => showSubkeys(netRows, net),
  merge: (name, wanted, net) => mergeSubkeys(netRows, wanted, net ?? { name }),
};

const devices: Family<DesiredDevice, LxcDevice> = {
  member: 'devices',
  wire: 'dev',
  identify: (device) => device.path ?? '',
  show: (device) => showSubkeys(deviceRows, device),
  merge: (path, wanted, device) => mergeSubkeys(deviceRows, wanted, device ?? { path }),
};

function showMount(mount: LxcMount): JsonObject {
  const { storage, newBytes } = readVolume(mount.volume);
  const size = mount.size ?? newBytes;
  return {
    ...(storage === undefined ? {} : { storage }),
    ...(newBytes === undefined && !mount.volume.endsWith(unknownVolume) ? { source: mount.volume } : {}),
    ...(size === undefined ? {} : { size: spellBytes(size) }),
    ...showSubkeys(mountRows, mount),
  };
}

const mounts: Family<DesiredMount, LxcMount> = {
  member: 'mounts',
  wire: 'mp',
  identify: (mount) => plainPath(mount.mp),
  show: showMount,
  merge: (path, wanted, mount, report) => {
    const { storage, sizeBytes, source } = wanted;
    if (!mount) {
      const volume =
        source ??
        (storage === undefined || sizeBytes === undefined ? undefined : spellNewVolume(storage, sizeBytes));
      if (volume !== undefined) return mergeSubkeys(mountRows, wanted, { volume, mp: path });
      report({
        code: 'MOUNT_INCOMPLETE',
        message: `the new mount ${path} has neither a source nor a storage with a size`,
        hint: 'write storage and size, or source',
        change: forbidden(`mounts.${path}`, null, { storage: storage ?? null }),
      });
      return undefined;
    }
    const found = readVolume(mount.volume).storage;
    if (source !== undefined && source !== mount.volume) {
      const { size: _, ...rest } = mount;
      return mergeSubkeys(mountRows, wanted, { ...rest, volume: source });
    }
    // a volume of another storage is moved there by plan-move.ts
    if (source === undefined && storage !== undefined && found === undefined)
      report({
        code: 'MOUNT_MOVED',
        message: `${path} is ${mount.volume} of the node, and not a volume on storage ${storage}`,
        hint: `write source: ${mount.volume}; data is never replaced by an empty volume`,
        change: forbidden(`mounts.${path}.storage`, null, storage),
      });
    const size = sizeToBe(`mounts.${path}.size`, mount.size, sizeBytes, report);
    return mergeSubkeys(mountRows, wanted, size === undefined ? mount : { ...mount, size });
  },
};

const families = { nets, mounts, devices } as const;
export type FamilyName = 'nets' | 'mounts' | 'devices';

/**
 * Gives a family without the types of its entries, for code that treats all alike.
 *
 * @param name - member of the config.
 * @returns the family.
 */
export function familyOf(name: FamilyName): Family<object, object> {
  // the three types differ only in what their own functions take, and those get entries of their own family
  return families[name] as unknown as Family<object, object>;
}

export const familyNames: readonly FamilyName[] = ['nets', 'mounts', 'devices'];

type Items = Readonly<Record<string, object>>;

/** One entry of a family in a config. */
export interface Entry {
  /** `net0`. */
  readonly key: string;
  readonly item: object;
}

/**
 * Lists the entries of a family by identity; of two with the same identity the second is `eth0@net3`.
 *
 * @param name - the family.
 * @param config - a config.
 * @returns entries in order of their number.
 */
export function entriesOf(name: FamilyName, config: LxcConfig): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [key, item] of Object.entries(config[name] as Items).sort(([a], [b]) => naturalCompare(a, b))) {
    const identity = familyOf(name).identify(item);
    entries.set(entries.has(identity) ? `${identity}@${key}` : identity, { key, item });
  }
  return entries;
}

/**
 * Proposes the entries of a family.
 *
 * @param name - the family.
 * @param desired - the container as the file has it.
 * @param actual - configs in force (`live`) and of the next start (`next`).
 * @param report - told what cannot be done.
 * @returns the entries by wire key; those of `next` when the family is not managed.
 */
export function proposeFamily(
  name: FamilyName,
  desired: Pick<DesiredContainer, FamilyName>,
  actual: { readonly live: LxcConfig; readonly next: LxcConfig },
  report: (conflict: Conflict) => void,
): Readonly<Record<string, object>> {
  const wanted = desired[name] as Items | undefined;
  if (wanted === undefined) return actual.next[name];
  const family = familyOf(name);
  const next = entriesOf(name, actual.next);
  const live = entriesOf(name, actual.live);
  // a number that is in use until the next start is not free, whatever waits for it
  const taken = new Set([...Object.keys(actual.next[name]), ...Object.keys(actual.live[name])]);
  const proposed: Record<string, object> = {};
  let number = 0;
  for (const written of Object.keys(wanted).sort(naturalCompare)) {
    const identity = name === 'mounts' ? plainPath(written) : written;
    const waiting = live.get(identity);
    // an entry that waits for its removal is kept instead of made anew
    const found =
      next.get(identity) ?? (waiting && !(waiting.key in actual.next[name]) ? waiting : undefined);
    const inForce = found && (actual.live[name] as Items)[found.key];
    const item =
      found && name === 'mounts' ? withTrueSize(found.item as LxcMount, inForce as LxcMount) : found?.item;
    const merged = family.merge(written, wanted[written] as object, item, report);
    if (merged === undefined) continue;
    let key = found?.key;
    if (key === undefined) {
      while (taken.has(`${family.wire}${number}`)) number += 1;
      key = `${family.wire}${number}`;
      taken.add(key);
    }
    proposed[key] = merged;
  }
  return proposed;
}

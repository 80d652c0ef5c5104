/** How values of a container are spelled in a fleet file, and small readings of volume ids and paths. */
import { formatSize, GiB, MiB } from '../util/bytes.ts';
import type { JsonValue } from './plan.ts';

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** A JSON object, or undefined for every other value. */
export const asObject = (value: JsonValue): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

/** Spells a size of bytes; nothing is `0MiB`, because a fleet file wants a unit. */
export const spellBytes = (bytes: number): string => (bytes === 0 ? '0MiB' : formatSize(bytes));

/** Spells a size of MiB. */
export const spellMiB = (mebibytes: number): string => spellBytes(mebibytes * MiB);

/** What stands in volume ids of a copy that is yet to be made; the storage before it is known. */
export const unknownVolume = '{volume}';

const newVolume = /^([^:\s/]+):(\d+(?:\.\d+)?)$/;

/** What the volume of a disk says. */
export interface VolumeInfo {
  /** Storage; absent for host directories and devices. */
  readonly storage?: string;
  /** Size in bytes of a volume that is yet to be made. */
  readonly newBytes?: number;
}

/**
 * Reads a volume: `local-lvm:8` (to be made), `local-lvm:vm-101-disk-0`, `/srv/data`.
 *
 * @returns storage and, for one that is to be made, its size.
 */
export function readVolume(volume: string): VolumeInfo {
  const created = newVolume.exec(volume);
  if (created) return { storage: created[1] as string, newBytes: Math.floor(Number(created[2]) * GiB) };
  const at = volume.indexOf(':');
  return volume.startsWith('/') || at < 0 ? {} : { storage: volume.slice(0, at) };
}

/**
 * Writes the request for a new volume.
 *
 * @param storage - storage id.
 * @param bytes - size; the server rounds down to whole MiB, so it is rounded up to them here.
 * @returns for example `local-lvm:0.5`, in GiB.
 */
export function spellNewVolume(storage: string, bytes: number): string {
  return `${storage}:${(Math.ceil(bytes / MiB) * MiB) / GiB}`;
}

/**
 * Tells whether a disk has the wanted size. Storages round up to their extents (LVM: 4 MiB), so a little more is the same.
 *
 * @param actual - bytes found.
 * @param wanted - bytes asked for.
 * @returns whether nothing is to be done.
 */
export function isSizeReached(actual: number, wanted: number): boolean {
  return actual >= wanted && actual - wanted < 4 * MiB;
}

/** What disks have in common. */
interface Disk {
  readonly volume: string;
  readonly size?: number;
}

/**
 * Gives a disk its true size. A disk whose options wait for a restart may have grown since they were written: what waits
 * still carries the old size, what is in force the true one.
 *
 * @param disk - disk of the next start.
 * @param live - the same disk in force, if there is one.
 * @returns the disk; with the size of `live` when it is the same volume.
 */
export function withTrueSize<T extends Disk>(disk: T, live: Disk | undefined): T {
  return live?.size === undefined || live.volume !== disk.volume ? disk : { ...disk, size: live.size };
}

/** A path inside a container without doubled and trailing slashes. */
export const plainPath = (path: string): string => path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');

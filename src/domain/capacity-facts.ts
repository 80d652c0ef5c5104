/** What nodes and storages have left before a plan. Pure. */
import type { ClusterSnapshot, StorageInfo } from './actual.ts';
import type { DesiredCapacity } from './desired.ts';

/** A storage, once for all nodes that share it. */
export interface StorageSpace {
  /** `shared`, or `local-lvm@pve1`. */
  readonly name: string;
  readonly type: string;
  /** Absent: not known. */
  readonly freeBytes?: number;
}

/**
 * Memory that is promised to running guests.
 *
 * @param snapshot - all guests.
 * @returns bytes by node; guests whose limit is not known do not count.
 */
export function limitsOnNodes({ guests }: Pick<ClusterSnapshot, 'guests'>): Map<string, number> {
  const limits = new Map<string, number>();
  for (const { node, status, usage } of guests)
    if (status === 'running') limits.set(node, (limits.get(node) ?? 0) + (usage.maxMemoryBytes ?? 0));
  return limits;
}

/**
 * Free space of storages.
 *
 * @param storages - as all nodes see them.
 * @returns by `storage` for shared ones, else by `storage@node`.
 */
export function storageSpaces(storages: readonly StorageInfo[]): Map<string, StorageSpace> {
  const spaces = new Map<string, StorageSpace>();
  for (const { storage, node, shared, type, totalBytes, usedBytes } of storages) {
    const name = shared ? storage : `${storage}@${node}`;
    const free = totalBytes === undefined ? undefined : Math.max(0, totalBytes - (usedBytes ?? 0));
    // an unavailable storage is listed without sizes, or with none
    const known = spaces.get(name)?.freeBytes ?? (totalBytes === 0 ? undefined : free);
    spaces.set(name, { name, type, ...(known === undefined ? {} : { freeBytes: known }) });
  }
  return spaces;
}

/**
 * How much may be allocated.
 *
 * @param space - a storage.
 * @param capacity - what the file allows.
 * @returns bytes, or undefined where the free space is not known.
 */
export function allowedBytes(
  { type, freeBytes }: StorageSpace,
  { storageOvercommit = 1 }: DesiredCapacity,
): number | undefined {
  // LVM without a thin pool takes the space when the volume is made, so nothing can be overcommitted
  return freeBytes === undefined ? undefined : freeBytes * (type === 'lvm' ? 1 : storageOvercommit);
}

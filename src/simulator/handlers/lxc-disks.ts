/**
 * Making the disks of a container, with the log lines that storages and mkfs leave. No handler itself.
 */
import type { HandlerContext, SimWorker } from '../context.ts';
import { mountsOf } from '../model/lxc-config.ts';
import { newVolume, printMount } from '../model/property-values.ts';
import { randomUuid } from '../model/random.ts';
import type { SimVolume } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { isFileStorage } from '../model/volume-names.ts';
import { allocateVolume, freeVolume, pathOfVolume, storageConfig } from '../model/volumes.ts';

const MiB = 1024 ** 2;
/** mkfs uses small blocks and more inodes below this size (mke2fs.conf, type `small`). */
const smallFileSystem = 512 * MiB;

/** Numbers of the groups that hold a copy of the superblock: 1 and powers of 3, 5 and 7. */
function backupGroups(groups: number): number[] {
  const found = new Set<number>();
  for (const base of [3, 5, 7]) for (let group = 1; group < groups; group *= base) found.add(group);
  return [...found].sort((a, b) => a - b);
}

function mkfsLines(sizeBytes: number, uuid: string): string[] {
  const small = sizeBytes < smallFileSystem;
  const block = small ? 1024 : 4096;
  const blocks = Math.floor(sizeBytes / block);
  const inodes = Math.floor(sizeBytes / (small ? 4096 : 16_384));
  const perGroup = block * 8;
  const first = small ? 1 : 0;
  const copies = backupGroups(Math.ceil(blocks / perGroup)).map((group) => group * perGroup + first);
  return [
    `Creating filesystem with ${blocks} ${block / 1024}k blocks and ${inodes} inodes`,
    `Filesystem UUID: ${uuid}`,
    ...(copies.length > 0 ? ['Superblock backups stored on blocks: ', `\t${copies.join(', ')}`] : []),
  ];
}

/** Log lines of making and formatting a volume. */
function allocationLines(context: HandlerContext, volume: SimVolume): string[] {
  const { type } = storageConfig(context.state, volume.storage);
  const own = volume.volid.slice(volume.volid.search(/[^/:]+$/));
  const made: string[] = [];
  if (isFileStorage(type) && type !== 'btrfs' && volume.format === 'raw')
    made.push(
      `Formatting '${pathOfVolume(context.state, volume.volid)}', fmt=raw size=${volume.sizeBytes} preallocation=off`,
    );
  if (type === 'lvm' || type === 'lvmthin') made.push(`  Logical volume "${own}" created.`);
  return volume.format === 'raw'
    ? [...made, ...mkfsLines(volume.sizeBytes, randomUuid(context.state))]
    : made;
}

/** How long the lock of a storage is waited for. */
const storageLockMs = 10_000;

/**
 * Runs an allocation under the lock of its storage: a file lock of the node, or the cluster's for shared storages
 * (contract behaviours §9). Many at the same time run into its time-out.
 *
 * @param worker - the task that waits; it logs that it has to. A request that waits says nothing.
 * @param target - the storage, and the node that allocates.
 */
export function lockStorage<T>(
  context: HandlerContext,
  worker: SimWorker | undefined,
  target: { readonly storage: string; readonly node: string },
  work: () => Promise<T> | T,
): Promise<T> {
  const { storage, node } = target;
  const shared = context.state.storages[storage]?.shared ?? false;
  const name = shared ? `storage-${storage}` : `/var/lock/pve-manager/pve-storage-${storage}`;
  const waiting = shared ? `trying to acquire cfs lock '${name}' ...` : 'trying to acquire lock...';
  let waited = false;
  return context.withLock(
    name,
    storageLockMs,
    () => {
      if (waited && !shared) worker?.log(' OK');
      return work();
    },
    {
      ...(shared ? {} : { node }),
      ...(worker ? { signal: worker.signal } : {}),
      onWait: () => {
        waited = true;
        worker?.log(waiting);
      },
    },
  );
}

/**
 * Makes the new volumes that mount values ask for; others are taken as they are.
 *
 * @param wanted - values of rootfs and mpN, as asked for.
 * @param made - collects the ids of volumes as they are made, so that the caller can free them after a failure.
 * @returns the values as they are stored.
 */
export async function makeDisks(
  context: HandlerContext,
  worker: SimWorker,
  target: { vmid: number; node: string },
  wanted: Readonly<Record<string, string>>,
  made: string[],
): Promise<Record<string, string>> {
  const stored: Record<string, string> = {};
  for (const [key, mount] of mountsOf(wanted)) {
    const request = mount.kind === 'volume' ? newVolume(mount.volume) : undefined;
    if (!request) {
      stored[key] = printMount(key, mount);
      continue;
    }
    const place = { storage: request.storage, node: target.node };
    const volume = await lockStorage(context, worker, place, async () => {
      const allocated = allocateVolume(context.state, { ...request, ...target, ctime: context.seconds() });
      made.push(allocated.volid);
      await worker.sleep(durations.allocate);
      return allocated;
    });
    for (const line of allocationLines(context, volume)) worker.log(line);
    stored[key] = printMount(key, { ...mount, volume: volume.volid, sizeBytes: volume.sizeBytes });
  }
  return stored;
}

/** Frees volumes that were made for nothing. */
export function freeDisks(context: HandlerContext, node: string, volids: readonly string[]): void {
  for (const volid of volids) freeVolume(context.state, node, volid);
}

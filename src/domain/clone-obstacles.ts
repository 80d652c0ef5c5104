/**
 * Copies that Proxmox VE cannot make, told before anything is sent: what storages can do with the volumes of containers
 * (contract behaviours §5), and disks that are no volumes. Pure.
 */
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { ClusterSnapshot } from './actual.ts';
import { nameSome } from './drift.ts';
import type { RefusalText } from './refusal.ts';
import { plainPath, readVolume } from './spelling.ts';

/** What of a container is copied: a snapshot, a template, or what it is now. */
type CopyState = 'snap' | 'base' | 'current';

/** Storages on which a copy can share the blocks of its source. PVE: pve-storage, volume_has_feature `clone`. */
const linkable: Readonly<Record<CopyState, readonly string[]>> = {
  base: ['lvmthin', 'zfspool', 'rbd', 'btrfs'],
  snap: ['lvmthin', 'rbd', 'btrfs'],
  current: ['btrfs'],
};
const states: Readonly<Record<CopyState, string>> = {
  base: '',
  snap: ' of snapshots',
  current: ' of what is no template',
};

/** A copy that is to be made. */
export interface CopyWish {
  readonly full: boolean;
  readonly state: CopyState;
  /** Name of the source in messages. */
  readonly source: string;
  /** How one asks for a full copy: `write full: true`. */
  readonly fullHint: string;
}

/**
 * Tells why a copy cannot be made.
 *
 * @param config - what is copied.
 * @param cluster - the storages, and the node where the source is. A full copy minds none that is not known.
 * @param wish - how it is to be copied.
 * @returns the first reason, or undefined.
 */
export function copyObstacle(
  { rootfs, mounts }: LxcConfig,
  { storages, node }: Pick<ClusterSnapshot, 'storages'> & { readonly node: string },
  { full, state, source, fullHint }: CopyWish,
): RefusalText | undefined {
  const all = [
    ...(rootfs ? [{ path: 'its root disk', volume: rootfs.volume }] : []),
    ...Object.values(mounts).map(({ mp, volume }) => ({ path: plainPath(mp), volume })),
  ];
  const disks = all.map((disk) => {
    const { storage } = readVolume(disk.volume);
    const type = storages.find((one) => one.storage === storage && one.node === node)?.type ?? '';
    return { ...disk, storage, type };
  });
  const ofHost = disks.filter(({ storage }) => storage === undefined);
  if (ofHost.length > 0)
    return {
      code: 'CLONE_MOUNT',
      message: `${source} cannot be cloned: ${nameSome(ofHost.map(({ path, volume }) => `${path} is ${volume} of the host`))}`,
      hint: 'take it out of the source, and give it to each clone',
    };
  const zfs = state === 'snap' ? disks.find(({ type }) => type === 'zfspool') : undefined;
  if (zfs)
    return {
      code: 'CLONE_SNAPSHOT_ZFS',
      message: `no snapshot of ${source} can be cloned: ${zfs.path} is on ${zfs.storage} (ZFS)`,
      hint: 'clone it as it is, without a snapshot, while it is stopped',
    };
  if (!full && disks.some(({ type }) => !linkable[state].includes(type)))
    return {
      code: 'CLONE_NOT_LINKABLE',
      message: `Linked clone feature is not available on the storages of ${source}`,
      hint: `${fullHint}; linked clones${states[state]} need ${linkable[state].join(', ')}`,
    };
  // PVE: a folder without a size of its own can become a template, and nothing else
  const folder = full ? disks.find(({ volume }) => volume.endsWith('.subvol')) : undefined;
  return folder
    ? {
        code: 'CLONE_NOT_COPYABLE',
        message: `${source} cannot be cloned in full: ${folder.path} (${folder.volume}) is a folder without a size`,
        hint: 'make a backup of it, and containers from that',
      }
    : undefined;
}

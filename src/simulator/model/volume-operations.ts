/**
 * What is done to existing volumes: snapshots, copies, linked clones, templates, new owners, new sizes.
 * Changes `state.volumes` only; durations and locks are the callers' business.
 */
import { die } from '../context.ts';
import type { SimState, SimVolume } from './state.ts';
import { storageFeatures, type VolumeFeature } from './volume-features.ts';
import { diskName, isFileStorage, parseVolumeId, parseVolumeName } from './volume-names.ts';
import {
  addVolume,
  allocateVolume,
  contentBytes,
  findVolume,
  freeDiskNumber,
  storageConfig,
  storageUsage,
  volumeKey,
  writeToVolume,
} from './volumes.ts';

/** What a volume was like when a snapshot was taken. */
interface SavedState {
  readonly sizeBytes: number;
  readonly contentBytes: number;
}

/**
 * Finds a volume that must be there.
 *
 * @throws SimError 500 `volume 'x' does not exist`.
 */
export function needVolume(state: SimState, node: string, volid: string): SimVolume {
  return findVolume(state, node, volid) ?? die(`volume '${volid}' does not exist`);
}

/**
 * Tells whether a storage can do something with a container volume.
 *
 * @param volid - volume id; a directory or device can do nothing.
 * @param snapshot - from this snapshot of it instead of its present state.
 */
export function hasVolumeFeature(
  state: SimState,
  feature: VolumeFeature,
  volid: string,
  snapshot?: string,
): boolean {
  const id = parseVolumeId(volid);
  const config = id && state.storages[id.storage];
  const name = config && parseVolumeName(config.type, id.name);
  if (!name) return false;
  // A subvolume of a directory storage can only become a template.
  if (
    name.format === 'subvol' &&
    isFileStorage(config.type) &&
    config.type !== 'btrfs' &&
    feature !== 'template'
  )
    return false;
  const from = snapshot === undefined ? (name.isBase ? 'base' : 'current') : 'snap';
  return storageFeatures(config.type)[feature]?.includes(from) ?? false;
}

/** Takes a snapshot of a volume. */
export function snapshotVolume(volume: SimVolume, name: string): void {
  volume.snapshots.push(name);
  volume.meta = {
    ...volume.meta,
    saved: {
      ...savedStates(volume),
      [name]: { sizeBytes: volume.sizeBytes, contentBytes: contentBytes(volume) },
    },
  };
}

function savedStates(volume: SimVolume): Record<string, SavedState> {
  return (volume.meta?.['saved'] ?? {}) as Record<string, SavedState>;
}

/** Removes a snapshot of a volume; one that is not there is fine. */
export function deleteVolumeSnapshot(volume: SimVolume, name: string): void {
  volume.snapshots = volume.snapshots.filter((other) => other !== name);
  const { [name]: _, ...saved } = savedStates(volume);
  volume.meta = { ...volume.meta, saved };
}

/**
 * Checks that a volume can go back to a snapshot; ZFS goes back only to the newest.
 *
 * @throws SimError 500 with the storage's reason.
 */
export function checkRollback(state: SimState, volume: SimVolume, name: string): void {
  if (!volume.snapshots.includes(name))
    die(`can't rollback, snapshot '${name}' does not exist on '${volume.volid}'`);
  if (storageConfig(state, volume.storage).type === 'zfspool' && volume.snapshots.at(-1) !== name)
    die(`can't rollback, '${name}' is not most recent snapshot on '${volume.volid}'`);
}

/** Takes a volume back to a snapshot. */
export function rollbackVolume(volume: SimVolume, name: string): void {
  const saved = savedStates(volume)[name];
  if (!saved) return;
  volume.usedBytes = Math.max(0, volume.usedBytes - contentBytes(volume) + saved.contentBytes);
  volume.sizeBytes = saved.sizeBytes;
  volume.meta = { ...volume.meta, contentBytes: saved.contentBytes };
}

/** Facts about what is in a volume that a copy of it shares. */
function contentFacts(volume: SimVolume): Record<string, unknown> {
  const { contentBytes: _, saved: __, ...facts } = volume.meta ?? {};
  return facts;
}

/**
 * Copies a volume to a new one of another or the same container.
 *
 * @param target.storage - where the copy goes.
 * @param target.ctime - seconds since the epoch.
 * @returns the copy.
 * @throws SimError 500 when there is no room; then nothing is left.
 */
export function copyVolume(
  state: SimState,
  node: string,
  source: SimVolume,
  target: { storage: string; vmid: number; ctime: number },
): SimVolume {
  const copy = allocateVolume(state, { ...target, node, sizeBytes: source.sizeBytes });
  if (!writeToVolume(state, copy, contentBytes(source))) {
    delete state.volumes[volumeKey(copy.node, copy.volid)];
    die(
      `command 'rsync --stats -X -A --numeric-ids -aH --whole-file --sparse --one-file-system '--bwlimit=0' /var/lib/lxc/${target.vmid}/.copy-volume-2/ /var/lib/lxc/${target.vmid}/.copy-volume-1' failed: exit code 11`,
    );
  }
  copy.meta = { ...contentFacts(source), contentBytes: contentBytes(source) };
  return copy;
}

/**
 * Makes a linked clone: a new volume that shares what the source has written.
 *
 * @param target.ctime - seconds since the epoch.
 * @returns the clone. On btrfs it does not depend on its source.
 */
export function linkVolume(
  state: SimState,
  node: string,
  source: SimVolume,
  target: { vmid: number; ctime: number },
): SimVolume {
  const dependent = storageConfig(state, source.storage).type !== 'btrfs';
  const clone = allocateVolume(state, {
    storage: source.storage,
    node,
    ...target,
    sizeBytes: source.sizeBytes,
    format: source.format,
    ...(dependent ? { parent: source.volid } : {}),
  });
  clone.meta = { ...contentFacts(source), contentBytes: contentBytes(source) };
  return clone;
}

/** Gives a volume another name; snapshots and content stay. */
function rename(state: SimState, volume: SimVolume, name: string): SimVolume {
  delete state.volumes[volumeKey(volume.node, volume.volid)];
  volume.volid = `${volume.storage}:${name}`;
  return addVolume(state, volume);
}

/**
 * Turns a volume into one of a template (`base-…`, ZFS `basevol-…`).
 *
 * @returns the volume under its new name.
 */
export function makeBase(state: SimState, volume: SimVolume): SimVolume {
  const { type } = storageConfig(state, volume.storage);
  const name = parseVolumeId(volume.volid)?.name ?? volume.volid;
  const own = name.slice(name.lastIndexOf('/') + 1);
  const base = own.replace(/^(vm|subvol)-/, (_, start: string) =>
    start === 'subvol' && type === 'zfspool' ? 'basevol-' : 'base-',
  );
  return rename(state, volume, `${name.slice(0, name.length - own.length)}${base}`);
}

/**
 * Gives a volume to another container, under the lowest disk number that is free there.
 *
 * @returns the volume under its new name.
 */
export function reassignVolume(state: SimState, node: string, volume: SimVolume, vmid: number): SimVolume {
  const { type } = storageConfig(state, volume.storage);
  const disk = freeDiskNumber(state, volume.storage, node, vmid);
  volume.vmid = vmid;
  return rename(state, volume, diskName(type, vmid, disk, { format: volume.format }));
}

/**
 * Makes a volume larger.
 *
 * @param sizeBytes - new size.
 * @throws SimError 500 when thick LVM has no room for it.
 */
export function growVolume(state: SimState, node: string, volume: SimVolume, sizeBytes: number): void {
  if (storageConfig(state, volume.storage).type === 'lvm') {
    const more = sizeBytes - volume.sizeBytes;
    const { avail } = storageUsage(state, volume.storage, node);
    if (more > avail) {
      const extents = (bytes: number): number => Math.ceil(bytes / (4 * 1024 ** 2));
      const name = volume.volid.slice(volume.volid.indexOf(':') + 1);
      const group = storageConfig(state, volume.storage).options['vgname'] ?? volume.storage;
      die(
        `error resizing volume '/dev/${group}/${name}': Insufficient free space: ${extents(more)} extents needed, but only ${Math.floor(avail / (4 * 1024 ** 2))} available`,
      );
    }
    volume.usedBytes += more;
  }
  volume.sizeBytes = sizeBytes;
}

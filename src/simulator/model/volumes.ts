/**
 * Volumes of the simulated storages: looking them up, allocating and freeing them, and the space they take.
 * Changes `state.volumes` only; never touches containers. Waits on nothing: durations are the callers' business.
 */
import { die } from '../context.ts';
import type { SimState, SimStorage, SimVolume } from './state.ts';
import {
  diskName,
  diskNumber,
  isFileStorage,
  parseVolumeId,
  parseVolumeName,
  volumePath,
} from './volume-names.ts';

/** LVM hands out space in units of this many bytes. */
const extentBytes = 4 * 1024 ** 2;

/**
 * Key of a volume in `state.volumes`.
 *
 * @param node - node of a local storage; null for shared ones.
 * @param volid - volume id.
 */
export function volumeKey(node: string | null, volid: string): string {
  return `${node ?? '*'}|${volid}`;
}

/**
 * Entry of storage.cfg.
 *
 * @throws SimError 500 `storage 'x' does not exist`.
 */
export function storageConfig(state: SimState, storage: string): SimStorage {
  const found = Object.hasOwn(state.storages, storage) ? state.storages[storage] : undefined;
  return found ?? die(`storage '${storage}' does not exist`);
}

/**
 * Entry of storage.cfg that the node may use.
 *
 * @throws SimError 500 for unknown, disabled and elsewhere storages, in this order.
 */
export function usableStorage(state: SimState, storage: string, node: string): SimStorage {
  const config = storageConfig(state, storage);
  if (config.disabled) die(`storage '${storage}' is disabled`);
  if (config.nodes && !config.nodes.includes(node))
    die(`storage '${storage}' is not available on node '${node}'`);
  return config;
}

/**
 * Finds a volume as a node sees it.
 *
 * @param node - the node that looks.
 * @param volid - volume id.
 * @returns the volume, or `undefined`.
 */
export function findVolume(state: SimState, node: string, volid: string): SimVolume | undefined {
  return state.volumes[volumeKey(node, volid)] ?? state.volumes[volumeKey(null, volid)];
}

/**
 * Volumes of a storage as a node sees them, in the order in which they were made.
 *
 * @param storage - storage id.
 * @param node - the node that looks.
 */
export function listVolumes(state: SimState, storage: string, node: string): SimVolume[] {
  return Object.values(state.volumes).filter(
    (volume) => volume.storage === storage && (volume.node === null || volume.node === node),
  );
}

/**
 * Adds a volume that is complete (a template, a backup, a copy).
 *
 * @returns the same volume.
 */
export function addVolume(state: SimState, volume: SimVolume): SimVolume {
  state.volumes[volumeKey(volume.node, volume.volid)] = volume;
  return volume;
}

/**
 * Space of a storage on a node. Thick LVM counts whole volumes, everything else what is written.
 *
 * @returns bytes.
 */
export function storageUsage(
  state: SimState,
  storage: string,
  node: string,
): { total: number; used: number; avail: number } {
  const config = storageConfig(state, storage);
  const { totalBytes: total, baseUsedBytes } = config.sizes?.[node] ?? config;
  const written = listVolumes(state, storage, node).reduce((sum, volume) => sum + volume.usedBytes, 0);
  const used = Math.max(
    Math.min(total, baseUsedBytes + written),
    total - (config.freeAtMostBytes ?? Number.POSITIVE_INFINITY),
  );
  return { total, used, avail: total - used };
}

/**
 * Lowest disk number that no volume of this owner has on the storage.
 *
 * @param vmid - owner.
 */
export function freeDiskNumber(state: SimState, storage: string, node: string, vmid: number): number {
  const taken = new Set(
    listVolumes(state, storage, node).map((volume) =>
      diskNumber(volume.volid.slice(volume.volid.search(/[^/:]+$/)), vmid),
    ),
  );
  let disk = 0;
  while (taken.has(disk)) disk++;
  return disk;
}

/** What an empty volume of this size takes. */
function emptyBytes(type: SimStorage['type'], sizeBytes: number, format: string): number {
  if (type === 'lvm') return Math.ceil(sizeBytes / extentBytes) * extentBytes;
  return format === 'subvol' ? 96 * 1024 : 1024 ** 2 + Math.round(sizeBytes / 4096);
}

/** What {@link allocateVolume} needs to know. */
export interface AllocateRequest {
  readonly storage: string;
  readonly node: string;
  readonly vmid: number;
  /** 0 on directory storages: a subvolume without a size. */
  readonly sizeBytes: number;
  /** Seconds since the epoch. */
  readonly ctime: number;
  /** Default: what the storage type uses for containers. */
  readonly format?: string;
  /** Chosen file or volume name, for example `vm-100-disk-7.raw`; default: the lowest free disk number. */
  readonly name?: string;
  readonly parent?: string;
}

/**
 * Makes a volume.
 *
 * @returns the new volume.
 * @throws SimError 500 when the storage cannot be used, has no room for it (thick LVM, full pools), or has such a name.
 */
export function allocateVolume(state: SimState, request: AllocateRequest): SimVolume {
  const { node, vmid, sizeBytes } = request;
  const storage = usableStorage(state, request.storage, node);
  const named = request.name === undefined ? undefined : nameInStorage(storage, vmid, request.name);
  const format =
    request.format ??
    (named === undefined ? undefined : parseVolumeName(storage.type, named)?.format) ??
    (storage.type === 'zfspool' || (isFileStorage(storage.type) && sizeBytes === 0) ? 'subvol' : 'raw');
  const name =
    named ??
    diskName(storage.type, vmid, freeDiskNumber(state, request.storage, node, vmid), {
      format,
      ...(request.parent === undefined ? {} : parentOption(storage, request.parent)),
    });
  const volid = `${request.storage}:${name}`;
  if (findVolume(state, node, volid)) die(`disk image '${volumePath(storage, name)}' already exists`);
  const usedBytes = emptyBytes(storage.type, sizeBytes, format);
  const { avail } = storageUsage(state, request.storage, node);
  if (usedBytes > avail) refuseSpace(storage, name, avail, sizeBytes);
  return addVolume(state, {
    volid,
    storage: request.storage,
    node: storage.shared ? null : node,
    content: 'rootdir',
    format,
    sizeBytes,
    usedBytes,
    ctime: request.ctime,
    vmid,
    ...(request.parent === undefined ? {} : { parent: request.parent }),
    snapshots: [],
  });
}

function nameInStorage(storage: SimStorage, vmid: number, name: string): string {
  return isFileStorage(storage.type) && !name.includes('/') ? `${vmid}/${name}` : name;
}

/** Only ZFS and RBD write the parent into the name. */
function parentOption(storage: SimStorage, parent: string): { parentName?: string } {
  if (storage.type !== 'zfspool' && storage.type !== 'rbd') return {};
  const name = parseVolumeId(parent)?.name ?? parent;
  return { parentName: name.slice(name.lastIndexOf('/') + 1) };
}

/** Texts of the storage types when there is no room; file storages are sparse and fail only when written to. */
function refuseSpace(storage: SimStorage, name: string, availBytes: number, sizeBytes: number): void {
  const own = name.slice(name.lastIndexOf('/') + 1);
  const group = storage.options['vgname'] ?? storage.storage;
  if (storage.type === 'lvm')
    die(`not enough free space (${Math.floor(availBytes / 1024)} < ${Math.ceil(sizeBytes / 1024)})`);
  if (storage.type === 'lvmthin') {
    const pool = storage.options['thinpool'] ?? 'data';
    die(
      `lvcreate '${group}/${own}' error:   Cannot create new thin volume, free space in thin pool ${group}/${pool} reached threshold.`,
    );
  }
  if (storage.type === 'zfspool')
    die(`zfs error: cannot create '${storage.options['pool'] ?? 'rpool/data'}/${own}': out of space`);
}

/**
 * Writes to a volume.
 *
 * @param bytes - how much.
 * @returns false when the storage or the file system in the volume is full; then nothing is written.
 */
export function writeToVolume(state: SimState, volume: SimVolume, bytes: number): boolean {
  const storage = storageConfig(state, volume.storage);
  const content = contentBytes(volume) + bytes;
  if (volume.sizeBytes > 0 && content > fileSystemBytes(volume)) return false;
  if (storage.type !== 'lvm') {
    // Volumes of shared storages are seen by every node, also by none in particular.
    if (bytes > storageUsage(state, volume.storage, volume.node ?? '').avail) return false;
    volume.usedBytes += bytes;
  }
  volume.meta = { ...volume.meta, contentBytes: content };
  return true;
}

/** What is in a volume, in bytes. */
export function contentBytes(volume: SimVolume): number {
  const value = volume.meta?.['contentBytes'];
  return typeof value === 'number' ? value : 0;
}

/**
 * Room inside a volume: ext4 keeps about 5 % for itself, subvolumes are as large as their quota.
 *
 * @returns bytes.
 */
export function fileSystemBytes(volume: SimVolume): number {
  return volume.format === 'subvol'
    ? volume.sizeBytes
    : Math.floor((volume.sizeBytes * 0.9506) / 4096) * 4096;
}

/**
 * Removes a volume. One that is not there is fine.
 *
 * @param node - the node that does it.
 * @throws SimError 500 when linked clones still need it.
 */
export function freeVolume(state: SimState, node: string, volid: string): void {
  const volume = findVolume(state, node, volid);
  if (!volume) return;
  if (linkedClones(state, volume).length > 0)
    die(`base volume '${parseVolumeId(volid)?.name ?? volid}' is still in use by linked clones`);
  delete state.volumes[volumeKey(volume.node, volume.volid)];
}

/**
 * Linked clones that depend on a volume.
 *
 * @param volume - volume of a template, usually.
 */
export function linkedClones(state: SimState, volume: SimVolume): SimVolume[] {
  return Object.values(state.volumes).filter(
    (other) => other.parent === volume.volid && (other.node === null || other.node === volume.node),
  );
}

/**
 * Where a volume lies on a node.
 *
 * @param volid - volume id.
 * @returns an absolute path.
 * @throws SimError 500 when it is no volume id or names an unknown storage.
 */
export function pathOfVolume(state: SimState, volid: string): string {
  const id = parseVolumeId(volid) ?? die(`unable to parse volume ID '${volid}'`);
  return volumePath(storageConfig(state, id.storage), id.name);
}

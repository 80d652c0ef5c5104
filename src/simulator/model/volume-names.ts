/**
 * Names of volumes: how each storage type writes them, and where they lie on the node.
 * Pure text; knows nothing of the cluster's state.
 */
import type { SimStorage, SimVolume, StorageType } from './state.ts';

/** Parts of `STORAGE:NAME`. */
export interface VolumeId {
  readonly storage: string;
  /** What follows the colon, for example `100/vm-100-disk-0.raw`. */
  readonly name: string;
}

/** What a volume name says. */
export interface VolumeName {
  readonly content: SimVolume['content'];
  /** File or volume name without directories, for example `vm-100-disk-0.raw`. */
  readonly base: string;
  readonly format: string;
  readonly vmid?: number;
  /** Volume of a template. */
  readonly isBase?: true;
  /** Volume that this one is a linked clone of, as the name tells it (zfspool, rbd). */
  readonly parentName?: string;
}

/** Storages that keep guest volumes as files below `images/`. */
const fileTypes: ReadonlySet<StorageType> = new Set(['dir', 'nfs', 'cifs', 'btrfs']);

/** Folder of each kind of file below the storage's path, and how the name begins. */
const folders: readonly (readonly [content: SimVolume['content'], prefix: string, folder: string])[] = [
  ['vztmpl', 'vztmpl/', 'template/cache'],
  ['iso', 'iso/', 'template/iso'],
  ['backup', 'backup/', 'dump'],
  ['snippets', 'snippets/', 'snippets'],
  ['import', 'import/', 'import'],
];

/** Endings and the format that the API reports for them. Longest first. */
const fileFormats: readonly (readonly [ending: string, format: string])[] = [
  ['.tar.zst', 'tzst'],
  ['.tar.gz', 'tgz'],
  ['.tar.xz', 'txz'],
  ['.tar.bz2', 'tbz2'],
  ['.tar', 'tar'],
];

/**
 * Tells whether a storage type keeps guest volumes as files in a directory.
 *
 * @param type - type of the storage.
 */
export function isFileStorage(type: StorageType): boolean {
  return fileTypes.has(type);
}

/**
 * Splits a volume id.
 *
 * @param volid - for example `local:100/vm-100-disk-0.raw`.
 * @returns storage and name, or `undefined` when it is none.
 */
export function parseVolumeId(volid: string): VolumeId | undefined {
  const match = /^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$/i.exec(volid);
  return match ? { storage: match[1] as string, name: match[2] as string } : undefined;
}

/**
 * Reads a volume name of a storage.
 *
 * @param type - type of the storage.
 * @param name - the part after the colon.
 * @returns what the name says, or `undefined` when the storage type knows no such name.
 */
export function parseVolumeName(type: StorageType, name: string): VolumeName | undefined {
  for (const [content, prefix] of folders) {
    if (!name.startsWith(prefix)) continue;
    const base = name.slice(prefix.length);
    if (base === '' || base.includes('/')) return undefined;
    const known = fileFormats.find(([ending]) => base.endsWith(ending));
    const guest = content === 'backup' ? /^vzdump-(?:lxc|qemu)-(\d+)-/.exec(base) : null;
    const format =
      content === 'iso'
        ? 'iso'
        : content === 'backup'
          ? (/\.(tar\.[a-z0-9]+|tar|tgz|vma(?:\.[a-z0-9]+)?)$/.exec(base)?.[1] ?? 'tar')
          : (known?.[1] ?? 'raw');
    return { content, base, format, ...(guest ? { vmid: Number(guest[1]) } : {}) };
  }
  if (isFileStorage(type)) {
    const match = /^(?:(\d+)\/([^/]+)\/)?(\d+)\/([^/]+\.(raw|qcow2|vmdk|subvol))$/.exec(name);
    if (!match) return undefined;
    const base = match[4] as string;
    return {
      content: 'rootdir',
      base,
      format: match[5] as string,
      vmid: Number(match[3]),
      ...(base.startsWith('base-') ? { isBase: true as const } : {}),
    };
  }
  const match = /^(?:((?:base|basevol)-\d+-\S+)\/)?((base|basevol|vm|subvol)-(\d+)-\S+)$/.exec(name);
  if (!match) return undefined;
  return {
    content: 'rootdir',
    base: match[2] as string,
    format: type === 'zfspool' && match[3]?.endsWith('vol') ? 'subvol' : 'raw',
    vmid: Number(match[4]),
    ...(match[3]?.startsWith('base') ? { isBase: true as const } : {}),
    ...(match[1] === undefined ? {} : { parentName: match[1] }),
  };
}

/**
 * Names a container volume.
 *
 * @param type - type of the storage.
 * @param vmid - owner.
 * @param disk - disk number.
 * @param options.format - `raw` or `subvol`; subvolumes are directories without a size of their own.
 * @param options.base - volume of a template.
 * @param options.parentName - linked clone of this volume, where the name tells it.
 * @returns the part after the colon.
 */
export function diskName(
  type: StorageType,
  vmid: number,
  disk: number,
  options: { format: string; base?: boolean; parentName?: string },
): string {
  const subvol = options.format === 'subvol';
  const start = options.base ? (subvol && type === 'zfspool' ? 'basevol' : 'base') : subvol ? 'subvol' : 'vm';
  const plain = `${start}-${vmid}-disk-${disk}`;
  if (isFileStorage(type)) return `${vmid}/${plain}.${options.format}`;
  return options.parentName === undefined ? plain : `${options.parentName}/${plain}`;
}

/**
 * Number of a disk as its name has it.
 *
 * @param base - file or volume name without directories.
 * @param vmid - owner.
 * @returns the number, or `undefined` when the name belongs to nobody or somebody else.
 */
export function diskNumber(base: string, vmid: number): number | undefined {
  const match = /^(?:vm|base|subvol|basevol)-(\d+)-disk-(\d+)/.exec(base);
  return match && Number(match[1]) === vmid ? Number(match[2]) : undefined;
}

/** Directory of a storage that has one. */
function directory(storage: SimStorage): string {
  return storage.path ?? `/mnt/pve/${storage.storage}`;
}

/**
 * Where a volume lies on the node.
 *
 * @param storage - its storage.
 * @param name - the part after the colon.
 * @returns an absolute path (for rbd the mapped device).
 */
export function volumePath(storage: SimStorage, name: string): string {
  const folder = folders.find(([, prefix]) => name.startsWith(prefix));
  if (folder) return `${directory(storage)}/${folder[2]}/${name.slice(folder[1].length)}`;
  const own = name.slice(name.lastIndexOf('/') + 1);
  const group = storage.options['vgname'] ?? storage.storage;
  const pool = storage.options['pool'] ?? 'rpool/data';
  switch (storage.type) {
    case 'btrfs':
      return own.endsWith('.raw')
        ? `${directory(storage)}/images/${name.replace(/\.raw$/, '')}/disk.raw`
        : `${directory(storage)}/images/${name.replace(/\.subvol$/, '')}`;
    case 'lvm':
    case 'lvmthin':
      return `/dev/${group}/${own}`;
    case 'zfspool':
      return `${storage.options['mountpoint'] ?? `/${pool}`}/${own}`;
    case 'rbd':
      return `/dev/rbd-pve/${pool}/${own}`;
    case 'dir':
    case 'nfs':
    case 'cifs':
    case 'pbs':
      return `${directory(storage)}/images/${name}`;
  }
}

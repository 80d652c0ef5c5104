/**
 * Export: volumes, as listings show them and as configs name them. What is in no listing is taken from the configs, so that
 * every container has its disks. Decoding only, but for notices.
 */
import { decodeBoolean, decodeDiskSize, decodeNumber } from '../codec/scalar.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedContainer, ExportedStorage, ExportedVolume } from './export-types.ts';
import { compact } from './resources.ts';

type Row = Readonly<Record<string, unknown>>;

const contents: ReadonlySet<string> = new Set([
  'vztmpl',
  'iso',
  'backup',
  'rootdir',
  'images',
  'snippets',
  'import',
]);
/** How much of a volume its file system leaves for files. */
const fileSystemShare = 0.95;

/**
 * Decodes a row of a listing.
 *
 * @param place - storage with its type; node: null on shared storages.
 * @param nowMs - stands in for a missing time of creation, in ms since the epoch.
 * @returns the volume, or undefined for content that seeds do not have.
 */
export function volumeOf(
  row: Row,
  place: { storage: string; node: string | null; type: string },
  nowMs: number,
): ExportedVolume | undefined {
  const content = String(row['content'] ?? '');
  const volid = String(row['volid'] ?? '');
  if (!contents.has(content) || volid === '') return undefined;
  const { storage, node, type } = place;
  const sizeBytes = decodeNumber(row['size']) ?? 0;
  const isGuest = content === 'rootdir' || content === 'images';
  const isThick = type === 'lvm';
  const usedBytes = isGuest ? (decodeNumber(row['used']) ?? (isThick ? sizeBytes : 0)) : sizeBytes;
  // ZFS and Ceph name the snapshot that a clone hangs on, the simulator the volume.
  const parent = isGuest && typeof row['parent'] === 'string' ? row['parent'].split('@')[0] : undefined;
  return compact({
    volid,
    storage,
    node,
    content,
    format: String(row['format'] ?? 'raw'),
    sizeBytes,
    usedBytes,
    ctime: decodeNumber(row['ctime']) ?? Math.floor(nowMs / 1000),
    vmid: decodeNumber(row['vmid']),
    parent: parent === undefined || parent === '' ? undefined : `${storage}:${parent}`,
    notes: content === 'backup' && row['notes'] !== undefined ? String(row['notes']) : undefined,
    protected: decodeBoolean(row['protected']) === true ? true : undefined,
    snapshots: [],
    meta: isGuest ? contentFacts(type, sizeBytes, usedBytes) : undefined,
  }) as unknown as ExportedVolume;
}

/** Key of a volume in the state. */
export const keyOf = ({ node, volid }: Pick<ExportedVolume, 'node' | 'volid'>): string =>
  `${node ?? '*'}|${volid}`;

/** What is in a volume, as far as it can be told from outside; of a thick one it cannot. */
function contentFacts(
  type: string,
  sizeBytes: number,
  usedBytes: number,
): { readonly contentBytes: number } | undefined {
  if (type === 'lvm' || usedBytes === 0) return undefined;
  const room = sizeBytes === 0 ? usedBytes : Math.floor(sizeBytes * fileSystemShare);
  return { contentBytes: Math.min(usedBytes, room) };
}

/** A volume that a config names. */
interface Named {
  readonly volid: string;
  readonly sizeBytes: number;
}

const diskKey = /^(rootfs|mp\d+|unused\d+)$/;

/** Volumes that a section of a config names; directories and devices of the host are none. */
export function namedIn(config: Readonly<Record<string, string>>): Named[] {
  return Object.entries(config).flatMap(([key, value]) => {
    if (!diskKey.test(key)) return [];
    const parts = value.split(',');
    const volid = (parts.find((part) => part.startsWith('volume=')) ?? parts[0] ?? '').replace(
      /^volume=/,
      '',
    );
    if (volid.startsWith('/') || !volid.includes(':')) return [];
    const size = parts.find((part) => part.startsWith('size='))?.slice('size='.length) ?? '';
    return [{ volid, sizeBytes: decodeDiskSize(size) ?? 0 }];
  });
}

function formatOf(volid: string, type: string): string {
  const ending = /\.(raw|qcow2|vmdk|subvol)$/.exec(volid)?.[1];
  return ending ?? (type === 'zfspool' || /(^|[:/])(subvol|basevol)-/.test(volid) ? 'subvol' : 'raw');
}

/**
 * Gives each container the volumes that its config names, where a listing did not show them, and each volume the
 * snapshots that configs name.
 */
export function completeVolumes(
  reader: Reader,
  volumes: Map<string, ExportedVolume>,
  storages: Readonly<Record<string, ExportedStorage>>,
  containers: readonly ExportedContainer[],
  diskBytes: Readonly<Record<number, number>>,
): void {
  const invented: string[] = [];
  for (const container of containers) {
    const { vmid, node, config, pending } = container;
    const snapshots = Object.values(container.snapshots).toSorted((a, b) => a.snaptime - b.snaptime);
    const sections = [config, pending, ...snapshots.map((snapshot) => snapshot.config)];
    const root = namedIn({ rootfs: config['rootfs'] ?? '' })[0]?.volid;
    for (const { volid, sizeBytes } of sections.flatMap(namedIn)) {
      const storage = volid.slice(0, volid.indexOf(':'));
      const entry = storages[storage];
      if (!entry) continue;
      const place = { volid, node: entry.shared ? null : node };
      const found = volumes.get(keyOf(place));
      const taken = snapshots.filter((one) => namedIn(one.config).some((named) => named.volid === volid));
      const usedBytes = found?.usedBytes || (volid === root ? Math.min(diskBytes[vmid] ?? 0, sizeBytes) : 0);
      const meta = contentFacts(entry.type, found?.sizeBytes ?? sizeBytes, usedBytes);
      if (!found) invented.push(volid);
      volumes.set(keyOf(place), {
        storage,
        content: 'rootdir',
        format: formatOf(volid, entry.type),
        sizeBytes,
        ctime: Math.floor(container.createdAtMs / 1000),
        vmid,
        ...place,
        ...found,
        usedBytes,
        snapshots: taken.map(({ name }) => name),
        ...(meta ? { meta } : {}),
      });
    }
  }
  const unique = [...new Set(invented)];
  if (unique.length > 0)
    reader.note(
      'EXPORT_VOLUMES',
      `${unique.length} volumes of containers are in no listing and are taken from the configurations: ${unique.slice(0, 3).join(', ')}${unique.length > 3 ? ', …' : ''}`,
      'an account with Datastore.Allocate on the storages, or VM.Config.Disk on the containers, sees them all',
    );
}

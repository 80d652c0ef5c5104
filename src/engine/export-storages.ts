/** Export, third part: storages with their sizes, and what lies on them. Reads only. */
import type { Returns } from '../api/types.ts';
import { splitList } from '../codec/list.ts';
import { decodeBoolean, decodeDiskSize, decodeNumber } from '../codec/scalar.ts';
import { isSensitiveKey } from '../util/redact.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedContainer, ExportedStorage, ExportedVolume } from './export-types.ts';
import { compact } from './resources.ts';

type NodeStorage = Returns<'GET', '/nodes/{node}/storage'>[number];
type Row = Readonly<Record<string, unknown>>;

/** Storages and volumes. */
export interface ExportedContents {
  readonly storages: Readonly<Record<string, ExportedStorage>>;
  readonly volumes: Readonly<Record<string, ExportedVolume>>;
}

/** Types that the simulator has. */
const known: ReadonlySet<string> = new Set([
  'dir',
  'lvm',
  'lvmthin',
  'zfspool',
  'btrfs',
  'nfs',
  'cifs',
  'rbd',
  'pbs',
]);
/** Types that behave as one that the simulator has. */
const similar: Readonly<Record<string, string>> = { cephfs: 'nfs', glusterfs: 'nfs' };
const sharedTypes: ReadonlySet<string> = new Set(['nfs', 'cifs', 'rbd', 'pbs']);
const contents: ReadonlySet<string> = new Set([
  'vztmpl',
  'iso',
  'backup',
  'rootdir',
  'images',
  'snippets',
  'import',
]);
/** Members of an entry with a place of their own, and what no seed shall hold. */
const notOptions: ReadonlySet<string> = new Set([
  'storage',
  'type',
  'content',
  'nodes',
  'shared',
  'disable',
  'path',
  'digest',
  'keyring',
  'encryption-key',
  'master-pubkey',
  'username',
]);

/** Size of a storage of which nothing is known. */
const madeUpBytes = 1024 ** 4;
/** How much of a volume its file system leaves for files. */
const fileSystemShare = 0.95;

/** A storage as one node sees it. */
interface Seen {
  readonly node: string;
  readonly row: NodeStorage;
}

function typeOf(reader: Reader, storage: string, type: string): string | undefined {
  if (known.has(type)) return type;
  const near = similar[type];
  if (near === undefined)
    reader.note('EXPORT_STORAGE', `storage ${storage} left out: ${type} is not simulated`);
  else reader.note('EXPORT_STORAGE', `storage ${storage}: ${type} is simulated as ${near}`);
  return near;
}

/** What is known of a storage without its sizes. */
function entryOf(
  storage: string,
  type: string,
  config: Row | undefined,
  seen: readonly Seen[],
  nodes: readonly string[],
): Omit<ExportedStorage, 'totalBytes' | 'baseUsedBytes'> {
  const [first] = seen;
  const kept = config ? splitList(String(config['nodes'] ?? '')) : seen.map(({ node }) => node);
  const options = Object.entries(config ?? {})
    .filter(([key]) => !notOptions.has(key) && !isSensitiveKey(key))
    .map(([key, value]) => [key, String(value)]);
  const shared =
    config === undefined ? first?.row.shared : (config['shared'] ?? (sharedTypes.has(type) ? 1 : 0));
  return compact({
    storage,
    type,
    content: splitList(String(config?.['content'] ?? first?.row.content ?? '')).filter(
      (one) => one !== 'none',
    ),
    nodes: kept.length === 0 || (!config && kept.length === nodes.length) ? undefined : kept,
    shared: decodeBoolean(shared) ?? false,
    disabled: decodeBoolean(config?.['disable']) ?? false,
    path: config?.['path'] === undefined ? undefined : String(config['path']),
    options: Object.fromEntries(options),
  }) as unknown as ExportedStorage;
}

function volumeOf(
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

const keyOf = ({ node, volid }: Pick<ExportedVolume, 'node' | 'volid'>): string => `${node ?? '*'}|${volid}`;

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
function namedIn(config: Readonly<Record<string, string>>): Named[] {
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
function complete(
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

/** Type of a storage that only volume ids tell of. */
function guessType(volids: readonly string[]): string {
  if (volids.some((volid) => /[:/](subvol|basevol)-\d+-[^/.]+$/.test(volid))) return 'zfspool';
  return volids.some((volid) => /\.(raw|qcow2|vmdk|subvol)$/.test(volid)) ? 'dir' : 'lvmthin';
}

/** Storages that containers use and that the account may not see: made up, so that the containers can live. */
function unseenStorages(
  reader: Reader,
  seen: ReadonlySet<string>,
  containers: readonly ExportedContainer[],
): ExportedStorage[] {
  const used = new Map<string, string[]>();
  for (const { volid } of containers.flatMap(({ config, pending }) => [config, pending].flatMap(namedIn))) {
    const storage = volid.slice(0, volid.indexOf(':'));
    if (!seen.has(storage)) used.set(storage, [...(used.get(storage) ?? []), volid]);
  }
  return [...used].map(([storage, volids]) => {
    const type = guessType(volids);
    reader.note(
      'EXPORT_STORAGE',
      `storage ${storage} is not to be seen, but containers use it; it is made up as an empty ${type}`,
    );
    return {
      storage,
      type,
      content: ['rootdir'],
      shared: false,
      disabled: false,
      ...(type === 'dir' ? { path: `/mnt/${storage}` } : {}),
      totalBytes: madeUpBytes,
      baseUsedBytes: 0,
      options: {},
    };
  });
}

/** Total and other people's bytes of a storage, node by node where they differ. */
function sizesOf(
  seen: readonly Seen[],
  shared: boolean,
  volumes: readonly ExportedVolume[],
): Pick<ExportedStorage, 'totalBytes' | 'baseUsedBytes' | 'sizes'> {
  const rows = seen
    .filter(({ row }) => decodeBoolean(row.active) !== false && decodeNumber(row.total) !== undefined)
    .map(({ node, row }) => {
      const own = volumes.filter((volume) => volume.node === null || volume.node === node);
      const written = own.reduce((sum, volume) => sum + volume.usedBytes, 0);
      const totalBytes = Math.round(decodeNumber(row.total) ?? 0);
      const baseUsedBytes = Math.max(0, Math.round(decodeNumber(row.used) ?? 0) - written);
      return { node, size: { totalBytes, baseUsedBytes } };
    });
  const [first] = rows;
  if (!first) return { totalBytes: 0, baseUsedBytes: 0 };
  const differs = rows.some(
    ({ size }) =>
      size.totalBytes !== first.size.totalBytes || size.baseUsedBytes !== first.size.baseUsedBytes,
  );
  return {
    ...first.size,
    ...(shared || !differs ? {} : { sizes: Object.fromEntries(rows.map(({ node, size }) => [node, size])) }),
  };
}

async function readContent(
  reader: Reader,
  entry: Pick<ExportedStorage, 'storage' | 'type' | 'shared'>,
  seen: readonly Seen[],
): Promise<ExportedVolume[]> {
  const { storage, type, shared } = entry;
  const active = seen.filter(
    ({ row }) => decodeBoolean(row.active) !== false && decodeBoolean(row.enabled) !== false,
  );
  const lists = await Promise.all(
    (shared ? active.slice(0, 1) : active).map(async ({ node }) => {
      const rows = await reader.ask(`content of storage ${storage} on ${node}`, (get, options) =>
        get('/nodes/{node}/storage/{storage}/content', { node, storage }, options),
      );
      const place = { storage, type, node: shared ? null : node };
      return (rows ?? []).map((row) => volumeOf(row as Row, place, reader.nowMs));
    }),
  );
  return lists.flat().filter((volume) => volume !== undefined);
}

/**
 * Reads the storages.
 *
 * @param nodes - nodes that can be asked.
 * @param containers - all containers; the volumes that they name are there in any case.
 * @param diskBytes - bytes in the root disks of running containers.
 */
export async function exportStorages(
  reader: Reader,
  nodes: readonly string[],
  containers: readonly ExportedContainer[],
  diskBytes: Readonly<Record<number, number>>,
): Promise<ExportedContents> {
  const [configs = [], lists] = await Promise.all([
    reader.ask('settings of the storages', (get, options) => get('/storage', {}, options)),
    Promise.all(
      nodes.map(async (node) => {
        const rows = await reader.ask(`storages of ${node}`, (get, options) =>
          get('/nodes/{node}/storage', { node }, options),
        );
        return (rows ?? []).map((row): Seen => ({ node, row }));
      }),
    ),
  ]);
  const seen = lists.flat();
  const configOf = (storage: string): Row | undefined => configs.find((one) => one.storage === storage);
  const names = new Set([...configs.map(({ storage }) => storage), ...seen.map(({ row }) => row.storage)]);
  const entries = [...names].flatMap((storage) => {
    const config = configOf(storage);
    const own = seen.filter(({ row }) => row.storage === storage);
    const type = typeOf(reader, storage, String(config?.['type'] ?? own[0]?.row.type ?? ''));
    return type === undefined ? [] : [{ entry: entryOf(storage, type, config, own, nodes), own }];
  });
  const contentLists = await Promise.all(entries.map(({ entry, own }) => readContent(reader, entry, own)));
  const volumes = new Map(contentLists.flat().map((volume) => [keyOf(volume), volume]));
  const madeUp = unseenStorages(reader, names, containers);
  const unsized = Object.fromEntries([
    ...entries.map(({ entry }) => [entry.storage, { ...entry, totalBytes: 0, baseUsedBytes: 0 }] as const),
    ...madeUp.map((entry) => [entry.storage, entry] as const),
  ]);
  complete(reader, volumes, unsized, containers, diskBytes);
  const all = [...volumes.values()];
  const storages = entries.map(({ entry, own }): [string, ExportedStorage] => {
    const here = all.filter(({ storage }) => storage === entry.storage);
    return [entry.storage, { ...entry, ...sizesOf(own, entry.shared, here) }];
  });
  for (const entry of madeUp) storages.push([entry.storage, entry]);
  return { storages: Object.fromEntries(storages), volumes: Object.fromEntries(volumes) };
}

/** Export, third part: storages with their sizes, and what lies on them. Reads only. */
import type { Returns } from '../api/types.ts';
import { splitList } from '../codec/list.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import { isSensitiveKey } from '../util/redact.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedContainer, ExportedStorage, ExportedVolume } from './export-types.ts';
import { completeVolumes, keyOf, namedIn, volumeOf } from './export-volumes.ts';
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
  completeVolumes(reader, volumes, unsized, containers, diskBytes);
  const all = [...volumes.values()];
  const storages = entries.map(({ entry, own }): [string, ExportedStorage] => {
    const here = all.filter(({ storage }) => storage === entry.storage);
    return [entry.storage, { ...entry, ...sizesOf(own, entry.shared, here) }];
  });
  for (const entry of madeUp) storages.push([entry.storage, entry]);
  return { storages: Object.fromEntries(storages), volumes: Object.fromEntries(volumes) };
}

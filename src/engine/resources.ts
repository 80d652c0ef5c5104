/** Rows of GET /cluster/resources and GET /nodes/{node}/lxc → guests, nodes, storages. Pure decoding. */
import type { Returns } from '../api/types.ts';
import { splitList } from '../codec/list.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import type { GuestSummary, NodeInfo, StorageInfo } from '../domain/actual.ts';

type ResourceRow = Returns<'GET', '/cluster/resources'>[number];
type LiveRow = Returns<'GET', '/nodes/{node}/lxc'>[number];
type StorageRow = Returns<'GET', '/nodes/{node}/storage'>[number];

/** What one call tells about the whole cluster. */
export interface Resources {
  readonly nodes: readonly NodeInfo[];
  readonly storages: readonly StorageInfo[];
  readonly guests: readonly GuestSummary[];
  readonly pools: readonly string[];
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out members that are undefined, as exactOptionalPropertyTypes wants. */
export function compact<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as unknown as Defined<T>;
}

/** States that the server has no other words for are `unknown`. */
export function decodeStatus(status: string | undefined): GuestSummary['status'] {
  return status === 'running' || status === 'stopped' ? status : 'unknown';
}

function decodeGuest(row: ResourceRow): GuestSummary | undefined {
  const vmid = decodeNumber(row.vmid);
  if ((row.type !== 'lxc' && row.type !== 'qemu') || vmid === undefined || row.node === undefined) {
    return undefined;
  }
  return compact({
    vmid,
    type: row.type,
    node: row.node,
    name: row.name,
    status: decodeStatus(row.status),
    isTemplate: decodeBoolean(row.template) ?? false,
    tags: splitList(row.tags ?? ''),
    pool: row.pool,
    lock: row.lock,
    haState: row.hastate,
    uptimeSeconds: decodeNumber(row.uptime),
    usage: compact({
      cpu: decodeNumber(row.cpu),
      maxCpu: decodeNumber(row.maxcpu),
      memoryBytes: decodeNumber(row.mem),
      maxMemoryBytes: decodeNumber(row.maxmem),
      diskBytes: decodeNumber(row.disk),
      maxDiskBytes: decodeNumber(row.maxdisk),
    }),
  }) as GuestSummary;
}

function decodeNode(row: ResourceRow): NodeInfo | undefined {
  if (row.type !== 'node' || row.node === undefined) return undefined;
  return compact({
    node: row.node,
    // `unknown` is a node that has not reported yet: it may well answer
    online: row.status !== 'offline',
    maxCpu: decodeNumber(row.maxcpu),
    memoryBytes: decodeNumber(row.mem),
    maxMemoryBytes: decodeNumber(row.maxmem),
  }) as NodeInfo;
}

function decodeStorage(row: ResourceRow): StorageInfo | undefined {
  if (row.type !== 'storage' || row.node === undefined || row.storage === undefined) return undefined;
  return compact({
    storage: row.storage,
    node: row.node,
    type: row.plugintype ?? 'unknown',
    content: splitList(row.content ?? ''),
    shared: decodeBoolean(row.shared) ?? false,
    active: row.status === 'available',
    usedBytes: decodeNumber(row.disk),
    totalBytes: decodeNumber(row.maxdisk),
  }) as StorageInfo;
}

function present<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/**
 * Decodes GET /cluster/resources.
 *
 * @param rows - all rows, of all types.
 * @returns guests by vmid, nodes by name; pools that own nothing are listed too.
 */
export function decodeResources(rows: readonly ResourceRow[]): Resources {
  const guests = rows.map(decodeGuest).filter(present);
  const nodes = rows.map(decodeNode).filter(present);
  const pools = rows.flatMap((row) => (row.pool === undefined ? [] : [row.pool]));
  return {
    guests: guests.toSorted((a, b) => a.vmid - b.vmid),
    nodes: nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)),
    storages: rows.map(decodeStorage).filter(present),
    pools: [...new Set(pools)].sort(),
  };
}

/**
 * Decodes GET /nodes/{node}/storage.
 *
 * @param node - the node that was asked.
 * @param rows - its answer.
 * @returns its enabled storages.
 */
export function decodeStorages(node: string, rows: readonly StorageRow[]): StorageInfo[] {
  return rows
    .filter((row) => decodeBoolean(row.enabled) !== false)
    .map(
      (row) =>
        compact({
          storage: row.storage,
          node,
          type: row.type,
          content: splitList(row.content),
          shared: decodeBoolean(row.shared) ?? false,
          active: decodeBoolean(row.active) ?? false,
          usedBytes: decodeNumber(row.used),
          totalBytes: decodeNumber(row.total),
        }) as StorageInfo,
    );
}

/**
 * Puts what a node says about its containers now over what the cluster knew some seconds ago.
 *
 * Proxmox VE: names, states and numbers in /cluster/resources come from a broadcast every ten seconds; a fresh container
 * has no name there and the state `unknown`. One call per node gives the present state.
 *
 * @param guest - a row of /cluster/resources.
 * @param live - the node's own row, when there is one.
 * @returns the guest with its present state.
 */
export function withLiveState(guest: GuestSummary, live: LiveRow | undefined): GuestSummary {
  if (!live) return guest;
  const { lock: _stale, ...rest } = guest;
  return {
    ...rest,
    ...compact({
      name: live.name ?? guest.name,
      lock: live.lock,
      uptimeSeconds: decodeNumber(live.uptime) ?? guest.uptimeSeconds,
    }),
    status: decodeStatus(live.status),
    isTemplate: decodeBoolean(live.template) ?? guest.isTemplate,
    usage: {
      ...guest.usage,
      ...compact({
        memoryBytes: decodeNumber(live.mem),
        maxMemoryBytes: decodeNumber(live.maxmem),
        diskBytes: decodeNumber(live.disk),
        maxDiskBytes: decodeNumber(live.maxdisk),
      }),
    },
  } as GuestSummary;
}

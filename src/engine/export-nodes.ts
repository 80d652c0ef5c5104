/** Export, first part: the nodes with their bridges. Reads only. */
import type { Returns } from '../api/types.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedBridge, ExportedNode } from './export-types.ts';
import { compact } from './resources.ts';

type ClusterRow = Returns<'GET', '/cluster/status'>[number];
type NodeRow = Returns<'GET', '/nodes'>[number];

/** The cluster as a whole. */
export interface ExportedCluster {
  readonly clusterName: string | null;
  readonly quorate: boolean;
  /** The answering node first. */
  readonly nodes: Readonly<Record<string, ExportedNode>>;
}

const gibibyte = 1024 ** 3;
/** What is assumed of a node that tells nothing of itself. */
const unknownNode = { cpus: 8, memoryBytes: 32 * gibibyte, rootBytes: 100 * gibibyte };

async function readBridges(reader: Reader, node: string): Promise<ExportedBridge[]> {
  const rows = await reader.ask(`bridges of ${node}`, (get, options) =>
    get('/nodes/{node}/network', { node, type: 'any_bridge' }, options),
  );
  return (rows ?? [])
    .map((row) =>
      compact({
        iface: String(row['iface'] ?? ''),
        type: row.type ?? 'bridge',
        cidr: row.cidr,
        mtu: decodeNumber(row.mtu) ?? 1500,
      }),
    )
    .filter(({ iface }) => iface !== '')
    .toSorted((a, b) => naturalCompare(a.iface, b.iface)) as ExportedBridge[];
}

async function readNode(reader: Reader, row: NodeRow, place: ClusterRow | undefined): Promise<ExportedNode> {
  const name = row.node;
  const isOnline = row.status === 'online';
  const basics = {
    name,
    status: isOnline ? ('online' as const) : ('offline' as const),
    ip: place?.ip ?? '',
    nodeid: decodeNumber(place?.nodeid) ?? 0,
    sslFingerprint: row.ssl_fingerprint ?? '',
  };
  const [status, bridges] = isOnline
    ? await Promise.all([
        reader.ask(`processors and memory of ${name}`, (get, options) =>
          get('/nodes/{node}/status', { node: name }, options),
        ),
        readBridges(reader, name),
      ])
    : [undefined, []];
  if (!isOnline) reader.note('NODE_OFFLINE', `node ${name} is offline; what only it knows is left out`);
  // The generated types know some members only as objects.
  const facts = (status ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  const uptimeSeconds = decodeNumber(facts['uptime'] ?? row.uptime) ?? 0;
  return {
    ...basics,
    maxCpu: decodeNumber(facts['cpuinfo']?.['cpus'] ?? row.maxcpu) ?? unknownNode.cpus,
    memoryBytes: decodeNumber(facts['memory']?.['total'] ?? row.maxmem) ?? unknownNode.memoryBytes,
    swapBytes: decodeNumber(facts['swap']?.['total']) ?? 0,
    rootBytes: decodeNumber(facts['rootfs']?.['total']) ?? unknownNode.rootBytes,
    bootedAtMs: reader.nowMs - uptimeSeconds * 1000,
    bridges,
  };
}

/**
 * Reads the nodes.
 *
 * @returns the cluster; an offline node is there, but nothing is known of it.
 */
export async function exportCluster(reader: Reader): Promise<ExportedCluster> {
  const [rows, places = []] = await Promise.all([
    reader.need((get, options) => get('/nodes', {}, options)),
    reader.ask('name, addresses and quorum of the cluster', (get, options) =>
      get('/cluster/status', {}, options),
    ),
  ]);
  const placeOf = (name: string): ClusterRow | undefined =>
    places.find((place) => place.type === 'node' && place.name === name);
  const nodes = await Promise.all(rows.map((row) => readNode(reader, row, placeOf(row.node))));
  const isLocal = (node: ExportedNode): boolean => decodeBoolean(placeOf(node.name)?.local) ?? false;
  const rank = (node: ExportedNode): number => (isLocal(node) ? 0 : node.status === 'online' ? 1 : 2);
  const sorted = nodes.toSorted(
    (a, b) => rank(a) - rank(b) || a.nodeid - b.nodeid || naturalCompare(a.name, b.name),
  );
  const cluster = places.find((place) => place.type === 'cluster');
  return {
    clusterName: cluster?.name ?? null,
    quorate: decodeBoolean(cluster?.quorate) ?? true,
    nodes: Object.fromEntries(sorted.map((node) => [node.name, node])),
  };
}

/**
 * A live cluster → the state of a simulated one, so that a change can be rehearsed on a copy of one's own cluster.
 * Only reads; what an account may not see is left out and noted; secrets are neither read nor written.
 */

import { randomBytes } from 'node:crypto';
import { decodeNumber } from '../codec/scalar.ts';
import { type PermissionTree, privilegesOn } from '../domain/permission-tree.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { EngineContext } from './context.ts';
import { exportAccess, exportPools } from './export-access.ts';
import { bridgeOf } from './export-config.ts';
import { exportGuests } from './export-guests.ts';
import { exportCluster } from './export-nodes.ts';
import { createReader, type Reader } from './export-reader.ts';
import { exportStorages } from './export-storages.ts';

export type { ExportedState } from './export-types.ts';

import type {
  CatalogueRow,
  ExportedBridge,
  ExportedContainer,
  ExportedNode,
  ExportedState,
} from './export-types.ts';

/** A finished export. */
export interface StateExport {
  readonly state: ExportedState;
  /** What was left out, and why. */
  readonly notices: readonly Diagnostic[];
}

/** Rights without which lists are shorter than the cluster is, without saying so. */
const filters: readonly (readonly [path: string, privilege: string, what: string])[] = [
  ['/vms', 'VM.Audit', 'guests'],
  ['/storage', 'Datastore.Audit', 'storages and templates'],
  ['/sdn/zones/localnetwork', 'SDN.Audit', 'bridges'],
  ['/pool', 'Pool.Audit', 'pools'],
  ['/access', 'Sys.Audit', 'users and rights'],
  ['/', 'Sys.Audit', 'options of the datacenter, memory of the nodes'],
];

async function noteFilters(reader: Reader): Promise<void> {
  const tree = await reader.ask('own rights', (get, options) => get('/access/permissions', {}, options));
  if (!tree) return;
  for (const [path, privilege, what] of filters) {
    if (privilegesOn(tree as PermissionTree, path).has(privilege)) continue;
    reader.note(
      'EXPORT_FILTERED',
      `this account has no ${privilege} on ${path}: ${what} that it may not see are left out`,
    );
  }
}

/** Options that may hold credentials, or that nothing here depends on. */
const privateOptions: ReadonlySet<string> = new Set([
  'allowed-tags',
  'description',
  'email_from',
  'http_proxy',
  'notify',
  'u2f',
  'webauthn',
]);

async function readOptions(reader: Reader): Promise<Record<string, unknown>> {
  const options = await reader.ask('options of the datacenter', (get, request) =>
    get('/cluster/options', {}, request),
  );
  return Object.fromEntries(Object.entries(options ?? {}).filter(([key]) => !privateOptions.has(key)));
}

/** Sizes are not in the catalogue; this one is about that of a standard template. */
const archiveBytes = 128 * 1024 ** 2;
const catalogueTexts = [
  'template',
  'package',
  'version',
  'os',
  'section',
  'architecture',
  'location',
  'source',
  'sha512sum',
] as const;

async function readCatalogue(reader: Reader, node: string): Promise<CatalogueRow[]> {
  const rows = await reader.ask('catalogue of templates', (get, options) =>
    get('/nodes/{node}/aplinfo', { node }, options),
  );
  return (rows ?? []).map((row) => {
    const plain = Object.entries(row).filter(
      (entry): entry is [string, string | number] =>
        typeof entry[1] === 'string' || typeof entry[1] === 'number',
    );
    const texts = catalogueTexts.map((key) => [key, String(row[key] ?? '')]);
    return { ...Object.fromEntries(plain), ...Object.fromEntries(texts), sizeBytes: archiveBytes };
  });
}

async function readHa(reader: Reader): Promise<Record<string, Record<string, unknown>>> {
  const rows = await reader.ask('resources of the HA manager', (get, options) =>
    get('/cluster/ha/resources', {}, options),
  );
  return Object.fromEntries(
    (rows ?? []).map((row) => {
      const { sid, type: _type, digest: _digest, ...settings } = row as Record<string, unknown>;
      return [String(sid), settings];
    }),
  );
}

const byNumber = (a: string, b: string): number => {
  const rank = (address: string): number =>
    address.split(/[./]/).reduce((sum, part) => sum * 256 + Number(part), 0);
  return rank(a) - rank(b);
};

/**
 * Adds what the lists of bridges do not show: bridges that containers are plugged into, and, where containers have leases,
 * a DHCP server whose range begins with the lowest of them.
 */
function completeBridges(
  reader: Reader,
  { name, bridges }: ExportedNode,
  containers: readonly ExportedContainer[],
): ExportedBridge[] {
  const plugged = containers
    .filter((container) => container.node === name)
    .flatMap(({ config, pending, leases = {} }) =>
      Object.entries({ ...config, ...pending }).flatMap(([key, value]) => {
        const iface = /^net\d+$/.test(key) ? bridgeOf(value) : undefined;
        return iface === undefined ? [] : [{ iface, lease: leases[key] }];
      }),
    );
  const unknown = [...new Set(plugged.map(({ iface }) => iface))]
    .filter((iface) => !bridges.some((bridge) => bridge.iface === iface))
    .sort();
  if (unknown.length > 0)
    reader.note('EXPORT_BRIDGES', `bridges of ${name} taken from its containers: ${unknown.join(', ')}`);
  const added = unknown.map((iface): ExportedBridge => ({ iface, type: 'bridge', mtu: 1500 }));
  return [...bridges, ...added].map((bridge) => {
    const leases = plugged.flatMap(({ iface, lease }) =>
      iface === bridge.iface && lease !== undefined ? [lease] : [],
    );
    const [lowest] = leases.sort(byNumber);
    return lowest === undefined ? bridge : { ...bridge, dhcp: lowest };
  });
}

const firstPid = 1000;

/**
 * Reads a cluster.
 *
 * @param context - client, clock, limits; progress and notices are events.
 * @returns the state for `sim serve --seed`, with new credentials of its own, and what had to be left out.
 * @throws PveError when the cluster cannot be reached or the account is refused.
 */
export async function exportState(context: EngineContext): Promise<StateExport> {
  const reader = createReader(context);
  await noteFilters(reader);
  const [version, rows, cluster, options, pools, haResources, access] = await Promise.all([
    reader.need((get, request) => get('/version', {}, request)),
    reader.need((get, request) => get('/cluster/resources', {}, request)),
    exportCluster(reader),
    readOptions(reader),
    exportPools(reader),
    readHa(reader),
    exportAccess(reader),
  ]);
  const online = Object.values(cluster.nodes)
    .filter(({ status }) => status === 'online')
    .map(({ name }) => name);
  const [{ containers, vms, diskBytes }, catalogue] = await Promise.all([
    exportGuests(reader, rows, online),
    online[0] === undefined ? [] : readCatalogue(reader, online[0]),
  ]);
  const guests = Object.values(containers);
  const { storages, volumes } = await exportStorages(reader, online, guests, diskBytes);
  const sizes = new Map(
    Object.values(volumes)
      .filter(({ content, sizeBytes }) => content === 'vztmpl' && sizeBytes > 0)
      .map(({ volid, sizeBytes }) => [volid.slice(volid.lastIndexOf('/') + 1), sizeBytes]),
  );
  const state: ExportedState = {
    format: 'pvefleet.sim-state/1',
    version: {
      version: version.version,
      release: version.release,
      repoid: version.repoid,
    },
    clusterName: cluster.clusterName,
    quorate: cluster.quorate,
    options,
    nodes: Object.fromEntries(
      Object.entries(cluster.nodes).map(([name, node]) => [
        name,
        { ...node, bridges: completeBridges(reader, node, guests) },
      ]),
    ),
    storages,
    volumes,
    containers,
    vms,
    tasks: {},
    ...access,
    pools,
    haResources,
    firewall: {},
    catalogue: catalogue.map((entry) => ({
      ...entry,
      sizeBytes: sizes.get(String(entry['template'])) ?? decodeNumber(entry['sizeBytes']) ?? archiveBytes,
    })),
    secret: randomBytes(32).toString('hex'),
    random: randomBytes(4).readUInt32BE(),
    counters: { pid: Math.max(firstPid, ...guests.map(({ runtime }) => runtime?.pid ?? 0)) },
    savedAtMs: reader.nowMs,
  };
  return { state, notices: reader.notices };
}

/** `doctor`, first part: the connection, the account and the cluster as they are. Reads only. */
import type { Returns } from '../api/types.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import type { NodeInfo, StorageInfo } from '../domain/actual.ts';
import { type PermissionTree, privilegesOn } from '../domain/permission-tree.ts';
import { humanSize } from '../util/bytes.ts';
import type { EngineContext } from './context.ts';
import type { DoctorCheck } from './doctor.ts';
import { mapBounded } from './parallel.ts';
import { decodeResources, decodeStorages } from './resources.ts';

type Network = Returns<'GET', '/nodes/{node}/network'>;

const dayMs = 86_400_000;
/** Below this many days a certificate is about to expire. */
const renewDays = 30;
/** A ticket is refused when clocks differ by more than minutes; tasks are hard to tell apart long before. */
const maxSkewMs = 60_000;

const ok = (name: string, message: string): DoctorCheck => ({ name, status: 'ok', message });
const warn = (name: string, message: string, hint: string): DoctorCheck => ({
  name,
  status: 'warn',
  message,
  hint,
});
const fail = (name: string, message: string, hint: string): DoctorCheck => ({
  name,
  status: 'fail',
  message,
  hint,
});

/** Is this a version we know? */
export async function checkVersion(context: EngineContext): Promise<DoctorCheck> {
  const { version } = await context.pve.get('/version', {}, { signal: context.signal });
  const major = Number.parseInt(version, 10);
  const message = `Proxmox VE ${version} at ${context.pve.url}`;
  if (major >= 8) return ok('connection', message);
  return warn(
    'connection',
    message,
    'pvefleet is tested with Proxmox VE 8 and 9; older versions lack API calls it uses',
  );
}

/** Has the account any rights at all? */
export function checkRights(tree: PermissionTree, identity: string | undefined): DoctorCheck {
  const who = identity ?? 'this account';
  if (Object.keys(tree).length === 0) {
    const separated = identity?.includes('!')
      ? `a token with privilege separation has no rights of its own: grant it some, or run: pveum user token modify ${identity.replace('!', ' ')} --privsep 0`
      : 'grant it rights with pveum acl modify';
    return fail('rights', `${who} has no privileges`, separated);
  }
  const held = new Set(Object.keys(tree).flatMap((path) => [...privilegesOn(tree, path)]));
  const needed = ['VM.Audit', 'VM.Allocate', 'VM.PowerMgmt', 'Datastore.AllocateSpace'];
  const absent = needed.filter((privilege) => !held.has(privilege));
  if (absent.length === 0)
    return ok('rights', `${who} holds ${held.size} privileges on ${Object.keys(tree).length} paths`);
  return warn(
    'rights',
    `${who} lacks ${absent.join(', ')}`,
    'reading may work, creating will not; doctor -f FILE lists what a fleet needs and the commands that grant it',
  );
}

/** Can the cluster be written to? */
export async function checkQuorum(context: EngineContext): Promise<DoctorCheck> {
  const rows = await context.pve.get('/cluster/status', {}, { signal: context.signal });
  const cluster = rows.find((row) => row.type === 'cluster');
  if (!cluster) return ok('quorum', 'a single node, not clustered');
  const online = rows.filter((row) => row.type === 'node' && decodeBoolean(row.online)).length;
  const message = `cluster ${cluster.name}, ${online} of ${decodeNumber(cluster.nodes) ?? online} nodes online`;
  return decodeBoolean(cluster.quorate)
    ? ok('quorum', message)
    : fail('quorum', `${message}, no quorum: it is read-only`, 'bring enough nodes back (pvecm status)');
}

/** Which nodes are there? */
export function checkNodes(nodes: readonly NodeInfo[]): DoctorCheck {
  const down = nodes.filter((node) => !node.online).map((node) => node.node);
  const names = nodes.filter((node) => node.online).map((node) => node.node);
  if (down.length === 0) return ok('nodes', `online: ${names.join(', ')}`);
  return warn(
    'nodes',
    `offline: ${down.join(', ')}; online: ${names.join(', ')}`,
    'containers on offline nodes cannot be read or changed',
  );
}

/** Reads nodes from the list of all resources. */
export async function readNodes(context: EngineContext): Promise<readonly NodeInfo[]> {
  const rows = await context.pve.get('/cluster/resources', { type: 'node' }, { signal: context.signal });
  return decodeResources(rows).nodes;
}

/** Is the certificate of the node good for some time? */
async function checkCertificate(context: EngineContext, node: string): Promise<DoctorCheck> {
  const name = `certificate ${node}`;
  const rows = await context.pve.get('/nodes/{node}/certificates/info', { node }, { signal: context.signal });
  // PVE: pveproxy serves its own certificate when there is one, else the one signed by the cluster's CA
  const served =
    rows.find((row) => row.filename === 'pveproxy-ssl.pem') ??
    rows.find((row) => row.filename === 'pve-ssl.pem');
  const notAfter = decodeNumber(served?.notafter);
  if (!served || notAfter === undefined)
    return warn(name, 'no certificate is reported', 'run: pvecm updatecerts');
  const days = Math.floor((notAfter * 1_000 - context.clock.now()) / dayMs);
  const message = `${served.filename ?? 'certificate'}, SHA-256 ${served.fingerprint ?? 'unknown'}`;
  if (days < 0)
    return fail(
      name,
      `expired ${-days} days ago: ${message}`,
      'renew it: pvecm updatecerts --force, or pvenode acme cert renew',
    );
  if (days < renewDays)
    return warn(
      name,
      `expires in ${days} days: ${message}`,
      'renew it soon: pvecm updatecerts --force, or pvenode acme cert renew',
    );
  return ok(name, `valid for ${days} days: ${message}`);
}

/** Do its clock and ours agree? */
async function checkClock(context: EngineContext, node: string): Promise<DoctorCheck> {
  const name = `clock ${node}`;
  const before = context.clock.now();
  const { time } = await context.pve.get('/nodes/{node}/time', { node }, { signal: context.signal });
  const middle = (before + context.clock.now()) / 2;
  const skewMs = (decodeNumber(time) ?? 0) * 1_000 - middle;
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) <= maxSkewMs) return ok(name, `differs from ours by ${seconds} s`);
  return warn(
    name,
    `${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
    'set both by NTP (chronyc tracking); tickets depend on it',
  );
}

/** Reads the storages of a node. */
async function readStorages(context: EngineContext, node: string): Promise<StorageInfo[]> {
  const rows = await context.pve.get('/nodes/{node}/storage', { node }, { signal: context.signal });
  return decodeStorages(node, rows);
}

/** Is there room for templates and for containers? */
function checkStorages(node: string, storages: readonly StorageInfo[]): DoctorCheck {
  const name = `storages ${node}`;
  const active = storages.filter((storage) => storage.active);
  const taking = (content: string): StorageInfo[] =>
    active.filter((storage) => storage.content.includes(content));
  const missing = [
    ...(taking('rootdir').length === 0 ? ['containers (rootdir)'] : []),
    ...(taking('vztmpl').length === 0 ? ['templates (vztmpl)'] : []),
  ];
  const list = active
    .map(({ storage, content, totalBytes, usedBytes }) => {
      const free = totalBytes === undefined ? '' : `, ${humanSize(totalBytes - (usedBytes ?? 0))} free`;
      return `${storage} (${content.filter((one) => one === 'rootdir' || one === 'vztmpl').join(', ') || 'neither'}${free})`;
    })
    .join('; ');
  if (missing.length === 0) return ok(name, list);
  return fail(
    name,
    `no active storage takes ${missing.join(' or ')}${list === '' ? '' : `: ${list}`}`,
    'allow it: pvesm set STORAGE --content rootdir,vztmpl,… ; a storage that is not listed needs Datastore.Audit',
  );
}

/** Reads the bridges of a node. */
async function readBridges(context: EngineContext, node: string): Promise<Network> {
  return context.pve.get('/nodes/{node}/network', { node, type: 'any_bridge' }, { signal: context.signal });
}

/** Is there a network to attach containers to? */
function checkBridges(node: string, bridges: Network): DoctorCheck {
  const name = `bridges ${node}`;
  const names = bridges.map((bridge) => bridge.iface);
  if (names.length === 0)
    return warn(
      name,
      'none that this account may use',
      'grant SDN.Use on /sdn/zones/localnetwork, or make a bridge',
    );
  const down = bridges
    .filter((bridge) => decodeBoolean(bridge.active) === false)
    .map((bridge) => bridge.iface);
  if (down.length > 0)
    return warn(
      name,
      `${names.join(', ')}; not active: ${down.join(', ')}`,
      'apply the network configuration of the node',
    );
  return ok(name, names.join(', '));
}

/** Per-node facts that the fleet's checks use too. */
export interface NodeFacts {
  readonly storages: readonly StorageInfo[];
  readonly bridges: readonly string[];
}

/**
 * Runs the checks of all online nodes.
 *
 * @param guard - turns a failing request into a finding.
 * @returns findings in the order of the nodes, and what was read.
 */
export async function checkEachNode(
  context: EngineContext,
  nodes: readonly NodeInfo[],
  guard: (name: string, check: () => Promise<DoctorCheck>) => Promise<DoctorCheck>,
): Promise<{ checks: DoctorCheck[]; facts: Map<string, NodeFacts> }> {
  const online = nodes.filter((node) => node.online).map((node) => node.node);
  const facts = new Map<string, NodeFacts>();
  const perNode = await mapBounded(
    Math.max(1, Math.floor(context.limits.requests / 4)),
    online,
    async (node) => {
      let storages: readonly StorageInfo[] = [];
      let bridges: readonly string[] = [];
      const checks = await Promise.all([
        guard(`certificate ${node}`, () => checkCertificate(context, node)),
        guard(`clock ${node}`, () => checkClock(context, node)),
        guard(`storages ${node}`, async () => {
          storages = await readStorages(context, node);
          return checkStorages(node, storages);
        }),
        guard(`bridges ${node}`, async () => {
          const found = await readBridges(context, node);
          bridges = found.map((bridge) => bridge.iface);
          return checkBridges(node, found);
        }),
      ]);
      facts.set(node, { storages, bridges });
      return checks;
    },
  );
  return { checks: perNode.flat(), facts };
}

/**
 * Rows of /cluster/resources, of /nodes and of pools. Guests and storages are shown as the nodes broadcast them every
 * 10 s (`state.broadcast`); only lock, tags, pool and HA state are live (contract lxc-endpoints §J).
 */
import { guestStatus } from './guest-status.ts';
import type { SimContainer, SimNode, SimState, SimStorage, SimVm } from './state.ts';
import { isEnabled } from './storage-config.ts';
import { storageUsage } from './volumes.ts';

const broadcastMs = 10_000;
const MiB = 1024 ** 2;
/** What the node itself uses. */
const hostMemoryBytes = 900 * MiB;

/** A guest of any kind. */
export type Guest =
  | { readonly type: 'lxc'; readonly vmid: number; readonly node: string; readonly container: SimContainer }
  | { readonly type: 'qemu'; readonly vmid: number; readonly node: string; readonly vm: SimVm };

/**
 * Finds a guest; containers and machines share their ids.
 *
 * @param state - cluster.
 * @param vmid - guest id.
 */
export function guestOf(state: SimState, vmid: number): Guest | undefined {
  const container = state.containers[vmid];
  if (container) return { type: 'lxc', vmid, node: container.node, container };
  const vm = state.vms[vmid];
  return vm ? { type: 'qemu', vmid, node: vm.node, vm } : undefined;
}

/**
 * All guests, by id.
 *
 * @param state - cluster.
 */
export function allGuests(state: SimState): Guest[] {
  const ids = [...Object.keys(state.containers), ...Object.keys(state.vms)].map(Number);
  return ids.toSorted((a, b) => a - b).flatMap((vmid) => guestOf(state, vmid) ?? []);
}

/** What a node tells of a container: its state at the time of the broadcast. */
function containerStats(state: SimState, container: SimContainer, atMs: number): Record<string, unknown> {
  const startedLater = container.runtime !== null && container.runtime.startedAtMs > atMs;
  const seen = startedLater ? { ...container, runtime: null } : container;
  const row = guestStatus(state, seen, atMs);
  return {
    name: row['name'],
    status: row.status,
    template: row['template'] === 1 ? 1 : 0,
    cpu: row['cpu'],
    maxcpu: Number(row['cpus']),
    mem: row['mem'],
    memhost: row['mem'],
    maxmem: row['maxmem'],
    disk: row['disk'],
    maxdisk: row['maxdisk'],
    netin: row['netin'],
    netout: row['netout'],
    diskread: row['diskread'],
    diskwrite: row['diskwrite'],
    uptime: row['uptime'],
  };
}

/**
 * A machine as lists show it. Machines only take up ids here; they use nothing.
 *
 * @param vm - the machine.
 */
export function machineStats(vm: SimVm): Record<string, unknown> {
  const memory = Number(vm.config['memory'] ?? 512) * MiB;
  return {
    name: vm.name,
    status: vm.status,
    template: vm.config['template'] === '1' ? 1 : 0,
    cpu: 0,
    maxcpu: Number(vm.config['cores'] ?? 1) * Number(vm.config['sockets'] ?? 1),
    mem: vm.status === 'running' ? memory : 0,
    memhost: vm.status === 'running' ? memory : 0,
    maxmem: memory,
    disk: 0,
    maxdisk: 0,
    netin: 0,
    netout: 0,
    diskread: 0,
    diskwrite: 0,
    uptime: 0,
  };
}

/**
 * Takes the broadcast of the current period, once. Called by whatever clients poll, so that what changes between two
 * broadcasts stays unseen until the next, whoever looks first.
 *
 * @param state - cluster; its `broadcast` is replaced when it is of an earlier period.
 * @param nowMs - simulated ms since the epoch.
 */
export function refreshBroadcast(state: SimState, nowMs: number): void {
  const atMs = Math.floor(nowMs / broadcastMs) * broadcastMs;
  if (state.broadcast?.atMs === atMs) return;
  const online = (node: string): boolean => state.nodes[node]?.status === 'online';
  const guests: Record<number, Record<string, unknown>> = {};
  for (const guest of allGuests(state)) {
    if (!online(guest.node)) continue;
    if (guest.type === 'qemu') guests[guest.vmid] = machineStats(guest.vm);
    else if (guest.container.createdAtMs <= atMs)
      guests[guest.vmid] = containerStats(state, guest.container, atMs);
  }
  const storages: Record<string, { total: number; used: number }> = {};
  for (const entry of Object.values(state.storages))
    for (const node of Object.keys(state.nodes))
      if (online(node) && isEnabled(entry, node)) {
        const { total, used } = storageUsage(state, entry.storage, node);
        storages[`${node}/${entry.storage}`] = { total, used };
      }
  state.broadcast = { atMs, guests, storages };
}

/**
 * A guest as the last broadcast knew it: without name and with state `unknown` when it did not.
 *
 * @param state - cluster.
 * @param guest - the guest.
 */
export function guestRow(state: SimState, guest: Guest): Record<string, unknown> {
  const { type, vmid, node } = guest;
  return { id: `${type}/${vmid}`, type, vmid, node, status: 'unknown', ...state.broadcast?.guests[vmid] };
}

/**
 * What is live of a guest: lock, tags, pool and HA state.
 *
 * @param state - cluster.
 * @param guest - the guest.
 */
export function liveGuestKeys(state: SimState, guest: Guest): Record<string, unknown> {
  const { lock, tags } = guest.type === 'lxc' ? guest.container.config : guest.vm.config;
  const pool = Object.values(state.pools).find((other) => other.vms.includes(guest.vmid))?.poolid;
  const ha = state.haResources[`${guest.type === 'lxc' ? 'ct' : 'vm'}:${guest.vmid}`];
  return {
    ...(lock === undefined ? {} : { lock }),
    ...(tags === undefined || tags.trim() === '' ? {} : { tags }),
    ...(pool === undefined ? {} : { pool }),
    ...(ha === undefined ? {} : { hastate: ha['state'] ?? 'started' }),
  };
}

/**
 * A storage on a node as the last broadcast knew it.
 *
 * @param state - cluster.
 * @param entry - entry of storage.cfg.
 * @param node - node name.
 */
export function storageResource(state: SimState, entry: SimStorage, node: string): Record<string, unknown> {
  const space = state.broadcast?.storages[`${node}/${entry.storage}`];
  return {
    id: `storage/${node}/${entry.storage}`,
    type: 'storage',
    storage: entry.storage,
    node,
    plugintype: entry.type,
    content: entry.content.join(','),
    shared: entry.shared ? 1 : 0,
    status: space ? 'available' : 'unknown',
    ...(space ? { disk: space.used, maxdisk: space.total } : {}),
  };
}

/** What a node uses at the moment. */
export interface NodeUsage {
  /** Fraction of all processors. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly rootUsedBytes: number;
  readonly uptimeSeconds: number;
}

/**
 * What a node uses: the node itself and its running containers.
 *
 * @param state - cluster.
 * @param node - the node.
 * @param nowMs - simulated ms since the epoch.
 */
export function nodeUsage(state: SimState, node: SimNode, nowMs: number): NodeUsage {
  const running = Object.values(state.containers)
    .filter((container) => container.node === node.name && container.runtime !== null)
    .map((container) => guestStatus(state, container, nowMs));
  const busy = running.reduce((sum, row) => sum + Number(row['cpu']) * Number(row['cpus']), 0);
  const memory = running.reduce((sum, row) => sum + Number(row['mem']), 0);
  // The directory storage of the installation lies on the root file system.
  const root = Object.values(state.storages).find((entry) => entry.path === '/var/lib/vz');
  return {
    cpu: Math.min(1, 0.004 + busy / node.maxCpu),
    memoryBytes: Math.min(node.memoryBytes, Math.min(hostMemoryBytes, node.memoryBytes / 10) + memory),
    rootUsedBytes: root
      ? storageUsage(state, root.storage, node.name).used
      : Math.round(node.rootBytes * 0.1),
    uptimeSeconds: Math.max(0, Math.floor((nowMs - node.bootedAtMs) / 1000)),
  };
}

/**
 * A node as lists show it.
 *
 * @param state - cluster.
 * @param node - the node.
 * @param nowMs - simulated ms since the epoch.
 * @param metrics - whether the caller may see what it uses.
 */
export function nodeRow(
  state: SimState,
  node: SimNode,
  nowMs: number,
  metrics: boolean,
): Record<string, unknown> {
  const basics = { id: `node/${node.name}`, type: 'node', node: node.name, status: node.status, level: '' };
  if (!metrics || node.status !== 'online') return basics;
  const { cpu, memoryBytes, rootUsedBytes, uptimeSeconds } = nodeUsage(state, node, nowMs);
  return {
    ...basics,
    cpu,
    maxcpu: node.maxCpu,
    mem: Math.round(memoryBytes),
    maxmem: node.memoryBytes,
    disk: rootUsedBytes,
    maxdisk: node.rootBytes,
    uptime: uptimeSeconds,
  };
}

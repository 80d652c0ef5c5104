/**
 * State and metrics of a container as lists and status/current show them (pve-container LXC.pm vmstatus, contract
 * behaviours §4). Metrics are functions of the container's age, so that equal states give equal answers. Reads only.
 */

import { unknownDiskBytes, unsetMemoryMiB } from './defaults.ts';
import { apiValue } from './lxc-config.ts';
import { type Mount, parseMount } from './property-values.ts';
import type { SimContainer, SimState } from './state.ts';
import { contentBytes, fileSystemBytes, findVolume } from './volumes.ts';

const MiB = 1024 ** 2;

/** Memory that a freshly started container uses, by ostype, in bytes; others use as much as the last row. */
const idleMemory: readonly (readonly [ostype: string, bytes: number])[] = [
  ['alpine', 1.1 * MiB],
  ['unmanaged', 2 * MiB],
  ['', 26 * MiB],
];
/** What an ext4 file system takes for itself. */
const fileSystemOverhead = 253_952;

/** A row of GET /nodes/{node}/lxc. */
export interface GuestStatus {
  readonly vmid: number;
  readonly status: 'running' | 'stopped';
  readonly [more: string]: unknown;
}

/** Name as lists show it. */
export function guestName(container: SimContainer): string {
  return (
    (container.config['hostname'] ?? `CT${container.vmid}`).replaceAll(/\s/g, '') || `CT${container.vmid}`
  );
}

/** Processors: cores as a number, else cpulimit as text, else what the node has. */
function cpus(state: SimState, container: SimContainer): number | string {
  const { cores, cpulimit } = container.config;
  if (cores !== undefined && Number(cores) !== 0) return Number(cores);
  if (cpulimit !== undefined && cpulimit !== '0') return cpulimit;
  return state.nodes[container.node]?.maxCpu ?? 1;
}

/** Seconds since the container was started. */
function uptimeSeconds(container: SimContainer, nowMs: number): number {
  return container.runtime ? Math.max(0, Math.floor((nowMs - container.runtime.startedAtMs) / 1000)) : 0;
}

function hasInterface(config: Readonly<Record<string, string>>): boolean {
  for (const key in config) if (key.startsWith('net') && /^net\d+$/.test(key)) return true;
  return false;
}

function runningMetrics(
  state: SimState,
  container: SimContainer,
  root: Mount | undefined,
  nowMs: number,
): Record<string, unknown> {
  const { vmid, node, config, runtime } = container;
  const uptime = uptimeSeconds(container, nowMs);
  const ostype = config['ostype'] ?? '';
  const [, idle] = idleMemory.find(([name]) => name === ostype || name === '') as readonly [string, number];
  const limit = (runtime?.memoryMiB ?? unsetMemoryMiB) * MiB;
  const wanted = idle * (1 + (vmid % 13) / 40) + Math.min(uptime, 7200) * 2048;
  const mem = Math.round(Math.min(wanted, limit * 0.92));
  const volume = root ? findVolume(state, node, root.volume) : undefined;
  const hasNet = hasInterface(config);
  // Busy for some seconds after the start, then nearly idle with a slow swing.
  const cpu = uptime === 0 ? 0 : 0.0006 + 0.08 / (1 + uptime) + 0.0004 * (1 + Math.sin((uptime + vmid) / 40));
  return {
    pressurecpusome: '0.00',
    pressurecpufull: '0.00',
    pressureiosome: '0.00',
    pressureiofull: '0.00',
    pressurememorysome: '0.00',
    pressurememoryfull: '0.00',
    pid: runtime?.pid,
    uptime,
    cpu,
    mem: Math.floor(mem / 4096) * 4096,
    disk: volume ? contentBytes(volume) + fileSystemOverhead : 0,
    maxdisk: volume && volume.sizeBytes > 0 ? fileSystemBytes(volume) : unknownDiskBytes,
    netin: hasNet ? uptime * 44 : 0,
    netout: hasNet ? Math.min(uptime, 1) * 516 + uptime * 3 : 0,
    diskread: volume && uptime > 0 ? Math.floor((contentBytes(volume) * 0.3) / 4096) * 4096 : 0,
    diskwrite: Math.floor(uptime / 5) * 4096,
  };
}

/**
 * State and metrics of a container.
 *
 * @param nowMs - simulated ms since the epoch.
 * @returns a row as GET /nodes/{node}/lxc has it.
 */
export function guestStatus(state: SimState, container: SimContainer, nowMs: number): GuestStatus {
  const { vmid, config, runtime } = container;
  const root = config['rootfs'] === undefined ? undefined : parseMount('rootfs', config['rootfs']);
  const { lock, tags } = config;
  // Lists make this row for every container: one object that grows, no copies of it.
  const row: { vmid: number; status: 'running' | 'stopped'; [more: string]: unknown } = {
    vmid,
    type: 'lxc',
    status: runtime ? 'running' : 'stopped',
    name: guestName(container),
    cpus: cpus(state, container),
    maxmem: Number(config['memory'] ?? unsetMemoryMiB) * MiB,
    maxswap: Number(config['swap'] ?? 0) * MiB,
    disk: 0,
    maxdisk: root?.sizeBytes || unknownDiskBytes,
    mem: 0,
    swap: 0,
    uptime: 0,
    cpu: 0,
    netin: 0,
    netout: 0,
    diskread: 0,
    diskwrite: 0,
  };
  if (runtime) Object.assign(row, runningMetrics(state, container, root, nowMs));
  if (config['template'] !== undefined && apiValue('template', config['template']) === 1) row['template'] = 1;
  if (lock !== undefined) row['lock'] = lock;
  if (tags !== undefined) row['tags'] = tags;
  return row;
}

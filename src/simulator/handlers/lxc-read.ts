/** Lists and read-only views of containers (pve-container API2/LXC.pm). */
import type { HandlerContext, HandlerTable } from '../context.ts';
import { guestInterfaces } from '../model/guest-network.ts';
import { guestStatus } from '../model/guest-status.ts';
import { mountsOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { rrdTimes } from '../model/rrd.ts';
import type { SimContainer, SimState } from '../model/state.ts';
import type { VolumeFeature } from '../model/volume-features.ts';
import { hasVolumeFeature } from '../model/volume-operations.ts';
import { findContainer, needContainer, vmidOf } from './lxc-common.ts';
import { needSnapshot } from './lxc-config.ts';

const parts = [
  'config',
  'pending',
  'status',
  'vncproxy',
  'termproxy',
  'vncwebsocket',
  'spiceproxy',
  'migrate',
  'clone',
  'rrd',
  'rrddata',
  'firewall',
  'snapshot',
  'resize',
  'interfaces',
];

function list(context: HandlerContext): unknown[] {
  const { name } = nodeOf(context);
  const now = context.clock.now();
  return Object.values(context.state.containers)
    .filter(({ node, vmid }) => node === name && context.has(`/vms/${vmid}`, ['VM.Audit']))
    .map((container) => guestStatus(context.state, container, now));
}

function feature(context: HandlerContext): { hasFeature: 0 | 1 } {
  const container = needContainer(context);
  const snapshot = context.text('snapname');
  const config = snapshot === undefined ? container.config : needSnapshot(container, snapshot).config;
  const wanted = context.text('feature') as VolumeFeature;
  const all = mountsOf(config).every(([, mount]) =>
    hasVolumeFeature(context.state, wanted, mount.volume, snapshot),
  );
  return { hasFeature: all ? 1 : 0 };
}

/** One sample; before the container existed there is only the time. */
function sample(state: SimState, container: SimContainer, time: number): Record<string, unknown> {
  const atMs = time * 1000;
  if (atMs < container.createdAtMs) return { time };
  const ran = container.runtime !== null && container.runtime.startedAtMs <= atMs;
  const row = guestStatus(state, ran ? container : { ...container, runtime: null }, atMs);
  const rate = (value: number): number => (ran ? value : 0);
  return {
    time,
    cpu: row['cpu'],
    maxcpu: Number(row['cpus']),
    mem: row['mem'],
    maxmem: row['maxmem'],
    memhost: row['mem'],
    disk: row['disk'],
    maxdisk: row['maxdisk'],
    netin: rate(44),
    netout: rate(3),
    diskread: 0,
    diskwrite: rate(819),
    pressurecpusome: 0,
    pressurecpufull: 0,
    pressureiosome: 0,
    pressureiofull: 0,
    pressurememorysome: 0,
    pressurememoryfull: 0,
  };
}

export const lxcReadHandlers: HandlerTable = {
  'GET /nodes/{node}/lxc': list,
  'GET /nodes/{node}/lxc/{vmid}': (context) => {
    needContainer(context);
    return parts.map((subdir) => ({ subdir }));
  },
  'GET /nodes/{node}/lxc/{vmid}/feature': feature,
  // Without a process there are no addresses; an unknown container has none either.
  'GET /nodes/{node}/lxc/{vmid}/interfaces': (context) => {
    const container = findContainer(context, vmidOf(context));
    return container ? guestInterfaces(context.state, container, context.clock.now()) : null;
  },
  // Not forwarded to the container's node: every node has the metrics of all.
  'GET /nodes/{node}/lxc/{vmid}/rrddata': (context) => {
    const container = context.state.containers[vmidOf(context)] ?? needContainer(context);
    return rrdTimes(context.text('timeframe') ?? 'hour', context.seconds()).map((time) =>
      sample(context.state, container, time),
    );
  },
};

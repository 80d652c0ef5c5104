/** What a container needs from its node: bridges and devices. Reads only. */
import { die } from '../context.ts';
import type { SimBridge, SimState } from './state.ts';

/** Device nodes that every simulated node has. */
const devices: ReadonlySet<string> = new Set([
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/dev/urandom',
  '/dev/tty',
  '/dev/ttyS0',
  '/dev/fuse',
  '/dev/kvm',
  '/dev/net/tun',
  '/dev/loop-control',
  '/dev/dri/card0',
  '/dev/dri/renderD128',
]);

/**
 * Finds a bridge.
 *
 * @returns the bridge, or `undefined` when the node has none of this name.
 */
export function findBridge(state: SimState, node: string, name: string | undefined): SimBridge | undefined {
  return state.nodes[node]?.bridges.find((bridge) => bridge.iface === name);
}

/**
 * Finds a bridge that must be there.
 *
 * @throws SimError 500 `bridge 'x' does not exist`.
 */
export function needBridge(state: SimState, node: string, name: string | undefined): SimBridge {
  return findBridge(state, node, name) ?? die(`bridge '${name ?? ''}' does not exist`);
}

/**
 * Checks that a device is there.
 *
 * @throws SimError 500 when it is not.
 */
export function needDevice(path: string): void {
  if (!devices.has(path)) die(`Device ${path} does not exist`);
}

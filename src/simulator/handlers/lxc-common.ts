/**
 * What the handlers of containers share: finding the container, its locks, digests and the cluster-wide id space.
 * No handler itself.
 */
import { die, type HandlerContext, paramError, type SimWorker } from '../context.ts';
import { macPrefix } from '../model/datacenter.ts';
import { configDigest } from '../model/digest.ts';
import { commit, draftOf } from '../model/lxc-config.ts';
import { randomMac } from '../model/mac.ts';
import { nodeOf } from '../model/nodes.ts';
import type { ChangeContext } from '../model/prepare-change.ts';
import type { SimContainer, SimState } from '../model/state.ts';

/** How long the config lock is waited for: by most operations, and by those that make a new config. */
const configLockMs = 10_000;
export const createLockMs = 5_000;

/** The `vmid` of the request. */
export function vmidOf(context: HandlerContext): number {
  return context.number('vmid') ?? die('no vmid');
}

/**
 * Finds a container on the request's node.
 *
 * @returns the container, or `undefined` when it is not there; also when it lives on another node.
 */
export function findContainer(context: HandlerContext, vmid: number): SimContainer | undefined {
  const container = context.state.containers[vmid];
  return container?.node === nodeOf(context).name ? container : undefined;
}

/**
 * Finds a container that must be on the request's node.
 *
 * @param vmid - default: the request's.
 * @throws SimError 500 `Configuration file 'nodes/NODE/lxc/ID.conf' does not exist`.
 */
export function needContainer(context: HandlerContext, vmid: number = vmidOf(context)): SimContainer {
  return (
    findContainer(context, vmid) ??
    die(`Configuration file 'nodes/${nodeOf(context).name}/lxc/${vmid}.conf' does not exist`)
  );
}

/**
 * Refuses while the config says that somebody works on the container.
 *
 * @throws SimError 500 `CT is locked (x)`.
 */
export function checkLock(container: SimContainer): void {
  const { lock } = container.config;
  if (lock !== undefined) die(`CT is locked (${lock})`);
}

/**
 * Refuses when the caller knows another state of the config.
 *
 * @param digest - as the caller sent it; undefined: he does not care.
 */
export function checkDigest(container: SimContainer, digest: string | undefined): void {
  if (digest !== undefined && digest !== '' && digest !== configDigest(container))
    die('detected modified configuration - file changed by other user? Try again.');
}

/** Tells whether a container is a template. */
export function isTemplate(container: SimContainer): boolean {
  return container.config['template'] === '1';
}

/**
 * Runs something under the file lock of a container's config.
 *
 * @param worker - the task that waits; it logs that it has to.
 * @param timeoutMs - default 10 s.
 * @throws SimError 500 `can't lock file '/run/lock/lxc/pve-config-ID.lock' - got timeout`.
 */
export function lockConfig<T>(
  context: HandlerContext,
  vmid: number,
  work: () => Promise<T> | T,
  options: { worker?: SimWorker; timeoutMs?: number } = {},
): Promise<T> {
  const { worker, timeoutMs = configLockMs } = options;
  let waited = false;
  return context.withLock(
    `/run/lock/lxc/pve-config-${vmid}.lock`,
    timeoutMs,
    () => {
      if (waited) worker?.log(' OK');
      return work();
    },
    {
      onWait: () => {
        waited = true;
        worker?.log('trying to acquire lock...');
      },
      ...(worker ? { signal: worker.signal } : {}),
    },
  );
}

/** Changes single values of the active config at once. `undefined` removes a key. */
export function writeConfig(
  container: SimContainer,
  values: Readonly<Record<string, string | undefined>>,
): void {
  const draft = draftOf(container);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) delete draft.config[key];
    else draft.config[key] = value;
  }
  commit(container, draft);
}

/** What changes of configs need of a request. */
export function changeContext(context: HandlerContext): ChangeContext {
  return {
    state: context.state,
    seconds: () => context.seconds(),
    newMac: () => randomMac(() => context.random(), macPrefix(context.state)),
  };
}

/**
 * Refuses without quorum.
 *
 * @throws SimError 500 `cluster not ready - no quorum?`.
 */
export function checkQuorum(context: HandlerContext): void {
  if (!context.state.quorate) die('cluster not ready - no quorum?');
}

/**
 * Refuses to write a config while the cluster has no majority: its file system is read-only (contract behaviours §9).
 *
 * @throws SimError 500 `unable to open file '/etc/pve/nodes/NODE/lxc/ID.conf.tmp.PID' - Permission denied`.
 */
export function checkWritable(context: HandlerContext, { node, vmid }: SimContainer): void {
  const { quorate, counters } = context.state;
  if (!quorate)
    die(
      `unable to open file '/etc/pve/nodes/${node}/lxc/${vmid}.conf.tmp.${counters.pid}' - Permission denied`,
    );
}

/**
 * Refuses an id that any guest on any node has.
 *
 * @throws SimError 500 `CT 100 already exists on node 'pve1'` (or `VM …`).
 */
export function checkVmidUnused(state: SimState, vmid: number): void {
  const container = state.containers[vmid];
  if (container) die(`CT ${vmid} already exists on node '${container.node}'`);
  const machine = state.vms[vmid];
  if (machine) die(`VM ${vmid} already exists on node '${machine.node}'`);
}

/**
 * A container with nothing but a lock, as creation and cloning put it there first.
 *
 * @returns the container, in the state already.
 */
export function reserveContainer(context: HandlerContext, vmid: number, node: string): SimContainer {
  const container: SimContainer = {
    vmid,
    node,
    config: { lock: 'create' },
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: null,
    createdAtMs: context.clock.now(),
    raw: [],
  };
  context.state.containers[vmid] = container;
  return container;
}

/**
 * Refuses `skiplock` to everybody but root@pam with a ticket.
 *
 * @returns whether locks are to be skipped.
 */
export function skipLock(context: HandlerContext): boolean {
  const skip = context.flag('skiplock') ?? false;
  if (skip && !context.auth.isRoot) paramError({ skiplock: 'Only root may use this option.' });
  return skip;
}

/**
 * Puts a guest into a pool.
 *
 * @param poolid - pool that exists; undefined: none.
 */
export function addToPool(state: SimState, vmid: number, poolid: string | undefined): void {
  const pool = poolid === undefined ? undefined : state.pools[poolid];
  if (pool && !pool.vms.includes(vmid)) pool.vms.push(vmid);
}

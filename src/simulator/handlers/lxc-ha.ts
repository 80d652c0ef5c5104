/**
 * Containers under the HA manager: requests to it instead of actions, and what it does some seconds later.
 * No handler itself.
 */
import type { HandlerContext } from '../context.ts';
import type { SimState } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { lockConfig } from './lxc-common.ts';
import { haltContainer, startTask } from './lxc-runtime.ts';

/** How long the HA manager lets a container halt. */
const haltTimeoutMs = 60_000;

/** Id of a container among the HA resources. */
export function haSid(vmid: number): string {
  return `ct:${vmid}`;
}

/** Tells whether the HA manager decides about a container. */
export function isHaManaged(state: SimState, vmid: number): boolean {
  const resource = state.haResources[haSid(vmid)];
  return resource !== undefined && resource['state'] !== 'ignored';
}

/** The `ha` part of status/current. */
export function haStatus(state: SimState, vmid: number): Record<string, unknown> {
  const resource = state.haResources[haSid(vmid)];
  if (resource === undefined) return { managed: 0 };
  const { state: wanted = 'started', group } = resource;
  return { managed: 1, state: wanted, ...(group === undefined ? {} : { group }) };
}

/**
 * Asks the HA manager for a state; the task ends at once, the container follows later.
 *
 * @param wanted - `started` or `stopped`.
 * @returns UPID of a `hastart` or `hastop` task.
 */
export function requestHaState(
  context: HandlerContext,
  vmid: number,
  node: string,
  wanted: 'started' | 'stopped',
): string {
  const verb = wanted === 'started' ? 'start' : 'stop';
  return context.fork(`ha${verb}`, String(vmid), node, async (worker) => {
    worker.log(`Requesting HA ${verb} for CT ${vmid}`);
    await worker.sleep(durations.fail);
    const resource = context.state.haResources[haSid(vmid)];
    if (resource) resource['state'] = wanted;
    void context.clock.sleep(durations.haCycle).then(() => actOnHaState(context, vmid, node));
  });
}

/**
 * What the node's HA agent does in its next round: it brings the container to the state that is asked for.
 *
 * @param node - where the container is.
 */
export function actOnHaState(context: HandlerContext, vmid: number, node: string): void {
  const container = context.state.containers[vmid];
  const resource = context.state.haResources[haSid(vmid)];
  if (!resource || container?.node !== node) return;
  const { state: wanted = 'started' } = resource;
  const id = String(vmid);
  if (wanted === 'started' && !container.runtime)
    context.fork('vzstart', id, node, (worker) => startTask(context, worker, vmid, false));
  if ((wanted === 'stopped' || wanted === 'disabled') && container.runtime)
    context.fork('vzshutdown', id, node, (worker) =>
      lockConfig(
        context,
        vmid,
        () => haltContainer(context, worker, container, { timeoutMs: haltTimeoutMs, kill: true }),
        { worker },
      ),
    );
}

/**
 * What a failed creation has left on the server. Only looks: what has no mark of ours is not ours to remove.
 */
import { TaskFailedError } from '../api/errors/task-error.ts';
import type { Action } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';

/**
 * Tells of the container that a failed creation could not clear away.
 *
 * PVE: the worker removes what it made, but cannot when the configurations have become read-only in the meantime (lost
 * quorum): a locked configuration without a name stays, or one whose disks are gone (contract behaviours §1, lxc-endpoints §A).
 *
 * @param action - what failed.
 * @param vmid - the id that it was to create.
 * @param error - how it failed.
 * @returns what to do about it; undefined when nothing is left, or when that cannot be seen.
 */
export async function leftBehind(
  context: EngineContext,
  action: Action,
  vmid: number | undefined,
  error: unknown,
): Promise<string | undefined> {
  if (action.kind !== 'container.create' || vmid === undefined || !(error instanceof TaskFailedError))
    return undefined;
  const params = { node: action.target.node, vmid };
  const config = await context.pve
    .get('/nodes/{node}/lxc/{vmid}/config', params, { signal: context.signal })
    .catch(() => undefined); // mostly: it is not there; the failure itself is what is reported
  if (config === undefined) return undefined;
  const remedy =
    config.lock === 'create'
      ? `as root on ${action.target.node}: pct unlock ${vmid} && pct destroy ${vmid}`
      : `remove what is left of it with: pvefleet delete ${vmid}`;
  return `the server could not clear away CT ${vmid}; ${remedy}`;
}

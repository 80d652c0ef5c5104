/** Removal of a container: stop, then destroy; what forbids it, and what it needs. */
import { destroyAction, stopAction } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import { frozenRefusals } from './lab/frozen.ts';
import type { Action, FieldChange, Policy, Refusal } from './plan.ts';
import { refusal } from './refusal.ts';

/** How to remove. */
export interface RemovalOptions {
  readonly reason: string;
  /** Also from HA, replication and backup jobs. */
  readonly purge: boolean;
  readonly changes?: readonly FieldChange[];
}

/**
 * Plans the removal of a container.
 *
 * @param key - name in the plan.
 * @param actual - the container.
 * @param options - reason and thoroughness.
 * @returns stop (if it runs) and destroy, all marked destructive.
 */
export function removalActions(key: string, actual: ActualContainer, options: RemovalOptions): Action[] {
  const { reason, purge, changes = [] } = options;
  const target = { key, vmid: actual.vmid, node: actual.node };
  const stop = actual.status === 'running' ? [stopAction(target, { reason })] : [];
  // PVE: the stop of an HA-managed container only tells the HA manager and returns, so it may still run when destroyed
  const force = actual.status === 'unknown' || (actual.status === 'running' && actual.haState !== undefined);
  const destroy = destroyAction(
    target,
    { reason, after: stop.map(({ id }) => id), changes },
    { purge, force, digest: actual.digest },
  );
  return [...stop, destroy].map((action) => ({ ...action, risk: 'destructive' }));
}

/**
 * Says what stands against a removal, whatever is allowed.
 *
 * @returns refusals that no permission lifts.
 */
export function removalObstacles(key: string, actual: ActualContainer): Refusal[] {
  const { vmid, lock } = actual;
  const obstacles: Refusal[] = frozenRefusals(key, actual);
  if (obstacles.length === 0 && (actual.next.protection || actual.live.protection))
    obstacles.push(
      refusal(
        { key, vmid },
        {
          code: 'CONTAINER_PROTECTED',
          message: `container ${vmid} is protected against destruction`,
          hint: 'set protection to false first, if it may really go',
        },
      ),
    );
  if (lock !== undefined) obstacles.push(lockedRefusal(key, vmid, lock));
  return obstacles;
}

/** A locked container takes no changes. */
export function lockedRefusal(key: string, vmid: number, lock: string): Refusal {
  return refusal(
    { key, vmid },
    {
      code: 'CONTAINER_LOCKED',
      message: `container ${vmid} is locked (${lock})`,
      hint: `wait until that has ended, or leave it out with --exclude; a lock left by a crash is removed on the host: pct unlock ${vmid}`,
    },
  );
}

/**
 * Plans the removal of one owned container, as a container that left the file or a whole fleet that goes.
 *
 * @param actual - the container.
 * @param key - its key.
 * @param policy - what the user allows.
 * @param reason - why it goes.
 * @returns its part of the plan.
 */
export function planRemoval(
  actual: ActualContainer,
  key: string,
  policy: Policy,
  options: RemovalOptions,
): ContainerPlan {
  const refusals = removalObstacles(key, actual);
  if (!policy.allow.destroy)
    refusals.push(
      refusal(
        { key, vmid: actual.vmid },
        {
          needs: 'destroy',
          code: 'DESTROY_NOT_ALLOWED',
          message: `container ${actual.vmid} would be destroyed with its volumes (${options.reason})`,
          hint: 'if that is what you want: --allow destroy',
        },
      ),
    );
  return { key, outcome: 'destroy', actions: removalActions(key, actual, options), refusals, notices: [] };
}

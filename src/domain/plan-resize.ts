/** New limits for one container, owned or not. Everything else stays, its owner included. */
import type { ActualContainer } from './actual.ts';
import { assemblePlan, type ContainerPlan } from './assemble.ts';
import { diff } from './diff.ts';
import { type Conflict, sizeToBe } from './families.ts';
import { type ConfigPatch, patchConfig } from './field-row.ts';
import { labelContainers } from './labels.ts';
import { ownerName } from './ownership.ts';
import type { Plan, Policy } from './plan.ts';
import { planChanges } from './plan-changes.ts';
import { lockedRefusal } from './plan-remove.ts';
import { refusal } from './refusal.ts';
import { type SnapshotCluster, withSnapshot } from './snapshot-first.ts';
import { withTrueSize } from './spelling.ts';

/** New limits; absent: kept. */
export interface ResizeChange {
  readonly memoryMiB?: number;
  readonly swapMiB?: number;
  readonly cores?: number;
  /** CPUs' worth of time; 0: unlimited. */
  readonly cpuLimit?: number;
  readonly cpuUnits?: number;
  readonly rootfsBytes?: number;
}

/**
 * Plans a resize.
 *
 * @param container - the container.
 * @param change - the limits that are to change.
 * @param policy - what is allowed; a resize never needs a restart.
 * @param cluster - what is known for a policy with `snapshotFirst`.
 * @returns the plan; its fleet is empty.
 */
export function planResize(
  container: ActualContainer,
  change: ResizeChange,
  policy: Policy,
  cluster: SnapshotCluster = { storages: [] },
): Plan {
  const { vmid, lock, ownership } = container;
  const key = labelContainers([container]).get(vmid) as string;
  const { rootfsBytes, ...limits } = change;
  const conflicts: Conflict[] = [];
  const { rootfs } = container.next;
  const size = sizeToBe(
    'rootfs.size',
    rootfs && withTrueSize(rootfs, container.live.rootfs).size,
    rootfsBytes,
    (conflict) => {
      conflicts.push(conflict);
    },
  );
  const wanted = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
  const patch: ConfigPatch =
    rootfs && size !== undefined ? { ...wanted, rootfs: { ...rootfs, size } } : wanted;
  const config = patchConfig(container.next, patch);
  const differences = diff(container.next, config, {
    live: container.live,
    isStopped: container.status === 'stopped',
  });
  const planned = planChanges({
    key,
    actual: { ...container, pending: [] },
    config,
    differences,
    reason: () => 'asked for',
    mayRestart: false,
    willStop: false,
  });
  const isLocked = lock !== undefined && planned.actions.length > 0;
  const plan: ContainerPlan = {
    key,
    outcome: planned.actions.length > 0 ? 'update' : conflicts.length > 0 ? 'refused' : 'unchanged',
    actions: planned.actions,
    refusals: [
      ...conflicts.map(({ change: field, ...text }) => refusal({ key, vmid }, { ...text, changes: [field] })),
      ...planned.refusals,
      ...(isLocked ? [lockedRefusal(key, vmid, lock)] : []),
    ],
    notices: [
      ...planned.notices,
      ...(ownership && planned.actions.length > 0
        ? [
            {
              severity: 'info' as const,
              code: 'OWNED_BY_FLEET',
              message: `${key} belongs to fleet ${ownerName(ownership)}; the next apply of its file sets what the file says`,
              hint: 'change the file as well to keep it',
            },
          ]
        : []),
    ],
  };
  const subject = { actual: container, digest: container.digest, always: true };
  const first = policy.snapshotFirst ? withSnapshot(plan, subject, cluster) : plan;
  return assemblePlan({ fleet: '', containers: [first] });
}

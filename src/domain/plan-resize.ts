/**
 * New limits for containers, owned or not, for good or for a time. Everything else stays, their owners included.
 */
import type { LxcConfig } from '../codec/lxc-config.ts';
import { MiB } from '../util/bytes.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import { assemblePlan, type ContainerPlan, extendPlan } from './assemble.ts';
import { demandsOf, judgeCapacity } from './capacity.ts';
import type { DesiredContainer } from './desired.ts';
import { type Conflict, sizeToBe } from './families.ts';
import { type ConfigPatch, patchConfig } from './field-row.ts';
import {
  type Boost,
  type BoostedMember,
  boostChange,
  boostOf,
  hasLimit,
  type Limits,
  limitOf,
  limitsAfter,
  limitsPatch,
  withBoost,
} from './lab/boost.ts';
import { frozenRefusals } from './lab/frozen.ts';
import { spellTime } from './lab/times.ts';
import { writeConfig } from './lab/write-config.ts';
import { labelContainers } from './labels.ts';
import { ownerName } from './ownership.ts';
import type { Plan, Policy } from './plan.ts';
import { lockedRefusal } from './plan-remove.ts';
import { refusal } from './refusal.ts';
import { type SnapshotCluster, withSnapshot } from './snapshot-first.ts';
import { spellBytes, spellMiB, withTrueSize } from './spelling.ts';

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

/** What is to become of the limits of a container. */
export type ResizeRequest =
  | {
      readonly change: ResizeChange;
      /** Only until then, ms since the epoch; absent: for good. */
      readonly until?: number;
    }
  /** Back to what they were before. */
  | { readonly endBoost: true };

/** A part of a plan, from the config that a container is to have. */
function partOf(
  container: ActualContainer,
  key: string,
  wanted: { readonly config: LxcConfig; readonly conflicts?: readonly Conflict[]; readonly reason: string },
): ContainerPlan {
  const { vmid, lock } = container;
  const { config, conflicts = [], reason } = wanted;
  const marks = [boostChange(container.next, config)];
  const planned = writeConfig(container, key, { config, reason, marks });
  const isLocked = lock !== undefined && planned.actions.length > 0;
  return {
    key,
    outcome: planned.actions.length > 0 ? 'update' : conflicts.length > 0 ? 'refused' : 'unchanged',
    actions: planned.actions,
    refusals: [
      ...conflicts.map(({ change: field, ...text }) => refusal({ key, vmid }, { ...text, changes: [field] })),
      ...planned.refusals,
      ...(isLocked ? [lockedRefusal(key, vmid, lock)] : []),
      ...(planned.actions.length > 0 ? frozenRefusals(key, container) : []),
    ],
    notices: planned.notices,
  };
}

/** The boost that a container has when limits are changed: for a time it grows, for good it loses what is set anew. */
function boostAfter(
  container: ActualContainer,
  limits: Limits,
  until: number | undefined,
): Boost | undefined {
  const before = boostOf(container);
  const members = Object.keys(limits) as BoostedMember[];
  if (until === undefined) {
    if (!before) return undefined;
    const former = Object.entries(before.former).filter(
      ([member]) => !members.includes(member as BoostedMember),
    );
    return { ...before, former: Object.fromEntries(former) };
  }
  const changed = members.filter((member) => !hasLimit(container.next, member, limits[member] ?? null));
  const own = Object.fromEntries(changed.map((member) => [member, limitOf(container.next, member)]));
  const former: Limits = { ...own, ...before?.former };
  return Object.keys(former).length === 0 ? undefined : { until, former };
}

/** The file of an owned container says otherwise, and its next apply will see to that. */
function ownerNotice(container: ActualContainer, key: string): Diagnostic[] {
  const { ownership } = container;
  if (!ownership) return [];
  return [
    {
      severity: 'info',
      code: 'OWNED_BY_FLEET',
      message: `${key} belongs to fleet ${ownerName(ownership)}; the next apply of its file sets what the file says`,
      hint: 'change the file as well to keep it',
    },
  ];
}

function resizeOne(
  container: ActualContainer,
  key: string,
  change: ResizeChange,
  until: number | undefined,
): ContainerPlan {
  const { rootfsBytes, ...given } = change;
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
  const limits = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const patch: ConfigPatch =
    rootfs && size !== undefined ? { ...limits, rootfs: { ...rootfs, size } } : limits;
  const boost = boostAfter(container, limits, until);
  const resized = patchConfig(container.next, patch);
  const hadBoost = boostOf(container) !== undefined;
  const config = boost || hadBoost ? withBoost(resized, boost) : resized;
  const part = partOf(container, key, { config, conflicts, reason: 'asked for' });
  const isForGood = until === undefined && part.actions.length > 0;
  return { ...part, notices: [...part.notices, ...(isForGood ? ownerNotice(container, key) : [])] };
}

/** How a boost is ended. */
export interface BoostEnd {
  /** The container as its file has it: its limits count, not those that were there before. */
  readonly desired?: DesiredContainer;
  /** Leave it while more memory is in use than it had before; nobody is there to see what would be killed. */
  readonly whileFree?: boolean;
  /** Tags that this account may not change; absent: that is not known. */
  readonly refusedTags?: readonly string[];
}

/**
 * What a container is to be after its boost.
 *
 * @param container - the container.
 * @param key - name in the plan.
 * @param how - what to go back to.
 * @returns its config, or why it stays as it is; undefined: it has no boost.
 */
export function endOfBoost(
  container: ActualContainer,
  key: string,
  { desired, whileFree, refusedTags }: BoostEnd,
): { readonly config: LxcConfig } | { readonly notice: Diagnostic } | undefined {
  const boost = boostOf(container);
  if (!boost) return undefined;
  const limits = limitsAfter(boost, desired);
  const used = container.usage.memoryBytes;
  const memory = limits.memoryMiB;
  const isInUse =
    container.status === 'running' && memory != null && used !== undefined && used > memory * MiB;
  if (!whileFree || !isInUse)
    return { config: withBoost(patchConfig(container.next, limitsPatch(limits)), undefined, refusedTags) };
  return {
    notice: {
      severity: 'warning',
      code: 'BOOST_IN_USE',
      message: `${key}: its boost ended at ${spellTime(boost.until)}, but it uses ${spellBytes(Math.ceil(used / MiB) * MiB)}, more than the ${spellMiB(memory)} that it had before; it keeps its memory until that is free`,
      hint: `pvefleet resize ${container.vmid} --end-boost takes it anyway`,
    },
  };
}

function planBoostEnd(container: ActualContainer, key: string): ContainerPlan {
  const end = endOfBoost(container, key, {});
  if (end && 'config' in end) return partOf(container, key, { config: end.config, reason: 'asked for' });
  const message = `${key}: it has no limits for a time`;
  return {
    key,
    outcome: 'unchanged',
    actions: [],
    refusals: [],
    notices: [{ severity: 'info', code: 'NOTHING_TO_DO', message }],
  };
}

/**
 * Plans new limits for containers.
 *
 * @param containers - the containers.
 * @param request - limits, and for how long.
 * @param policy - what is allowed, and whether a snapshot comes first.
 * @param snapshot - the cluster, for what its nodes have; absent: that is not looked at.
 * @returns the plan; its fleet is empty. A resize never needs a restart.
 */
export function planResizes(
  containers: readonly ActualContainer[],
  request: ResizeRequest,
  policy: Policy,
  snapshot?: ClusterSnapshot | SnapshotCluster,
): Plan {
  const labels = labelContainers(containers);
  const parts = containers.map((container) => {
    const key = labels.get(container.vmid) as string;
    const part =
      'endBoost' in request
        ? planBoostEnd(container, key)
        : resizeOne(container, key, request.change, request.until);
    const subject = { actual: container, digest: container.digest, always: true };
    return policy.snapshotFirst ? withSnapshot(part, subject, snapshot ?? { storages: [] }) : part;
  });
  const plan = assemblePlan({ fleet: '', containers: parts });
  if (!snapshot || !('guests' in snapshot) || containers.length < 2) return plan;
  return extendPlan(plan, judgeCapacity('', demandsOf(plan.actions, snapshot, undefined)));
}

/**
 * Plans a resize of one container, for good.
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
  cluster?: SnapshotCluster,
): Plan {
  return planResizes([container], { change }, policy, cluster);
}

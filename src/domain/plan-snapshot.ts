/** Snapshots of existing containers, owned or not: take, roll back, delete. What cannot work is told in the server's words. */
import { build, guest, place, startAction, type Target } from './actions.ts';
import type { ActualContainer, StorageInfo } from './actual.ts';
import { assemblePlan, type ContainerPlan } from './assemble.ts';
import { baselineRecord } from './lab/baseline.ts';
import { forgetSteps } from './lab/forget-steps.ts';
import { frozenRefusals } from './lab/frozen.ts';
import { labelContainers } from './labels.ts';
import type { Action, Plan, Policy, Refusal } from './plan.ts';
import { lockedRefusal } from './plan-remove.ts';
import { type RefusalText, refusal } from './refusal.ts';
import { readVolume } from './spelling.ts';

/** One snapshot of a container. */
export interface SnapshotInfo {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly takenAt?: number;
  readonly description: string;
  /** The snapshot before it. */
  readonly parent?: string;
  /** The container's state follows from this one. */
  readonly isCurrent: boolean;
}

/** What is known about the snapshots of a container. */
export interface SnapshotState {
  readonly snapshots: readonly SnapshotInfo[];
  /** Whether the server can take one; absent: not asked. */
  readonly isPossible?: boolean;
}

export type SnapshotVerb = 'create' | 'rollback' | 'delete';

/** A step on the snapshots of containers. */
export interface SnapshotRequest {
  readonly verb: SnapshotVerb;
  readonly name: string;
  readonly description?: string;
  /** By vmid. */
  readonly states: ReadonlyMap<number, SnapshotState>;
  readonly storages: readonly StorageInfo[];
}

/** Storages without snapshots of container volumes (contract behaviours §5). */
const withoutSnapshots: ReadonlySet<string> = new Set(['dir', 'nfs', 'cifs', 'lvm', 'cephfs', 'iscsi']);

/** The disks because of which no snapshot can be taken. */
function blockers(actual: ActualContainer, storages: readonly StorageInfo[]): string[] {
  const disks = Object.entries({
    ...(actual.live.rootfs ? { rootfs: actual.live.rootfs } : {}),
    ...actual.live.mounts,
  });
  return disks.flatMap(([disk, { volume }]) => {
    const { storage } = readVolume(volume);
    if (storage === undefined) return [`${disk} (${volume})`];
    const type = storages.find((one) => one.storage === storage && one.node === actual.node)?.type;
    return type !== undefined && withoutSnapshots.has(type) ? [`${disk} (${storage} is ${type})`] : [];
  });
}

function snapshotAction(request: SnapshotRequest, target: Target): Action {
  const { verb, name, description } = request;
  const path = `${guest}/snapshot`;
  const base = { ...place(target), snapname: name };
  const requests = {
    create: {
      method: 'POST',
      path,
      params: { ...base, ...(description === undefined ? {} : { description }) },
    },
    rollback: { method: 'POST', path: `${path}/{snapname}/rollback`, params: base },
    delete: { method: 'DELETE', path: `${path}/{snapname}`, params: base },
  } as const;
  const changes = {
    create: { field: 'snapshot', from: null, to: name, effect: 'live' },
    rollback: { field: 'snapshot', from: 'now', to: name, effect: 'restart' },
    delete: { field: 'snapshot', from: name, to: null, effect: 'live' },
  } as const;
  return build(`snapshot.${verb}`, `${target.key}/snapshot:${verb}`, target, requests[verb], {
    reason: 'asked for',
    changes: [changes[verb]],
  });
}

/** What stands against it, whatever is allowed. */
function obstacle(request: SnapshotRequest, actual: ActualContainer): RefusalText | undefined {
  const { verb, name, states, storages } = request;
  const { snapshots = [], isPossible = true } = states.get(actual.vmid) ?? {};
  const found = snapshots.find((one) => one.name === name);
  if (actual.isTemplate)
    return {
      code: 'CONTAINER_IS_TEMPLATE',
      message:
        verb === 'create'
          ? "you can't take a snapshot if it's a template"
          : `you can't ${verb === 'delete' ? 'delete a snapshot' : 'rollback'} if vm is a template`,
      hint: 'a template never changes; clone it instead',
    };
  if (verb === 'create') {
    if (found)
      return {
        code: 'SNAPSHOT_EXISTS',
        message: `snapshot name '${name}' already used`,
        hint: 'choose another name with --snapshot',
      };
    if (isPossible) return undefined;
    const disks = blockers(actual, storages);
    const why = disks.length === 0 ? 'a disk of it has no snapshots' : `because of ${disks.join(', ')}`;
    return {
      code: 'SNAPSHOT_IMPOSSIBLE',
      message: `snapshot feature is not available, ${why}`,
      hint: 'all disks must be volumes on lvmthin, zfs, rbd or btrfs; else take a backup',
    };
  }
  if (!found) {
    const names = snapshots.map((one) => one.name).join(', ');
    return {
      code: 'SNAPSHOT_UNKNOWN',
      message: `snapshot '${name}' does not exist`,
      hint: names === '' ? 'it has none' : `it has ${names}`,
    };
  }
  const newest = Math.max(...snapshots.map(({ takenAt }) => takenAt ?? 0));
  const zfs = [actual.live.rootfs, ...Object.values(actual.live.mounts)].find((disk) => {
    const storage = disk && readVolume(disk.volume).storage;
    return storages.some(
      (one) => one.storage === storage && one.node === actual.node && one.type === 'zfspool',
    );
  });
  if (verb === 'rollback' && zfs && (found.takenAt ?? 0) < newest)
    return {
      code: 'SNAPSHOT_NOT_NEWEST',
      message: `can't rollback, '${name}' is not most recent snapshot on '${zfs.volume}'`,
      hint: 'ZFS only goes back to the newest one: delete those after it first, or clone from it',
    };
  return undefined;
}

const losses: Readonly<Record<'rollback' | 'delete', (name: string, actual: ActualContainer) => string>> = {
  rollback: (name, { vmid, status }) =>
    `container ${vmid} would lose everything since snapshot ${name}, settings included${status === 'running' ? '; it is stopped for that and started again' : ''}`,
  delete: (name, { vmid }) => `snapshot ${name} of container ${vmid} would be gone`,
};

/**
 * Plans a step on the snapshots of one container.
 *
 * @param key - name in the plan.
 * @returns its part of the plan.
 */
export function snapshotPart(
  request: SnapshotRequest,
  key: string,
  actual: ActualContainer,
  policy: Policy,
): ContainerPlan {
  const { verb, name } = request;
  const { vmid, node, lock, status } = actual;
  const target: Target = { key, vmid, node };
  const refusals: Refusal[] = [];
  const problem = obstacle(request, actual);
  if (problem) refusals.push(refusal({ key, vmid }, problem));
  if (lock !== undefined) refusals.push(lockedRefusal(key, vmid, lock));
  if (verb !== 'create') refusals.push(...frozenRefusals(key, actual));
  if (verb !== 'create' && !problem && !policy.allow.destroy)
    refusals.push(
      refusal(
        { key, vmid },
        {
          needs: 'destroy',
          code: 'DESTROY_NOT_ALLOWED',
          message: losses[verb](name, actual),
          hint: 'if that is what you want: --allow destroy',
        },
      ),
    );
  const notes = request.states.get(vmid)?.snapshots.find((one) => one.name === name)?.description ?? '';
  const forgotten = verb === 'rollback' ? forgetSteps(target, actual, baselineRecord(notes), []) : [];
  const action = { ...snapshotAction(request, target), dependsOn: forgotten.map(({ id }) => id) };
  const isStopped = verb === 'rollback' && status === 'running';
  const start = isStopped ? [startAction(target, { reason: 'was running before', after: [action.id] })] : [];
  return {
    key,
    outcome: 'update',
    actions: [...forgotten, action, ...start],
    refusals,
    notices: [
      ...(isStopped
        ? [
            {
              severity: 'warning' as const,
              code: 'ROLLBACK_STOPS',
              message: `${key}: container ${vmid} runs; it is stopped at once for the rollback, and started again`,
            },
          ]
        : []),
      ...(forgotten.length > 0
        ? [
            {
              severity: 'info' as const,
              code: 'STEPS_UNDONE',
              message: `${key}: provisioning that was run since ${name} is undone; the next apply of its file runs it again`,
            },
          ]
        : []),
    ],
  };
}

/**
 * Plans a step on the snapshots of containers.
 *
 * @param containers - the containers; their ownership does not matter.
 * @param request - what to do, and what is known.
 * @param policy - rolling back and deleting need `--allow destroy`.
 * @returns the plan; its fleet is empty.
 */
export function planSnapshot(
  containers: readonly ActualContainer[],
  request: SnapshotRequest,
  policy: Policy,
): Plan {
  const labels = labelContainers(containers);
  const plans = containers.map((actual) =>
    snapshotPart(request, labels.get(actual.vmid) as string, actual, policy),
  );
  return assemblePlan({ fleet: '', containers: plans });
}

/**
 * `--snapshot-first`: a snapshot of a container before a change that is more than a new limit. A container that cannot be
 * snapshotted is then not changed at all, because that is what was asked for.
 */
import { snapshotAction } from './actions.ts';
import type { ActualContainer, ClusterSnapshot, SnapshotFacts } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import { nameSome } from './drift.ts';
import type { Action } from './plan.ts';
import { refusal } from './refusal.ts';
import { snapshotRefusals } from './snapshot-holds.ts';
import { plainPath, readVolume } from './spelling.ts';

/** Notes of the snapshots that are taken here; tells them from those that are taken for another reason. */
const notes = 'before a change by pvefleet';

/** Whether an action takes a snapshot before a change. */
export const isSafeguard = ({ kind, request }: Action): boolean =>
  kind === 'snapshot.create' && request.params['description'] === notes;

/** Storages that can snapshot volumes of containers. PVE: pve-storage, volume_has_feature. */
const capable: ReadonlySet<string> = new Set(['lvmthin', 'zfspool', 'rbd', 'btrfs']);

/** Whether an action may leave a container other than it was in a way that the old file does not bring back. */
function isRisky({ kind, changes }: Action): boolean {
  return (
    kind === 'container.resize-disk' ||
    kind === 'container.reboot' ||
    kind === 'container.provision' ||
    changes.some(({ field, effect }) => effect === 'restart' || /^(?:rootfs|mounts)\./.test(field))
  );
}

/**
 * What keeps a container from being snapshotted, as far as its config tells.
 *
 * @param container - its config and node.
 * @param storages - of the cluster; one that is not known is taken for capable.
 * @returns for example `its root disk is on local (dir)`; empty: nothing.
 */
export function snapshotObstacles(
  { live, node }: Pick<ActualContainer, 'live' | 'node'>,
  storages: ClusterSnapshot['storages'],
): string[] {
  const disks = [
    ...(live.rootfs ? [{ name: 'its root disk', volume: live.rootfs.volume }] : []),
    ...Object.values(live.mounts).map(({ mp, volume }) => ({ name: plainPath(mp), volume })),
  ];
  return disks.flatMap(({ name, volume }) => {
    const { storage } = readVolume(volume);
    if (storage === undefined) return [`${name} is ${volume} of the host`];
    const type = storages.find((one) => one.storage === storage && one.node === node)?.type;
    return type === undefined || capable.has(type) ? [] : [`${name} is on ${storage} (${type})`];
  });
}

/** `before-1a2b3c4d`, and `-2` behind it when there is one of that name from an earlier change. */
function nameFor(digest: string, taken: readonly string[]): string {
  const name = `before-${digest.slice(0, 8)}`;
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** Until the server was asked: the plan is a draft that tells which containers to ask about. */
const unasked: SnapshotFacts = { isPossible: true, names: [] };

/** What is known about the snapshots of containers, and about storages. */
export type SnapshotCluster = Pick<ClusterSnapshot, 'snapshots' | 'storages'>;

/** What is to be changed. */
export interface Subject {
  /** Absent: it is new. */
  readonly actual?: ActualContainer | undefined;
  /** Names the snapshot: the same change, the same name. */
  readonly digest: string;
  /** Before any change: somebody asked for it with this very step. */
  readonly always?: boolean;
}

/**
 * Puts a snapshot before the changes of a container, where they are risky.
 *
 * @param plan - what is planned for it.
 * @param subject - the container.
 * @param cluster - what is known about its snapshots and its storages.
 * @returns the plan with a snapshot that everything else waits for, or with a refusal when there can be none, or when it
 *   would keep the changes from being made.
 */
export function withSnapshot(
  plan: ContainerPlan,
  { actual, digest, always = false }: Subject,
  { snapshots, storages }: SnapshotCluster,
): ContainerPlan {
  const risky = plan.actions.filter((action) => always || isRisky(action));
  if (!actual || plan.outcome !== 'update' || risky.length === 0) return plan;
  const { key } = plan;
  const { vmid, node } = actual;
  const { isPossible, names } = snapshots?.get(vmid) ?? unasked;
  if (!isPossible) {
    const why = snapshotObstacles(actual, storages);
    const refused = refusal(
      { key, vmid },
      {
        code: 'SNAPSHOT_IMPOSSIBLE',
        message: `container ${vmid} cannot be snapshotted${why.length === 0 ? '' : `: ${nameSome(why)}`}`,
        hint: `leave --snapshot-first out for it${always ? '' : ' (--exclude)'}, or make a backup first`,
        changes: risky.flatMap(({ changes }) => changes),
      },
    );
    return { ...plan, refusals: [...plan.refusals, refused] };
  }
  const isHeld = plan.refusals.some(({ code }) => code === 'SNAPSHOT_HOLDS');
  const held = isHeld ? [] : snapshotRefusals(key, actual, plan.actions, { storages, isFirst: true });
  const fields = [...new Set(risky.flatMap(({ changes }) => changes.map(({ field }) => field)))];
  const first = snapshotAction(
    { key, vmid, node },
    { name: nameFor(digest, names), description: notes },
    actual.digest,
    { reason: fields.length === 0 ? 'before a restart' : `before ${nameSome(fields)} change` },
  );
  const after = plan.actions.map((action) =>
    action.dependsOn.length === 0 ? { ...action, dependsOn: [first.id] } : action,
  );
  return { ...plan, actions: [first, ...after], refusals: [...plan.refusals, ...held] };
}

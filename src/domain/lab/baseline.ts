/**
 * The snapshot that a reset goes back to: taken once, after the first successful start. Where storage or mounts allow no
 * snapshots, it is said what a reset will do instead. Pure.
 */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import { naturalCompare } from '../../util/compare.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import { build, guest, shutdownAction, snapshotAction, startAction, type Target } from '../actions.ts';
import type { ActualContainer, ClusterSnapshot, StorageInfo } from '../actual.ts';
import { adopt } from '../adopt.ts';
import type { ContainerPlan } from '../assemble.ts';
import {
  type DesiredContainer,
  type DesiredFleet,
  type DesiredReset,
  defaultReset,
  type Vmid,
} from '../desired.ts';
import { nameSome } from '../drift.ts';
import type { Match } from '../match.ts';
import { matchFleet } from '../match.ts';
import { type Action, makingKinds } from '../plan.ts';
import { newConfig } from '../plan-create.ts';
import { readyAction } from '../plan-inside.ts';
import { lockedRefusal } from '../plan-remove.ts';
import { recordThen } from '../provision.ts';
import { refusal } from '../refusal.ts';
import { snapshotObstacles } from '../snapshot-first.ts';
import { readVolume } from '../spelling.ts';

/** The baseline that a container should have; undefined: none. */
function baselineOf({ reset, isTemplate }: DesiredContainer): string | undefined {
  const isWanted = reset?.strategy === 'auto' || reset?.strategy === 'rollback';
  return isWanted && !isTemplate ? reset.snapshot : undefined;
}

/** Name of the snapshot that a container's state follows from. PVE: a key of the config, whenever there are snapshots. */
export const parentOf = ({ live }: Pick<ActualContainer, 'live'>): string | undefined => live.other['parent'];

type Described = Pick<DesiredContainer, 'key' | 'from'>;

/**
 * Notes of a baseline: what the container was made from, so that a reset notices when that is another one by now, and which
 * steps were run inside it, because a rollback undoes those that came later. PVE: the config that a snapshot keeps has no
 * description, so its ownership line cannot tell.
 */
function baselineNotes(fleet: string, { key, from }: Described, provisioned: string | undefined): string {
  const steps = provisioned === undefined ? '' : `, provisioned ${provisioned}`;
  const origin = from && 'clone' in from ? `, made from ${from.clone}` : '';
  return `baseline of ${fleet}/${key}${steps}${origin}`;
}

/**
 * The record of steps that the notes of a snapshot have.
 *
 * @returns undefined where they have none: one of somebody else or of an earlier version, or nothing had been run. Then every
 *   step is looked for inside, where the rollback has put back what the container remembers.
 */
export const baselineRecord = (notes: string): string | undefined =>
  /, provisioned ([0-9a-f.-]+)(?:,|$)/.exec(notes)?.[1];

/** The source that the notes of a baseline name. */
export const baselineOrigin = (notes: string): string | undefined => /, made from (\S+)$/.exec(notes)?.[1];

/**
 * Storages whose volumes are file systems with multi-mount protection: after a rollback to a snapshot that was taken while
 * they were mounted, the next start waits some 45 s (contract behaviours §5).
 */
const protectedTypes: ReadonlySet<string> = new Set(['lvmthin', 'rbd']);

interface Place {
  readonly node: string;
  readonly storages: readonly StorageInfo[];
}

function isMountProtected(config: LxcConfig, { node, storages }: Place): boolean {
  const disks = [...(config.rootfs ? [config.rootfs] : []), ...Object.values(config.mounts)];
  return disks.some(({ volume }) => {
    const { storage } = readVolume(volume);
    const found = storages.find((one) => one.storage === storage && one.node === node);
    return found !== undefined && protectedTypes.has(found.type);
  });
}

const madeBy = ({ actions }: ContainerPlan): Action | undefined =>
  actions.find(({ kind }) => makingKinds.has(kind));

/** A new container: started once, at rest for the snapshot where that is what the storage wants, and started again. */
function firstBaseline(
  fleet: string,
  desired: DesiredContainer,
  plan: ContainerPlan,
  atRest: boolean,
): Action[] {
  const last = plan.actions.at(-1) as Action;
  const { key } = desired;
  const target: Target = { key, vmid: last.target.vmid as number, node: last.target.node };
  const { snapshot } = desired.reset as DesiredReset;
  const runs = plan.actions.some(({ kind }) => kind === 'container.start');
  const description = baselineNotes(fleet, desired, recordThen(undefined, plan.actions));
  const take = (after: string): Action => ({
    ...snapshotAction(target, { name: snapshot, description }, '', {
      reason: 'what a reset goes back to',
      after: [after],
      changes: [{ field: 'snapshot', from: null, to: snapshot, effect: 'live' }],
    }),
    // the container that a digest would guard is made by the plan itself
    precondition: { kind: 'none' },
  });
  // a stop of a container that HA manages ends before it has stopped
  if (!runs || !atRest || desired.ha) return [take(last.id)];
  const reason = 'a baseline at rest makes resets faster';
  const rest: Action = {
    ...shutdownAction(target, { reason, after: [last.id] }),
    id: `${key}/shutdown:baseline`,
    risk: 'safe',
  };
  const taken = take(rest.id);
  const again = {
    ...startAction(target, { reason: 'should be running', after: [taken.id] }),
    id: `${key}/start:again`,
  };
  if (!desired.ready) return [rest, taken, again];
  // whoever depends on it needs it as it is from now on
  return [
    rest,
    taken,
    again,
    { ...readyAction(target, desired.ready, [again.id]), id: `${key}/ready:again` },
  ];
}

function laterBaseline(
  fleet: string,
  desired: DesiredContainer,
  actual: ActualContainer,
  plan: ContainerPlan,
): Action {
  const { vmid, node, digest } = actual;
  const { snapshot } = desired.reset as DesiredReset;
  const record = recordThen(actual.ownership, plan.actions);
  return snapshotAction(
    { key: desired.key, vmid, node: plan.actions.at(-1)?.target.node ?? node },
    { name: snapshot, description: baselineNotes(fleet, { key: desired.key }, record) },
    digest,
    {
      reason: 'has no baseline yet',
      after: plan.actions.slice(-1).map(({ id }) => id),
      changes: [{ field: 'snapshot', from: null, to: snapshot, effect: 'live' }],
    },
  );
}

/** A part of a plan with its baseline, or why it gets none. */
interface Based {
  readonly plan: ContainerPlan;
  /** Why a new container has none. */
  readonly missing?: string;
}

/**
 * A container that becomes a template must not have snapshots, and its baseline is of no use to a template: it goes first.
 * PVE: pve-container API2/LXC.pm, template — "CT contains snapshots".
 */
function withoutSnapshots(
  desired: DesiredContainer,
  actual: ActualContainer,
  plan: ContainerPlan,
  names: readonly string[],
): ContainerPlan {
  const { key } = desired;
  const { vmid, digest } = actual;
  const turn = plan.actions.find(({ kind }) => kind === 'container.template');
  if (!turn || names.length === 0) return plan;
  const own = (desired.reset ?? defaultReset).snapshot;
  const others = names.filter((name) => name !== own);
  // here it is known which snapshots there are
  const refusals = plan.refusals.filter(
    ({ code, changes }) => code !== 'SNAPSHOT_HOLDS' || !changes.some(({ field }) => field === 'isTemplate'),
  );
  if (others.length > 0) {
    const refused = refusal(
      { key, vmid },
      {
        code: 'TEMPLATE_SNAPSHOTS',
        message: `container ${vmid} has snapshots (${nameSome(others)}), so it cannot become a template`,
        hint: `delete them first: pvefleet snapshot delete ${vmid} --snapshot ${others[0]}`,
      },
    );
    return { ...plan, refusals: [...refusals, refused] };
  }
  const gone: Action = {
    ...build(
      'snapshot.delete',
      `${key}/snapshot:delete`,
      { key, vmid, node: turn.target.node },
      {
        method: 'DELETE',
        path: `${guest}/snapshot/{snapname}`,
        params: { node: turn.target.node, vmid, snapname: own },
      },
      {
        reason: 'a template has no snapshots',
        after: turn.dependsOn,
        changes: [{ field: 'snapshot', from: own, to: null, effect: 'live' }],
      },
      turn.dependsOn.length === 0 ? { precondition: { kind: 'digest', digest } } : {},
    ),
    // nothing is lost that the template does not have
    risk: 'disruptive',
  };
  const actions = plan.actions.flatMap((action) =>
    action === turn ? [gone, { ...turn, dependsOn: [gone.id] }] : [action],
  );
  return { ...plan, actions, refusals };
}

function withBaseline(
  fleet: string,
  { desired, actual }: Match,
  plan: ContainerPlan,
  snapshot: ClusterSnapshot,
): Based {
  const maker = madeBy(plan);
  if (desired.isTemplate && actual && !maker)
    return { plan: withoutSnapshots(desired, actual, plan, snapshot.snapshotNames?.get(actual.vmid) ?? []) };
  const name = baselineOf(desired);
  const isLeft = plan.outcome === 'refused' || plan.outcome === 'destroy';
  if (name === undefined || isLeft || (!maker && !actual)) return { plan };
  const { key } = desired;
  const node = plan.actions.at(-1)?.target.node ?? actual?.node ?? desired.node;
  const place: Place = { node, storages: snapshot.storages };
  const config = maker
    ? (plan.config ?? newConfig(desired).config)
    : adopt(desired, actual as ActualContainer).config;
  const why = snapshotObstacles({ live: config, node }, snapshot.storages);
  if (why.length > 0) {
    if (desired.reset?.strategy !== 'rollback') return maker ? { plan, missing: nameSome(why) } : { plan };
    const refused = refusal(
      { key, vmid: maker?.target.vmid ?? actual?.vmid },
      {
        code: 'BASELINE_IMPOSSIBLE',
        message: `it is to be reset by a rollback, and cannot be snapshotted: ${nameSome(why)}`,
        hint: 'write strategy: auto, or put all of its disks on lvmthin, zfs, rbd or btrfs',
      },
    );
    return { plan: { ...plan, refusals: [...plan.refusals, refused] } };
  }
  if (maker) {
    const more = firstBaseline(fleet, desired, plan, isMountProtected(config, place));
    return { plan: { ...plan, actions: [...plan.actions, ...more] } };
  }
  const { vmid, lock } = actual as ActualContainer;
  const names = snapshot.snapshotNames?.get(vmid);
  if (names === undefined || names.includes(name)) return { plan };
  const action = laterBaseline(fleet, desired, actual as ActualContainer, plan);
  const isLocked = plan.actions.length === 0 && lock !== undefined;
  return {
    plan: {
      ...plan,
      outcome: plan.outcome === 'unchanged' ? 'update' : plan.outcome,
      actions: [...plan.actions, action],
      refusals: isLocked ? [...plan.refusals, lockedRefusal(key, vmid, lock)] : plan.refusals,
    },
  };
}

/** One notice for all containers that have no baseline for the same reason. */
function missingNotices(matches: readonly Match[], missing: ReadonlyMap<string, string>): Diagnostic[] {
  const groups = new Map<string, string[]>();
  for (const { desired } of matches) {
    const why = missing.get(desired.key);
    if (why === undefined) continue;
    const copied = desired.from && 'clone' in desired.from;
    const instead = copied ? `clone it again from ${desired.from.clone}` : 'make it anew';
    const text = `no baseline snapshot can be taken (${why}), so a reset will ${instead}`;
    groups.set(text, [...(groups.get(text) ?? []), desired.key]);
  }
  return [...groups].map(([text, keys]) => ({
    severity: 'info',
    code: 'NO_BASELINE',
    message: `${nameSome(keys.sort(naturalCompare))}: ${text}`,
  }));
}

/**
 * Adds the baselines that containers of the file should have and do not.
 *
 * @param fleet - its name.
 * @param matches - the containers that are meant.
 * @param plans - their parts of the plan, in the same order.
 * @param snapshot - the cluster; existing containers get a baseline only where it is known that they have none.
 * @returns the parts, and what is to be said about those that get none.
 */
export function withBaselines(
  fleet: string,
  matches: readonly Match[],
  plans: readonly ContainerPlan[],
  snapshot: ClusterSnapshot,
): { readonly plans: ContainerPlan[]; readonly notices: Diagnostic[] } {
  const based = matches.map((match, index) =>
    withBaseline(fleet, match, plans[index] as ContainerPlan, snapshot),
  );
  const missing = new Map(
    based.flatMap(({ plan, missing: why }) => (why === undefined ? [] : [[plan.key, why] as const])),
  );
  return { plans: based.map(({ plan }) => plan), notices: missingNotices(matches, missing) };
}

/**
 * Names the containers whose snapshots must be read to know whether they have their baseline, or whether they can become
 * templates. Those whose state follows from the baseline have it, and those that cannot be snapshotted never will.
 *
 * @param fleet - the file, placed.
 * @param snapshot - the cluster.
 * @param isMeant - whether a key is part of the plan.
 * @returns ids.
 */
export function baselinesToAsk(
  fleet: DesiredFleet,
  snapshot: ClusterSnapshot,
  isMeant: (key: string) => boolean,
): Vmid[] {
  if (!fleet.containers.some((one) => baselineOf(one) !== undefined || one.isTemplate)) return [];
  return matchFleet(fleet, snapshot).matches.flatMap(({ desired, actual, refusals }) => {
    const name = baselineOf(desired);
    if (!actual || refusals.length > 0 || actual.isTemplate || !isMeant(desired.key)) return [];
    if (desired.isTemplate) return parentOf(actual) === undefined ? [] : [actual.vmid];
    if (name === undefined) return [];
    const isKnown = parentOf(actual) === name || snapshotObstacles(actual, snapshot.storages).length > 0;
    return isKnown ? [] : [actual.vmid];
  });
}

/**
 * Moves of a container that exists: to another node (a migration) and of its volumes to other storages. A container that
 * somebody else moved is followed; only a node that was changed in the file is a wish. Pure.
 */
import type { Diagnostic } from '../util/diagnostic.ts';
import { build, configureAction, guest, place, shutdownAction, startAction, type Target } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import type { ConfigViews } from './adopt.ts';
import type { DesiredContainer } from './desired.ts';
import { nameSome } from './drift.ts';
import { entriesOf } from './families.ts';
import { wantsOtherNode } from './ownership.ts';
import type { Action, Effect, FieldChange, Refusal } from './plan.ts';
import { storageRefusal } from './plan-create.ts';
import { nodeObstacles, type PlanContext } from './plan-new.ts';
import { refusal } from './refusal.ts';
import { plainPath, readVolume } from './spelling.ts';

/** One volume that belongs on another storage. */
export interface VolumeMove {
  /** `rootfs` or `mp0`. */
  readonly disk: string;
  /** Field id, `rootfs.storage` or `mounts./data.storage`. */
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** What is to be moved, and how. */
export interface Move {
  /** Node to go to; absent: it stays. */
  readonly node?: string;
  /** Volumes that are moved while the container is down. */
  readonly volumes: readonly VolumeMove[];
  /** Volumes that the migration itself takes to other storages. */
  readonly along: readonly VolumeMove[];
  /** It is shut down first. */
  readonly stops: boolean;
  /** The migration restarts it. */
  readonly restarts: boolean;
  /** It would have to be restarted, and may not be. */
  readonly isPostponed: boolean;
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

/**
 * Lists the volumes that are on another storage than the file says.
 *
 * @param desired - the container of the file.
 * @param actual - its configs.
 * @returns moves in order of the field table.
 */
export function volumeMoves(desired: DesiredContainer, actual: ConfigViews): VolumeMove[] {
  const moves: VolumeMove[] = [];
  const compare = (disk: string, field: string, volume: string, to: string | undefined): void => {
    const from = readVolume(volume).storage;
    if (from !== undefined && to !== undefined && from !== to) moves.push({ disk, field, from, to });
  };
  const { rootfs } = actual.next;
  if (rootfs) compare('rootfs', 'rootfs.storage', rootfs.volume, desired.rootfs.storage);
  const entries = entriesOf('mounts', actual.next);
  for (const [path, { storage, source }] of Object.entries(desired.mounts ?? {})) {
    const identity = plainPath(path);
    const found = entries.get(identity);
    if (!found || source !== undefined) continue;
    const { volume } = actual.next.mounts[found.key] as { volume: string };
    compare(found.key, `mounts.${identity}.storage`, volume, storage);
  }
  return moves;
}

/**
 * Pairs for `target-storage`, when the migration itself can bring all volumes where they belong: per source storage there
 * is one goal, and nothing on it stays.
 */
function canGoAlong(
  context: PlanContext,
  desired: DesiredContainer,
  moves: readonly VolumeMove[],
  actual: ActualContainer,
): boolean {
  const shared = new Set(context.snapshot.storages.filter((one) => one.shared).map(({ storage }) => storage));
  const volumes = [actual.next.rootfs, ...Object.values(actual.next.mounts)].map((disk) =>
    disk ? readVolume(disk.volume).storage : undefined,
  );
  const present = entriesOf('mounts', actual.next);
  const coming = Object.entries(desired.mounts ?? {}).flatMap(([path, { storage }]) =>
    present.has(plainPath(path)) ? [] : [storage],
  );
  const others = new Set([
    ...volumes,
    ...Object.values(actual.next.unused).map((volume) => readVolume(volume).storage),
    ...coming,
  ]);
  return [...new Set(moves.map(({ from }) => from))].every((from) => {
    const same = moves.filter((move) => move.from === from);
    const isAll =
      !coming.includes(from) && volumes.filter((storage) => storage === from).length === same.length;
    // a volume that keeps its storage keeps its name, which the one that comes beside it may be given as well
    const isAlone = same.every(({ to }) => !others.has(to));
    return !shared.has(from) && isAll && isAlone && new Set(same.map(({ to }) => to)).size === 1;
  });
}

function migrationObstacles(
  context: PlanContext,
  match: { readonly desired: DesiredContainer },
  actual: ActualContainer,
  node: string,
  moves: readonly VolumeMove[],
): Refusal[] {
  const { desired } = match;
  const { key } = desired;
  const goals = new Map(moves.map(({ disk, to }) => [disk, to]));
  const storages = context.storages.get(node) ?? [];
  const disks = Object.entries({
    ...(actual.next.rootfs ? { rootfs: actual.next.rootfs } : {}),
    ...actual.next.mounts,
  });
  const local = disks.filter(([, disk]) => readVolume(disk.volume).storage === undefined && !disk.shared);
  // PVE: pve-container LXC/Migrate.pm, phase1 — ZFS and others write the base of a linked clone into its name
  const linked = disks.flatMap(([disk, { volume }]) => {
    const { storage } = readVolume(volume);
    const base = /[:/](base(?:vol)?-\d+-[^/]+)\//.exec(volume)?.[1];
    const isLocal = (context.storages.get(actual.node) ?? []).some(
      (one) => one.storage === storage && !one.shared,
    );
    return base !== undefined && isLocal ? [{ disk, base, storage }] : [];
  });
  const needed = new Set(
    disks.flatMap(([disk, { volume }]) => goals.get(disk) ?? readVolume(volume).storage ?? []),
  );
  return [
    ...nodeObstacles(context, key, node),
    ...(context.nodes.has(node)
      ? [...needed].flatMap((name) => storageRefusal(desired, node, name, storages))
      : []),
    ...linked.map(({ disk, base, storage }) =>
      refusal(
        { key, vmid: actual.vmid },
        {
          code: 'MIGRATE_LINKED',
          message: `${disk} is a linked clone of ${base} on ${storage}, so container ${actual.vmid} cannot go to ${node}`,
          hint: 'a linked clone stays with its template; only a full one (from: { …, full: true }) can go elsewhere',
        },
      ),
    ),
    ...local.map(([disk, { volume }]) =>
      refusal(
        { key, vmid: actual.vmid },
        {
          code: 'MIGRATE_LOCAL_MOUNT',
          message: `${volume} (${disk}) is of node ${actual.node}, so container ${actual.vmid} cannot go to ${node}`,
          hint: 'if it is the same on both nodes, write shared: true for this mount; else detach it first',
        },
      ),
    ),
  ];
}

/**
 * Finds out what of a container is to be moved, and whether it may be.
 *
 * @param context - fleet, cluster, policy.
 * @param desired - the container of the file.
 * @param actual - what it stands for.
 * @param mayRestart - whether it may be restarted for changes.
 * @returns the move; nothing in it when all is in its place.
 */
export function prepareMove(
  context: PlanContext,
  desired: DesiredContainer,
  actual: ActualContainer,
  mayRestart: boolean,
): Move {
  const { key } = desired;
  const notices: Diagnostic[] = [];
  const isWanted = wantsOtherNode(context.fleet.name, desired, actual);
  if (actual.node !== desired.node && !isWanted)
    notices.push({
      severity: 'info',
      code: 'NODE_DIFFERS',
      message: `${key} (${actual.vmid}) is on ${actual.node}, the file says ${desired.node}; it was moved and stays where it is`,
      hint: `write node: ${actual.node}`,
    });
  const moves = volumeMoves(desired, actual);
  const none: Move = {
    volumes: [],
    along: [],
    stops: false,
    restarts: false,
    isPostponed: false,
    refusals: [],
    notices,
  };
  if (!isWanted && moves.length === 0) return none;
  const fields = [...(isWanted ? ['node'] : []), ...moves.map(({ field }) => field)];
  const isUp = actual.status !== 'stopped';
  if (actual.status === 'unknown' || (isUp && !mayRestart && desired.power !== 'stopped')) {
    const why =
      actual.status === 'unknown' ? 'it is not known whether it runs' : 'it would have to be restarted';
    const message = `${key}: ${nameSome(fields)} ${fields.length === 1 ? 'stays' : 'stay'} as ${fields.length === 1 ? 'it is' : 'they are'}: ${why}`;
    const hint = 'allow it with --allow restart, write restart: always, or stop the container first';
    notices.push({ severity: 'warning', code: 'MOVE_NEEDS_RESTART', message, hint });
    return { ...none, isPostponed: true };
  }
  // PVE: a migration that the HA manager carries out knows no other storages
  const isAlong = isWanted && actual.haState === undefined && canGoAlong(context, desired, moves, actual);
  const stays = isAlong ? [] : moves;
  const here = context.storages.get(actual.node) ?? [];
  const stops = isUp && (stays.length > 0 || desired.power === 'stopped');
  return {
    ...(isWanted ? { node: desired.node } : {}),
    volumes: stays,
    along: isAlong ? moves : [],
    stops,
    restarts: isUp && isWanted && !stops,
    isPostponed: false,
    refusals: [
      ...stays.flatMap(({ to }) => storageRefusal(desired, actual.node, to, here)),
      ...(isWanted ? migrationObstacles(context, { desired }, actual, desired.node, moves) : []),
    ],
    notices,
  };
}

const changed = (move: Pick<VolumeMove, 'field' | 'from' | 'to'>, effect: Effect): FieldChange => ({
  ...move,
  effect,
});
const storageChange = ({ field, from, to }: VolumeMove, effect: Effect): FieldChange =>
  changed({ field, from, to }, effect);

/** Moves one volume; without `isOldDeleted` the old one is kept as an unused disk. */
function moveVolumeAction(
  target: Target,
  move: VolumeMove,
  options: {
    readonly reason: string;
    readonly after: readonly string[];
    readonly effect: Effect;
    readonly isOldDeleted: boolean;
    readonly digest?: string;
  },
): Action {
  const { digest, isOldDeleted } = options;
  const params = {
    ...place(target),
    volume: move.disk,
    storage: move.to,
    ...(isOldDeleted ? { delete: true } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
  return build(
    'container.move-volume',
    `${target.key}/move:${move.disk}`,
    target,
    { method: 'POST', path: `${guest}/move_volume`, params },
    { reason: options.reason, after: options.after, changes: [storageChange(move, options.effect)] },
    digest === undefined ? {} : { precondition: { kind: 'digest', digest } },
  );
}

/** Migrates a container. */
export function migrateAction(
  target: Target,
  node: string,
  options: {
    readonly reason: string;
    readonly after: readonly string[];
    readonly isRunning: boolean;
    readonly along?: readonly VolumeMove[];
    readonly digest?: string;
  },
): Action {
  const { isRunning, along = [], digest } = options;
  const pairs = [...new Set(along.map(({ from, to }) => `${from}:${to}`))].sort();
  const effect: Effect = isRunning ? 'restart' : 'live';
  const action = build(
    'container.migrate',
    `${target.key}/migrate`,
    target,
    {
      method: 'POST',
      path: `${guest}/migrate`,
      params: {
        ...place(target),
        target: node,
        ...(isRunning ? { restart: true } : {}),
        ...(pairs.length === 0 ? {} : { 'target-storage': pairs.join(',') }),
      },
    },
    {
      reason: options.reason,
      after: options.after,
      changes: [
        changed({ field: 'node', from: target.node, to: node }, effect),
        ...along.map((move) => storageChange(move, effect)),
      ],
    },
    digest === undefined ? {} : { precondition: { kind: 'digest', digest } },
  );
  return isRunning ? action : { ...action, risk: 'safe' };
}

/** The shutdown that comes before everything else of a move. */
export function moveStop(target: Target, move: Move): Action[] {
  return move.stops
    ? [shutdownAction(target, { reason: 'its disks can only be moved while it is down' })]
    : [];
}

/** What {@link moveActions} needs besides the move. */
export interface MoveRequest {
  readonly target: Target;
  readonly actual: ActualContainer;
  readonly desired: DesiredContainer;
  /** Last action before. */
  readonly after: readonly string[];
  readonly reason: (fields: readonly string[]) => string;
  /** Description with the line that the container gets when it is where the file says. */
  readonly description: string;
  readonly mayDestroy: boolean;
}

/**
 * Plans the moves themselves: volumes, then the node, then the renewed ownership line and, where it was up, the start.
 *
 * @returns actions in their order; each depends on the one before.
 */
export function moveActions(move: Move, request: MoveRequest): Action[] {
  const { target, actual, desired, reason, mayDestroy } = request;
  const { digest } = actual;
  const actions: Action[] = [];
  const last = (): readonly string[] => actions.slice(-1).map(({ id }) => id);
  const after = (): readonly string[] => (actions.length > 0 ? last() : request.after);
  const effect: Effect = move.stops ? 'restart' : 'live';
  // PVE: a volume that a snapshot needs cannot be deleted; a container with snapshots has a parent
  const isOldDeleted = mayDestroy && actual.live.other['parent'] === undefined;
  for (const volume of move.volumes)
    actions.push(
      moveVolumeAction(target, volume, {
        reason: reason([volume.field]),
        after: after(),
        effect,
        isOldDeleted,
        digest,
      }),
    );
  const there: Target = { ...target, node: move.node ?? target.node };
  if (move.node !== undefined) {
    const fields = ['node', ...move.along.map(({ field }) => field)];
    actions.push(
      migrateAction(target, move.node, {
        reason: reason(fields),
        after: after(),
        isRunning: move.restarts,
        along: move.along,
        digest,
      }),
      configureAction(there, 'mark', { description: request.description }, digest, {
        reason: 'notes that it is where the file says',
        after: [`${target.key}/migrate`],
      }),
    );
  }
  const isDown = actual.status !== 'running' || move.stops;
  const shouldRun =
    desired.power === 'running' || (desired.power === 'unmanaged' && actual.status === 'running');
  if (actions.length > 0 && isDown && shouldRun)
    actions.push(
      startAction(there, {
        reason: move.stops ? 'was running before the move' : 'should be running',
        after: after(),
      }),
    );
  return actions;
}

/**
 * Containers that are made from another container or from a backup: the copy itself, then everything in which the file
 * differs from it, while it is still down. Pure.
 */
import { joinDescription, splitDescription } from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { WireValue } from '../schema/request.ts';
import { build, guest, startAction, type Target, templateAction } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import { adopt } from './adopt.ts';
import type { ContainerPlan } from './assemble.ts';
import { copyObstacle } from './clone-obstacles.ts';
import {
  type CloneSource,
  copiedConfig,
  findSource,
  inheritedFirewall,
  sourceConfig,
  storageFacts,
  storagesOf,
} from './clone-source.ts';
import type { DesiredContainer } from './desired.ts';
import { type Difference, diff } from './diff.ts';
import { isMarkerTag } from './field-row.ts';
import { rootfsStorage } from './fields.ts';
import { claim, ownershipChange, withClusterTags } from './ownership.ts';
import type { Action } from './plan.ts';
import { planChanges } from './plan-changes.ts';
import { storageRefusal } from './plan-create.ts';
import { type Move, moveActions, type VolumeMove, volumeMoves } from './plan-move.ts';
import { type Creation, type Making, ownerOfNew, type PlanContext } from './plan-new.ts';
import { type RefusalText, refusal } from './refusal.ts';
import { keyFilter } from './scope.ts';
import { unknownVolume } from './spelling.ts';

/** What a clone gets from its source although nobody asked for it is cleared, unless the file has it. */
const cleared: DesiredContainer['options'] = {
  tags: null,
  onboot: false,
  protection: false,
  hookscript: null,
  description: null,
};

type Params = Record<string, WireValue>;

/** A copy that is about to be planned. */
interface Copy {
  readonly desired: DesiredContainer;
  readonly target: Target;
  readonly how: Making;
  /** Where it is right after it was made; it goes to the node of the file then. */
  readonly node: string;
  readonly base: LxcConfig;
  /** The request that makes it. */
  readonly make: (description: string) => Action;
}

/** Takes the digest out: the container that it would guard is made by the plan itself. */
function unguarded(action: Action): Action {
  const { digest: _digest, ...params } = action.request.params;
  return { ...action, request: { ...action.request, params }, precondition: { kind: 'none' } };
}

/** A config with its volumes on the storages that they are moved to. */
function withMoves(config: LxcConfig, moves: readonly VolumeMove[]): LxcConfig {
  const goals = new Map(moves.map(({ disk, to }) => [disk, `${to}:${unknownVolume}`]));
  const moved = <T extends { readonly volume: string }>(disk: string, item: T): T => ({
    ...item,
    volume: goals.get(disk) ?? item.volume,
  });
  const mounts = Object.entries(config.mounts).map(([disk, mount]) => [disk, moved(disk, mount)] as const);
  return {
    ...config,
    ...(config.rootfs ? { rootfs: moved('rootfs', config.rootfs) } : {}),
    mounts: Object.fromEntries(mounts),
  };
}
/** What is done to the source for a time is not done to its copy. */
const unmarked = (config: LxcConfig): LxcConfig =>
  config.tags ? { ...config, tags: config.tags.filter((tag) => !isMarkerTag(tag)) } : config;

/** The copy and what follows it, up to the start. */
function copyActions(
  context: PlanContext,
  copy: Copy,
): Pick<Creation, 'actions' | 'refusals' | 'notices' | 'config'> {
  const { target, base, node } = copy;
  const { key, vmid } = target;
  const { snapshot } = context;
  const desired = withClusterTags(copy.desired, snapshot.tagStyle);
  const owner = ownerOfNew(context, copy.desired, base);
  const goesOn = node !== target.node;
  // until it is there, its line says that it is not
  const line = goesOn ? { ...owner, node } : owner;
  const text = splitDescription(base.description ?? '').text;
  const sent = joinDescription(
    desired.options.description === undefined ? text : (desired.options.description ?? ''),
    line,
  );
  const maker = copy.make(sent);
  const made: LxcConfig = { ...base, hostname: desired.hostname, description: sent };
  const views = { live: made, next: made };
  const { config, conflicts } = adopt(desired, views);
  const owning = ownershipChange({ next: made }, line);
  const differences = [
    ...(owning ? [{ change: owning, keys: ['description', 'tags'] }] : []),
    ...(base.tags ?? []).filter(isMarkerTag).map(
      (tag): Difference => ({
        change: { field: `tags.${tag}`, from: tag, to: null, effect: 'live' },
        keys: ['tags'],
      }),
    ),
    ...diff(made, config, { live: made, isStopped: true }),
  ];
  const impossible = differences.filter(({ change }) => change.effect === 'recreate');
  const actual: ActualContainer = {
    type: 'lxc',
    vmid,
    node,
    status: 'stopped',
    isTemplate: false,
    tags: [],
    usage: {},
    ...views,
    pending: [],
    digest: '',
  };
  const reason = (): string => 'differs from what it is made from';
  const planned = planChanges({
    key,
    actual,
    config: claim(unmarked(config), line, snapshot.tagStyle),
    differences: differences.filter((one) => !impossible.includes(one)),
    reason,
    mayRestart: false,
    willStop: false,
    after: [maker.id],
  });
  const volumes = volumeMoves(desired, views);
  const move: Move = {
    ...(goesOn ? { node: target.node } : {}),
    volumes,
    along: [],
    stops: false,
    restarts: false,
    isPostponed: false,
    refusals: [],
    notices: [],
  };
  const before = [maker, ...planned.actions];
  const last = (list: readonly Action[]): string[] => list.slice(-1).map(({ id }) => id);
  const moved = moveActions(move, {
    target: { ...target, node },
    actual,
    desired: { ...desired, power: 'stopped' },
    after: last(before),
    reason,
    description: joinDescription(config.description ?? '', owner),
    // the copy of a moment ago is of no use
    mayDestroy: true,
  });
  const steps = [...before, ...moved].map((action) => (action === maker ? action : unguarded(action)));
  if (desired.isTemplate) {
    if (!(base.template ?? false))
      steps.push(templateAction(target, { reason: 'should be a template', after: last(steps) }));
  } else if (desired.power === 'running')
    steps.push(startAction(target, { reason: 'should be running', after: last(steps) }));
  const there = context.storages.get(target.node) ?? [];
  const goals = new Map(volumes.map(({ from, to }) => [from, to]));
  const needed = new Set([...storagesOf(made).map((storage) => goals.get(storage) ?? storage)]);
  return {
    actions: steps,
    config: withMoves(config, volumes),
    refusals: [
      ...conflicts.map(({ change, ...words }) => refusal({ key, vmid }, { ...words, changes: [change] })),
      ...impossible.map(({ change }) =>
        refusal(
          { key, vmid },
          {
            code: 'COPY_DIFFERS',
            message: `${change.field} of a copy is that of its source, ${JSON.stringify(change.from)}`,
            hint: `write ${change.field}: ${JSON.stringify(change.from)}`,
            changes: [change],
          },
        ),
      ),
      ...planned.refusals,
      ...[...needed].flatMap((storage) => storageRefusal(desired, target.node, storage, there)),
    ],
    notices: planned.notices.filter(({ code }) => code !== 'VOLUME_KEPT'),
  };
}

/** What stands against a clone; the first problem is enough. */
function cloneProblem(
  context: PlanContext,
  desired: DesiredContainer,
  source: CloneSource,
  facts: { readonly full: boolean; readonly config: LxcConfig; readonly movesOff: boolean },
): RefusalText | undefined {
  const { from } = desired;
  if (!from || 'backup' in from) return undefined;
  const { name, vmid, match, actual } = source;
  if (!actual && match && !keyFilter(context.policy)(match.desired.key))
    return {
      code: 'CLONE_SOURCE_EXCLUDED',
      message: `its source ${name} is not there yet, and left out of this plan`,
      hint: `add ${name} to --target`,
    };
  if (source.runs && from.snapshot === undefined)
    return {
      code: 'CLONE_SOURCE_RUNNING',
      message: `its source ${name} (${vmid}) runs, and a running container can only be cloned from a snapshot`,
      hint: 'stop it (power: stopped), make it a template (isTemplate: true), or name a snapshot',
    };
  const { full, config } = facts;
  const obstacle = copyObstacle(
    config,
    { storages: context.snapshot.storages, node: source.node },
    {
      full,
      state: from.snapshot === undefined ? (source.isTemplate ? 'base' : 'current') : 'snap',
      source: `${name} (${vmid})`,
      fullHint: 'write full: true',
    },
  );
  if (obstacle) return obstacle;
  return !full && facts.movesOff
    ? {
        code: 'CLONE_LINKED_PLACE',
        message: `a linked clone of ${name} stays on the storages and the node of its source`,
        hint: 'write full: true, or the storage and the node of the source',
      }
    : undefined;
}

function planClone(context: PlanContext, given: DesiredContainer, target: Target, how: Making): Creation {
  const { from } = given;
  const { key, vmid, node } = target;
  const refused = (text: RefusalText): Creation => ({
    actions: [],
    refusals: [refusal({ key, vmid }, text)],
  });
  if (!from || 'backup' in from) return { actions: [], refusals: [] };
  const desired = { ...given, options: { ...cleared, ...given.options } };
  const source = findSource(context, from);
  if (!('vmid' in source)) return refused(source);
  const config = sourceConfig(context, desired, [key]);
  if (!config)
    return refused(
      from.snapshot === undefined
        ? {
            code: 'CLONE_CYCLE',
            message: `its source ${source.name} is in the end a clone of itself, or cannot be had`,
            hint: 'make one of them from a template',
          }
        : {
            code: 'CLONE_SNAPSHOT_UNKNOWN',
            message: `${source.name} (${source.vmid}) has no snapshot ${from.snapshot}`,
            hint: `see what there is: pvefleet snapshot list ${source.vmid}`,
          },
    );
  const own = storagesOf(config);
  const { canLink, isShared } = storageFacts(context.snapshot, source.node, own);
  const places = { live: config, next: config };
  const otherStorage = volumeMoves(desired, places).length > 0;
  const isLocal = node !== source.node && !isShared;
  const movesOff = otherStorage || isLocal;
  const full = from.full ?? !(source.isTemplate && canLink && !movesOff);
  const problem = cloneProblem(context, desired, source, { full, config, movesOff });
  if (problem) return refused(problem);
  const wanted = desired.rootfs.storage;
  const storage = full && wanted !== undefined && wanted !== rootfsStorage(config) ? wanted : undefined;
  const base = copiedConfig(config, storage, true);
  // PVE: only a clone that lies on shared storages can be made on another node
  const direct = storageFacts(context.snapshot, source.node, [...own, ...storagesOf(base)]).isShared;
  const copy: Copy = {
    desired,
    target,
    how,
    node: direct ? node : source.node,
    base,
    make: (description) => {
      const params: Params = {
        node: source.node,
        vmid: source.vmid,
        newid: vmid,
        hostname: desired.hostname,
        description,
        full,
        ...(from.snapshot === undefined ? {} : { snapname: from.snapshot }),
        ...(storage === undefined ? {} : { storage }),
        ...(direct && node !== source.node ? { target: node } : {}),
        ...(desired.pool == null ? {} : { pool: desired.pool }),
      };
      const origin = `${source.name} (${source.vmid})${from.snapshot === undefined ? '' : ` at ${from.snapshot}`}`;
      return build(
        'container.clone',
        `${key}/clone`,
        { ...target, node: direct ? node : source.node },
        { method: 'POST', path: `${guest}/clone`, params },
        {
          reason: how.reason,
          after: how.after,
          changes: [
            {
              field: 'from',
              from: null,
              to: `${full ? 'clone' : 'linked clone'} of ${origin}`,
              effect: 'live',
            },
          ],
        },
        { precondition: how.precondition },
      );
    },
  };
  return {
    ...copyActions(context, copy),
    origin: {
      ...(source.match ? { key: source.match.desired.key } : {}),
      firewall: inheritedFirewall(context, source),
    },
  };
}

function planRestore(context: PlanContext, desired: DesiredContainer, target: Target, how: Making): Creation {
  const { from } = desired;
  const { key, vmid, node } = target;
  if (!from || !('backup' in from)) return { actions: [], refusals: [] };
  const { backup } = from;
  const archive = sourceConfig(context, desired);
  const refused = (text: RefusalText): Creation => ({
    actions: [],
    refusals: [refusal({ key, vmid }, text)],
  });
  if (!archive)
    return refused({
      code: 'BACKUP_UNREADABLE',
      message: `the backup ${backup} cannot be read on ${node}`,
      hint: 'does it exist there, and may this account see it?',
    });
  if (archive.template && !desired.isTemplate)
    return refused({
      code: 'COPY_DIFFERS',
      message: `${backup} is the backup of a template, and becomes one again`,
      hint: 'write isTemplate: true',
    });
  const storage = desired.rootfs.storage ?? rootfsStorage(archive);
  if (typeof storage !== 'string')
    return refused({
      code: 'ROOTFS_INCOMPLETE',
      message: `the root disk of ${backup} is on no storage`,
      hint: 'write rootfs: { storage: … }',
    });
  // the original may still be there, with the same MAC addresses
  const original = Number(/vzdump-lxc-(\d+)-/.exec(backup)?.[1]);
  const isUnique = original !== vmid && context.snapshot.guests.some((one) => one.vmid === original);
  const restored = {
    ...copiedConfig(archive, storage, isUnique),
    unprivileged: desired.unprivileged,
    ...(archive.template ? { template: true } : {}),
  };
  const copy: Copy = {
    desired,
    target,
    how,
    node,
    base: restored,
    make: (description) =>
      build(
        'container.restore',
        `${key}/restore`,
        target,
        {
          method: 'POST',
          path: '/nodes/{node}/lxc',
          params: {
            node,
            vmid,
            ostemplate: backup,
            restore: true,
            storage,
            hostname: desired.hostname,
            description,
            unprivileged: desired.unprivileged,
            ...(isUnique ? { unique: true } : {}),
            ...(desired.pool == null ? {} : { pool: desired.pool }),
          },
        },
        {
          reason: how.reason,
          after: how.after,
          changes: [{ field: 'from', from: null, to: backup, effect: 'live' }],
        },
        { precondition: how.precondition },
      ),
  };
  return copyActions(context, copy);
}

/**
 * Plans a container with `from`.
 *
 * @param desired - the container, on the node where it shall be.
 * @param target - its key, id and that node.
 * @param how - why and after what.
 * @returns the actions, or refusals.
 */
export function planCopy(
  context: PlanContext,
  desired: DesiredContainer,
  target: Target,
  how: Making,
): Creation {
  return desired.from && 'backup' in desired.from
    ? planRestore(context, desired, target, how)
    : planClone(context, desired, target, how);
}

/**
 * Lets clones wait until their sources are as the file says.
 *
 * @param plans - parts of the plan.
 * @returns the parts linked.
 */
export function linkSources(plans: readonly ContainerPlan[]): ContainerPlan[] {
  const planOf = new Map(plans.map((plan) => [plan.key, plan]));
  return plans.map((plan) => {
    const source = plan.origin?.key === undefined ? undefined : planOf.get(plan.origin.key);
    const ids = source?.actions.map(({ id }) => id) ?? [];
    if (ids.length === 0) return plan;
    const wait = (action: Action): Action =>
      action.kind === 'container.clone' ? { ...action, dependsOn: [...action.dependsOn, ...ids] } : action;
    return { ...plan, actions: plan.actions.map(wait) };
  });
}

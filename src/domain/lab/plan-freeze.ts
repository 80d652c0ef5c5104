/**
 * Freezes containers, and makes them as they were: one call that protects and marks, then stop and snapshot where they are
 * asked for. What was before is recorded first, so that a freeze that was interrupted is finished by the next one.
 */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import { shutdownAction, startAction } from '../actions.ts';
import type { ActualContainer, StorageInfo } from '../actual.ts';
import { assemblePlan, type ContainerPlan } from '../assemble.ts';
import { frozenTag, patchConfig } from '../field-row.ts';
import { labelContainers } from '../labels.ts';
import { recordsOf } from '../ownership.ts';
import type { Action, FieldChange, Plan, Policy, Refusal } from '../plan.ts';
import { lockedRefusal } from '../plan-remove.ts';
import { type SnapshotState, snapshotPart } from '../plan-snapshot.ts';
import { type Frozen, frozenOf, spellFrozenField, withFrozen } from './frozen.ts';
import { writeConfig } from './write-config.ts';

/** How to freeze. */
export interface FreezeRequest {
  /** Shut it down, and keep it down when its node starts. */
  readonly stop: boolean;
  /** Take a snapshot of this name, where there is none. */
  readonly snapshot?: string;
  /** Snapshots by vmid; only where one is to be taken. */
  readonly states: ReadonlyMap<number, SnapshotState>;
  readonly storages: readonly StorageInfo[];
  /** ms since the epoch. */
  readonly now: number;
  readonly reason: string;
  /** Tags that this account may not change; absent: that is not known. */
  readonly refusedTags?: readonly string[];
}

type Step = Pick<ContainerPlan, 'actions' | 'refusals' | 'notices'>;

const unchanged = (key: string, code: string, message: string): ContainerPlan => ({
  key,
  outcome: 'unchanged',
  actions: [],
  refusals: [],
  notices: [{ severity: 'info', code, message: `${key}: ${message}` }],
});

/** The call that writes a config with another mark. */
function writeMark(container: ActualContainer, key: string, config: LxcConfig, reason: string): Step {
  const [from, to] = [container.next, config].map(spellFrozenField);
  const mark: FieldChange = { field: 'frozen', from: from ?? null, to: to ?? null, effect: 'live' };
  return writeConfig(container, key, { config, reason, marks: [mark] });
}

/** What was before this freeze, or before the one that it adds to. */
function recordOf(container: ActualContainer, { stop, now }: FreezeRequest): Frozen {
  const before = frozenOf(container);
  const { protection, onboot } = container.next;
  return {
    at: now,
    ...(stop && container.status === 'running' ? { power: 'running' as const } : {}),
    ...(protection ? {} : { protection: false }),
    ...(stop && onboot ? { onboot: true } : {}),
    // what an earlier freeze found is what was before
    ...before,
  };
}

/** The snapshot, after everything else. Of a container that is down and protected it is no more than a convenience. */
function takeSnapshot(
  container: ActualContainer,
  key: string,
  request: FreezeRequest,
  after: readonly string[],
  policy: Policy,
): Step {
  const { snapshot: name, states, storages, stop } = request;
  const state = states.get(container.vmid);
  if (name === undefined || state?.snapshots.some((one) => one.name === name))
    return { actions: [], refusals: [], notices: [] };
  const part = snapshotPart({ verb: 'create', name, states, storages }, key, container, policy);
  const actions = part.actions.map(
    (action): Action => ({
      ...action,
      dependsOn: [...after, ...action.dependsOn],
      reason: request.reason,
    }),
  );
  const isHopeless = (one: Refusal): boolean => one.code === 'SNAPSHOT_IMPOSSIBLE';
  if (!stop || !part.refusals.some(isHopeless)) return { ...part, actions };
  const notices = part.refusals.filter(isHopeless).map(
    ({ message }): Diagnostic => ({
      severity: 'warning',
      code: 'SNAPSHOT_IMPOSSIBLE',
      message: `${message}; it is stopped and protected without one`,
    }),
  );
  return { actions: [], refusals: part.refusals.filter((one) => !isHopeless(one)), notices };
}

/**
 * Plans the freeze of one container.
 *
 * @param container - the container, owned or not.
 * @param key - name in the plan.
 * @param request - how.
 * @param policy - what is allowed.
 * @returns its part of the plan.
 */
export function freezePart(
  container: ActualContainer,
  key: string,
  request: FreezeRequest,
  policy: Policy,
): ContainerPlan {
  const { vmid, node, lock, next, status } = container;
  if (container.isTemplate) return unchanged(key, 'NOTHING_TO_DO', 'a template never changes');
  const { stop, reason } = request;
  const guarded = patchConfig(next, { protection: true, ...(stop && next.onboot ? { onboot: false } : {}) });
  const config = withFrozen(guarded, recordOf(container, request), request.now, request.refusedTags);
  const written = writeMark(container, key, config, reason);
  const target = { key, vmid, node };
  const last = (actions: readonly Action[]): string[] => actions.slice(-1).map(({ id }) => id);
  const stops = stop && status === 'running';
  const stopped = stops ? [shutdownAction(target, { reason, after: last(written.actions) })] : [];
  const before = [...written.actions, ...stopped];
  const snapshot = takeSnapshot(container, key, request, last(before), policy);
  const actions = [...before, ...snapshot.actions];
  const isLocked = lock !== undefined && actions.length > 0;
  const refusals = [...written.refusals, ...snapshot.refusals];
  const known = new Set(refusals.map(({ code }) => code));
  return {
    key,
    outcome: actions.length > 0 ? 'update' : refusals.length > 0 ? 'refused' : 'unchanged',
    actions,
    refusals:
      isLocked && !known.has('CONTAINER_LOCKED') ? [...refusals, lockedRefusal(key, vmid, lock)] : refusals,
    notices: [...written.notices, ...snapshot.notices],
  };
}

function unfreezePart(container: ActualContainer, key: string, now: number): ContainerPlan {
  const { vmid, node, lock, next, status } = container;
  const isTagged = next.tags?.some((tag) => tag.toLowerCase() === frozenTag) ?? false;
  // without its tag the record still says what a freeze has changed
  const record = frozenOf({ next: { ...next, tags: [...(next.tags ?? []), frozenTag] } });
  // unfrozen by an account that may not take the tag off
  if (isTagged && !record && unfrozenAt(container) !== undefined)
    return unchanged(
      key,
      'NOTHING_TO_DO',
      `container ${vmid} is not frozen any more; only its tag ${frozenTag} is left`,
    );
  if (!isTagged && !record) return unchanged(key, 'NOTHING_TO_DO', `container ${vmid} is not frozen`);
  const before: Partial<Frozen> = record ?? { protection: false };
  const config = patchConfig(next, {
    ...(before.protection === undefined ? {} : { protection: before.protection || undefined }),
    ...(before.onboot === undefined ? {} : { onboot: before.onboot || undefined }),
  });
  const written = writeMark(container, key, withFrozen(config, undefined, now), 'asked for');
  const after = written.actions.slice(-1).map(({ id }) => id);
  const starts = before.power === 'running' && status === 'stopped';
  const started = starts
    ? [startAction({ key, vmid, node }, { reason: 'ran before it was frozen', after })]
    : [];
  const lost: Diagnostic = {
    severity: 'info',
    code: 'FROZEN_UNRECORDED',
    message: `${key}: what was before it was frozen is not recorded any more; its protection is taken off, and it is not started`,
  };
  return {
    key,
    outcome: 'update',
    actions: [...written.actions, ...started],
    refusals: [...written.refusals, ...(lock === undefined ? [] : [lockedRefusal(key, vmid, lock)])],
    notices: [...written.notices, ...(record ? [] : [lost])],
  };
}

/**
 * Plans the freeze of containers.
 *
 * @param containers - the containers.
 * @param request - how.
 * @param policy - what is allowed.
 * @returns the plan; its fleet is empty.
 */
export function planFreeze(
  containers: readonly ActualContainer[],
  request: FreezeRequest,
  policy: Policy,
): Plan {
  const labels = labelContainers(containers);
  const parts = containers.map((one) => freezePart(one, labels.get(one.vmid) as string, request, policy));
  return assemblePlan({ fleet: '', containers: parts });
}

/**
 * Plans what makes frozen containers as they were: protection, start with the node, and power.
 *
 * @param containers - the containers; those that are not frozen stay as they are.
 * @param now - ms since the epoch.
 * @returns the plan; its fleet is empty.
 */
export function planUnfreeze(containers: readonly ActualContainer[], now: number): Plan {
  const labels = labelContainers(containers);
  const parts = containers.map((one) => unfreezePart(one, labels.get(one.vmid) as string, now));
  return assemblePlan({ fleet: '', containers: parts });
}

/** When a container was last unfrozen, ms since the epoch. */
export function unfrozenAt(container: Pick<ActualContainer, 'next'>): number | undefined {
  const at = Date.parse(recordsOf(container).unfrozen ?? '');
  return Number.isNaN(at) ? undefined : at;
}

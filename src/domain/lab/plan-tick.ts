/**
 * What of a fleet's schedules, boosts and expiries is to be done now → plan. What has been done already is seen in the
 * cluster: power and its tasks, names of snapshots, tags, records of the ownership line. So a tick can come twice, late or
 * not at all, and a person who has started or stopped a container since is not fought.
 */
import { naturalCompare } from '../../util/compare.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import { shutdownAction, startAction } from '../actions.ts';
import type { ActualContainer, StorageInfo } from '../actual.ts';
import { assemblePlan, type ContainerPlan } from '../assemble.ts';
import type { DesiredContainer } from '../desired.ts';
import { recordsOf } from '../ownership.ts';
import type { Action, Plan, Policy, Refusal } from '../plan.ts';
import { lockedRefusal, planRemoval } from '../plan-remove.ts';
import { endOfBoost } from '../plan-resize.ts';
import { type SnapshotState, snapshotPart } from '../plan-snapshot.ts';
import { boostChange, boostOf, isOver } from './boost.ts';
import { expiryMark, isToldExpired, type Tagging, withExpiry } from './expiry.ts';
import { frozenOf } from './frozen.ts';
import { freezePart, unfrozenAt } from './plan-freeze.ts';
import { type Due, dueAt, type ExpiryPhase, expiryPhase, isInClass } from './schedule.ts';
import { spellTime } from './times.ts';
import { writeConfig } from './write-config.ts';

/** A container that a tick looks at. */
export interface TickMember {
  /** Name in the plan. */
  readonly key: string;
  readonly actual: ActualContainer;
  /** As its file has it; absent: only its boost is looked at. */
  readonly desired?: DesiredContainer;
}

/** What else is known of the cluster. */
export interface TickFacts {
  /** When a container was last started, and stopped, by whomever: ms since the epoch, by vmid. */
  readonly starts: ReadonlyMap<number, number>;
  readonly stops: ReadonlyMap<number, number>;
  /** By vmid; only of those of which snapshots are due. */
  readonly snapshots: ReadonlyMap<number, SnapshotState>;
  readonly storages: readonly StorageInfo[];
  /** Whether this account may give tags that tell of an end. */
  readonly tagging: Tagging;
  /** Tags of boosts and freezes that this account may not change. */
  readonly refusedTags?: readonly string[];
}

/** What is to be done. */
export interface TickPlan {
  readonly plan: Plan;
  /** What stands against it for single containers, which are left out; the others go on. */
  readonly left: readonly Refusal[];
  /** Keys of containers that are to be reset next, in natural order; what comes after that is for the next tick. */
  readonly resets: readonly string[];
  /** So many at once, as the schedules want it. */
  readonly waves: { readonly wave?: number; readonly pauseMs?: number };
}

/** A late reset would throw people out of a class: after so long it is left out while one is under way. */
const lateMs = 15 * 60_000;

/** A part of the plan that grows step by step. */
interface Draft {
  readonly member: TickMember;
  readonly actions: Action[];
  readonly refusals: Refusal[];
  readonly notices: Diagnostic[];
  /** As it will be after the steps so far. */
  container: ActualContainer;
  resets: boolean;
}

const last = (actions: readonly Action[]): string[] => actions.slice(-1).map(({ id }) => id);

/** Appends steps after those that are there; ids that are taken get a number. */
function append({ actions }: Draft, steps: readonly Action[]): void {
  const before = last(actions);
  const renamed = new Map<string, string>();
  for (const step of steps) {
    let id = step.id;
    for (let number = 2; actions.some((one) => one.id === id); number += 1) id = `${step.id}#${number}`;
    renamed.set(step.id, id);
    const dependsOn = step.dependsOn.map((one) => renamed.get(one) ?? one);
    actions.push({ ...step, id, dependsOn: dependsOn.length === 0 ? before : dependsOn });
  }
}

const targetOf = ({ member, container }: Draft): { key: string; vmid: number; node: string } => ({
  key: member.key,
  vmid: container.vmid,
  node: container.node,
});

/** Boost and what is told of the end, in one call. */
function maintain(
  draft: Draft,
  phase: ExpiryPhase,
  now: number,
  { tagging, refusedTags = [] }: Pick<TickFacts, 'tagging' | 'refusedTags'>,
): void {
  const { member, container, notices } = draft;
  const { key, desired } = member;
  const boost = boostOf(container);
  const end =
    boost && isOver(boost, now)
      ? endOfBoost(container, key, { whileFree: true, refusedTags, ...(desired ? { desired } : {}) })
      : undefined;
  if (end && 'notice' in end) notices.push(end.notice);
  const unboosted = end && 'config' in end ? end.config : container.next;
  const config = desired ? withExpiry(unboosted, desired.schedule, phase, tagging) : unboosted;
  if (config === container.next) return;
  const marks = [boostChange(container.next, config), expiryMark(container.next, config)];
  const day = desired?.schedule?.expiry?.day ?? '';
  const reasons = [
    ...(unboosted === container.next ? [] : ['its boost is over']),
    ...(config === unboosted ? [] : [phase === 'announced' ? `ends on ${day}` : `its last day was ${day}`]),
  ];
  const written = writeConfig(container, key, { config, reason: reasons.join('; '), marks });
  append(draft, written.actions);
  draft.refusals.push(...written.refusals);
  notices.push(...written.notices);
  // what follows starts from there
  draft.container = { ...container, next: config, live: config };
  if (config !== unboosted && phase === 'announced') notices.push(announcement(key, day, desired));
}

function announcement(key: string, day: string, desired: DesiredContainer | undefined): Diagnostic {
  const removes = desired?.schedule?.expiry?.onExpiry === 'remove';
  return {
    severity: 'info',
    code: 'EXPIRY_ANNOUNCED',
    message: `${key}: its last day is ${day}; it is stopped then${removes ? ', and removed later' : ''}`,
  };
}

function start(draft: Draft, reason: string): void {
  append(draft, [startAction(targetOf(draft), { reason })]);
  draft.container = { ...draft.container, status: 'running' };
}

function stop(draft: Draft, reason: string): void {
  append(draft, [shutdownAction(targetOf(draft), { reason })]);
  draft.container = { ...draft.container, status: 'stopped' };
}

/** Seconds count: the server's tasks begin at whole ones. */
const isSince = (at: number | undefined, due: number): boolean =>
  at !== undefined && at >= Math.floor(due / 1_000) * 1_000;

/** The file that says so is the permission. */
const permitted = (policy: Policy): Policy => ({ ...policy, allow: { ...policy.allow, destroy: true } });

function snapshot(
  draft: Draft,
  due: Extract<Due, { do: 'snapshot' }>,
  facts: TickFacts,
  policy: Policy,
): void {
  const { container, member } = draft;
  const { vmid } = container;
  const state = facts.snapshots.get(vmid) ?? { snapshots: [] };
  const names = state.snapshots.map(({ name }) => name);
  if (names.includes(due.name)) return;
  const step = (verb: 'create' | 'delete', name: string): ContainerPlan => {
    const request = { verb, name, states: facts.snapshots, storages: facts.storages, description: due.why };
    return snapshotPart(request, member.key, container, permitted(policy));
  };
  const taken = step('create', due.name);
  draft.refusals.push(...taken.refusals);
  append(
    draft,
    taken.actions.map((action) => ({ ...action, reason: due.why })),
  );
  if (due.keep === undefined || taken.refusals.length > 0) return;
  const isOwn = new RegExp(`^${due.prefix}-\\d{8}-\\d{4}$`);
  const own = names.filter((name) => isOwn.test(name)).sort(naturalCompare);
  for (const name of own.slice(0, Math.max(0, own.length + 1 - due.keep))) {
    const gone = step('delete', name);
    draft.refusals.push(...gone.refusals);
    const reason = `${due.keep} of its kind are kept`;
    append(
      draft,
      gone.actions.map((action) => ({ ...action, reason })),
    );
  }
}

function freeze(draft: Draft, due: Extract<Due, { do: 'freeze' }>, facts: TickFacts, how: Now): void {
  const { container, member } = draft;
  if (isSince(unfrozenAt(container), due.at)) return;
  const { stop: stops, snapshot: name, why } = due;
  const request = {
    stop: stops,
    ...(name === undefined ? {} : { snapshot: name }),
    states: facts.snapshots,
    storages: facts.storages,
    now: how.now,
    reason: why,
    ...(facts.refusedTags ? { refusedTags: facts.refusedTags } : {}),
  };
  const part = freezePart(container, member.key, request, how.policy);
  append(draft, part.actions);
  draft.refusals.push(...part.refusals);
  draft.notices.push(...part.notices);
}

/** Whether a reset is due and would not throw anybody out. */
function wantsReset(draft: Draft, due: Due, now: number): boolean {
  const { container, member, notices } = draft;
  if (isSince(Date.parse(recordsOf(member.actual).reset ?? ''), due.at)) return false;
  const schedule = member.desired?.schedule;
  const isLate = now - due.at > lateMs;
  if (!isLate || container.status !== 'running' || !schedule || !isInClass(schedule, now)) return true;
  notices.push({
    severity: 'warning',
    code: 'RESET_TOO_LATE',
    message: `${member.key}: its reset was due at ${spellTime(due.at)} (${due.why}); a class is under way by now, so it is left out`,
  });
  return false;
}

interface Now {
  readonly now: number;
  readonly policy: Policy;
}

function carryOut(draft: Draft, due: Due, facts: TickFacts, how: Now): void {
  const { container } = draft;
  const { vmid } = container;
  if (due.do === 'start') {
    if (container.status !== 'running' && !isSince(facts.stops.get(vmid), due.at)) start(draft, due.why);
  } else if (due.do === 'stop') {
    if (container.status === 'running' && !isSince(facts.starts.get(vmid), due.at)) stop(draft, due.why);
  } else if (due.do === 'snapshot') snapshot(draft, due, facts, how.policy);
  else if (due.do === 'freeze') freeze(draft, due, facts, how);
  else if (wantsReset(draft, due, how.now)) draft.resets = true;
}

/** A container whose last day is over: stopped, and after its time removed, if the file says so. */
function expire(draft: Draft, phase: ExpiryPhase, how: Now): void {
  const { member, container } = draft;
  const { schedule } = member.desired ?? {};
  const day = schedule?.expiry?.day ?? '';
  const reason = `its last day was ${day}`;
  // never in one go: what is removed was stopped, and marked as over, by an earlier tick
  const mayGo = phase === 'removable' && schedule && isToldExpired(member.actual.next, schedule);
  if (!mayGo) {
    if (container.status === 'running') stop(draft, reason);
    return;
  }
  const removal = planRemoval(member.actual, member.key, permitted(how.policy), { reason, purge: true });
  draft.actions.splice(0, draft.actions.length, ...removal.actions);
  draft.refusals.push(...removal.refusals);
}

function planMember(member: TickMember, facts: TickFacts, how: Now): Draft {
  const { actual, desired, key } = member;
  const draft: Draft = { member, actions: [], refusals: [], notices: [], container: actual, resets: false };
  const phase = expiryPhase(desired?.schedule, how.now);
  if (actual.isTemplate) return draft;
  if (frozenOf(actual)) {
    if (phase === 'removable')
      draft.notices.push({
        severity: 'info',
        code: 'FROZEN',
        message: `${key}: its time is over, but it is frozen and stays`,
        hint: `pvefleet unfreeze ${actual.vmid}`,
      });
    return draft;
  }
  maintain(draft, phase, how.now, facts);
  if (phase === 'expired' || phase === 'removable') expire(draft, phase, how);
  else if (desired?.schedule)
    for (const due of dueAt(desired.schedule, how.now)) {
      // a reset brings another config, and maybe another container: what follows is for the next look
      if (draft.resets) break;
      carryOut(draft, due, facts, how);
    }
  const isLocked = actual.lock !== undefined && (draft.actions.length > 0 || draft.resets);
  if (isLocked && !draft.refusals.some(({ code }) => code === 'CONTAINER_LOCKED'))
    draft.refusals.push(lockedRefusal(key, actual.vmid, actual.lock));
  return draft;
}

function outcomeOf({ actions }: Draft): ContainerPlan['outcome'] {
  if (actions.length === 0) return 'unchanged';
  return actions.some(({ kind }) => kind === 'container.destroy') ? 'destroy' : 'update';
}

function wavesOf(drafts: readonly Draft[]): TickPlan['waves'] {
  const schedules = drafts.flatMap(({ member, actions, resets }) =>
    (actions.length > 0 || resets) && member.desired?.schedule ? [member.desired.schedule] : [],
  );
  const waves = schedules.flatMap(({ wave }) => (wave === undefined ? [] : [wave]));
  const pauses = schedules.flatMap(({ pauseMs }) => (pauseMs === undefined ? [] : [pauseMs]));
  return {
    ...(waves.length === 0 ? {} : { wave: Math.min(...waves) }),
    ...(waves.length === 0 || pauses.length === 0 ? {} : { pauseMs: Math.max(...pauses) }),
  };
}

/**
 * Plans what is due.
 *
 * @param fleet - name for the plan; empty: there is no file.
 * @param members - containers that are there, with unique keys.
 * @param facts - what else is known.
 * @param how - the time, ms since the epoch, and what is allowed.
 * @returns the plan without those containers against which something stands.
 */
export function planTick(
  fleet: string,
  members: readonly TickMember[],
  facts: TickFacts,
  how: Now,
): TickPlan {
  const drafts = members.map((member) => planMember(member, facts, how));
  const isFree = ({ refusals }: Draft): boolean => refusals.length === 0;
  const containers = drafts.map(
    (draft): ContainerPlan => ({
      key: draft.member.key,
      outcome: isFree(draft) ? outcomeOf(draft) : 'unchanged',
      actions: isFree(draft) ? draft.actions : [],
      refusals: [],
      notices: draft.notices,
    }),
  );
  return {
    plan: assemblePlan({ fleet, containers }),
    left: drafts.flatMap(({ refusals }) => refusals),
    resets: drafts
      .filter((draft) => isFree(draft) && draft.resets)
      .map(({ member }) => member.key)
      .sort(naturalCompare),
    waves: wavesOf(drafts),
  };
}

/** What has to be read before planning, beside the containers. */
export interface TickQuestions {
  /** Nodes whose tasks tell whether somebody has started or stopped a container since; ms since the epoch. */
  readonly tasks: ReadonlyMap<string, number>;
  readonly snapshots: readonly ActualContainer[];
}

/**
 * Finds out what has to be read.
 *
 * @param members - as for {@link planTick}.
 * @param now - ms since the epoch.
 * @returns nothing for containers that are as they should be.
 */
export function tickQuestions(members: readonly TickMember[], now: number): TickQuestions {
  const tasks = new Map<string, number>();
  const snapshots: ActualContainer[] = [];
  for (const { actual, desired } of members) {
    const { schedule } = desired ?? {};
    const phase = expiryPhase(schedule, now);
    if (!schedule || phase === 'expired' || phase === 'removable' || frozenOf(actual)) continue;
    const dues = dueAt(schedule, now);
    const power = dues.find((due) => due.do === 'start' || due.do === 'stop');
    const isWrong = power && (power.do === 'start') !== (actual.status === 'running');
    if (isWrong) tasks.set(actual.node, Math.min(power.at, tasks.get(actual.node) ?? power.at));
    if (dues.some((due) => due.do === 'snapshot' || (due.do === 'freeze' && due.snapshot !== undefined)))
      snapshots.push(actual);
  }
  return { tasks, snapshots };
}

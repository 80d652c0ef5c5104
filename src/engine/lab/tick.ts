/** A tick: looks what of schedules, boosts and expiries is due now, with as few requests as that takes. Changes nothing. */
import type { ActualContainer, ClusterSnapshot, GuestSummary } from '../../domain/actual.ts';
import { extendPlan } from '../../domain/assemble.ts';
import type { DesiredContainer, DesiredFleet } from '../../domain/desired.ts';
import { boostedTag, expiryTag } from '../../domain/field-row.ts';
import { boostOf } from '../../domain/lab/boost.ts';
import {
  planTick,
  type TickFacts,
  type TickMember,
  type TickPlan,
  tickQuestions,
} from '../../domain/lab/plan-tick.ts';
import { dueAt, expiryPhase } from '../../domain/lab/schedule.ts';
import { labelContainers } from '../../domain/labels.ts';
import type { Policy } from '../../domain/plan.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import { mayTag } from '../cluster-facts.ts';
import type { EngineContext } from '../context.ts';
import { observe } from '../observe.ts';
import { mapBounded } from '../parallel.ts';
import { ready } from '../plan.ts';
import { readSnapshotStates } from '../snapshots.ts';
import { decodeTask } from '../tasks.ts';

/** What a tick is about. */
export interface TickRequest {
  /** Absent: only boosts are looked at, those of all containers. */
  readonly fleet?: DesiredFleet;
  /** ms since the epoch. */
  readonly now: number;
  readonly policy: Policy;
}

const hasTag = ({ tags }: GuestSummary, matches: (tag: string) => boolean): boolean =>
  tags.some((tag) => matches(tag.toLowerCase()));

/** Whether the schedule of any container of the file has something for now. */
function isBusy({ fleet, now }: TickRequest): boolean {
  return (fleet?.containers ?? []).some(
    ({ schedule }) =>
      schedule !== undefined && (dueAt(schedule, now).length > 0 || expiryPhase(schedule, now) !== 'none'),
  );
}

/**
 * Containers in full: all of the fleet when its schedules have something for now, else those that their tags name; all where
 * somebody may have boosted one and not been allowed to give it the tag.
 */
function observeDue(context: EngineContext, request: TickRequest): Promise<ClusterSnapshot> {
  const { fleet } = request;
  const isMarked = (guest: GuestSummary): boolean =>
    hasTag(guest, (tag) => tag === boostedTag || (fleet !== undefined && expiryTag.test(tag)));
  const busy = isBusy(request);
  return observe(context, {
    all: true,
    narrow: (guest, mayBeOwned, mayLackTag) => mayLackTag || isMarked(guest) || (busy && mayBeOwned),
    byOwner: busy,
    byMark: true,
  });
}

/** The containers that a tick may touch: those of the fleet, and boosted ones that no fleet owns. */
function membersOf(snapshot: ClusterSnapshot, fleet: DesiredFleet | undefined): TickMember[] {
  const desired = new Map<string, DesiredContainer>(fleet?.containers.map((one) => [one.key, one]));
  const containers = [...snapshot.containers.values()];
  if (!fleet) {
    const boosted = containers.filter((one) => boostOf(one) !== undefined);
    const labels = labelContainers(boosted);
    return boosted.map((actual) => ({ key: labels.get(actual.vmid) as string, actual }));
  }
  const own = containers.filter((one) => one.ownership?.fleet === fleet.name);
  const keys = own.map(({ ownership }) => ownership?.key ?? '');
  // of two that claim one key one is a copy made by hand: both are left alone, as apply does
  const members = own
    .filter((_, index) => keys.indexOf(keys[index] as string) === keys.lastIndexOf(keys[index] as string))
    .map((actual): TickMember => {
      const key = actual.ownership?.key ?? '';
      const wish = desired.get(key);
      return { key, actual, ...(wish ? { desired: wish } : {}) };
    });
  const others = containers.filter((one) => !one.ownership && boostOf(one) !== undefined);
  const free = (actual: ActualContainer): string => {
    const name = actual.name ?? String(actual.vmid);
    return members.some(({ key }) => key === name) ? `${name}@${actual.vmid}` : name;
  };
  const twice = (name: string): boolean => others.filter((one) => free(one) === name).length > 1;
  return [
    ...members,
    ...others.map((actual) => {
      const name = free(actual);
      return { key: twice(name) ? `${name}@${actual.vmid}` : name, actual };
    }),
  ];
}

const startTypes: ReadonlySet<string> = new Set(['vzstart', 'hastart']);
const stopTypes: ReadonlySet<string> = new Set(['vzstop', 'vzshutdown', 'hastop']);

/** Tasks at most that are asked for per node; within the grace time there are far fewer. */
const mostTasks = 5_000;

/** When containers were started and stopped, by anybody whose tasks this account may see. */
async function readPower(
  context: EngineContext,
  nodes: ReadonlyMap<string, number>,
): Promise<Pick<TickFacts, 'starts' | 'stops'>> {
  const starts = new Map<number, number>();
  const stops = new Map<number, number>();
  await mapBounded(context.limits.requests, [...nodes], async ([node, since]) => {
    const rows = await context.pve.get(
      '/nodes/{node}/tasks',
      { node, source: 'all', since: Math.floor(since / 1_000), limit: mostTasks },
      { signal: context.signal },
    );
    for (const { type, id, startedAt, state } of rows.map(decodeTask)) {
      // a failed one has changed nothing
      const times =
        state === 'failed'
          ? undefined
          : startTypes.has(type)
            ? starts
            : stopTypes.has(type)
              ? stops
              : undefined;
      const vmid = Number(id);
      times?.set(vmid, Math.max(startedAt * 1_000, times.get(vmid) ?? 0));
    }
  });
  return { starts, stops };
}

/**
 * Plans what is due.
 *
 * @param request - the file, the time and what is allowed.
 * @returns the plan, judged by the rights of the account; emits `plan.ready` only where there is something to do.
 * @throws PveError when the cluster cannot be read.
 */
export async function makeTickPlan(context: EngineContext, request: TickRequest): Promise<TickPlan> {
  const { fleet, now, policy } = request;
  const snapshot = await observeDue(context, request);
  const members = membersOf(snapshot, fleet);
  const questions = tickQuestions(members, now);
  const ends = members.some(({ desired }) => expiryPhase(desired?.schedule, now) !== 'none');
  const [power, snapshots, tagging] = await Promise.all([
    readPower(context, questions.tasks),
    readSnapshotStates(context, questions.snapshots, true),
    ends ? mayTag(context, snapshot.tagRules, (tag) => expiryTag.test(tag)) : ('allowed' as const),
  ]);
  const { storages, refusedTags = [] } = snapshot;
  const facts: TickFacts = { ...power, snapshots, storages, tagging, refusedTags };
  const made = planTick(fleet?.name ?? '', members, facts, { now, policy });
  const notices = made.left.map(({ code, message, hint }) => ({
    severity: 'warning' as const,
    code,
    message: `left out: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  }));
  const due: Diagnostic[] =
    made.resets.length === 0
      ? []
      : [
          {
            severity: 'info',
            code: 'RESET_DUE',
            message: `to be reset next: ${made.resets.join(', ')}`,
          },
        ];
  const plan = extendPlan(made.plan, { notices: [...notices, ...due] });
  if (plan.actions.length === 0) return { ...made, plan };
  return { ...made, plan: (await ready(context, plan, snapshot)).plan };
}

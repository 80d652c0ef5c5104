/**
 * Faults that last: a node that is lost, a cluster without majority, a full storage. Begun and ended by requests and by
 * time; both are looked at whenever something happens, so that nothing waits on the clock. Changes the state it is given.
 */
import type { SimState } from '../model/state.ts';
import type { FaultSubject, PeriodEntry } from './entries.ts';

/** One that was switched on by a schedule. */
export interface Period {
  readonly entry: PeriodEntry;
  /** Asked for each request while it waits: whether it shall begin with this one. */
  readonly begins: (request: FaultSubject) => boolean;
  /** From when on `afterMs` counts. */
  waitingSinceMs: number;
  /** Null while it waits. */
  running: { readonly sinceMs: number; requestsLeft: number } | null;
  timesLeft: number;
}

/** What conditions change. */
type World = Pick<SimState, 'nodes' | 'storages' | 'quorate'>;

const subject = (entry: PeriodEntry): string => {
  if (entry.fault === 'node-loss') return `${entry.fault} ${entry.node}`;
  return entry.fault === 'full-storage' ? `${entry.fault} ${entry.storage}` : entry.fault;
};

/**
 * Puts what has begun into force, and takes what has ended out of it.
 *
 * @param running - all that run.
 * @param changed - those that have begun or ended.
 */
function enforce(
  world: World,
  running: readonly PeriodEntry[],
  changed: readonly PeriodEntry[],
  quorateOtherwise: boolean,
): void {
  for (const entry of changed) {
    if (entry.fault === 'node-loss') {
      const node = world.nodes[entry.node];
      const lost = running.some((other) => other.fault === 'node-loss' && other.node === entry.node);
      if (node) node.status = lost ? 'offline' : 'online';
    } else if (entry.fault === 'full-storage') {
      const storage = world.storages[entry.storage];
      const limits = running.flatMap((other) =>
        other.fault === 'full-storage' && other.storage === entry.storage ? [other.freeBytes ?? 0] : [],
      );
      if (storage && limits.length > 0) storage.freeAtMostBytes = Math.min(...limits);
      else delete storage?.freeAtMostBytes;
    }
  }
  const nodes = Object.values(world.nodes);
  const losesNode = running.some(({ fault }) => fault === 'node-loss');
  const majority = nodes.filter(({ status }) => status === 'online').length * 2 > nodes.length;
  const lostVotes = running.some(({ fault }) => fault === 'quorum-loss') || (losesNode && !majority);
  world.quorate = quorateOtherwise && !lostVotes;
}

export interface Conditions {
  add(period: Period): void;
  /** Ends those of these entries that run, and forgets them. */
  remove(periods: readonly Period[]): void;
  /**
   * Lets what is due begin and end.
   *
   * @param request - the request that comes, if one does: it counts, and is the first to see what begins.
   * @returns what began and ended, in words.
   */
  tick(nowMs: number, request?: FaultSubject): string[];
  /** Takes everything that runs out of a copy of the state. */
  removeFrom(copy: SimState): void;
}

function hasEnded(period: Period, nowMs: number, isRequest: boolean): boolean {
  const { running, entry } = period;
  if (!running) return false;
  if (entry.forMs !== undefined && nowMs >= running.sinceMs + entry.forMs) return true;
  return isRequest && running.requestsLeft <= 0;
}

function shallBegin(period: Period, nowMs: number, request: FaultSubject | undefined): boolean {
  const { entry, waitingSinceMs, timesLeft } = period;
  if (timesLeft <= 0 || nowMs < waitingSinceMs + (entry.afterMs ?? 0)) return false;
  const { method, path, skip, probability } = entry;
  const waitsForRequest = [method, path, skip, probability].some((key) => key !== undefined);
  return waitsForRequest ? request !== undefined && period.begins(request) : true;
}

/**
 * Makes the conditions of one simulator; none at first.
 *
 * @param state - the cluster; nodes, storages and quorum are changed.
 */
export function createConditions(state: SimState): Conditions {
  let periods: Period[] = [];
  let quorateOtherwise = state.quorate;
  const runningEntries = (): PeriodEntry[] =>
    periods.filter((period) => period.running).map(({ entry }) => entry);
  const anyRuns = (): boolean => periods.some((period) => period.running);
  return {
    add(period) {
      if (!anyRuns()) quorateOtherwise = state.quorate;
      periods.push(period);
    },
    remove(gone) {
      const ended = gone.filter((period) => period.running).map(({ entry }) => entry);
      for (const period of gone) period.running = null;
      if (ended.length > 0) enforce(state, runningEntries(), ended, quorateOtherwise);
      periods = periods.filter((period) => !gone.includes(period));
    },
    tick(nowMs, request) {
      const told: string[] = [];
      const changed = new Set<PeriodEntry>();
      if (!anyRuns()) quorateOtherwise = state.quorate;
      for (const period of periods) {
        if (hasEnded(period, nowMs, request !== undefined)) {
          period.running = null;
          period.waitingSinceMs = nowMs;
          changed.add(period.entry);
          told.push(`${subject(period.entry)} ends`);
        }
        if (!period.running && shallBegin(period, nowMs, request)) {
          period.running = {
            sinceMs: nowMs,
            requestsLeft: period.entry.forRequests ?? Number.POSITIVE_INFINITY,
          };
          period.timesLeft -= 1;
          changed.add(period.entry);
          told.push(`${subject(period.entry)} begins`);
        }
        if (period.running && request) period.running.requestsLeft -= 1;
      }
      if (changed.size > 0) enforce(state, runningEntries(), [...changed], quorateOtherwise);
      return told;
    },
    removeFrom(copy) {
      if (anyRuns()) enforce(copy, [], runningEntries(), quorateOtherwise);
    },
  };
}

/**
 * Faults on demand: what can go wrong between a client and a cluster, switched on by a test, a seed file or a schedule.
 * Rules are tried in the order they were added; each counts down and disappears. Equal seeds and equal requests give
 * equal faults.
 */

import type { Clock } from '../util/clock.ts';
import { InternalError } from '../util/errors.ts';
import { globMatcher } from '../util/glob.ts';
import { type Conditions, createConditions, type Period } from './faults/conditions.ts';
import type {
  ConfigEdit,
  FaultEntry,
  FaultSubject,
  LockWhen,
  RequestWhen,
  TaskWhen,
} from './faults/entries.ts';
import { checkFaults, knownAnswers } from './faults/schedule.ts';
import { nextRandom } from './model/random.ts';
import type { SimState } from './model/state.ts';
import type { TaskFault } from './model/tasks.ts';

export type { ConfigEdit, FaultEntry } from './faults/entries.ts';

/** Which requests a fault hits. */
export type FaultMatch = RequestWhen;

/** A fault of a single request. */
export type RequestFault =
  /** The answer takes longer, in simulated ms. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** The connection breaks: before the request has had its effect, or after it. */
  | { readonly kind: 'drop'; readonly when: 'before' | 'after' }
  /**
   * Another answer: 401 (expired ticket), 595, 596 (node or daemon out of reach), 500 …; with `when: 'after'` the request
   * has had its effect nevertheless. `delayMs` is what passes before it, in simulated ms.
   */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly reason: string;
      readonly when?: 'before' | 'after';
      readonly delayMs?: number;
    }
  /** Somebody changes a container as root@pam, before or (default) right after the request. */
  | { readonly kind: 'edit'; readonly edit: ConfigEdit; readonly when?: 'before' | 'after' };

/** Which tasks a fault hits. */
export type TaskMatch = TaskWhen;

export interface Faults {
  /** Adds a fault of requests; returns a function that takes it back. */
  onRequest(match: FaultMatch, fault: RequestFault): () => void;
  /** Adds a fault of tasks: `{ fail: text }` or `{ warn: text }`. */
  onTask(match: TaskMatch, fault: TaskFault): () => void;
  /** Adds a lock that is not to be had while others would wait for it. */
  onLock(match: LockWhen): () => void;
  /**
   * Adds the entries of a schedule, as seed files hold them; returns a function that takes them all back.
   *
   * @throws UsageError that names each wrong entry and key.
   */
  schedule(entries: readonly FaultEntry[]): () => void;
  clear(): void;
}

/** The simulator's own view: asks, and uses up. */
export interface FaultSource extends Faults {
  requestFaults(request: FaultSubject): RequestFault[];
  taskFault(type: string, id: string): TaskFault | undefined;
  /** Whether somebody else holds this lock for as long as anybody would wait. */
  lockFault(name: string): boolean;
  /** Lets what lasts begin and end; returns what did, in words. */
  tick(request?: FaultSubject): string[];
  /** Takes what lasts at the moment out of a copy of the state, which is to be saved. */
  removeFrom(copy: SimState): void;
}

/** Thrown instead of an answer when the connection shall break; msw.ts and server.ts know what to do with it. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped';
}

/** What conditions change, and where the random numbers begin. */
export interface FaultWorld {
  readonly state: SimState;
  readonly clock: Clock;
  readonly randomSeed?: number;
}

interface Rule<F> {
  readonly matches: (...subject: string[]) => boolean;
  skip: number;
  times: number;
  /** True when chance lets it strike. */
  readonly chance: () => boolean;
  readonly fault: F;
}

/** Whether a rule strikes now; counts it down. */
function strikes(rule: Rule<unknown>, ...subject: string[]): boolean {
  if (rule.times <= 0 || !rule.matches(...subject)) return false;
  if (rule.skip > 0) {
    rule.skip -= 1;
    return false;
  }
  if (!rule.chance()) return false;
  rule.times -= 1;
  return true;
}

/** Faults that strike now, in the order of the rules; rules that are used up go. */
function strike<F>(rules: Rule<F>[], ...subject: string[]): F[] {
  const hits = rules.slice().filter((rule) => strikes(rule, ...subject));
  for (const rule of hits) if (rule.times <= 0) rules.splice(rules.indexOf(rule), 1);
  return hits.map(({ fault }) => fault);
}

function addRule<F>(rules: Rule<F>[], rule: Rule<F>): () => void {
  rules.push(rule);
  return () => {
    const index = rules.indexOf(rule);
    if (index >= 0) rules.splice(index, 1);
  };
}

function requestMatcher({ method, path }: RequestWhen): (...subject: string[]) => boolean {
  const fits = path === undefined ? undefined : globMatcher(path);
  return (verb = '', actual = '', template = '') =>
    (method === undefined || method === verb) &&
    (fits === undefined || path === template || fits(actual) || fits(template));
}

/** What an entry does to a request; undefined for entries about something else. */
function requestFaultOf(entry: FaultEntry): RequestFault | undefined {
  if (entry.fault === 'latency') return { kind: 'latency', ms: entry.ms };
  if (entry.fault === 'drop') return { kind: 'drop', when: entry.when ?? 'before' };
  if (entry.fault === 'edit') {
    const { vmid, set, delete: remove, when = 'after' } = entry;
    const edit = {
      ...(vmid === undefined ? {} : { vmid }),
      ...(set === undefined ? {} : { set }),
      ...(remove === undefined ? {} : { delete: remove }),
    };
    return { kind: 'edit', edit, when };
  }
  if (entry.fault !== 'answer') return undefined;
  const { status, when = 'before' } = entry;
  const known = knownAnswers[status];
  const delayMs = entry.ms ?? known?.ms ?? 0;
  return { kind: 'answer', status, reason: entry.reason ?? known?.reason ?? '', when, delayMs };
}

/**
 * Makes the faults of one simulator; there are none at first.
 *
 * @param world - what lasting faults change; without it there are none of those.
 */
export function createFaults(world?: FaultWorld): FaultSource {
  const requests: Rule<RequestFault>[] = [];
  const tasks: Rule<TaskFault>[] = [];
  const lockRules: Rule<true>[] = [];
  const conditions: Conditions | undefined = world && createConditions(world.state);
  const { randomSeed = 1 } = world ?? {};
  let added = 0;
  let periods: Period[] = [];

  /** Each rule has a generator of its own, so that rules do not disturb each other. */
  const counting = ({
    skip = 0,
    times,
    probability,
  }: Pick<RequestWhen, 'skip' | 'times' | 'probability'>) => {
    added += 1;
    const generator = { random: (randomSeed + Math.imul(added, 0x9e3779b1)) >>> 0 };
    return {
      skip,
      times: times ?? (probability === undefined ? 1 : Number.POSITIVE_INFINITY),
      chance: () => probability === undefined || nextRandom(generator) < probability,
    };
  };
  const onRequest: Faults['onRequest'] = (match, fault) =>
    addRule(requests, { matches: requestMatcher(match), ...counting(match), fault });
  const onTask: Faults['onTask'] = (match, fault) => {
    const { type, id } = match;
    const matches = (actualType = '', actualId = ''): boolean =>
      (type === undefined || type === actualType) && (id === undefined || String(id) === actualId);
    return addRule(tasks, { matches, ...counting(match), fault });
  };
  const onLock: Faults['onLock'] = (match) => {
    const matches = match.lock === undefined ? () => true : globMatcher(match.lock);
    return addRule(lockRules, { matches: (name = '') => matches(name), ...counting(match), fault: true });
  };

  const addPeriod = (entry: Period['entry'], { clock }: FaultWorld): (() => void) => {
    const { times, skip, chance } = counting(entry);
    const rule = {
      matches: requestMatcher(entry),
      skip,
      times: Number.POSITIVE_INFINITY,
      chance,
      fault: true,
    };
    const period: Period = {
      entry,
      begins: ({ method, path, template }) => strikes(rule, method, path, template),
      waitingSinceMs: clock.now(),
      running: null,
      timesLeft: times,
    };
    periods.push(period);
    conditions?.add(period);
    return () => {
      conditions?.remove([period]);
      periods = periods.filter((other) => other !== period);
    };
  };
  const add = (entry: FaultEntry, known: FaultWorld): (() => void) => {
    switch (entry.fault) {
      case 'task-failure':
        return onTask(entry, { fail: entry.text ?? 'simulated failure', when: entry.when ?? 'during' });
      case 'task-warning':
        return onTask(entry, { warn: entry.text ?? 'simulated warning' });
      case 'lock-timeout':
        return onLock(entry);
      case 'full-storage':
      case 'node-loss':
      case 'quorum-loss':
        return addPeriod(entry, known);
      default:
        return onRequest(entry, requestFaultOf(entry) as RequestFault);
    }
  };

  return {
    onRequest,
    onTask,
    onLock,
    schedule(entries) {
      if (!world) throw new InternalError('these faults have no cluster');
      const undo = checkFaults(entries, world.state).map((entry) => add(entry, world));
      return () => {
        for (const takeBack of undo) takeBack();
      };
    },
    clear() {
      requests.length = 0;
      tasks.length = 0;
      lockRules.length = 0;
      conditions?.remove(periods);
      periods = [];
    },
    requestFaults: ({ method, path, template }) => strike(requests, method, path, template),
    taskFault: (type, id) => strike(tasks, type, id)[0],
    lockFault: (name) => strike(lockRules, name).length > 0,
    tick: (request) => (world && conditions ? conditions.tick(world.clock.now(), request) : []),
    removeFrom: (copy) => conditions?.removeFrom(copy),
  };
}

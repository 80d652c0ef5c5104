/**
 * Faults on demand: what can go wrong between a client and a cluster, switched on by a test or a demo. Rules are tried in
 * the order they were added; each counts down and disappears.
 */
import { globMatcher } from '../util/glob.ts';
import type { TaskFault } from './model/tasks.ts';

/** Which requests a fault hits. */
export interface FaultMatch {
  readonly method?: string;
  /** Path below the format, or a path template of the schema; `*` stands for anything. */
  readonly path?: string;
  /** Lets that many matching requests pass first. */
  readonly skip?: number;
  /** How often it strikes; default once. */
  readonly times?: number;
}

/** A fault of the transport. */
export type RequestFault =
  /** The answer takes longer, in simulated ms. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** The connection breaks: before the request has had its effect, or after it. */
  | { readonly kind: 'drop'; readonly when: 'before' | 'after' }
  /**
   * Another answer: 401 (expired ticket), 595, 596 (node or daemon out of reach), 500 …; with `when: 'after'` the request
   * has had its effect nevertheless.
   */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly reason: string;
      readonly when?: 'before' | 'after';
    };

/** Which tasks a fault hits. */
export interface TaskMatch {
  /** Task type, for example `vzcreate`. */
  readonly type?: string;
  /** Task id, usually a VMID. */
  readonly id?: string;
  readonly skip?: number;
  readonly times?: number;
}

export interface Faults {
  /** Adds a fault of requests; returns a function that takes it back. */
  onRequest(match: FaultMatch, fault: RequestFault): () => void;
  /** Adds a fault of tasks: `{ fail: text }` or `{ warn: text }`. */
  onTask(match: TaskMatch, fault: TaskFault): () => void;
  clear(): void;
}

/** The simulator's own view: asks, and uses up. */
export interface FaultSource extends Faults {
  requestFaults(request: { method: string; path: string; template: string }): RequestFault[];
  taskFault(type: string, id: string): TaskFault | undefined;
}

/** Thrown instead of an answer when the connection shall break; msw.ts and server.ts know what to do with it. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped';
}

interface Rule<F> {
  readonly matches: (...subject: string[]) => boolean;
  skip: number;
  times: number;
  readonly fault: F;
}

function addRule<F>(rules: Rule<F>[], rule: Rule<F>): () => void {
  rules.push(rule);
  return () => {
    const index = rules.indexOf(rule);
    if (index >= 0) rules.splice(index, 1);
  };
}

/** Faults that strike now; counts them down. */
function strike<F>(rules: Rule<F>[], ...subject: string[]): F[] {
  const hits: F[] = [];
  for (const rule of rules.slice()) {
    if (!rule.matches(...subject)) continue;
    if (rule.skip > 0) {
      rule.skip -= 1;
      continue;
    }
    hits.push(rule.fault);
    rule.times -= 1;
    if (rule.times <= 0) rules.splice(rules.indexOf(rule), 1);
  }
  return hits;
}

/** Makes the faults of one simulator; there are none at first. */
export function createFaults(): FaultSource {
  const requests: Rule<RequestFault>[] = [];
  const tasks: Rule<TaskFault>[] = [];
  return {
    onRequest({ method, path, skip = 0, times = 1 }, fault) {
      const fits = path === undefined ? undefined : globMatcher(path);
      const matches = (verb = '', actual = '', template = ''): boolean =>
        (method === undefined || method === verb) &&
        (fits === undefined || path === template || fits(actual) || fits(template));
      return addRule(requests, { matches, skip, times, fault });
    },
    onTask({ type, id, skip = 0, times = 1 }, fault) {
      const matches = (actualType = '', actualId = ''): boolean =>
        (type === undefined || type === actualType) && (id === undefined || id === actualId);
      return addRule(tasks, { matches, skip, times, fault });
    },
    clear() {
      requests.length = 0;
      tasks.length = 0;
    },
    requestFaults: ({ method, path, template }) => strike(requests, method, path, template),
    taskFault: (type, id) => strike(tasks, type, id)[0],
  };
}

/** Everything the engine needs from outside. No module of the engine keeps state of its own. */
import type { PveClient } from '../api/types.ts';
import type { Clock } from '../util/clock.ts';
import type { EngineEvent, EventSink } from './events.ts';
import type { Credentials } from './lab/credentials.ts';

/** How much may be under way at once. */
export interface Limits {
  /** Reads in parallel. */
  readonly requests: number;
  /** Actions in parallel, over all nodes. */
  readonly actions: number;
  readonly actionsPerNode: number;
  /** The limit of a node grows to this while that pays; never less than `actionsPerNode`. */
  readonly mostPerNode: number;
  /** Actions that allocate disks, per storage and node; of a shared storage, in the whole cluster. */
  readonly allocationsPerStorage: number;
  /** The limit of a storage grows to this while that pays; never less than `allocationsPerStorage`. */
  readonly mostPerStorage: number;
  readonly downloadsPerStorage: number;
  /** Consoles of containers that are worked in. Each takes a port of the node that we talk to, which has 100. */
  readonly consoles: number;
  readonly consolesPerNode: number;
  /** How long an action waits for locks of others, in milliseconds. */
  readonly lockWaitMs: number;
}

export const defaultLimits: Limits = {
  requests: 8,
  actions: 8,
  actionsPerNode: 4,
  mostPerNode: 8,
  allocationsPerStorage: 3,
  mostPerStorage: 8,
  downloadsPerStorage: 1,
  consoles: 24,
  consolesPerNode: 8,
  lockWaitMs: 120_000,
};

/** Handed to every engine function. */
export interface EngineContext {
  readonly pve: PveClient;
  readonly clock: Clock;
  readonly emit: (event: EngineEvent) => void;
  /** Aborted: stop waiting at once (second Ctrl-C). Tasks on the server go on. */
  readonly signal: AbortSignal;
  /** Aborted: start nothing new, let running actions end (first Ctrl-C). */
  readonly drain: AbortSignal;
  readonly limits: Limits;
  /** Gives the value of a secret reference such as `env:STUDENT_PASSWORD`. */
  readonly resolveSecret: (reference: string) => Promise<string>;
  /** Random number in [0, 1), for jitter. */
  readonly random: () => number;
  /** Where generated passwords are written; absent: plans that make any are refused. */
  readonly credentials?: Credentials;
  /** Where containers remember the steps that were run inside; absent: the usual place. For tests. */
  readonly markerFolder?: string;
  /** Who we are, `user@realm` or `user@realm!token`; tells our own tasks from those of others. */
  readonly identity?: string;
}

/** What {@link createContext} is given. */
export interface ContextOptions extends Omit<EngineContext, 'emit' | 'limits' | 'random'> {
  readonly sink: EventSink;
  readonly limits?: Partial<Limits>;
  readonly random?: () => number;
}

/** What somebody has set is not exceeded, unless he has set how far it may grow as well. */
function withLimits(given: Partial<Limits> = {}): Limits {
  const { actions, actionsPerNode, allocationsPerStorage } = given;
  return {
    ...defaultLimits,
    ...(actions === undefined ? {} : { consoles: Math.min(actions, defaultLimits.consoles) }),
    ...(actionsPerNode === undefined ? {} : { mostPerNode: actionsPerNode }),
    ...(allocationsPerStorage === undefined ? {} : { mostPerStorage: allocationsPerStorage }),
    ...given,
  };
}

/**
 * Builds the context of one run: numbers and stamps events, and keeps a failing sink from breaking the run.
 *
 * @param options - client, clock, signals, limits and the sink that events go to.
 * @returns the context.
 */
export function createContext(options: ContextOptions): EngineContext {
  const { sink, limits, random, ...rest } = options;
  let seq = 0;
  let broken = false;
  return {
    ...rest,
    limits: withLimits(limits),
    random: random ?? Math.random,
    emit: (event) => {
      if (broken) return;
      seq += 1;
      try {
        sink({ ...event, seq, at: new Date(options.clock.now()).toISOString() });
      } catch (error) {
        broken = true;
        process.emitWarning(`the event sink failed and was switched off: ${String(error)}`);
      }
    },
  };
}

/**
 * The simulated Proxmox VE cluster: a function from Request to Response over a model that is plain JSON. Knows nothing of
 * the client; server.ts and msw.ts put it behind a socket or in front of an HTTP client.
 */
import { type Clock, systemClock } from '../util/clock.ts';
import type { ConsoleBackend } from './console/backend.ts';
import { type ConsoleHub, createConsoleHub } from './console/hub.ts';
import { createScriptedShell } from './console/scripted/index.ts';
import type { HandlerTable } from './context.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { createFaults, type FaultEntry, type Faults } from './faults.ts';
import { createFetch } from './fetch.ts';
import { mergeHandlers } from './handlers/index.ts';
import { type JournalEntry, record } from './journal.ts';
import { createLocks } from './model/locks.ts';
import { type SeedName, seedState } from './model/seed.ts';
import type { SimState } from './model/state.ts';
import { createTaskRunner, endLostTasks } from './model/tasks.ts';
import { toResponse } from './wire/answer.ts';
import type { WireRequest, WireResponse } from './wire/exchange.ts';

export type { ConsoleBackend, ConsoleProcess, ConsoleSize } from './console/backend.ts';
export { createRealShell, type RealShellOptions } from './console/real-shell.ts';
export type { Coverage } from './coverage.ts';
export type { FaultEntry, FaultMatch, Faults, RequestFault, TaskMatch } from './faults.ts';
export type { JournalEntry } from './journal.ts';
export type { SeedName } from './model/seed.ts';
export type { SimState } from './model/state.ts';

export interface SimulatorOptions {
  /** A named cluster, or a state that was saved. Default `small`. */
  readonly seed?: SeedName | SimState;
  /** Time of the simulation; default: the machine's clock. */
  readonly clock?: Clock;
  /** Delay of every answer, in simulated ms. */
  readonly latencyMs?: number;
  /** Where the random numbers of a named seed begin; default 1. */
  readonly randomSeed?: number;
  /** How many requests the journal keeps; default 10 000. */
  readonly journalLimit?: number;
  /** Faults from the start; more can be switched on later. */
  readonly faults?: readonly FaultEntry[];
  /** What runs in consoles; default: a small shell that is made up. */
  readonly console?: ConsoleBackend;
  /** Time by which console tickets grow old; default `clock`. The machine's, where `clock` runs too fast for a network. */
  readonly consoleClock?: Clock;
  /** Called with each request when it has been answered. */
  readonly onRequest?: (entry: JournalEntry) => void;
  /** Further or other handlers, for tests of the simulator itself. */
  readonly handlers?: HandlerTable;
}

/** How to get in. */
export interface SimCredentials {
  readonly username: string;
  readonly password: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
}

export interface Simulator {
  /** Answers a request; rejects only when a fault drops the connection. */
  fetch(request: Request): Promise<Response>;
  /** The same without a Request and a Response around it, for servers. */
  answer(request: WireRequest): Promise<WireResponse>;
  /** The cluster itself; tests look at it to see what really happened. */
  readonly state: SimState;
  readonly journal: JournalEntry[];
  readonly clock: Clock;
  /** root@pam, with all rights. */
  readonly credentials: SimCredentials;
  /** Simulated operations, `METHOD /path/template`. */
  readonly handlerKeys: string[];
  readonly faults: Faults;
  /** Consoles of the answering node, for servers. */
  readonly consoles: ConsoleHub;
  coverage(): Coverage;
  /** A copy of the state, to be saved and given as `seed` later. */
  exportState(): SimState;
  /** Resolves when no task runs any more; tasks that wait for time need the clock to move. */
  settle(): Promise<void>;
}

function credentialsOf(state: SimState): SimCredentials {
  const root = state.users['root@pam'];
  const token = Object.values(root?.tokens ?? {}).find(({ privsep, expire }) => !privsep && expire === 0);
  return {
    username: 'root@pam',
    password: root?.password ?? '',
    tokenId: token ? `root@pam!${token.tokenid}` : '',
    tokenSecret: token?.secret ?? '',
  };
}

/** A clock that goes on where a saved state was left, should that have run ahead of it. */
function notBefore(clock: Clock, savedAtMs: number): Clock {
  const aheadMs = savedAtMs - clock.now();
  if (aheadMs <= 0) return clock;
  return { now: () => clock.now() + aheadMs, sleep: (ms, signal) => clock.sleep(ms, signal) };
}

/**
 * Makes a simulated cluster.
 *
 * @param options - see {@link SimulatorOptions}.
 * @returns the cluster; it holds no resources but memory.
 */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const { seed = 'small', latencyMs = 0, randomSeed = 1, journalLimit = 10_000 } = options;
  const given = options.clock ?? systemClock;
  const state = typeof seed === 'string' ? seedState(seed, randomSeed, given.now()) : structuredClone(seed);
  const clock = notBefore(given, state.savedAtMs ?? 0);
  endLostTasks(state, clock.now());
  const handlers = { ...mergeHandlers(), ...options.handlers };
  const faults = createFaults({ state, clock, randomSeed });
  faults.schedule(options.faults ?? []);
  const tasks = createTaskRunner({
    state,
    clock,
    faultOf: (type, id) => faults.taskFault(type, id),
    onStep: () => void faults.tick(),
  });
  const locks = createLocks(clock, () => tasks.openGates(), {
    isBusy: (name) => faults.lockFault(name),
    isQuorate: () => state.quorate,
  });
  const keyClock = options.consoleClock ?? clock;
  const consoles = createConsoleHub({
    state,
    clock: keyClock,
    backend: options.console ?? createScriptedShell({ state, clock, keyClock }),
  });
  const journal: JournalEntry[] = [];
  const answer = createFetch({
    state,
    clock,
    tasks,
    locks,
    consoles,
    handlers,
    faults,
    latencyMs,
    onRequest: (entry) => {
      record(journal, entry, journalLimit);
      options.onRequest?.(entry);
    },
  });
  return {
    fetch: async (request) => toResponse(await answer(request)),
    answer,
    state,
    journal,
    clock,
    credentials: credentialsOf(state),
    handlerKeys: Object.keys(handlers),
    faults,
    consoles,
    coverage: () => coverageOf(handlers),
    exportState: () => {
      const copy = structuredClone(state);
      faults.removeFrom(copy);
      return copy;
    },
    settle: () => tasks.settle(),
  };
}

/**
 * Workers of the simulated node: UPIDs, logs, warnings, exit statuses, stopping. Entries live in `state.tasks`; what
 * runs lives here. A task is seen running by at least one request that follows the one that started it, as on the real
 * server, where forking takes longer than asking: see `Gate`.
 */
import { type Clock, systemClock } from '../../util/clock.ts';
import { messageOf } from '../../util/errors.ts';
import { SimError, type SimWorker } from '../context.ts';
import type { SimState, SimTask } from './state.ts';

/** What shall go wrong with a task; see faults.ts. */
export interface TaskFault {
  /** The worker dies with this text. */
  readonly fail?: string;
  /**
   * `before` (default): it does nothing at all, and leaves what the request has made. `during`: it dies in the midst of
   * its work, and clears up; the text is then part of what it says.
   */
  readonly when?: 'before' | 'during';
  /** The worker does its work and warns. */
  readonly warn?: string;
}

interface TaskOwner {
  /** `user@realm` or `user@realm!token`. */
  readonly authid: string;
  /** Number of the request that forks; absent for a worker that forks another one. */
  readonly request?: number;
}

export interface TaskRunner {
  /** Starts a worker; returns its UPID at once. */
  fork(
    owner: TaskOwner,
    type: string,
    id: string,
    node: string,
    work: (worker: SimWorker) => Promise<void>,
  ): string;
  /** TERM, and after up to 5 s KILL; resolves when the task has ended. */
  stop(upid: string): Promise<void>;
  /** Resolves when no worker runs any more; workers that wait for time need their clock to move. */
  settle(): Promise<void>;
  /** Counts a request in, so that gates know what follows what. */
  requestBegins(): number;
  requestEnds(request: number): void;
  /** Lets every task end that waits only for having been seen; called when a request itself waits. */
  openGates(): void;
}

/** How long a task that nobody asks about is held back, in real ms. */
const unseenMs = 200;
/** Time between TERM and KILL (PVE::RPCEnvironment check_worker). */
const killAfterMs = 5000;
/** Finished tasks that are kept; the real index files hold about as many. */
const keptTasks = 2000;

/**
 * Keeps a worker from ending before a later request could see it. Opens when a request that began after the forking one
 * had been answered is finished, when a request has to wait (it may be waiting for this very task), when the task is
 * stopped, and after some real time, because nobody may ever ask.
 */
interface Gate {
  /** Number of the last request that had begun when the forking one ended; null while that one runs. */
  armedAt: number | null;
  readonly request: number | null;
  isOpen: boolean;
  readonly open: () => void;
  readonly opened: Promise<void>;
}

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<void>;
  readonly gate: Gate;
  hardEnd: string | null;
}

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/** One line, as exit statuses and TASK lines are. */
function taskText(error: unknown): string {
  const message = messageOf(error).trimEnd();
  if (!(error instanceof SimError) || error.errors === undefined) return message.replaceAll('\n', ' ');
  const details = Object.entries(error.errors).map(([key, text]) => `${key}: ${text}`);
  return [`${error.status} ${message}`, ...details].join('\n').trimEnd().replaceAll('\n', ' ');
}

/**
 * Makes the task runner of one simulator.
 *
 * @param options.faultOf - tells what shall go wrong with the task that starts now.
 */
export function createTaskRunner(options: {
  readonly state: SimState;
  readonly clock: Clock;
  readonly faultOf: (type: string, id: string) => TaskFault | undefined;
  /** Called whenever a worker begins or has waited: what depends on time may be due. */
  readonly onStep?: () => void;
}): TaskRunner {
  const { state, clock, faultOf, onStep = () => undefined } = options;
  const running = new Map<string, Running>();
  let lastRequest = 0;

  const makeGate = (request: number | undefined): Gate => {
    let resolveOpened = (): void => undefined;
    const gate: Gate = {
      request: request ?? null,
      armedAt: request === undefined ? lastRequest : null,
      isOpen: false,
      opened: new Promise<void>((resolve) => {
        resolveOpened = resolve;
      }),
      open: () => {
        gate.isOpen = true;
        resolveOpened();
      },
    };
    return gate;
  };
  const seen = async (gate: Gate): Promise<void> => {
    if (gate.isOpen) return;
    const patience = new AbortController();
    await Promise.race([
      gate.opened,
      systemClock.sleep(unseenMs, patience.signal).catch(() => undefined), // aborted below: nothing to report
    ]);
    patience.abort();
    gate.open();
  };
  const endsInTime = async (entry: Running): Promise<void> => {
    const patience = new AbortController();
    const killed = clock.sleep(killAfterMs, patience.signal).catch(() => undefined); // aborted below
    await Promise.race([entry.done, killed]);
    patience.abort();
  };
  const prune = (): void => {
    const surplus = Object.keys(state.tasks).length - keptTasks;
    if (surplus <= 0) return;
    const finished = Object.values(state.tasks).filter((task) => task.status === 'stopped');
    for (const task of finished.slice(0, surplus)) delete state.tasks[task.upid];
  };
  const end = (task: SimTask, exitstatus: string, lastLine?: string): void => {
    if (task.status === 'stopped') return;
    if (lastLine !== undefined) task.log.push(lastLine);
    task.exitstatus = exitstatus;
    task.endtime = Math.floor(clock.now() / 1000);
    task.status = 'stopped';
    running.delete(task.upid);
    prune();
  };

  const perform = async (
    task: SimTask,
    entry: () => Running,
    work: (worker: SimWorker) => Promise<void>,
  ): Promise<void> => {
    const { controller, gate } = entry();
    onStep();
    const fault = faultOf(task.type, task.id);
    let failsAtWait = fault?.when === 'during' ? fault.fail : undefined;
    let warnings = 0;
    let interruptTold = false;
    /** Time that passed at the gate: the work went on meanwhile, only nobody was to see its effect. */
    let heldMs = 0;
    const passGate = async (): Promise<void> => {
      const began = clock.now();
      await seen(gate);
      heldMs += clock.now() - began;
    };
    const worker: SimWorker = {
      upid: task.upid,
      signal: controller.signal,
      log: (line) => void (task.status === 'running' && task.log.push(line)),
      warn: (text) => {
        warnings += 1;
        worker.log(`WARN: ${text}`);
      },
      sleep: async (ms) => {
        const leftMs = Math.max(0, ms - heldMs);
        heldMs -= ms - leftMs;
        // The interrupt is delivered once, as the signal handler dies once; clearing up afterwards takes its time.
        try {
          await clock.sleep(leftMs, interruptTold ? undefined : controller.signal);
        } catch (error) {
          interruptTold = true;
          throw error;
        }
        await passGate();
        if (!interruptTold && controller.signal.aborted) {
          interruptTold = true;
          throw controller.signal.reason;
        }
        onStep();
        if (failsAtWait !== undefined) {
          const text = failsAtWait;
          failsAtWait = undefined;
          throw new SimError(500, text);
        }
      },
      diesHard: (lastLine) => {
        entry().hardEnd = lastLine;
      },
    };
    try {
      if (fault?.fail !== undefined && fault.when !== 'during') throw new SimError(500, fault.fail);
      await work(worker);
      if (failsAtWait !== undefined) throw new SimError(500, failsAtWait);
      if (fault?.warn !== undefined) worker.warn(fault.warn);
      await seen(gate);
      if (warnings === 0) end(task, 'OK', 'TASK OK');
      else end(task, `WARNINGS: ${warnings}`, `TASK WARNINGS: ${warnings}`);
    } catch (error) {
      await seen(gate);
      const text = taskText(error);
      end(task, text, `TASK ERROR: ${text}`);
    }
  };

  return {
    fork(owner, type, id, node, work) {
      const now = clock.now();
      const starttime = Math.floor(now / 1000);
      const bootedAtMs = state.nodes[node]?.bootedAtMs ?? now;
      state.counters.pid += 1;
      const { pid } = state.counters;
      const pstart = Math.max(0, Math.floor((now - bootedAtMs) / 10)); // clock ticks of 10 ms since boot
      const upid = `UPID:${node}:${hex8(pid)}:${hex8(pstart)}:${hex8(starttime)}:${type}:${id}:${owner.authid}:`;
      const task: SimTask = {
        upid,
        node,
        pid,
        pstart,
        starttime,
        type,
        id,
        user: owner.authid,
        status: 'running',
        log: [],
      };
      state.tasks[upid] = task;
      let entry: Running | undefined;
      // A turn later, so that the request that forks ends before its worker does anything.
      const done = Promise.resolve().then(() => perform(task, () => entry as Running, work));
      entry = { controller: new AbortController(), done, gate: makeGate(owner.request), hardEnd: null };
      running.set(upid, entry);
      return upid;
    },
    async stop(upid) {
      const entry = running.get(upid);
      const task = state.tasks[upid];
      if (!entry || !task) return;
      const interrupt = new SimError(500, 'received interrupt');
      if (entry.hardEnd !== null) {
        task.log.push(entry.hardEnd);
        entry.gate.open();
        await endsInTime(entry);
        end(task, 'unexpected status');
        entry.controller.abort(interrupt);
        await entry.done;
        return;
      }
      entry.gate.open();
      entry.controller.abort(interrupt);
      await endsInTime(entry);
      end(task, 'unexpected status');
    },
    async settle() {
      while (running.size > 0) {
        for (const { gate } of running.values()) gate.open();
        await Promise.all([...running.values()].map(({ done }) => done));
      }
    },
    requestBegins() {
      lastRequest += 1;
      return lastRequest;
    },
    requestEnds(request) {
      for (const { gate } of running.values()) {
        if (gate.request === request && gate.armedAt === null) gate.armedAt = lastRequest;
        else if (gate.armedAt !== null && request > gate.armedAt) gate.open();
      }
    },
    openGates() {
      for (const { gate } of running.values()) gate.open();
    },
  };
}

/**
 * Marks the tasks of a loaded state that were running when it was saved: their processes are gone.
 *
 * @param state - the loaded state; changed.
 * @param nowMs - the time of loading, ms since the epoch.
 */
export function endLostTasks(state: SimState, nowMs: number): void {
  for (const task of Object.values(state.tasks)) {
    if (task.status !== 'running') continue;
    task.status = 'stopped';
    task.exitstatus = 'unexpected status';
    task.endtime = Math.floor(nowMs / 1000);
  }
}

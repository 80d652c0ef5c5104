/**
 * Waits for many tasks at once. The first few of a node are followed one by one, with their logs as they grow; the others
 * share one look at the node's list of active tasks, which the server answers twenty times as fast as the state of a
 * single one (the list needs no privileged daemon). How a task ended is always asked of the task itself.
 */
import { PveError } from '../api/errors/pve-error.ts';
import type { TaskOutcome } from '../api/types.ts';
import { parseUpid } from '../codec/upid.ts';
import { abortable } from '../util/abort.ts';
import type { EngineContext } from './context.ts';
import { createTaskPauses } from './task-pauses.ts';

/** What is known about a task beside its UPID. */
interface WatchedTask {
  readonly upid: string;
  /** Tasks of the same kind take about as long; default: the type of the task. */
  readonly kind?: string;
  /** Called with the lines of the log: while it grows or, for those that are watched together, at the end. */
  readonly onLog: (line: string) => void;
  /** While true the log is read soon and again, because it tells something that others wait for. */
  readonly isTelling?: () => boolean;
}

export interface TaskWatch {
  /**
   * Waits until a task ends.
   *
   * @returns the outcome; a task that failed is an outcome too.
   * @throws PveError when its state cannot be read, or the reason of the context's signal.
   */
  wait(task: WatchedTask): Promise<TaskOutcome>;
}

/** Tasks of a node that are followed one by one. */
const followed = 2;
/** The list holds what runs and nothing else; far more than any node can carry. */
const listLength = 1_000;

/** One task that is watched together with others. */
interface Entry {
  readonly task: WatchedTask;
  readonly startedAt: number;
  dueAt: number;
  readonly pause: () => number;
  readonly gone: () => void;
  readonly fail: (error: unknown) => void;
}

/** The tasks of one node that are watched together. */
interface Group {
  readonly entries: Set<Entry>;
  /** Ends the present sleep. */
  wake: () => void;
}

/**
 * Makes the watch of one run.
 *
 * @param context - client, clock, signal.
 */
export function createTaskWatch(context: EngineContext): TaskWatch {
  const { clock, pve, signal } = context;
  const pauses = createTaskPauses();
  const alone = new Map<string, number>();
  const groups = new Map<string, Group>();

  /** When to look at a task next; learns on the way how long it is telling. */
  const pauseOf = (task: WatchedTask, kind: string, startedAt: number): (() => number) => {
    let wasTelling = task.isTelling?.() === true;
    return () => {
      const elapsedMs = clock.now() - startedAt;
      const isTelling = task.isTelling?.() === true;
      if (wasTelling && !isTelling) pauses.learn(`${kind} telling`, elapsedMs);
      wasTelling = isTelling;
      return pauses.next(isTelling ? `${kind} telling` : kind, elapsedMs);
    };
  };
  const sleep = async (group: Group, ms: number): Promise<void> => {
    const ending = new AbortController();
    const stop = (): void => ending.abort(signal.reason);
    let isWoken = false;
    group.wake = () => {
      isWoken = true;
      ending.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      await clock.sleep(ms, ending.signal);
    } catch (error) {
      if (!isWoken) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
  const activeOn = async (node: string): Promise<ReadonlySet<string>> => {
    const params = { node, source: 'active', limit: listLength } as const;
    const rows = await pve.get('/nodes/{node}/tasks', params, { signal });
    return new Set(rows.filter(({ endtime }) => endtime === undefined).map(({ upid }) => upid));
  };
  const readLog = async (node: string, { upid, isTelling, onLog }: WatchedTask): Promise<void> => {
    const rows = await pve.get('/nodes/{node}/tasks/{upid}/log', { node, upid, limit: 0 }, { signal });
    for (const { t } of rows) if (isTelling?.() === true) onLog(t ?? '');
  };
  /** One look at all tasks of a node that are watched together. */
  const look = async (node: string, { entries }: Group): Promise<void> => {
    const before = [...entries];
    const active = await activeOn(node);
    for (const entry of before) {
      if (active.has(entry.task.upid)) continue;
      entries.delete(entry);
      entry.gone();
    }
    const due = [...entries].filter(({ dueAt }) => dueAt <= clock.now());
    await Promise.all(
      due.filter(({ task }) => task.isTelling?.() === true).map(({ task }) => readLog(node, task)),
    );
    for (const entry of due) entry.dueAt = clock.now() + entry.pause();
  };
  const lookAgain = async (node: string, group: Group): Promise<void> => {
    const { entries } = group;
    while (entries.size > 0) {
      const dueAt = Math.min(...[...entries].map((entry) => entry.dueAt));
      const ms = dueAt - clock.now();
      if (ms > 0) {
        await sleep(group, ms);
        continue; // somebody with less patience may have come
      }
      try {
        await look(node, group);
      } catch (error) {
        // each task is then asked by itself, which has patience with a server that is away for a while
        if (!(error instanceof PveError)) throw error;
        for (const entry of entries) entry.gone();
        entries.clear();
      }
    }
  };
  const watchTogether = (node: string, task: WatchedTask, kind: string, startedAt: number): Promise<void> => {
    const group = groups.get(node) ?? { entries: new Set<Entry>(), wake: () => undefined };
    groups.set(node, group);
    const isIdle = group.entries.size === 0;
    const pause = pauseOf(task, kind, startedAt);
    const gone = new Promise<void>((resolve, fail) => {
      group.entries.add({ task, startedAt, dueAt: startedAt + pause(), pause, gone: resolve, fail });
    });
    if (isIdle) {
      lookAgain(node, group).catch((error: unknown) => {
        for (const entry of group.entries) entry.fail(error);
        group.entries.clear();
      });
    } else group.wake();
    return abortable(gone, signal);
  };
  const waitAlone = async (task: WatchedTask, kind: string, startedAt: number): Promise<TaskOutcome> => {
    const pauseMs = pauseOf(task, kind, startedAt);
    const outcome = await pve.waitTask(task.upid, { signal, onLog: task.onLog, pauseMs });
    pauses.learn(kind, clock.now() - startedAt);
    return outcome;
  };

  return {
    async wait(task) {
      const upid = parseUpid(task.upid);
      const node = upid?.node ?? '';
      const kind = task.kind ?? upid?.type ?? '';
      const startedAt = clock.now();
      const busy = alone.get(node) ?? 0;
      if (busy < followed) {
        alone.set(node, busy + 1);
        try {
          return await waitAlone(task, kind, startedAt);
        } finally {
          alone.set(node, (alone.get(node) ?? 1) - 1);
        }
      }
      await watchTogether(node, task, kind, startedAt);
      pauses.learn(kind, clock.now() - startedAt);
      const { upid: id, onLog } = task;
      let isFirst = true;
      return pve.waitTask(id, {
        signal,
        onLog,
        pauseMs: (elapsedMs) => {
          if (!isFirst) return pauses.next(`${kind} ending`, elapsedMs);
          isFirst = false;
          return 0;
        },
      });
    },
  };
}

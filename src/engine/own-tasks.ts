/**
 * Tasks that an earlier run of ours left on the server: found, so that they can be awaited and nothing is done twice.
 * A task survives the client that started it.
 */
import { describeTask } from '../api/describe.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { TaskTimeoutError } from '../api/errors/task-error.ts';
import { parseUpid, type Upid } from '../codec/upid.ts';
import type { GuestSummary } from '../domain/actual.ts';
import type { Vmid } from '../domain/desired.ts';
import type { EngineContext } from './context.ts';
import { warn } from './notices.ts';

/** A task that has not ended. */
interface RunningTask extends Upid {
  readonly upid: string;
}

/** How long the task of an earlier run is awaited, in milliseconds; creations from large archives take minutes. */
const patienceMs = 30 * 60_000;

/** Kinds of tasks that make a container whose id their own id is not, or not yet, known to be ours. */
const making: ReadonlySet<string> = new Set(['vzcreate', 'vzrestore', 'vzclone']);

/** `user@realm` of `user@realm` or `user@realm!token`: a person may come back with another token, or with a password. */
function personOf(owner: string): string {
  return owner.split('!', 1)[0] as string;
}

/**
 * Tells whether a task is ours.
 *
 * @param owner - `user@realm` or `user@realm!token`, as in a UPID; lists of finished tasks have the user alone.
 * @returns true as well when we do not know who we are.
 */
export function isOurs(context: Pick<EngineContext, 'identity'>, owner: string): boolean {
  return context.identity === undefined || personOf(owner) === personOf(context.identity);
}

/** All tasks of ours that run anywhere in the cluster; one request. */
async function runningTasks(context: EngineContext): Promise<RunningTask[]> {
  const rows = await context.pve.get('/cluster/tasks', {}, { signal: context.signal });
  return rows.flatMap((row: { readonly upid: string; readonly endtime?: unknown }): RunningTask[] => {
    const task = row.endtime === undefined ? parseUpid(row.upid) : undefined;
    return task && isOurs(context, task.user) ? [{ ...task, upid: row.upid }] : [];
  });
}

/**
 * Finds a running task of ours on one node.
 *
 * @param node - where to look.
 * @param type - kind of task, as in a UPID.
 * @param id - what it works on.
 * @returns the newest one.
 */
export async function findRunningTask(
  context: EngineContext,
  node: string,
  type: string,
  id: string,
): Promise<string | undefined> {
  const params = { node, source: 'active', typefilter: type, limit: 500 } as const;
  const rows = await context.pve.get('/nodes/{node}/tasks', params, { signal: context.signal });
  return rows
    .filter((row) => row.endtime === undefined && row.id === id && isOurs(context, row.user))
    .toSorted((a, b) => Number(b.starttime) - Number(a.starttime))[0]?.upid;
}

async function awaitTask(context: EngineContext, task: RunningTask): Promise<void> {
  const doing = describeTask(task);
  context.emit({
    type: 'notice',
    diagnostic: {
      severity: 'info',
      code: 'TASK_RUNNING',
      message: `waiting for a task of an earlier run: ${doing} (${task.upid})`,
    },
  });
  const ending = AbortSignal.any([context.signal, context.drain]);
  try {
    await context.pve.waitTask(task.upid, { signal: ending, timeoutMs: patienceMs });
  } catch (error) {
    // interrupted: the run goes on to its end, where nothing new is started
    if (ending.aborted && !context.signal.aborted) return;
    // how it ended is for the observation to see; a node that does not answer must not keep us from the others
    if (!(error instanceof PveError || error instanceof TaskTimeoutError)) throw error;
    warn(context, 'TASK_LOST', `cannot tell how a task of an earlier run ended: ${doing}: ${error.message}`);
  }
}

/**
 * Waits for the tasks of earlier runs that work on containers which matter.
 *
 * A container that is being created shows neither name nor marker before the end, so that it could be created a second
 * time: tasks that make containers matter wherever one is being made.
 *
 * @param guests - all guests of the cluster.
 * @param wanted - ids that matter.
 * @returns whether there was anything to wait for, so that the cluster must be read again.
 */
export async function settleOwnTasks(
  context: EngineContext,
  guests: readonly GuestSummary[],
  wanted: ReadonlySet<Vmid>,
): Promise<boolean> {
  const isMaking = guests.some(({ lock, type }) => type === 'lxc' && lock === 'create');
  const tasks = (await runningTasks(context)).filter(
    ({ type, id }) =>
      (isMaking && making.has(type)) ||
      (/^(?:vz|ha|resize|move_volume)/.test(type) && wanted.has(Number(id))),
  );
  await Promise.all(tasks.map((task) => awaitTask(context, task)));
  return tasks.length > 0;
}

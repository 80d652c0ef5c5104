/** Tasks of the cluster: list, log, wait, stop. */
import type { Returns, TaskOutcome } from '../api/types.ts';
import { parseUpid } from '../codec/upid.ts';
import { UsageError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { isNodeDown, warn } from './notices.ts';
import { mapBounded } from './parallel.ts';
import { compact, decodeResources } from './resources.ts';

/** One task. */
export interface TaskSummary {
  readonly upid: string;
  readonly node: string;
  readonly type: string;
  /** Mostly a vmid; may be empty. */
  readonly id: string;
  readonly user: string;
  /** Seconds since the epoch. */
  readonly startedAt: number;
  /** Absent while it runs. */
  readonly endedAt?: number;
  readonly state: 'running' | 'ok' | 'warnings' | 'failed';
  /** `OK`, `WARNINGS: 2` or the error. */
  readonly exitStatus?: string;
}

/** Narrows the list; absent: all nodes, newest 50. */
export interface TaskFilter {
  readonly node?: string;
  readonly vmid?: number;
  readonly type?: string;
  /** Tasks at most, the newest; default 50. */
  readonly limit?: number;
  readonly failed?: boolean;
  readonly running?: boolean;
}

/** The document `pvefleet.tasks/1`, newest first. */
export interface TasksDocument {
  readonly format: 'pvefleet.tasks/1';
  readonly tasks: readonly TaskSummary[];
}

/** Options of {@link waitTask}. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  /** The log comes as `task.log` events. */
  readonly follow?: boolean;
}

type TaskRow = Returns<'GET', '/nodes/{node}/tasks'>[number];

const defaultLimit = 50;

function stateOf(row: TaskRow): TaskSummary['state'] {
  // PVE: a task without an end is running; lists call it RUNNING or leave the status out
  if (row.endtime === undefined) return 'running';
  if (row.status === 'OK') return 'ok';
  return /^WARNINGS: \d+$/.test(row.status ?? '') ? 'warnings' : 'failed';
}

/**
 * Decodes a row of a task list.
 *
 * @param row - of GET /nodes/{node}/tasks.
 * @returns the task.
 */
export function decodeTask(row: TaskRow): TaskSummary {
  const state = stateOf(row);
  return compact({
    upid: row.upid,
    node: row.node,
    type: row.type,
    id: row.id ?? '',
    user: row.user,
    startedAt: Number(row.starttime),
    endedAt: row.endtime === undefined ? undefined : Number(row.endtime),
    state,
    exitStatus: state === 'running' ? undefined : (row.status ?? 'unexpected status'),
  }) as TaskSummary;
}

async function readTasks(context: EngineContext, node: string, filter: TaskFilter): Promise<TaskSummary[]> {
  const { vmid, type, failed, running, limit = defaultLimit } = filter;
  const rows = await context.pve
    .get(
      '/nodes/{node}/tasks',
      {
        node,
        source: running ? 'active' : 'all',
        limit,
        ...(vmid === undefined ? {} : { vmid }),
        ...(type === undefined ? {} : { typefilter: type }),
        ...(failed ? { errors: true } : {}),
      },
      { signal: context.signal },
    )
    .catch((error: unknown) => {
      if (!isNodeDown(error) || filter.node !== undefined) throw error;
      warn(context, 'NODE_OFFLINE', `node ${node} does not answer; its tasks are not listed`);
      return [];
    });
  return rows.map(decodeTask);
}

/**
 * Running and finished tasks.
 *
 * @param context - client, limits.
 * @param filter - what to list.
 * @returns tasks of all online nodes, newest first.
 * @throws PveError when the cluster cannot be asked.
 */
export async function listTasks(context: EngineContext, filter: TaskFilter = {}): Promise<TasksDocument> {
  const nodes =
    filter.node === undefined
      ? decodeResources(
          await context.pve.get('/cluster/resources', { type: 'node' }, { signal: context.signal }),
        )
          .nodes.filter(({ online }) => online)
          .map(({ node }) => node)
      : [filter.node];
  const lists = await mapBounded(context.limits.requests, nodes, (node) => readTasks(context, node, filter));
  const tasks = lists
    .flat()
    .filter(
      (task) => (!filter.running || task.state === 'running') && (!filter.failed || task.state === 'failed'),
    )
    .sort((a, b) => b.startedAt - a.startedAt || (a.upid < b.upid ? -1 : 1))
    .slice(0, filter.limit ?? defaultLimit);
  return { format: 'pvefleet.tasks/1', tasks };
}

function nodeOf(upid: string): string {
  const node = parseUpid(upid)?.node;
  if (node !== undefined) return node;
  throw new UsageError(`'${upid}' is no task`, {
    code: 'TASK_UNKNOWN',
    hint: 'write the UPID as task list shows it, in quotes',
  });
}

/**
 * The whole log of a task.
 *
 * @param upid - the task.
 * @returns its lines; the last one of a finished task says how it ended.
 * @throws UsageError for a text that is no UPID.
 */
export async function taskLog(context: EngineContext, upid: string): Promise<readonly string[]> {
  const node = nodeOf(upid);
  // PVE: limit 0 means all lines; the default are fifty
  const rows = await context.pve.get(
    '/nodes/{node}/tasks/{upid}/log',
    { node, upid, limit: 0 },
    { signal: context.signal },
  );
  return rows.map((row) => row.t);
}

/**
 * Waits until a task ends.
 *
 * @param upid - the task.
 * @param options.follow - its log comes as `task.log` events whose id is the UPID.
 * @param options.timeoutMs - gives up after this many milliseconds; the task goes on.
 * @returns how it ended.
 * @throws UsageError for a text that is no UPID; TaskTimeoutError.
 */
export async function waitTask(
  context: EngineContext,
  upid: string,
  options: WaitOptions = {},
): Promise<TaskOutcome> {
  nodeOf(upid);
  context.emit({ type: 'task.start', id: upid, upid });
  return context.pve.waitTask(upid, {
    signal: context.signal,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.follow
      ? { onLog: (line: string) => context.emit({ type: 'task.log', id: upid, line }) }
      : {}),
  });
}

/**
 * Asks the server to stop a task; it gets five seconds to end by itself.
 *
 * @param upid - the task; one that has ended is left as it is.
 * @throws UsageError for a text that is no UPID; PveError when there is no such task or it is somebody else's.
 */
export async function stopTask(context: EngineContext, upid: string): Promise<void> {
  await context.pve.delete(
    '/nodes/{node}/tasks/{upid}',
    { node: nodeOf(upid), upid },
    { signal: context.signal },
  );
}

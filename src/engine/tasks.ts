/** Tasks of the cluster: list, log, wait, stop. */
import type { TaskOutcome } from '../api/types.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

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
  /** Tasks per node. */
  readonly limit?: number;
  readonly failed?: boolean;
  readonly running?: boolean;
}

/** The document `pvefleet.tasks/1`, newest first. */
export interface TasksDocument {
  readonly format: 'pvefleet.tasks/1';
  readonly tasks: readonly TaskSummary[];
}

/** Running and finished tasks, newest first. */
export async function listTasks(context: EngineContext, filter: TaskFilter = {}): Promise<TasksDocument> {
  void [context, filter];
  throw new InternalError('not written yet');
}

/** The whole log of a task; throws UsageError for a text that is no UPID. */
export async function taskLog(context: EngineContext, upid: string): Promise<readonly string[]> {
  void [context, upid];
  throw new InternalError('not written yet');
}

/** Options of {@link waitTask}. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly follow?: boolean;
}

/** Waits until a task ends; with `follow` its log comes as `task.log` events whose id is the UPID. */
export async function waitTask(
  context: EngineContext,
  upid: string,
  options: WaitOptions = {},
): Promise<TaskOutcome> {
  void [context, upid, options];
  throw new InternalError('not written yet');
}

/** Asks the server to stop a task. */
export async function stopTask(context: EngineContext, upid: string): Promise<void> {
  void [context, upid];
  throw new InternalError('not written yet');
}

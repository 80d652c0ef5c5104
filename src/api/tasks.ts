/**
 * Waiting for tasks. The server has no push channel, so the state is polled; stopping to wait never stops the task.
 */
import { parseUpid, type Upid } from '../codec/upid.ts';
import type { Clock } from '../util/clock.ts';
import { UsageError } from '../util/errors.ts';
import { describeTask } from './describe.ts';
import { PveConnectionError } from './errors/connection-error.ts';
import { PveNotFoundError } from './errors/not-found-error.ts';
import { PveError } from './errors/pve-error.ts';
import { TaskFailedError, TaskTimeoutError } from './errors/task-error.ts';
import { createLogTail, lastLogLines } from './task-log.ts';
import type { PveClient, TaskOutcome, WaitTaskOptions } from './types.ts';

/** Many tasks are over at once; long ones need no haste. */
const firstPauseMs = 200;
const secondPauseMs = 500;
const longestPauseMs = 3000;
/** PVE: the state of a task that was just started may be `no such task`. */
const newTaskGraceMs = 5000;
/** A task goes on while the API is away, for example when pveproxy restarts. */
const outageMs = 20_000;

function outcomeOf(upid: string, exitStatus: string, log: readonly string[]): TaskOutcome {
  if (exitStatus === 'OK') return { upid, state: 'ok' };
  const warnings = /^WARNINGS: (\d+)$/.exec(exitStatus);
  return warnings
    ? { upid, state: 'warnings', count: Number(warnings[1]), log }
    : { upid, state: 'failed', exitStatus, log };
}

/** Whether the poll may go on although it just failed. */
function isPassing(error: unknown, seen: boolean, sinceGoodMs: number): boolean {
  if (error instanceof PveNotFoundError && error.what === 'task')
    return !seen && sinceGoodMs < newTaskGraceMs;
  return error instanceof PveConnectionError && seen && sinceGoodMs < outageMs;
}

function parse(upid: string): Upid {
  const task = parseUpid(upid);
  if (!task) throw new UsageError(`'${upid}' is no task identifier (UPID)`);
  return task;
}

/**
 * Waits until a task ends.
 *
 * @param pve - client to poll with.
 * @param clock - time.
 * @param upid - task to follow; the node is taken from it.
 * @param options - see {@link WaitTaskOptions}.
 * @returns the outcome; a task that failed is an outcome too.
 * @throws {@link TaskTimeoutError} after `timeoutMs`, a PveError when the state cannot be read, or `signal.reason`.
 */
export async function waitTask(
  pve: Pick<PveClient, 'get'>,
  clock: Clock,
  upid: string,
  options: WaitTaskOptions = {},
): Promise<TaskOutcome> {
  const task = parse(upid);
  const { signal, timeoutMs = Number.POSITIVE_INFINITY, onLog, pauseMs } = options;
  const request = signal ? { signal } : {};
  const tail = onLog && createLogTail(pve, task.node, upid, onLog, request);
  const startedAt = clock.now();
  let goodAt = startedAt;
  let seen = false;
  for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, Math.max(secondPauseMs, pause * 1.5))) {
    const leftMs = timeoutMs - (clock.now() - startedAt);
    if (leftMs <= 0) {
      throw new TaskTimeoutError({ upid, doing: describeTask(task), waitedMs: clock.now() - startedAt });
    }
    const next = pauseMs ? pauseMs(clock.now() - startedAt) : pause;
    await clock.sleep(Math.min(next, leftMs), signal);
    try {
      const state = await pve.get('/nodes/{node}/tasks/{upid}/status', { node: task.node, upid }, request);
      await tail?.read();
      goodAt = clock.now();
      seen = true;
      if (state.status !== 'stopped') continue;
      const exitStatus = state.exitstatus ?? 'unexpected status';
      if (exitStatus === 'OK') return outcomeOf(upid, exitStatus, []);
      return outcomeOf(upid, exitStatus, tail?.last() ?? (await lastLines(pve, task.node, upid, request)));
    } catch (error) {
      if (!isPassing(error, seen, clock.now() - goodAt)) throw error;
    }
  }
}

/** The outcome is known; a log that cannot be read must not replace it. */
async function lastLines(
  pve: Pick<PveClient, 'get'>,
  node: string,
  upid: string,
  request: { signal?: AbortSignal },
): Promise<string[]> {
  try {
    return await lastLogLines(pve, node, upid, request);
  } catch (error) {
    if (error instanceof PveError) return [`(the log cannot be read: ${error.reason})`];
    throw error;
  }
}

/**
 * Insists on success.
 *
 * @param outcome - of a task.
 * @returns the outcome, when it is success with or without warnings.
 * @throws {@link TaskFailedError} with the last lines of the log.
 */
export function expectTask(outcome: TaskOutcome): Exclude<TaskOutcome, { state: 'failed' }> {
  if (outcome.state !== 'failed') return outcome;
  const { upid, exitStatus, log } = outcome;
  throw new TaskFailedError({ upid, exitStatus, log, doing: describeTask(parse(upid)) });
}

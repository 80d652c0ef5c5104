/** Errors about tasks, which run on the server after the request has been answered. */
import { PvefleetError } from '../../util/errors.ts';

/** The task ended, but not well. `log` holds its last lines. */
export class TaskFailedError extends PvefleetError {
  override readonly code = 'TASK_FAILED';
  override readonly exitCode = 5;
  readonly upid: string;
  readonly exitStatus: string;
  readonly log: readonly string[];

  constructor(options: {
    readonly upid: string;
    /** Verb and object, for example `create CT 101`. */
    readonly doing: string;
    readonly exitStatus: string;
    readonly log: readonly string[];
  }) {
    const { upid, doing, exitStatus, log } = options;
    super(`cannot ${doing}: ${exitStatus}`, {
      hint: `see the whole log with: pvefleet task log '${upid}'`,
      details: { upid, exitStatus, log },
    });
    this.upid = upid;
    this.exitStatus = exitStatus;
    this.log = log;
  }
}

/** Waiting was given up; the task goes on. */
export class TaskTimeoutError extends PvefleetError {
  override readonly code = 'TASK_TIMEOUT';
  override readonly exitCode = 5;
  readonly upid: string;
  /** Milliseconds. */
  readonly waitedMs: number;

  constructor(options: { readonly upid: string; readonly doing: string; readonly waitedMs: number }) {
    const { upid, doing, waitedMs } = options;
    super(`cannot ${doing} in time: the task still runs after ${Math.round(waitedMs / 1000)} s`, {
      hint: `the task goes on; wait for it with: pvefleet task wait '${upid}'`,
      details: { upid, waitedMs },
    });
    this.upid = upid;
    this.waitedMs = waitedMs;
  }
}

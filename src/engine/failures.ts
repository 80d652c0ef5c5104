/** What a failure means for the engine: try again, look whether it happened anyway, or give up; and what to tell the user. */
import { PveConflictError } from '../api/errors/conflict-error.ts';
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PveNoQuorumError } from '../api/errors/no-quorum-error.ts';
import { PveNotFoundError } from '../api/errors/not-found-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { TaskFailedError } from '../api/errors/task-error.ts';
import { type ErrorDocument, isPvefleetError, messageOf, PvefleetError } from '../util/errors.ts';
import { redactText } from '../util/redact.ts';

/** Whether something was changed cannot be told. */
export class IndeterminateError extends PvefleetError {
  override readonly code = 'INDETERMINATE';
  override readonly exitCode = 5;
  readonly upid?: string;

  constructor(message: string, options: { upid?: string | undefined; cause?: unknown; hint?: string } = {}) {
    super(message, {
      hint:
        options.hint ??
        (options.upid === undefined
          ? 'look at the cluster with: pvefleet verify, or plan again'
          : `the task may still run; follow it with: pvefleet task wait '${options.upid}'`),
      cause: options.cause,
      ...(options.upid === undefined ? {} : { details: { upid: options.upid } }),
    });
    if (options.upid !== undefined) this.upid = options.upid;
  }
}

/** The action was not carried out because the run is ending. */
export class InterruptedError extends PvefleetError {
  override readonly code = 'INTERRUPTED';
  override readonly exitCode = 130;

  constructor() {
    super('not tried: interrupted', { hint: 'apply again to finish what was left out' });
  }
}

/** What an action needs is not as the plan says. */
export class StalePlanError extends PvefleetError {
  override readonly code: string = 'PLAN_STALE';
  override readonly exitCode = 6;
}

/**
 * Locks that go away when somebody's job ends. The others (`destroyed`, or one that is not known) are left by something
 * that broke. Source: contract behaviours §1; `mounted` is `pct mount`, which a person undoes.
 */
const passingLocks: ReadonlySet<string> = new Set([
  'backup',
  'create',
  'disk',
  'fstrim',
  'migrate',
  'mounted',
  'rollback',
  'snapshot',
  'snapshot-delete',
]);

const lockTimeout = /got timeout|got lock request timeout|-locked command timed out/;
const configLock = /CT is locked \(([^)]*)\)/;

/** The server's own words of a failure, without ours around them. */
export function reasonOf(error: unknown): string {
  if (error instanceof PveError) return error.reason;
  if (error instanceof TaskFailedError) return error.exitStatus;
  return messageOf(error);
}

/**
 * Tells whether a refused request or a failed task did nothing and may succeed later, because somebody holds a lock.
 *
 * @param error - what was thrown.
 * @returns the server's words when waiting helps, else undefined.
 */
export function passingObstacle(error: unknown): string | undefined {
  if (!(error instanceof PveError || error instanceof TaskFailedError)) return undefined;
  if (error instanceof PveConnectionError) return undefined;
  const reason = reasonOf(error);
  if (error instanceof PveConflictError && error.kind === 'lock-timeout') return reason;
  const lock = (error instanceof PveConflictError ? error.lock : undefined) ?? configLock.exec(reason)?.[1];
  if (lock !== undefined) return passingLocks.has(lock) ? reason : undefined;
  return lockTimeout.test(reason) ? reason : undefined;
}

/** Without a majority the file system with the configurations is read-only (contract behaviours §9). */
const noQuorum = /no quorum|unable to open file '\/etc\/pve\/.*Permission denied/;

/** Whether the cluster has lost its majority, so that nothing else can succeed either. */
export function isNoQuorum(error: unknown): boolean {
  return (
    error instanceof PveNoQuorumError ||
    ((error instanceof PveError || error instanceof TaskFailedError) && noQuorum.test(reasonOf(error)))
  );
}

/** Whether the request may have reached the server although no answer came. */
export function mayHaveHappened(error: unknown): boolean {
  return error instanceof PveConnectionError && error.sent === 'maybe';
}

/** Whether the container that was asked for is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof PveNotFoundError && (error.what === 'container' || error.what === 'other');
}

function hintOf(error: unknown): string | undefined {
  if (isNoQuorum(error)) return 'bring enough nodes back (pvecm status), then apply again';
  const lock = configLock.exec(reasonOf(error))?.[1];
  if (lock !== undefined) {
    return `wait for the job that holds the lock; one left behind by a crash is removed with 'pct unlock VMID' on the node`;
  }
  if (isGone(error)) return 'it was removed or has moved to another node; make a new plan';
  if (!(error instanceof PveConflictError)) return undefined;
  if (error.kind === 'digest') return 'somebody changed the container since it was planned; make a new plan';
  if (error.kind === 'exists') return 'choose another vmid, or write vmid: auto';
  if (error.kind === 'protected')
    return 'switch the protection of the container off first (protection: false)';
  return undefined;
}

/**
 * The failure as the report holds it.
 *
 * @param error - anything thrown.
 * @returns a document free of secrets; with a hint where there is something to do.
 */
export function describeFailure(error: unknown): ErrorDocument {
  const document: ErrorDocument = isPvefleetError(error)
    ? error.toJSON()
    : { format: 'pvefleet.error/1', code: 'UNEXPECTED', message: redactText(messageOf(error)) };
  const hint = hintOf(error) ?? document.hint;
  return hint === undefined ? document : { ...document, hint };
}

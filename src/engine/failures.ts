/** The engine's own errors, and how a failure is told. What the server's texts mean is in verdicts.ts. */
import { PveNotFoundError } from '../api/errors/not-found-error.ts';
import { type ErrorDocument, isPvefleetError, messageOf, PvefleetError } from '../util/errors.ts';
import { redactText } from '../util/redact.ts';
import { judge } from './verdicts.ts';

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

  constructor(message = 'not tried: interrupted') {
    super(message, { hint: 'apply again to finish what was left out' });
  }
}

/** What an action needs is not as the plan says. */
export class StalePlanError extends PvefleetError {
  override readonly code: string = 'PLAN_STALE';
  override readonly exitCode = 6;
}

/** What was done inside a container did not succeed. */
export class StepFailedError extends PvefleetError {
  override readonly code: string;
  override readonly exitCode = 5;
  /** Last lines of its output. */
  readonly log: readonly string[];

  constructor(
    message: string,
    options: { log?: readonly string[]; exitCode?: number; hint?: string; code?: string } = {},
  ) {
    const { log = [], exitCode, hint, code = 'STEP_FAILED' } = options;
    super(message, { hint, ...(exitCode === undefined ? {} : { details: { exitCode } }) });
    this.code = code;
    this.log = log;
  }
}

/** Whether the container that was asked for is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof PveNotFoundError && (error.what === 'container' || error.what === 'other');
}

const goneHint = 'it was removed or has moved to another node; make a new plan';

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
  const hint = (isGone(error) ? goneHint : judge(error).hint) ?? document.hint;
  return hint === undefined ? document : { ...document, hint };
}

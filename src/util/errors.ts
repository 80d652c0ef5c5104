/**
 * Base of all errors that pvefleet throws on purpose. Each carries what a person needs (message, hint) and what a
 * program needs (a stable code, an exit code).
 */

/** Exit codes of the command line; see the README. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 130;

/** The JSON form of an error, `pvefleet.error/1`. */
export interface ErrorDocument {
  readonly format: 'pvefleet.error/1';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: unknown;
}

/** What every error may be given. */
export interface PvefleetErrorOptions {
  /** One instruction: what the reader can do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Machine-readable particulars; must be JSON and free of secrets. */
  readonly details?: unknown;
}

/** Base class; `code` is API and is never reused. */
export abstract class PvefleetError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: ExitCode;
  readonly hint?: string;
  readonly details?: unknown;

  constructor(message: string, options: PvefleetErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.details !== undefined) this.details = options.details;
  }

  toJSON(): ErrorDocument {
    return {
      format: 'pvefleet.error/1',
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** A broken invariant: a bug in pvefleet. */
export class InternalError extends PvefleetError {
  override readonly code = 'INTERNAL';
  override readonly exitCode = 1;

  constructor(message: string, options: PvefleetErrorOptions = {}) {
    super(message, {
      hint: 'this is a bug in pvefleet; please report it with the command that showed it',
      ...options,
    });
  }
}

/** A bad flag or argument, or a question that cannot be asked without a terminal. */
export class UsageError extends PvefleetError {
  override readonly code: string;
  override readonly exitCode = 2;

  constructor(message: string, options: PvefleetErrorOptions & { readonly code?: string } = {}) {
    super(message, options);
    this.code = options.code ?? 'USAGE';
  }
}

/**
 * Recognises our errors across package copies, where `instanceof` fails.
 *
 * @param error - anything caught.
 * @returns whether it has a stable `code` and an `exitCode`.
 */
export function isPvefleetError(error: unknown): error is PvefleetError {
  return (
    error instanceof Error && 'code' in error && 'exitCode' in error && typeof error.exitCode === 'number'
  );
}

/**
 * The text of anything thrown.
 *
 * @param error - anything caught.
 * @returns its message, or its string form.
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

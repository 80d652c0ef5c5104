/** What can be wrong with a console's shell. Each says what to do. */
import { PvefleetError, type PvefleetErrorOptions } from '../util/errors.ts';

/** The shell is there, but somebody else has it. */
export class ConsoleBusyError extends PvefleetError {
  override readonly code = 'CONSOLE_BUSY';
  override readonly exitCode = 6;
  /** Token of the pvefleet session that has it, when it is one. */
  readonly holder?: string;

  constructor(message: string, options: PvefleetErrorOptions & { readonly holder?: string } = {}) {
    super(message, options);
    if (options.holder !== undefined) this.holder = options.holder;
  }
}

/** What answers on the console is no shell that can be worked with. */
export class NoShellError extends PvefleetError {
  override readonly code = 'CONSOLE_NO_SHELL';
  override readonly exitCode = 6;
}

/** The connection to the console broke, or nothing came over it any more. */
export class ConsoleLostError extends PvefleetError {
  override readonly code = 'CONSOLE_LOST';
  override readonly exitCode = 4;
  /** Somebody pressed Ctrl-C in the shared console: it is theirs for now. */
  readonly isTakenOver: boolean;
  /** We were silent for so long that the shell may have been given back: nothing is wrong with the connection. */
  readonly isIdle: boolean;

  constructor(
    message: string,
    options: PvefleetErrorOptions & { readonly isTakenOver?: boolean; readonly isIdle?: boolean } = {},
  ) {
    super(message, options);
    this.isTakenOver = options.isTakenOver ?? false;
    this.isIdle = options.isIdle ?? false;
  }
}

/** A command's outcome cannot be told. */
export class OutcomeUnknownError extends PvefleetError {
  override readonly code = 'EXEC_OUTCOME_UNKNOWN';
  override readonly exitCode = 5;
}

/** Data did not arrive as it was sent, again and again. */
export class TransferError extends PvefleetError {
  override readonly code = 'CONSOLE_TRANSFER';
  override readonly exitCode = 5;
}

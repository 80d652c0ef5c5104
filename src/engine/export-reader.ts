/**
 * Asks a cluster for one thing after the other, a bounded number at once. What an account may not see, or a node does not
 * answer, is left out and noted; nothing fails silently.
 */
import pLimit from 'p-limit';
import { PveAuthError } from '../api/errors/auth-error.ts';
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { PveTlsError } from '../api/errors/tls-error.ts';
import type { PveClient, RequestOptions } from '../api/types.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { EngineContext } from './context.ts';

/** Reads, and remembers what could not be read. */
export interface Reader {
  /** Milliseconds since the epoch at which the export began. */
  readonly nowMs: number;
  readonly notices: readonly Diagnostic[];
  /** Reads what must be there; throws what the client throws. */
  need<T>(call: (get: PveClient['get'], options: RequestOptions) => Promise<T>): Promise<T>;
  /**
   * Reads what may be missing.
   *
   * @param what - what is left out when it cannot be read, for the notice.
   * @returns the answer, or undefined.
   */
  ask<T>(
    what: string,
    call: (get: PveClient['get'], options: RequestOptions) => Promise<T>,
  ): Promise<T | undefined>;
  /** Notes something for the user. */
  note(code: string, message: string, hint?: string): void;
}

/** Whether the server answered, and the rest of the export can go on without this. */
function isPartial(error: unknown): error is PveError {
  if (!(error instanceof PveError) || error instanceof PveAuthError || error instanceof PveTlsError)
    return false;
  return !(error instanceof PveConnectionError) || error.status !== undefined;
}

/**
 * Makes a reader.
 *
 * @param context - client, clock, limits; notices are events too.
 */
export function createReader(context: EngineContext): Reader {
  const limit = pLimit(Math.max(1, context.limits.requests));
  const options = { signal: context.signal };
  const notices: Diagnostic[] = [];
  const note: Reader['note'] = (code, message, hint) => {
    const diagnostic: Diagnostic = {
      severity: 'warning',
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
    };
    notices.push(diagnostic);
    context.emit({ type: 'notice', diagnostic });
  };
  const need: Reader['need'] = (call) => limit(() => call(context.pve.get, options));
  return {
    nowMs: context.clock.now(),
    notices,
    need,
    note,
    async ask(what, call) {
      try {
        return await need(call);
      } catch (error) {
        if (!isPartial(error)) throw error;
        note('EXPORT_INCOMPLETE', `${what} left out: ${error.reason}`);
        return undefined;
      }
    },
  };
}

/** Repeating with full-jitter back-off on an injected clock. Decides nothing about what is safe to repeat. */
import type { Clock } from './clock.ts';

/** How often and how long. */
export interface RetryPolicy {
  /** Attempts in all, including the first; at least 1. */
  readonly attempts: number;
  /** Upper bound of the first wait, in milliseconds; doubles with each attempt. */
  readonly baseMs: number;
  /** Upper bound of any wait, in milliseconds. */
  readonly capMs: number;
}

/** What a retry needs from outside. */
export interface RetryContext {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Random number in [0, 1); injected so that runs can be repeated. */
  readonly random?: () => number;
  /** Whether this error may be met with another attempt. */
  readonly shouldRetry: (error: unknown) => boolean;
  /** Called before each wait. */
  readonly onRetry?: ((error: unknown, attempt: number, inMs: number) => void) | undefined;
}

/**
 * Runs a function until it succeeds, may not be repeated, or the attempts are used up.
 *
 * @param policy - limits.
 * @param run - the work; is given the attempt's number, from 1.
 * @param context - clock, signal and decisions.
 * @returns the first success.
 * @throws the last error, or `signal.reason`.
 */
export async function withRetry<T>(
  policy: RetryPolicy,
  run: (attempt: number) => Promise<T>,
  context: RetryContext,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || context.signal?.aborted || !context.shouldRetry(error)) throw error;
      const bound = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
      const inMs = Math.round(bound * (0.5 + 0.5 * (context.random ?? Math.random)()));
      context.onRetry?.(error, attempt, inMs);
      await context.clock.sleep(inMs, context.signal);
    }
  }
}

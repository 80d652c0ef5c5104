/** What may be sent again, and how long. Pure decisions; util/retry.ts does the waiting. */
import type { RetryPolicy } from '../util/retry.ts';
import { PveConflictError } from './errors/conflict-error.ts';
import { PveConnectionError } from './errors/connection-error.ts';
import { PveServerError } from './errors/server-error.ts';

/** Waits after failures of the connection: under 1.2 s in all before the first answer ever, under 3 s afterwards. */
export const connectionPolicy: RetryPolicy = { attempts: 4, baseMs: 400, capMs: 2000 };
/** Waits for locks; ended by the time that the client allows. */
export const lockPolicy: RetryPolicy = { attempts: Number.POSITIVE_INFINITY, baseMs: 1000, capMs: 5000 };

/** Attempts before the client has had any answer: a wrong address must be told within a second or two. */
const firstContactAttempts = 3;
/** A request that has failed for so long is not repeated, however often that was. */
const patienceMs = 45_000;
/** Locks that go away by themselves within seconds or a few minutes. The others (backup, migrate, mounted) last. */
const shortLocks = new Set(['create', 'disk', 'fstrim', 'rollback', 'snapshot', 'snapshot-delete']);
/** Failures that the next attempt would only meet again, slowly or surely. */
const finalErrnos = new Set(['ENOTFOUND', 'ETIMEDOUT']);

/**
 * Tells whether another attempt, perhaps at another URL, cannot do something twice.
 *
 * @param repeatable - whether the request changes nothing, so that sending it twice is harmless.
 * @param error - how the attempt ended.
 * @returns whether it may be sent again.
 */
export function mayRepeat(repeatable: boolean, error: unknown): boolean {
  if (error instanceof PveConnectionError) return repeatable || error.sent === 'no';
  return repeatable && error instanceof PveServerError && [502, 503, 504].includes(error.status);
}

/**
 * Tells whether another attempt at the same URLs makes sense.
 *
 * @param error - how the attempt ended; {@link mayRepeat} has been asked before.
 * @param facts.attempt - number of the attempt, from 1.
 * @param facts.elapsedMs - since the first attempt began, in milliseconds.
 * @param facts.hadContact - whether this client has ever been answered.
 * @returns whether to wait and try again.
 */
export function worthRepeating(
  error: unknown,
  facts: { readonly attempt: number; readonly elapsedMs: number; readonly hadContact: boolean },
): boolean {
  if (facts.elapsedMs >= patienceMs) return false;
  if (!(error instanceof PveConnectionError)) return true;
  if (finalErrnos.has(error.errno)) return false;
  return facts.hadContact || facts.attempt < firstContactAttempts;
}

/**
 * Tells whether the server refused because of a lock, having done nothing.
 *
 * @param error - how the request ended.
 * @returns whether it may be repeated after a while.
 */
export function isShortLock(error: unknown): boolean {
  if (!(error instanceof PveConflictError)) return false;
  if (error.kind === 'lock-timeout') return true;
  return error.kind === 'locked' && error.lock !== undefined && shortLocks.has(error.lock);
}

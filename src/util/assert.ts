/** Checks that can only fail through a bug of ours. */
import { InternalError } from './errors.ts';

/**
 * States a fact that the code relies on.
 *
 * @param condition - what must hold.
 * @param message - what is broken when it does not.
 * @throws {@link InternalError} when the condition is false.
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}

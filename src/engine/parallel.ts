/** Bounded parallel work. Knows nothing about what the work is. */
import pLimit from 'p-limit';

/**
 * Maps a list with at most `limit` calls under way; after the first failure nothing new is started.
 *
 * @param limit - calls at once, at least 1.
 * @param items - what to work on.
 * @param run - the work.
 * @returns results in the order of the items.
 * @throws what the first failing call threw.
 */
export async function mapBounded<T, R>(
  limit: number,
  items: readonly T[],
  run: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const limiter = pLimit(Math.max(1, limit));
  try {
    return await Promise.all(items.map((item, index) => limiter(() => run(item, index))));
  } finally {
    limiter.clearQueue();
  }
}

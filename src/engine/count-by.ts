/** Counting by a closed set of names. */

/**
 * Counts items by name; every name is present in the result.
 *
 * @param names - all names.
 * @param items - what to count.
 * @param nameOf - name of an item.
 * @returns number of items by name.
 */
export function countBy<K extends string, T>(
  names: readonly K[],
  items: readonly T[],
  nameOf: (item: T) => K,
): Record<K, number> {
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
  for (const item of items) counts[nameOf(item)] += 1;
  return counts;
}

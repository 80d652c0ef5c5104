/** Orders and equality that do not depend on locale or insertion order. */

/**
 * Natural order: digits compare as numbers, so `web2` comes before `web10`.
 *
 * @returns negative, zero or positive, for `Array#sort`.
 */
export function naturalCompare(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] as string;
    const y = right[i] as string;
    if (x === y) continue;
    const numeric = /^\d/.test(x) && /^\d/.test(y);
    const order = numeric ? Number(x) - Number(y) || x.length - y.length : x < y ? -1 : 1;
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/**
 * Structural equality of JSON-like values; key order does not matter, `undefined` members equal absent ones.
 *
 * @returns whether both values are the same.
 */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = Object.entries(b).filter(([, value]) => value !== undefined);
  if (left.length !== right.length) return false;
  const other = new Map<string, unknown>(right);
  return left.every(([key, value]) => other.has(key) && deepEqual(value, other.get(key)));
}

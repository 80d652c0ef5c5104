/** JSON with sorted keys, so that equal values give equal bytes, and digests of it. */
import { createHash } from 'node:crypto';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]),
  );
}

/**
 * Serialises a value with sorted object keys.
 *
 * @param value - any JSON value.
 * @param indent - spaces per level; 0 (default) for one line.
 * @returns JSON text.
 */
export function canonicalJson(value: unknown, indent = 0): string {
  return JSON.stringify(sorted(value), null, indent);
}

/**
 * Digest of a value's canonical form.
 *
 * @param value - any JSON value.
 * @returns SHA-256 as 64 lower-case hex digits.
 */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

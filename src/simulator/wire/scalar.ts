/** Parameter values as text, the way Perl would print them. */

/**
 * Writes a value as text.
 *
 * @param value - a decoded parameter: text, number, boolean, list or object.
 * @returns text; lists and objects show only what they are.
 */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? 'ARRAY' : 'HASH';
}

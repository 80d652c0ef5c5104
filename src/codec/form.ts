/**
 * Parameters → `application/x-www-form-urlencoded`, as Proxmox VE reads it. Knows nothing of the schema; a value that
 * cannot be written is a bug of the caller.
 */
import type { WireValue } from '../schema/request.ts';
import { InternalError } from '../util/errors.ts';

function decimal(key: string, value: number): string {
  if (!Number.isFinite(value)) throw new InternalError(`parameter ${key} is ${value}`);
  const text = String(value);
  if (!text.includes('e')) return text;
  // String(1e21) is `1e+21`, which the server's integer check refuses.
  return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(20).replace(/0+$/, '');
}

function scalar(key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return decimal(key, value);
  // PVE: PVE::JSONSchema accepts only 0 and 1 as text of a boolean.
  if (typeof value === 'boolean') return value ? '1' : '0';
  throw new InternalError(`parameter ${key} is no text, number, boolean or list`);
}

/**
 * Encodes parameters for a query or a body.
 *
 * @param params - names and values; `undefined` is left out, lists repeat their key, booleans become 0 or 1.
 * @returns the encoded text, empty when nothing is left.
 * @throws {@link InternalError} for null, objects and numbers that are not finite.
 */
export function encodeForm(params: Readonly<Record<string, WireValue | undefined>>): string {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const item of values) form.append(key, scalar(key, item));
  }
  return form.toString();
}

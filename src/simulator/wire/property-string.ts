/**
 * Property strings (`name=eth0,bridge=vmbr0`) as the server reads and writes them, with the server's own error texts.
 * The simulator's own implementation (PVE::JSONSchema `parse_property_string`, `print_property_string`); it must not be
 * shared with the client's codec, so that each can check the other.
 */

import type { ObjectFormat } from '../../schema/types.ts';
import { die } from '../context.ts';

/** Values of a property string; a repeated or bare key is already resolved, all values are text. */
export type Properties = Record<string, string>;

const truths: ReadonlySet<string> = new Set(['1', 'on', 'yes', 'true']);
const falsehoods: ReadonlySet<string> = new Set(['0', 'off', 'no', 'false']);

/**
 * Reads a boolean the lenient way of property strings and config files.
 *
 * @param text - any text.
 * @returns `'1'`, `'0'`, or `undefined` when it is no boolean.
 */
function parseBoolean(text: string): '0' | '1' | undefined {
  const lower = text.toLowerCase();
  if (truths.has(lower)) return '1';
  return falsehoods.has(lower) ? '0' : undefined;
}

function defaultKeyOf(format: ObjectFormat): string | undefined {
  return Object.keys(format).find((key) => format[key]?.defaultKey === true);
}

/**
 * Splits a property string into its values without checking them against the format.
 *
 * @param format - sub-keys; aliases and the default key are resolved with it.
 * @param text - the property string.
 * @returns the values by key; booleans are `'0'` or `'1'` where they could be read.
 * @throws SimError 500 with the server's text (callers that validate turn it into `invalid format - …`).
 */
export function splitPropertyString(format: ObjectFormat, text: string): Properties {
  const values: Properties = Object.create(null) as Properties;
  let bareKey: string | undefined;
  for (const part of text.split(',')) {
    if (/^\s*$/.test(part)) continue;
    const pair = /^([^=]+)=(.+)$/s.exec(part);
    if (pair) {
      let key = pair[1] as string;
      let value = pair[2] as string;
      if (values[key] !== undefined) die(`duplicate key in comma-separated list property: ${key}`);
      const { alias, keyAlias } = format[key] ?? {};
      if (alias !== undefined) {
        if (keyAlias !== undefined) {
          if (values[keyAlias] !== undefined) die(`key alias '${keyAlias}' is already defined`);
          values[keyAlias] = key;
        }
        key = alias;
      }
      if (format[key]?.type === 'boolean') value = parseBoolean(value) ?? value;
      values[key] = value;
    } else if (part.includes('=')) {
      die('missing key in comma-separated list property');
    } else {
      if (bareKey !== undefined) die(`duplicate key in comma-separated list property: ${bareKey}`);
      bareKey = defaultKeyOf(format);
      if (bareKey === undefined) die('value without key, but schema does not define a default key');
      if (values[bareKey] !== undefined) die(`duplicate key in comma-separated list property: ${bareKey}`);
      values[bareKey] = part;
    }
  }
  return values;
}

const sizeUnits: readonly (readonly [letter: string, bytes: number])[] = [
  ['T', 1024 ** 4],
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
];

/**
 * Reads a disk size.
 *
 * @param text - for example `8G`, `512M`, `1.5GiB`; without a unit it is bytes.
 * @returns bytes, or `undefined` when the text is no size.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?)?$/.exec(text);
  if (!match) return undefined;
  const factor = sizeUnits.find(([letter]) => letter === match[2])?.[1] ?? 1;
  return Math.floor(Number(match[1]) * factor);
}

/**
 * Writes a disk size with the largest unit that divides it exactly.
 *
 * @param bytes - size in bytes.
 * @returns for example `8G`, `512M` or `1000`.
 */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0T'; // PVE::JSONSchema format_size divides 0 by every unit
  const unit = sizeUnits.find(([, factor]) => bytes % factor === 0);
  return unit ? `${bytes / unit[1]}${unit[0]}` : String(bytes);
}

/**
 * Writes a property string in the server's order: the default key as a bare value, then required keys by name, then the
 * others by name. Booleans become 0 or 1, disk sizes get their largest exact unit.
 *
 * @param format - sub-keys.
 * @param values - values by key; undefined ones are left out.
 * @returns the property string.
 */
export function printPropertyString(
  format: ObjectFormat,
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const bare = defaultKeyOf(format);
  const keys = Object.keys(values).filter((key) => values[key] !== undefined && key !== bare);
  const required = keys.filter((key) => format[key] !== undefined && format[key]?.optional !== true).sort();
  const others = keys.filter((key) => format[key]?.optional === true || format[key] === undefined).sort();
  const text = (key: string): string => {
    const value = values[key] as string | number | boolean;
    const schema = format[key];
    if (typeof value === 'boolean') return value ? '1' : '0';
    if (schema?.type === 'boolean') return parseBoolean(String(value)) ?? String(value);
    if (schema?.format === 'disk-size') {
      const bytes = typeof value === 'number' ? value : parseSize(value);
      if (bytes !== undefined) return formatSize(bytes);
    }
    return String(value);
  };
  const parts = bare !== undefined && values[bare] !== undefined ? [text(bare)] : [];
  return [...parts, ...[...required, ...others].map((key) => `${key}=${text(key)}`)].join(',');
}

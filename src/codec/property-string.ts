/**
 * THE codec of property strings such as `name=eth0,bridge=vmbr0`, for every object format of the schema.
 * It converts, it does not validate: ranges, enums and patterns are the server's business.
 * Source of the rules: pve-common JSONSchema.pm, parse_property_string and print_property_string.
 */
import type { ObjectFormat, ParamSchema } from '../schema/types.ts';
import { CodecError } from './codec-error.ts';
import { decodeBoolean, decodeDiskSize, decodeNumber, encodeDiskSize, encodeNumber } from './scalar.ts';

/** Decoded value of one key: sizes are bytes. */
type PropertyValue = string | number | boolean;

/** How strict to be. */
export interface PropertyOptions {
  /**
   * Keep keys that the format does not have, as text, and let required ones be missing: for values of a server that is
   * newer than the schema.
   */
  readonly lenient?: boolean;
}

const ownRow = (format: ObjectFormat, key: string): ParamSchema | undefined =>
  Object.hasOwn(format, key) ? format[key] : undefined;

const defaultKeyOf = (format: ObjectFormat): string | undefined =>
  Object.keys(format).find((key) => format[key]?.defaultKey);

function decodeValue(row: ParamSchema | undefined, key: string, text: string): PropertyValue {
  const decoders: Partial<Record<ParamSchema['type'], () => PropertyValue | undefined>> = {
    boolean: () => decodeBoolean(text),
    integer: () => decodeNumber(text),
    number: () => decodeNumber(text),
    string: () => (row?.format === 'disk-size' ? decodeDiskSize(text) : text),
  };
  const value = row ? (decoders[row.type] ?? (() => text))() : text;
  if (value === undefined) throw new CodecError(`'${text}' is no ${row?.type} for '${key}'`, key);
  return value;
}

/**
 * Reads a property string.
 *
 * @param format - the keys, as the schema has them.
 * @param text - the property string.
 * @param options - {@link PropertyOptions}.
 * @returns the values by key; aliases resolved.
 * @throws {@link CodecError} for unknown, duplicate or missing keys and values of the wrong type, with the key.
 * @example `decodeProperties(lxcNet, 'name=eth0,firewall=1')` gives `{ name: 'eth0', firewall: true }`.
 */
export function decodeProperties<T>(format: ObjectFormat, text: string, options: PropertyOptions = {}): T {
  const result: Record<string, PropertyValue> = {};
  const put = (key: string, value: PropertyValue): void => {
    if (Object.hasOwn(result, key)) throw new CodecError(`duplicate key '${key}'`, key);
    result[key] = value;
  };
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at < 0) {
      const key = defaultKeyOf(format);
      if (key === undefined) throw new CodecError(`value '${part}' has no key, and there is no default key`);
      put(key, decodeValue(format[key], key, part));
      continue;
    }
    const written = part.slice(0, at);
    const raw = part.slice(at + 1);
    if (written === '') throw new CodecError(`missing key before '='`);
    if (raw === '') throw new CodecError(`key '${written}' has no value`, written);
    const row = ownRow(format, written);
    if (!row && !options.lenient) throw new CodecError(`invalid key '${written}'`, written);
    if (row?.keyAlias !== undefined) put(row.keyAlias, written);
    const key = row?.alias ?? written;
    put(key, decodeValue(ownRow(format, key), key, raw));
  }
  const missing = Object.keys(format).find((key) => {
    const row = format[key] as ParamSchema;
    return !row.optional && row.alias === undefined && !Object.hasOwn(result, key);
  });
  if (missing !== undefined && !options.lenient)
    throw new CodecError(`key '${missing}' is missing and it is not optional`, missing);
  return result as T;
}

function encodeValue(row: ParamSchema | undefined, key: string, value: PropertyValue): string {
  const text =
    typeof value === 'boolean'
      ? value
        ? '1'
        : '0'
      : typeof value === 'number'
        ? row?.format === 'disk-size'
          ? encodeDiskSize(value)
          : encodeNumber(value)
        : value;
  if (text === '') throw new CodecError(`an empty value cannot be written for '${key}'`, key);
  if (/[,\n]/.test(text)) throw new CodecError(`'${key}' may not contain a comma or a newline`, key);
  return text;
}

/**
 * Writes a property string in the server's own order: default key bare, then required keys, then the rest, by name.
 *
 * @param format - the keys, as the schema has them.
 * @param value - values by key; `undefined` members are left out.
 * @param options - {@link PropertyOptions}.
 * @returns the property string.
 * @throws {@link CodecError} for unknown keys and values that cannot be written, with the key.
 */
export function encodeProperties(format: ObjectFormat, value: object, options: PropertyOptions = {}): string {
  const entries = Object.entries(value as Readonly<Record<string, PropertyValue | undefined>>);
  const texts = new Map<string, string>();
  for (const [key, member] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (member === undefined) continue;
    const row = ownRow(format, key);
    if (row?.alias !== undefined || (!row && !options.lenient))
      throw new CodecError(`invalid key '${key}'`, key);
    texts.set(key, encodeValue(row, key, member));
  }
  const bare = defaultKeyOf(format);
  const rank = (key: string): number => {
    const row = ownRow(format, key);
    return key === bare ? 0 : row && !row.optional ? 1 : 2;
  };
  const parts: string[] = [];
  for (const key of [...texts.keys()].sort((a, b) => rank(a) - rank(b))) {
    const text = texts.get(key);
    if (text === undefined) continue;
    // PVE: a key alias such as QEMU's `virtio=MAC` carries two keys at once
    const combined = ownRow(format, text);
    const partner = combined?.keyAlias === key ? (combined.alias as string) : undefined;
    const other = partner === undefined ? undefined : texts.get(partner);
    if (partner !== undefined && other !== undefined) {
      parts.push(`${text}=${other}`);
      texts.delete(partner);
    } else {
      parts.push(key === bare && text.trim() !== '' && !text.includes('=') ? text : `${key}=${text}`);
    }
  }
  return parts.join(',');
}

/**
 * Raw config record of a container ⇄ typed values. Both directions run over the same table of keys, so that
 * `decodeLxcConfig(encodeLxcConfig(config))` gives the config back.
 */
import {
  type LxcDevice,
  type LxcFeatures,
  type LxcMount,
  type LxcNet,
  type LxcRootfs,
  lxcDevice,
  lxcFeatures,
  lxcMount,
  lxcNet,
  lxcRootfs,
} from '../schema/generated/formats.gen.ts';
import { splitIndexedKey } from '../schema/overlay.ts';
import type { ObjectFormat } from '../schema/types.ts';
import { naturalCompare } from '../util/compare.ts';
import { CodecError } from './codec-error.ts';
import { splitList } from './list.ts';
import { decodeProperties, encodeProperties } from './property-string.ts';
import { decodeBoolean, decodeNumber } from './scalar.ts';

/** A container's configuration, decoded; absent: not set. Sizes in property strings are bytes. */
export interface LxcConfig {
  readonly hostname?: string;
  readonly memoryMiB?: number;
  readonly swapMiB?: number;
  readonly cores?: number;
  readonly cpuLimit?: number;
  readonly cpuUnits?: number;
  readonly rootfs?: LxcRootfs;
  /** By wire key: `net0`, `mp3`, `dev1`, `unused0`. */
  readonly nets: Readonly<Record<string, LxcNet>>;
  readonly mounts: Readonly<Record<string, LxcMount>>;
  readonly devices: Readonly<Record<string, LxcDevice>>;
  readonly unused: Readonly<Record<string, string>>;
  readonly features?: LxcFeatures;
  readonly tags?: readonly string[];
  /** Without the trailing newline that the server adds; with the ownership line. */
  readonly description?: string;
  readonly nameservers?: readonly string[];
  readonly searchDomains?: readonly string[];
  readonly startup?: { readonly order?: number; readonly up?: number; readonly down?: number };
  readonly env?: Readonly<Record<string, string>>;
  readonly onboot?: boolean;
  readonly protection?: boolean;
  readonly unprivileged?: boolean;
  readonly template?: boolean;
  readonly console?: boolean;
  readonly debug?: boolean;
  readonly tty?: number;
  readonly cmode?: string;
  readonly arch?: string;
  readonly ostype?: string;
  readonly timezone?: string;
  readonly hookscript?: string;
  readonly entrypoint?: string;
  readonly lock?: string;
  /** Keys that this version of pvefleet does not know, as they came. */
  readonly other: Readonly<Record<string, string>>;
}

/** A value as it goes into a form. */
export type LxcWireValue = string | number | boolean;

/** How one key of the config is read and written. */
interface KeyRow {
  readonly wire: string;
  readonly name: Exclude<keyof LxcConfig, 'nets' | 'mounts' | 'devices' | 'unused' | 'other'>;
  readonly decode: (value: unknown) => unknown;
  readonly encode: (value: never) => LxcWireValue;
}

const lenient = { lenient: true } as const;

/** `[order=]N,up=N,down=N`; the schema has it as a named format, not as keys. */
const startupFormat: ObjectFormat = {
  order: { type: 'integer', optional: true, defaultKey: true },
  up: { type: 'integer', optional: true },
  down: { type: 'integer', optional: true },
};

function strictly<T>(value: T | undefined, given: unknown, what: string): T {
  if (value === undefined) throw new CodecError(`${JSON.stringify(given)} is no ${what}`);
  return value;
}

const text = (wire: string, name: KeyRow['name'] = wire as KeyRow['name']): KeyRow => ({
  wire,
  name,
  decode: String,
  encode: (value: string) => value,
});
const number = (wire: string, name: KeyRow['name'] = wire as KeyRow['name']): KeyRow => ({
  wire,
  name,
  decode: (value) => strictly(decodeNumber(value), value, 'number'),
  encode: (value: number) => value,
});
const boolean = (wire: KeyRow['name']): KeyRow => ({
  wire,
  name: wire,
  decode: (value) => strictly(decodeBoolean(value), value, 'boolean'),
  encode: (value: boolean) => value,
});
const list = (wire: string, name: KeyRow['name'], separator: string): KeyRow => ({
  wire,
  name,
  decode: (value) => splitList(String(value)),
  encode: (value: readonly string[]) => value.join(separator),
});
const properties = (wire: KeyRow['name'], format: ObjectFormat): KeyRow => ({
  wire,
  name: wire,
  decode: (value) => decodeProperties(format, String(value), lenient),
  encode: (value: object) => encodeProperties(format, value, lenient),
});

function decodeEnv(value: unknown): Record<string, string> {
  const items = String(value)
    .split('\0')
    .filter((item) => item !== '');
  return Object.fromEntries(
    items.map((item) => {
      const at = item.indexOf('=');
      return at < 0 ? [item, ''] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

const rows: readonly KeyRow[] = [
  text('hostname'),
  number('memory', 'memoryMiB'),
  number('swap', 'swapMiB'),
  number('cores'),
  number('cpulimit', 'cpuLimit'),
  number('cpuunits', 'cpuUnits'),
  properties('rootfs', lxcRootfs),
  properties('features', lxcFeatures),
  list('tags', 'tags', ';'),
  // PVE: pve-container LXC/Config.pm stores the description as comment lines and returns it with a newline at its end
  { ...text('description'), decode: (value) => String(value).replace(/\n+$/, '') },
  list('nameserver', 'nameservers', ' '),
  list('searchdomain', 'searchDomains', ' '),
  {
    ...properties('startup', startupFormat),
    // a bare number would do, but `order=`, and that first, is what people write
    encode: (value: object) => encodeProperties({ ...startupFormat, order: { type: 'integer' } }, value),
  },
  {
    ...text('env'),
    decode: decodeEnv,
    encode: (value: Readonly<Record<string, string>>) =>
      Object.keys(value)
        .sort()
        .map((name) => `${name}=${value[name]}`)
        .join('\0'),
  },
  ...(['onboot', 'protection', 'unprivileged', 'template', 'console', 'debug'] as const).map(boolean),
  number('tty'),
  ...(['cmode', 'arch', 'ostype', 'timezone', 'hookscript', 'entrypoint', 'lock'] as const).map((key) =>
    text(key),
  ),
];
const rowByWire: ReadonlyMap<string, KeyRow> = new Map(rows.map((row) => [row.wire, row]));

/** Indexed keys: where they stand in the config, and their format. */
const families = {
  net: { member: 'nets', format: lxcNet },
  mp: { member: 'mounts', format: lxcMount },
  dev: { member: 'devices', format: lxcDevice },
} as const;

function familyOf(key: string): keyof typeof families | 'unused' | undefined {
  const family = splitIndexedKey(key)?.family;
  return family === 'unused' || (family !== undefined && Object.hasOwn(families, family))
    ? (family as keyof typeof families | 'unused')
    : undefined;
}

/**
 * Reads a config record as the server gives it; numbers and booleans may come as text.
 *
 * @param raw - GET …/config, or one column of GET …/pending; `digest` is left out.
 * @returns the typed config; keys this version does not know are kept in `other`.
 * @throws {@link CodecError} naming the key whose value cannot be read.
 */
export function decodeLxcConfig(raw: Readonly<Record<string, unknown>>): LxcConfig {
  const config: Record<string, unknown> = {};
  const indexed = { net: {}, mp: {}, dev: {}, unused: {} } as Record<string, Record<string, unknown>>;
  const other: Record<string, string> = {};
  for (const key of Object.keys(raw).sort(naturalCompare)) {
    const value = raw[key];
    if (value === undefined || value === null || key === 'digest') continue;
    const row = rowByWire.get(key);
    const family = familyOf(key);
    const plain = typeof value === 'string' ? value : JSON.stringify(value);
    try {
      if (row) config[row.name] = row.decode(value);
      else if (family === 'unused') (indexed['unused'] as Record<string, unknown>)[key] = plain;
      else if (family)
        (indexed[family] as Record<string, unknown>)[key] = decodeProperties(
          families[family].format,
          plain,
          lenient,
        );
      else other[key] = plain;
    } catch (error) {
      if (error instanceof CodecError) throw new CodecError(`cannot read '${key}': ${error.message}`, key);
      throw error;
    }
  }
  // the table of rows fills exactly the members of the interface
  return {
    ...config,
    nets: indexed['net'],
    mounts: indexed['mp'],
    devices: indexed['dev'],
    unused: indexed['unused'],
    other,
  } as LxcConfig;
}

/**
 * Writes a config as parameters of the API, canonically: equal configs give equal values.
 * Keys of `other` and `unused` are left out, because the client never sends them.
 *
 * @param config - a config, or a part of one.
 * @returns parameters by wire key; empty lists and maps are left out, since an empty value cannot be sent.
 * @throws {@link CodecError} when a value cannot be written.
 */
export function encodeLxcConfig(config: Partial<LxcConfig>): Record<string, LxcWireValue> {
  const params: Record<string, LxcWireValue> = {};
  for (const row of rows) {
    const value = config[row.name];
    if (value === undefined) continue;
    const encoded = row.encode(value as never);
    if (encoded !== '') params[row.wire] = encoded;
  }
  for (const { member, format } of Object.values(families))
    for (const [key, value] of Object.entries(config[member] ?? {}))
      params[key] = encodeProperties(format, value as object, lenient);
  return params;
}

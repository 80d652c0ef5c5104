/**
 * Property strings of a container's config: reading them, and printing them the way the server rewrites them.
 * Values were checked by the validator; this is about meaning and order (schema-rules §3, §6).
 */
import { lxcMount, lxcNet, lxcRootfs, lxcUnused } from '../../schema/generated/formats.gen.ts';
import type { ObjectFormat, ParamSchema } from '../../schema/types.ts';
import { SimError } from '../context.ts';

/** Values by sub-key, as text; booleans are `0` or `1`. */
export type Properties = Record<string, string>;

function booleanText(value: string): string {
  if (/^(1|on|yes|true)$/i.test(value)) return '1';
  if (/^(0|off|no|false)$/i.test(value)) return '0';
  return value;
}

/**
 * Reads a property string.
 *
 * @param format - its sub-keys.
 * @param text - for example `name=eth0,bridge=vmbr0`.
 * @returns values by sub-key.
 * @throws SimError 500 `format error`, with errors by sub-key, when a required one is missing or one is unknown.
 */
export function parseProperties(format: ObjectFormat, text: string): Properties {
  const bare = Object.keys(format).find((key) => format[key]?.defaultKey);
  const values: Properties = {};
  for (const part of text.split(',').filter((item) => item.trim() !== '')) {
    const [, key = bare, value = part] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    const schema = key === undefined ? undefined : format[key];
    if (key === undefined || schema === undefined)
      throw new SimError(500, `invalid key in comma-separated list property: ${key ?? part}`);
    values[key] = schema.type === 'boolean' ? booleanText(value) : value;
  }
  const missing = Object.keys(format).filter((key) => !format[key]?.optional && values[key] === undefined);
  if (missing.length > 0) {
    const text = 'property is missing and it is not optional';
    throw new SimError(500, 'format error', Object.fromEntries(missing.map((key) => [key, text])));
  }
  return values;
}

/**
 * Prints a property string in the server's order: the default key bare, then required keys, then the rest, each group by
 * name.
 *
 * @param format - its sub-keys.
 * @param values - values by sub-key.
 * @returns for example `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:11:22,type=veth`.
 */
export function printProperties(format: ObjectFormat, values: Readonly<Properties>): string {
  const rank = (schema: ParamSchema | undefined): number =>
    schema?.defaultKey ? 0 : schema?.optional ? 2 : 1;
  return Object.keys(values)
    .sort((a, b) => rank(format[a]) - rank(format[b]) || (a < b ? -1 : 1))
    .map((key) => (format[key]?.defaultKey ? values[key] : `${key}=${values[key]}`))
    .join(',');
}

/**
 * Reads a netN value; `type` and a missing `hwaddr` are filled in, as every reading of it by the server does.
 *
 * @param text - value of a netN key.
 * @param newMac - makes a MAC address.
 */
export function completeNet(text: string, newMac: () => string): Properties {
  const net = parseProperties(lxcNet, text);
  return { ...net, type: 'veth', hwaddr: net['hwaddr'] ?? newMac() };
}

/** A root disk or mount point. */
export interface Mount {
  readonly kind: 'volume' | 'bind' | 'device';
  /** Volume id, directory, device, or `STORAGE:GIB` for one to be made. */
  readonly volume: string;
  /** Size as the config has it, in bytes. */
  readonly sizeBytes?: number;
  /** All sub-keys but `volume` and `size`. */
  readonly options: Properties;
}

function mountFormat(key: string): ObjectFormat {
  if (key === 'rootfs') return lxcRootfs;
  return key.startsWith('unused') ? lxcUnused : lxcMount;
}

/**
 * Reads the value of rootfs, mpN or unusedN.
 *
 * @param key - the config key.
 * @param text - its value; undefined when it is not set.
 * @throws SimError 500 `format error` when required sub-keys are missing, also for an unset key.
 */
export function parseMount(key: string, text: string | undefined): Mount {
  const { volume = '', size, ...options } = parseProperties(mountFormat(key), text ?? '');
  const sizeBytes = size === undefined ? undefined : parseDiskSize(size);
  return {
    kind: volume.startsWith('/dev/') ? 'device' : volume.startsWith('/') ? 'bind' : 'volume',
    volume,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    options,
  };
}

/**
 * Prints a root disk or mount point.
 *
 * @param key - the config key.
 * @param mount - what it holds.
 */
export function printMount(key: string, mount: Mount): string {
  const { mp, ...others } = mount.options;
  return printProperties(mountFormat(key), {
    volume: mount.volume,
    ...others,
    ...(mp === undefined || key === 'rootfs' ? {} : { mp }),
    ...(mount.sizeBytes === undefined ? {} : { size: formatDiskSize(mount.sizeBytes) }),
  });
}

/**
 * Reads `STORAGE:GIB`, the form in which a new volume is asked for.
 *
 * @returns storage and size in bytes (rounded down to whole MiB), or `undefined` for anything else.
 */
export function newVolume(volume: string): { storage: string; sizeBytes: number } | undefined {
  const match = /^([^:\s]+):(\d+(?:\.\d+)?)$/.exec(volume);
  return match
    ? { storage: match[1] as string, sizeBytes: Math.floor(Number(match[2]) * 1024) * 1024 ** 2 }
    : undefined;
}

const sizeUnits: readonly (readonly [unit: string, bytes: number])[] = [
  ['T', 1024 ** 4],
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
];

/**
 * Writes a size with the largest unit that divides it.
 *
 * @param bytes - size in bytes.
 * @returns for example `8G`, `524352K`; `0T` for nothing, as the server has it.
 */
export function formatDiskSize(bytes: number): string {
  const row = sizeUnits.find(([, factor]) => bytes % factor === 0);
  return row ? `${bytes / row[1]}${row[0]}` : String(bytes);
}

/**
 * Reads a size; without a unit it is bytes.
 *
 * @param text - for example `8G`, `512MiB` or `1.5T`.
 * @returns bytes, or `undefined` when it is no size.
 */
export function parseDiskSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT])?(?:iB)?$/.exec(text);
  if (!match) return undefined;
  const factor = sizeUnits.find(([unit]) => unit === match[2])?.[1] ?? 1;
  return Math.floor(Number(match[1]) * factor);
}

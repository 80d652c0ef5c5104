/**
 * Property strings of a container's config: reading them, and printing them the way the server rewrites them.
 * Values were checked by the validator; this is about meaning and order (schema-rules §3, §6).
 */
import { lxcMount, lxcNet, lxcRootfs, lxcUnused } from '../../schema/generated/formats.gen.ts';
import type { ObjectFormat } from '../../schema/types.ts';
import { SimError } from '../context.ts';
import {
  formatSize,
  type Properties,
  parseSize,
  printPropertyString,
  splitPropertyString,
} from '../wire/property-string.ts';

/**
 * Reads a property string whose values were checked before.
 *
 * @param format - its sub-keys.
 * @param text - for example `name=eth0,bridge=vmbr0`.
 * @returns values by sub-key; booleans are `0` or `1`.
 * @throws SimError 500 `format error`, with errors by sub-key, when a required one is missing.
 */
export function parseProperties(format: ObjectFormat, text: string): Properties {
  const values = splitPropertyString(format, text);
  const missing = Object.keys(format).filter((key) => !format[key]?.optional && values[key] === undefined);
  if (missing.length > 0) {
    const reason = 'property is missing and it is not optional';
    throw new SimError(500, 'format error', Object.fromEntries(missing.map((key) => [key, reason])));
  }
  return { ...values };
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
  const sizeBytes = size === undefined ? undefined : parseSize(size);
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
  return printPropertyString(mountFormat(key), {
    volume: mount.volume,
    ...others,
    ...(mp === undefined || key === 'rootfs' ? {} : { mp }),
    ...(mount.sizeBytes === undefined ? {} : { size: formatSize(mount.sizeBytes) }),
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

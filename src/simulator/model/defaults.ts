/**
 * The keys of a container's config: their types as the schema has them, and the values that apply when a key is unset.
 * Pure tables; no state.
 */
import { findOperation } from '../../schema/load.ts';
import { splitIndexedKey } from '../../schema/overlay.ts';

/** How a value is written in JSON: integers and booleans as numbers, everything else as text (behaviours §4). */
export type KeyType = 'integer' | 'boolean' | 'number' | 'string';

/** Parameters of PUT config that are no keys of the config. */
const requestOnly: ReadonlySet<string> = new Set(['node', 'vmid', 'delete', 'revert', 'digest']);

/** Keys that the server writes itself; they are no parameters but known to `delete` and `revert`. */
const serverKeys: Readonly<Record<string, KeyType>> = { parent: 'string', snaptime: 'integer' };

/** Families of keys that hold volumes, in the order in which the server walks them. */
const highestMount = 255;
export const volumeKeys: readonly string[] = [
  'rootfs',
  ...Array.from({ length: highestMount + 1 }, (_, index) => `mp${index}`),
];
export const highestUnused = 255;

/** What applies when nothing is set (LXC/Config.pm, vmstatus). */
export const unsetMemoryMiB = 512;
export const createdSwapMiB = 512;
export const createdRootfsGiB = 4;
export const unsetCpuUnits = 100;
/** Size shown for a container whose root disk is unknown. */
export const unknownDiskBytes: number = 4 * 1024 ** 3;
/** Systemd newer than this does not run well without nesting. */
export const lastPlainSystemd = 241;

let types: ReadonlyMap<string, KeyType> | undefined;

function keyTypes(): ReadonlyMap<string, KeyType> {
  if (types) return types;
  const properties = findOperation('PUT', '/nodes/{node}/lxc/{vmid}/config')?.parameters.properties ?? {};
  const entries = Object.entries(properties)
    .filter(([name]) => !requestOnly.has(name))
    .map(([name, schema]): [string, KeyType] => [
      name,
      schema.type === 'integer' || schema.type === 'boolean' || schema.type === 'number'
        ? schema.type
        : 'string',
    ]);
  types = new Map([...entries, ...Object.entries(serverKeys)]);
  return types;
}

/**
 * Type of a config key.
 *
 * @param key - for example `memory` or `net3`.
 * @returns its type, or `undefined` for a key that does not exist.
 */
export function configKeyType(key: string): KeyType | undefined {
  const indexed = splitIndexedKey(key);
  return keyTypes().get(indexed ? `${indexed.family}[n]` : key);
}

/**
 * Tells whether a key belongs to an indexed family.
 *
 * @param key - for example `mp0`.
 * @param family - for example `mp`.
 */
export function isOfFamily(key: string, family: string): boolean {
  return splitIndexedKey(key)?.family === family;
}

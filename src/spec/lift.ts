/** Values that containers share → `defaults`: the same fleet in fewer lines. */
import { deepEqual } from '../util/compare.ts';
import type { FileContainer, FleetFile } from './file.ts';
import { entryOnlyKeys } from './schema.ts';

type Members = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value that most have; the first one among equals. */
function mostCommon(values: readonly unknown[]): { value: unknown; count: number } {
  const counts: { value: unknown; count: number }[] = [];
  for (const value of values) {
    const same = counts.find((one) => deepEqual(one.value, value));
    if (same) same.count += 1;
    else counts.push({ value, count: 1 });
  }
  return counts.reduce((best, one) => (one.count > best.count ? one : best));
}

/** Of a map, because maps are merged member by member: the members that all have with the same value. */
function commonMembers(maps: readonly Members[]): Members {
  const [first = {}] = maps;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => maps.every((map) => deepEqual(map[name], value))),
  );
}

/** Defaults among containers that all have the key; undefined: not worth it. */
function commonValue(values: readonly unknown[]): unknown {
  if (values.every(isMap)) {
    const members = commonMembers(values);
    return Object.keys(members).length > 0 ? members : undefined;
  }
  if (values.some(isMap)) return undefined;
  const { value, count } = mostCommon(values);
  return count > 1 ? value : undefined;
}

/** What is left of a value above a default; undefined: nothing. */
function above(value: unknown, below: unknown): unknown {
  if (deepEqual(value, below)) return undefined;
  if (!isMap(value) || !isMap(below)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !(name in below)));
}

/**
 * Moves what the containers of a file have in common into its defaults. The file means the same afterwards.
 *
 * @param file - without defaults and blueprints, as {@link toFleetFile} gives it.
 * @returns the file; as it was when it has fewer than two containers.
 */
export function liftDefaults(file: FleetFile): FleetFile {
  const containers = Object.entries(file.containers ?? {});
  if (containers.length < 2) return file;
  const defaults = new Map<string, unknown>();
  for (const name of new Set(containers.flatMap(([, container]) => Object.keys(container)))) {
    if (entryOnlyKeys.includes(name)) continue;
    const values = containers.map(([, container]) => (container as Members)[name]);
    // a default would reach those that do not have the key, too
    const value = values.includes(undefined) ? undefined : commonValue(values);
    if (value !== undefined) defaults.set(name, value);
  }
  if (defaults.size === 0) return file;
  const rest = containers.map(([key, container]) => {
    const left = Object.entries(container).map(([name, value]) => [name, above(value, defaults.get(name))]);
    return [key, Object.fromEntries(left.filter(([, value]) => value !== undefined)) as FileContainer];
  });
  const { containers: _containers, ...head } = file;
  return {
    ...head,
    defaults: Object.fromEntries(defaults) as FileContainer,
    containers: Object.fromEntries(rest),
  };
}

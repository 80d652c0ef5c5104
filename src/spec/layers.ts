/** Puts defaults, blueprints and an entry on top of each other; every value keeps the place it came from. */
import { keyedMaps } from './file.ts';
import { type MapEntry, type MapTree, mapTree, type Tree } from './tree.ts';

function merge(below: Tree, above: Tree): Tree {
  if (below.kind !== 'map' || above.kind !== 'map') return above;
  // a range of addresses is one value: exclusions of another range do not belong to it
  if (above.entries.has('range')) return above;
  const entries = new Map(below.entries);
  for (const [key, entry] of above.entries) {
    const other = entries.get(key);
    entries.set(key, other ? { key: entry.key, value: merge(other.value, entry.value) } : entry);
  }
  return mapTree(entries, above.place);
}

/**
 * Merges layers: maps member by member, everything else (lists, too) is replaced; null stays as a value.
 *
 * @param layers - from the lowest to the highest.
 * @returns the merged map.
 */
export function mergeLayers(layers: readonly [MapTree, ...MapTree[]]): MapTree {
  return layers.reduce((below, above) => merge(below, above) as MapTree);
}

/**
 * Drops the members of mounts, nets, devices and env that the last layer set to null.
 *
 * @param container - merged layers.
 * @returns the container without them.
 */
export function dropNulls(container: MapTree): MapTree {
  let entries: Map<string, MapEntry> | undefined;
  for (const name of keyedMaps) {
    const entry = container.entries.get(name);
    if (entry?.value.kind !== 'map') continue;
    const kept = [...entry.value.entries].filter(
      ([, { value }]) => value.kind !== 'scalar' || value.value !== null,
    );
    if (kept.length === entry.value.entries.size) continue;
    entries ??= new Map(container.entries);
    entries.set(name, { key: entry.key, value: mapTree(new Map(kept), entry.value.place) });
  }
  return entries ? mapTree(entries, container.place) : container;
}

/**
 * Takes a member out of a map.
 *
 * @returns the map without it.
 */
export function without(tree: MapTree, key: string): MapTree {
  if (!tree.entries.has(key)) return tree;
  const entries = new Map(tree.entries);
  entries.delete(key);
  return mapTree(entries, tree.place);
}

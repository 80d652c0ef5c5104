/**
 * The content of a YAML file as a tree in which every key and value knows where it was written. Trees of several files
 * can be merged and still point at their origin. Immutable; knows nothing of YAML syntax or of the meaning of keys.
 */
import type { SourceRange } from '../util/diagnostic.ts';

/** A file that was read. */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
}

/** A stretch of a file; offsets count UTF-16 units, `end` is exclusive. */
export interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** A text, number, boolean or null. */
interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written, for example `0660` of the number 660. */
  readonly text: string;
  readonly place: Place;
}

interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly place: Place;
  /** Values inside, itself included; values behind aliases count as often as they are used. */
  readonly size: number;
}

export interface MapEntry {
  readonly key: Place;
  readonly value: Tree;
}

export interface MapTree {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly place: Place;
  readonly size: number;
}

/** Stands where a value was that has been complained about; reads as absent, but nobody reports it as missing. */
interface InvalidTree {
  readonly kind: 'invalid';
  readonly place: Place;
}

export type Tree = ScalarTree | ListTree | MapTree | InvalidTree;
export type Path = readonly (string | number)[];

/**
 * Prepares a file for places.
 *
 * @param file - name as messages show it.
 * @param text - content.
 * @returns the source.
 */
export function createSource(file: string, text: string): Source {
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  return { file, text, lineStarts };
}

function position(source: Source, offset: number): { line: number; column: number } {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((source.lineStarts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (source.lineStarts[low] as number) + 1 };
}

/**
 * Turns offsets into lines and columns.
 *
 * @param place - a stretch of a file.
 * @returns the range, counting from 1.
 */
export function rangeOf(place: Place): SourceRange {
  const from = position(place.source, place.start);
  const to = position(place.source, Math.max(place.start, place.end));
  return {
    file: place.source.file,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
  };
}

/**
 * Counts the values of a tree.
 *
 * @returns 1 for scalars.
 */
export function sizeOf(tree: Tree): number {
  return tree.kind === 'map' || tree.kind === 'list' ? tree.size : 1;
}

/**
 * Builds a map.
 *
 * @param entries - keys with their places and values.
 * @param place - where the map stands.
 * @returns the map.
 */
export function mapTree(entries: ReadonlyMap<string, MapEntry>, place: Place): MapTree {
  let size = 1;
  for (const entry of entries.values()) size += sizeOf(entry.value);
  return { kind: 'map', entries, place, size };
}

/**
 * Finds a member of a map.
 *
 * @param tree - any tree; only maps have members.
 * @param key - name of the member.
 * @returns the member, or `undefined` when it is absent; invalid ones are returned as such.
 */
export function member(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined;
}

/**
 * Finds a member that is a map.
 *
 * @returns the map, or `undefined` when there is none.
 */
export function mapMember(tree: Tree | undefined, key: string): MapTree | undefined {
  const value = member(tree, key);
  return value?.kind === 'map' ? value : undefined;
}

/**
 * Follows a path.
 *
 * @param tree - where to start.
 * @param path - keys and list indices.
 * @returns the tree there and the place of the last key; as far as the path leads.
 */
export function locate(tree: Tree, path: Path): { tree: Tree; key?: Place; complete: boolean } {
  let current: { tree: Tree; key?: Place } = { tree };
  for (const step of path) {
    if (current.tree.kind === 'map') {
      const entry = current.tree.entries.get(String(step));
      if (!entry) return { ...current, complete: false };
      current = { tree: entry.value, key: entry.key };
    } else if (current.tree.kind === 'list' && typeof step === 'number') {
      const item = current.tree.items[step];
      if (!item) return { ...current, complete: false };
      current = { tree: item };
    } else return { ...current, complete: false };
  }
  return { ...current, complete: true };
}

/**
 * Replaces the value at a path.
 *
 * @param tree - stays as it is.
 * @param path - must exist, else the tree is returned unchanged.
 * @param change - gets the value there; `undefined` removes a map's member.
 * @returns the new tree; unchanged parts are shared.
 */
export function replaceAt(tree: Tree, path: Path, change: (tree: Tree) => Tree | undefined): Tree {
  const [step, ...rest] = path;
  if (step === undefined) return change(tree) ?? tree;
  if (tree.kind === 'map') {
    const key = String(step);
    const entry = tree.entries.get(key);
    if (!entry) return tree;
    const value = rest.length === 0 ? change(entry.value) : replaceAt(entry.value, rest, change);
    const entries = new Map(tree.entries);
    if (value) entries.set(key, { key: entry.key, value });
    else entries.delete(key);
    return mapTree(entries, tree.place);
  }
  if (tree.kind === 'list' && typeof step === 'number' && tree.items[step]) {
    const items = tree.items.with(step, replaceAt(tree.items[step], rest, change));
    return { ...tree, items };
  }
  return tree;
}

/**
 * Reads a tree as plain values.
 *
 * @returns maps as objects, lists as arrays; invalid parts are left out.
 */
export function toPlain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.filter((item) => item.kind !== 'invalid').map(toPlain);
    case 'map': {
      const members: [string, unknown][] = [];
      for (const [key, { value }] of tree.entries)
        if (value.kind !== 'invalid') members.push([key, toPlain(value)]);
      return Object.fromEntries(members);
    }
    case 'invalid':
      return undefined;
  }
}

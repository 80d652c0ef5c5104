/** Finds blueprints by name, in the fleet file or through a callback, and stacks those that they build upon. */
import { suggest } from '../util/suggest.ts';
import type { Findings } from './findings.ts';
import { mergeLayers, without } from './layers.ts';
import { checkLayerNames } from './names.ts';
import { parseYaml } from './parse.ts';
import { blueprintSchema } from './schema.ts';
import { type MapTree, mapMember, member, type Place, type Tree } from './tree.ts';
import { validate } from './validate.ts';
import { splitTexts } from './values.ts';

/** A file with a blueprint. */
export interface BlueprintFile {
  /** Name for messages. */
  readonly file: string;
  readonly text: string;
}

export interface BlueprintOptions {
  /** `blueprints` of the fleet file; they win over files. */
  readonly inline: MapTree | undefined;
  readonly read: (name: string) => BlueprintFile | undefined;
  /** Names of known files; for suggestions only. */
  readonly names: readonly string[];
  readonly findings: Findings;
  /** Gets the text of every file that was read. */
  readonly sources: Map<string, string>;
}

/** See {@link createBlueprints}. */
export interface Blueprints {
  /**
   * Stacks a layer on the blueprints that it names.
   *
   * @param layer - any layer with or without a key `blueprint`.
   * @returns blueprints and layer merged, without that key.
   */
  stack(layer: MapTree): MapTree;
}

function namesOf(tree: Tree | undefined): { name: string; place: Place }[] {
  if (tree?.kind === 'list') return tree.items.flatMap(namesOf);
  if (tree?.kind !== 'scalar' || typeof tree.value !== 'string') return [];
  return splitTexts(tree.value).map((name) => ({ name, place: tree.place }));
}

/**
 * Prepares the blueprints of one fleet file.
 *
 * @param options - where they come from and where findings go.
 * @returns a lookup that reads and checks each file once.
 */
export function createBlueprints(options: BlueprintOptions): Blueprints {
  const { inline, findings, sources } = options;
  const files = new Map<string, MapTree | 'unknown' | 'invalid'>();
  const stacked = new Map<string, MapTree | undefined>();

  const readFile = (name: string): MapTree | 'unknown' | 'invalid' => {
    const found = options.read(name);
    if (!found) return 'unknown';
    sources.set(found.file, found.text);
    const parsed = parseYaml(found.file, found.text, findings);
    if (!parsed) return 'invalid';
    if (parsed.kind === 'scalar' && parsed.value === null)
      return { kind: 'map', entries: new Map(), place: parsed.place, size: 1 };
    const tree = validate(parsed, blueprintSchema, findings);
    checkLayerNames(tree, findings);
    return tree.kind === 'map' ? tree : 'invalid';
  };
  const find = (name: string): MapTree | 'unknown' | 'invalid' => {
    const entry = inline?.entries.get(name);
    if (entry?.value.kind === 'map') return entry.value;
    if (entry?.value.kind === 'scalar')
      return { kind: 'map', entries: new Map(), place: entry.value.place, size: 1 };
    if (entry) return 'invalid';
    const known = files.get(name) ?? readFile(name);
    files.set(name, known);
    return known;
  };
  const resolve = (name: string, place: Place, below: readonly string[]): MapTree | undefined => {
    if (below.includes(name)) {
      const circle = [...below.slice(below.indexOf(name)), name].join(' → ');
      findings.report(
        { code: 'SPEC_BLUEPRINT_CYCLE', message: `blueprints build upon each other: ${circle}` },
        place,
      );
      return undefined;
    }
    if (stacked.has(name)) return stacked.get(name);
    const found = find(name);
    if (found === 'unknown') {
      const near = suggest(name, [...(inline?.entries.keys() ?? []), ...options.names]);
      const hint =
        near === undefined
          ? "define it under 'blueprints' or in a file of that name"
          : `did you mean '${near}'?`;
      findings.report({ code: 'SPEC_BLUEPRINT', message: `there is no blueprint '${name}'`, hint }, place);
    }
    const result = typeof found === 'string' ? undefined : stack(found, [...below, name]);
    stacked.set(name, result);
    return result;
  };
  const stack = (layer: MapTree, below: readonly string[]): MapTree => {
    const layers = namesOf(member(layer, 'blueprint')).flatMap(
      ({ name, place }) => resolve(name, place, below) ?? [],
    );
    const [first, ...rest] = [...layers, without(layer, 'blueprint')];
    return first ? mergeLayers([first, ...rest]) : layer;
  };
  for (const [name, { key }] of inline?.entries ?? []) resolve(name, key, []);
  return { stack: (layer) => stack(layer, []) };
}

/**
 * Gives the layer `defaults` to an entry: without the defaults' own blueprints when the entry names some itself.
 *
 * @param fleet - the fleet file.
 * @param entry - the entry.
 * @returns the defaults, or `undefined` when the file has none.
 */
export function defaultsFor(fleet: Tree, entry: MapTree): MapTree | undefined {
  const defaults = mapMember(fleet, 'defaults');
  return defaults && entry.entries.has('blueprint') ? without(defaults, 'blueprint') : defaults;
}

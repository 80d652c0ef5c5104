/**
 * Entries of a fleet file → one merged tree per container: defaults, blueprints, entry; counted entries give as many
 * containers as they say, with numbers filled in. Those of `students` are made by students.ts.
 */
import { type Blueprints, defaultsFor } from './blueprints.ts';
import type { FileContainer } from './file.ts';
import { badNumber, fill, findNumbered, once } from './fill.ts';
import type { Findings, Problem } from './findings.ts';
import { checkKey } from './formats.ts';
import { dropNulls, mergeLayers, without } from './layers.ts';
import { fillNumber, isNumbered } from './numbering.ts';
import { type MapTree, mapMember, mapTree, member, type Place, type Tree, toPlain } from './tree.ts';

/** One container, not yet checked as a whole. */
export interface Instance {
  readonly key: string;
  /** Key of its entry. */
  readonly place: Place;
  readonly tree: MapTree;
  /** The tree as plain values; invalid parts are left out. */
  readonly raw: FileContainer;
  /** Where the student stands in the roster. */
  readonly row?: Place;
  readonly student?: string;
  readonly group?: string;
}

export const instanceOf = (key: string, place: Place, tree: MapTree): Instance => ({
  key,
  place,
  tree,
  raw: toPlain(tree) as FileContainer,
});

/** An entry that stands for itself. */
function expandSingle(name: string, place: Place, merged: MapTree, findings: Findings): Instance[] {
  const nameTree = merged.entries.get('name');
  if (nameTree)
    findings.report(
      {
        code: 'SPEC_COUNT',
        message: "'name' is for counted entries",
        hint: "add 'count', or rename the entry itself",
      },
      nameTree.key,
    );
  const problem = isNumbered(name)
    ? {
        code: 'SPEC_NUMBERING',
        message: `'${name}' has a number to fill in, but no count`,
        hint: "add 'count: 3'",
      }
    : checkKey(name);
  if (problem) {
    findings.report(problem, place);
    return [];
  }
  for (const field of findNumbered(merged)) {
    const message = `'${field.text}' has a number to fill in, but '${name}' is not counted`;
    // A description may contain braces; in an entry that is not counted they mean nothing.
    const wrong: Problem | undefined =
      field.path[0] === 'description'
        ? field.check(field.text)
        : { code: 'SPEC_NUMBERING', message, hint: "{n} needs 'count'" };
    if (wrong) findings.report(once(wrong), field.place);
  }
  return [instanceOf(name, place, merged)];
}

/**
 * Expands an entry that stands for several.
 *
 * @param entry - its name with something to fill in, and how many they are.
 * @param merged - its layers, without `count` and `name`.
 * @param findings - gets the problems.
 * @returns the containers.
 */
export function expandCounted(
  entry: { name: string; namePlace: Place; place: Place; count: number },
  merged: MapTree,
  findings: Findings,
): Instance[] {
  const vmid = member(merged, 'vmid');
  const isShared = vmid?.kind === 'scalar' && typeof vmid.value === 'number' && entry.count > 1;
  if (isShared)
    findings.report(
      {
        code: 'SPEC_VMID',
        message: `${entry.count} containers cannot share the VMID ${vmid.text}`,
        hint: `write '{${Number(vmid.value) - 1}+n}' or leave it out`,
      },
      vmid.place,
    );
  if (!/\{[^{}]*n[^{}]*\}/.test(entry.name)) {
    const message = `all ${entry.count} containers would be called '${entry.name}'`;
    const hint = `did you mean '${entry.name}-{n}'?`;
    findings.report({ code: 'SPEC_COUNT', message, hint }, entry.namePlace);
    return [];
  }
  const group = isShared ? without(merged, 'vmid') : merged;
  const fields = findNumbered(group);
  const instances: Instance[] = [];
  for (let n = 1; n <= entry.count; n++) {
    const key = fillNumber(entry.name, n);
    const problem = 'error' in key ? badNumber(key.error) : checkKey(key.text);
    if (problem) findings.report(once(problem), entry.namePlace);
    if ('error' in key || problem) continue;
    instances.push(instanceOf(key.text, entry.place, fill(group, fields, { n }, findings)));
  }
  return instances;
}

/** The layers below an entry, and the entry on top of them. */
export type Stack = (entry: MapTree, ...above: readonly MapTree[]) => MapTree;

/**
 * Prepares the merging of layers.
 *
 * @param fleet - validated tree of the file.
 * @param blueprints - to stack on.
 * @returns what merges the defaults, an entry with its blueprints, and further layers with theirs.
 */
export function createStack(fleet: Tree, blueprints: Blueprints): Stack {
  const bases = new Map<boolean, MapTree | undefined>();
  return (entry, ...above) => {
    const named = entry.entries.has('blueprint');
    if (!bases.has(named)) {
      const defaults = defaultsFor(fleet, entry);
      bases.set(named, defaults && blueprints.stack(defaults));
    }
    const base = bases.get(named);
    const layers = [entry, ...above].map((layer) => blueprints.stack(layer));
    const [first = entry, ...rest] = base ? [base, ...layers] : layers;
    return dropNulls(mergeLayers([first, ...rest]));
  };
}

/**
 * Expands the entries of `containers`.
 *
 * @param fleet - validated tree of the file.
 * @param stack - merges layers.
 * @param findings - gets the problems.
 * @returns the containers in the order of the file.
 */
export function expandFleet(fleet: Tree, stack: Stack, findings: Findings): Instance[] {
  const instances: Instance[] = [];
  for (const [name, { key: place, value }] of mapMember(fleet, 'containers')?.entries ?? []) {
    if (value.kind === 'invalid' || value.kind === 'list') continue;
    const entry = value.kind === 'map' ? value : mapTree(new Map(), value.place);
    const merged = stack(entry);
    const count = member(entry, 'count');
    if (!count) {
      instances.push(...expandSingle(name, place, merged, findings));
      continue;
    }
    const ownName = entry.entries.get('name')?.value;
    const group = {
      place,
      ...(ownName?.kind === 'scalar'
        ? { name: String(ownName.value), namePlace: ownName.place }
        : { name, namePlace: place }),
      // A missing or invalid count has been reported; one container stands for the group in the further checks.
      count: count.kind === 'scalar' && typeof count.value === 'number' ? count.value : 1,
    };
    instances.push(...expandCounted(group, without(without(merged, 'count'), 'name'), findings));
  }
  return instances;
}

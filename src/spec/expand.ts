/**
 * Entries of a fleet file → one merged tree per container: defaults, blueprints, entry; counted entries and `students`
 * give as many containers as they say, with numbers filled in.
 */
import { checkAddress, checkInterfaceAddress } from './addresses.ts';
import { type Blueprints, defaultsFor } from './blueprints.ts';
import type { FileContainer } from './file.ts';
import type { Findings, Problem } from './findings.ts';
import {
  checkDescription,
  checkDnsName,
  checkKey,
  checkMac,
  checkMountSource,
  checkNode,
  checkPool,
  type TextCheck,
} from './formats.ts';
import { dropNulls, mergeLayers, without } from './layers.ts';
import { fillNumber, isNumbered } from './numbering.ts';
import {
  type MapTree,
  mapMember,
  mapTree,
  member,
  type Path,
  type Place,
  replaceAt,
  type Tree,
  toPlain,
} from './tree.ts';
import { integerProblem, numberingHint } from './values.ts';

/** One container, not yet checked as a whole. */
export interface Instance {
  readonly key: string;
  /** Key of its entry. */
  readonly place: Place;
  readonly tree: MapTree;
  /** The tree as plain values; invalid parts are left out. */
  readonly raw: FileContainer;
}

const integer =
  (least: number, most: number, code: string): TextCheck =>
  (text) =>
    /^\d+$/.test(text)
      ? integerProblem(Number(text), least, most, code)
      : { code, message: `'${text}' is not a whole number` };

/** Where numbers may be filled in, and the format of the result. `*`: any member. */
const numberedFields: readonly { path: readonly string[]; check: TextCheck; number?: true }[] = [
  { path: ['hostname'], check: checkDnsName },
  { path: ['vmid'], check: integer(100, 999_999_999, 'SPEC_VMID'), number: true },
  { path: ['renamedFrom'], check: checkKey },
  { path: ['node'], check: checkNode },
  { path: ['pool'], check: checkPool },
  { path: ['description'], check: checkDescription },
  { path: ['nets', '*', 'ip'], check: checkInterfaceAddress(4) },
  { path: ['nets', '*', 'gateway'], check: checkAddress(4) },
  { path: ['nets', '*', 'ip6'], check: checkInterfaceAddress(6) },
  { path: ['nets', '*', 'gateway6'], check: checkAddress(6) },
  { path: ['nets', '*', 'mac'], check: checkMac },
  { path: ['nets', '*', 'vlan'], check: integer(1, 4094, 'SPEC_RANGE'), number: true },
  { path: ['mounts', '*', 'source'], check: checkMountSource },
];

interface Numbered {
  readonly path: Path;
  readonly text: string;
  readonly place: Place;
  readonly check: TextCheck;
  readonly number: boolean;
}

function findNumbered(tree: MapTree): Numbered[] {
  const walk = (
    current: Tree | undefined,
    path: readonly string[],
    done: Path,
  ): { tree: Tree; path: Path }[] => {
    const [step, ...rest] = path;
    if (!current) return [];
    if (step === undefined) return [{ tree: current, path: done }];
    if (step !== '*') return walk(member(current, step), rest, [...done, step]);
    return current.kind === 'map'
      ? [...current.entries].flatMap(([key, { value }]) => walk(value, rest, [...done, key]))
      : [];
  };
  return numberedFields.flatMap(({ path, check, number = false }) =>
    walk(tree, path, []).flatMap((found) =>
      found.tree.kind === 'scalar' && typeof found.tree.value === 'string' && isNumbered(found.tree.value)
        ? [{ path: found.path, text: found.tree.value, place: found.tree.place, check, number }]
        : [],
    ),
  );
}

/** One finding per field, however many containers share it. */
const once = (problem: Problem): Problem => ({ ...problem, topic: 'number' });

function fill(tree: MapTree, fields: readonly Numbered[], n: number, findings: Findings): MapTree {
  return fields.reduce<Tree>((current, { path, text, place, check, number }) => {
    const filled = fillNumber(text, n);
    const problem: Problem | undefined =
      'error' in filled
        ? { code: 'SPEC_NUMBERING', message: filled.error, hint: numberingHint }
        : check(filled.text);
    if (problem) findings.report(once(problem), place);
    if ('error' in filled || problem) return replaceAt(current, path, () => ({ kind: 'invalid', place }));
    const value = number ? Number(filled.text) : filled.text;
    return replaceAt(current, path, () => ({ kind: 'scalar', value, text: filled.text, place }));
  }, tree) as MapTree;
}

const instance = (key: string, place: Place, tree: MapTree): Instance => ({
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
  return [instance(name, place, merged)];
}

function expandCounted(
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
    const problem: Problem | undefined =
      'error' in key
        ? { code: 'SPEC_NUMBERING', message: key.error, hint: numberingHint }
        : checkKey(key.text);
    if (problem) findings.report(once(problem), entry.namePlace);
    if ('error' in key || problem) continue;
    instances.push(instance(key.text, entry.place, fill(group, fields, n, findings)));
  }
  return instances;
}

/**
 * Expands all entries.
 *
 * @param fleet - validated tree of the file.
 * @param blueprints - to stack on.
 * @param findings - gets the problems.
 * @returns the containers in the order of the file, students last.
 */
export function expandFleet(fleet: Tree, blueprints: Blueprints, findings: Findings): Instance[] {
  const bases = new Map<boolean, MapTree | undefined>();
  const layers = (entry: MapTree): MapTree => {
    const named = entry.entries.has('blueprint');
    if (!bases.has(named)) {
      const defaults = defaultsFor(fleet, entry);
      bases.set(named, defaults && blueprints.stack(defaults));
    }
    const base = bases.get(named);
    const above = blueprints.stack(entry);
    return dropNulls(base ? mergeLayers([base, above]) : above);
  };
  const expand = (name: string, place: Place, value: Tree, counted: boolean): Instance[] => {
    if (value.kind === 'invalid' || value.kind === 'list') return [];
    const entry = value.kind === 'map' ? value : mapTree(new Map(), value.place);
    const merged = layers(entry);
    const count = member(entry, 'count');
    if (!count && !counted) return expandSingle(name, place, merged, findings);
    const ownName = entry.entries.get('name')?.value;
    const group = {
      place,
      ...(ownName?.kind === 'scalar'
        ? { name: String(ownName.value), namePlace: ownName.place }
        : { name, namePlace: place }),
      // A missing or invalid count has been reported; one container stands for the group in the further checks.
      count: count?.kind === 'scalar' && typeof count.value === 'number' ? count.value : 1,
    };
    return expandCounted(group, without(without(merged, 'count'), 'name'), findings);
  };
  const instances: Instance[] = [];
  for (const [name, { key, value }] of mapMember(fleet, 'containers')?.entries ?? [])
    instances.push(...expand(name, key, value, false));
  const students = fleet.kind === 'map' ? fleet.entries.get('students') : undefined;
  if (students?.value.kind === 'map') {
    const { key, value } = students;
    instances.push(...expand('student-{nn}', key, value, true));
  }
  return instances;
}

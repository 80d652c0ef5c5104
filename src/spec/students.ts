/**
 * The section `students` → the containers of everybody on the roster, and the people themselves. What a container is called
 * follows from the person alone, never from a position in the roster. Layers: defaults, students, the kind of container,
 * the group, the person.
 */
import type { DesiredStudent } from '../domain/desired.ts';
import { slug } from '../util/slug.ts';
import { type Accounts, readAccounts } from './accounts.ts';
import { expandCounted, type Instance, instanceOf, type Stack } from './expand.ts';
import { type Fillings, fill, findNumbered, type Numbered, once } from './fill.ts';
import type { Findings, Problem } from './findings.ts';
import { checkKey } from './formats.ts';
import { without } from './layers.ts';
import { fillNumber } from './numbering.ts';
import { type Person, type RosterContext, readPeople } from './roster.ts';
import { rowNetKeys } from './schema.ts';
import {
  type MapEntry,
  type MapTree,
  mapMember,
  mapTree,
  member,
  type Place,
  rangeOf,
  type Tree,
} from './tree.ts';
import { splitTexts } from './values.ts';

/** What comes of the section. */
export interface Students extends Pick<Accounts, 'accounts'> {
  readonly instances: readonly Instance[];
  /** Absent without the section. */
  readonly students?: readonly DesiredStudent[];
}

/** A kind of container that each student gets; without a name it is the only one. */
interface Kind {
  readonly name?: string;
  readonly layer?: MapTree;
}

/** What all students share. */
interface Section {
  readonly fleet: string;
  /** Keys of all their containers. */
  readonly layer: MapTree;
  readonly kinds: readonly Kind[];
  readonly groups: MapTree | undefined;
  readonly name: { readonly text: string; readonly place: Place };
  readonly place: Place;
  readonly stack: Stack;
  readonly findings: Findings;
}

const ownKeys = ['roster', 'count', 'name', 'groups', 'containers', 'accounts'];
const hint = 'write {login}, {group}, {n}, {nn}, {100+n} or {container}; {{ and }} stand for braces';
const plainHint = 'write {login}, {name}, {group}, {email}, {n} or {container}; {{ and }} stand for braces';

const layerOf = (tree: Tree | undefined): MapTree | undefined =>
  tree?.kind === 'map' ? without(tree, 'containers') : undefined;

/** The layer of a group or a person for one kind of container. */
const kindOf = (tree: Tree | undefined, kind: Kind): MapTree | undefined =>
  kind.name === undefined ? undefined : mapMember(mapMember(tree, 'containers'), kind.name);

const present = (...layers: readonly (MapTree | undefined)[]): MapTree[] =>
  layers.filter((layer) => layer !== undefined);

/** Keys such as `ip` of a row, put into the only interface of the container. */
function withNetKeys(row: MapTree, below: MapTree, findings: Findings): MapTree {
  const short = rowNetKeys.filter((key) => row.entries.has(key));
  if (short.length === 0) return row;
  const names = [...(mapMember(below, 'nets')?.entries.keys() ?? [])];
  const rest = short.reduce(without, row);
  const [only] = names;
  if (only === undefined || names.length > 1) {
    const key = short[0] ?? '';
    const place = row.entries.get(key)?.key ?? row.place;
    const which =
      only === undefined ? 'these containers have no interface' : `there are several: ${names.join(', ')}`;
    findings.report(
      {
        code: 'SPEC_ROSTER',
        message: `'${key}' belongs to an interface, and ${which}`,
        hint: `write 'nets.${only ?? 'eth0'}.${key}'`,
      },
      place,
    );
    return rest;
  }
  const entries = new Map(rest.entries);
  const nets = new Map(mapMember(row, 'nets')?.entries);
  const members = new Map<string, MapEntry>(mapMember(mapMember(row, 'nets'), only)?.entries);
  for (const key of short) members.set(key, row.entries.get(key) as MapEntry);
  nets.set(only, { key: row.place, value: mapTree(members, row.place) });
  entries.set('nets', { key: row.place, value: mapTree(nets, row.place) });
  return mapTree(entries, row.place);
}

/** `dependsOn: db` of a kind means the same student's container of that kind. */
function withSiblings(tree: MapTree, keys: ReadonlyMap<string | undefined, string>): MapTree {
  const entry = tree.entries.get('dependsOn');
  const value = entry?.value;
  if (!entry || !value || keys.size < 2) return tree;
  const scalar = (text: string, place: Place): Tree => ({
    kind: 'scalar',
    value: keys.get(text) ?? text,
    text,
    place,
  });
  const items =
    value.kind === 'list'
      ? value.items.map((item) => (item.kind === 'scalar' ? scalar(String(item.value), item.place) : item))
      : value.kind === 'scalar' && typeof value.value === 'string'
        ? splitTexts(value.value).map((text) => scalar(text, value.place))
        : undefined;
  if (!items) return tree;
  const entries = new Map(tree.entries);
  entries.set('dependsOn', {
    key: entry.key,
    value: { kind: 'list', items, place: value.place, size: items.length + 1 },
  });
  return mapTree(entries, tree.place);
}

/** Why a text cannot be filled in for a student; a position is no number, because it changes when somebody leaves. */
function explain(error: string, isPlain = false): Problem {
  const code = 'SPEC_NUMBERING';
  return error.endsWith('needs a number')
    ? {
        code,
        message: `${error}, and the roster gives none`,
        hint: "add a column 'number': a position in the list would change when somebody leaves",
      }
    : { code, message: error, hint: isPlain ? plainHint : hint };
}

function fillingsOf(fleet: string, person: Person, kind: Kind): Fillings {
  const { login, name, group, email, number, place } = person;
  const plain = { login, name, group, email, container: kind.name, fleet };
  const words = Object.fromEntries(
    Object.entries(plain).map(([key, text]) => [key, text === undefined ? undefined : slug(text)]),
  );
  return {
    n: number,
    words,
    plain,
    explain,
    ...(place ? { who: { message: `for '${name}' of the roster`, place } } : {}),
  };
}

/** Merged layers of students who are alike, so that they are merged and searched once. */
type Merged = (person: Person, kind: Kind) => { tree: MapTree; fields: readonly Numbered[] };

function createMerged({ layer, groups, stack, findings }: Section): Merged {
  const known = new Map<string, { tree: MapTree; fields: readonly Numbered[] }>();
  return (person, kind) => {
    const { group, layer: row } = person;
    const id = JSON.stringify([kind.name ?? null, group ?? null]);
    const found = known.get(id);
    if (found && (!row || row.entries.size === 0)) return found;
    const groupTree = group === undefined ? undefined : member(groups, group);
    const below = present(kind.layer, layerOf(groupTree), kindOf(groupTree, kind));
    if (!row || row.entries.size === 0) {
      const tree = stack(layer, ...below);
      const merged = { tree, fields: findNumbered(tree) };
      known.set(id, merged);
      return merged;
    }
    const base = stack(layer, ...below);
    const own = present(layerOf(row), kindOf(row, kind)).map((one) => withNetKeys(one, base, findings));
    const tree = stack(layer, ...below, ...own);
    return { tree, fields: findNumbered(tree) };
  };
}

/** The keys of a student's containers, by kind. */
function keysOf(section: Section, person: Person): Map<string | undefined, string> {
  const { name, findings, fleet, kinds } = section;
  const keys = new Map<string | undefined, string>();
  for (const kind of kinds) {
    const { n, words, who } = fillingsOf(fleet, person, kind);
    const filled = fillNumber(name.text, n, words);
    const problem = 'error' in filled ? explain(filled.error) : checkKey(filled.text);
    if (problem) findings.report(once(problem), name.place, who);
    else if ('text' in filled) keys.set(kind.name, filled.text);
  }
  return keys;
}

function instancesOf(section: Section, person: Person, merged: Merged): Instance[] {
  const { kinds, place, fleet, findings } = section;
  const { login, group, place: row } = person;
  const keys = keysOf(section, person);
  return kinds.flatMap((kind) => {
    const key = keys.get(kind.name);
    if (key === undefined) return [];
    const { tree, fields } = merged(person, kind);
    const fillings = fillingsOf(fleet, person, kind);
    const filled = withSiblings(fill(tree, fields, fillings, findings), keys);
    return [
      {
        ...instanceOf(key, place, filled),
        // a counted student is nobody in particular
        ...(row ? { row, student: login, ...(group === undefined ? {} : { group }) } : {}),
      },
    ];
  });
}

/** A name that all containers of a student, or all students, would have. */
function checkName({ name, kinds, findings }: Section, isCounted: boolean): boolean {
  const has = (pattern: RegExp): boolean => pattern.test(name.text);
  const complain = (message: string, better: string): false => {
    findings.report(
      { code: 'SPEC_COUNT', message, hint: `did you mean '${name.text}-${better}'?` },
      name.place,
    );
    return false;
  };
  if (!has(/\{(?:login|name|email)\}|\{[^{}a-mo-z]*n[^{}a-mo-z]*\}/))
    return complain(
      `the containers of all students would be called '${name.text}'`,
      isCounted ? '{nn}' : '{login}',
    );
  return kinds.length < 2 || has(/\{container\}/)
    ? true
    : complain(`all containers of a student would be called '${name.text}'`, '{container}');
}

function readSection(
  tree: MapTree,
  place: Place,
  { fleet, stack, findings }: Pick<Section, 'fleet' | 'stack' | 'findings'>,
): Section {
  const map = mapMember(tree, 'containers');
  const kinds = [...(map?.entries ?? [])].map(
    ([name, { value }]): Kind => (value.kind === 'map' ? { name, layer: value } : { name }),
  );
  for (const [name, { key }] of map?.entries ?? []) {
    const problem = checkKey(name.padStart(2, 'x'));
    if (problem) findings.report(problem, key);
  }
  const written = member(tree, 'name');
  const person = tree.entries.has('roster') ? '{login}' : '{nn}';
  const text =
    written?.kind === 'scalar'
      ? String(written.value)
      : `student-${person}${kinds.length > 0 ? '-{container}' : ''}`;
  return {
    fleet,
    layer: ownKeys.reduce(without, tree),
    kinds: kinds.length > 0 ? kinds : [{}],
    groups: mapMember(tree, 'groups'),
    name: { text, place: written?.place ?? place },
    place,
    stack,
    findings,
  };
}

/**
 * Expands the section `students`.
 *
 * @param fleet - validated tree of the file.
 * @param name - name of the fleet.
 * @param stack - merges layers.
 * @param context - ways to files, and where findings go.
 * @returns containers, people and accounts.
 */
export function expandStudents(fleet: Tree, name: string, stack: Stack, context: RosterContext): Students {
  const entry = fleet.kind === 'map' ? fleet.entries.get('students') : undefined;
  if (entry?.value.kind !== 'map') return { instances: [] };
  const { key: place, value: tree } = entry;
  const { findings } = context;
  const people = readPeople(tree, place, context) ?? [];
  const section = readSection(tree, place, { fleet: name, stack, findings });
  const isCounted = !tree.entries.has('roster');
  const isPlain = isCounted && section.kinds.length === 1 && !tree.entries.has('containers');
  if (isPlain && !/\{login\}/.test(section.name.text)) return plainCount(section, tree, people, context);
  if (!checkName(section, isCounted)) return { instances: [] };
  const merged = createMerged(section);
  const byPerson = people.map((person) => [person, instancesOf(section, person, merged)] as const);
  return withAccounts(section, tree, byPerson, context);
}

/** Numbers for people: one container each, and its name is the login. */
function plainCount(
  section: Section,
  tree: MapTree,
  people: readonly Person[],
  context: RosterContext,
): Students {
  const instances = expandCounted(
    { name: section.name.text, namePlace: section.name.place, place: section.place, count: people.length },
    section.stack(section.layer),
    context.findings,
  );
  const byPerson = instances.map((instance, index) => {
    const number = people[index]?.number ?? index + 1;
    return [{ login: instance.key, name: instance.key, number }, [instance]] as const;
  });
  return withAccounts(section, tree, byPerson, context);
}

function withAccounts(
  { fleet }: Section,
  tree: MapTree,
  byPerson: readonly (readonly [Person, readonly Instance[]])[],
  { findings }: RosterContext,
): Students {
  const people = byPerson.map(([person]) => person);
  const { accounts, byLogin } = readAccounts(tree, fleet, people, findings);
  const instances = byPerson.flatMap(([{ login }, own]) => {
    const pool = byLogin.get(login)?.pool;
    return pool === undefined ? own : own.map((instance) => inPool(instance, pool, findings));
  });
  const students = byPerson.map(([person, own]): DesiredStudent => {
    const { login, name, group, email, number, place } = person;
    const account = byLogin.get(login);
    return {
      login,
      name,
      ...(group === undefined ? {} : { group }),
      ...(email === undefined ? {} : { email }),
      ...(number === undefined ? {} : { number }),
      containers: own.map(({ key }) => key),
      ...(account ? { account } : {}),
      ...(place ? { origin: rangeOf(place) } : {}),
    };
  });
  return { instances, students, ...(accounts ? { accounts } : {}) };
}

/** Puts a container into the pool of its student. */
function inPool(instance: Instance, pool: string, findings: Findings): Instance {
  const own = instance.tree.entries.get('pool');
  if (own) {
    findings.report(
      {
        code: 'SPEC_ACCOUNTS',
        message: 'a container is in one pool only, and accounts give each student one',
        hint: "remove 'pool', or write 'pool: null' under accounts to grant rights on each container",
      },
      own.key,
    );
    return instance;
  }
  const { place } = instance;
  const value: Tree = { kind: 'scalar', value: pool, text: pool, place };
  const entries = new Map(instance.tree.entries).set('pool', { key: place, value });
  return { ...instance, ...instanceOf(instance.key, place, mapTree(entries, instance.tree.place)) };
}

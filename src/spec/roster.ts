/**
 * The roster of a fleet file: people, each with a login that stays theirs, and keys of their own. It comes from a CSV or
 * YAML file through a callback, or stands in the fleet file; `count` makes one of numbers.
 */
import { slug } from '../util/slug.ts';
import { suggest } from '../util/suggest.ts';
import type { BlueprintFile } from './blueprints.ts';
import { rosterLimit } from './file.ts';
import type { Findings } from './findings.ts';
import { without } from './layers.ts';
import { checkLayerNames } from './names.ts';
import { parseYaml } from './parse.ts';
import { parseRosterCsv } from './roster-csv.ts';
import { acceptsAt, studentSchema } from './schema.ts';
import { type MapTree, mapMember, mapTree, member, type Place, type Tree } from './tree.ts';
import { validate } from './validate.ts';

/** One person. */
export interface Person {
  readonly login: string;
  readonly name: string;
  readonly group?: string;
  readonly groupPlace?: Place;
  readonly email?: string;
  readonly number?: number;
  /** Where the person stands; absent: counted. */
  readonly place?: Place;
  /** Keys that are other than those of the rest; absent: counted. */
  readonly layer?: MapTree;
}

/** Ways to files, and where findings go. */
export interface RosterContext {
  readonly read: (path: string) => BlueprintFile | undefined;
  readonly findings: Findings;
  /** Gets the text of the roster file. */
  readonly sources: Map<string, string>;
}

const personKeys = ['name', 'login', 'group', 'email', 'number'];

const textOf = (row: MapTree, key: string): string | undefined => {
  const value = member(row, key);
  return value?.kind === 'scalar' && value.value !== null ? value.text.trim() : undefined;
};

function readFile(path: string, place: Place, { read, findings, sources }: RosterContext): Tree | undefined {
  const isCsv = /\.(?:csv|tsv|txt)$/i.test(path);
  const complain = (message: string, hint: string): undefined => {
    findings.report({ code: 'SPEC_ROSTER', message, hint }, place);
    return undefined;
  };
  // before it is read: a fleet file must not be able to have any file of the machine read and quoted
  if (!isCsv && !/\.ya?ml$/i.test(path))
    return complain(`'${path}' is neither a CSV nor a YAML file`, 'name it .csv or .yaml');
  const found = read(path);
  if (!found)
    return complain(`there is no file '${path}'`, 'the path starts at the folder of the fleet file');
  const text = found.text.replace(/^\uFEFF/, '');
  sources.set(found.file, text);
  if (!isCsv) return parseYaml(found.file, text, findings);
  return parseRosterCsv(found.file, text, (at, value) => acceptsAt(studentSchema, at, value), findings);
}

/** A list of people, or a map of them by login → rows. */
function rowsOf(tree: Tree, findings: Findings): { row: Tree; login?: string; key?: Place }[] {
  if (tree.kind === 'list') return tree.items.map((row) => ({ row }));
  if (tree.kind === 'map')
    return [...tree.entries].map(([login, { key, value }]) => ({ row: value, login, key }));
  if (tree.kind === 'scalar') {
    const hint = "write '- name: Anna Huber' for each, or 'anna: { name: Anna Huber }'";
    findings.report(
      { code: 'SPEC_TYPE', message: 'a roster is a list of people, or a map of them by login', hint },
      tree.place,
    );
  }
  return [];
}

function readPerson(
  { row, login: given, key }: { row: Tree; login?: string; key?: Place },
  findings: Findings,
): Person | undefined {
  const empty = row.kind === 'scalar' && row.value === null && given !== undefined;
  const checked = empty ? mapTree(new Map(), key ?? row.place) : validate(row, studentSchema, findings);
  if (checked.kind !== 'map') {
    if (row.kind === 'scalar' && row.value === null)
      findings.report({ code: 'SPEC_MISSING', message: 'a student has no name' }, row.place);
    return undefined;
  }
  checkLayerNames(checked, findings);
  for (const { value } of mapMember(checked, 'containers')?.entries.values() ?? [])
    checkLayerNames(value, findings);
  const place = key ?? (checked.entries.get('login') ?? checked.entries.get('name'))?.value.place;
  const isBroken = ['name', 'login'].some((one) => member(checked, one)?.kind === 'invalid');
  if (isBroken) return undefined;
  const [name, written, group, email] = ['name', 'login', 'group', 'email'].map((one) =>
    textOf(checked, one),
  );
  const own = written ?? given;
  if (given !== undefined && !acceptsAt(studentSchema, ['login'], given)) {
    const guess = slug(given);
    findings.report(
      {
        code: 'SPEC_NAME',
        message: `'${given}' is not a valid login`,
        hint: guess === '' ? 'use letters, digits and -' : `did you mean '${guess}'?`,
      },
      key ?? row.place,
    );
    return undefined;
  }
  const login =
    own ??
    slug(name ?? '')
      .slice(0, 40)
      .replace(/-+$/, '');
  if (login === '') {
    findings.report(
      name === undefined
        ? { code: 'SPEC_MISSING', message: 'a student has neither a name nor a login' }
        : {
            code: 'SPEC_NAME',
            message: `no login can be made from the name '${name}'`,
            hint: "write one in the column 'login'",
          },
      place ?? row.place,
    );
    return undefined;
  }
  const number = member(checked, 'number');
  return {
    login,
    name: name ?? login,
    ...(group === undefined
      ? {}
      : { group, groupPlace: member(checked, 'group')?.place ?? place ?? row.place }),
    ...(email === undefined ? {} : { email }),
    ...(number?.kind === 'scalar' && typeof number.value === 'number' ? { number: number.value } : {}),
    place: place ?? row.place,
    layer: personKeys.reduce(without, checked),
  };
}

/** What must be everybody's own. */
function checkOwn(people: readonly Person[], findings: Findings): Person[] {
  const logins = new Map<string, Person>();
  const numbers = new Map<number, Person>();
  return people.filter((person) => {
    const { login, name, number, place } = person;
    if (!place) return true;
    const first = logins.get(slug(login));
    const related = (other: Person): { message: string; place: Place } => ({
      message: `'${other.name}' is here`,
      place: other.place ?? place,
    });
    if (first) {
      const isSame = first.login === login;
      findings.report(
        {
          code: 'SPEC_DUPLICATE_LOGIN',
          message: isSame
            ? `'${first.name}' and '${name}' have the same login '${login}'`
            : `the logins '${first.login}' of '${first.name}' and '${login}' of '${name}' differ in signs only`,
          hint: `write another one for one of them in the column 'login', for example ${slug(login)}-2; it stays theirs`,
        },
        place,
        related(first),
      );
      return false;
    }
    logins.set(slug(login), person);
    const twin = number === undefined ? undefined : numbers.get(number);
    if (twin)
      findings.report(
        { code: 'SPEC_DUPLICATE_NUMBER', message: `'${twin.name}' and '${name}' have the number ${number}` },
        place,
        related(twin),
      );
    else if (number !== undefined) numbers.set(number, person);
    return true;
  });
}

function checkGroups(
  people: readonly Person[],
  known: ReadonlyMap<string, Place> | undefined,
  findings: Findings,
): void {
  const tags = new Map<string, { group: string; place: Place | undefined }>();
  const register = (group: string, place: Place | undefined): void => {
    const first = tags.get(slug(group));
    if (!first) tags.set(slug(group), { group, place });
    else if (first.group !== group && place)
      findings.report(
        {
          code: 'SPEC_DUPLICATE_GROUP',
          message: `the groups '${first.group}' and '${group}' would have the same tag group-${slug(group)}`,
          hint: `did you mean '${first.group}'?`,
        },
        place,
        first.place && { message: `'${first.group}' is here`, place: first.place },
      );
  };
  for (const [group, place] of known ?? []) register(group, place);
  for (const { group, groupPlace: place } of people) {
    if (group === undefined || !place) continue;
    if (known && !known.has(group)) {
      const near = suggest(group, known.keys());
      findings.report(
        {
          code: 'SPEC_GROUP',
          message: `there is no group '${group}'`,
          hint: near === undefined ? "add it under 'students.groups'" : `did you mean '${near}'?`,
        },
        place,
      );
    } else register(group, place);
  }
}

/**
 * Reads the people of the section `students`.
 *
 * @param students - the section, validated.
 * @param key - where its key stands.
 * @param context - ways to files.
 * @returns the people in the order of the roster; undefined when there is neither a roster nor a count.
 */
export function readPeople(students: MapTree, key: Place, context: RosterContext): Person[] | undefined {
  const { findings } = context;
  const roster = students.entries.get('roster');
  const count = students.entries.get('count');
  if (roster && count)
    findings.report(
      {
        code: 'SPEC_ROSTER',
        message: "'count' and 'roster' do not go together: the roster says how many there are",
        hint: "remove 'count'",
      },
      count.key,
    );
  if (!roster) {
    if (!count)
      findings.report(
        {
          code: 'SPEC_MISSING',
          message: "'roster' or 'count' is missing",
          hint: "add 'roster: students.csv' or 'count: 30'",
        },
        key,
      );
    // A missing or invalid count has been reported; one student stands for all in the further checks.
    const many = count?.value.kind === 'scalar' ? count.value.value : 1;
    return Array.from({ length: typeof many === 'number' ? many : 1 }, (_, index) => {
      const login = `student-${String(index + 1).padStart(2, '0')}`;
      return { login, name: login, number: index + 1 };
    });
  }
  const { value } = roster;
  const tree =
    value.kind === 'scalar' && typeof value.value === 'string'
      ? readFile(value.value, value.place, context)
      : value;
  const rows = tree ? rowsOf(tree, findings) : [];
  if (rows.length > rosterLimit) {
    findings.report(
      { code: 'SPEC_LIMIT', message: `the roster has more than ${rosterLimit} people` },
      value.place,
    );
    return undefined;
  }
  const people = rows.flatMap((row) => readPerson(row, findings) ?? []);
  const groups = mapMember(students, 'groups');
  const known = groups && new Map([...groups.entries].map(([name, entry]) => [name, entry.key]));
  checkGroups(people, known, findings);
  return checkOwn(people, findings);
}

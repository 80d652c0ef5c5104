/** `students.accounts` → who each student is to Proxmox VE, and how the accounts are kept. */
import type { DesiredAccount, DesiredAccounts } from '../domain/desired.ts';
import { slug } from '../util/slug.ts';
import { expirySeconds } from './account-formats.ts';
import type { FileAccounts } from './file.ts';
import { once } from './fill.ts';
import type { Findings, Problem } from './findings.ts';
import { checkPool } from './formats.ts';
import { fillNumber, type NumberedText } from './numbering.ts';
import type { Person } from './roster.ts';
import { locate, type MapTree, mapMember, type Place, toPlain } from './tree.ts';

/** What comes of the section; both empty without it. */
export interface Accounts {
  readonly accounts?: DesiredAccounts;
  readonly byLogin: ReadonlyMap<string, DesiredAccount>;
}

/** PVE: what opens, restarts and shows one's own containers. */
const studentPrivileges: readonly string[] = ['VM.Audit', 'VM.Console', 'VM.PowerMgmt'];
const hint = 'write {login}, {group}, {n}, {realm} or {fleet}';

/** PVE: pve-access-control AccessControl.pm, user ids. */
function checkUserid(text: string): Problem | undefined {
  if (/^[^\s:/@]+@[A-Za-z][A-Za-z0-9._-]+$/.test(text) && text.length <= 64) return undefined;
  return {
    code: 'SPEC_NAME',
    message: `'${text}' is not a valid user`,
    hint: text.includes('@') ? 'at most 64 characters' : `did you mean '${text}@pve'?`,
  };
}

function roleOf(role: FileAccounts['role'], fleet: string): DesiredAccounts['role'] {
  if (typeof role === 'string') return { name: role };
  const { name = '{fleet}-student', privileges = studentPrivileges } = role ?? {};
  return { name: name.replaceAll('{fleet}', fleet), privileges: [...new Set(privileges)].sort() };
}

/** Something that each student has of the own. */
interface Pattern {
  readonly what: string;
  readonly text: string;
  readonly place: Place;
  readonly check: (text: string) => Problem | undefined;
  /** Letters that any name can have, instead of those of the roster. */
  readonly isPlain: boolean;
}

function fillPattern(pattern: Pattern, person: Person, more: Readonly<Record<string, string>>): NumberedText {
  const { login, group, number } = person;
  const spell = (text: string | undefined): string | undefined =>
    text === undefined || pattern.isPlain ? text : slug(text);
  const words = { login: spell(login), group: spell(group), ...more };
  return fillNumber(pattern.text, number, words);
}

/** Fills in the pattern for everybody; two who would have the same are a finding. */
function fillAll(
  pattern: Pattern,
  people: readonly Person[],
  more: Readonly<Record<string, string>>,
  findings: Findings,
): Map<string, string> {
  const texts = new Map<string, string>();
  const owners = new Map<string, Person>();
  for (const person of people) {
    const filled = fillPattern(pattern, person, more);
    const who = person.place && { message: `for '${person.name}' of the roster`, place: person.place };
    const problem =
      'error' in filled
        ? { code: 'SPEC_NUMBERING', message: filled.error, hint }
        : pattern.check(filled.text);
    if (problem) findings.report(once(problem), pattern.place, who);
    if ('error' in filled || problem) continue;
    const first = owners.get(filled.text.toLowerCase());
    if (first)
      findings.report(
        {
          code: 'SPEC_ACCOUNTS',
          message: `'${first.name}' and '${person.name}' would have the same ${pattern.what} '${filled.text}'`,
          hint: "write {login} into it: that is everybody's own",
          topic: pattern.what,
        },
        pattern.place,
        who,
      );
    else owners.set(filled.text.toLowerCase(), person);
    texts.set(person.login, filled.text);
  }
  return texts;
}

/**
 * Reads the section.
 *
 * @param students - the section `students`, validated.
 * @param fleet - name of the fleet.
 * @param people - everybody.
 * @param findings - gets names that are none, and those that two would have.
 * @returns how accounts are kept, and everybody's account by login.
 */
export function readAccounts(
  students: MapTree,
  fleet: string,
  people: readonly Person[],
  findings: Findings,
): Accounts {
  const tree = mapMember(students, 'accounts');
  if (!tree) return { byLogin: new Map() };
  const raw = toPlain(tree) as FileAccounts;
  const placeOf = (key: string): Place => {
    const found = locate(tree, [key]);
    return found.complete ? found.tree.place : tree.place;
  };
  const realm = raw.realm ?? /@([A-Za-z][A-Za-z0-9._-]+)$/.exec(raw.user ?? '')?.[1] ?? 'pve';
  const pattern = raw.user ?? '{login}@{realm}';
  const more = { realm, fleet };
  const users = fillAll(
    {
      what: 'user',
      text: pattern.includes('@') ? pattern : `${pattern}@{realm}`,
      place: placeOf('user'),
      isPlain: true,
      check: (text) =>
        checkUserid(text) ??
        (text.endsWith(`@${realm}`)
          ? undefined
          : {
              code: 'SPEC_ACCOUNTS',
              message: `'${text}' is not a user of the realm ${realm}`,
              hint: "write '{login}@{realm}'",
            }),
    },
    people,
    more,
    findings,
  );
  const pools =
    raw.pool === null
      ? undefined
      : fillAll(
          {
            what: 'pool',
            text: raw.pool ?? '{fleet}-{login}',
            place: placeOf('pool'),
            isPlain: false,
            check: checkPool,
          },
          people,
          more,
          findings,
        );
  const byLogin = new Map(
    [...users].map(([login, userid]): [string, DesiredAccount] => {
      const pool = pools?.get(login);
      return [login, { userid, ...(pool === undefined ? {} : { pool }) }];
    }),
  );
  const expire = raw.expire === undefined ? undefined : expirySeconds(raw.expire);
  const create = raw.create ?? true;
  return {
    accounts: {
      realm,
      create,
      passwords: create && realm === 'pve' ? 'generated' : 'realm',
      role: roleOf(raw.role, fleet),
      ...(expire === undefined ? {} : { expire }),
      ...(raw.enable === undefined ? {} : { enable: raw.enable }),
    },
    byLogin,
  };
}

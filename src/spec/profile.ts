/**
 * Connection profiles, `config.yaml`: which clusters there are and how to log in. Pure: neither files nor secrets are
 * read here. Without zod, because nearly every command reads a profile and few read a fleet file.
 */
import { type Diagnostic, hasErrors, type SourceRange } from '../util/diagnostic.ts';
import { suggest } from '../util/suggest.ts';
import { createFindings, type Findings, type Problem } from './findings.ts';
import { parseYaml } from './parse.ts';
import { checkReference, secretReference } from './secrets.ts';
import { type MapTree, mapMember, member, type Place, rangeOf, type Tree } from './tree.ts';

/** Where a secret comes from. A literal stands in the file itself, which must then be readable by its owner only. */
export type SecretSource =
  | { readonly kind: 'reference'; readonly reference: string }
  | { readonly kind: 'literal'; readonly value: string };

/** How much may be under way at once; the same names as the engine's limits. */
interface ProfileLimits {
  readonly requests?: number;
  readonly actions?: number;
  readonly actionsPerNode?: number;
  readonly allocationsPerStorage?: number;
  readonly downloadsPerStorage?: number;
}

/** One cluster. */
export interface ConnectionProfile {
  readonly name: string;
  /** Tried in turn. */
  readonly urls: readonly string[];
  readonly token?: { readonly id: string; readonly secret?: SecretSource };
  readonly username?: string;
  readonly password?: SecretSource;
  /** Path of a CA bundle; relative ones start at the folder of the profile file. */
  readonly caFile?: string;
  /** SHA-256, `AA:BB:…`. */
  readonly fingerprint?: string;
  readonly limits?: ProfileLimits;
  readonly origin: SourceRange;
}

/** The whole file. */
export interface ConnectionProfiles {
  /** Name of the profile to use when none is asked for. */
  readonly default?: string;
  readonly profiles: Readonly<Record<string, ConnectionProfile>>;
  /** Secrets stand in the file itself: its mode must be 0600. */
  readonly hasLiteralSecrets: boolean;
}

const limitNames = [
  'requests',
  'actions',
  'actionsPerNode',
  'allocationsPerStorage',
  'downloadsPerStorage',
] as const;
const profileKeys = ['url', 'urls', 'token', 'username', 'password', 'caFile', 'fingerprint', 'limits'];

type TextRule = (text: string) => Problem | undefined;

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

const checkUrl: TextRule = (text) => {
  const problem = (message: string, hint?: string): Problem => ({ code: 'PROFILE_URL', message, hint });
  if (!URL.canParse(text) || !/^[a-z]+:\/\//.test(text))
    return problem(`'${text}' is not a URL`, 'write for example https://pve1.example.org:8006');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return problem(`'${url.protocol}' is not supported`, 'use https://');
  if (url.protocol === 'http:' && !loopback.test(url.hostname))
    return problem('http:// is accepted for this machine only', `did you mean https://${url.host}?`);
  if (url.username !== '' || url.password !== '')
    return problem('a URL must not hold a user or password', "use 'token', or 'username' and 'password'");
  return /^\/?$/.test(url.pathname) && url.search === '' && url.hash === ''
    ? undefined
    : problem('a URL must not have a path', `did you mean ${url.origin}?`);
};
const shape =
  (pattern: RegExp, message: string, hint: string): TextRule =>
  (text) =>
    pattern.test(text) ? undefined : { code: 'PROFILE_VALUE', message: `'${text}' is ${message}`, hint };
const checkTokenId = shape(
  /^[^\s:/@!]+@[A-Za-z][\w.-]*![A-Za-z][\w.-]*$/,
  'not the id of a token',
  'write user@realm!name',
);
const checkUsername = shape(
  /^[^\s:/@!]+@[A-Za-z][\w.-]*$/,
  'not a user',
  'write user@realm, for example root@pam',
);
const checkFingerprint = shape(
  /^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}$/,
  'not a SHA-256 fingerprint',
  'write 32 pairs of hex digits with colons between',
);

const isUnset = (tree: Tree | undefined): boolean =>
  !tree || (tree.kind === 'scalar' && tree.value === null && tree.text !== '');

function readText(
  tree: Tree | undefined,
  key: string,
  rule: TextRule | undefined,
  findings: Findings,
): string | undefined {
  if (!tree || isUnset(tree) || tree.kind === 'invalid') return undefined;
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || tree.value.trim() === '') {
    findings.report({ code: 'PROFILE_TYPE', message: `'${key}' must be text` }, tree.place);
    return undefined;
  }
  const problem = rule?.(tree.value);
  if (problem) findings.report(problem, tree.place);
  return problem ? undefined : tree.value;
}

function readSecret(tree: Tree | undefined, key: string, findings: Findings): SecretSource | undefined {
  const text = readText(
    tree,
    key,
    (value) => (value.startsWith('${') ? checkReference(value, key) : undefined),
    findings,
  );
  if (text === undefined) return undefined;
  const reference = secretReference(text);
  return reference === undefined ? { kind: 'literal', value: text } : { kind: 'reference', reference };
}

function checkKeys(map: MapTree, allowed: readonly string[], findings: Findings): void {
  for (const [key, { key: place }] of map.entries) {
    if (allowed.includes(key)) continue;
    const near = suggest(key, allowed);
    const hint = near === undefined ? `known keys: ${allowed.join(', ')}` : `did you mean '${near}'?`;
    findings.report(
      { code: 'PROFILE_UNKNOWN_KEY', message: `the key '${key}' is not known here`, hint },
      place,
    );
  }
}

/** A member that must be a map when it is there. */
function readMap(
  parent: MapTree,
  key: string,
  allowed: readonly string[],
  findings: Findings,
): MapTree | undefined {
  const tree = member(parent, key);
  if (!tree || isUnset(tree) || tree.kind === 'invalid') return undefined;
  if (tree.kind !== 'map') {
    findings.report({ code: 'PROFILE_TYPE', message: `'${key}' must be a map` }, tree.place);
    return undefined;
  }
  checkKeys(tree, allowed, findings);
  return tree;
}

function readUrls(map: MapTree, place: Place, findings: Findings): string[] {
  const trees = [member(map, 'url'), member(map, 'urls')].filter(
    (tree) => tree !== undefined && !isUnset(tree),
  );
  if (trees.length !== 1) {
    const message = trees.length === 0 ? "'url' is missing" : "there are both 'url' and 'urls'";
    findings.report(
      { code: 'PROFILE_URL', message, hint: 'write url: https://pve1.example.org:8006' },
      place,
    );
  }
  return trees
    .flatMap((tree): readonly Tree[] => (tree?.kind === 'list' ? tree.items : tree ? [tree] : []))
    .flatMap((tree) => readText(tree, 'url', checkUrl, findings) ?? [])
    .map((url) => url.replace(/\/$/, ''));
}

function readLimits(map: MapTree, findings: Findings): ProfileLimits | undefined {
  const limits = readMap(map, 'limits', limitNames, findings);
  if (!limits) return undefined;
  const values = limitNames.flatMap((name): [string, number][] => {
    const tree = member(limits, name);
    if (!tree || isUnset(tree)) return [];
    if (
      tree.kind === 'scalar' &&
      Number.isInteger(tree.value) &&
      Number(tree.value) >= 1 &&
      Number(tree.value) <= 64
    )
      return [[name, Number(tree.value)]];
    findings.report(
      { code: 'PROFILE_VALUE', message: `'${name}' must be a whole number from 1 to 64` },
      tree.place,
    );
    return [];
  });
  return Object.fromEntries(values);
}

function readProfile(name: string, place: Place, map: MapTree, findings: Findings): ConnectionProfile {
  checkKeys(map, profileKeys, findings);
  const text = (key: string, rule?: TextRule): Record<string, string> => {
    const value = readText(member(map, key), key, rule, findings);
    return value === undefined ? {} : { [key]: value };
  };
  const token = readMap(map, 'token', ['id', 'secret'], findings);
  const id = readText(member(token, 'id'), 'id', checkTokenId, findings);
  const secret = readSecret(member(token, 'secret'), 'secret', findings);
  const password = readSecret(member(map, 'password'), 'password', findings);
  if (token && !token.entries.has('id'))
    findings.report({ code: 'PROFILE_VALUE', message: "the token has no 'id'" }, token.place);
  const username = map.entries.get('username');
  if (token && username)
    findings.report(
      { code: 'PROFILE_VALUE', message: "there are both 'token' and 'username'", hint: 'keep one of them' },
      username.key,
    );
  const limits = readLimits(map, findings);
  return {
    name,
    urls: readUrls(map, place, findings),
    ...(id === undefined ? {} : { token: { id, ...(secret ? { secret } : {}) } }),
    ...text('username', checkUsername),
    ...(password ? { password } : {}),
    ...text('caFile'),
    ...text('fingerprint', checkFingerprint),
    ...(limits ? { limits } : {}),
    origin: rangeOf(place),
  };
}

/**
 * Reads a file of connection profiles.
 *
 * @param file - name for messages.
 * @param text - YAML with `default` and `profiles`.
 * @returns the profiles, absent when there are errors, and the findings.
 */
export function parseProfiles(
  file: string,
  text: string,
): { profiles?: ConnectionProfiles; diagnostics: readonly Diagnostic[] } {
  const findings = createFindings([file]);
  const tree = parseYaml(file, text, findings);
  if (!tree) return { diagnostics: findings.list() };
  if (tree.kind !== 'map') {
    findings.report(
      { code: 'PROFILE_TYPE', message: "the file must be a map with the key 'profiles'" },
      tree.place,
    );
    return { diagnostics: findings.list() };
  }
  checkKeys(tree, ['default', 'profiles'], findings);
  const profiles: Record<string, ConnectionProfile> = {};
  for (const [name, { key, value }] of mapMember(tree, 'profiles')?.entries ?? []) {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      findings.report({ code: 'PROFILE_NAME', message: `'${name}' is not a valid name of a profile` }, key);
    else if (value.kind === 'map') profiles[name] = readProfile(name, key, value, findings);
    else
      findings.report({ code: 'PROFILE_TYPE', message: `the profile '${name}' must be a map` }, value.place);
  }
  const names = Object.keys(profiles);
  if (!mapMember(tree, 'profiles')) {
    const place = member(tree, 'profiles')?.place ?? { ...tree.place, end: tree.place.start };
    findings.report({ code: 'PROFILE_MISSING', message: "the map 'profiles' is missing" }, place);
    return { diagnostics: findings.list() };
  }
  const initial = readText(
    member(tree, 'default'),
    'default',
    (name) => {
      if (names.includes(name)) return undefined;
      const near = suggest(name, names);
      const hint = near === undefined ? undefined : `did you mean '${near}'?`;
      return { code: 'PROFILE_UNKNOWN', message: `there is no profile '${name}'`, hint };
    },
    findings,
  );
  const diagnostics = findings.list();
  if (hasErrors(diagnostics)) return { diagnostics };
  const hasLiteralSecrets = Object.values(profiles).some(
    ({ token, password }) => token?.secret?.kind === 'literal' || password?.kind === 'literal',
  );
  return {
    profiles: { ...(initial === undefined ? {} : { default: initial }), profiles, hasLiteralSecrets },
    diagnostics,
  };
}

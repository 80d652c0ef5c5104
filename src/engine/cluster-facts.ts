/** Facts about the whole cluster that planning needs: version, tag style, and whether containers can be tagged. */
import { PveError } from '../api/errors/pve-error.ts';
import { splitList } from '../codec/list.ts';
import { decodeBoolean } from '../codec/scalar.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import { boostedTag, frozenTag, ownershipTag } from '../domain/field-row.ts';
import { isRoot } from '../domain/judge-rights.ts';
import { privilegesOn } from '../domain/permission-tree.ts';
import type { EngineContext } from './context.ts';
import { readPermissions } from './preflight.ts';

type Options = Readonly<Record<string, unknown>>;

/** The part of a snapshot that is read here. */
export type ClusterFacts = Pick<
  ClusterSnapshot,
  'ownTag' | 'refusedTags' | 'tagRules' | 'tagStyle' | 'version'
> & {
  /** Somebody may have boosted or frozen a container without having been allowed to give it the tag. */
  readonly mayLackTags?: boolean;
};

/** Tags that stand for a record in the notes. */
const markTags = [boostedTag, frozenTag] as const;

const defaultTagStyle: ClusterSnapshot['tagStyle'] = { caseSensitive: false, keepOrder: false };

/**
 * Decodes the datacenter's tag style, which comes as an object or as a property string.
 *
 * @param value - `tag-style` of GET /cluster/options.
 * @returns how tags are stored.
 */
export function decodeTagStyle(value: unknown): ClusterSnapshot['tagStyle'] {
  const members =
    typeof value === 'string'
      ? Object.fromEntries(value.split(',').map((pair) => pair.split('=', 2) as [string, string]))
      : typeof value === 'object' && value !== null
        ? (value as Readonly<Record<string, unknown>>)
        : {};
  return {
    caseSensitive: decodeBoolean(members['case-sensitive']) ?? false,
    keepOrder: members['ordering'] === 'config',
  };
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : typeof value === 'string' ? splitList(value) : [];

/** Which tags accounts may give that have no Sys.Modify: how, and the list of those that are allowed by name. */
function tagAccess(options: Options): { access: unknown; mode: unknown; listed: readonly string[] } {
  const access = options['user-tag-access'];
  if (typeof access === 'string')
    return {
      access,
      mode: /(?:^|,)(?:user-allow=)?(free|existing|list|none)(?:,|$)/.exec(access)?.[1],
      listed: strings(/(?:^|,)user-allow-list=([^,]*)/.exec(access)?.[1]),
    };
  const members = access as Readonly<Record<string, unknown>> | undefined;
  return { access, mode: members?.['user-allow'], listed: strings(members?.['user-allow-list']) };
}

/** Whether there may be an account that may not give the tag of boosts. Those without Sys.Audit are not told. */
function mayLackTags(options: Options): boolean {
  if (!('mac_prefix' in options)) return true;
  const { mode = 'free', listed } = tagAccess(options);
  const isFree = mode === 'free' || (mode !== 'none' && listed.includes(boostedTag));
  return !isFree || strings(options['registered-tags']).includes(boostedTag);
}

/**
 * Decodes which tags are not free to all. Accounts without Sys.Audit are not told; for them tags count as free.
 *
 * @param options - answer of GET /cluster/options.
 * @returns the rules, or undefined where there are none.
 */
function decodeTagRules(options: Options): ClusterSnapshot['tagRules'] {
  const { access, mode } = tagAccess(options);
  const registered = strings(options['registered-tags']);
  if (access === undefined && registered.length === 0) return undefined;
  const free = mode === undefined || mode === 'free';
  return { free, allowed: strings(options['allowed-tags']), registered };
}

/** What the account holds on `/`; undefined: it cannot be told. */
async function heldOnRoot(context: EngineContext): Promise<ReadonlySet<string> | undefined> {
  try {
    return privilegesOn(await readPermissions(context), '/');
  } catch (error) {
    if (error instanceof PveError && error.status !== undefined && !context.signal.aborted) return undefined;
    throw error;
  }
}

/** Whether the account may give any tag. PVE: pve-guest-common GuestHelpers.pm, assert_tag_permissions. */
async function mayTagAnything(context: EngineContext): Promise<boolean> {
  // what is not known is not counted on
  return isRoot(context.identity) || ((await heldOnRoot(context))?.has('Sys.Modify') ?? false);
}

/**
 * Whether the account may give tags that nobody can have listed by name.
 *
 * @param rules - as far as the account is told them.
 * @param isOfKind - whether a registered tag is one of them.
 */
export async function mayTag(
  context: EngineContext,
  rules: ClusterSnapshot['tagRules'],
  isOfKind: (tag: string) => boolean,
): Promise<'allowed' | 'refused' | 'unknown'> {
  if (isRoot(context.identity) || (rules?.free && !rules.registered.some(isOfKind))) return 'allowed';
  const held = await heldOnRoot(context);
  if (held?.has('Sys.Modify')) return 'allowed';
  if (rules) return 'refused';
  // whoever is told the rules was told that there are none
  return held?.has('Sys.Audit') ? 'allowed' : 'unknown';
}

type TagRules = ClusterSnapshot['tagRules'];
/** Whether the account may give any tag; asked for only where that matters. */
type MayTagAnything = () => Promise<boolean>;

/**
 * Finds out whether the account may give the tag of ownership.
 *
 * @param options - answer of GET /cluster/options.
 */
async function readOwnTag(
  options: Options,
  rules: TagRules,
  mayTagAll: MayTagAnything,
): Promise<ClusterSnapshot['ownTag']> {
  if (strings(options['allowed-tags']).includes(ownershipTag)) return undefined;
  // everybody is told what is allowed; the rules, as the rest of the options, only who has Sys.Audit
  if (!('mac_prefix' in options)) return (await mayTagAll()) ? undefined : 'unknown';
  const isGuarded = rules && (!rules.free || rules.registered.includes(ownershipTag));
  return isGuarded && !(await mayTagAll()) ? 'refused' : undefined;
}

/** Tags of boosts and freezes that this account may not give, as far as it is told. */
async function readRefusedTags(
  options: Options,
  rules: TagRules,
  mayTagAll: MayTagAnything,
): Promise<readonly string[]> {
  if (!rules || !('mac_prefix' in options)) return [];
  const guarded = markTags.filter(
    (tag) => (!rules.free && !rules.allowed.includes(tag)) || rules.registered.includes(tag),
  );
  return guarded.length === 0 || (await mayTagAll()) ? [] : guarded;
}

async function readOptions(context: EngineContext): Promise<Options> {
  try {
    return await context.pve.get('/cluster/options', {}, { signal: context.signal });
  } catch (error) {
    if (error instanceof PveError && error.status === 403) return {};
    throw error;
  }
}

/**
 * Reads the facts.
 *
 * @param wanted - `none`: nothing is asked, and the defaults are given; `tags`: only which tags may be given.
 * @returns the facts; the default style for an account that may not read the options.
 */
export async function readClusterFacts(
  context: EngineContext,
  wanted: 'all' | 'tags' | 'none',
): Promise<ClusterFacts> {
  if (wanted === 'none') return { tagStyle: defaultTagStyle };
  const [version, options] = await Promise.all([
    wanted === 'all' ? context.pve.get('/version', {}, { signal: context.signal }) : undefined,
    readOptions(context),
  ]);
  const tagRules = decodeTagRules(options);
  // both may want to know it, and it takes a request
  let asked: Promise<boolean> | undefined;
  const mayTagAll: MayTagAnything = () => {
    asked ??= mayTagAnything(context);
    return asked;
  };
  const [ownTag, refusedTags] = await Promise.all([
    wanted === 'all' ? readOwnTag(options, tagRules, mayTagAll) : undefined,
    readRefusedTags(options, tagRules, mayTagAll),
  ]);
  return {
    ...(version ? { version: version.version } : {}),
    mayLackTags: mayLackTags(options),
    ...(refusedTags.length > 0 ? { refusedTags } : {}),
    tagStyle: decodeTagStyle(options['tag-style']),
    ...(tagRules ? { tagRules } : {}),
    ...(ownTag ? { ownTag } : {}),
  };
}

/** Which containers of a fleet a reset means. Those that were destroyed by one that was not finished count as well. Pure. */
import { globMatcher } from '../../util/glob.ts';
import type { ClusterSnapshot } from '../actual.ts';
import type { DesiredFleet, Vmid } from '../desired.ts';
import { type Match, matchFleet } from '../match.ts';
import { placeFleet } from '../placement.ts';
import type { Kept } from './reset-facts.ts';

/** What a command was given; all of it must hold, of several names or values one. */
export interface ResetSelection {
  /** Keys, host names, vmids, or globs over them. */
  readonly names: readonly string[];
  /** Groups of students. */
  readonly groups?: readonly string[];
  readonly tags?: readonly string[];
  readonly nodes?: readonly string[];
  readonly pools?: readonly string[];
  /** Globs over keys: all but these. */
  readonly exclude?: readonly string[];
}

/** What was found. */
export interface Selected {
  /** In natural order of keys. */
  readonly chosen: readonly Match[];
  /** Names that mean nothing. */
  readonly unknown: readonly string[];
  /** Templates and sources of clones that only a pattern met; they are left alone. */
  readonly skipped: readonly string[];
}

/** The fleet as it meets the cluster. */
export interface MatchedFleet {
  readonly fleet: DesiredFleet;
  readonly matches: readonly Match[];
}

/**
 * Matches a fleet, and gives containers that an unfinished reset has destroyed their old id again.
 *
 * @param file - the fleet file.
 * @param snapshot - the cluster.
 * @param unfinished - what was to be kept, by vmid.
 */
export function matchForReset(
  file: DesiredFleet,
  snapshot: ClusterSnapshot,
  unfinished: ReadonlyMap<Vmid, Kept>,
): MatchedFleet {
  const lost = new Map(
    [...unfinished.values()]
      .filter(({ fleet, vmid }) => fleet === file.name && !snapshot.guests.some((one) => one.vmid === vmid))
      .map((kept) => [kept.key, kept]),
  );
  const containers = file.containers.map((desired) => {
    const kept = lost.get(desired.key);
    return kept && desired.vmid === 'auto' ? { ...desired, vmid: kept.vmid } : desired;
  });
  const { fleet } = placeFleet({ ...file, containers }, snapshot);
  return { fleet, matches: matchFleet(fleet, snapshot).matches };
}

const isPattern = (name: string): boolean => /[*?{]/.test(name);

/** Names under which a container is known. */
export const namesOf = ({ desired, vmid }: Match): string[] => [
  desired.key,
  desired.hostname,
  ...(vmid === undefined ? [] : [String(vmid)]),
];

/** The tag that shows a group: `group-a` for `A`. */
function groupTag(group: string): string {
  const plain = group.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  return `group-${plain.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '')}`;
}

/** Groups that a container is in, in every spelling in which one may ask for them. */
function groupsOf({ actual }: Match, tags: readonly string[]): string[] {
  const { group } = actual?.ownership ?? {};
  const tagged = tags.filter((tag) => tag.startsWith('group-')).map((tag) => tag.slice('group-'.length));
  return [...(group === undefined ? [] : [group]), ...tagged];
}

function filterOf(selection: ResetSelection): (match: Match) => boolean {
  const anyOf = (patterns: readonly string[] | undefined): ((values: readonly string[]) => boolean) => {
    if (patterns === undefined || patterns.length === 0) return () => true;
    const matchers = patterns.map(globMatcher);
    return (values) => values.some((value) => matchers.some((matches) => matches(value)));
  };
  const groups = selection.groups?.flatMap((group) => [group, groupTag(group).slice('group-'.length)]);
  const [inGroup, tagged, onNode, inPool] = [groups, selection.tags, selection.nodes, selection.pools].map(
    anyOf,
  );
  const isOut = (selection.exclude ?? []).map(globMatcher);
  return (match) => {
    const { desired, actual } = match;
    const tags = [...(actual?.tags ?? []), ...(desired.options.tags ?? [])];
    const pool = actual?.pool ?? desired.pool;
    return (
      !isOut.some((matches) => matches(desired.key)) &&
      [
        inGroup?.(groupsOf(match, tags)),
        tagged?.(tags),
        onNode?.([actual?.node ?? desired.node]),
        inPool?.(pool == null ? [] : [pool]),
      ].every((passes) => passes !== false)
    );
  };
}

/**
 * Finds the containers that a reset means.
 *
 * @param matches - the whole fleet.
 * @param selection - no names: all that pass the filters.
 */
export function selectForReset(matches: readonly Match[], selection: ResetSelection): Selected {
  const passing = matches.filter(filterOf(selection));
  const { names } = selection;
  const sources = new Set(
    matches.flatMap(({ desired: { from } }) => (from && 'clone' in from ? [from.clone] : [])),
  );
  const isSource = ({ desired, actual }: Match): boolean =>
    desired.isTemplate === true || actual?.isTemplate === true || sources.has(desired.key);
  const plain = names.filter((name) => !isPattern(name));
  const patterns = names.filter(isPattern).map((name) => [name, globMatcher(name)] as const);
  const byName = passing.filter((match) => namesOf(match).some((name) => plain.includes(name)));
  const byPattern = passing.filter((match) =>
    names.length === 0 ? true : namesOf(match).some((name) => patterns.some(([, meets]) => meets(name))),
  );
  const meant = new Set([...byName, ...byPattern.filter((match) => !isSource(match))]);
  const all = passing.flatMap(namesOf);
  return {
    chosen: passing.filter((match) => meant.has(match)),
    unknown: [
      ...plain.filter((name) => !all.includes(name)),
      ...patterns.filter(([, meets]) => !all.some(meets)).map(([name]) => name),
    ],
    skipped: byPattern.filter((match) => !meant.has(match)).map(({ desired }) => desired.key),
  };
}

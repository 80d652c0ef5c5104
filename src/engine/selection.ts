/** Which containers a command means: names, globs and filters over what was observed. Pure. */
import type { GuestSummary, Ownership } from '../domain/actual.ts';
import { groupTag } from '../domain/lab/groups.ts';
import { UsageError } from '../util/errors.ts';
import { globMatcher } from '../util/glob.ts';
import { slug } from '../util/slug.ts';
import { suggest } from '../util/suggest.ts';

/** A guest that may be known by its fleet key as well. */
export interface SelectableGuest extends GuestSummary {
  readonly ownership?: Ownership;
}

/** Every filter must match; within one filter one of its values. Values are globs. */
export interface SelectionFilters {
  readonly tags?: readonly string[];
  readonly nodes?: readonly string[];
  readonly pools?: readonly string[];
  readonly fleets?: readonly string[];
  /** Groups of students, as the roster writes them or as their tags do. */
  readonly groups?: readonly string[];
}

/** What a command was given. */
export interface Selection {
  /** Fleet keys, hostnames, VMIDs, or globs over them; empty: all. */
  readonly names: readonly string[];
  readonly filters?: SelectionFilters;
}

function namesOf(guest: SelectableGuest): string[] {
  const { vmid, name, ownership } = guest;
  return [String(vmid), ...(name === undefined ? [] : [name]), ...(ownership ? [ownership.key] : [])];
}

function label(guest: SelectableGuest): string {
  const { vmid, name, node, ownership } = guest;
  const owner = ownership ? `, ${ownership.fleet}/${ownership.key}` : '';
  return `${vmid} (${name ?? 'without a name'} on ${node}${owner})`;
}

/** Names under which the group of a container may be asked for; none: it is in no group. */
function groupsOf({ tags, ownership }: SelectableGuest): string[] {
  const prefix = groupTag('');
  const tagged = tags.flatMap((tag) =>
    tag.toLowerCase().startsWith(prefix) ? [tag.toLowerCase().slice(prefix.length)] : [],
  );
  // the tag may be that of an earlier group, or somebody's own
  const { group } = ownership ?? {};
  return group === undefined ? tagged : [group, slug(group)];
}

/**
 * Makes the predicate of filters.
 *
 * @param filters - none: everything passes.
 * @returns whether a guest passes all of them; `fleets` is false for guests whose owner is not known.
 */
export function filterMatcher(filters: SelectionFilters): (guest: SelectableGuest) => boolean {
  const anyOf = (patterns: readonly string[] | undefined): ((values: readonly string[]) => boolean) => {
    if (patterns === undefined || patterns.length === 0) return () => true;
    const matchers = patterns.map(globMatcher);
    return (values) => values.some((value) => matchers.some((matches) => matches(value)));
  };
  const one = (value: string | undefined): string[] => (value === undefined ? [] : [value]);
  const { groups: named } = filters;
  const [tags, nodes, pools, fleets, groups] = [
    filters.tags,
    filters.nodes,
    filters.pools,
    filters.fleets,
    // somebody who writes `1 AHIF` means `group-1-ahif`, too
    named && [...named, ...named.map(slug).filter((text) => text !== '')],
  ].map(anyOf);
  return (guest) =>
    [
      tags?.(guest.tags),
      nodes?.([guest.node]),
      pools?.(one(guest.pool)),
      fleets?.(one(guest.ownership?.fleet)),
      groups?.(groupsOf(guest)),
    ].every((passes) => passes !== false);
}

function isPattern(name: string): boolean {
  return /[*?{]/.test(name);
}

function matchName<G extends SelectableGuest>(guests: readonly G[], name: string): G[] {
  if (isPattern(name)) {
    const matches = globMatcher(name);
    return guests.filter((guest) => namesOf(guest).some(matches));
  }
  const exact = guests.filter((guest) => namesOf(guest).includes(name));
  // an id is never ambiguous, even where somebody uses it as a name
  const byId = exact.find((guest) => String(guest.vmid) === name);
  return byId ? [byId] : exact;
}

function unknown(name: string, guests: readonly SelectableGuest[], hidden: boolean): UsageError {
  const near = isPattern(name) ? undefined : suggest(name, guests.flatMap(namesOf));
  const what = isPattern(name) ? `no container matches '${name}'` : `there is no container '${name}'`;
  return new UsageError(hidden ? `${what} within the given filters` : what, {
    code: 'CONTAINER_UNKNOWN',
    hint: near === undefined ? 'see what there is: pvefleet list' : `did you mean ${near}?`,
  });
}

/**
 * Finds the containers that names and filters mean. Virtual machines are never selected.
 *
 * @param guests - what was observed; those with `ownership` are known by their fleet key too.
 * @param names - fleet keys, hostnames, VMIDs, or globs over them; empty: all that pass the filters.
 * @param filters - every filter must match.
 * @returns containers in order of vmid, each once.
 * @throws UsageError for a name or glob that matches nothing (with a suggestion), and for a plain name that matches
 *   several (listing them).
 */
export function resolveSelection<G extends SelectableGuest>(
  guests: readonly G[],
  names: readonly string[],
  filters: SelectionFilters = {},
): G[] {
  const containers = guests.filter((guest) => guest.type === 'lxc');
  const passing = containers.filter(filterMatcher(filters));
  const chosen = new Set(names.length === 0 ? passing : []);
  for (const name of names) {
    const found = matchName(passing, name);
    if (found.length === 0) {
      throw unknown(
        name,
        passing,
        passing.length < containers.length && matchName(containers, name).length > 0,
      );
    }
    if (found.length > 1 && !isPattern(name)) {
      throw new UsageError(`'${name}' means several containers: ${found.map(label).join(', ')}`, {
        code: 'CONTAINER_AMBIGUOUS',
        hint: `name it by its vmid, for example ${found[0]?.vmid}, or narrow it with --fleet or --node`,
        details: { candidates: found.map(({ vmid }) => vmid) },
      });
    }
    for (const guest of found) chosen.add(guest);
  }
  return [...chosen].sort((a, b) => a.vmid - b.vmid);
}

/** Which containers a command means: names, globs and filters. Pure but for {@link selectContainers} in list.ts. */
import type { GuestSummary, Ownership } from '../domain/actual.ts';
import { InternalError } from '../util/errors.ts';

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
}

/** What a command was given. */
export interface Selection {
  /** Fleet keys, hostnames, VMIDs, or globs over them; empty: all. */
  readonly names: readonly string[];
  readonly filters?: SelectionFilters;
}

/**
 * Finds the containers that names and filters mean. Virtual machines are never selected.
 *
 * @returns containers in order of vmid, each once.
 * @throws UsageError for a name or glob that matches nothing (with a suggestion), and for a plain name that matches
 *   several (listing them).
 */
export function resolveSelection<G extends SelectableGuest>(
  guests: readonly G[],
  names: readonly string[],
  filters: SelectionFilters = {},
): G[] {
  void [guests, names, filters];
  throw new InternalError('not written yet');
}

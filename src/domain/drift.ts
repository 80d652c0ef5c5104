/** Why a container is not as the file says: the file changed, somebody changed the container, or a restart is due. */

/** All three can hold at once; none: in sync. */
export type DriftState = 'spec-changed' | 'drifted' | 'awaiting-restart';

/** What is known about a container. */
export interface DriftFacts {
  /** Digest of the desired state that was last applied; undefined: not owned yet. */
  readonly recorded: string | undefined;
  /** Digest of the desired state now. */
  readonly wanted: string;
  /** The file gives it another end than its line has: that is not part of the digest. */
  readonly hasOtherEnd?: boolean;
  /** How many fields differ. */
  readonly differing: number;
  /** How many values wait for a restart. */
  readonly pending: number;
  /** Key that it carries, when it is another one than the file has now. */
  readonly renamedFrom?: string | undefined;
}

/**
 * Classifies a difference.
 *
 * @returns the states that hold; empty when the container is as the file says.
 */
export function classifyDrift(facts: DriftFacts): DriftState[] {
  const { recorded, wanted, hasOtherEnd = false, differing, pending } = facts;
  const states: DriftState[] = [];
  if (differing > 0) states.push(recorded === wanted && !hasOtherEnd ? 'drifted' : 'spec-changed');
  if (pending > 0) states.push('awaiting-restart');
  return states;
}

/**
 * Tells why fields of a container differ.
 *
 * @returns `drifted` when the file is the one that was applied last, `spec-changed` when it is another one, undefined for
 *   a container that was never applied.
 */
export function causeOf({
  recorded,
  wanted,
  hasOtherEnd = false,
}: Pick<DriftFacts, 'recorded' | 'wanted' | 'hasOtherEnd'>): DriftState | undefined {
  if (recorded === undefined) return undefined;
  return recorded === wanted && !hasOtherEnd ? 'drifted' : 'spec-changed';
}

/** Names in a sentence: `a, b and 3 more`. */
export function nameSome(names: readonly string[], most = 4): string {
  const shown = names.slice(0, names.length > most ? most - 1 : most);
  const rest = names.length - shown.length;
  return rest > 0
    ? `${shown.join(', ')} and ${rest} more`
    : shown.length > 1
      ? `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
      : shown.join('');
}

/**
 * Says why fields are written.
 *
 * @param fields - field ids.
 * @param facts - what is known about the container.
 * @returns for example `memory and cores: changed in the file`.
 */
export function reasonFor(fields: readonly string[], facts: DriftFacts): string {
  const because =
    facts.recorded === undefined
      ? 'taken over'
      : facts.renamedFrom !== undefined && fields.includes('ownership')
        ? `renamed from ${facts.renamedFrom}`
        : classifyDrift(facts).includes('drifted')
          ? 'changed by somebody'
          : 'changed in the file';
  return `${nameSome(fields)}: ${because}`;
}

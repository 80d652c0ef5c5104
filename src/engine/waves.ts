/** Which containers are worked on before which others: waves of so many, and a canary that is proved before the rest. Pure. */
import type { Action } from '../domain/plan.ts';
import { naturalCompare } from '../util/compare.ts';

/** How many at once; absent: as many as the limits of the scheduler allow. */
export interface Waves {
  /** Containers of one wave; the next one starts when these are done. */
  readonly wave?: number;
  /** Time between two waves, in milliseconds. */
  readonly pauseMs?: number;
  /** So many containers come first, and alone; the others only when all of these went well. */
  readonly canary?: number;
}

/**
 * Assigns actions to waves.
 *
 * @param actions - in an order in which each comes after those it depends on.
 * @param waves - sizes.
 * @returns the wave of each action by its id, counting from 0; containers in natural order of their names. An action is
 *   never in an earlier wave than one that it depends on.
 */
export function wavesOf(
  actions: readonly Pick<Action, 'id' | 'target' | 'dependsOn' | 'follows'>[],
  { wave, canary = 0 }: Waves,
): ReadonlyMap<string, number> {
  const keys = [...new Set(actions.map(({ target }) => target.key))].sort(naturalCompare);
  const places = new Map(keys.map((key, index) => [key, index]));
  const byId = new Map<string, number>();
  for (const { id, target, dependsOn, follows = [] } of actions) {
    const place = places.get(target.key) as number;
    const after = canary > 0 ? 1 : 0;
    const own = place < canary ? 0 : after + (wave === undefined ? 0 : Math.floor((place - canary) / wave));
    byId.set(id, Math.max(own, ...[...dependsOn, ...follows].map((one) => byId.get(one) ?? 0)));
  }
  return byId;
}

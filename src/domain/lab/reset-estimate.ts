/** About how long resets take. Only rough: storages and archives differ. Pure. */
import { GiB, MiB } from '../../util/bytes.ts';
import type { ActualContainer } from '../actual.ts';
import type { Match } from '../match.ts';
import type { PlannedReset } from '../plan.ts';
import type { ResetStrategy } from './reset-facts.ts';

/** Seconds of everything but copying: stop, the way back, settings, start. */
const base: Readonly<Record<ResetStrategy, number>> = { rollback: 4, reclone: 8, rebuild: 20 };
const copyBytesPerSecond = 100 * MiB;

/** What a full copy has to carry. */
function contentBytes(actual: ActualContainer | undefined): number {
  const { usage, live } = actual ?? {};
  const used = usage?.diskBytes ?? 0;
  return used > 0 ? used : Math.min(live?.rootfs?.size ?? GiB, GiB);
}

/**
 * Estimates one reset.
 *
 * @param match - the container.
 * @param strategy - how it is reset.
 * @param isLinked - its clone shares the blocks of its source.
 * @returns seconds.
 */
export function secondsFor({ actual }: Match, strategy: ResetStrategy, isLinked: boolean): number {
  const copied = strategy === 'reclone' && !isLinked ? contentBytes(actual) / copyBytesPerSecond : 0;
  return base[strategy] + Math.ceil(copied);
}

/**
 * Estimates all of them.
 *
 * @param resets - single ones.
 * @param sourceOf - what a container is cloned from; clones of one source are made one after the other.
 * @param atOnce - how many are worked on at once.
 * @returns seconds.
 */
export function secondsForAll(
  resets: readonly PlannedReset[],
  sourceOf: (key: string) => string | undefined,
  atOnce: number,
): number {
  const sum = (list: readonly PlannedReset[]): number =>
    list.reduce((total, { seconds }) => total + seconds, 0);
  const longest = Math.max(0, ...resets.map(({ seconds }) => seconds));
  const sources = new Set(
    resets.flatMap(({ key, strategy }) => (strategy === 'reclone' ? sourceOf(key) : undefined) ?? []),
  );
  const queues = [...sources].map((source) => resets.filter(({ key }) => sourceOf(key) === source));
  // a clone waits for the one before it only while its disks are made
  const serial = queues.map((queue) => sum(queue) / 2);
  return Math.ceil(Math.max(longest, sum(resets) / Math.max(1, atOnce), ...serial));
}

/**
 * Which backups a retention keeps: the newest N, and the newest one of each of the last N hours, days, weeks, months and
 * years, counted per guest; each rule goes on where the one before stopped. Pure.
 */
import type { SimVolume } from './state.ts';

/** Retention: how many to keep per rule, or all. */
export interface PruneRules {
  readonly all: boolean;
  readonly keep: Readonly<Record<string, number>>;
}

/** Rules in the order in which they are applied, and the period of a time. */
const periods: readonly (readonly [rule: string, period: (date: Date, seconds: number) => string])[] = [
  ['keep-last', (_, seconds) => String(seconds)],
  ['keep-hourly', (date) => date.toISOString().slice(0, 13)],
  ['keep-daily', (date) => date.toISOString().slice(0, 10)],
  ['keep-weekly', (_, seconds) => String(Math.floor((seconds / 86_400 + 3) / 7))], // weeks begin on Mondays
  ['keep-monthly', (date) => date.toISOString().slice(0, 7)],
  ['keep-yearly', (date) => date.toISOString().slice(0, 4)],
];

/**
 * Reads a retention.
 *
 * @param text - property string such as `keep-last=3,keep-weekly=2`.
 */
export function pruneRules(text: string): PruneRules {
  const keep = Object.fromEntries(
    text
      .split(',')
      .map((part) => part.split('='))
      .map(([key = '', value = '0']) => [key, Number(value)]),
  );
  return { all: keep['keep-all'] === 1 || Object.values(keep).every((count) => count === 0), keep };
}

/**
 * Marks backups.
 *
 * @param volumes - backups, of any guests.
 * @param rules - the retention.
 * @returns each volume with `keep`, `remove` or `protected`, newest first.
 */
export function keptBackups(
  volumes: readonly SimVolume[],
  rules: PruneRules,
): { volume: SimVolume; mark: 'keep' | 'remove' | 'protected' }[] {
  const newest = volumes.toSorted((a, b) => b.ctime - a.ctime);
  const kept = new Set<SimVolume>();
  for (const vmid of new Set(newest.map((volume) => volume.vmid))) {
    const own = newest.filter((volume) => volume.vmid === vmid && !volume.protected);
    for (const [rule, period] of periods) {
      const taken = new Set(
        own.filter((volume) => kept.has(volume)).map(({ ctime }) => period(new Date(ctime * 1000), ctime)),
      );
      let left = rules.keep[rule] ?? 0;
      for (const volume of own) {
        const key = period(new Date(volume.ctime * 1000), volume.ctime);
        if (left === 0 || kept.has(volume) || taken.has(key)) continue;
        taken.add(key);
        kept.add(volume);
        left -= 1;
      }
    }
  }
  return newest.map((volume) => ({
    volume,
    mark: volume.protected ? 'protected' : rules.all || kept.has(volume) ? 'keep' : 'remove',
  }));
}

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keptBackups, pruneRules } from '../../../src/simulator/model/prune.ts';
import type { SimVolume } from '../../../src/simulator/model/state.ts';

const day = 86_400;
const backup = (vmid: number, ctime: number, isProtected = false): SimVolume => ({
  volid: `local:backup/vzdump-lxc-${vmid}-${ctime}.tar.zst`,
  storage: 'local',
  node: 'pve1',
  content: 'backup',
  format: 'tar.zst',
  sizeBytes: 1,
  usedBytes: 1,
  ctime,
  vmid,
  snapshots: [],
  ...(isProtected ? { protected: true } : {}),
});
const noon = Date.UTC(2026, 10, 23, 12) / 1000; // a Monday

/** Marks of backups of one guest, taken so many days ago. */
function marks(daysAgo: readonly number[], rules: string): string[] {
  const volumes = daysAgo.map((days) => backup(100, noon - days * day));
  return keptBackups(volumes, pruneRules(rules)).map(({ mark }) => mark);
}

test.each([
  ['keep-all=1', ['keep', 'keep', 'keep', 'keep']],
  ['keep-last=2', ['keep', 'keep', 'remove', 'remove']],
  ['keep-daily=2', ['keep', 'keep', 'remove', 'remove']],
  ['keep-last=1,keep-daily=1', ['keep', 'keep', 'remove', 'remove']],
  // Monday; Sunday and Saturday are of the week before, of which the newest is kept.
  ['keep-weekly=2', ['keep', 'keep', 'remove', 'remove']],
  ['keep-monthly=3', ['keep', 'remove', 'remove', 'keep']],
  ['keep-yearly=1', ['keep', 'remove', 'remove', 'remove']],
  ['keep-last=0', ['keep', 'keep', 'keep', 'keep']],
])('%s', (rules, want) => {
  expect(marks([0, 1, 2, 40], rules)).toEqual(want);
});

test('guests are counted on their own, protected backups not at all', () => {
  const volumes = [
    backup(100, noon),
    backup(101, noon - day),
    backup(100, noon - 2 * day, true),
    backup(100, noon - 3 * day),
  ];
  const result = keptBackups(volumes, pruneRules('keep-last=1'));
  expect(result.map(({ volume, mark }) => [volume.vmid, mark])).toEqual([
    [100, 'keep'],
    [101, 'keep'],
    [100, 'protected'],
    [100, 'remove'],
  ]);
});

test('keep-last keeps the newest N and nothing else', () => {
  const hours = fc.uniqueArray(fc.integer({ min: 0, max: 4000 }), { maxLength: 30 });
  fc.assert(
    fc.property(hours, fc.integer({ min: 1, max: 10 }), (hoursAgo, last) => {
      const volumes = hoursAgo.map((ago) => backup(100, noon - ago * 3600));
      const kept = keptBackups(volumes, pruneRules(`keep-last=${last}`))
        .filter(({ mark }) => mark === 'keep')
        .map(({ volume }) => volume.ctime);
      const newest = volumes.map(({ ctime }) => ctime).toSorted((a, b) => b - a);
      expect(kept).toEqual(newest.slice(0, last));
    }),
    { seed: 7, numRuns: 60 },
  );
});

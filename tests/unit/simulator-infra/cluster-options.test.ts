import { expect, test } from 'vitest';
import { findOperation } from '../../../src/schema/load.ts';
import type { Operation } from '../../../src/schema/types.ts';
import { removeFromBackupJobs } from '../../../src/simulator/model/backup-jobs.ts';
import { decodeOption, nextIdRange } from '../../../src/simulator/model/cluster-options.ts';
import { rrdTimes } from '../../../src/simulator/model/rrd.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';

const operation = findOperation('PUT', '/cluster/options') as Operation;
const withOptions = (options: Record<string, unknown>): SimState => ({ options }) as unknown as SimState;

test.each([
  ['keyboard', 'de', 'de'],
  ['next-id', 'lower=200,upper=300', { lower: '200', upper: '300' }],
  ['tag-style', 'case-sensitive=1,shape=full', { 'case-sensitive': 1, shape: 'full' }],
  ['registered-tags', 'b;a;b', ['a', 'b']],
  [
    'user-tag-access',
    'user-allow=list,user-allow-list=x;y',
    { 'user-allow': 'list', 'user-allow-list': ['x', 'y'] },
  ],
  ['migration', 'insecure', { type: 'insecure' }],
])('option %s=%s becomes %o', (key, text, want) => {
  expect(decodeOption(operation, key, text)).toEqual(want);
});

test.each([
  [{}, { lower: 100, upper: 1_000_000 }],
  [{ 'next-id': { lower: '200' } }, { lower: 200, upper: 1_000_000 }],
  [{ 'next-id': 'lower=5000,upper=6000' }, { lower: 5000, upper: 6000 }],
])('options %o look for ids in %o', (options, want) => {
  expect(nextIdRange(withOptions(options))).toEqual(want);
});

test('a purged guest leaves the jobs that name it; a job that names only it goes', () => {
  const state = {
    backupJobs: {
      two: { vmid: '100,101' },
      one: { vmid: '100' },
      but: { all: 1, exclude: '100' },
      other: { vmid: '1000' },
    },
  } as unknown as SimState;
  removeFromBackupJobs(state, 100);
  expect(state.backupJobs).toEqual({ two: { vmid: '101' }, but: { all: 1 }, other: { vmid: '1000' } });
});

test.each([
  ['hour', 60],
  ['day', 60],
  ['week', 1800],
  ['month', 1800],
  ['year', 21_600],
])('the samples of a %s are %i s apart and end now', (timeframe, step) => {
  const now = 1_795_450_464;
  const times = rrdTimes(timeframe, now);
  expect(times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) === step)).toBe(true);
  expect(now - (times.at(-1) ?? 0)).toBeLessThan(step);
});

import { expect, test } from 'vitest';
import { type DurationResult, parseDuration } from '../../../src/util/duration.ts';

test.each<[string, DurationResult]>([
  ['30s', { ms: 30_000 }],
  ['15min', { ms: 900_000 }],
  ['3h', { ms: 10_800_000 }],
  ['1.5 h', { ms: 5_400_000 }],
  ['1h30min', { ms: 5_400_000 }],
  ['7d', { ms: 604_800_000 }],
  ['0s', { ms: 0 }],
  ['90', { error: "'90' has no unit", suggestion: '90min' }],
  ['5m', { error: "'m' is not a unit of time", suggestion: '5min' }],
  ['2 weeks', { error: "'weeks' is not a unit of time" }],
  ['1 h 30 min', { ms: 5_400_000 }],
  ['1h 30', { error: "'1h 30' has no unit", suggestion: '30min' }],
  ['1.5.5h', { error: "'1.5.5h' is no span of time", suggestion: '30min' }],
  ['', { error: "'' is no span of time", suggestion: '30min' }],
  ['soon', { error: "'soon' is no span of time", suggestion: '30min' }],
  ['-5min', { error: "'-5min' is no span of time", suggestion: '30min' }],
])('parses %s', (text, want) => {
  expect(parseDuration(text)).toEqual(want);
});

test.each([
  ['digits', '1'.repeat(200_000)],
  ['parts', '1h '.repeat(60_000)],
  ['blanks', `1${' '.repeat(200_000)}`],
])('takes no longer for long %s than to read them', (_, text) => {
  const startedAt = performance.now();
  expect(parseDuration(`${text}!`)).toMatchObject({ suggestion: '30min' });
  expect(performance.now() - startedAt).toBeLessThan(500);
});

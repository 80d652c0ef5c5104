/** Wall clocks over changes of the clock, against what Intl says, in zones with all kinds of rules. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { instantOf, parseWhen, type WallTime, wallTimeOf } from '../../../src/util/zone.ts';

const zones = [
  'UTC',
  'Europe/Vienna',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'Asia/Kolkata',
  'Pacific/Chatham',
];
const zone = fc.constantFrom(...zones);
const minuteMs = 60_000;
const instant = fc
  .integer({ min: Date.UTC(2015, 0, 1) / minuteMs, max: Date.UTC(2040, 0, 1) / minuteMs })
  .map((minutes) => minutes * minuteMs);
const runs = { seed: 5, numRuns: 400 };

/** Instants at which the clocks of a zone are changed, to the minute. */
function changes(name: string, year: number): number[] {
  const found: number[] = [];
  const offset = (ms: number): number => {
    const { year: y, month, day, hour, minute } = wallTimeOf(ms, name);
    return Date.UTC(y, month - 1, day, hour, minute) - ms;
  };
  const half = 12 * 60 * minuteMs;
  for (let from = Date.UTC(year, 0, 1); from < Date.UTC(year + 1, 0, 1); from += half) {
    if (offset(from) === offset(from + half)) continue;
    let [low, high] = [from, from + half];
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / (2 * minuteMs)) * minuteMs;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

describe('wall clocks', () => {
  test('an instant is found again, or the earlier one of two that look alike', () => {
    fc.assert(
      fc.property(instant, zone, (ms, name) => {
        const wall = wallTimeOf(ms, name);
        const found = instantOf(wall, name);
        expect(wallTimeOf(found, name)).toEqual(wall);
        expect(found).toBeLessThanOrEqual(ms);
        expect(ms - found).toBeLessThanOrEqual(2 * 3_600_000);
      }),
      runs,
    );
  });

  test('the same around every change of the clock', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones.slice(1).filter((name) => name !== 'Asia/Kolkata')),
        fc.integer({ min: 2020, max: 2036 }),
        fc.integer({ min: -180, max: 180 }),
        (name, year, minutes) => {
          for (const change of changes(name, year)) {
            const ms = change + minutes * minuteMs;
            const found = instantOf(wallTimeOf(ms, name), name);
            expect(wallTimeOf(found, name)).toEqual(wallTimeOf(ms, name));
            expect(found).toBeLessThanOrEqual(ms);
          }
        },
      ),
      { seed: 6, numRuns: 40 },
    );
  });

  test('later on the wall of one day is never earlier in time', () => {
    const wall = fc.record({
      year: fc.integer({ min: 2015, max: 2039 }),
      month: fc.integer({ min: 1, max: 12 }),
      day: fc.integer({ min: 1, max: 28 }),
    });
    const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
    const at = (day: Omit<WallTime, 'hour' | 'minute'>, minutes: number, name: string): number =>
      instantOf({ ...day, hour: Math.floor(minutes / 60), minute: minutes % 60 }, name);
    fc.assert(
      fc.property(wall, minute, minute, zone, (day, a, b, name) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        // but for the times that are never shown, which come as long after the change as they would have been after it
        const isShown = (minutes: number): boolean =>
          wallTimeOf(at(day, minutes, name), name).hour === Math.floor(minutes / 60);
        fc.pre(isShown(first) && isShown(second));
        expect(at(day, first, name)).toBeLessThanOrEqual(at(day, second, name));
      }),
      runs,
    );
  });

  test.each<[string, string, WallTime, string]>([
    [
      'twice: the first time',
      'Europe/Vienna',
      { year: 2026, month: 10, day: 25, hour: 2, minute: 30 },
      '2026-10-25T00:30:00.000Z',
    ],
    [
      'never: after the change',
      'Europe/Vienna',
      { year: 2026, month: 3, day: 29, hour: 2, minute: 30 },
      '2026-03-29T01:30:00.000Z',
    ],
    [
      'half an hour of summer time',
      'Australia/Lord_Howe',
      { year: 2026, month: 10, day: 4, hour: 2, minute: 15 },
      '2026-10-03T15:45:00.000Z',
    ],
    [
      'the day after the last of a month',
      'UTC',
      { year: 2026, month: 1, day: 32, hour: 8, minute: 0 },
      '2026-02-01T08:00:00.000Z',
    ],
  ])('shown %s', (_, name, wall, want) => {
    expect(new Date(instantOf(wall, name)).toISOString()).toBe(want);
  });
});

describe('times that people write', () => {
  const now = Date.UTC(2026, 10, 23, 14, 30);
  test.each<[string, string | undefined]>([
    ['16:00', '2026-11-23T15:00:00.000Z'],
    ['15:00', '2026-11-24T14:00:00.000Z'],
    ['15:30', '2026-11-24T14:30:00.000Z'],
    ['2026-11-30T16:00', '2026-11-30T15:00:00.000Z'],
    ['2026-06-30 16:00', '2026-06-30T14:00:00.000Z'],
    ['2026-11-30T16:00Z', '2026-11-30T16:00:00.000Z'],
    ['2026-11-30T16:00:30+02:00', '2026-11-30T14:00:30.000Z'],
    ['2026-02-30T16:00', undefined],
    ['25:00', undefined],
    ['16', undefined],
    ['tomorrow', undefined],
  ])('%s', (text, want) => {
    const ms = parseWhen(text, now, 'Europe/Vienna');
    expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(want);
  });
});

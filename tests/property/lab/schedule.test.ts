/** Schedules over changes of the clock: ticks that come when they like keep containers as the classes want them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ClassTimes, type DesiredSchedule, dueAt, isInClass } from '../../../src/domain/lab/schedule.ts';
import { wallTimeOf } from '../../../src/util/zone.ts';

const minute = 60_000;
const hour = 60 * minute;
const zones = ['UTC', 'Europe/Vienna', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago'];
/** Weeks in which clocks are changed somewhere, and one in which none are. */
const weeks = [
  '2026-03-08',
  '2026-03-29',
  '2026-04-05',
  '2026-10-04',
  '2026-10-25',
  '2026-11-01',
  '2026-07-01',
];

const lesson: fc.Arbitrary<ClassTimes> = fc
  .record({
    days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 }),
    from: fc.integer({ min: 0, max: 1439 }),
    to: fc.integer({ min: 0, max: 1439 }),
    leadMs: fc.constantFrom(0, 10 * minute),
    before: fc.constant([]),
    after: fc.constant([]),
  })
  .filter(({ from, to }) => from !== to && Math.abs(from - to) > 90);
const schedule: fc.Arbitrary<DesiredSchedule> = fc.record({
  zone: fc.constantFrom(...zones),
  holidays: fc.constant([]),
  classes: fc.array(lesson, { minLength: 1, maxLength: 3 }),
  actions: fc.constant([]),
  graceMs: fc.constant(hour),
});
const begin = fc.constantFrom(...weeks).map((day) => Date.parse(`${day}T00:00:00Z`) - 2 * 24 * hour);
const gaps = fc.array(fc.integer({ min: 1, max: 55 }), { minLength: 200, maxLength: 300 });

test('ticks within the grace time of each other leave a container as its classes want it, whatever they missed', () => {
  expect.hasAssertions();
  fc.assert(
    fc.property(schedule, begin, gaps, (given, from, minutes) => {
      let now = from;
      let running: boolean | undefined;
      const seen = minutes.map((gap) => {
        now += gap * minute;
        const power = dueAt(given, now).findLast((due) => due.do === 'start' || due.do === 'stop');
        if (power) running = power.do === 'start';
        // until the first start or stop nobody has told it anything
        return { running: running ?? isInClass(given, now), isInClass: isInClass(given, now) };
      });
      expect(seen.filter((one) => one.running !== one.isInClass)).toEqual([]);
    }),
    { seed: 11, numRuns: 25 },
  );
});

test('what is due was due a moment ago, or has just become due; nothing comes early, twice or out of order', () => {
  fc.assert(
    fc.property(schedule, begin, fc.integer({ min: 0, max: 10_000 }), (given, from, offset) => {
      const now = from + offset * minute;
      const dues = dueAt(given, now);
      for (const due of dues) {
        expect(due.at).toBeLessThanOrEqual(now);
        expect(now - due.at).toBeLessThanOrEqual(given.graceMs);
      }
      expect(dues.map(({ at }) => at)).toEqual(dues.map(({ at }) => at).sort((a, b) => a - b));
      expect(dues.length).toBeLessThanOrEqual(1);
      expect(dueAt(given, now)).toEqual(dues);
    }),
    { seed: 12, numRuns: 120 },
  );
});

test('a class begins when the clock on the wall says so, unless that hour is left out', () => {
  fc.assert(
    fc.property(schedule, begin, (given, from) => {
      const single = { ...given, classes: given.classes.slice(0, 1).map((one) => ({ ...one, leadMs: 0 })) };
      const [only] = single.classes;
      for (let now = from; now < from + 5 * 24 * hour; now += 30 * minute)
        for (const due of dueAt(single, now)) {
          const { hour: shown, minute: minutes } = wallTimeOf(due.at, given.zone);
          const wanted = due.do === 'start' ? only?.from : only?.to;
          const late = shown * 60 + minutes - (wanted ?? 0);
          // an hour (or half of one) that the clocks leave out moves it by as much
          expect([0, 30, 60]).toContain(late);
        }
    }),
    { seed: 13, numRuns: 25 },
  );
});

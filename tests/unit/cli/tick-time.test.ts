/** The time that a tick is for: on the clocks of the timetable, not of the machine. */
import { describe, expect, test } from 'vitest';
import { tickTime } from '../../../src/cli/tick-time.ts';
import type { DesiredSchedule } from '../../../src/domain/lab/schedule.ts';
import { UsageError } from '../../../src/util/errors.ts';
import { ownZone } from '../../../src/util/zone.ts';
import { container, fleet } from '../../support/engine.ts';

const now = Date.UTC(2026, 10, 23, 5);
const timed = (...zones: readonly (string | undefined)[]) =>
  fleet(
    zones.map((zone, index) => {
      const schedule: DesiredSchedule | undefined =
        zone === undefined ? undefined : { zone, holidays: [], classes: [], actions: [], graceMs: 0 };
      return container(`one-${index}`, schedule ? { schedule } : {});
    }),
  );
const iso = (ms: number): string => new Date(ms).toISOString();

describe('the time of a tick', () => {
  test.each([
    ['on the clocks of the schedule', '2026-11-23T07:00', timed('Asia/Tokyo'), '2026-11-22T22:00:00.000Z'],
    ['next on the clocks of the schedule', '07:00', timed('Asia/Tokyo'), '2026-11-23T22:00:00.000Z'],
    [
      'of several schedules in one zone',
      '2026-11-23T07:00',
      timed('Asia/Tokyo', undefined, 'Asia/Tokyo'),
      '2026-11-22T22:00:00.000Z',
    ],
    ['with an offset', '2026-11-23T07:00+01:00', timed('Asia/Tokyo', 'UTC'), '2026-11-23T06:00:00.000Z'],
    ['in UTC', '2026-11-23T07:00Z', timed('Asia/Tokyo'), '2026-11-23T07:00:00.000Z'],
    ['the present', undefined, timed('Asia/Tokyo', 'UTC'), '2026-11-23T05:00:00.000Z'],
  ])('%s', (_, at, file, want) => {
    expect(iso(tickTime(at, now, file))).toBe(want);
  });

  test.each([
    ['without a file', undefined],
    ['of a file without schedules', timed(undefined)],
  ])('%s is that of this machine', (_, file) => {
    const noon = tickTime('2026-11-23T12:00', now, file);
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: ownZone(),
      hour: '2-digit',
      minute: '2-digit',
    });
    expect(format.format(noon)).toBe('12:00');
  });

  test.each([
    ['2026-11-23T07:00', timed('Asia/Tokyo', 'UTC'), /Asia\/Tokyo and UTC.*/, /2026-11-23T07:00\+01:00/],
    ['soon', timed('UTC'), /'soon' is no time/, /16:00/],
    ['soon', timed('Asia/Tokyo', 'UTC'), /'soon' is no time/, /16:00/],
    ['07:00', timed('Asia/Tokyo', 'UTC'), /Asia\/Tokyo and UTC.*/, /\+01:00/],
  ])('%s is refused where it says too little', (at, file, message, hint) => {
    const run = () => tickTime(at, now, file);
    expect(run).toThrow(message);
    expect(run).toThrow(UsageError);
    expect(run).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) as string }));
  });
});

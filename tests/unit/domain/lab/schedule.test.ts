import { describe, expect, test } from 'vitest';
import { type DesiredSchedule, dueAt, expiryPhase, isInClass } from '../../../../src/domain/lab/schedule.ts';

const hour = 3_600_000;
const day = 24 * hour;
const morning = { days: [1, 3], from: 8 * 60, to: 12 * 60, leadMs: 0, before: [], after: [] } as const;
const schedule = (more: Partial<DesiredSchedule> = {}): DesiredSchedule => ({
  zone: 'Europe/Vienna',
  holidays: [],
  classes: [morning],
  actions: [],
  graceMs: hour,
  ...more,
});
const at = (text: string): number => Date.parse(text);
const told = (given: DesiredSchedule, time: string): string[] =>
  dueAt(given, at(time)).map((due) => `${due.do} ${new Date(due.at).toISOString()}`);

describe('classes', () => {
  test.each<[string, string, string[]]>([
    ['before it begins', '2026-11-23T06:59:59Z', []],
    ['when it begins', '2026-11-23T07:00:00Z', ['start 2026-11-23T07:00:00.000Z']],
    ['a while after that, within the grace time', '2026-11-23T08:00:00Z', ['start 2026-11-23T07:00:00.000Z']],
    ['after the grace time', '2026-11-23T08:00:01Z', []],
    ['when it ends', '2026-11-23T11:00:00Z', ['stop 2026-11-23T11:00:00.000Z']],
    ['on another day of the week', '2026-11-24T07:00:00Z', []],
    ['in summer, an hour earlier in UTC', '2026-06-01T06:00:00Z', ['start 2026-06-01T06:00:00.000Z']],
  ])('%s', (_, time, want) => {
    expect(told(schedule(), time)).toEqual(want);
  });

  test('begin on the clock of the wall on both sides of a change of the clock', () => {
    const daily = schedule({ classes: [{ ...morning, days: [0, 1, 2, 3, 4, 5, 6] }] });
    expect(told(daily, '2026-10-24T06:00:00Z')).toEqual(['start 2026-10-24T06:00:00.000Z']);
    expect(told(daily, '2026-10-25T07:00:00Z')).toEqual(['start 2026-10-25T07:00:00.000Z']);
    expect(told(daily, '2027-03-28T06:00:00Z')).toEqual(['start 2027-03-28T06:00:00.000Z']);
  });

  test('start earlier by their lead, and do what comes before that', () => {
    const given = schedule({
      classes: [
        { ...morning, leadMs: 10 * 60_000, before: ['reset', 'snapshot'], after: ['snapshot'], keep: 2 },
      ],
    });
    const begin = dueAt(given, at('2026-11-23T06:50:00Z'));
    expect(begin).toMatchObject([
      { do: 'snapshot', name: 'class-20261123-0800', prefix: 'class', keep: 2 },
      { do: 'reset' },
      { do: 'start', why: 'class of Mon 2026-11-23 08:00' },
    ]);
    expect(dueAt(given, at('2026-11-23T11:00:00Z'))).toMatchObject([
      { do: 'stop' },
      { do: 'snapshot', name: 'class-20261123-1200' },
    ]);
  });

  test('that meet or overlap throw nobody out between them', () => {
    const second = { ...morning, from: 12 * 60, to: 14 * 60 };
    const inside = { ...morning, from: 9 * 60, to: 10 * 60 };
    const given = schedule({ classes: [morning, second, inside], graceMs: 10 * 60_000 });
    expect(told(given, '2026-11-23T11:00:00Z')).toEqual(['start 2026-11-23T11:00:00.000Z']);
    expect(told(given, '2026-11-23T09:00:00Z')).toEqual([]);
    expect(told(given, '2026-11-23T13:00:00Z')).toEqual(['stop 2026-11-23T13:00:00.000Z']);
  });

  test('go on over midnight', () => {
    const night = schedule({ classes: [{ ...morning, from: 22 * 60, to: 2 * 60 }] });
    expect(told(night, '2026-11-24T01:00:00Z')).toEqual(['stop 2026-11-24T01:00:00.000Z']);
    expect(isInClass(night, at('2026-11-24T00:30:00Z'))).toBe(true);
    expect(isInClass(night, at('2026-11-23T00:30:00Z'))).toBe(false);
  });

  test('of start and stop only the latest is due', () => {
    const short = schedule({ classes: [{ ...morning, to: 8 * 60 + 30 }] });
    expect(told(short, '2026-11-23T07:40:00Z')).toEqual(['stop 2026-11-23T07:30:00.000Z']);
  });

  test.each<[string, Partial<DesiredSchedule>, boolean]>([
    ['on a holiday', { holidays: [{ from: '2026-11-20', to: '2026-11-23' }] }, false],
    ['after a holiday', { holidays: [{ from: '2026-11-20', to: '2026-11-22' }] }, true],
    ['before the term', { term: { from: '2026-11-24' } }, false],
    ['on the first and last day of the term', { term: { from: '2026-11-23', to: '2026-11-23' } }, true],
    ['after the term', { term: { to: '2026-11-22' } }, false],
  ])('%s', (_, more, isDue) => {
    expect(told(schedule(more), '2026-11-23T07:00:00Z').length > 0).toBe(isDue);
  });
});

describe('actions', () => {
  const only = (action: DesiredSchedule['actions'][number], more: Partial<DesiredSchedule> = {}) =>
    schedule({ classes: [], actions: [action], ...more });

  test('repeat on their days, and tell the instant in the names of snapshots', () => {
    const weekly = only({ do: 'snapshot', days: [0], minutes: 180, name: 'weekly', keep: 4 });
    expect(dueAt(weekly, at('2026-11-22T02:30:00Z'))).toMatchObject([
      { do: 'snapshot', name: 'weekly-20261122-0300', prefix: 'weekly', keep: 4 },
    ]);
    expect(dueAt(weekly, at('2026-11-23T02:30:00Z'))).toEqual([]);
  });

  test('happen once at a certain time, whatever term and holidays say', () => {
    const exam = only(
      { do: 'freeze', day: '2026-11-23', minutes: 16 * 60, stop: true, snapshot: 'exam' },
      { holidays: [{ from: '2026-11-23', to: '2026-11-23' }], term: { to: '2026-01-01' } },
    );
    expect(dueAt(exam, at('2026-11-23T15:10:00Z'))).toMatchObject([
      { do: 'freeze', stop: true, snapshot: 'exam' },
    ]);
    expect(dueAt(exam, at('2026-11-23T16:10:00Z'))).toEqual([]);
  });

  test('happen once in the hour that is there twice', () => {
    const twice = only({ do: 'stop', days: [0], minutes: 150 }, { graceMs: 10 * 60_000 });
    expect(told(twice, '2026-10-25T00:35:00Z')).toEqual(['stop 2026-10-25T00:30:00.000Z']);
    expect(told(twice, '2026-10-25T01:35:00Z')).toEqual([]);
  });
});

describe('expiry', () => {
  const ending = (more: Partial<NonNullable<DesiredSchedule['expiry']>> = {}): DesiredSchedule =>
    schedule({
      expiry: {
        day: '2027-01-31',
        announceMs: 7 * day,
        onExpiry: 'remove',
        removeAfterMs: 14 * day,
        ...more,
      },
    });
  test.each<[string, string, string]>([
    ['long before', '2027-01-24T22:59:59Z', 'none'],
    ['a week before its end', '2027-01-24T23:00:00Z', 'announced'],
    ['on the last day', '2027-01-31T22:59:59Z', 'announced'],
    ['when it is over', '2027-01-31T23:00:00Z', 'expired'],
    ['when it has been over for long', '2027-02-14T23:00:00Z', 'removable'],
  ])('%s', (_, time, want) => {
    expect(expiryPhase(ending(), at(time))).toBe(want);
    const stopping = expiryPhase(ending({ onExpiry: 'stop' }), at(time));
    expect(stopping).toBe(want === 'removable' ? 'expired' : want);
  });

  test('never where there is none, or nobody knows the time', () => {
    expect(expiryPhase(schedule(), at('2030-01-01T00:00:00Z'))).toBe('none');
    expect(expiryPhase(undefined, 0)).toBe('none');
    expect(expiryPhase(ending(), undefined)).toBe('none');
  });
});

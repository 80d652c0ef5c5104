/**
 * Class times, timed actions and the end of containers: what is due at an instant. Pure: whether it has been done already is
 * for others to see, in the cluster. Wall times are those of the schedule's zone, summer time or not.
 */
import { instantOf, wallTimeOf } from '../../util/zone.ts';

/** A day of the calendar, `2026-11-23`. */
type Day = string;

/** Days from one to another, both included. */
interface DayRange {
  readonly from: Day;
  readonly to: Day;
}

/** What may be done around a class. */
type ClassStep = 'snapshot' | 'reset';

/** Times at which containers run. */
export interface ClassTimes {
  /** 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight. */
  readonly from: number;
  /** Minutes after midnight; not after `from`: on the next day. */
  readonly to: number;
  /** They start so much earlier. */
  readonly leadMs: number;
  readonly before: readonly ClassStep[];
  readonly after: readonly ClassStep[];
  /** Snapshots of classes that are kept; absent: all. */
  readonly keep?: number;
}

/** When a timed action is due: at a time of day, on these days of the week, or once. */
export type ActionTime =
  | { readonly days: readonly number[]; readonly minutes: number }
  | { readonly day: Day; readonly minutes: number };

/** An action at a time. */
export type TimedAction = ActionTime &
  (
    | { readonly do: 'start' | 'stop' | 'reset' }
    | { readonly do: 'snapshot'; readonly name: string; readonly keep?: number }
    | { readonly do: 'freeze'; readonly stop: boolean; readonly snapshot?: string }
  );

/** The end of a container. */
interface Expiry {
  /** Its last day. */
  readonly day: Day;
  /** So long before it is announced. */
  readonly announceMs: number;
  readonly onExpiry: 'stop' | 'remove';
  /** It is kept so long, stopped, before it is removed. */
  readonly removeAfterMs: number;
}

/** The section `schedule` of a container. */
export interface DesiredSchedule {
  /** For example `Europe/Vienna`. */
  readonly zone: string;
  /** Days outside have no classes and no repeated actions. */
  readonly term?: { readonly from?: Day; readonly to?: Day };
  /** Days without classes and repeated actions. */
  readonly holidays: readonly DayRange[];
  readonly classes: readonly ClassTimes[];
  readonly actions: readonly TimedAction[];
  /** What is due is caught up so long; after that it is left out. */
  readonly graceMs: number;
  readonly wave?: number;
  readonly pauseMs?: number;
  readonly expiry?: Expiry;
}

/** Something that is to be done now. */
export type Due = {
  /** Since when, ms since the epoch. */
  readonly at: number;
  /** In words: `class of Mon 08:00`. */
  readonly why: string;
} & (
  | { readonly do: 'start' | 'stop' | 'reset' }
  | {
      readonly do: 'snapshot';
      /** Name of the snapshot, which tells the instant. */
      readonly name: string;
      /** Beginning of the names of its kind. */
      readonly prefix: string;
      readonly keep?: number;
    }
  | { readonly do: 'freeze'; readonly stop: boolean; readonly snapshot?: string }
);

const dayMs = 86_400_000;
const two = (value: number): string => String(value).padStart(2, '0');

/** A wall time of the calendar. */
interface Moment {
  readonly day: Day;
  /** Minutes after midnight; may be beyond the end of the day. */
  readonly minutes: number;
}

const utcOf = (day: Day): number => Date.parse(`${day}T00:00:00Z`);
const dayOf = (utc: number): Day => new Date(utc).toISOString().slice(0, 10);
const plusDays = (day: Day, days: number): Day => dayOf(utcOf(day) + days * dayMs);
const weekday = (day: Day): number => new Date(utcOf(day)).getUTCDay();
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function instantAt({ day, minutes }: Moment, zone: string): number {
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
  return instantOf({ year, month, day: date, hour: Math.floor(minutes / 60), minute: minutes % 60 }, zone);
}

/** The calendar's day at an instant. */
function dayAt(ms: number, zone: string): Day {
  const { year, month, day } = wallTimeOf(ms, zone);
  return `${year}-${two(month)}-${two(day)}`;
}

const clock = (minutes: number): string => `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
const momentWords = ({ day, minutes }: Moment): string =>
  `${weekdays[weekday(day)]} ${day} ${clock(minutes)}`;

/** Suffix of snapshot names: `20261123-0800`. */
const stamp = ({ day, minutes }: Moment): string =>
  `${day.replaceAll('-', '')}-${clock(minutes).replace(':', '')}`;

/** Whether classes and repeated actions take place on a day. */
function isOpen({ term, holidays }: DesiredSchedule, day: Day): boolean {
  return (
    (term?.from === undefined || day >= term.from) &&
    (term?.to === undefined || day <= term.to) &&
    !holidays.some(({ from, to }) => day >= from && day <= to)
  );
}

/** Days of the calendar that an instant, and what led to it, may belong to. */
function daysAround({ zone, graceMs, classes }: DesiredSchedule, now: number): Day[] {
  const lead = Math.max(0, ...classes.map(({ leadMs }) => leadMs));
  const last = plusDays(dayAt(now + lead, zone), 1);
  // a class of yesterday may end today
  const first = plusDays(dayAt(now - graceMs, zone), -2);
  const days: Day[] = [];
  for (let day = first; day <= last; day = plusDays(day, 1)) days.push(day);
  return days;
}

/** A class of a certain day. */
interface Lesson {
  readonly times: ClassTimes;
  readonly begin: Moment;
  readonly end: Moment;
  /** ms since the epoch, with the time that they start earlier. */
  readonly from: number;
  readonly to: number;
}

function lessonsOf(schedule: DesiredSchedule, days: readonly Day[]): Lesson[] {
  const { zone, classes } = schedule;
  return days
    .filter((day) => isOpen(schedule, day))
    .flatMap((day) =>
      classes
        .filter((times) => times.days.includes(weekday(day)))
        .map((times): Lesson => {
          const begin = { day, minutes: times.from };
          const end =
            times.to > times.from ? { day, minutes: times.to } : { day: plusDays(day, 1), minutes: times.to };
          return {
            times,
            begin,
            end,
            from: instantAt(begin, zone) - times.leadMs,
            to: instantAt(end, zone),
          };
        }),
    );
}

/** Order of what is due at the same instant: what ends, then what prepares, then what begins. */
const ranks: Readonly<Record<Due['do'], number>> = { stop: 0, freeze: 1, snapshot: 2, reset: 3, start: 4 };

function classDues(lessons: readonly Lesson[]): Due[] {
  return lessons.flatMap(({ times, begin, end, from, to }): Due[] => {
    const { keep, before, after } = times;
    const why = `class of ${momentWords(begin)}`;
    const step = (one: ClassStep, at: number, moment: Moment): Due =>
      one === 'reset'
        ? { do: 'reset', at, why }
        : {
            do: 'snapshot',
            at,
            why,
            prefix: 'class',
            name: `class-${stamp(moment)}`,
            ...(keep === undefined ? {} : { keep }),
          };
    // between two classes that meet, or one within another, nobody is thrown out
    const goesOn = lessons.some((other) => other.from <= to && to < other.to);
    return [
      ...before.map((one) => step(one, from, begin)),
      { do: 'start', at: from, why },
      ...(goesOn ? [] : [{ do: 'stop', at: to, why: `end of the ${why}` } as const]),
      ...after.map((one) => step(one, to, end)),
    ];
  });
}

function actionDues(schedule: DesiredSchedule, days: readonly Day[]): Due[] {
  const { zone, actions } = schedule;
  return actions.flatMap((action): Due[] => {
    const { minutes } = action;
    const moments: Moment[] =
      'day' in action
        ? [{ day: action.day, minutes }]
        : days
            .filter((day) => isOpen(schedule, day) && action.days.includes(weekday(day)))
            .map((day) => ({ day, minutes }));
    return moments.map((moment): Due => {
      const at = instantAt(moment, zone);
      const why = `${action.do} of ${momentWords(moment)}`;
      if (action.do === 'snapshot') {
        const { name: prefix, keep } = action;
        const name = `${prefix}-${stamp(moment)}`;
        return { do: 'snapshot', at, why, prefix, name, ...(keep === undefined ? {} : { keep }) };
      }
      if (action.do === 'freeze') {
        const { stop, snapshot } = action;
        return { do: 'freeze', at, why, stop, ...(snapshot === undefined ? {} : { snapshot }) };
      }
      return { do: action.do, at, why };
    });
  });
}

const isPower = (due: Due): boolean => due.do === 'start' || due.do === 'stop';

/**
 * What of a schedule is due.
 *
 * @param schedule - of one container.
 * @param now - ms since the epoch.
 * @returns what became due and is not older than the grace time, oldest first; of starts and stops only the latest.
 */
export function dueAt(schedule: DesiredSchedule, now: number): Due[] {
  const days = daysAround(schedule, now);
  const all = [...classDues(lessonsOf(schedule, days)), ...actionDues(schedule, days)]
    .filter(({ at }) => at <= now && now - at <= schedule.graceMs)
    .sort((a, b) => a.at - b.at || ranks[a.do] - ranks[b.do] || (a.why < b.why ? -1 : 1));
  const power = all.findLast(isPower);
  return all.filter((due) => !isPower(due) || due === power);
}

/** Whether a class takes place at an instant, the time before it in which containers start included. */
export function isInClass(schedule: DesiredSchedule, now: number): boolean {
  return lessonsOf(schedule, daysAround(schedule, now)).some(({ from, to }) => from <= now && now < to);
}

/** Whether a schedule starts and stops containers, so that nothing else should. */
export const managesPower = ({ classes, actions }: DesiredSchedule): boolean =>
  classes.length > 0 || actions.some((action) => action.do === 'start' || action.do === 'stop');

/** How near a container is to its end. */
export type ExpiryPhase = 'none' | 'announced' | 'expired' | 'removable';

/** When a container's last day is over, ms since the epoch. */
const expiresAt = ({ expiry, zone }: DesiredSchedule): number | undefined =>
  expiry && instantAt({ day: plusDays(expiry.day, 1), minutes: 0 }, zone);

/**
 * How near a container is to its end.
 *
 * @param schedule - undefined: it has none.
 * @param now - ms since the epoch; undefined: nothing has ended.
 * @returns `removable` only where the file says that it may be removed.
 */
export function expiryPhase(schedule: DesiredSchedule | undefined, now: number | undefined): ExpiryPhase {
  const end = schedule && expiresAt(schedule);
  if (!schedule?.expiry || end === undefined || now === undefined) return 'none';
  const { announceMs, onExpiry, removeAfterMs } = schedule.expiry;
  if (now >= end) return onExpiry === 'remove' && now >= end + removeAfterMs ? 'removable' : 'expired';
  return now >= end - announceMs ? 'announced' : 'none';
}

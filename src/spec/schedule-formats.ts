/** Formats of the section `schedule`: days, times, spans of time. No YAML, no zod, no cross-checks here. */
import { parseDuration } from '../util/duration.ts';
import { suggest } from '../util/suggest.ts';
import { isZone } from '../util/zone.ts';
import type { Problem } from './findings.ts';
import type { TextCheck } from './formats.ts';
import { splitTexts, textList, type ValueCheck } from './values.ts';

const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const wrong = (message: string, hint?: string): Problem => ({ code: 'SPEC_VALUE', message, hint });

/** `mon`, or `mon-fri`; undefined: neither. */
function readDays(text: string): number[] | undefined {
  const [from = '', to, ...more] = text.toLowerCase().split('-');
  const first = names.indexOf(from);
  const last = to === undefined ? first : names.indexOf(to);
  if (first < 0 || last < 0 || more.length > 0) return undefined;
  const days: number[] = [];
  for (let day = first; ; day = (day + 1) % 7) {
    days.push(day);
    if (day === last) return days;
  }
}

/**
 * Reads days of the week.
 *
 * @param value - `mon`, `mon-fri`, several of them in a text or a list; absent: all.
 * @returns numbers, 0 is Sunday.
 */
export function daysOf(value: string | readonly string[] | undefined): number[] {
  if (value === undefined) return [0, 1, 2, 3, 4, 5, 6];
  const texts = typeof value === 'string' ? splitTexts(value) : value;
  return [...new Set(texts.flatMap((text) => readDays(text) ?? []))].sort((a, b) => a - b);
}

const checkDays: TextCheck = (text) => {
  if (readDays(text)) return undefined;
  const near =
    suggest(text.toLowerCase(), names) ?? names.find((name) => text.toLowerCase().startsWith(name));
  return wrong(
    `'${text}' is no day of the week`,
    near === undefined
      ? 'write mon, tue, wed, thu, fri, sat or sun, or a range: mon-fri'
      : `did you mean ${near}?`,
  );
};

/** Days of the week: one text or a list. */
export const weekdaysValue: ValueCheck = textList(checkDays, true);

/** Minutes after midnight; undefined: no time of day. */
export function minutesOf(text: string): number | undefined {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text.trim()) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return Number(hours) * 60 + Number(minutes);
}

/** A number of YAML that was meant as a time of day is told how to write it. */
const timeHint = 'write for example 08:00';

export const timeValue: ValueCheck = (value) => {
  if (typeof value === 'number') return [wrong(`${value} is no time of day`, timeHint)];
  if (typeof value !== 'string') return [{ expected: 'a time of day such as 08:00' }];
  if (minutesOf(value) !== undefined) return [];
  return [wrong(`'${value}' is no time of day`, timeHint)];
};

const isDay = (text: string): boolean => {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  return date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
};

/** A day of the calendar. */
export const checkDay: TextCheck = (text) =>
  isDay(text) ? undefined : wrong(`'${text}' is no day of the calendar`, 'write for example 2027-01-31');

/** A day, or a range of days: `2026-12-24..2027-01-06`. */
export const checkDayRange: TextCheck = (text) => {
  const [from = '', to = from, ...more] = text.split('..').map((part) => part.trim());
  if (!isDay(from) || !isDay(to) || more.length > 0)
    return wrong(
      `'${text}' is neither a day nor a range of days`,
      'write 2026-10-26 or 2026-12-24..2027-01-06',
    );
  return from <= to ? undefined : wrong(`'${text}' ends before it begins`, `did you mean ${to}..${from}?`);
};

/** The ends of a range of days that was checked. */
export function dayRangeOf(text: string): { from: string; to: string } {
  const [from = '', to = from] = text.split('..').map((part) => part.trim());
  return { from, to };
}

/** A wall time of a certain day: `2026-11-23T18:00`; undefined: none. */
export function momentOf(text: string): { day: string; minutes: number } | undefined {
  const [day = '', time = '', ...more] = text.trim().split(/[T ]+/);
  const minutes = minutesOf(time);
  return isDay(day) && minutes !== undefined && more.length === 0 ? { day, minutes } : undefined;
}

/** A time of day, or a time of a certain day. */
export const whenValue: ValueCheck = (value) => {
  if (typeof value === 'number') return [wrong(`${value} is no time`, timeHint)];
  if (typeof value !== 'string') return [{ expected: 'a time such as 18:00 or 2026-11-23T18:00' }];
  if (minutesOf(value) !== undefined || momentOf(value)) return [];
  return [wrong(`'${value}' is no time`, 'write 18:00 for every day, or once: 2026-11-23T18:00')];
};

/**
 * Spans of time.
 *
 * @param mostMs - the longest, in milliseconds.
 * @param most - the same in words.
 * @returns the check.
 */
export function spanValue(mostMs: number, most: string): ValueCheck {
  return (value) => {
    if (typeof value === 'number') return [wrong(`${value} has no unit`, `did you mean ${value}min?`)];
    if (typeof value !== 'string') return [{ expected: 'a span of time such as 15min, 3h or 7d' }];
    const span = parseDuration(value);
    if ('error' in span)
      return [
        wrong(span.error, span.suggestion === undefined ? undefined : `did you mean ${span.suggestion}?`),
      ];
    return span.ms <= mostMs
      ? []
      : [{ code: 'SPEC_RANGE', message: `'${value}' is too long; the most is ${most}` }];
  };
}

/** A time zone; schedules need its rules, so that one that is not known here is an error. */
export const checkZone: TextCheck = (text) => {
  if (isZone(text)) return undefined;
  const near = suggest(text, Intl.supportedValuesOf('timeZone'));
  return {
    code: 'SPEC_TIMEZONE',
    message: `the time zone '${text}' is not known here`,
    hint: near === undefined ? 'write for example Europe/Vienna, or UTC' : `did you mean ${near}?`,
  };
};

/** Beginning of the names of snapshots; a time is added: `-20261123-0800`. */
export const checkPrefix: TextCheck = (text) => {
  if (text === 'class')
    return {
      code: 'SPEC_RESERVED',
      message: "the name 'class' is that of the snapshots of classes",
      hint: 'use another one',
    };
  return /^[A-Za-z][A-Za-z0-9_-]{0,25}$/.test(text)
    ? undefined
    : wrong(
        `'${text}' is not a valid name of snapshots`,
        'use letters, digits, _ and -; at most 26, a letter first',
      );
};

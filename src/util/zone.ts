/**
 * Wall clocks of time zones: what they show at an instant, and when they show something. Built on Intl, which has the
 * rules of all zones; changes of the clock (summer time) are the whole point.
 */

/** What a wall clock and a calendar show. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second?: number;
}

const dayMs = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}

/**
 * Tells whether a time zone is known here.
 *
 * @param zone - for example `Europe/Vienna`.
 */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * What the clocks of a zone show.
 *
 * @param ms - instant, ms since the epoch.
 * @param zone - a known time zone.
 * @returns date and time there.
 */
export function wallTimeOf(ms: number, zone: string): Required<WallTime> {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  };
}

const asUtc = ({ year, month, day, hour, minute, second = 0 }: WallTime): number =>
  Date.UTC(year, month - 1, day, hour, minute, second);

/** How far the clocks of a zone are ahead of UTC, in milliseconds. */
function offsetAt(ms: number, zone: string): number {
  return asUtc(wallTimeOf(ms, zone)) - Math.floor(ms / 1_000) * 1_000;
}

/**
 * When the clocks of a zone show a time.
 *
 * @param wall - date and time; members beyond their range count on, so that day 32 is in the next month.
 * @param zone - a known time zone.
 * @returns ms since the epoch. A time that is shown twice, when clocks go back: the first one. One that is never shown,
 *   when clocks go forward: as long after the change as it would have been after it, so that 02:30 becomes 03:30.
 */
export function instantOf(wall: WallTime, zone: string): number {
  const local = asUtc(wall);
  const [before, after] = [offsetAt(local - dayMs, zone), offsetAt(local + dayMs, zone)];
  const shown = [...new Set([before, after])]
    .map((offset) => local - offset)
    .filter((ms) => asUtc(wallTimeOf(ms, zone)) === local);
  return shown.length > 0 ? Math.min(...shown) : local - before;
}

/**
 * Reads an instant as a person writes it.
 *
 * @param text - `16:00` (the next time that clocks show it), `2026-11-23T16:00`, or the same with `Z` or an offset.
 * @param now - ms since the epoch.
 * @param zone - zone of times that do not say which.
 * @returns ms since the epoch, or undefined when it is no time.
 */
export function parseWhen(text: string, now: number, zone: string): number | undefined {
  const [, date, hours, minutes, seconds = '0', offset] =
    /^(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{1,2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:?\d{2})?$/.exec(text.trim()) ??
    [];
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)];
  if (hours === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  if (date === undefined) {
    if (offset !== undefined) return undefined;
    const today = wallTimeOf(now, zone);
    const at = instantOf({ ...today, hour, minute, second }, zone);
    return at > now ? at : instantOf({ ...today, day: today.day + 1, hour, minute, second }, zone);
  }
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  const wall = { year, month, day, hour, minute, second };
  const calendar = new Date(asUtc(wall));
  if (month < 1 || calendar.getUTCMonth() !== month - 1 || calendar.getUTCDate() !== day) return undefined;
  if (offset === undefined) return instantOf(wall, zone);
  const ms = Date.parse(
    `${date}T${String(hour).padStart(2, '0')}:${minutes}:${seconds.padStart(2, '0')}${offset}`,
  );
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * The time zone of this machine.
 *
 * @returns for example `Europe/Vienna`.
 */
export const ownZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

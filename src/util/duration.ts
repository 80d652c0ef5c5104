/** Spans of time with a unit, as fleet files and flags write them: `30s`, `15min`, `3h`, `7d`. */

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const spellings: Readonly<Record<string, string>> = {
  '': 'min',
  sec: 's',
  secs: 's',
  seconds: 's',
  m: 'min',
  mins: 'min',
  minutes: 'min',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
};

/** A span of time, or the reason why the text is none. */
export type DurationResult =
  | { readonly ms: number }
  | { readonly error: string; readonly suggestion?: string };

/**
 * Parses a span of time.
 *
 * @param text - a number directly followed by s, min, h or d, or several of them: `1h30min`.
 * @returns milliseconds, or an error with the intended spelling where it can be guessed.
 */
export function parseDuration(text: string): DurationResult {
  const trimmed = text.trim();
  const parts: [digits: string, unit: string][] = [];
  // one part at a time, each from where the last one ended: a pattern for all of them tries every way to cut long numbers
  const part = /(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*/y;
  do {
    const [, digits, unit = ''] = part.exec(trimmed) ?? [];
    if (digits === undefined) return { error: `'${text}' is no span of time`, suggestion: '30min' };
    parts.push([digits, unit]);
  } while (part.lastIndex < trimmed.length);
  let ms = 0;
  for (const [digits, unit] of parts) {
    const factor = Object.hasOwn(unitsMs, unit) ? unitsMs[unit] : undefined;
    if (factor === undefined) {
      const intended = spellings[unit.toLowerCase()];
      const error = unit === '' ? `'${text}' has no unit` : `'${unit}' is not a unit of time`;
      return intended === undefined ? { error } : { error, suggestion: `${digits}${intended}` };
    }
    ms += Number(digits) * factor;
  }
  return Number.isSafeInteger(ms) ? { ms } : { error: `'${text}' is no whole number of milliseconds` };
}

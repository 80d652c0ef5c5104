/** Flags → waves. */
import type { Waves } from '../engine/waves.ts';
import { parseDuration } from '../util/duration.ts';
import { UsageError } from '../util/errors.ts';
import type { Options } from './options.ts';

/**
 * Reads a span of time.
 *
 * @param flag - for the message.
 * @param text - for example `3h`.
 * @returns milliseconds.
 * @throws {@link UsageError} with the intended spelling.
 */
export function durationFlag(flag: string, text: string): number {
  const duration = parseDuration(text);
  if ('ms' in duration) return duration.ms;
  const { suggestion } = duration;
  throw new UsageError(
    `${flag}: ${duration.error}`,
    suggestion === undefined ? {} : { hint: `did you mean ${suggestion}?` },
  );
}

/**
 * Reads `--wave`, `--pause` and `--canary`.
 *
 * @param options - flags.
 * @returns the waves; empty: all at once.
 * @throws {@link UsageError} for a pause without waves.
 */
export function wavesFlags({ wave, pause, canary }: Options): Waves {
  if (pause !== undefined && wave === undefined && canary === undefined)
    throw new UsageError('--pause is the time between two waves', { hint: 'add for example --wave 5' });
  return {
    ...(wave === undefined ? {} : { wave }),
    ...(pause === undefined ? {} : { pauseMs: durationFlag('--pause', pause) }),
    ...(canary === undefined ? {} : { canary }),
  };
}

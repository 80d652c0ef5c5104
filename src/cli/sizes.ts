/** Sizes in flags: `2GiB`. The parser of flags cannot do this, because `--help` must not load it. */
import { MiB, parseSize } from '../util/bytes.ts';
import { UsageError } from '../util/errors.ts';

/**
 * Reads a size.
 *
 * @param flag - for the message.
 * @param text - for example `16GiB`.
 * @returns bytes.
 * @throws {@link UsageError} with the intended spelling.
 */
export function bytesFlag(flag: string, text: string): number {
  const size = parseSize(text);
  if ('bytes' in size) return size.bytes;
  throw new UsageError(
    `${flag}: ${size.error}`,
    size.suggestion === undefined ? {} : { hint: `did you mean ${size.suggestion}?` },
  );
}

/**
 * Reads a size that the API takes in MiB.
 *
 * @param flag - for the message.
 * @param text - for example `2GiB`.
 * @returns MiB.
 * @throws {@link UsageError} when it is no whole number of MiB.
 */
export function mebibytesFlag(flag: string, text: string): number {
  const value = bytesFlag(flag, text) / MiB;
  if (Number.isInteger(value)) return value;
  throw new UsageError(`${flag}: '${text}' is no whole number of MiB`, {
    hint: `the server takes whole MiB, for example ${Math.max(1, Math.round(value))}MiB`,
  });
}

/** Error → exit code; the table is in the README. */
import { type ExitCode, isPvefleetError } from '../util/errors.ts';

const known: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 130];

/**
 * Gives the exit code of anything thrown.
 *
 * @param error - anything caught.
 * @returns the error's own code; 1 for what is not ours.
 */
export function exitCodeOf(error: unknown): ExitCode {
  return isPvefleetError(error) && known.includes(error.exitCode) ? error.exitCode : 1;
}

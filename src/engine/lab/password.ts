/** Passwords that people can type: random, without letters that look alike. */
import { randomInt } from 'node:crypto';

/** No 0, 1, l, o, i. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
const groups = 4;
const groupLength = 4;

/**
 * Makes up a password of 79 random bits.
 *
 * @param random - whole number from 0 to below the limit; default: the system's cryptographic source.
 * @returns for example `kq7m-rw3x-9tpz-hb4n`.
 */
export function generatePassword(random: (below: number) => number = randomInt): string {
  const letter = (): string => alphabet.charAt(random(alphabet.length));
  const group = (): string => Array.from({ length: groupLength }, letter).join('');
  return Array.from({ length: groups }, group).join('-');
}

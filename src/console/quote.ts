/** Words for a POSIX shell. Pure. */

/**
 * Quotes a word so that a POSIX shell takes it literally.
 *
 * @param word - any text without NUL.
 * @returns the word itself when nothing in it is special, else in single quotes.
 */
export function quote(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

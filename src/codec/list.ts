/** The server's `-list` formats: one string, split at NUL if it has one, else at commas, semicolons and blanks. */

/**
 * Splits a list.
 *
 * @param text - for example `a;b, c`; blanks around elements are dropped.
 * @returns the elements that are not empty.
 */
export function splitList(text: string): string[] {
  const parts = text.includes('\0') ? text.split('\0') : text.split(/[,;\s]+/);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** Tables as CSV after RFC 4180, safe to open in a spreadsheet: what would be taken for a formula becomes text. */
import { stringify } from 'csv-stringify/sync';

/**
 * Writes CSV.
 *
 * @param titles - first line.
 * @param rows - values; null and undefined are empty.
 * @returns lines that end with CR LF.
 */
export function renderCsv(
  titles: readonly string[],
  rows: readonly (readonly (string | number | null | undefined)[])[],
): string {
  return stringify([[...titles], ...rows.map((row) => [...row])], {
    record_delimiter: 'windows',
    escape_formulas: true,
  });
}

/** Short texts side by side, as many to a line as fit. */
import { clip, type Style } from './style.ts';

/**
 * Fills lines.
 *
 * @param items - texts in order.
 * @param width - columns that a line may take; a text that is longer is cut.
 * @param style - for the dot between them.
 * @returns lines.
 */
export function fill(items: Iterable<string>, width: number, style: Style): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = last === undefined ? item : `${last} ${style.glyph.dot} ${item}`;
    if (last !== undefined && joined.length <= width) lines[lines.length - 1] = joined;
    else lines.push(clip(item, width, style));
  }
  return lines;
}

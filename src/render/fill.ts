/** Short texts side by side, as many to a line as fit. */
import type { Style } from './style.ts';
import { displayWidth, wrap } from './wrap.ts';

/** Columns by which a text goes on further in than it began. */
const hang = 2;

/**
 * Breaks one text into lines that go on a little further in; elsewhere than on a terminal it stays whole.
 *
 * @param text - the text.
 * @param width - columns that a line may take.
 * @param style - whether it is a terminal.
 * @returns lines.
 */
export function hanging(text: string, width: number, style: Style): string[] {
  if (!style.isTerminal || displayWidth(text) <= width) return [text];
  return wrap(text, width - hang).map((line, index) => (index === 0 ? line : ' '.repeat(hang) + line));
}

/**
 * Fills lines.
 *
 * @param items - texts in order.
 * @param width - columns that a line may take; a text that is longer goes on in the next line.
 * @param style - for the dot between them.
 * @returns lines.
 */
export function fill(items: Iterable<string>, width: number, style: Style): string[] {
  const lines: string[] = [];
  let isOpen = false;
  for (const item of items) {
    const joined = `${lines.at(-1)} ${style.glyph.dot} ${item}`;
    if (isOpen && displayWidth(joined) <= width) {
      lines[lines.length - 1] = joined;
      continue;
    }
    const parts = hanging(item, width, style);
    lines.push(...parts);
    isOpen = parts.length === 1;
  }
  return lines;
}

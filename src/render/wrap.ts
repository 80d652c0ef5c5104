/** Long texts on a terminal: continued on the next line at a space. Where nobody's terminal is known, lines stay whole. */
import { stripVTControlCharacters } from 'node:util';
import type { Style } from './style.ts';

/** East Asian wide characters and emoji take two columns of a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/**
 * Columns that a text takes.
 *
 * @param text - one line, may hold escape sequences.
 * @returns the number of columns.
 */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let sum = 0;
  for (const char of stripVTControlCharacters(text)) {
    if (!/\p{M}/u.test(char)) sum += wide.test(char) ? 2 : 1;
  }
  return sum;
}

/**
 * Fills text up with blanks.
 *
 * @param text - one line, may hold escape sequences.
 * @param width - columns that it shall take at least.
 * @param align - where it stands in them.
 * @returns the text with blanks.
 */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + blanks : blanks + text;
}

/** Cuts a word that is too long for a line into pieces, where it can be after a sign such as `/` or `:`. */
function pieces(word: string, width: number): string[] {
  const parts: string[] = [];
  let [piece, columns, cut] = ['', 0, 0];
  // an escape sequence takes no columns and is not torn
  for (const [token] of word.matchAll(/\u001b\[[\d;]*m|./gsu)) {
    const size = displayWidth(token);
    if (columns + size > width && columns > 0) {
      const at = cut > piece.length / 2 ? cut : piece.length;
      parts.push(piece.slice(0, at));
      piece = piece.slice(at);
      [columns, cut] = [displayWidth(piece), 0];
    }
    piece += token;
    columns += size;
    if (/^[-/:_,;=@&?+]$/.test(token)) cut = piece.length;
  }
  return [...parts, piece];
}

/**
 * Breaks text into lines.
 *
 * @param text - may hold escape sequences and line breaks, which stay.
 * @param width - columns that a line may take.
 * @param options.first - columns of the first line; default: `width`.
 * @param options.keepWords - words that are too long stay whole, so that they can be copied.
 * @returns lines, at least one.
 */
export function wrap(
  text: string,
  width: number,
  options: { readonly first?: number; readonly keepWords?: boolean } = {},
): string[] {
  const lines: string[] = [];
  const room = (): number => Math.max(1, lines.length === 0 ? (options.first ?? width) : width);
  for (const paragraph of text.split('\n')) {
    let line: string | undefined;
    for (const word of paragraph.split(' ')) {
      const joined = line === undefined ? word : `${line} ${word}`;
      if (displayWidth(joined) <= room()) {
        line = joined;
        continue;
      }
      if (line !== undefined && line.trim() !== '') lines.push(line.trimEnd());
      const parts = options.keepWords || displayWidth(word) <= room() ? [word] : pieces(word, room());
      lines.push(...parts.slice(0, -1));
      line = parts.at(-1);
    }
    lines.push(line ?? '');
  }
  return lines;
}

/** Less than this beside the beginning of a line, and what follows stands under the beginning. */
const narrowest = 24;

/**
 * Writes text after the beginning of a line; what does not fit follows under its own column.
 *
 * @param lead - beginning of the first line.
 * @param text - the text; may hold line breaks.
 * @param style - width, and whether it is a terminal; elsewhere lines are not broken.
 * @param options.keepWords - see {@link wrap}.
 * @returns one or more lines without a newline at the end.
 */
export function flow(
  lead: string,
  text: string,
  style: Pick<Style, 'width' | 'isTerminal'>,
  options: { readonly keepWords?: boolean } = {},
): string {
  const start = displayWidth(lead);
  const indent = style.width - start < narrowest ? Math.min(start, 4) : start;
  const lines = style.isTerminal
    ? wrap(text, style.width - indent, { ...options, first: style.width - start })
    : text.split('\n');
  return lines.map((line, index) => (index === 0 ? lead + line : ' '.repeat(indent) + line)).join('\n');
}

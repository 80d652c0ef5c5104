/** Long texts on a terminal: continued on the next line at a space. Where nobody's terminal is known, lines stay whole. */
import stringWidth from 'fast-string-width';
import { wrapAnsi } from 'fast-wrap-ansi';
import type { Style } from './style.ts';

/**
 * Columns that a text takes.
 *
 * @param text - one line, may hold escape sequences.
 * @returns the number of columns.
 */
export function displayWidth(text: string): number {
  // nearly all of it, and thousands of cells
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
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

/** How to break lines. */
interface WrapOptions {
  /** Columns of the first line that are taken already. */
  readonly taken?: number;
  /** Words that are too long stay whole, so that they can be copied. */
  readonly keepWords?: boolean;
}

function wrapLine(line: string, width: number, { taken = 0, keepWords = false }: WrapOptions): string[] {
  if (displayWidth(line) + taken <= width) return [line];
  const [indent = ''] = /^ */.exec(line) ?? [];
  const filler = '_'.repeat(taken);
  const room = Math.max(1, width - indent.length);
  const lines = wrapAnsi(filler + line.slice(indent.length), room, { hard: !keepWords }).split('\n');
  return lines.map((one, index) => indent + (index === 0 ? one.slice(filler.length) : one));
}

/**
 * Breaks text into lines, at spaces where there are some.
 *
 * @param text - may hold escape sequences and line breaks, which stay.
 * @param width - columns that a line may take.
 * @param options - what the first line has already; whether words stay whole.
 * @returns lines, at least one.
 */
export function wrap(text: string, width: number, options: WrapOptions = {}): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      wrapLine(line, width, { ...options, taken: index === 0 ? (options.taken ?? 0) : 0 }),
    );
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
    ? wrap(text, style.width - indent, { ...options, taken: start - indent })
    : text.split('\n');
  return lines.map((line, index) => (index === 0 ? lead + line : ' '.repeat(indent) + line)).join('\n');
}

/** Palette and glyphs. Colours only where the caller says so; every meaning is also carried by a word or a sign. */
import pc from 'picocolors';

type Paint = (text: string) => string;

/** How text is dressed. */
export interface Style {
  /** Columns of the terminal; texts are cut or wrapped to it. */
  readonly width: number;
  /** A person looks at it: what does not fit into the width breaks the lines. */
  readonly isTerminal: boolean;
  readonly color: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
  readonly glyph: {
    readonly arrow: string;
    readonly dot: string;
    readonly ok: string;
    readonly fail: string;
    readonly warn: string;
    readonly skip: string;
    readonly ellipsis: string;
    readonly bar: readonly [full: string, empty: string];
    readonly spinner: readonly string[];
  };
}

const unicodeGlyphs: Style['glyph'] = {
  arrow: '→',
  dot: '·',
  ok: '✔',
  fail: '✖',
  warn: '▲',
  skip: '–',
  ellipsis: '…',
  bar: ['━', '─'],
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
};
const asciiGlyphs: Style['glyph'] = {
  arrow: '->',
  dot: '-',
  ok: 'ok',
  fail: 'FAIL',
  warn: '!',
  skip: '-',
  ellipsis: '...',
  bar: ['#', '.'],
  spinner: ['|', '/', '-', '\\'],
};

/**
 * Builds a style.
 *
 * @param options.color - whether escape sequences may be written.
 * @param options.unicode - false: ASCII signs only.
 * @param options.width - columns; at least 40 are assumed.
 * @param options.isTerminal - whether lines that are longer are broken.
 * @returns the style.
 */
export function createStyle(options: {
  color: boolean;
  unicode?: boolean;
  width?: number;
  isTerminal?: boolean;
}): Style {
  const colors = pc.createColors(options.color);
  return {
    width: Math.max(40, options.width ?? 100),
    isTerminal: options.isTerminal ?? false,
    color: options.color,
    bold: colors.bold,
    dim: colors.dim,
    red: colors.red,
    green: colors.green,
    yellow: colors.yellow,
    cyan: colors.cyan,
    glyph: options.unicode === false ? asciiGlyphs : unicodeGlyphs,
  };
}

/**
 * Cuts text to a width, counting characters as shown (escape sequences are not expected here).
 *
 * @param text - one line.
 * @param width - columns it may take.
 * @param style - for the sign that marks the cut.
 * @returns the text, shortened where needed.
 */
export function clip(text: string, width: number, style: Style): string {
  const mark = style.glyph.ellipsis;
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - mark.length))}${mark}`;
}

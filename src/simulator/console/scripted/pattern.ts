/** Patterns of the shell (POSIX XCU 2.13). Pure. */

/** Text of which a part may be quoted: then it stands for itself. */
export interface Segment {
  readonly text: string;
  readonly quoted: boolean;
}

/** POSIX character classes as parts of a bracket expression. */
export const posixClasses: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
  print: '\\x20-\\x7e',
  graph: '\\x21-\\x7e',
  cntrl: '\\x00-\\x1f\\x7f',
};

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** The inside of `[…]`, beginning behind the bracket; undefined when it is not closed. */
function bracket(text: string): { source: string; length: number } | undefined {
  const isNot = text[0] === '!' || text[0] === '^';
  let at = isNot ? 1 : 0;
  let source = '';
  for (let isFirst = true; ; isFirst = false) {
    const character = text[at];
    if (character === undefined) return undefined;
    if (character === ']' && !isFirst) return { source: `[${isNot ? '^' : ''}${source}]`, length: at + 1 };
    const [whole, name] = /^\[:([a-z]+):\]/.exec(text.slice(at)) ?? [];
    if (whole !== undefined && name !== undefined) {
      source += posixClasses[name] ?? '';
      at += whole.length;
      continue;
    }
    const isRange = character === '-' && !isFirst && text[at + 1] !== ']';
    source += isRange ? '-' : escaped(character);
    at += 1;
  }
}

/**
 * Makes a regular expression of a pattern.
 *
 * @param segments - the pattern.
 * @param options.slash - `*`, `?` and brackets do not match a slash, as in file names.
 * @returns its source, without anchors.
 */
export function patternSource(segments: readonly Segment[], options: { slash?: boolean } = {}): string {
  const any = options.slash ? '[^/]' : '[\\s\\S]';
  let source = '';
  for (const { text, quoted } of segments) {
    if (quoted) {
      source += escaped(text);
      continue;
    }
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at] as string;
      if (character === '*') source += `${any}*`;
      else if (character === '?') source += any;
      else if (character === '\\' && at + 1 < text.length) {
        at += 1;
        source += escaped(text[at] as string);
      } else if (character === '[') {
        const found = bracket(text.slice(at + 1));
        source += found ? found.source : '\\[';
        at += found ? found.length : 0;
      } else source += escaped(character);
    }
  }
  return source;
}

/** Tells whether a text fits a pattern as a whole. */
export function matches(segments: readonly Segment[], text: string): boolean {
  return new RegExp(`^(?:${patternSource(segments)})$`).test(text);
}

/** Tells whether anything in a text is a pattern. */
export function isPattern(segments: readonly Segment[]): boolean {
  return segments.some(({ text, quoted }) => !quoted && /[*?[]/.test(text));
}

/**
 * Takes what fits a pattern from the end or the beginning.
 *
 * @param operator - `%`, `%%`, `#` or `##`.
 */
export function trimPattern(text: string, operator: string, segments: readonly Segment[]): string {
  const source = patternSource(segments);
  const whole = new RegExp(`^(?:${source})$`);
  const isLong = operator.length === 2;
  const atEnd = operator.startsWith('%');
  for (let step = 0; step <= text.length; step += 1) {
    const length = isLong ? text.length - step : step;
    const cut = atEnd ? text.length - length : length;
    const [piece, rest] = atEnd
      ? [text.slice(cut), text.slice(0, cut)]
      : [text.slice(0, cut), text.slice(cut)];
    if (whole.test(piece)) return rest;
  }
  return text;
}

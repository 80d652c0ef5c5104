/** Reads words of shell scripts: quotes, parameters, substitutions (POSIX XCU 2.2, 2.6). No behaviour. */
import { Incomplete, type Node, type Part, SyntaxProblem, type Word } from './syntax.ts';

/** A place in a script. */
export interface Cursor {
  readonly source: string;
  at: number;
}

/** Reads what is between parentheses or backquotes; given by parse.ts, because commands hold words and words commands. */
export interface CommandReader {
  /** Reads a list up to `)`, which is taken too. */
  list(cursor: Cursor): Node;
  /** Reads a whole script. */
  script(source: string): Node;
}

const breaksWord = ' \t\n;&|<>()';
const nameStart = /[A-Za-z_]/;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const operators = [':-', ':=', ':?', ':+', '%%', '##', '-', '=', '?', '+', '%', '#'] as const;
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  v: '\v',
};

/** Tells whether a character ends a word. */
export function endsWord(character: string | undefined): boolean {
  return character === undefined || breaksWord.includes(character);
}

const literal = (text: string, quoted: boolean): Part => ({ kind: 'text', text, quoted });

/** Joins neighbouring texts of the same kind. */
function compact(parts: readonly Part[]): Part[] {
  const result: Part[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (part.kind === 'text' && last?.kind === 'text' && last.quoted === part.quoted)
      result[result.length - 1] = literal(last.text + part.text, part.quoted);
    else result.push(part);
  }
  return result;
}

/** Reads up to a closing character, which is taken too. */
function until(cursor: Cursor, close: string): string {
  const end = cursor.source.indexOf(close, cursor.at);
  if (end < 0) throw new Incomplete();
  const text = cursor.source.slice(cursor.at, end);
  cursor.at = end + close.length;
  return text;
}

/** Where `((` of an arithmetic expansion ends, or undefined when it is none. */
function arithmeticEnd({ source, at }: Cursor): number | undefined {
  let depth = 0;
  for (let index = at; index < source.length; index += 1) {
    const character = source[index];
    if (character === '(') depth += 1;
    else if (character === ')') {
      if (depth === 0) return source[index + 1] === ')' ? index : undefined;
      depth -= 1;
    }
  }
  throw new Incomplete();
}

function backquoted(cursor: Cursor, quoted: boolean, commands: CommandReader): Part {
  let text = '';
  for (;;) {
    const character = cursor.source[cursor.at];
    if (character === undefined) throw new Incomplete();
    cursor.at += 1;
    if (character === '`') return { kind: 'command', body: commands.script(text), quoted };
    const next = cursor.source[cursor.at] ?? '';
    if (character === '\\' && (next === '`' || next === '\\' || next === '$' || (quoted && next === '"'))) {
      text += next;
      cursor.at += 1;
    } else text += character;
  }
}

function braced(cursor: Cursor, quoted: boolean, commands: CommandReader): Part {
  const { source } = cursor;
  const next = source[cursor.at + 1] ?? '';
  const isLength = source[cursor.at] === '#' && next !== '}' && !'-=?+%#:'.includes(next);
  if (isLength) cursor.at += 1;
  name.lastIndex = cursor.at;
  const found = /[0-9]/.test(source[cursor.at] ?? '')
    ? /[0-9]+/.exec(source.slice(cursor.at))?.[0]
    : (name.exec(source)?.[0] ?? /[@*#?$!-]/.exec(source[cursor.at] ?? '')?.[0]);
  if (cursor.at >= source.length) throw new Incomplete();
  if (found === undefined) throw new SyntaxProblem('Bad substitution');
  cursor.at += found.length;
  const operator = operators.find((candidate) => source.startsWith(candidate, cursor.at));
  if (operator === undefined || isLength) {
    if (cursor.at >= source.length) throw new Incomplete();
    if (source[cursor.at] !== '}') throw new SyntaxProblem('Bad substitution');
    cursor.at += 1;
    return { kind: 'parameter', name: found, isLength, quoted };
  }
  cursor.at += operator.length;
  const isPattern = operator.startsWith('%') || operator.startsWith('#');
  const argument = readParts(cursor, commands, { stop: '}', inQuotes: quoted && !isPattern });
  if (cursor.source[cursor.at] !== '}') throw new Incomplete();
  cursor.at += 1;
  return { kind: 'parameter', name: found, operator, argument, isLength, quoted };
}

/** Reads what stands behind `$`; undefined when it is just a dollar sign. */
function dollar(cursor: Cursor, quoted: boolean, commands: CommandReader): Part | undefined {
  const { source } = cursor;
  const next = source[cursor.at] ?? '';
  if (source.startsWith('((', cursor.at)) {
    const start = cursor.at;
    cursor.at += 2;
    const end = arithmeticEnd(cursor);
    if (end !== undefined) {
      const inner: Cursor = { source: source.slice(0, end), at: cursor.at };
      const expression = readParts(inner, commands, { stop: '', inQuotes: true });
      cursor.at = end + 2;
      return { kind: 'arithmetic', expression, quoted };
    }
    cursor.at = start;
  }
  if (next === '(') {
    cursor.at += 1;
    return { kind: 'command', body: commands.list(cursor), quoted };
  }
  if (next === '{') {
    cursor.at += 1;
    return braced(cursor, quoted, commands);
  }
  if (next === "'" && !quoted) {
    cursor.at += 1;
    return literal(ansi(cursor), true);
  }
  name.lastIndex = cursor.at;
  const found = nameStart.test(next) ? name.exec(source)?.[0] : /[0-9@*#?$!-]/.exec(next)?.[0];
  if (found === undefined) return undefined;
  cursor.at += found.length;
  return { kind: 'parameter', name: found, isLength: false, quoted };
}

/** The inside of `$'…'`. */
function ansi(cursor: Cursor): string {
  let text = '';
  for (;;) {
    const character = cursor.source[cursor.at];
    if (character === undefined) throw new Incomplete();
    cursor.at += 1;
    if (character === "'") return text;
    if (character !== '\\') {
      text += character;
      continue;
    }
    const [octal] = /^[0-7]{1,3}/.exec(cursor.source.slice(cursor.at, cursor.at + 3)) ?? [];
    const [hex] = /^x[0-9a-fA-F]{1,2}/.exec(cursor.source.slice(cursor.at, cursor.at + 3)) ?? [];
    const next = cursor.source[cursor.at] ?? '';
    if (octal !== undefined) text += String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    else if (hex !== undefined) text += String.fromCharCode(Number.parseInt(hex.slice(1), 16));
    else text += escapes[next] ?? next;
    cursor.at += octal?.length ?? hex?.length ?? 1;
  }
}

/**
 * Reads the parts of a word.
 *
 * @param cursor - moved behind them.
 * @param options.stop - a character that ends them and is not taken; empty: the end of the source.
 * @param options.inQuotes - they stand in double quotes: blanks and apostrophes are nothing special.
 */
export function readParts(
  cursor: Cursor,
  commands: CommandReader,
  options: { readonly stop?: string; readonly inQuotes?: boolean },
): Part[] {
  const { stop, inQuotes = false } = options;
  const parts: Part[] = [];
  for (;;) {
    const character = cursor.source[cursor.at];
    if (character === undefined) break;
    if (character === stop || (stop === undefined && endsWord(character))) break;
    cursor.at += 1;
    if (character === '\\') {
      const next = cursor.source[cursor.at];
      if (next === undefined) parts.push(literal('\\', true));
      else if (next !== '\n' && inQuotes && !'$`"\\}'.includes(next)) parts.push(literal(`\\${next}`, true));
      else if (next !== '\n') parts.push(literal(next, true));
      cursor.at += next === undefined ? 0 : 1;
    } else if (character === "'" && !inQuotes) {
      parts.push(literal(until(cursor, "'"), true));
    } else if (character === '"') {
      const inner = readParts(cursor, commands, { stop: '"', inQuotes: true });
      parts.push(...(inner.length === 0 ? [literal('', true)] : inner));
      if (cursor.source[cursor.at] !== '"') throw new Incomplete();
      cursor.at += 1;
    } else if (character === '$') {
      parts.push(dollar(cursor, inQuotes, commands) ?? literal('$', inQuotes));
    } else if (character === '`') {
      parts.push(backquoted(cursor, inQuotes, commands));
    } else parts.push(literal(character, inQuotes));
  }
  return compact(parts);
}

/** Reads the text of a here-document whose delimiter was not quoted: quotes mean nothing in it. */
export function readHereText(text: string, commands: CommandReader): Word {
  const parts: Part[] = [];
  const cursor: Cursor = { source: text, at: 0 };
  while (cursor.at < text.length) {
    const character = text[cursor.at] as string;
    cursor.at += 1;
    const next = text[cursor.at] ?? '';
    if (character === '\\' && '$`\\\n'.includes(next) && next !== '') {
      cursor.at += 1;
      if (next !== '\n') parts.push(literal(next, true));
    } else if (character === '$') parts.push(dollar(cursor, true, commands) ?? literal('$', true));
    else if (character === '`') parts.push(backquoted(cursor, true, commands));
    else parts.push(literal(character, true));
  }
  return compact(parts);
}

/** The text of a word in which nothing is to be expanded, for example a delimiter. */
export function plainText(word: Word): string {
  return word.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

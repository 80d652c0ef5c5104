/** echo, printf and test: what they print and answer, for the builtins and the programs of these names. */
import type { Entry } from './files.ts';
import type { Machine } from './machine.ts';
import type { Stream } from './streams.ts';

const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/**
 * Replaces escapes.
 *
 * @param octal - `\0NNN` as echo and `%b` have it, or `\NNN` as a format has.
 * @returns the text, and whether `\c` ended it.
 */
function replaceEscapes(text: string, octal: 'echo' | 'format'): { text: string; isEnd: boolean } {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character !== '\\') {
      result += character;
      continue;
    }
    const rest = text.slice(at + 1, at + 5);
    if (rest.startsWith('c') && octal === 'echo') return { text: result, isEnd: true };
    const digits = (octal === 'echo' ? /^0[0-7]{0,3}|^[1-7][0-7]{0,2}/ : /^[0-7]{1,3}/).exec(rest)?.[0];
    const hex = /^x[0-9a-fA-F]{1,2}/.exec(rest)?.[0];
    if (digits !== undefined) result += String.fromCharCode(Number.parseInt(digits, 8) & 0xff);
    else if (hex !== undefined) result += String.fromCharCode(Number.parseInt(hex.slice(1), 16));
    else if (rest === '') result += '\\';
    else result += letters[rest[0] as string] ?? `\\${rest[0]}`;
    at += digits?.length ?? hex?.length ?? Math.min(1, rest.length);
  }
  return { text: result, isEnd: false };
}

/**
 * What echo prints.
 *
 * @param isDash - escapes are replaced without being asked, as the echo of dash and busybox's ash do not… bash's does not.
 */
export function echoText(args: readonly string[], isDash: boolean): string {
  let words = args;
  let withEnd = true;
  let withEscapes = isDash;
  while (words[0] !== undefined && /^-[neE]+$/.test(words[0])) {
    if (words[0].includes('n')) withEnd = false;
    if (words[0].includes('e')) withEscapes = true;
    words = words.slice(1);
  }
  const text = words.join(' ');
  const found = withEscapes ? replaceEscapes(text, 'echo') : { text, isEnd: false };
  return found.text + (withEnd && !found.isEnd ? '\n' : '');
}

function pad(text: string, flags: string, width: string, fill = ' '): string {
  const wanted = width === '' ? 0 : Number(width);
  if (flags.includes('-')) return text.padEnd(wanted);
  if (fill !== '0' || !/^[-+]/.test(text)) return text.padStart(wanted, fill);
  return (text[0] as string) + text.slice(1).padStart(wanted - 1, fill);
}

function integerOf(text: string): number {
  if (/^["']/.test(text)) return text.charCodeAt(1);
  if (text === '') return 0;
  const value = /^[-+]?0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (!Number.isFinite(value)) throw new Error(`${text}: expected numeric value`);
  return Math.trunc(value);
}

function convert(
  kind: string,
  flags: string,
  width: string,
  precision: string | undefined,
  value: string,
): string {
  if (kind === 's')
    return pad(precision === undefined ? value : value.slice(0, Number(precision)), flags, width);
  if (kind === 'c') return pad(value.slice(0, 1), flags, width);
  const fill = flags.includes('0') && !flags.includes('-') ? '0' : ' ';
  if ('feg'.includes(kind.toLowerCase()))
    return pad(Number(value).toFixed(Number(precision ?? 6)), flags, width, fill);
  const number = integerOf(value);
  const radix = kind === 'o' ? 8 : kind.toLowerCase() === 'x' ? 16 : 10;
  const unsigned = number < 0 && radix !== 10 ? BigInt.asUintN(64, BigInt(number)) : BigInt(number);
  const digits = unsigned.toString(radix).padStart(Number(precision ?? 0), '0');
  const sign = flags.includes('+') && number >= 0 && 'di'.includes(kind) ? '+' : '';
  return pad(sign + (kind === 'X' ? digits.toUpperCase() : digits), flags, width, fill);
}

const directive = /%([-+ 0#]*)(\*|[0-9]*)(?:\.([0-9]*))?([a-zA-Z%])/y;

/**
 * What printf prints.
 *
 * @throws Error for what is no number, or no directive.
 */
export function printfText(format: string, args: readonly string[]): string {
  const queue = [...args];
  let result = '';
  do {
    const before = queue.length;
    for (let at = 0; at < format.length; ) {
      const character = format[at] as string;
      if (character !== '%') {
        const next = format.indexOf('%', at);
        const piece = format.slice(at, next < 0 ? format.length : next);
        result += replaceEscapes(piece, 'format').text;
        at += piece.length;
        continue;
      }
      directive.lastIndex = at;
      const match = directive.exec(format);
      if (!match) throw new Error(`${format.slice(at)}: invalid directive`);
      at = directive.lastIndex;
      const [, flags = '', givenWidth = '', precision, kind = ''] = match;
      if (kind === '%') {
        result += '%';
        continue;
      }
      const width = givenWidth === '*' ? (queue.shift() ?? '') : givenWidth;
      const value = queue.shift();
      if (kind === 'b') {
        const found = replaceEscapes(value ?? '', 'echo');
        result += pad(found.text, flags, width);
        if (found.isEnd) return result;
      } else if ('diouxXscfegFEG'.includes(kind))
        result += convert(kind, flags, width, precision, value ?? '');
      else throw new Error(`%${kind}: invalid directive`);
    }
    if (queue.length === before) break;
  } while (queue.length > 0);
  return result;
}

/** Where test looks. */
export interface TestPlace {
  readonly machine: Machine;
  readonly cwd: string;
  readonly fds: ReadonlyMap<number, Stream>;
}

const executable = 0o111;

function entryOf({ machine, cwd }: TestPlace, name: string, keepLink = false): Entry | undefined {
  if (name === '') return undefined;
  try {
    return machine.files.get(machine.files.resolve(name, cwd, keepLink));
  } catch {
    return undefined; // a path through what is no directory leads nowhere
  }
}

const isDevice = (name: string): boolean => /^\/dev\/(?:null|zero|u?random|tty|console|pts\/\d+)$/.test(name);

const unary: Readonly<Record<string, (value: string, place: TestPlace) => boolean>> = {
  '-n': (value) => value !== '',
  '-z': (value) => value === '',
  '-e': (value, place) => isDevice(value) || entryOf(place, value) !== undefined,
  '-f': (value, place) => entryOf(place, value)?.type === 'file',
  '-d': (value, place) => entryOf(place, value)?.type === 'dir',
  '-L': (value, place) => entryOf(place, value, true)?.type === 'link',
  '-h': (value, place) => entryOf(place, value, true)?.type === 'link',
  '-r': (value, place) => isDevice(value) || entryOf(place, value) !== undefined,
  '-w': (value, place) =>
    isDevice(value) || (entryOf(place, value) !== undefined && !/^\/(proc|sys)\//.test(value)),
  '-x': (value, place) => {
    const entry = entryOf(place, value);
    return entry !== undefined && (entry.type === 'dir' || (entry.mode & executable) !== 0);
  },
  '-s': (value, place) => (entryOf(place, value)?.data ?? '') !== '',
  '-O': (value, place) => entryOf(place, value) !== undefined,
  '-G': (value, place) => entryOf(place, value) !== undefined,
  '-c': (value) => isDevice(value),
  '-b': () => false,
  '-p': () => false,
  '-S': () => false,
  '-k': (value, place) => ((entryOf(place, value)?.mode ?? 0) & 0o1000) !== 0,
  '-t': (value, { fds }) => fds.get(Number(value))?.terminal !== undefined,
};

function compare(operator: string): (left: string, right: string) => boolean {
  const numbers: Readonly<Record<string, (a: number, b: number) => boolean>> = {
    '-eq': (a, b) => a === b,
    '-ne': (a, b) => a !== b,
    '-lt': (a, b) => a < b,
    '-le': (a, b) => a <= b,
    '-gt': (a, b) => a > b,
    '-ge': (a, b) => a >= b,
  };
  const test = numbers[operator];
  return (left, right) => {
    for (const value of [left, right])
      if (!/^\s*[-+]?[0-9]+\s*$/.test(value)) throw new Error(`Illegal number: ${value}`);
    return test?.(Number(left), Number(right)) ?? false;
  };
}

const numeric = /^-(?:eq|ne|lt|le|gt|ge)$/;

/**
 * Answers a test.
 *
 * @param args - without the closing bracket.
 * @throws Error for what is no test.
 */
export function testAnswer(args: readonly string[], place: TestPlace): boolean {
  let at = 0;
  const time = (name: string): number => entryOf(place, name)?.mtime ?? -1;
  const binary = (left: string, operator: string, right: string): boolean | undefined => {
    if (operator === '=' || operator === '==') return left === right;
    if (operator === '!=') return left !== right;
    if (operator === '<') return left < right;
    if (operator === '>') return left > right;
    if (numeric.test(operator)) return compare(operator)(left, right);
    if (operator === '-nt') return time(left) > time(right);
    if (operator === '-ot') return time(left) < time(right);
    if (operator === '-ef')
      return entryOf(place, left) !== undefined && entryOf(place, left) === entryOf(place, right);
    return undefined;
  };
  const primary = (): boolean => {
    const [first = '', second, third] = args.slice(at, at + 3);
    if (args.length - at >= 3 && second !== undefined && third !== undefined) {
      const found = binary(first, second, third);
      if (found !== undefined) {
        at += 3;
        return found;
      }
    }
    if (first === '!' && args.length - at > 1) {
      at += 1;
      return !primary();
    }
    if (first === '(' && args.length - at > 2) {
      at += 1;
      const value = or();
      if (args[at] !== ')') throw new Error('closing paren expected');
      at += 1;
      return value;
    }
    const test = Object.hasOwn(unary, first) ? unary[first] : undefined;
    if (test && second !== undefined) {
      at += 2;
      return test(second, place);
    }
    at += 1;
    return first !== '';
  };
  const and = (): boolean => {
    let value = primary();
    while (args[at] === '-a') {
      at += 1;
      const right = primary();
      value = value && right;
    }
    return value;
  };
  const or = (): boolean => {
    let value = and();
    while (args[at] === '-o') {
      at += 1;
      const right = and();
      value = value || right;
    }
    return value;
  };
  if (args.length === 0) return false;
  const value = or();
  if (at < args.length) throw new Error(`${args[at]}: unexpected operator`);
  return value;
}

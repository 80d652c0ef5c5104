/**
 * Expands words (POSIX XCU 2.6): tilde, parameters, commands, arithmetic, splitting, file names, quotes. Commands are run
 * by whoever is given.
 */
import { evaluate } from './arithmetic.ts';
import { isPattern, matches, patternSource, type Segment, trimPattern } from './pattern.ts';
import { assign, type Shell, variableValue } from './shell-state.ts';
import type { Node, Part, Word } from './syntax.ts';

/** Runs a command and gives what it prints. */
export type Substitute = (body: Node) => Promise<string>;

/** A shell refuses to go on: an unset parameter that must be set. */
class ExpansionError extends Error {}

/** A field that is being put together. */
interface Field {
  segments: Segment[];
  /** Something of it was quoted: it is a word even when it is empty. */
  isKept: boolean;
}

type ParameterPart = Extract<Part, { kind: 'parameter' }>;

const defaultIfs = ' \t\n';

/** Single letters of `$-`. */
function optionLetters(shell: Shell): string {
  return [...shell.options].filter((option) => option.length === 1).join('');
}

function special(shell: Shell, name: string): string | undefined {
  switch (name) {
    case '?':
      return String(shell.status);
    case '#':
      return String(shell.positional.length);
    case '$':
      return String(shell.shellPid);
    case '!':
      return shell.lastBackground === undefined ? undefined : String(shell.lastBackground);
    case '-':
      return optionLetters(shell);
    case '0':
      return shell.name;
    default:
      return undefined;
  }
}

const ifsOf = (shell: Shell): string => variableValue(shell, 'IFS') ?? defaultIfs;

function lookUp(shell: Shell, name: string): string | undefined {
  if (name === '@' || name === '*') {
    const separator = name === '*' ? (ifsOf(shell)[0] ?? '') : ' ';
    return shell.positional.length === 0 ? undefined : shell.positional.join(separator);
  }
  if (/^[1-9][0-9]*$/.test(name)) return shell.positional[Number(name) - 1];
  return special(shell, name) ?? variableValue(shell, name);
}

/** Splits unquoted text at IFS; the first and last piece belong to what stands beside it. */
function splitText(text: string, ifs: string): { pieces: string[]; startsNew: boolean; endsOld: boolean } {
  if (ifs === '') return { pieces: [text], startsNew: false, endsOld: false };
  const white = ifs
    .split('')
    .filter((character) => defaultIfs.includes(character))
    .join('');
  const isWhite = (character: string): boolean => white.includes(character);
  const isIfs = (character: string): boolean => ifs.includes(character);
  const pieces: string[] = [];
  let at = 0;
  while (at < text.length && isWhite(text[at] as string)) at += 1;
  const startsNew = at > 0;
  let piece = '';
  let isOpen = false;
  while (at < text.length) {
    const character = text[at] as string;
    if (!isIfs(character)) {
      piece += character;
      isOpen = true;
      at += 1;
      continue;
    }
    let hard = 0;
    while (at < text.length && isIfs(text[at] as string)) {
      if (!isWhite(text[at] as string)) {
        if (hard === 1) break;
        hard += 1;
      }
      at += 1;
    }
    pieces.push(piece);
    piece = '';
    isOpen = false;
  }
  if (isOpen) pieces.push(piece);
  return { pieces, startsNew, endsOld: !isOpen && pieces.length > 0 };
}

/** Puts fields together. */
function createBuilder(): {
  add(text: string, quoted: boolean): void;
  split(text: string, ifs: string): void;
  cut(): void;
  keep(): void;
  fields(): Field[];
} {
  const done: Field[] = [];
  let open: Field | undefined;
  const current = (): Field => {
    open ??= { segments: [], isKept: false };
    return open;
  };
  const cut = (): void => {
    if (open) done.push(open);
    open = undefined;
  };
  const builder = {
    cut,
    keep: () => {
      current().isKept = true;
    },
    add: (text: string, quoted: boolean) => {
      if (text === '' && !quoted) return;
      const field = current();
      if (quoted) field.isKept = true;
      field.segments.push({ text, quoted });
    },
    split: (text: string, ifs: string) => {
      const { pieces, startsNew, endsOld } = splitText(text, ifs);
      if (startsNew) cut();
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) cut();
        if (piece === '') builder.keep();
        else builder.add(piece, false);
      }
      if (endsOld) cut();
    },
    fields: () => {
      cut();
      return done.filter(({ segments, isKept }) => isKept || segments.length > 0);
    },
  };
  return builder;
}

const textOf = ({ segments }: Field): string => segments.map(({ text }) => text).join('');

/** File names that fit a pattern, sorted; none when nothing does. */
function fileNames(shell: Shell, segments: readonly Segment[]): string[] {
  const { files } = shell.machine;
  const source = patternSource(segments, { slash: true });
  const parts = source.split(/(?<!\\)\\\//);
  const start = source.startsWith('\\/') ? '/' : '';
  let found: string[] = [start];
  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    const expression = new RegExp(`^(?:${part})$`);
    const isLast = index === parts.length - 1;
    const next: string[] = [];
    for (const base of found) {
      const directory = files.resolve(base === '' ? '.' : base, shell.cwd);
      if (files.get(directory)?.type !== 'dir') continue;
      const names = part === '\\.' || part === '\\.\\.' ? [part.replaceAll('\\', '')] : files.list(directory);
      for (const name of names) {
        if (!expression.test(name) || (name.startsWith('.') && !part.startsWith('\\.'))) continue;
        const path = `${base}${name}`;
        const isDirectory = isLast || files.get(files.resolve(path, shell.cwd))?.type === 'dir';
        if (isDirectory) next.push(isLast ? path : `${path}/`);
      }
    }
    found = next;
  }
  return found.filter((path) => path !== start).sort();
}

/**
 * Makes the expansions of one shell.
 *
 * @param shell - whose variables, directory and files.
 * @param substitute - runs commands.
 */
export function createExpander(shell: Shell, substitute: Substitute): Expander {
  const homeOf = (user: string): string =>
    user === '' ? (variableValue(shell, 'HOME') ?? '/') : user === 'root' ? '/root' : `/home/${user}`;
  const expandTilde = (word: Word): Word => {
    const first = word[0];
    if (first?.kind !== 'text' || first.quoted) return word;
    const [whole, user] = /^~([A-Za-z0-9_-]*)(?=\/|$)/.exec(first.text) ?? [];
    if (whole === undefined || user === undefined || (word.length > 1 && whole === first.text)) return word;
    const rest = first.text.slice(whole.length);
    return [{ ...first, text: homeOf(user), quoted: true }, { ...first, text: rest }, ...word.slice(1)];
  };
  const patternOf = async (word: Word): Promise<Segment[]> => {
    const segments: Segment[] = [];
    for (const part of expandTilde(word)) {
      if (part.kind === 'text') segments.push({ text: part.text, quoted: part.quoted });
      else segments.push({ text: await plain(part), quoted: part.quoted });
    }
    return segments;
  };
  const text = async (word: Word): Promise<string> => {
    let result = '';
    for (const part of expandTilde(word)) result += part.kind === 'text' ? part.text : await plain(part);
    return result;
  };
  const calculate = async (word: Word): Promise<string> => {
    const variables = {
      get: (name: string) => lookUp(shell, name),
      set: (name: string, value: string) => assign(shell, name, value),
    };
    return String(evaluate(await text(word), variables));
  };
  /** Value of a parameter with its operator; the word of `-` and `+` is left to the caller. */
  const parameter = async (part: ParameterPart): Promise<{ value: string } | { word: Word }> => {
    const { name, operator, argument = [], isLength } = part;
    const value = lookUp(shell, name);
    if (isLength) return { value: String((value ?? '').length) };
    if (operator === undefined) {
      if (value === undefined && shell.options.has('u') && !'@*'.includes(name))
        throw new ExpansionError(`${name}: parameter not set`);
      return { value: value ?? '' };
    }
    if (operator.startsWith('%') || operator.startsWith('#'))
      return { value: trimPattern(value ?? '', operator, await patternOf(argument)) };
    const isUnset = operator.startsWith(':') ? (value ?? '') === '' : value === undefined;
    const kind = operator.at(-1);
    if (kind === '+') return isUnset ? { value: '' } : { word: argument };
    if (!isUnset) return { value: value ?? '' };
    if (kind === '-') return { word: argument };
    const replacement = await text(argument);
    if (kind === '?')
      throw new ExpansionError(`${name}: ${replacement === '' ? 'parameter not set or null' : replacement}`);
    assign(shell, name, replacement);
    return { value: replacement };
  };
  /** A part as one text, without splitting. */
  const plain = async (part: Part): Promise<string> => {
    switch (part.kind) {
      case 'text':
        return part.text;
      case 'command':
        return (await substitute(part.body)).replace(/\n+$/, '');
      case 'arithmetic':
        return calculate(part.expression);
      case 'parameter': {
        const found = await parameter(part);
        return 'value' in found ? found.value : text(found.word);
      }
    }
  };

  const fields = async (word: Word): Promise<Field[]> => {
    const builder = createBuilder();
    const ifs = ifsOf(shell);
    const addPart = async (part: Part): Promise<void> => {
      if (part.kind === 'text') return builder.add(part.text, part.quoted);
      if (part.kind === 'parameter') {
        const isList = (part.name === '@' || (part.name === '*' && !part.quoted)) && !part.isLength;
        if (
          isList &&
          (part.operator === undefined || shell.positional.length > 0) &&
          !/[%#]/.test(part.operator ?? '') &&
          !(part.operator?.endsWith('+') === true)
        ) {
          for (const [index, value] of shell.positional.entries()) {
            if (index > 0) builder.cut();
            if (part.quoted) builder.add(value, true);
            else builder.split(value, ifs);
          }
          return;
        }
        const found = await parameter(part);
        if ('word' in found) {
          if (part.quoted) {
            builder.keep();
            const isWholeList =
              found.word.length > 0 &&
              found.word.every((inner) => inner.kind === 'parameter' && inner.name === '@');
            if (isWholeList)
              for (const inner of found.word) await addPart({ ...inner, quoted: true } as Part);
            else builder.add(await text(found.word), true);
          } else for (const inner of found.word) await addPart(inner);
          return;
        }
        if (part.quoted) builder.add(found.value, true);
        else builder.split(found.value, ifs);
        return;
      }
      const value = await plain(part);
      if (part.quoted) builder.add(value, true);
      else builder.split(value, ifs);
    };
    for (const part of expandTilde(word)) await addPart(part);
    return builder.fields();
  };

  return {
    text,
    pattern: patternOf,
    matches: async (word, subject) => matches(await patternOf(word), subject),
    words: async (list) => {
      const result: string[] = [];
      for (const word of list) {
        for (const field of await fields(word)) {
          const names =
            !shell.options.has('f') && isPattern(field.segments) ? fileNames(shell, field.segments) : [];
          if (names.length > 0) result.push(...names);
          else result.push(textOf(field));
        }
      }
      return result;
    },
  };
}

export interface Expander {
  /** A word as one text: no splitting, no file names. */
  text(word: Word): Promise<string>;
  pattern(word: Word): Promise<Segment[]>;
  /** Tells whether a text fits a word as a pattern. */
  matches(word: Word, subject: string): Promise<boolean>;
  /** Words as arguments. */
  words(list: readonly Word[]): Promise<string[]>;
}

/** Reads shell scripts, one command at a time (POSIX XCU 2.10). Runs nothing. */
import { Incomplete, type ListItem, type Node, type Redirect, SyntaxProblem, type Word } from './syntax.ts';
import { type CommandReader, type Cursor, endsWord, plainText, readHereText, readParts } from './words.ts';

/** Reads a script. */
export interface Parser {
  /**
   * The next command with its line end, or undefined at the end.
   *
   * @throws SyntaxProblem, of which Incomplete says that more is needed.
   */
  next(): Node | undefined;
  /** Where the reader stands. */
  position(): number;
}

interface PendingHere {
  readonly delimiter: string;
  readonly stripTabs: boolean;
  readonly isQuoted: boolean;
  readonly fill: (word: Word) => void;
}

const reserved: ReadonlySet<string> = new Set([
  'if',
  'then',
  'else',
  'elif',
  'fi',
  'do',
  'done',
  'case',
  'esac',
  'while',
  'until',
  'for',
  '{',
  '}',
  '!',
]);
/** Reserved words that end a list. */
const closers: ReadonlySet<string> = new Set(['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}']);
const redirectOperators = ['<<-', '<<', '<&', '<>', '>>', '>&', '>|', '<', '>'] as const;
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=/;

/** Splits `NAME=value` at its sign; undefined when the word is no assignment. */
function asAssignment(word: Word): readonly [string, Word] | undefined {
  const first = word[0];
  if (first?.kind !== 'text' || first.quoted) return undefined;
  const [sign, name] = assignment.exec(first.text) ?? [];
  if (sign === undefined || name === undefined) return undefined;
  const rest = first.text.slice(sign.length);
  return [name, rest === '' ? word.slice(1) : [{ ...first, text: rest }, ...word.slice(1)]];
}

/**
 * Makes a reader.
 *
 * @param source - the script.
 * @param isFinal - nothing follows: a here-document ends with the script.
 */
export function createParser(source: string, isFinal: boolean): Parser {
  return parserAt({ source, at: 0 }, isFinal);
}

/** A reader that starts anywhere; `closed` reads a list up to `)`. */
function parserAt(cursor: Cursor, isFinal: boolean): Parser & { closed(): Node } {
  const { source } = cursor;
  const heres: PendingHere[] = [];

  const closed = (): Node => {
    const body = compound([')']);
    expect(')');
    return body;
  };
  const commands: CommandReader = {
    list: (at) => (at === cursor ? closed() : parserAt(at, true).closed()),
    script: (text) => {
      const inner = createParser(text, true);
      const items: ListItem[] = [];
      for (let node = inner.next(); node; node = inner.next()) items.push({ node, background: false });
      return { kind: 'list', items };
    },
  };
  const here = (): string => source[cursor.at] ?? '';
  const startsWith = (text: string): boolean => source.startsWith(text, cursor.at);
  const skipBlanks = (): void => {
    for (;;) {
      if (here() === ' ' || here() === '\t') cursor.at += 1;
      else if (startsWith('\\\n')) cursor.at += 2;
      else if (here() === '#') {
        while (here() !== '' && here() !== '\n') cursor.at += 1;
      } else return;
    }
  };
  const readHeres = (): void => {
    for (const { delimiter, stripTabs, isQuoted, fill } of heres.splice(0)) {
      let text = '';
      for (;;) {
        if (cursor.at >= source.length) {
          if (!isFinal) throw new Incomplete();
          break;
        }
        const end = source.indexOf('\n', cursor.at);
        const whole = source.slice(cursor.at, end < 0 ? source.length : end);
        cursor.at = end < 0 ? source.length : end + 1;
        const line = stripTabs ? whole.replace(/^\t+/, '') : whole;
        if (line === delimiter) break;
        text += `${line}\n`;
      }
      fill(isQuoted ? [{ kind: 'text', text, quoted: true }] : readHereText(text, commands));
    }
  };
  /** Takes line ends, and the here-documents behind them. */
  const skipNewlines = (): void => {
    for (;;) {
      skipBlanks();
      if (here() !== '\n') return;
      cursor.at += 1;
      readHeres();
    }
  };
  const unexpected = (): SyntaxProblem => {
    if (cursor.at >= source.length) return new Incomplete();
    const token =
      here() === '\n' ? 'newline' : (/^([;&|()<>]+|[^\s;&|()<>]+)/.exec(source.slice(cursor.at))?.[0] ?? '');
    return new SyntaxProblem(`Syntax error: "${token}" unexpected`);
  };
  const expect = (text: string): void => {
    skipBlanks();
    if (!startsWith(text)) throw unexpected();
    cursor.at += text.length;
  };
  const readWord = (): Word => {
    const start = cursor.at;
    const word = readParts(cursor, commands, {});
    if (cursor.at === start) throw unexpected();
    return word;
  };
  /** The reserved word that stands here, if one does. */
  const keyword = (): string | undefined => {
    skipBlanks();
    const text = /^(?:[a-z]+|[{}!])/.exec(source.slice(cursor.at, cursor.at + 8))?.[0];
    return text !== undefined && reserved.has(text) && endsWord(source[cursor.at + text.length])
      ? text
      : undefined;
  };
  const expectWord = (text: string): void => {
    skipNewlines();
    if (keyword() !== text) throw unexpected();
    cursor.at += text.length;
  };

  const redirect = (): Redirect | undefined => {
    skipBlanks();
    const number = /^[0-9]+(?=[<>])/.exec(source.slice(cursor.at, cursor.at + 12))?.[0] ?? '';
    const operator = redirectOperators.find((candidate) =>
      source.startsWith(candidate, cursor.at + number.length),
    );
    if (operator === undefined) return undefined;
    cursor.at += number.length + operator.length;
    skipBlanks();
    const word = readWord();
    const fd = number === '' ? (operator.startsWith('<') ? 0 : 1) : Number(number);
    if (operator !== '<<' && operator !== '<<-') return { fd, operator, word };
    const result: { fd: number; operator: '<<'; word: Word } = { fd, operator: '<<', word: [] };
    heres.push({
      delimiter: plainText(word),
      stripTabs: operator === '<<-',
      isQuoted: word.some((part) => part.kind !== 'text' || part.quoted),
      fill: (text) => {
        result.word = text;
      },
    });
    return result;
  };
  const redirects = (): Redirect[] => {
    const found: Redirect[] = [];
    for (let next = redirect(); next; next = redirect()) found.push(next);
    return found;
  };
  const withRedirects = (node: Node): Node => {
    const found = redirects();
    return found.length === 0 ? node : { kind: 'redirected', node, redirects: found };
  };

  const simple = (): Node => {
    const assignments: (readonly [string, Word])[] = [];
    const words: Word[] = [];
    const found: Redirect[] = [];
    for (;;) {
      const next = redirect();
      if (next) {
        found.push(next);
        continue;
      }
      if (endsWord(here() === '' ? undefined : here())) break;
      const word = readWord();
      const pair = words.length === 0 ? asAssignment(word) : undefined;
      if (pair) assignments.push(pair);
      else words.push(word);
      skipBlanks();
      if (words.length === 1 && !pair && startsWith('(')) {
        cursor.at += 1;
        expect(')');
        skipNewlines();
        return { kind: 'function', name: plainText(words[0] as Word), body: command() };
      }
    }
    if (assignments.length + words.length + found.length === 0) throw unexpected();
    return { kind: 'simple', assignments, words, redirects: found };
  };
  const ifCommand = (): Node => {
    const branches: (readonly [Node, Node])[] = [];
    for (;;) {
      const condition = compound();
      expectWord('then');
      branches.push([condition, compound()]);
      skipNewlines();
      const word = keyword();
      if (word === undefined || !['elif', 'else', 'fi'].includes(word)) throw unexpected();
      cursor.at += word.length;
      if (word === 'elif') continue;
      if (word === 'fi') return { kind: 'if', branches };
      const otherwise = compound();
      expectWord('fi');
      return { kind: 'if', branches, otherwise };
    }
  };
  const doGroup = (): Node => {
    expectWord('do');
    const body = compound();
    expectWord('done');
    return body;
  };
  const forCommand = (): Node => {
    skipBlanks();
    const name = plainText(readWord());
    skipNewlines();
    let words: Word[] | undefined;
    if (/^in(?![A-Za-z0-9_])/.test(source.slice(cursor.at, cursor.at + 3))) {
      cursor.at += 2;
      words = [];
      skipBlanks();
      while (!endsWord(here() === '' ? undefined : here())) {
        words.push(readWord());
        skipBlanks();
      }
    }
    if (here() === ';') cursor.at += 1;
    const body = doGroup();
    return words ? { kind: 'for', name, words, body } : { kind: 'for', name, body };
  };
  const caseCommand = (): Node => {
    skipBlanks();
    const word = readWord();
    skipNewlines();
    expect('in');
    const arms: { patterns: Word[]; body: Node }[] = [];
    for (;;) {
      skipNewlines();
      if (keyword() === 'esac') break;
      if (here() === '(') cursor.at += 1;
      const patterns: Word[] = [];
      for (;;) {
        skipBlanks();
        patterns.push(readWord());
        skipBlanks();
        if (here() !== '|') break;
        cursor.at += 1;
      }
      expect(')');
      const body = compound([';;']);
      arms.push({ patterns, body });
      skipNewlines();
      if (startsWith(';;')) cursor.at += 2;
      else if (keyword() !== 'esac') throw unexpected();
    }
    cursor.at += 'esac'.length;
    return { kind: 'case', word, arms };
  };
  const compounds: Readonly<Record<string, () => Node>> = {
    if: ifCommand,
    for: forCommand,
    case: caseCommand,
    while: () => {
      const condition = compound();
      return { kind: 'loop', until: false, condition, body: doGroup() };
    },
    until: () => {
      const condition = compound();
      return { kind: 'loop', until: true, condition, body: doGroup() };
    },
    '{': () => {
      const body = compound();
      expectWord('}');
      return { kind: 'group', body };
    },
  };
  const command = (): Node => {
    const word = keyword();
    const read = word === undefined ? undefined : compounds[word];
    if (word !== undefined && read) {
      cursor.at += word.length;
      return withRedirects(read());
    }
    if (word !== undefined && word !== '!') throw unexpected();
    skipBlanks();
    if (startsWith('(')) {
      cursor.at += 1;
      const body = compound([')']);
      expect(')');
      return withRedirects({ kind: 'subshell', body });
    }
    return simple();
  };
  const pipeline = (): Node => {
    let negated = false;
    while (keyword() === '!') {
      cursor.at += 1;
      negated = !negated;
    }
    const list = [command()];
    for (;;) {
      skipBlanks();
      if (here() !== '|' || startsWith('||')) break;
      cursor.at += 1;
      skipNewlines();
      list.push(command());
    }
    const [only] = list;
    return list.length === 1 && !negated && only ? only : { kind: 'pipe', commands: list, negated };
  };
  const andOr = (): Node => {
    let left = pipeline();
    for (;;) {
      skipBlanks();
      const kind = startsWith('&&') ? 'and' : startsWith('||') ? 'or' : undefined;
      if (kind === undefined) return left;
      cursor.at += 2;
      skipNewlines();
      left = { kind, left, right: pipeline() };
    }
  };
  /** Takes `;` or `&` behind a command; true for a command in the background. */
  const separator = (): { isThere: boolean; background: boolean } => {
    skipBlanks();
    const background = here() === '&' && !startsWith('&&');
    const isThere = background || (here() === ';' && !startsWith(';;'));
    if (isThere) cursor.at += 1;
    return { isThere, background };
  };
  const isAtEnd = (closing: readonly string[]): boolean => {
    skipBlanks();
    const word = keyword();
    return closing.some(startsWith) || (word !== undefined && closers.has(word));
  };
  /** A list over several lines, up to what closes it. */
  const compound = (closing: readonly string[] = []): Node => {
    const items: ListItem[] = [];
    for (;;) {
      skipNewlines();
      if (isAtEnd(closing)) return { kind: 'list', items };
      if (cursor.at >= source.length) throw new Incomplete();
      const node = andOr();
      const { background, isThere } = separator();
      items.push({ node, background });
      if (!isThere && here() !== '\n' && !isAtEnd(closing)) throw unexpected();
    }
  };

  return {
    closed,
    position: () => cursor.at,
    next: () => {
      skipNewlines();
      if (cursor.at >= source.length) return undefined;
      const items: ListItem[] = [];
      for (;;) {
        const node = andOr();
        const { background, isThere } = separator();
        items.push({ node, background });
        skipBlanks();
        if (here() === '\n') {
          cursor.at += 1;
          readHeres();
          break;
        }
        if (cursor.at >= source.length) {
          if (heres.length > 0) readHeres();
          break;
        }
        if (!isThere) throw unexpected();
      }
      return { kind: 'list', items };
    },
  };
}

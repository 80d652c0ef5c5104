/** Programs that change the order and the pieces of lines: sort, uniq, cut, tr. */
import { asLines, eachInput, linesOf } from './text-common.ts';
import { parseOptions, type Tool } from './tool.ts';

const sort: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'rnufhVbk:t:o:', {
      reverse: 'r',
      unique: 'u',
      'numeric-sort': 'n',
    });
    const lines: string[] = [];
    const status = await eachInput(context, rest, (text) => void lines.push(...linesOf(text)));
    const field = Number(/^[0-9]+/.exec(value('k') ?? '')?.[0] ?? 0);
    const separator = value('t') ?? /\s+/;
    const isNumeric = flags.has('n') || flags.has('h') || /n/.test(value('k') ?? '');
    const key = (line: string): string =>
      field === 0
        ? line
        : line
            .trimStart()
            .split(separator)
            .slice(field - 1)
            .join(' ');
    const compare = (left: string, right: string): number => {
      const [a, b] = [key(left), key(right)];
      if (isNumeric)
        return (Number.parseFloat(a) || 0) - (Number.parseFloat(b) || 0) || (a < b ? -1 : a > b ? 1 : 0);
      return a < b ? -1 : a > b ? 1 : 0;
    };
    lines.sort(compare);
    if (flags.has('r')) lines.reverse();
    const result = flags.has('u')
      ? lines.filter((line, index) => index === 0 || line !== lines[index - 1])
      : lines;
    const target = value('o');
    if (target === undefined) await context.out(asLines(result));
    else await context.open(target, '>').write(asLines(result), context.process.signal);
    return status;
  },
};

const uniq: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'cdu');
    return eachInput(context, rest.slice(0, 1), async (text) => {
      const groups: { line: string; count: number }[] = [];
      for (const line of linesOf(text)) {
        const last = groups.at(-1);
        if (last?.line === line) last.count += 1;
        else groups.push({ line, count: 1 });
      }
      const kept = groups.filter(
        ({ count }) => (!flags.has('d') || count > 1) && (!flags.has('u') || count === 1),
      );
      await context.out(
        asLines(
          kept.map(({ line, count }) => (flags.has('c') ? `${String(count).padStart(7)} ${line}` : line)),
        ),
      );
    });
  },
};

/** Ranges of `cut`, as a test. */
function inRanges(list: string): (position: number) => boolean {
  const ranges = list.split(',').map((text) => {
    const [, from = '', dash, to = ''] = /^([0-9]*)(-?)([0-9]*)$/.exec(text) ?? [];
    const start = Number(from === '' ? 1 : from);
    return [start, to === '' ? (dash === '-' ? Number.POSITIVE_INFINITY : start) : Number(to)] as const;
  });
  return (position) => ranges.some(([start, end]) => position >= start && position <= end);
}

const cut: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'd:f:c:b:s', { delimiter: 'd', fields: 'f' });
    const delimiter = value('d') ?? '\t';
    const fields = value('f');
    const isWanted = inRanges(fields ?? value('c') ?? value('b') ?? '');
    return eachInput(context, rest, async (text) => {
      const lines = linesOf(text).flatMap((line) => {
        if (fields === undefined)
          return [
            line
              .split('')
              .filter((_, index) => isWanted(index + 1))
              .join(''),
          ];
        if (!line.includes(delimiter)) return flags.has('s') ? [] : [line];
        return [
          line
            .split(delimiter)
            .filter((_, index) => isWanted(index + 1))
            .join(delimiter),
        ];
      });
      await context.out(asLines(lines));
    });
  },
};

const trClasses: Readonly<Record<string, string>> = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digit: '0123456789',
  space: ' \t\n\r\v\f',
  blank: ' \t',
};

const letters = trClasses['lower'] as string;

const capitals = trClasses['upper'] as string;

const every = (test: (code: number) => boolean): string =>
  Array.from({ length: 256 }, (_, code) => code)
    .filter(test)
    .map((code) => String.fromCharCode(code))
    .join('');

/** A set of `tr`, spelled out. */
function trSet(text: string): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const [whole, name = ''] = /^\[:([a-z]+):\]/.exec(rest) ?? [];
    if (whole !== undefined) {
      const others: Readonly<Record<string, string>> = {
        alpha: capitals + letters,
        alnum: `0123456789${capitals}${letters}`,
        cntrl: every((code) => code < 32 || code === 127),
        print: every((code) => code >= 32 && code < 127),
        punct: every((code) => code > 32 && code < 127 && !/[A-Za-z0-9]/.test(String.fromCharCode(code))),
      };
      result += trClasses[name] ?? others[name] ?? '';
      at += whole.length;
      continue;
    }
    const [escaped, code = ''] = /^\\([0-7]{1,3}|.)/s.exec(rest) ?? [];
    const named: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' };
    const character =
      escaped === undefined
        ? (rest[0] as string)
        : /^[0-7]/.test(code)
          ? String.fromCharCode(Number.parseInt(code, 8))
          : (named[code] ?? code);
    at += escaped?.length ?? 1;
    if (text[at] === '-' && at + 1 < text.length) {
      const end = text.charCodeAt(at + 1);
      for (let next = character.charCodeAt(0); next <= end; next += 1) result += String.fromCharCode(next);
      at += 2;
    } else result += character;
  }
  return result;
}

const tr: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'dscC');
    const [first = '', second = ''] = rest.map(trSet);
    const isNot = flags.has('c') || flags.has('C');
    const from = isNot ? every((code) => !first.includes(String.fromCharCode(code))) : first;
    const map = new Map<string, string>();
    for (const [index, character] of from.split('').entries())
      map.set(
        character,
        flags.has('d')
          ? ''
          : second === ''
            ? character
            : (second[Math.min(index, second.length - 1)] as string),
      );
    const squeezed = flags.has('s')
      ? second === '' || flags.has('d')
        ? second === ''
          ? from
          : second
        : second
      : '';
    const text = await context.readAll(context.stdin);
    const parts: string[] = [];
    let last = '';
    for (const character of text) {
      const next = map.get(character) ?? character;
      if (next !== '' && next === last && squeezed.includes(next)) continue;
      parts.push(next);
      if (next !== '') last = next;
    }
    await context.out(parts.join(''));
    return 0;
  },
};

export const columnTools: Readonly<Record<string, Tool>> = { sort, uniq, cut, tr };

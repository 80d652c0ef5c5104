/** Programs that pass text on: cat, head, tail, wc, tee, sort, uniq, cut, tr, seq, yes, nl. */
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const blockBytes = 65_536;

/** Runs something for each input; `-` and nothing are the standard input. */
async function eachInput(
  context: ToolContext,
  names: readonly string[],
  work: (text: string, name: string) => Promise<void> | void,
): Promise<number> {
  let status = 0;
  for (const name of names.length === 0 ? ['-'] : names) {
    try {
      const stream = context.open(name);
      try {
        await work(await context.readAll(stream), name);
      } finally {
        stream.release();
      }
    } catch (error) {
      context.process.signal.throwIfAborted();
      await context.err(`${context.name}: ${(error as Error).message}\n`);
      status = 1;
    }
  }
  return status;
}

/** The lines of a text without their ends. */
export function linesOf(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

const asLines = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

const cat: Tool = {
  run: async (context) => {
    let status = 0;
    const { rest } = parseOptions(context.args, 'uevAnst');
    for (const name of rest.length === 0 ? ['-'] : rest) {
      try {
        const stream = context.open(name);
        for (;;) {
          const text = await stream.read(blockBytes, context.process.signal);
          if (text === '') break;
          await context.out(text);
        }
        stream.release();
      } catch (error) {
        context.process.signal.throwIfAborted();
        await context.err(`cat: ${(error as Error).message}\n`);
        status = 1;
      }
    }
    return status;
  },
};

function countOf(text: string | undefined, fallback: number): { count: number; sign: string } {
  const [, sign = '', digits = String(fallback), unit = ''] =
    /^([-+]?)([0-9]+)([kKM]?)$/.exec(text ?? '') ?? [];
  const factor = unit === '' ? 1 : unit === 'M' ? 1024 ** 2 : 1024;
  return { count: Number(digits) * factor, sign };
}

/** `-5` as `-n 5`. */
const withOldCount = (args: readonly string[]): string[] =>
  args.flatMap((word) => (/^-[0-9]+$/.test(word) ? ['-n', word.slice(1)] : [word]));

const head: Tool = {
  run: async (context) => {
    const { rest, value } = parseOptions(withOldCount(context.args), 'n:c:qv', { lines: 'n', bytes: 'c' });
    const bytes = value('c');
    const { count, sign } = countOf(bytes ?? value('n'), 10);
    if (sign !== '-' && rest.length <= 1) {
      // Takes no more of its input than it shows.
      const stream = context.open(rest[0] ?? '-');
      let left = count;
      while (left > 0) {
        const text =
          bytes === undefined
            ? await context.readLine(stream)
            : await stream.read(left, context.process.signal);
        if (text === '') break;
        left -= bytes === undefined ? 1 : text.length;
        await context.out(text);
      }
      stream.release();
      return 0;
    }
    return eachInput(context, rest, (text) => {
      if (bytes !== undefined)
        return context.out(
          sign === '-' ? text.slice(0, Math.max(0, text.length - count)) : text.slice(0, count),
        );
      const lines = linesOf(text);
      return context.out(
        asLines(sign === '-' ? lines.slice(0, Math.max(0, lines.length - count)) : lines.slice(0, count)),
      );
    });
  },
};

const tail: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(withOldCount(context.args), 'n:c:fFq', {
      lines: 'n',
      bytes: 'c',
      follow: 'f',
    });
    const bytes = value('c');
    const { count, sign } = countOf(bytes ?? value('n'), 10);
    let shown = 0;
    const status = await eachInput(context, rest, (text) => {
      shown = text.length;
      if (bytes !== undefined)
        return context.out(
          sign === '+' ? text.slice(Math.max(0, count - 1)) : text.slice(Math.max(0, text.length - count)),
        );
      const lines = text.split('\n');
      const isWhole = lines.at(-1) === '';
      if (isWhole) lines.pop();
      const kept =
        sign === '+' ? lines.slice(Math.max(0, count - 1)) : count === 0 ? [] : lines.slice(-count);
      return context.out(kept.join('\n') + (isWhole && kept.length > 0 ? '\n' : ''));
    });
    if (!flags.has('f') && !flags.has('F')) return status;
    for (;;) {
      await context.sleep(500);
      const text = context.files.read(context.path(rest[0] ?? ''));
      await context.out(text.slice(shown));
      shown = text.length;
    }
  },
};

const wc: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'lwcmL', {
      lines: 'l',
      words: 'w',
      bytes: 'c',
      chars: 'm',
    });
    const columns = ['l', 'w', 'c', 'm'].filter((letter) => flags.has(letter));
    const wanted = columns.length === 0 ? ['l', 'w', 'c'] : columns;
    const total: Record<string, number> = {};
    const show = async (counts: Readonly<Record<string, number>>, name: string): Promise<void> => {
      const width = wanted.length > 1 ? 7 : 0;
      const numbers = wanted.map((letter) => String(counts[letter] ?? 0).padStart(width)).join(' ');
      await context.out(`${numbers}${name === '-' || name === '' ? '' : ` ${name}`}\n`);
    };
    const status = await eachInput(context, rest, async (text, name) => {
      const words = text.match(/\S+/g)?.length ?? 0;
      const counts = {
        l: text.split('\n').length - 1,
        w: words,
        c: text.length,
        m: Buffer.from(text, 'latin1').toString('utf8').length,
      };
      for (const [letter, count] of Object.entries(counts)) total[letter] = (total[letter] ?? 0) + count;
      await show(counts, name);
    });
    if (rest.length > 1) await show(total, 'total');
    return status;
  },
};

const tee: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'ai', { append: 'a' });
    const targets = rest.map((name) => context.open(name, flags.has('a') ? '>>' : '>'));
    for (;;) {
      const text = await context.stdin.read(blockBytes, context.process.signal);
      if (text === '') return 0;
      for (const target of targets) await target.write(text, context.process.signal);
      await context.out(text);
    }
  },
};

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

const seq: Tool = {
  run: async (context) => {
    const numbers = context.args.filter((word) => !/^-[swf]/.test(word)).map(Number);
    if (numbers.length === 0 || numbers.some(Number.isNaN)) throw new ToolError('invalid argument');
    const [first, step, last] =
      numbers.length === 1
        ? [1, 1, numbers[0]]
        : numbers.length === 2
          ? [numbers[0], 1, numbers[1]]
          : numbers;
    const lines: string[] = [];
    for (
      let value = first as number;
      (step as number) > 0 ? value <= (last as number) : value >= (last as number);
      value += step as number
    )
      lines.push(String(value));
    await context.out(asLines(lines));
    return 0;
  },
};

const yes: Tool = {
  run: async (context) => {
    const line = `${context.args.join(' ') || 'y'}\n`;
    const block = line.repeat(Math.max(1, Math.floor(4096 / line.length)));
    for (;;) {
      await context.out(block);
      await new Promise(setImmediate);
    }
  },
};

const nl: Tool = {
  run: (context) =>
    eachInput(context, parseOptions(context.args, 'b:').rest, (text) =>
      context.out(asLines(linesOf(text).map((line, index) => `${String(index + 1).padStart(6)}\t${line}`))),
    ),
};

export const textTools: Readonly<Record<string, Tool>> = {
  cat,
  head,
  tail,
  wc,
  tee,
  sort,
  uniq,
  cut,
  tr,
  seq,
  yes,
  nl,
};

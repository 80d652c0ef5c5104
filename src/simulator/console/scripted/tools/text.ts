/** Programs that pass text on: cat, head, tail, wc, tee, seq, yes, nl. */
import { asLines, eachInput, linesOf } from './text-common.ts';
import { parseOptions, type Tool, ToolError } from './tool.ts';

const blockBytes = 65_536;

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

export const textTools: Readonly<Record<string, Tool>> = { cat, head, tail, wc, tee, seq, yes, nl };

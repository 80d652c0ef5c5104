/** grep: the parts of it that scripts use. */
import { posixExpression } from './expression.ts';
import { linesOf } from './text-common.ts';
import { parseOptions, type Tool } from './tool.ts';

const quoteExpression = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

function grep(kind: 'basic' | 'extended' | 'fixed'): Tool {
  return {
    run: async (context) => {
      const { flags, values, rest } = parseOptions(context.args, 'EFGPivcnlLqosxwhHrRam:e:f:A:B:', {
        'extended-regexp': 'E',
        'fixed-strings': 'F',
        'ignore-case': 'i',
        'invert-match': 'v',
        count: 'c',
        quiet: 'q',
        silent: 'q',
        'only-matching': 'o',
        'line-regexp': 'x',
        'word-regexp': 'w',
        recursive: 'r',
        'files-with-matches': 'l',
        'no-messages': 's',
        regexp: 'e',
      });
      const queue = [...rest];
      const patterns = (values.get('e') ?? [queue.shift() ?? '']).flatMap((text) => text.split('\n'));
      const isFixed = kind === 'fixed' || flags.has('F');
      const isExtended = kind === 'extended' || flags.has('E') || flags.has('P');
      const mode = `g${flags.has('i') ? 'i' : ''}`;
      const expressions = patterns.map((text) => {
        const source = isFixed ? quoteExpression(text) : posixExpression(text, isExtended, '').source;
        const framed = flags.has('x') ? `^(?:${source})$` : flags.has('w') ? `\\b(?:${source})\\b` : source;
        return new RegExp(framed === '(?:)' ? '' : framed, mode);
      });
      const names =
        flags.has('r') || flags.has('R')
          ? (queue.length === 0 ? ['.'] : queue).flatMap((name) => {
              const top = context.path(name);
              const below = context.files
                .walk(top)
                .filter((path) => context.files.get(path)?.type === 'file');
              return below.map((path) => name + path.slice(top.length));
            })
          : queue.length === 0
            ? ['-']
            : queue;
      const withName = !flags.has('h') && (flags.has('H') || names.length > 1 || flags.has('r'));
      let isFound = false;
      let status = 0;
      const limit = Number(values.get('m')?.at(-1) ?? Number.POSITIVE_INFINITY);
      for (const name of names) {
        let text: string;
        try {
          const stream = context.open(name);
          text = await context.readAll(stream);
          stream.release();
        } catch (error) {
          context.process.signal.throwIfAborted();
          if (!flags.has('s')) await context.err(`grep: ${(error as Error).message}\n`);
          status = 2;
          continue;
        }
        let count = 0;
        let output = '';
        for (const [index, line] of linesOf(text).entries()) {
          if (count >= limit) break;
          const found = expressions.flatMap((expression) =>
            [...line.matchAll(expression)].map(([match]) => match),
          );
          if (found.length > 0 === flags.has('v')) continue;
          count += 1;
          const prefix = `${withName ? `${name}:` : ''}${flags.has('n') ? `${index + 1}:` : ''}`;
          if (flags.has('o'))
            output += found
              .filter((match) => match !== '')
              .map((match) => `${prefix}${match}\n`)
              .join('');
          else output += `${prefix}${line}\n`;
        }
        if (count > 0) isFound = true;
        if (flags.has('q')) {
          if (isFound) return 0;
        } else if (flags.has('l')) await context.out(count > 0 ? `${name}\n` : '');
        else if (flags.has('L')) await context.out(count === 0 ? `${name}\n` : '');
        else if (flags.has('c')) await context.out(`${withName ? `${name}:` : ''}${count}\n`);
        else await context.out(output);
      }
      return isFound ? 0 : status === 0 ? 1 : status;
    },
  };
}

export const grepTools: Readonly<Record<string, Tool>> = {
  grep: grep('basic'),
  egrep: grep('extended'),
  fgrep: grep('fixed'),
};

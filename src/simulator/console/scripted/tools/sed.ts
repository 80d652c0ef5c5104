/** sed: the parts of it that scripts use. */
import { posixExpression } from './expression.ts';
import { parseOptions, type Tool, ToolError } from './tool.ts';

/** An address of sed. */
type Address = { readonly line: number } | { readonly isLast: true } | { readonly expression: RegExp };

interface SedCommand {
  readonly from?: Address;
  readonly to?: Address;
  readonly isNot: boolean;
  readonly name: string;
  readonly text: string;
  readonly expression?: RegExp;
  readonly nested?: readonly SedCommand[];
  isInside: boolean;
}

function readSed(script: string, isExtended: boolean): SedCommand[] {
  let at = 0;
  const skip = (characters: string): void => {
    while (at < script.length && characters.includes(script[at] as string)) at += 1;
  };
  const delimited = (delimiter: string): string => {
    let text = '';
    for (; at < script.length && script[at] !== delimiter; at += 1) {
      if (script[at] === '\\' && script[at + 1] === delimiter) at += 1;
      else if (script[at] === '\\') {
        text += script[at];
        at += 1;
      }
      text += script[at] ?? '';
    }
    if (script[at] !== delimiter)
      throw new ToolError(`-e expression #1, char ${at}: unterminated command`, 1);
    at += 1;
    return text;
  };
  const address = (): Address | undefined => {
    const [digits] = /^[0-9]+/.exec(script.slice(at)) ?? [];
    if (digits !== undefined) {
      at += digits.length;
      return { line: Number(digits) };
    }
    if (script[at] === '$') {
      at += 1;
      return { isLast: true };
    }
    if (script[at] !== '/') return undefined;
    at += 1;
    return { expression: posixExpression(delimited('/'), isExtended, '') };
  };
  const commands = (isNested: boolean): SedCommand[] => {
    const found: SedCommand[] = [];
    for (;;) {
      skip(' \t\n;');
      if (at >= script.length) return found;
      if (script[at] === '}' && isNested) {
        at += 1;
        return found;
      }
      const from = address();
      let to: Address | undefined;
      if (from && script[at] === ',') {
        at += 1;
        to = address();
      }
      skip(' \t');
      const isNot = script[at] === '!';
      if (isNot) at += 1;
      skip(' \t');
      const name = script[at] ?? '';
      at += 1;
      const base = { ...(from ? { from } : {}), ...(to ? { to } : {}), isNot, name, isInside: false };
      if (name === '{') found.push({ ...base, text: '', nested: commands(true) });
      else if (name === 's') {
        const delimiter = script[at] ?? '';
        at += 1;
        const pattern = delimited(delimiter);
        const replacement = delimited(delimiter);
        const [flags = ''] = /^[gipI0-9]*/.exec(script.slice(at)) ?? [];
        at += flags.length;
        const mode = `${flags.includes('g') ? 'g' : ''}${/[iI]/.test(flags) ? 'i' : ''}`;
        found.push({
          ...base,
          text: `${flags.includes('p') ? 'p' : ''}\0${replacement}`,
          expression: posixExpression(pattern, isExtended, mode),
        });
      } else if ('aic'.includes(name)) {
        const end = script.indexOf('\n', script[at] === '\\' ? at + 2 : at);
        const text = script.slice(at, end < 0 ? script.length : end).replace(/^\\?\n?[ \t]*/, '');
        at = end < 0 ? script.length : end;
        found.push({ ...base, text });
      } else if ('pdqnNDPhHgGxl='.includes(name)) {
        const [code = ''] = /^[ \t]*[0-9]*/.exec(name === 'q' ? script.slice(at) : '') ?? [];
        at += code.length;
        found.push({ ...base, text: code.trim() });
      } else throw new ToolError(`-e expression #1, char ${at}: unknown command: \`${name}'`, 1);
    }
  };
  return commands(false);
}

/** A replacement's text: `&`, `\1`, `\n`. */
function replacementOf(text: string, groups: readonly (string | undefined)[]): string {
  return text.replaceAll(/\\([0-9n&\\/]|.)|&/gs, (part, code: string | undefined) => {
    if (part === '&') return groups[0] ?? '';
    if (code === 'n') return '\n';
    return code !== undefined && /[0-9]/.test(code) ? (groups[Number(code)] ?? '') : (code ?? '');
  });
}

const sed: Tool = {
  run: async (context) => {
    const args = context.args.map((word) => (/^-i./.test(word) || word === '--in-place' ? '-i' : word));
    const { flags, values, rest } = parseOptions(args, 'nEriusze:f:', {
      quiet: 'n',
      silent: 'n',
      'regexp-extended': 'E',
      expression: 'e',
    });
    const queue = [...rest];
    const isExtended = flags.has('E') || flags.has('r');
    const script = [
      ...(values.get('e') ?? []),
      ...(values.get('f') ?? []).map((name) => context.files.read(context.path(name))),
    ];
    const commands = readSed(script.length > 0 ? script.join('\n') : (queue.shift() ?? ''), isExtended);
    const isInPlace = flags.has('i');
    let status = 0;
    const stream = async (
      next: () => Promise<string>,
      print: (text: string) => Promise<void>,
    ): Promise<boolean> => {
      let number = 0;
      let hold = '';
      let line = await next();
      while (line !== '') {
        const following = commands.some(
          ({ from, to }) => (from && 'isLast' in from) || (to && 'isLast' in to),
        )
          ? await next()
          : undefined;
        const isLast = following === '';
        number += 1;
        const hasEnd = line.endsWith('\n');
        let space = hasEnd ? line.slice(0, -1) : line;
        const end = hasEnd ? '\n' : '';
        let after = '';
        let isDeleted = false;
        let quits = false;
        const fits = (where: Address): boolean =>
          'line' in where ? where.line === number : 'isLast' in where ? isLast : where.expression.test(space);
        const applies = (command: SedCommand): boolean => {
          const { from, to, isNot } = command;
          if (!from) return !isNot;
          if (!to) return fits(from) !== isNot;
          const was = command.isInside;
          if (!was && !fits(from)) return isNot;
          const isOver = was
            ? fits(to) || ('line' in to && to.line <= number)
            : 'line' in to && to.line <= number;
          command.isInside = !isOver;
          return !isNot;
        };
        const perform = async (list: readonly SedCommand[]): Promise<boolean> => {
          for (const command of list) {
            if (!applies(command)) continue;
            const { name, text, expression, nested } = command;
            if (nested && !(await perform(nested))) return false;
            if (name === 'p') await print(`${space}\n`);
            else if (name === '=') await print(`${number}\n`);
            else if (name === 'd') {
              isDeleted = true;
              return false;
            } else if (name === 'q') {
              quits = true;
              status = Number(text);
              return false;
            } else if (name === 'h') hold = space;
            else if (name === 'H') hold += `\n${space}`;
            else if (name === 'g') space = hold;
            else if (name === 'G') space += `\n${hold}`;
            else if (name === 'x') [space, hold] = [hold, space];
            else if (name === 'i') await print(`${text}\n`);
            else if (name === 'a') after += `${text}\n`;
            else if (name === 'c') {
              await print(`${text}\n`);
              isDeleted = true;
              return false;
            } else if (name === 's' && expression) {
              const [marks, replacement] = [
                text.slice(0, text.indexOf('\0')),
                text.slice(text.indexOf('\0') + 1),
              ];
              const before = space;
              space = space.replace(expression, (...found: unknown[]) =>
                replacementOf(replacement, found.filter((group) => typeof group !== 'number') as string[]),
              );
              if (space !== before && marks === 'p') await print(`${space}\n`);
            }
          }
          return true;
        };
        await perform(commands);
        if (!isDeleted && !flags.has('n')) await print(space + end);
        if (after !== '') await print(after);
        if (quits) return false;
        line = following ?? (await next());
      }
      return true;
    };
    if (!isInPlace) {
      for (const name of queue.length === 0 ? ['-'] : queue) {
        const input = context.open(name);
        const goesOn = await stream(() => context.readLine(input), context.out);
        input.release();
        if (!goesOn) return status;
      }
      return status;
    }
    for (const name of queue) {
      const path = context.path(name);
      const lines = context.files.read(path).split(/(?<=\n)/);
      let output = '';
      await stream(
        () => Promise.resolve(lines.shift() ?? ''),
        (text) => {
          output += text;
          return Promise.resolve();
        },
      );
      const file = context.files.edit(path, 0o644);
      file.data = output;
      context.files.touched(file);
    }
    return status;
  },
};

export const sedTools: Readonly<Record<string, Tool>> = { sed };

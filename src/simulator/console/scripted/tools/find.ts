/** find and xargs. */
import { baseName, type Entry, joinPath } from '../files.ts';
import { matches } from '../pattern.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const daySeconds = 86_400;

/** A file that is looked at. */
interface Candidate {
  readonly shown: string;
  readonly path: string;
  readonly entry: Entry;
}

type Test = (candidate: Candidate) => Promise<boolean> | boolean;

/** A number with its sign as `-mtime` and `-size` take it. */
function compareWith(text: string, value: number): boolean {
  const wanted = Number(text.replace(/^[-+]/, ''));
  return text.startsWith('+') ? value > wanted : text.startsWith('-') ? value < wanted : value === wanted;
}

async function runOn(context: ToolContext, words: readonly string[]): Promise<number> {
  const process = context.start(words);
  if (!process) throw new ToolError(`'${words[0]}': No such file or directory`, 127);
  return process.ended;
}

/** Reads the expression of find. */
function readExpression(
  context: ToolContext,
  words: readonly string[],
): { test: Test; limits: { max: number; min: number } } {
  const limits = { max: Number.POSITIVE_INFINITY, min: 0 };
  let at = 0;
  let hasAction = false;
  const next = (): string => words[at++] ?? '';
  const glob = (pattern: string, text: string): boolean => matches([{ text: pattern, quoted: false }], text);
  const age = (entry: Entry, unit: number): number =>
    Math.floor((context.machine.seconds() - entry.mtime) / unit);
  const print = async (text: string): Promise<boolean> => {
    await context.out(text);
    return true;
  };
  const primaries: Readonly<Record<string, () => Test>> = {
    '-name': () => {
      const pattern = next();
      return ({ shown }) => glob(pattern, baseName(shown));
    },
    '-iname': () => {
      const pattern = next().toLowerCase();
      return ({ shown }) => glob(pattern, baseName(shown).toLowerCase());
    },
    '-path': () => {
      const pattern = next();
      return ({ shown }) => glob(pattern, shown);
    },
    '-type': () => {
      const type = { f: 'file', d: 'dir', l: 'link' }[next()];
      return ({ entry }) => entry.type === type;
    },
    '-mtime': () => {
      const text = next();
      return ({ entry }) => compareWith(text, age(entry, daySeconds));
    },
    '-mmin': () => {
      const text = next();
      return ({ entry }) => compareWith(text, age(entry, 60));
    },
    '-newer': () => {
      const than = context.files.get(context.path(next()))?.mtime ?? 0;
      return ({ entry }) => entry.mtime > than;
    },
    '-size': () => {
      const text = next();
      const unit = text.endsWith('c') ? 1 : text.endsWith('k') ? 1024 : text.endsWith('M') ? 1024 ** 2 : 512;
      return ({ entry }) =>
        compareWith(text.replace(/[a-zA-Z]$/, ''), Math.ceil((entry.data ?? '').length / unit));
    },
    '-perm': () => {
      const text = next();
      const wanted = Number.parseInt(text.replace(/^[-/]/, ''), 8);
      return ({ entry }) =>
        text.startsWith('-')
          ? (entry.mode & wanted) === wanted
          : text.startsWith('/')
            ? (entry.mode & wanted) !== 0
            : entry.mode === wanted;
    },
    '-empty':
      () =>
      ({ path, entry }) =>
        entry.type === 'dir' ? context.files.list(path).length === 0 : (entry.data ?? '') === '',
    '-true': () => () => true,
    '-maxdepth': () => {
      limits.max = Number(next());
      return () => true;
    },
    '-mindepth': () => {
      limits.min = Number(next());
      return () => true;
    },
    '-xdev': () => () => true,
    '-print': () => {
      hasAction = true;
      return ({ shown }) => print(`${shown}\n`);
    },
    '-print0': () => {
      hasAction = true;
      return ({ shown }) => print(`${shown}\0`);
    },
    '-printf': () => {
      hasAction = true;
      const format = next();
      return ({ shown, entry }) =>
        print(
          format.replaceAll(
            /%([pfsmMTy%@])|\\(n|t|0|\\)/g,
            (_whole, field: string | undefined, code: string | undefined) => {
              if (code !== undefined) return { n: '\n', t: '\t', '0': '\0', '\\': '\\' }[code] ?? '';
              const values: Readonly<Record<string, string>> = {
                p: shown,
                f: baseName(shown),
                s: String((entry.data ?? '').length),
                m: entry.mode.toString(8),
                y: entry.type[0] ?? '',
              };
              return values[field ?? ''] ?? '%';
            },
          ),
        );
    },
    '-delete': () => {
      hasAction = true;
      return ({ path }) => {
        context.files.remove(path);
        return true;
      };
    },
    '-exec': () => {
      hasAction = true;
      const command: string[] = [];
      for (let word = next(); word !== ';' && word !== '+' && word !== ''; word = next()) command.push(word);
      return async ({ shown }) =>
        (await runOn(
          context,
          command.map((word) => word.replaceAll('{}', shown)),
        )) === 0;
    },
  };
  const primary = (): Test => {
    const word = next();
    if (word === '!' || word === '-not') {
      const inner = primary();
      return async (candidate) => !(await inner(candidate));
    }
    if (word === '(') {
      const inner = either();
      next();
      return inner;
    }
    const make = Object.hasOwn(primaries, word) ? primaries[word] : undefined;
    if (!make) throw new ToolError(`unknown predicate \`${word}'`);
    return make();
  };
  const both = (): Test => {
    const tests = [primary()];
    while (at < words.length && words[at] !== ')' && words[at] !== '-o' && words[at] !== '-or') {
      if (words[at] === '-a' || words[at] === '-and') at += 1;
      tests.push(primary());
    }
    return async (candidate) => {
      for (const test of tests) if (!(await test(candidate))) return false;
      return true;
    };
  };
  const either = (): Test => {
    const tests = [both()];
    while (words[at] === '-o' || words[at] === '-or') {
      at += 1;
      tests.push(both());
    }
    return async (candidate) => {
      for (const test of tests) if (await test(candidate)) return true;
      return false;
    };
  };
  const wanted = words.length === 0 ? (): boolean => true : either();
  const test: Test = async (candidate) => {
    const isWanted = await wanted(candidate);
    return isWanted && !hasAction ? print(`${candidate.shown}\n`) : isWanted;
  };
  return { test, limits };
}

const find: Tool = {
  run: async (context) => {
    const start = context.args.findIndex((word) => /^[-(!]/.test(word));
    const tops = context.args.slice(0, start < 0 ? context.args.length : start);
    const { test, limits } = readExpression(context, start < 0 ? [] : context.args.slice(start));
    let status = 0;
    for (const top of tops.length === 0 ? ['.'] : tops) {
      const root = context.path(top, true);
      if (!context.files.get(root)) {
        await context.err(`find: '${top}': No such file or directory\n`);
        status = 1;
        continue;
      }
      for (const path of context.files.walk(root)) {
        const below = path.slice(root === '/' ? 0 : root.length);
        const depth = path === root ? 0 : below.split('/').length - 1;
        const entry = context.files.get(path);
        if (!entry || depth > limits.max || depth < limits.min) continue;
        await test({
          shown: path === root ? top : joinPath(top === '/' ? '/' : top.replace(/\/$/, ''), below.slice(1)),
          path,
          entry,
        });
      }
    }
    return status;
  },
};

const xargs: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(
      context.args.slice(0, firstCommand(context.args)),
      '0rtn:I:P:d:L:',
      { null: '0', 'no-run-if-empty': 'r', 'max-args': 'n' },
    );
    const command = [...rest, ...context.args.slice(firstCommand(context.args))];
    const words = command.length === 0 ? ['echo'] : command;
    const text = await context.readAll(context.stdin);
    const place = value('I');
    const items = flags.has('0')
      ? text.split('\0').filter((item) => item !== '')
      : place !== undefined || value('d') === '\\n'
        ? text.split('\n').filter((item) => item !== '')
        : [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
    const size = place === undefined ? Number(value('n') ?? Number.POSITIVE_INFINITY) : 1;
    if (items.length === 0 && (flags.has('r') || place !== undefined)) return 0;
    let status = 0;
    let left = items;
    do {
      const some = left.slice(0, size === Number.POSITIVE_INFINITY ? left.length : size);
      left = left.slice(some.length);
      const line =
        place === undefined
          ? [...words, ...some]
          : words.map((word) => word.replaceAll(place, some[0] ?? ''));
      if ((await runOn(context, line)) !== 0) status = 123;
    } while (left.length > 0);
    return status;
  },
};

/** Where the command of xargs begins. */
function firstCommand(args: readonly string[]): number {
  let at = 0;
  while (args[at]?.startsWith('-')) at += /^-[nIPdL]$/.test(args[at] as string) ? 2 : 1;
  return at;
}

export const findTools: Readonly<Record<string, Tool>> = { find, xargs };

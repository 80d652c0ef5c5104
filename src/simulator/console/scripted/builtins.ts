/** The commands that are part of the shell (POSIX XCU 2.14, and those that change the shell or know its state). */
import { ExitJump, LoopJump, ReturnJump } from './control.ts';
import { FileError, reasons } from './files.ts';
import { echoText, printfText, testAnswer } from './plain-commands.ts';
import { Killed, signalName, signals } from './processes.ts';
import { findProgram, pathOfProgram } from './programs.ts';
import { assign, type Shell, variableValue } from './shell-state.ts';
import type { Node } from './syntax.ts';
import { readLine } from './tools/tool.ts';

/** What the interpreter lends to builtins. */
export interface Engine {
  run(shell: Shell, node: Node): Promise<number>;
  /** Runs the text of a script. */
  runText(shell: Shell, text: string): Promise<number>;
  /** Runs a command by its words, functions left out. */
  runCommand(shell: Shell, words: readonly string[]): Promise<number>;
}

export type Builtin = (shell: Shell, args: readonly string[], engine: Engine) => Promise<number> | number;

/** Their assignments stay. */
export const specialBuiltins: ReadonlySet<string> = new Set([
  ':',
  '.',
  'break',
  'continue',
  'eval',
  'exec',
  'exit',
  'export',
  'readonly',
  'return',
  'set',
  'shift',
  'trap',
  'unset',
]);

const printable = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

async function say(shell: Shell, fd: number, text: string): Promise<void> {
  if (text !== '') await shell.fds.get(fd)?.write(text, shell.process.signal);
}

async function fail(shell: Shell, name: string, text: string, status = 1): Promise<number> {
  await say(shell, 2, `${shell.isInteractive ? 'bash' : shell.name}: ${name}: ${text}\n`);
  return status;
}

function toStatus(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : Number(text) & 0xff;
}

const changeDirectory: Builtin = async (shell, args) => {
  const words = args.filter((word) => word !== '--' && word !== '-P' && word !== '-L');
  const before = shell.cwd;
  const wanted =
    words[0] === '-'
      ? (variableValue(shell, 'OLDPWD') ?? '')
      : (words[0] ?? variableValue(shell, 'HOME') ?? '/');
  const { files } = shell.machine;
  try {
    const path = files.resolve(wanted, before);
    const entry = files.get(path);
    if (!entry || wanted === '') throw new FileError(wanted, reasons.missing);
    if (entry.type !== 'dir') throw new FileError(wanted, reasons.notDirectory);
    shell.cwd = path;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return fail(
      shell,
      'cd',
      shell.isInteractive ? error.message : `can't cd to ${wanted}`,
      shell.isInteractive ? 1 : 2,
    );
  }
  assign(shell, 'OLDPWD', before);
  assign(shell, 'PWD', shell.cwd);
  if (words[0] === '-') await say(shell, 1, `${shell.cwd}\n`);
  return 0;
};

/** `export` and `readonly`. */
function marking(mark: 'exported' | 'readonly'): Builtin {
  const verb = mark === 'exported' ? 'export' : 'readonly';
  return async (shell, args) => {
    const words = args.filter((word) => word !== '-p' && word !== '--');
    if (words.length === 0) {
      const lines = [...shell.variables]
        .filter(([, variable]) => variable[mark] === true)
        .map(([name, { value }]) => `${verb} ${name}${value === undefined ? '' : `=${printable(value)}`}\n`);
      await say(shell, 1, lines.sort().join(''));
      return 0;
    }
    for (const word of words) {
      const [name = '', value] = word.includes('=')
        ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]
        : [word];
      if (!/^[A-Za-z_]\w*$/.test(name)) return fail(shell, verb, `${word}: bad variable name`, 2);
      if (value !== undefined) assign(shell, name, value);
      const variable = shell.variables.get(name) ?? { value: undefined, exported: false };
      variable[mark] = true;
      shell.variables.set(name, variable);
    }
    return 0;
  };
}

const readWords: Builtin = async (shell, args) => {
  const names = [...args];
  let isRaw = false;
  let prompt = '';
  while (names[0]?.startsWith('-')) {
    const option = names.shift() as string;
    if (option.includes('r')) isRaw = true;
    if (option === '-p') prompt = names.shift() ?? '';
  }
  const input = shell.fds.get(0);
  if (!input) return 1;
  if (prompt !== '' && input.terminal) await say(shell, 2, prompt);
  const wait = new AbortController();
  shell.interrupt = wait;
  let text = '';
  let isWhole = false;
  try {
    const signal = AbortSignal.any([shell.process.signal, wait.signal]);
    for (;;) {
      const line = await readLine(input, signal);
      isWhole = line.endsWith('\n');
      text += isWhole ? line.slice(0, -1) : line;
      // An odd number of backslashes at the end joins the next line.
      const isJoined = !isRaw && isWhole && /(?:^|[^\\])(?:\\\\)*\\$/.test(text);
      if (!isJoined) break;
      text = text.slice(0, -1);
    }
  } catch (error) {
    if (error instanceof Killed && !shell.process.signal.aborted) return error.status;
    throw error;
  } finally {
    shell.interrupt = undefined;
  }
  if (!isRaw) text = text.replaceAll(/\\(.)/g, '$1');
  const ifs = variableValue(shell, 'IFS') ?? ' \t\n';
  const white = ifs
    .split('')
    .filter((character) => ' \t\n'.includes(character))
    .join('');
  const isIfs = (character: string | undefined): boolean =>
    character !== undefined && ifs.includes(character);
  const isWhite = (character: string | undefined): boolean =>
    character !== undefined && white.includes(character);
  const targets = names.length === 0 ? ['REPLY'] : names;
  let at = 0;
  while (isWhite(text[at])) at += 1;
  for (const [index, name] of targets.entries()) {
    if (index === targets.length - 1) {
      let end = text.length;
      while (end > at && isWhite(text[end - 1])) end -= 1;
      assign(shell, name, text.slice(at, end));
      break;
    }
    const start = at;
    while (at < text.length && !isIfs(text[at])) at += 1;
    assign(shell, name, text.slice(start, at));
    while (isWhite(text[at])) at += 1;
    if (isIfs(text[at])) {
      at += 1;
      while (isWhite(text[at])) at += 1;
    }
  }
  return isWhole ? 0 : 1;
};

const optionNames: Readonly<Record<string, string>> = {
  errexit: 'e',
  nounset: 'u',
  xtrace: 'x',
  noglob: 'f',
  allexport: 'a',
  monitor: 'm',
  noclobber: 'C',
  verbose: 'v',
  notify: 'b',
  pipefail: 'pipefail',
  ignoreeof: 'ignoreeof',
};

const setOptions: Builtin = async (shell, args) => {
  if (args.length === 0) {
    const lines = [...shell.variables].map(([name, { value }]) => `${name}=${printable(value ?? '')}\n`);
    await say(shell, 1, lines.sort().join(''));
    return 0;
  }
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      shell.positional = queue;
      return 0;
    }
    if (!/^[-+]./.test(word)) {
      shell.positional = [word, ...queue];
      return 0;
    }
    const isOn = word.startsWith('-');
    for (const letter of word.slice(1)) {
      const name = letter === 'o' ? optionNames[queue.shift() ?? ''] : letter;
      if (name === undefined) return fail(shell, 'set', 'Illegal option -o', 2);
      if (isOn) shell.options.add(name);
      else shell.options.delete(name);
    }
  }
  return 0;
};

const setTrap: Builtin = async (shell, args) => {
  const words = args[0] === '--' ? args.slice(1) : args;
  if (words.length === 0) {
    const lines = [...shell.traps].map(([signal, action]) => `trap -- ${printable(action)} ${signal}\n`);
    await say(shell, 1, lines.join(''));
    return 0;
  }
  const isReset = words.length === 1 || words[0] === '-' || /^[0-9]+$/.test(words[0] as string);
  const action = words[0] as string;
  for (const word of isReset && words[0] !== '-' ? words : words.slice(1)) {
    const name = word === '0' || word.toUpperCase() === 'EXIT' ? 'EXIT' : signalName(word);
    if (name === undefined) {
      if (word === 'ERR' || word === 'DEBUG' || word === 'RETURN') continue;
      return fail(shell, 'trap', `${word}: bad trap`);
    }
    if (isReset) shell.traps.delete(name);
    else shell.traps.set(name, action);
  }
  return 0;
};

const sendSignal: Builtin = async (shell, args) => {
  const words = [...args];
  let signal = 'TERM';
  if (words[0] === '-l') {
    await say(shell, 1, `${Object.keys(signals).join('\n')}\n`);
    return 0;
  }
  if (words[0] === '-s' || words[0] === '-n') {
    signal = words[1] ?? '';
    words.splice(0, 2);
  } else if (/^-[A-Za-z0-9]+$/.test(words[0] ?? '') && words.length > 1)
    signal = (words.shift() as string).slice(1);
  if (words[0] === '--') words.shift();
  const name = signal === '0' ? '0' : signalName(signal);
  if (name === undefined) return fail(shell, 'kill', `invalid signal number or name: ${signal}`, 2);
  let status = 0;
  for (const word of words) {
    const job = /^%[0-9]+$/.test(word) ? shell.jobs.find(({ number }) => `%${number}` === word) : undefined;
    const target = job ? -job.process.group : Number(word);
    if (!Number.isInteger(target)) status = await fail(shell, 'kill', `Illegal number: ${word}`, 2);
    else if (!shell.machine.processes.kill(target, name))
      status = await fail(
        shell,
        'kill',
        shell.isInteractive ? `(${word}) - No such process` : 'No such process',
      );
  }
  return status;
};

const waitForJobs: Builtin = async (shell, args) => {
  const wanted =
    args.length === 0
      ? shell.jobs
      : shell.jobs.filter(({ process, number }) =>
          args.some((word) => word === String(process.pid) || word === `%${number}`),
        );
  if (args.length > 0 && wanted.length === 0) return 127;
  const wait = new AbortController();
  shell.interrupt = wait;
  const signal = AbortSignal.any([shell.process.signal, wait.signal]);
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  stopped.catch(() => undefined); // waited for below, or never
  try {
    let status = 0;
    for (const { process } of wanted) status = await Promise.race([process.ended, stopped]);
    shell.jobs = shell.jobs.filter((job) => !wanted.includes(job));
    return args.length === 0 ? 0 : status;
  } catch (error) {
    if (error instanceof Killed && !shell.process.signal.aborted) return error.status;
    throw error;
  } finally {
    shell.interrupt = undefined;
  }
};

/** What a name is, as `command -v` and `type` say. */
function whatIs(shell: Shell, name: string): string | undefined {
  if (shell.functions.has(name) || Object.hasOwn(builtins, name) || keywords.has(name)) return name;
  if (name.includes('/')) return findProgram(shell, name)?.kind === undefined ? undefined : name;
  return pathOfProgram(shell, name);
}
const keywords: ReadonlySet<string> = new Set(['if', 'for', 'while', 'case', 'until', '{', '!', 'exec']);

const lookUpCommand: Builtin = async (shell, args, engine) => {
  const [option, ...names] = args;
  if (option !== '-v' && option !== '-V') return engine.runCommand(shell, option === '-p' ? names : args);
  const found = names.map((name) => whatIs(shell, name));
  await say(shell, 1, found.map((text) => (text === undefined ? '' : `${text}\n`)).join(''));
  return found.every((text) => text !== undefined) ? 0 : 127;
};

const jumpOut =
  (isBreak: boolean): Builtin =>
  (_shell, args) => {
    throw new LoopJump(isBreak, Math.max(1, Number(args[0] ?? 1)));
  };

const source: Builtin = async (shell, args, engine) => {
  const name = args[0] ?? '';
  const { files } = shell.machine;
  const text = files.read(files.resolve(name.includes('/') ? name : `./${name}`, shell.cwd));
  const { positional } = shell;
  if (args.length > 1) shell.positional = args.slice(1);
  try {
    return await engine.runText(shell, text);
  } catch (error) {
    if (error instanceof ReturnJump) return error.status;
    throw error;
  } finally {
    if (args.length > 1) shell.positional = positional;
  }
};

const makeLocal: Builtin = (shell, args) => {
  const hidden = shell.locals.at(-1);
  for (const word of args) {
    if (word.startsWith('-')) continue;
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    if (hidden && !hidden.has(name)) hidden.set(name, shell.variables.get(name));
    const present = shell.variables.get(name);
    const value = at < 0 ? (hidden ? undefined : present?.value) : word.slice(at + 1);
    shell.variables.set(name, { value, exported: present?.exported ?? false });
  }
  return 0;
};

const getOptions: Builtin = (shell, args) => {
  const [letters = '', name = '', ...given] = args;
  const words = given.length > 0 ? given : shell.positional;
  const [index = 1, offset = 1] = (variableValue(shell, 'OPTIND') ?? '1').split('.').map(Number);
  const word = words[index - 1];
  const finish = (option: string, next: string): number => {
    assign(shell, name, option);
    assign(shell, 'OPTIND', next);
    return option === '?' && !word?.startsWith('-') ? 1 : 0;
  };
  if (word === undefined || !/^-./.test(word) || word === '--') {
    finish('?', String(word === '--' ? index + 1 : index));
    return 1;
  }
  const letter = word[offset] as string;
  const isLast = offset + 1 >= word.length;
  // Within a word, the place in it is kept behind a point.
  const onward = isLast ? String(index + 1) : `${index}.${offset + 1}`;
  const at = letters.indexOf(letter);
  if (at < 0 || letter === ':') {
    assign(shell, 'OPTARG', letter);
    return finish('?', onward);
  }
  if (letters[at + 1] !== ':') return finish(letter, onward);
  assign(shell, 'OPTARG', isLast ? (words[index] ?? '') : word.slice(offset + 1));
  return finish(letter, String(index + (isLast ? 2 : 1)));
};

const test: Builtin = async (shell, args) => {
  try {
    return testAnswer(args, shell) ? 0 : 1;
  } catch (error) {
    return fail(shell, '[', (error as Error).message, 2);
  }
};

export const builtins: Readonly<Record<string, Builtin>> = {
  ':': () => 0,
  true: () => 0,
  false: () => 1,
  '.': source,
  source,
  break: jumpOut(true),
  continue: jumpOut(false),
  cd: changeDirectory,
  command: lookUpCommand,
  echo: async (shell, args) => {
    await say(shell, 1, echoText(args, !shell.isBash));
    return 0;
  },
  eval: (shell, args, engine) => engine.runText(shell, args.join(' ')),
  exit: (shell, args) => {
    throw new ExitJump(toStatus(args[0], shell.status));
  },
  export: marking('exported'),
  getopts: getOptions,
  hash: () => 0,
  jobs: async (shell) => {
    const lines = shell.jobs.map(
      ({ number, process }) => `[${number}]  ${process.isRunning() ? 'Running' : 'Done'}\n`,
    );
    await say(shell, 1, lines.join(''));
    return 0;
  },
  kill: sendSignal,
  local: makeLocal,
  printf: async (shell, args) => {
    const words = args[0] === '--' ? args.slice(1) : args;
    const [format, ...values] = words;
    if (format === undefined) return fail(shell, 'printf', 'usage: printf format [arg ...]', 2);
    await say(shell, 1, printfText(format, values));
    return 0;
  },
  pwd: async (shell) => {
    await say(shell, 1, `${shell.cwd}\n`);
    return 0;
  },
  read: readWords,
  readonly: marking('readonly'),
  return: (shell, args) => {
    throw new ReturnJump(toStatus(args[0], shell.status));
  },
  set: setOptions,
  shift: (shell, args) => {
    const count = Number(args[0] ?? 1);
    if (count > shell.positional.length) return 1;
    shell.positional = shell.positional.slice(count);
    return 0;
  },
  test,
  '[': (shell, args, engine) =>
    args.at(-1) === ']' ? test(shell, args.slice(0, -1), engine) : fail(shell, '[', 'missing ]', 2),
  times: () => 0,
  trap: setTrap,
  type: async (shell, args) => {
    let status = 0;
    for (const name of args) {
      const found = whatIs(shell, name);
      const isOwn = Object.hasOwn(builtins, name);
      if (found === undefined) status = await fail(shell, name, 'not found', 127);
      else await say(shell, 1, `${name} is ${isOwn ? 'a shell builtin' : found}\n`);
    }
    return status;
  },
  ulimit: async (shell) => {
    await say(shell, 1, 'unlimited\n');
    return 0;
  },
  umask: async (shell, args) => {
    if (args[0] === undefined) await say(shell, 1, `${shell.umask.toString(8).padStart(4, '0')}\n`);
    else if (/^[0-7]+$/.test(args[0])) shell.umask = Number.parseInt(args[0], 8);
    else return fail(shell, 'umask', `Illegal mode: ${args[0]}`, 2);
    return 0;
  },
  unset: (shell, args) => {
    for (const name of args) {
      if (name === '-f' || name === '-v') continue;
      if (args[0] === '-f') shell.functions.delete(name);
      else shell.variables.delete(name);
    }
    return 0;
  },
  wait: waitForJobs,
};

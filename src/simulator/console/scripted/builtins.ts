/** The commands that are part of the shell (POSIX XCU 2.14), by name. */
import { type Builtin, fail, say } from './builtin.ts';
import { sendSignal, setTrap, waitForJobs } from './builtins-processes.ts';
import { getOptions, makeLocal, marking, readWords, setOptions } from './builtins-variables.ts';
import { ExitJump, LoopJump, ReturnJump } from './control.ts';
import { FileError, reasons } from './files.ts';
import { echoText, printfText, testAnswer } from './plain-commands.ts';
import { findProgram, pathOfProgram } from './programs.ts';
import { assign, type Shell, variableValue } from './shell-state.ts';

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

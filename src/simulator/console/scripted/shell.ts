/** Shells: the one that runs a script, and the one that talks to somebody at a terminal. */
import { ExitJump, LoopJump, ReturnJump } from './control.ts';
import { endShell, run, runText } from './interpreter.ts';
import { editLine } from './line-editor.ts';
import { createParser } from './parse.ts';
import { Killed } from './processes.ts';
import { seatOf, takeSeat } from './seats.ts';
import { complain, listenForSignals, print } from './shell-processes.ts';
import { closeFds, misuse, type Shell, variableValue } from './shell-state.ts';
import { BrokenPipe } from './streams.ts';
import { Incomplete, type Node, SyntaxProblem } from './syntax.ts';
import type { Terminal } from './terminal.ts';
import type { ProgramStart } from './tools/tool.ts';

/** What a shell is asked to do. */
interface Invocation {
  readonly options: string[];
  /** `-c`. */
  readonly text?: string;
  readonly file?: string;
  readonly name: string;
  readonly positional: string[];
  readonly isInteractive: boolean;
}

const notFound = 127;
const endOfInput = 'exit\n';
const interrupted = new Killed('INT').status;

function readArguments(name: string, args: readonly string[], hasTerminal: boolean): Invocation {
  const queue = [...args];
  const options: string[] = [];
  let wantsText = false;
  let isStdin = false;
  let isForced = false;
  while (queue[0] !== undefined && /^[-+]./.test(queue[0])) {
    const word = queue.shift() as string;
    if (word === '--') break;
    if (word.startsWith('--')) continue; // --login and the like
    for (const letter of word.slice(1)) {
      if (letter === 'c') wantsText = true;
      else if (letter === 's') isStdin = true;
      else if (letter === 'i') isForced = true;
      else if (letter === 'o') options.push(queue.shift() === 'pipefail' ? 'pipefail' : '');
      else if (letter !== 'l') options.push(letter);
    }
  }
  if (wantsText) {
    const text = queue.shift() ?? '';
    return { options, text, name: queue.shift() ?? name, positional: queue, isInteractive: false };
  }
  const file = isStdin ? undefined : queue.shift();
  if (file !== undefined) return { options, file, name: file, positional: queue, isInteractive: false };
  return { options, name, positional: queue, isInteractive: isForced || (hasTerminal && !isStdin) };
}

function makeShell(start: ProgramStart, invocation: Invocation): Shell {
  const { machine, process, environment, cwd, umask, user, fds, ignored } = start;
  const variables = new Map(
    [...environment].map(([name, value]) => [name, { value, exported: true } as const]),
  );
  const shell: Shell = {
    machine,
    process,
    user,
    cwd,
    umask,
    fds,
    variables: new Map([...variables].map(([name, variable]) => [name, { ...variable }])),
    functions: new Map(),
    positional: [...invocation.positional],
    name: invocation.name,
    options: new Set(invocation.options.filter((option) => option !== '')),
    traps: new Map(ignored.map((signal) => [signal, ''])),
    pending: [],
    status: 0,
    lastBackground: undefined,
    jobs: [],
    shellPid: process.pid,
    isInteractive: invocation.isInteractive,
    isBash: start.name.endsWith('bash'),
    guarded: 0,
    locals: [],
    isInterrupted: false,
    interrupt: undefined,
  };
  shell.variables.set('PWD', { value: cwd, exported: true });
  if (!shell.variables.has('PATH'))
    shell.variables.set('PATH', {
      value: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      exported: false,
    });
  shell.variables.set('PPID', { value: String(process.parent), exported: false });
  shell.variables.set('IFS', { value: ' \t\n', exported: false });
  shell.variables.set('OPTIND', { value: '1', exported: false });
  return shell;
}

/** The exit code that leaves a shell, or undefined for an error that is none of a script's. */
function leavingStatus(error: unknown): number | undefined {
  if (error instanceof ExitJump || error instanceof ReturnJump) return error.status;
  if (error instanceof LoopJump) return 0;
  if (error instanceof BrokenPipe) return new Killed('PIPE').status;
  return undefined;
}

async function runScript(shell: Shell, text: string): Promise<number> {
  try {
    return await runText(shell, text);
  } catch (error) {
    const status = leavingStatus(error);
    if (status !== undefined) return status;
    shell.process.signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    await complain(shell, error.message);
    return misuse;
  }
}

/** What PS1 shows, for the shell of the distribution. */
function promptOf(shell: Shell): { text: string; bracketed: boolean } {
  const { machine, cwd, isBash } = shell;
  const home = variableValue(shell, 'HOME') ?? '/root';
  const place =
    cwd === home ? '~' : cwd.startsWith(`${home}/`) && home !== '/' ? `~${cwd.slice(home.length)}` : cwd;
  const [user = 'root', uid] = shell.user.split(':');
  const sign = uid === '0' ? '#' : '$';
  return isBash
    ? { text: `${user}@${machine.hostname}:${place}${sign} `, bracketed: true }
    : { text: `${machine.hostname}:${place}${sign} `, bracketed: false };
}

async function tellJobs(shell: Shell): Promise<void> {
  for (const { number, process } of shell.jobs)
    if (!process.isRunning()) await print(shell, 2, `[${number}]+  Done\n`);
  shell.jobs = shell.jobs.filter(({ process }) => process.isRunning());
}

/** Reads one command over as many lines as it has; undefined at the end of the input. */
async function readCommand(
  shell: Shell,
  terminal: Terminal,
  history: string[],
): Promise<readonly Node[] | undefined> {
  let text = '';
  for (;;) {
    const { text: prompt, bracketed } = promptOf(shell);
    const wait = new AbortController();
    shell.interrupt = wait;
    const signal = AbortSignal.any([shell.process.signal, wait.signal]);
    shell.isInterrupted = false;
    const { line, isCancelled } = await editLine(terminal, {
      prompt: text === '' ? prompt : '> ',
      bracketed,
      signal,
      history,
      onReady: (redraw) => {
        if (bracketed) shell.redraw = redraw;
      },
    });
    shell.redraw = undefined;
    shell.interrupt = undefined;
    if (isCancelled) {
      shell.status = new Killed('INT').status;
      return [];
    }
    if (line === undefined) {
      if (text !== '') throw new SyntaxProblem('syntax error: unexpected end of file');
      return undefined;
    }
    if (line.trim() !== '' && line !== history.at(-1)) history.push(line);
    text += `${line}\n`;
    try {
      const parser = createParser(text, false);
      const nodes: Node[] = [];
      for (let node = parser.next(); node; node = parser.next()) nodes.push(node);
      return nodes;
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error;
    }
  }
}

async function talk(shell: Shell, terminal: Terminal): Promise<number> {
  const history: string[] = [];
  shell.options.add('m');
  for (;;) {
    await tellJobs(shell);
    try {
      const nodes = await readCommand(shell, terminal, history);
      if (nodes === undefined) {
        await print(shell, 2, endOfInput);
        return shell.status;
      }
      for (const node of nodes) await run(shell, node);
      // The key showed as `^C` only.
      if (nodes.length > 0 && shell.status === interrupted) await print(shell, 2, '\n');
    } catch (error) {
      shell.process.signal.throwIfAborted();
      if (error instanceof ExitJump) {
        await print(shell, 2, endOfInput);
        return error.status;
      }
      if (leavingStatus(error) !== undefined) continue;
      if (error instanceof Killed) {
        shell.status = error.status;
        await print(shell, 2, '\n');
        continue;
      }
      if (!(error instanceof Error)) throw error;
      shell.status = misuse;
      await complain(shell, error.message);
    }
  }
}

/**
 * Runs a shell to its end and closes its descriptors.
 *
 * @param start - with the arguments of `sh`.
 * @returns its exit code.
 */
export async function runShell(start: ProgramStart): Promise<number> {
  const terminal = start.fds.get(0)?.terminal;
  const invocation = readArguments(start.name, start.args, terminal !== undefined);
  const shell = makeShell(start, invocation);
  listenForSignals(shell);
  const seat = terminal && invocation.isInteractive ? (seatOf(shell) ?? takeSeat(shell)) : undefined;
  const before = seat?.foreground;
  if (seat) seat.foreground = shell.process.group;
  try {
    let status: number;
    if (terminal && invocation.isInteractive) {
      status = await talk(shell, terminal);
    } else if (invocation.file === undefined) {
      const { signal } = shell.process;
      let { text } = invocation;
      if (text === undefined) {
        const parts: string[] = [];
        for (
          let part = await shell.fds.get(0)?.read(65_536, signal);
          part;
          part = await shell.fds.get(0)?.read(65_536, signal)
        )
          parts.push(part);
        text = parts.join('');
      }
      status = await runScript(shell, text);
    } else {
      const { files } = shell.machine;
      const entry = files.get(files.resolve(invocation.file, shell.cwd));
      if (!entry || entry.type === 'dir') {
        await print(shell, 2, `${start.name}: 0: cannot open ${invocation.file}: No such file\n`);
        return notFound;
      }
      status = await runScript(shell, entry.data ?? '');
    }
    return await endShell(shell, status);
  } finally {
    if (seat && before !== undefined) seat.foreground = before;
    closeFds(shell.fds);
  }
}

/** What a shell does with processes: it waits for them, puts them in front, hears of signals, starts programs. */
import { Killed, type Process } from './processes.ts';
import { findProgram, runProgram } from './programs.ts';
import { seatOf } from './seats.ts';
import { copyFds, environmentOf, type Shell } from './shell-state.ts';

const notFound = 127;

/** Prints to a descriptor of the shell; nothing when it is closed. */
export async function print(shell: Shell, fd: number, text: string): Promise<void> {
  await shell.fds.get(fd)?.write(text, shell.process.signal);
}

/** Complains as the shell does. */
export async function complain(shell: Shell, text: string): Promise<void> {
  await print(shell, 2, `${shell.isInteractive ? 'bash' : shell.name}: ${text}\n`);
}

/** Lets a shell's traps take signals. */
export function listenForSignals(shell: Shell): void {
  shell.process.onSignal = (signal) => {
    const action = shell.traps.get(signal);
    if (signal === 'WINCH') shell.redraw?.();
    if (action === undefined) {
      if (!shell.isInteractive || !['INT', 'TERM', 'QUIT'].includes(signal)) return false;
      if (signal === 'INT') {
        shell.isInterrupted = true;
        shell.interrupt?.abort(new Killed(signal));
      }
      return true;
    }
    if (action !== '') {
      shell.pending.push(signal);
      shell.interrupt?.abort(new Killed(signal));
    }
    return true;
  };
}

/** Waits for processes in front; when the shell itself is ended meanwhile, so are they. */
export async function waitFor(shell: Shell, processes: readonly Process[]): Promise<number> {
  const pipefail = shell.options.has('pipefail');
  const { signal } = shell.process;
  const { processes: table } = shell.machine;
  const end = (): void => {
    for (const { pid } of processes) table.kill(pid, 'KILL');
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    let status = 0;
    for (const process of processes) {
      const code = await process.ended;
      if (code !== 0 || !pipefail) status = code;
    }
    return status;
  } finally {
    signal.removeEventListener('abort', end);
    signal.throwIfAborted();
  }
}

/** Runs a program and waits for it. */
export async function runExternal(shell: Shell, words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words;
  const program = findProgram(shell, name);
  if (program === undefined) {
    const problem = name.includes('/')
      ? 'No such file or directory'
      : shell.isInteractive
        ? 'command not found'
        : 'not found';
    await complain(shell, `${name}: ${problem}`);
    return notFound;
  }
  if (program.kind === 'refused') {
    await complain(shell, `${name}: ${program.reason}`);
    return 126;
  }
  const isJob = shell.options.has('m');
  const { processes } = shell.machine;
  const child = processes.spawn(
    { command: words.join(' '), parent: shell.process, newGroup: isJob },
    (process) =>
      runProgram(program, {
        machine: shell.machine,
        process,
        name,
        args,
        environment: environmentOf(shell),
        cwd: shell.cwd,
        umask: shell.umask,
        user: shell.user,
        fds: copyFds(shell.fds),
        ignored: [...shell.traps].filter(([, action]) => action === '').map(([signal]) => signal),
      }),
  );
  return inFront(shell, child.group, () => waitFor(shell, [child]));
}

/** Keys of the terminal go to a group while something is awaited. */
export async function inFront<T>(shell: Shell, group: number, work: () => Promise<T>): Promise<T> {
  const seat = seatOf(shell);
  if (!seat || !shell.options.has('m')) return work();
  const before = seat.foreground;
  seat.foreground = group;
  try {
    return await work();
  } finally {
    seat.foreground = before;
  }
}

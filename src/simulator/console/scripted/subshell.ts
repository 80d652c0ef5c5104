/** Subshells: processes with a copy of their shell, of which substituted commands are one kind. */
import type { Engine } from './builtin.ts';
import { ExitJump, LoopJump, ReturnJump } from './control.ts';
import { createExpander, type Expander } from './expand.ts';
import { Killed, type Process } from './processes.ts';
import { complain, listenForSignals, waitFor } from './shell-processes.ts';
import { closeFds, copyFds, misuse, type Shell, subshellOf } from './shell-state.ts';
import { BrokenPipe, collector, type Stream } from './streams.ts';
import { runExitTrap } from './traps.ts';

/** Runs a subshell's inside, up to its exit code. */
async function runSubshell(engine: Engine, shell: Shell, work: () => Promise<number>): Promise<number> {
  const { process } = shell;
  listenForSignals(shell);
  let status: number;
  try {
    status = await work();
  } catch (error) {
    if (error instanceof ExitJump || error instanceof ReturnJump) status = error.status;
    else if (error instanceof LoopJump) status = 0;
    else if (error instanceof BrokenPipe) status = new Killed('PIPE').status;
    else if (process.signal.aborted || !(error instanceof Error)) throw error;
    else {
      await complain(shell, error.message);
      status = misuse;
    }
  }
  try {
    return await runExitTrap(engine, shell, status);
  } finally {
    closeFds(shell.fds);
  }
}

/** Starts a subshell as a process of its own. */
export function fork(
  engine: Engine,
  shell: Shell,
  fds: Map<number, Stream>,
  options: { readonly command: string; readonly newGroup?: boolean },
  work: (inner: Shell) => Promise<number>,
): Process {
  return shell.machine.processes.spawn({ parent: shell.process, ...options }, (process) => {
    const inner = subshellOf(shell, process, fds);
    return runSubshell(engine, inner, () => work(inner));
  });
}

/** `onStatus` hears of the exit codes of substituted commands. */
export function expanderOf(engine: Engine, shell: Shell, onStatus?: (status: number) => void): Expander {
  return createExpander(shell, async (body) => {
    const output = collector();
    const fds = copyFds(shell.fds);
    fds.get(1)?.release();
    fds.set(1, output.stream);
    const process = fork(engine, shell, fds, { command: shell.process.command }, (inner) =>
      engine.run(inner, body),
    );
    shell.status = await waitFor(shell, [process]);
    onStatus?.(shell.status);
    return output.text();
  });
}

/** What a shell has been told to do when a signal comes, and when it ends. */
import type { Engine } from './builtin.ts';
import { ExitJump } from './control.ts';
import type { Shell } from './shell-state.ts';

/** Runs the traps of signals that have come. */
export async function runTraps(engine: Engine, shell: Shell): Promise<void> {
  for (let signal = shell.pending.shift(); signal !== undefined; signal = shell.pending.shift()) {
    const action = shell.traps.get(signal);
    if (action === undefined || action === '') continue;
    const { status } = shell;
    await engine.runText(shell, action);
    shell.status = status;
  }
}

/** The shell ends: its EXIT trap runs, and what it says decides. */
export async function runExitTrap(engine: Engine, shell: Shell, status: number): Promise<number> {
  const action = shell.traps.get('EXIT');
  if (action === undefined || action === '') return status;
  shell.traps.delete('EXIT');
  shell.status = status;
  try {
    await engine.runText(shell, action);
  } catch (error) {
    if (error instanceof ExitJump) return error.status;
    throw error;
  }
  return status;
}

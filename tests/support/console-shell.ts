/** Commands on a local console, through everything that they go through in a container. */
import type { CommandSpec } from '../../src/console/command-script.ts';
import { type Outcome, type RunOptions, runCommand } from '../../src/console/run-command.ts';
import { createShell, type Shell, type ShellOptions } from '../../src/console/shell.ts';
import { systemClock } from '../../src/util/clock.ts';
import type { LocalConsole } from './local-console.ts';

/** What a command left behind. */
export interface Ran extends Outcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The shell of a local console; waits are short. */
export function shellOf(console: LocalConsole, options: Partial<ShellOptions> = {}): Shell {
  return createShell({
    open: () => console.open(),
    mayReopen: () => false,
    clock: systemClock,
    random: () => 0,
    places: console.places,
    ...options,
  });
}

/** Runs a command in a shell. */
export async function run(
  shell: Shell,
  spec: CommandSpec | readonly string[],
  options: Partial<RunOptions> = {},
): Promise<Ran> {
  const out: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const outcome = await runCommand(shell, 'argv' in spec ? spec : { argv: spec }, {
    onOutput: (stream, bytes) => {
      out[stream].push(Buffer.from(bytes));
    },
    ...options,
  });
  return { ...outcome, stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr) };
}

/** Runs one command and gives the shell back. */
export async function runOnce(
  console: LocalConsole,
  spec: CommandSpec | readonly string[],
  options: Partial<RunOptions> & { readonly shell?: Partial<ShellOptions> } = {},
): Promise<Ran> {
  const shell = shellOf(console, options.shell);
  try {
    return await run(shell, spec, options);
  } finally {
    await shell.close();
  }
}

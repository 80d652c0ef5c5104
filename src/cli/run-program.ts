/** Arguments → command tree → exit code. Loads nothing else until a command runs. */
import type { Host } from './host.ts';
import { createProgram } from './program.ts';

/** What the tree itself needs of the process; the rest is asked for when a command runs. */
export interface ProgramIo {
  readonly env: Host['env'];
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
  readonly loadHost: () => Promise<Host>;
}

/**
 * Runs the command line.
 *
 * @param args - arguments after `pvefleet`.
 * @param io - the process, or what stands in for it.
 * @returns the exit code; never throws.
 */
export async function runProgram(args: readonly string[], io: ProgramIo): Promise<number> {
  let exitCode = 1;
  try {
    const program = createProgram({
      env: io.env,
      writeOut: io.writeOut,
      writeErr: io.writeErr,
      execute: async (load, invocation) => {
        const [{ execute }, host] = await Promise.all([import('./execute.ts'), io.loadHost()]);
        exitCode = await execute(load, invocation, host);
      },
    });
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end with an exception as well; they must stay as cheap as they are.
    if (error instanceof Error && 'exitCode' in error && error.exitCode === 0) return 0;
    const [{ reportUsage }, host] = await Promise.all([import('./usage.ts'), io.loadHost()]);
    return reportUsage(error, args, host);
  }
}

/** Runs a command inside the test's own process, so that its questions can be answered with @inquirer/testing. */
import { execute } from '../../src/cli/execute.ts';
import type { Host } from '../../src/cli/host.ts';
import { createProgram } from '../../src/cli/program.ts';
import { reportUsage } from '../../src/cli/usage.ts';

/**
 * Runs `pvefleet` with a host of the test's own.
 *
 * @param args - arguments after `pvefleet`.
 * @param host - streams, environment and signals.
 * @returns the exit code.
 */
export async function runInProcess(args: readonly string[], host: Host): Promise<number> {
  let code = 1;
  const program = createProgram({
    env: host.env,
    writeOut: (text) => host.stdout.write(text),
    writeErr: (text) => host.stderr.write(text),
    execute: async (load, invocation) => {
      code = await execute(load, invocation, host);
    },
  });
  try {
    await program.parseAsync(['node', 'pvefleet', ...args]);
    return code;
  } catch (error) {
    return reportUsage(error, args, host);
  }
}

/** Runs one command: builds its runtime, reports what it throws, cleans up. */
import { exitCodeOf } from './exit-codes.ts';
import type { Host } from './host.ts';
import type { CommandModule, Invocation } from './invocation.ts';
import { createRuntime } from './runtime.ts';

/**
 * Runs a command.
 *
 * @param load - gives the command's module.
 * @param invocation - operands and flags.
 * @param host - the process.
 * @returns the exit code; never throws.
 */
export async function execute(
  load: () => Promise<CommandModule>,
  invocation: Invocation,
  host: Host,
): Promise<number> {
  const runtime = createRuntime(invocation.command, invocation.options, host);
  try {
    const { run } = await load();
    return await run(invocation, runtime);
  } catch (error) {
    runtime.output.error(error);
    return exitCodeOf(error);
  } finally {
    await runtime.close();
  }
}

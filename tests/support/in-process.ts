/** Runs a command inside the test's own process, so that its questions can be answered with @inquirer/testing. */
import { join } from 'node:path';
import { execute } from '../../src/cli/execute.ts';
import type { Host } from '../../src/cli/host.ts';
import { createProgram } from '../../src/cli/program.ts';
import { reportUsage } from '../../src/cli/usage.ts';
import { fakeHost } from './fake-host.ts';
import type { CliResult } from './run-cli.ts';

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

/**
 * Runs `pvefleet` as {@link runCli} does, without the start of a process: for the steps around the one that a test is about.
 *
 * @param args - arguments after `pvefleet`.
 * @param options - environment and working directory.
 * @returns exit code and streams.
 */
export async function runHere(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<CliResult> {
  const home = { HOME: cwd, XDG_CONFIG_HOME: join(cwd, '.config'), LANG: 'C.UTF-8' };
  const { host, stdout, stderr } = fakeHost({ cwd, env: { ...home, ...env } });
  const code = await runInProcess(args, host);
  return {
    code,
    signal: null,
    stdout: stdout(),
    stderr: stderr(),
    json: <T>() => JSON.parse(stdout()) as T,
  };
}

#!/usr/bin/env node
/** Entry of the command line: arguments → command tree → exit code. Loads nothing else until a command runs. */
import { createProgram } from './program.ts';

let exitCode = 1;

async function report(error: unknown): Promise<number> {
  const [{ reportUsage }, { processHost }] = await Promise.all([import('./usage.ts'), import('./host.ts')]);
  return reportUsage(error, process.argv.slice(2), processHost());
}

// A reader that goes away (`pvefleet list | head -1`) is no failure, and no reason to leave an apply half done.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  const program = createProgram({
    env: process.env,
    writeOut: (text) => process.stdout.write(text),
    writeErr: (text) => process.stderr.write(text),
    execute: async (load, invocation) => {
      const [{ execute }, { processHost }] = await Promise.all([import('./execute.ts'), import('./host.ts')]);
      exitCode = await execute(load, invocation, processHost());
    },
  });
  await program.parseAsync(process.argv);
} catch (error) {
  // Help and version end with an exception as well; they must stay as cheap as they are.
  const wanted = error instanceof Error && 'exitCode' in error && error.exitCode === 0;
  if (wanted) exitCode = 0;
  else exitCode = await report(error);
}
// Whatever still holds the event loop (an idle connection, a paused stdin) must not keep a finished command alive,
// but what was written must have left first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));

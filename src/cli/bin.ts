#!/usr/bin/env node
/** Entry of the command line: the process around it. */
import { runProgram } from './run-program.ts';

// A reader that goes away (`pvefleet list | head -1`) is no failure, and no reason to leave an apply half done.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const exitCode = await runProgram(process.argv.slice(2), {
  env: process.env,
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
  loadHost: async () => (await import('./host.ts')).processHost(),
});
// Whatever still holds the event loop (an idle connection, a paused stdin) must not keep a finished command alive,
// but what was written must have left first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));

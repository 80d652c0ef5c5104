/**
 * `npm run conformance [scenario …]`: starts the simulator with the seed `reference` on a free loopback port and replays
 * the recorded scenarios of ../shared/conformance against it. Exit code: the runner's.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSimulator } from '../../src/simulator/index.ts';
import { startServer } from '../../src/simulator/server.ts';

const folder = fileURLToPath(new URL('../../../shared/conformance/', import.meta.url));

async function main(names: readonly string[]): Promise<number> {
  if (!existsSync(folder)) {
    process.stdout.write('conformance: skipped: no ../shared\n');
    return 0;
  }
  const server = await startServer(createSimulator({ seed: 'reference' }), {
    host: '127.0.0.1',
    port: 0,
    http: true,
  });
  const scenarios = readdirSync(join(folder, 'scenarios'))
    .filter(
      (file) => file.endsWith('.json') && (names.length === 0 || names.some((name) => file.startsWith(name))),
    )
    .sort()
    .map((file) => join(folder, 'scenarios', file));
  const args = [
    join(folder, 'run.mjs'),
    '--url',
    server.url,
    '--target',
    join(folder, 'target.reference.json'),
    ...scenarios,
  ];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  await server.close();
  return code;
}

process.exitCode = await main(process.argv.slice(2));

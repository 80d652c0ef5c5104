/** The simulated cluster behind HTTPS for clients that are not ours, and how to run them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSimulator, type SeedName, type Simulator } from '../../src/simulator/index.ts';
import { startServer } from '../../src/simulator/server.ts';
import { scaledClock } from '../../src/util/clock.ts';

/** A cluster that serves, and a folder for a client's files. */
export interface Served {
  readonly sim: Simulator;
  readonly url: string;
  /** `127.0.0.1:PORT`. */
  readonly authority: string;
  readonly folder: string;
  /** PEM file with the server's own certificate: what the clients trust, and nothing else. */
  readonly caFile: string;
  /** Requests since the last call that could have changed something, as `METHOD /path`. */
  takeWrites(): string[];
  close(): Promise<void>;
}

/**
 * Serves a simulated cluster on a free loopback port.
 *
 * @param seed - which cluster.
 * @param speed - simulated seconds per second.
 */
export async function serveCluster(seed: SeedName, speed = 40): Promise<Served> {
  const sim = createSimulator({ seed, clock: scaledClock(speed) });
  const server = await startServer(sim, { host: '127.0.0.1', port: 0 });
  const folder = mkdtempSync(join(tmpdir(), 'pvefleet-client-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, server.certificatePem);
  let seen = 0;
  return {
    sim,
    url: server.url,
    authority: new URL(server.url).host,
    folder,
    caFile,
    takeWrites: () => {
      const fresh = sim.journal.filter(({ seq }) => seq > seen);
      seen = sim.journal.at(-1)?.seq ?? seen;
      return fresh.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
    },
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a client left behind. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const run = promisify(execFile);

/**
 * Runs a program in the clients' folder, with nothing of the developer's own settings.
 *
 * @param file - program.
 * @param args - its arguments.
 * @param env - further variables.
 */
export async function runClient(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const clean = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C.UTF-8', HOME: tmpdir(), ...env };
  try {
    const { stdout, stderr } = await run(file, args, { cwd: here, env: clean, maxBuffer: 2 ** 25 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof failed.code !== 'number') throw error; // not started at all
    return { code: failed.code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
}

/**
 * Finds out whether a client can be run, and says so where it cannot.
 *
 * @param debianPackage - what would have to be installed.
 * @param file - program of the probe.
 * @param args - arguments with which it succeeds when everything is there.
 * @returns whether the tests with it are to be skipped.
 */
export async function isMissing(
  debianPackage: string,
  file: string,
  args: readonly string[],
): Promise<boolean> {
  // A program that cannot be started rejects; one that is there but lacks a part ends with another code.
  const code = await runClient(file, args).then(
    (done) => done.code,
    () => -1,
  );
  if (code === 0) return false;
  process.stderr.write(`skipped: ${debianPackage} is not installed (apt-get install ${debianPackage})\n`);
  return true;
}

/** Runs the built command line, within this process or as a child, and the simulated cluster as one more. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Host, HostWriter } from '../../src/cli/host.ts';
import type { runProgram as RunProgram } from '../../src/cli/run-program.ts';
import { ensureBuilt } from './build.ts';

export const bin: string = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url));

/** What a run left behind. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document on stdout. */
  readonly json: <T = Record<string, unknown>>() => T;
}

/** How to run it. */
export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Text for stdin; without it stdin is closed. */
  readonly input?: string;
  /** Arguments for node itself. */
  readonly node?: readonly string[];
}

/** A run under way. */
export interface CliRun {
  readonly child: ChildProcess;
  readonly done: Promise<CliResult>;
  /** Resolves when stderr contains the text. */
  readonly waitForStderr: (text: string) => Promise<void>;
}

/** An environment in which nothing of the developer's own set-up shows. */
function cleanEnv(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    LANG: 'C.UTF-8',
  };
}

/** A new folder for one test file. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'pvefleet-test-'));
}

/**
 * Starts the command line.
 *
 * @param args - arguments after `pvefleet`.
 * @param options - environment, stdin and working directory.
 * @returns the running process.
 */
export function startCli(args: readonly string[], options: CliOptions = {}): CliRun {
  const home = options.cwd ?? tmpdir();
  const child = spawn(process.execPath, [...(options.node ?? []), bin, ...args], {
    cwd: home,
    env: { ...cleanEnv(home), ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers: { text: string; resolve: () => void }[] = [];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    for (const watcher of watchers) if (stderr.includes(watcher.text)) watcher.resolve();
  });
  if (options.input !== undefined) child.stdin?.end(options.input);
  const done = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({
        code,
        signal,
        stdout,
        stderr,
        json: <T>() => JSON.parse(stdout) as T,
      }),
    );
  });
  return {
    child,
    done,
    waitForStderr: (text) =>
      new Promise<void>((resolve, reject) => {
        if (stderr.includes(text)) resolve();
        watchers.push({ text, resolve });
        void done.then(() => reject(new Error(`ended without '${text}' on stderr:\n${stdout}\n${stderr}`)));
      }),
  };
}

/**
 * Runs the command line to its end in a process of its own.
 *
 * @param args - arguments after `pvefleet`.
 * @param options - environment, stdin and working directory.
 * @returns exit code and streams.
 */
export function spawnCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).done;
}

/** Gathers what is written to a stream. */
function sink(): HostWriter & { text(): string } {
  const chunks: Buffer[] = [];
  return {
    write: (chunk) => chunks.push(Buffer.from(chunk)),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}

/**
 * Runs the built command line to its end within this process: what a run costs then is its work, not the start of one more
 * Node.js. What signals, terminals and the process itself do is told by {@link startCli} and {@link spawnCli} only.
 *
 * @param args - arguments after `pvefleet`.
 * @param options - environment, stdin and working directory.
 * @returns exit code and streams.
 */
export async function runCli(
  args: readonly string[],
  options: Omit<CliOptions, 'node'> = {},
): Promise<CliResult> {
  const { runProgram } = (await import(pathToFileURL(join(bin, '../run-program.js')).href)) as {
    runProgram: typeof RunProgram;
  };
  const home = options.cwd ?? tmpdir();
  const stdout = sink();
  const stderr = sink();
  const host: Host = {
    env: { ...cleanEnv(home), ...options.env },
    cwd: home,
    stdin: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    stdout,
    stderr,
    onSignal: () => () => undefined,
    onExit: () => () => undefined,
    exit: (code) => {
      throw new Error(`the command line ended itself with ${code}`);
    },
  };
  const code = await runProgram(args, {
    env: host.env,
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    loadHost: () => Promise.resolve(host),
  });
  const out = stdout.text();
  return { code, signal: null, stdout: out, stderr: stderr.text(), json: <T>() => JSON.parse(out) as T };
}

/** A simulated cluster that serves. */
export interface Cluster {
  readonly url: string;
  readonly fingerprint: string;
  readonly username: string;
  readonly password: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
  /** Variables with which the command line reaches it. */
  readonly env: Readonly<Record<string, string>>;
  readonly child: ChildProcess;
  /** Ends it; resolves with its exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/**
 * Builds if needed and starts `sim serve`.
 *
 * @param args - further arguments.
 * @returns the cluster, ready.
 */
export async function startCluster(args: readonly string[] = []): Promise<Cluster> {
  await ensureBuilt();
  const child = spawn(process.execPath, [bin, 'sim', 'serve', '--speed', '20', '-o', 'json', ...args], {
    env: cleanEnv(tmpdir()),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then((code) => reject(new Error(`sim serve ended with ${code}: ${stderr}`)));
  });
  const ready = JSON.parse(line) as Omit<Cluster, 'env' | 'child' | 'stop'>;
  return {
    ...ready,
    child,
    env: {
      PVEFLEET_URL: ready.url,
      PVEFLEET_FINGERPRINT: ready.fingerprint,
      PVEFLEET_TOKEN_ID: ready.tokenId,
      PVEFLEET_TOKEN_SECRET: ready.tokenSecret,
    },
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

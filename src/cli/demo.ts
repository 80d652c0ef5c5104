/**
 * `npm run demo`: the main job on a simulated cluster, with the real command line over HTTPS. Every step is a command
 * that is printed before it runs; the demo fails when a command does not do what it should.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import type { ShowDocument } from '../engine/list.ts';

const bin = fileURLToPath(new URL('./bin.js', import.meta.url));
const examples = new URL('../../config/examples/', import.meta.url);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Serving {
  readonly url: string;
  readonly fingerprint: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
}

interface Demo {
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
}

/** Runs a command with its output passed through; a wrong exit code ends the demo. */
async function run(demo: Demo, args: readonly string[], expected = 0): Promise<void> {
  say(pc.bold(pc.cyan(`\n$ pvefleet ${args.join(' ')}`)));
  const child = spawn(process.execPath, [bin, ...args], {
    env: demo.env,
    cwd: demo.folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== expected)
    throw new Error(`pvefleet ${args[0] ?? ''} ended with ${code ?? 'a signal'}, expected ${expected}`);
  if (expected !== 0) say(pc.dim(`(exit ${expected}, as it should)`));
}

async function capture(demo: Demo, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: demo.env,
    cwd: demo.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`pvefleet ${args.join(' ')} ended with ${code}`);
  return text;
}

async function show(demo: Demo, name: string): Promise<ShowDocument> {
  return JSON.parse(await capture(demo, ['show', name, '-o', 'json'])) as ShowDocument;
}

/** Copies an example to where the demo works. */
function takeExample(demo: Demo, name: string): string {
  const file = join(demo.folder, name);
  writeFileSync(file, readFileSync(new URL(name, examples)));
  return file;
}

const remark = (text: string): void => say(pc.bold(pc.yellow(`\n# ${text}`)));

async function story(demo: Demo): Promise<void> {
  const file = takeExample(demo, 'demo.yaml');
  await run(demo, ['doctor']);
  await run(demo, ['plan', '-f', 'demo.yaml']);
  await run(demo, ['apply', '-f', 'demo.yaml', '--yes']);

  const before = await show(demo, 'proxy01');
  await run(demo, ['resize', 'proxy01', '--memory', '2GiB', '--cores', '4', '--yes']);
  const after = await show(demo, 'proxy01');
  const [was, is] = [before.container.uptimeSeconds ?? 0, after.container.uptimeSeconds ?? 0];
  if (is < was || after.container.memoryMiB !== 2048) throw new Error('the resize was not live');
  say(
    pc.green(
      `proxy01 kept running: up ${was} s before, ${is} s after; memory ${before.container.memoryMiB} MiB before, ${after.container.memoryMiB} MiB after`,
    ),
  );

  remark('the file says the same from now on (proxy01: cores 4, memory 2GiB)');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/(proxy01:\n {4}node: pve1\n {4}cores:) 2\n/, '$1 4\n    memory: 2GiB\n'));
  await run(demo, ['plan', '-f', 'demo.yaml', '--detailed-exitcode']);

  remark('somebody changes a container behind our back, with a bare API call');
  const { vmid, node } = (await show(demo, 'worker02')).container;
  await run(demo, ['api', 'PUT', `/nodes/${node}/lxc/${vmid}/config`, 'memory=128', 'onboot=1']);
  await run(demo, ['verify', '-f', 'demo.yaml'], 7);
  await run(demo, ['apply', '-f', 'demo.yaml', '--yes']);
  await run(demo, ['verify', '-f', 'demo.yaml']);
  await classroom(demo);
  await run(demo, ['list']);
}

/** Containers that are set up from inside, broken by a student, and reset. */
async function classroom(demo: Demo): Promise<void> {
  remark('a class of two: packages and files from inside the containers, over their consoles');
  takeExample(demo, 'lab.yaml');
  await run(demo, ['apply', '-f', 'lab.yaml', '--yes']);
  await run(demo, ['plan', '-f', 'lab.yaml', '--detailed-exitcode']);
  const read = ['exec', 'student-01', '--', 'cat', '/root/exercise/README'];
  await run(demo, read);

  remark('a student breaks it; one command brings it back');
  await run(demo, ['exec', 'student-01', '--', 'rm', '-r', '/root/exercise']);
  await run(demo, read, 1);
  await run(demo, ['reset', '-f', 'lab.yaml', 'student-01', '--yes', '--allow', 'destroy']);
  await run(demo, read);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pvefleet-demo-'));
  say(pc.dim('Starting the simulated cluster: three nodes, over HTTPS on a free loopback port.'));
  const server = spawn(
    process.execPath,
    [bin, 'sim', 'serve', '--seed', 'cluster', '--speed', '2', '-o', 'json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const serving = await new Promise<Serving>((resolve, reject) => {
      createInterface({ input: server.stdout }).once('line', (line) => resolve(JSON.parse(line) as Serving));
      server.once('exit', (code) => reject(new Error(`the simulated cluster ended with ${code}`)));
    });
    const { url, fingerprint, tokenId, tokenSecret } = serving;
    const env = {
      ...process.env,
      XDG_CONFIG_HOME: folder,
      PVEFLEET_URL: url,
      PVEFLEET_FINGERPRINT: fingerprint,
      PVEFLEET_TOKEN_ID: tokenId,
      PVEFLEET_TOKEN_SECRET: tokenSecret,
    };
    await story({ env, folder });
    say(pc.bold(pc.green('\nDemo finished.')));
  } finally {
    server.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

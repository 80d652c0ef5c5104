/**
 * A real POSIX shell on a real terminal of this machine, in a scratch directory for each container. Opt-in: whoever may
 * open a console of the simulated cluster can do here whatever the simulator's own user can. Where Linux allows it, each
 * container has /run, /var/tmp and /var/lib/pvefleet for itself, because programs keep their state there; everything else is
 * this machine's.
 * Needs the optional package `@lydell/node-pty`.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, write } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IPty } from '@lydell/node-pty';
import { systemClock } from '../../util/clock.ts';
import { messageOf } from '../../util/errors.ts';
import type { SimContainer } from '../model/state.ts';
import type { ConsoleBackend, ConsoleProcess, ConsoleSize } from './backend.ts';

type Spawn = typeof import('@lydell/node-pty').spawn;

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** How long to wait before writing again to a terminal whose program does not read. */
const retryMs = 2;

/** Shells that are looked for, with what makes them interactive and leaves the files of this machine unread. */
const shells: readonly (readonly [program: string, args: string[]])[] = [
  ['/bin/bash', ['--noprofile', '--norc', '-i']],
  ['/bin/sh', ['-i']],
];

async function loadSpawn(): Promise<Spawn> {
  try {
    return (await import('@lydell/node-pty')).spawn;
  } catch (error) {
    throw new Error(
      `a real shell needs the package @lydell/node-pty (npm install @lydell/node-pty): ${messageOf(error)}`,
    );
  }
}

/** What the system tells of a process. */
interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly environment: string;
}

function factsOf(pid: number): ProcessFacts | undefined {
  try {
    // Fields behind the name in brackets: state, parent, group, session.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent, , session] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return { pid, parent: parent ?? 0, session: session ?? 0, environment };
  } catch {
    return undefined; // it has just ended, or is somebody else's
  }
}

/**
 * Ends everything that a shell has started, also what went its own way: whoever is in its session, lives in its home or
 * descends from one of these.
 */
function killAll(leader: number, home: string): void {
  const isLinux = existsSync('/proc/self/stat');
  const pids = isLinux ? readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)) : [];
  const all = pids.map((name) => factsOf(Number(name))).filter((facts) => facts !== undefined);
  const doomed = new Set([leader]);
  for (const { pid, session, environment } of all)
    if (session === leader || environment.split('\0').some((entry) => entry.endsWith(`=${home}`)))
      doomed.add(pid);
  for (let before = 0; before < doomed.size; ) {
    before = doomed.size;
    for (const { pid, parent } of all) if (doomed.has(parent)) doomed.add(pid);
  }
  for (const pid of doomed) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
}

/** Directories that each container has for itself, where the system allows it. */
const ownDirectories = ['/run', '/var/tmp'];
/** The same for one that this machine may not have yet, where it can be made: what containers remember of their own set-up. */
const ownIfPossible = ['/var/lib/pvefleet'];
/** Ways to get a view of the file system for oneself: root's, and that of others where they are allowed to. */
const namespaces: readonly (readonly string[])[] = [['--mount'], ['--user', '--map-root-user', '--mount']];

function runsWell(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, (error) => resolve(error === null));
  });
}

/** The words in front of a shell that give it directories of its own; none where that is not possible. */
async function isolation(): Promise<readonly string[]> {
  for (const options of namespaces) {
    const words = [...options, '--propagation', 'private'];
    if (!(await runsWell('unshare', [...words, 'mount', '--bind', tmpdir(), '/var/tmp']))) continue;
    const mount = (path: string): string =>
      `mkdir -p "$HOME/.own${path}" && mount --bind "$HOME/.own${path}" ${path}`;
    const script = [
      ownDirectories.map(mount).join(' && '),
      ...ownIfPossible.map((path) => `{ mkdir -p ${path} && ${mount(path)}; } 2>/dev/null`),
      'exec "$@"',
    ];
    return ['unshare', ...words, '/bin/sh', '-c', script.join('; '), 'sh'];
  }
  return [];
}

/**
 * Bytes on their way to a terminal. node-pty's own `write` blocks this whole process while the program does not read, and
 * for ever when the program waits for its output to be read meanwhile.
 */
function createInput(
  pty: IPty & { readonly fd: number },
  isOver: () => boolean,
): (bytes: Uint8Array) => void {
  const waiting: Uint8Array[] = [];
  let isBusy = false;
  const pump = (): void => {
    const bytes = waiting[0];
    if (isOver() || bytes === undefined) {
      isBusy = false;
      return;
    }
    isBusy = true;
    write(pty.fd, bytes, 0, bytes.length, null, (error, count) => {
      if (error?.code === 'EAGAIN') {
        void systemClock.sleep(retryMs).then(pump);
        return;
      }
      if (error)
        waiting.length = 0; // the terminal has gone, and its exit is about to be told
      else if (count < bytes.length) waiting[0] = bytes.subarray(count);
      else waiting.shift();
      pump();
    });
  };
  return (bytes) => {
    if (bytes.length === 0) return;
    waiting.push(Uint8Array.from(bytes));
    if (!isBusy) pump();
  };
}

function toProcess(pty: IPty, home: string, firstSize: ConsoleSize, onGone: () => void): ConsoleProcess {
  let size = firstSize;
  let isOver = false;
  let onExit = (): void => undefined;
  const input = createInput(pty as IPty & { readonly fd: number }, () => isOver);
  pty.onExit(() => {
    isOver = true;
    onGone();
    onExit();
  });
  return {
    write: input,
    resize: (wanted) => {
      const { columns, rows } = wanted;
      if (isOver || columns === 0 || rows === 0) return;
      // The kernel tells the program of a change only; dtach wants it told in any case.
      if (columns === size.columns && rows === size.rows) pty.resize(columns, rows + 1);
      pty.resize(columns, rows);
      size = wanted;
    },
    onData: (listener) => {
      pty.onData((data) => listener(data as unknown as Buffer)); // bytes, because no encoding is set
    },
    onExit: (listener) => {
      onExit = listener;
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    kill: () => {
      if (!isOver) killAll(pty.pid, home);
    },
  };
}

/** How the real shell is run. */
export interface RealShellOptions {
  /** Path of another shell, for example one of busybox; it is started with `-i`. */
  readonly shell?: string;
  /** Where the scratch directories are made; default: the system's directory for temporary files. */
  readonly scratch?: string;
}

/**
 * Makes the backend that runs a real shell.
 *
 * @returns the backend; its scratch directories go with `close`.
 * @throws Error when the package for terminals is not installed.
 */
export async function createRealShell(options: RealShellOptions = {}): Promise<ConsoleBackend> {
  const spawn = await loadSpawn();
  const found = shells.find(([program]) => existsSync(program));
  const [program, args] =
    options.shell === undefined ? (found ?? ['/bin/sh', ['-i']]) : [options.shell, ['-i']];
  const own = await isolation();
  const root = await mkdtemp(join(options.scratch ?? tmpdir(), 'pvefleet-console-'));
  const running = new Set<ConsoleProcess>();
  return {
    spawn(container: SimContainer, size: ConsoleSize) {
      const home = join(root, String(container.vmid));
      mkdirSync(home, { recursive: true });
      const name = container.config['hostname'] ?? `CT${container.vmid}`;
      const prompt = program.endsWith('bash') ? `root@${name}:\\w# ` : `root@${name}:# `;
      const [first = program, ...words] = [...own, program, ...args];
      const pty = spawn(first, words, {
        cols: size.columns,
        rows: size.rows,
        cwd: home,
        encoding: null,
        name: 'xterm-256color',
        env: { TERM: 'xterm-256color', container: 'lxc', PATH: path, HOME: home, PS1: prompt },
      });
      const shell = toProcess(pty, home, size, () => running.delete(shell));
      running.add(shell);
      return shell;
    },
    async close() {
      for (const shell of [...running]) shell.kill();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

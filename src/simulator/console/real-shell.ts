/**
 * A real POSIX shell on a real terminal of this machine, in a scratch directory for each container. Opt-in: whoever may
 * open a console of the simulated cluster can do here whatever the simulator's own user can. Needs the optional package
 * `@lydell/node-pty`.
 */
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

/** Processes of a terminal's session, where the system tells of them. */
function sessionMembers(leader: number): number[] {
  if (!existsSync('/proc/self/stat')) return [leader];
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // Fields behind the name in brackets: state, parent, group, session.
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === leader;
      } catch {
        return false; // it has just ended
      }
    });
}

function killAll(leader: number): void {
  for (const pid of sessionMembers(leader)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
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

function toProcess(pty: IPty, firstSize: ConsoleSize, onGone: () => void): ConsoleProcess {
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
      if (!isOver) killAll(pty.pid);
    },
  };
}

/** How the real shell is run. */
export interface RealShellOptions {
  /** Path of another shell, for example one of busybox; it is started with `-i`. */
  readonly shell?: string;
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
  const root = await mkdtemp(join(tmpdir(), 'pvefleet-console-'));
  const running = new Set<ConsoleProcess>();
  return {
    spawn(container: SimContainer, size: ConsoleSize) {
      const home = join(root, String(container.vmid));
      mkdirSync(home, { recursive: true });
      const name = container.config['hostname'] ?? `CT${container.vmid}`;
      const prompt = program.endsWith('bash') ? `root@${name}:\\w# ` : `root@${name}:# `;
      const pty = spawn(program, args, {
        cols: size.columns,
        rows: size.rows,
        cwd: home,
        encoding: null,
        name: 'xterm-256color',
        env: { TERM: 'xterm-256color', container: 'lxc', PATH: path, HOME: home, PS1: prompt },
      });
      const shell = toProcess(pty, size, () => running.delete(shell));
      running.add(shell);
      return shell;
    },
    async close() {
      for (const shell of [...running]) shell.kill();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

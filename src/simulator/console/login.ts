/**
 * What is on the other terminals of a container: a login prompt that root's password opens, or the output of an
 * entrypoint. Behind the login is the same shell as behind lxc-attach.
 */
import type { Clock } from '../../util/clock.ts';
import type { SimContainer } from '../model/state.ts';
import type { ConsoleBackend, ConsoleProcess, ConsoleSize } from './backend.ts';
import { systemName } from './scripted/distribution.ts';
import { createTerminal, type Terminal } from './scripted/terminal.ts';

const ignore = (): void => undefined;
const lineBytes = 4096;

/** A program of our own on a terminal of its own. */
export function terminalProgram(
  clock: Clock,
  size: ConsoleSize,
  main: (terminal: Terminal, signal: AbortSignal) => Promise<void>,
  through: { readonly current: () => ConsoleProcess | undefined } = { current: () => undefined },
): ConsoleProcess {
  const ended = new AbortController();
  let onData: (bytes: Uint8Array) => void = ignore;
  let onExit = ignore;
  const terminal = createTerminal({ clock, onOutput: (bytes) => onData(bytes), onSignal: ignore });
  terminal.size = size;
  const finish = (): void => onExit();
  // A turn later, when there is somebody to hear it.
  Promise.resolve()
    .then(() => main(terminal, ended.signal))
    .then(finish, finish); // only the end of it can go wrong: it is told as an end
  return {
    write: (bytes) => (through.current() ?? { write: terminal.type }).write(bytes),
    resize: (wanted) => {
      terminal.size = wanted;
      through.current()?.resize(wanted);
    },
    pause: () => (through.current() ?? terminal).pause(),
    resume: () => (through.current() ?? terminal).resume(),
    onData: (listener) => {
      onData = listener;
    },
    onExit: (listener) => {
      onExit = listener;
    },
    kill: () => {
      through.current()?.kill();
      ended.abort(new Error('killed'));
      terminal.hangUp();
    },
  };
}

/** What a login prompt needs. */
export interface LoginOptions {
  readonly clock: Clock;
  readonly backend: ConsoleBackend;
  readonly container: SimContainer;
  readonly size: ConsoleSize;
  /** Name of the terminal, for example `tty1`. */
  readonly line: string;
}

async function readLine(terminal: Terminal, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await terminal.read(lineBytes, signal);
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString('latin1').replace(/\n$/, '');
}

/** A login prompt, again and again. */
export function startLogin(options: LoginOptions): ConsoleProcess {
  const { clock, backend, container, size, line } = options;
  let shell: ConsoleProcess | undefined;
  const name = container.config['hostname'] ?? `CT${container.vmid}`;
  const login = async (terminal: Terminal, signal: AbortSignal): Promise<void> => {
    const print = (text: string): Promise<void> => terminal.write(Buffer.from(text, 'latin1'));
    const plain = terminal.termios;
    await print(`\n${systemName(container)} ${name} ${line}\n\n`);
    for (;;) {
      terminal.termios = plain;
      await print(`${name} login: `);
      const user = await readLine(terminal, signal);
      signal.throwIfAborted();
      if (user === undefined || user === '') continue;
      terminal.termios = { ...plain, flags: { ...plain.flags, echo: false } };
      await print('Password: ');
      const password = await readLine(terminal, signal);
      signal.throwIfAborted();
      terminal.termios = plain;
      await print('\n');
      // Only root has a shell here; whoever has no password cannot log in.
      if (user === 'root' && password !== undefined && container.inside?.passwords['root'] === password)
        return;
      await print('\nLogin incorrect\n');
    }
  };
  const main = async (terminal: Terminal, signal: AbortSignal): Promise<void> => {
    for (;;) {
      await login(terminal, signal);
      const program = backend.spawn(container, terminal.size);
      shell = program;
      program.onData((bytes) => relay(bytes));
      await new Promise<void>((resolve) => program.onExit(resolve));
      shell = undefined;
      signal.throwIfAborted();
    }
  };
  let relay: (bytes: Uint8Array) => void = ignore;
  const outer = terminalProgram(clock, size, main, { current: () => shell });
  return {
    ...outer,
    onData: (listener) => {
      relay = listener;
      outer.onData(listener);
    },
  };
}

/** The console of an entrypoint: what it says, and nobody who listens. */
export function startEntrypoint(clock: Clock, container: SimContainer, size: ConsoleSize): ConsoleProcess {
  const { entrypoint = '' } = container.config;
  return terminalProgram(clock, size, async (terminal, signal) => {
    await terminal.write(Buffer.from(`${entrypoint}: running\n`, 'latin1'));
    while (!signal.aborted) await terminal.read(lineBytes, signal);
  });
}

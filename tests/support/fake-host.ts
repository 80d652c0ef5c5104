/** A process for unit tests of the command line: streams are text, signals are calls. */
import { Readable } from 'node:stream';
import type { Host } from '../../src/cli/host.ts';

/** The host and what was written to it. */
export interface FakeHost {
  readonly host: Host;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Sends a signal. */
  readonly kill: (name?: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void;
  /** Exit codes that were asked for. */
  readonly exits: number[];
}

/**
 * Builds a host.
 *
 * @param options - environment, working directory, text of stdin, whether it is a terminal.
 * @returns the host.
 */
export function fakeHost(
  options: {
    env?: Record<string, string>;
    cwd?: string;
    input?: string;
    tty?: boolean;
    columns?: number;
  } = {},
): FakeHost {
  const written = { out: '', err: '' };
  const handlers: [string, () => void][] = [];
  const exits: number[] = [];
  const tty = options.tty ?? false;
  const writer = (key: 'out' | 'err') => ({
    isTTY: tty,
    columns: options.columns ?? 80,
    write: (text: string) => {
      written[key] += text;
      return true;
    },
  });
  return {
    host: {
      env: options.env ?? {},
      cwd: options.cwd ?? '/nowhere',
      stdin: Object.assign(Readable.from([options.input ?? '']), { isTTY: tty }),
      stdout: writer('out'),
      stderr: writer('err'),
      onSignal: (name, handler) => {
        handlers.push([name, handler]);
        return () =>
          handlers.splice(
            handlers.findIndex((entry) => entry[1] === handler && entry[0] === name),
            1,
          );
      },
      onExit: () => () => undefined,
      exit: (code) => {
        exits.push(code);
      },
    },
    stdout: () => written.out,
    stderr: () => written.err,
    kill: (name = 'SIGINT') => {
      for (const [signal, handler] of [...handlers]) if (signal === name) handler();
    },
    exits,
  };
}

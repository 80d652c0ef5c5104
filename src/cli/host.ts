/** The process as the commands see it: streams, environment, signals. Tests hand in one of their own. */
import { spawnSync } from 'node:child_process';

/** A stream for output. */
export interface HostWriter {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Terminals only: told when the window has another size. */
  on?(event: 'resize', handler: () => void): unknown;
  off?(event: 'resize', handler: () => void): unknown;
}

/** What the command line needs from the process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    /** Terminals only: every key as it is pressed, nothing echoed. */
    setRawMode?(on: boolean): unknown;
  };
  /** Terminals only: leaves newlines that are written as they are, until raw mode ends. */
  keepNewlines?(): void;
  readonly stdout: HostWriter;
  readonly stderr: HostWriter;
  /**
   * Listens for a signal of the system.
   *
   * @returns a function that ends the listening.
   */
  onSignal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', handler: () => void): () => void;
  /**
   * Called when the process ends, whatever the reason; must not wait for anything.
   *
   * @returns a function that ends the listening.
   */
  onExit(handler: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/**
 * The real process.
 *
 * @returns the host.
 */
export function processHost(): Host {
  return {
    env: process.env,
    keepNewlines: () => {
      // Raw mode of Node.js still turns \n into \r\n on the way out, while full-screen programs mean "one line down" by
      // it. Where there is no stty their screens may look odd, which is no reason to do without a console.
      spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
    },
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal: (name, handler) => {
      process.on(name, handler);
      return () => process.off(name, handler);
    },
    onExit: (handler) => {
      process.on('exit', handler);
      return () => process.off('exit', handler);
    },
    exit: (code) => process.exit(code),
  };
}

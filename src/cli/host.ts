/** The process as the commands see it: streams, environment, signals. Tests hand in one of their own. */

/** A stream for output. */
export interface HostWriter {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What the command line needs from the process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: HostWriter;
  readonly stderr: HostWriter;
  /**
   * Listens for a signal of the system.
   *
   * @returns a function that ends the listening.
   */
  onSignal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', handler: () => void): () => void;
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
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal: (name, handler) => {
      process.on(name, handler);
      return () => process.off(name, handler);
    },
    exit: (code) => process.exit(code),
  };
}

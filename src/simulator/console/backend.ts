/**
 * What runs behind a simulated console. Types only: scripted-shell.ts and real-shell.ts implement them, session.ts shares
 * what they run between viewers.
 */
import type { SimContainer } from '../model/state.ts';

/** Size of a terminal. */
export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

/** A program on a terminal of its own inside a container. */
export interface ConsoleProcess {
  /** Types bytes. */
  write(bytes: Uint8Array): void;
  /** Sets the size of its terminal; the program is told also when it is the same. */
  resize(size: ConsoleSize): void;
  /** Sets who gets the output: the bytes as they leave the program's own terminal. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Sets who is told that it has ended; called once, after its last output. */
  onExit(listener: () => void): void;
  /** Lets it wait with its output until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it. */
  kill(): void;
}

/** Runs programs in containers. */
export interface ConsoleBackend {
  /**
   * Starts root's shell, as lxc-attach does.
   *
   * @param container - a running one.
   * @param size - of the terminal at the beginning.
   */
  spawn(container: SimContainer, size: ConsoleSize): ConsoleProcess;
  /** Ends what runs and removes what it left behind. */
  close(): Promise<void>;
}

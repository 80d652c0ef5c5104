/**
 * An open console of a container: bytes in, bytes out. Types only; how one is opened is in open-console.ts, what travels
 * on the wire in wire.ts.
 */
import type { Clock } from '../util/clock.ts';

/** How a console ended. */
export interface ConsoleEnd {
  /**
   * `closed`: its command has ended or we have closed it; `lost`: the connection broke; `refused`: the server did not
   * take our ticket.
   */
  readonly reason: 'closed' | 'lost' | 'refused';
  readonly message?: string;
}

/** An open console of a container. Several people may have the same one open: all see and type into one session. */
export interface ConsoleChannel {
  /**
   * Sends bytes to the terminal.
   *
   * @param bytes - what would be typed; need not end at a character.
   * @returns a promise that resolves when they are handed to the socket (back-pressure), and at once when the console has
   *   ended; it never rejects, `ended` tells.
   */
  send(bytes: Uint8Array): Promise<void>;
  /**
   * Tells the terminal its size.
   *
   * @param columns - width in characters.
   * @param rows - height in lines.
   */
  resize(columns: number, rows: number): void;
  /**
   * Listens to the raw bytes of the terminal; each goes to every listener. Bytes that come before the first listener are
   * kept for it.
   *
   * @param listener - gets the bytes in order, in pieces of any size.
   * @returns ends the listening.
   */
  onData(listener: (bytes: Uint8Array) => void): () => void;
  /** Resolves when the console has ended, never rejects. */
  readonly ended: Promise<ConsoleEnd>;
  /** Leaves the console; what runs in it goes on. */
  close(): void;
}

/** Which console to open, and how. */
export interface OpenConsoleOptions {
  /** Node of the container. */
  readonly node: string;
  readonly vmid: number;
  /** Width of the terminal in characters; the server's own default is 80. */
  readonly columns?: number;
  /** Height of the terminal in lines; the server's own default is 20. */
  readonly rows?: number;
  /** Gives up the opening, and closes the console once it is open. */
  readonly signal?: AbortSignal;
  /** Once it is open the signal does nothing: whoever has the console closes it in good order. */
  readonly staysOpen?: boolean;
  /** How long the opening may take, in milliseconds; default 20 000. */
  readonly timeoutMs?: number;
  /** Do not try again by itself when the connection fails. */
  readonly once?: boolean;
  /** Time of the signs of life and of the time-out; default: the machine's. */
  readonly clock?: Clock;
}

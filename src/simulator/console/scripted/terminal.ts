/**
 * A terminal with the line discipline of the kernel: echo, editing of lines, signals from keys, `\n` to `\r\n`. One side
 * types and watches (the console), the other reads and writes (programs).
 */
import type { Clock } from '../../../util/clock.ts';
import type { ConsoleSize } from '../backend.ts';
import { sane, type Termios } from './termios.ts';

/** Signals that keys send. */
type KeySignal = 'INT' | 'QUIT' | 'TSTP';

export interface Terminal {
  termios: Termios;
  size: ConsoleSize;
  /** What is typed. */
  type(bytes: Uint8Array): void;
  /** What a program prints; resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** Reads at most `max` bytes, in `icanon` at most a line; nothing means the end. */
  read(max: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Puts back what was read too much. */
  unread(bytes: Uint8Array): void;
  /** Nobody types any more: reading ends. */
  hangUp(): void;
  pause(): void;
  resume(): void;
}

/** What a terminal is connected to. */
export interface TerminalOptions {
  readonly clock: Clock;
  /** Gets the output. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** A key sent a signal to whoever is in front. */
  readonly onSignal: (signal: KeySignal) => void;
}

const keys = { interrupt: 0x03, end: 0x04, backspace: 0x08, kill: 0x15, word: 0x17, suspend: 0x1a } as const;
const quit = 0x1c;
const erase = 0x7f;
const [newline, carriageReturn, blank] = [0x0a, 0x0d, 0x20];
/** The kernel's buffer for a line that is being typed; more is lost. */
const lineBytes = 4095;
const empty = new Uint8Array(0);
const rubOut = Buffer.from('\b \b');

/** A piece of input that a read can have. */
interface Ready {
  bytes: Uint8Array;
  /** Ends here: a line, or the end of the input. */
  readonly isLine: boolean;
}

const signalOf: Readonly<Record<number, KeySignal>> = {
  [keys.interrupt]: 'INT',
  [quit]: 'QUIT',
  [keys.suspend]: 'TSTP',
};

/** What echo shows of a byte. */
function shown(byte: number, echoctl: boolean): number[] {
  const isControl = byte < blank && byte !== 0x09 && byte !== newline;
  if (echoctl && isControl) return [0x5e, byte + 0x40];
  if (echoctl && byte === erase) return [0x5e, 0x3f];
  return [byte];
}

/**
 * Makes a terminal.
 *
 * @param options - see {@link TerminalOptions}.
 */
export function createTerminal(options: TerminalOptions): Terminal {
  const { clock, onOutput, onSignal } = options;
  const ready: Ready[] = [];
  let line: number[] = [];
  let isHungUp = false;
  let isPaused = false;
  const readers = new Set<() => void>();
  const writers = new Set<() => void>();
  const wake = (waiting: Set<() => void>): void => {
    for (const go of [...waiting]) go();
  };

  const print = (bytes: Uint8Array): void => {
    const { opost, onlcr } = terminal.termios.flags;
    if (!opost || !onlcr || !bytes.includes(newline)) {
      onOutput(bytes);
      return;
    }
    const text = Buffer.from(bytes).toString('latin1').replaceAll('\n', '\r\n');
    onOutput(Buffer.from(text, 'latin1'));
  };
  const offer = (bytes: Uint8Array, isLine: boolean): void => {
    ready.push({ bytes, isLine });
    wake(readers);
  };
  const endLine = (more: readonly number[]): void => {
    offer(Uint8Array.from([...line, ...more]), true);
    line = [];
  };
  const echo = (bytes: readonly number[]): void => {
    if (terminal.termios.flags.echo) print(Uint8Array.from(bytes));
  };
  const rub = (): void => {
    const removed = line.pop();
    if (removed === undefined || !terminal.termios.flags.echo) return;
    for (const _ of shown(removed, terminal.termios.flags.echoctl)) print(rubOut);
  };
  /** Editing of a line; true for a byte that was a key. */
  const edit = (byte: number): boolean => {
    const { flags } = terminal.termios;
    if (byte === erase || byte === keys.backspace) rub();
    else if (byte === keys.kill) while (line.length > 0) rub();
    else if (byte === keys.word && flags.iexten) {
      while (line.at(-1) === blank) rub();
      while (line.length > 0 && line.at(-1) !== blank) rub();
    } else if (byte === keys.end) endLine([]);
    else if (byte === newline) {
      if (flags.echo || flags.echonl) print(Uint8Array.of(newline));
      endLine([newline]);
    } else return false;
    return true;
  };
  /** Takes a byte; `kept` holds what of the same piece may be read as it is. */
  const typeByte = (given: number, kept: number[]): void => {
    const { flags } = terminal.termios;
    let byte = given;
    if (byte === carriageReturn) {
      if (flags.igncr) return;
      if (flags.icrnl) byte = newline;
    } else if (byte === newline && flags.inlcr) byte = carriageReturn;
    const signal = flags.isig ? signalOf[byte] : undefined;
    if (signal !== undefined) {
      echo(shown(byte, flags.echoctl));
      if (!flags.noflsh) {
        line = [];
        ready.length = 0;
        kept.length = 0;
      }
      onSignal(signal);
      return;
    }
    if (!flags.icanon) {
      echo(byte === newline ? [newline] : shown(byte, flags.echoctl));
      kept.push(byte);
    } else if (!edit(byte) && line.length < lineBytes) {
      line.push(byte);
      echo(shown(byte, flags.echoctl));
    }
  };
  /** Bytes that need no look: nothing is echoed, changed or watched for. */
  const isPlain = (): boolean => {
    const { flags } = terminal.termios;
    return !(flags.icanon || flags.echo || flags.isig || flags.icrnl || flags.inlcr || flags.igncr);
  };

  const take = (max: number): Uint8Array | undefined => {
    const first = ready[0];
    if (!first) return undefined;
    if (first.bytes.length > max) {
      const part = first.bytes.subarray(0, max);
      first.bytes = first.bytes.subarray(max);
      return part;
    }
    ready.shift();
    if (first.isLine || terminal.termios.flags.icanon) return first.bytes;
    const parts = [first.bytes];
    let total = first.bytes.length;
    while (ready[0] && total + ready[0].bytes.length <= max) {
      const { bytes } = ready.shift() as Ready;
      parts.push(bytes);
      total += bytes.length;
    }
    return parts.length === 1 ? first.bytes : Buffer.concat(parts);
  };
  /** Waits until something is there; false when the time of the terminal is over. */
  const arrival = async (signal: AbortSignal, limitMs: number | undefined): Promise<boolean> => {
    const over = new AbortController();
    let wakeUp = (): void => undefined;
    const arrived = new Promise<boolean>((resolve) => {
      wakeUp = () => resolve(true);
      readers.add(wakeUp);
    });
    const stop = AbortSignal.any([signal, over.signal]);
    const late = limitMs === undefined ? aborted(stop) : clock.sleep(limitMs, stop).then(() => false);
    try {
      return await Promise.race([arrived, late]);
    } finally {
      readers.delete(wakeUp);
      over.abort(new Error('read'));
      late.catch(() => undefined); // told by the race, or of no interest any more
    }
  };

  const terminal: Terminal = {
    termios: sane,
    size: { columns: 80, rows: 20 },
    type: (bytes) => {
      if (isPlain()) return offer(Uint8Array.from(bytes), false);
      const kept: number[] = [];
      for (const byte of bytes) typeByte(byte, kept);
      if (kept.length > 0) offer(Uint8Array.from(kept), false);
    },
    write: async (bytes) => {
      while (isPaused)
        await new Promise<void>((resolve) => {
          const go = (): void => {
            writers.delete(go);
            resolve();
          };
          writers.add(go);
        });
      print(bytes);
    },
    read: async (max, signal) => {
      for (;;) {
        signal.throwIfAborted();
        const { flags, min, time } = terminal.termios;
        // Leaving the editing of lines makes what was typed so far readable.
        if (!flags.icanon && line.length > 0) endLine([]);
        const found = take(max);
        if (found) return found;
        if (isHungUp) return empty;
        if (!flags.icanon && min === 0 && time === 0) return empty;
        const limitMs = flags.icanon || min > 0 ? undefined : time * 100;
        if (!(await arrival(signal, limitMs))) return empty;
      }
    },
    unread: (bytes) => {
      if (bytes.length > 0) ready.unshift({ bytes, isLine: false });
    },
    hangUp: () => {
      isHungUp = true;
      isPaused = false;
      wake(readers);
      wake(writers);
    },
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      isPaused = false;
      wake(writers);
    },
  };
  return terminal;
}

/** Rejects when a signal is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

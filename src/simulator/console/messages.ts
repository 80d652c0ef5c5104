/**
 * What a client sends to termproxy once it is logged in: `0:LEN:DATA` input, `1:COLS:ROWS:` size, `2` keep-alive
 * (lxc-endpoints §G). With termproxy's own weaknesses, because clients have to live with them: its buffer holds 4096
 * bytes, and a message whose head is cut by the end of what has arrived (or of the buffer) is lost, after which the rest
 * of it is read as messages. Only the DATA of a message may come in pieces. No input or output here.
 */
import type { ConsoleSize } from './backend.ts';

/** Who gets the messages. */
export interface MessageSink {
  data(bytes: Buffer): void;
  resize(size: ConsoleSize): void;
}

/** Size of termproxy's buffers, in bytes. */
export const bufferBytes = 4096;
/** A head without its colon is given up in steps of so many bytes. */
const skipBytes = 20;
const colon = 0x3a;
const [inputType, resizeType] = [0x30, 0x31];
/** The kernel keeps sizes in 16 bits. */
const sizeMask = 0xffff;

/**
 * Makes the reader of one connection.
 *
 * @param sink - called in the order of the messages.
 * @returns a function that takes what has arrived.
 */
export function createMessageReader(sink: MessageSink): (bytes: Buffer) => void {
  let buffer: Buffer = Buffer.alloc(0);
  /** Bytes of DATA that are still to come. */
  let remaining = 0;
  const consume = (count: number): void => {
    buffer = buffer.subarray(count);
  };

  /** Takes `NUMBER:` from the front; undefined for none, and then what was looked at is gone. */
  const takeNumber = (): number | undefined => {
    for (;;) {
      const end = buffer.indexOf(colon);
      if (end >= 0) {
        const text = buffer.toString('latin1', 0, end);
        consume(end + 1);
        return /^\+?[0-9]+$/.test(text) ? Number(text) : undefined;
      }
      if (buffer.length <= skipBytes) return undefined;
      consume(skipBytes);
    }
  };
  /** Reads up to the next input; its length, or undefined when there is none yet. */
  const nextInput = (): number | undefined => {
    while (buffer.length >= 2) {
      const type = buffer[0];
      if (type === inputType) {
        consume(2);
        return takeNumber();
      }
      if (type === resizeType) {
        consume(2);
        const columns = takeNumber();
        const rows = columns === undefined ? undefined : takeNumber();
        if (columns !== undefined && rows !== undefined)
          sink.resize({ columns: columns & sizeMask, rows: rows & sizeMask });
      } else {
        consume(1); // a keep-alive, or nothing that is known
      }
    }
    return undefined;
  };
  const drain = (): void => {
    while (buffer.length > 0) {
      if (remaining === 0) {
        const length = nextInput();
        if (length === undefined) return;
        remaining = length;
      }
      const part = buffer.subarray(0, remaining);
      remaining -= part.length;
      consume(part.length);
      if (part.length > 0) sink.data(part);
    }
  };

  return (bytes) => {
    let rest = bytes;
    while (rest.length > 0) {
      if (buffer.length === 0 && remaining >= rest.length) {
        // Nothing but DATA: where the buffer would cut it makes no difference.
        remaining -= rest.length;
        sink.data(rest);
        return;
      }
      const taken = rest.subarray(0, bufferBytes - buffer.length);
      buffer = Buffer.concat([buffer, taken]);
      rest = rest.subarray(taken.length);
      drain();
    }
  };
}

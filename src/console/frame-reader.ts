/**
 * Finds the agent's answers in what a terminal shows: everything that does not carry the session's token is noise.
 *
 * TOKEN=SEQ WORDS          an answer
 * TOKEN<NAME … TOKEN>NAME BYTES SUM   a block of a stream between two marks, as base64 or hex
 *
 * Pure: bytes in, calls out.
 */

/** A block as it arrived; whether it is whole is for the caller to check. */
interface ArrivedBlock {
  readonly name: string;
  /** Text between the marks, with line ends. */
  readonly text: string;
  /** Bytes before encoding, as the agent says. */
  readonly bytes: number;
  /** Digest before encoding, as the agent says. */
  readonly digest: string;
}

/** What is called. */
export interface FrameListener {
  readonly onAnswer: (sequence: number, words: readonly string[]) => void;
  readonly onBlock: (block: ArrivedBlock) => void;
  /** Everything outside of frames, in pieces. */
  readonly onNoise: (text: string) => void;
}

/** Takes the bytes of the terminal. */
export interface FrameReader {
  push(bytes: Uint8Array): void;
}

/**
 * Builds a reader.
 *
 * @param token - of the session, in one piece.
 * @param listener - what is called, in order of arrival.
 * @returns the reader.
 */
export function createFrameReader(token: string, listener: FrameListener): FrameReader {
  /** Not looked through to the end yet: may end in a part of a mark. */
  let tail = '';
  /** Of the open block. */
  let block: { readonly name: string; readonly parts: string[] } | undefined;

  const plain = (text: string): void => {
    if (text === '') return;
    if (block) block.parts.push(text);
    else listener.onNoise(text);
  };
  const mark = (line: string): void => {
    const [first = '', ...words] = line.slice(1).trim().split(/\s+/);
    const kind = line[0];
    if (kind === '=') {
      block = undefined;
      listener.onAnswer(Number(first), words);
    } else if (kind === '<') {
      block = { name: first, parts: [] };
    } else if (kind === '>') {
      const text = block?.name === first ? block.parts.join('') : '';
      block = undefined;
      listener.onBlock({ name: first, text, bytes: Number(words[0]), digest: words[1] ?? '' });
    }
  };

  return {
    push(bytes) {
      tail += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
      for (;;) {
        const start = tail.indexOf(token);
        if (start < 0) {
          const keep = Math.min(tail.length, token.length - 1);
          plain(tail.slice(0, tail.length - keep));
          tail = tail.slice(tail.length - keep);
          return;
        }
        const end = tail.indexOf('\n', start);
        if (end < 0) {
          plain(tail.slice(0, start));
          tail = tail.slice(start);
          return;
        }
        plain(tail.slice(0, start));
        mark(tail.slice(start + token.length, end));
        tail = tail.slice(end + 1);
      }
    },
  };
}

/**
 * Decodes the text of a block.
 *
 * @param text - base64 or hex, with line ends.
 * @param coding - which.
 * @returns the bytes; not checked.
 */
export function decodeBlock(text: string, coding: 'base64' | 'hex'): Buffer {
  return coding === 'base64'
    ? Buffer.from(text, 'base64')
    : Buffer.from(text.replaceAll(/[^0-9a-f]/g, ''), 'hex');
}

/** Characters per line of data; a power of two that base64 fills exactly. */
const lineLength = 1024;

/**
 * Encodes data for the agent's `put`.
 *
 * @param bytes - the data.
 * @param coding - `hex` stands for octal escapes here: printf has those everywhere.
 * @returns lines, the last but one a single dot; the blank one after it is for busybox, whose sed reads one line ahead.
 */
export function encodeBlock(bytes: Uint8Array, coding: 'base64' | 'hex'): string {
  const lines: string[] = [];
  if (coding === 'base64') {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  } else {
    const step = lineLength / 8;
    for (let at = 0; at < bytes.length; at += step) {
      const octal = Array.from(
        bytes.subarray(at, at + step),
        (byte) => `\\0${byte.toString(8).padStart(3, '0')}`,
      );
      lines.push(octal.join(''));
    }
  }
  return `${[...lines, '.', ''].join('\n')}\n`;
}

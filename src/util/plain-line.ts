/** Output of programs as plain lines: without what would move a cursor or change a colour when it is shown. */
import { StringDecoder } from 'node:string_decoder';

const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** Longest line that is kept, in characters. */
const longest = 500;

/**
 * Makes one line fit to be shown.
 *
 * @param line - without its newline; of what a progress bar has overwritten only the last is kept.
 * @returns text without control characters.
 */
export function plainLine(line: string): string {
  const shown = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return shown.replaceAll(escapes, '').replaceAll(controls, '').trimEnd().slice(0, longest);
}

/** Splits bytes that come in pieces into lines. */
export interface LineSplitter {
  push(bytes: Uint8Array): void;
  /** Tells a last line that has no end. */
  end(): void;
}

/**
 * Builds a splitter for UTF-8.
 *
 * @param onLine - gets each line as {@link plainLine} gives it; empty ones are left out.
 */
export function splitLines(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const tell = (line: string): void => {
    const plain = plainLine(line);
    if (plain !== '') onLine(plain);
  };
  return {
    push: (bytes) => {
      const lines = (rest + decoder.write(Buffer.from(bytes))).split('\n');
      // a line that never ends must not fill the memory
      rest = (lines.pop() ?? '').slice(-65_536);
      for (const line of lines) tell(line);
    },
    end: () => {
      tell(rest + decoder.end());
      rest = '';
    },
  };
}

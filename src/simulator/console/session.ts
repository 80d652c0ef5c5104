/**
 * The session that dtach keeps for a container (lxc-endpoints §G): one program on one terminal, any number of viewers.
 * Output goes to all of them, everybody may type, the size is that of whoever spoke last; when all have left, it goes on
 * with its output unseen. Knows nothing of tickets and websockets.
 */
import type { ConsoleProcess, ConsoleSize } from './backend.ts';

/** Somebody who watches. */
export interface Viewer {
  /**
   * Shows output.
   *
   * @returns false when no more should come until `drained` is called.
   */
  send(bytes: Uint8Array): boolean;
  /** He has left, or the session has ended. */
  close(): void;
}

/** A viewer's hands. */
export interface Attachment {
  write(bytes: Uint8Array): void;
  resize(size: ConsoleSize): void;
  /** The viewer takes output again. */
  drained(): void;
  /** Leaves without a word. */
  detach(): void;
}

export interface Session {
  attach(viewer: Viewer, size: ConsoleSize): Attachment;
  /** Ends the program, and with it the session. */
  kill(): void;
}

/** Ctrl-\ leaves the session, if it comes first in what dtach reads at once. */
const detachCharacter = 0x1c;
/** dtach reads its terminal in pieces of so many bytes. */
const packetBytes = 8;
const newline = 0x0a;
const bottom = '\x1b[999H';
const clearScreen = Buffer.from('\x1b[H\x1b[J');
const detached = Buffer.from(`${bottom}\r\n[detached]\r\n`);
const ended = Buffer.from(`${bottom}\r\n[EOF - dtach terminating]\r\n`);

/**
 * What the second terminal does to output: the program's own has made `\r\n` of a newline, and lxc-attach leaves that of
 * dtach to do it once more.
 */
function secondTerminal(bytes: Uint8Array): Uint8Array {
  let newlines = 0;
  for (const byte of bytes) if (byte === newline) newlines += 1;
  if (newlines === 0) return bytes;
  const result = new Uint8Array(bytes.length + newlines);
  let at = 0;
  for (const byte of bytes) {
    if (byte === newline) result[at++] = 0x0d;
    result[at++] = byte;
  }
  return result;
}

/** Where in a piece of input the detach character is seen, or -1. */
function detachAt(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at += packetBytes) if (bytes[at] === detachCharacter) return at;
  return -1;
}

/**
 * Shares a program.
 *
 * @param program - just started.
 * @param onEnd - called once when it has ended.
 */
export function shareSession(program: ConsoleProcess, onEnd: () => void): Session {
  const viewers = new Map<Viewer, { isSlow: boolean }>();
  let isPaused = false;
  const pace = (): void => {
    const wanted = [...viewers.values()].some(({ isSlow }) => isSlow);
    if (wanted === isPaused) return;
    isPaused = wanted;
    if (wanted) program.pause();
    else program.resume();
  };
  const leave = (viewer: Viewer): void => {
    viewers.delete(viewer);
    pace();
  };
  const show = (bytes: Uint8Array): void => {
    for (const [viewer, place] of viewers) if (!viewer.send(bytes)) place.isSlow = true;
    pace();
  };
  program.onData((bytes) => show(secondTerminal(bytes)));
  program.onExit(() => {
    onEnd();
    for (const viewer of [...viewers.keys()]) {
      viewer.send(ended);
      leave(viewer);
      viewer.close();
    }
  });

  return {
    attach(viewer, size) {
      const place = { isSlow: false };
      viewers.set(viewer, place);
      viewer.send(clearScreen);
      program.resize(size);
      return {
        write: (bytes) => {
          if (!viewers.has(viewer)) return;
          const end = detachAt(bytes);
          const typed = end < 0 ? bytes : bytes.subarray(0, end);
          if (typed.length > 0) program.write(typed);
          if (end < 0) return;
          viewer.send(detached);
          leave(viewer);
          viewer.close();
        },
        resize: (wanted) => {
          if (viewers.has(viewer)) program.resize(wanted);
        },
        drained: () => {
          place.isSlow = false;
          pace();
        },
        detach: () => leave(viewer),
      };
    },
    kill: () => program.kill(),
  };
}

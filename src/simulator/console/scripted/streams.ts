/** What programs read from and write to: open files, pipes, terminals, nothing. Bytes are Latin-1 characters. */

import type { SimFile } from '../../model/state.ts';
import type { FileSystem } from './files.ts';
import type { Terminal } from './terminal.ts';

/** Something open. Several descriptors may share it; it closes with the last. */
export interface Stream {
  /** At most `max` bytes; empty at the end. */
  read(max: number, signal: AbortSignal): Promise<string>;
  /** Puts back what was read too much. */
  unread(text: string): void;
  write(text: string, signal: AbortSignal): Promise<void>;
  retain(): Stream;
  release(): void;
  readonly terminal?: Terminal;
  /** Opens the same file anew, from its beginning, as /proc/self/fd does; absent for what is no file. */
  reopen?(): Stream;
}

/** Writing to a pipe that nobody reads. */
export class BrokenPipe extends Error {}

const pipeBytes = 65_536;
const none = (): void => undefined;

function refuse(): Promise<never> {
  return Promise.reject(new Error('Bad file descriptor'));
}

/** What swallows everything. */
export const nullStream: Stream = {
  read: () => Promise.resolve(''),
  unread: none,
  write: () => Promise.resolve(),
  retain: () => nullStream,
  release: none,
};

/** What never ends: zeros, or bytes of a generator. */
export function endlessStream(make: (count: number) => string): Stream {
  const stream: Stream = { ...nullStream, read: (max) => Promise.resolve(make(max)), retain: () => stream };
  return stream;
}

/** A terminal. */
export function terminalStream(terminal: Terminal): Stream {
  const stream: Stream = {
    terminal,
    read: async (max, signal) => Buffer.from(await terminal.read(max, signal)).toString('latin1'),
    unread: (text) => terminal.unread(Buffer.from(text, 'latin1')),
    write: (text) => terminal.write(Buffer.from(text, 'latin1')),
    retain: () => stream,
    release: none,
  };
  return stream;
}

/** Text to be read: a here-document. */
export function textStream(text: string): Stream {
  let rest = text;
  const stream: Stream = {
    read: (max) => {
      const part = rest.slice(0, max);
      rest = rest.slice(max);
      return Promise.resolve(part);
    },
    unread: (part) => {
      rest = part + rest;
    },
    write: refuse,
    retain: () => stream,
    release: none,
  };
  return stream;
}

/** Collects what is written. */
export function collector(): { stream: Stream; text: () => string } {
  let parts: string[] = [];
  const stream: Stream = {
    read: refuse,
    unread: none,
    write: (text) => {
      parts.push(text);
      return Promise.resolve();
    },
    retain: () => stream,
    release: none,
  };
  return {
    stream,
    text: () => {
      parts = [parts.join('')];
      return parts[0] as string;
    },
  };
}

/** How a file is opened. */
export interface OpenFlags {
  readonly truncate?: boolean;
  readonly append?: boolean;
}

/** An open file; what it reads and writes stays the same file when that is renamed or removed. */
export function fileStream(
  files: FileSystem,
  path: string,
  flags: OpenFlags | undefined,
  mode: number,
): Stream {
  if (!flags) {
    files.read(path); // refuses what cannot be read
    return entryStream(files, files.get(path) as SimFile, undefined);
  }
  const file = files.edit(path, mode);
  if (flags.truncate) file.data = '';
  return entryStream(files, file, flags);
}

function entryStream(files: FileSystem, file: SimFile, flags: OpenFlags | undefined): Stream {
  let offset = 0;
  const stream: Stream = {
    reopen: () => entryStream(files, file, flags && { append: flags.append === true }),
    read: (max) => {
      const part = (file.data ?? '').slice(offset, offset + max);
      offset += part.length;
      return Promise.resolve(part);
    },
    unread: (text) => {
      offset -= text.length;
    },
    write: (text) => {
      if (!flags) return refuse();
      const data = file.data ?? '';
      if (flags.append) offset = data.length;
      const gap = offset > data.length ? '\0'.repeat(offset - data.length) : '';
      file.data = data.slice(0, offset) + gap + text + data.slice(offset + text.length);
      offset += text.length;
      files.touched(file);
      return Promise.resolve();
    },
    retain: () => stream,
    release: none,
  };
  return stream;
}

/** Waits until woken, or the signal aborts. */
function parked(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      waiting.delete(finish);
      signal.removeEventListener('abort', finish);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    waiting.add(finish);
    signal.addEventListener('abort', finish, { once: true });
    if (signal.aborted) finish();
  });
}

/** A pipe: what is written to one end is read from the other. */
export function createPipe(): { input: Stream; output: Stream } {
  let queue: string[] = [];
  let bytes = 0;
  const users = { input: 1, output: 1 };
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const go of [...waiting]) go();
  };
  const end = (side: 'input' | 'output', more: Partial<Stream>): Stream => {
    const stream: Stream = {
      read: refuse,
      unread: none,
      write: refuse,
      retain: () => {
        users[side] += 1;
        return stream;
      },
      release: () => {
        users[side] -= 1;
        if (users[side] === 0) wake();
      },
      ...more,
    };
    return stream;
  };
  const input = end('input', {
    read: async (max, signal) => {
      while (bytes === 0) {
        if (users.output === 0) return '';
        await parked(waiting, signal);
      }
      const all = queue.length === 1 ? (queue[0] as string) : queue.join('');
      const part = all.slice(0, max);
      queue = part.length < all.length ? [all.slice(part.length)] : [];
      bytes -= part.length;
      wake();
      return part;
    },
    unread: (text) => {
      queue.unshift(text);
      bytes += text.length;
    },
  });
  const output = end('output', {
    write: async (text, signal) => {
      if (users.input === 0) throw new BrokenPipe();
      if (text === '') return;
      queue.push(text);
      bytes += text.length;
      wake();
      while (bytes > pipeBytes) {
        if (users.input === 0) throw new BrokenPipe();
        await parked(waiting, signal);
      }
    },
  });
  return { input, output };
}

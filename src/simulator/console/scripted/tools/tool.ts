/** What the small programs of a simulated container are given. */
import type { FileSystem } from '../files.ts';
import type { Machine } from '../machine.ts';
import type { Process } from '../processes.ts';
import { openFile } from '../redirect.ts';
import type { Stream } from '../streams.ts';

/** Kinds of distribution that differ in what they bring. */
export type Family = 'debian' | 'alpine' | 'redhat' | 'other';

/** What a program is started with. The descriptors are its own. */
export interface ProgramStart {
  readonly machine: Machine;
  readonly process: Process;
  readonly name: string;
  readonly args: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly umask: number;
  readonly user: string;
  readonly fds: Map<number, Stream>;
  /** Signals that do nothing to it. */
  readonly ignored: readonly string[];
}

/** What is run under a name. */
export type Program =
  | { readonly kind: 'tool'; readonly tool: Tool }
  | { readonly kind: 'script'; readonly path: string; readonly interpreter: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** A program. */
export interface Tool {
  run(context: ToolContext): Promise<number> | number;
  /** Absent: it is everywhere. */
  isIn?(family: Family): boolean;
}

/** A failure with an exit code; an empty text says nothing. */
export class ToolError extends Error {
  readonly status: number;
  constructor(text: string, status = 1) {
    super(text);
    this.status = status;
  }
}

/** How another program is started. */
export interface StartOptions {
  readonly environment?: ReadonlyMap<string, string>;
  readonly cwd?: string;
  readonly user?: string;
  readonly ignored?: readonly string[];
  readonly newGroup?: boolean;
  readonly newSession?: boolean;
  readonly input?: Stream;
}

export interface ToolContext extends ProgramStart {
  readonly files: FileSystem;
  readonly stdin: Stream;
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  /** Absolute path of a name. */
  path(name: string, keepLink?: boolean): string;
  /** Opens a file; `-` is the standard input. */
  open(name: string, how?: '<' | '>' | '>>'): Stream;
  /** Everything of a stream. */
  readAll(stream: Stream): Promise<string>;
  /** The next line with its end; empty at the end. */
  readLine(stream: Stream): Promise<string>;
  /** Starts another program; undefined when there is none. */
  start(words: readonly string[], options?: StartOptions): Process | undefined;
  sleep(ms: number): Promise<void>;
}

/** Finds and runs programs; given, because programs.ts knows the tools. */
export interface Launcher {
  find(name: string): Program | undefined;
  run(program: Program, start: ProgramStart): Promise<number>;
}

const chunkBytes = 65_536;

/** Reads one line of a stream with its end, and no more of it. */
export async function readLine(stream: Stream, signal: AbortSignal): Promise<string> {
  const parts: string[] = [];
  for (;;) {
    const text = await stream.read(chunkBytes, signal);
    if (text === '') return parts.join('');
    const end = text.indexOf('\n');
    if (end < 0) {
      parts.push(text);
      continue;
    }
    if (end + 1 < text.length) stream.unread(text.slice(end + 1));
    parts.push(text.slice(0, end + 1));
    return parts.join('');
  }
}

async function readAll(stream: Stream, signal: AbortSignal): Promise<string> {
  const parts: string[] = [];
  for (;;) {
    const text = await stream.read(chunkBytes, signal);
    if (text === '') return parts.join('');
    parts.push(text);
  }
}

/** Gives a program its hands. */
export function toolContext(start: ProgramStart, launcher: Launcher): ToolContext {
  const { machine, process, fds, cwd } = start;
  const { signal } = process;
  const write = async (fd: number, text: string): Promise<void> => {
    if (text !== '') await fds.get(fd)?.write(text, signal);
  };
  const closed: Stream = {
    read: () => Promise.reject(new Error('read error: Bad file descriptor')),
    unread: () => undefined,
    write: () => Promise.reject(new Error('write error: Bad file descriptor')),
    retain: () => closed,
    release: () => undefined,
  };
  return {
    ...start,
    files: machine.files,
    stdin: fds.get(0) ?? closed,
    out: (text) => write(1, text),
    err: (text) => write(2, text),
    path: (name, keepLink) => machine.files.resolve(name, cwd, keepLink),
    open: (name, how = '<') =>
      name === '-' && how === '<' ? (fds.get(0) ?? closed).retain() : openFile(start, name, how),
    readAll: (stream) => readAll(stream, signal),
    readLine: (stream) => readLine(stream, signal),
    start: (words, options = {}) => {
      const [name = '', ...args] = words;
      const program = launcher.find(name);
      if (!program) return undefined;
      const { newGroup = false, newSession = false, input, ...changes } = options;
      const given = new Map([...fds].map(([fd, stream]) => [fd, stream.retain()]));
      if (input) {
        given.get(0)?.release();
        given.set(0, input.retain());
      }
      return machine.processes.spawn(
        { command: words.join(' '), parent: process, newGroup, newSession },
        (child) => launcher.run(program, { ...start, ...changes, process: child, name, args, fds: given }),
      );
    },
    sleep: (ms) => machine.clock.sleep(ms, signal),
  };
}

/** Options of a command line. */
export interface ParsedOptions {
  /** Those without a value, by letter or long name. */
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
  /** Last value of an option. */
  value(name: string): string | undefined;
}

/**
 * Reads options as getopt does.
 *
 * @param letters - those that are known; a colon behind one says that it has a value.
 * @param long - long names and the letter that they stand for.
 * @throws ToolError for an unknown one.
 */
export function parseOptions(
  args: readonly string[],
  letters: string,
  long: Readonly<Record<string, string>> = {},
): ParsedOptions {
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  const takesValue = (letter: string): boolean => letters[letters.indexOf(letter) + 1] === ':';
  const add = (letter: string, value: string): void =>
    void values.set(letter, [...(values.get(letter) ?? []), value]);
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      rest.push(...queue);
      break;
    }
    if (word.startsWith('--')) {
      const [name = '', ...given] = word.slice(2).split('=');
      const letter = long[name];
      if (letter === undefined) throw new ToolError(`unrecognized option '--${name}'`, 2);
      if (takesValue(letter)) add(letter, given.length > 0 ? given.join('=') : (queue.shift() ?? ''));
      else flags.add(letter);
    } else if (word.startsWith('-') && word.length > 1) {
      for (let at = 1; at < word.length; at += 1) {
        const letter = word[at] as string;
        if (letter === ':' || !letters.includes(letter))
          throw new ToolError(`invalid option -- '${letter}'`, 2);
        if (!takesValue(letter)) {
          flags.add(letter);
          continue;
        }
        add(letter, at + 1 < word.length ? word.slice(at + 1) : (queue.shift() ?? ''));
        break;
      }
    } else rest.push(word);
  }
  return { flags, values, rest, value: (name) => values.get(name)?.at(-1) };
}

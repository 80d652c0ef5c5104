/**
 * Runs a command in a container through its shell. The command runs on its own, apart from the console: its streams go to
 * files, which are read from where the last connection got to. A run starts once, whatever happens to the connection.
 */
import { randomBytes } from 'node:crypto';
import { PvefleetError } from '../util/errors.ts';
import { blockBytes } from './agent-script.ts';
import { type CommandSpec, commandScript, runScript } from './command-script.ts';
import {
  ConsoleBusyError,
  ConsoleLostError,
  NoShellError,
  OutcomeUnknownError,
  TransferError,
} from './errors.ts';
import type { Shell } from './shell.ts';

/** Which of a command's two streams. */
export type StreamName = 'stdout' | 'stderr';

/** How a run ended. */
export interface Outcome {
  /** As `wait` of a shell tells it: 128 + n for signal n. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** Checksum of its whole output, when that was asked for. */
  readonly digest?: string;
}

/** What a run needs beside its command. */
export interface RunOptions {
  /** Input of the command; none: it reads an end of file. */
  readonly stdin?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Told how many bytes of the input have arrived. */
  readonly onSent?: (bytes: number) => void;
  /** Gets the output in order; awaited. */
  readonly onOutput: (stream: StreamName, bytes: Uint8Array) => void | Promise<void>;
  /** Told the id before the command starts: with it an interrupted run can be found again. */
  readonly onStart?: (id: string) => void;
  /** Have the checksum of its output made in the container. */
  readonly wantsDigest?: boolean;
  /** Aborted: the command is told to end (SIGTERM), once. */
  readonly interrupt?: AbortSignal;
}

/** A command, or what makes it once all of the input has arrived. */
export type Spec = CommandSpec | (() => CommandSpec);

/** How long the agent waits for news, and so how late an interruption comes at most. */
const waitCentiseconds = '100';
/** Inputs up to this stay in memory (tmpfs) inside the container, so that secrets never touch its disk. */
const smallBytes = 1_048_576;
const streams = { o: 'stdout', e: 'stderr' } as const;

function refused(words: readonly string[], what: string): TransferError {
  return new TransferError(`cannot ${what} in the container: ${words.slice(1).join(' ') || words[0]}`, {
    hint: 'is its disk full?',
  });
}

function gone(): OutcomeUnknownError {
  return new OutcomeUnknownError(
    'the run is not there any more: the container was restarted, or it was read before',
    {
      hint: 'what became of the command can only be seen in the container',
    },
  );
}

/** Splits a stream into blocks of full size. */
async function* inBlocks(source: NonNullable<RunOptions['stdin']>): AsyncGenerator<Buffer> {
  let kept: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    kept.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    length += piece.length;
    while (length >= blockBytes) {
      const all = Buffer.concat(kept);
      yield all.subarray(0, blockBytes);
      kept = [all.subarray(blockBytes)];
      length -= blockBytes;
    }
  }
  if (length > 0) yield Buffer.concat(kept);
}

/** Appends to a file of the run; what arrived before the connection broke is not sent twice. */
async function append(shell: Shell, id: string, file: string, at: number, data: Uint8Array): Promise<void> {
  for (let sent = 0; sent < data.length; ) {
    const { words } = await shell.ask(['put', id, file, String(at + sent)], data.subarray(sent));
    if (words[0] === 'gone') throw gone();
    const there = Number(words[1]) - at;
    if (words[0] !== 'at' || !(there >= sent && there <= data.length)) throw refused(words, 'write');
    sent = there;
  }
}

async function makeRun(shell: Shell, id: string): Promise<{ folder: string; spool: string }> {
  const { words } = await shell.ask(['mk', id]);
  const [, folder, spool] = words;
  if (words[0] !== 'ok' || folder === undefined || spool === undefined) throw refused(words, 'make a folder');
  return { folder, spool };
}

async function prepare(shell: Shell, id: string, spec: Spec, options: RunOptions): Promise<void> {
  const { folder, spool } = await makeRun(shell, id);
  let stdin: string | undefined;
  if (options.stdin) {
    let at = 0;
    const put = async (file: string, block: Buffer): Promise<void> => {
      await append(shell, id, file, at, block);
      at += block.length;
      options.onSent?.(at);
    };
    let small: Buffer[] | undefined = [];
    for await (const block of inBlocks(options.stdin)) {
      small?.push(block);
      if (small && small.length * blockBytes <= smallBytes) continue;
      for (const one of small ?? [block]) await put('+in', one);
      small = undefined;
    }
    stdin = small ? 'in' : '+in';
    for (const one of small ?? []) await put('in', one);
    if (at === 0) stdin = undefined;
  }
  const command = typeof spec === 'function' ? spec() : spec;
  const files = {
    ...(stdin === undefined ? {} : { stdin }),
    ...(options.wantsDigest ? { digest: shell.digestTool } : {}),
  };
  await append(shell, id, 'cmd', 0, Buffer.from(commandScript(command)));
  await append(shell, id, 'run', 0, Buffer.from(runScript(folder, spool, command, files)));
}

/** Reads the streams until the run has ended and everything is here. */
async function follow(shell: Shell, id: string, options: RunOptions): Promise<Outcome> {
  const got = { o: 0, e: 0 };
  let isTold = false;
  for (;;) {
    if (options.interrupt?.aborted && !isTold) {
      isTold = true;
      await shell.ask(['kill', id, 'TERM']);
    }
    const { words, blocks } = await shell.ask(['get', id, String(got.o), String(got.e), waitCentiseconds]);
    for (const { name, bytes } of blocks) {
      if (name !== 'o' && name !== 'e') continue;
      got[name] += bytes.length;
      await options.onOutput(streams[name], bytes);
    }
    const [, o, e, state, code, timeout, digest = '-'] = words;
    if (state === 'gone' || state === 'new') throw gone();
    if (state === 'lost') {
      throw new OutcomeUnknownError('the run was killed inside the container, and the command with it', {
        hint: 'did it run out of memory? see pvefleet show NAME',
      });
    }
    if (state === 'done' && got.o >= Number(o) && got.e >= Number(e))
      return { exitCode: Number(code), timedOut: timeout === 't', ...(digest === '-' ? {} : { digest }) };
  }
}

/** Whether an error means that nothing can be asked any more: console, connection, or the user has had enough. */
function isOutOfReach(error: unknown): error is PvefleetError {
  if (!(error instanceof PvefleetError)) return false;
  return (
    [ConsoleLostError, ConsoleBusyError, NoShellError].some((kind) => error instanceof kind) ||
    error.exitCode === 4 ||
    error.exitCode === 130
  );
}

/** An error after which the run may still be going on: says how to find it again. */
function findable(error: unknown, id: string): unknown {
  if (!isOutOfReach(error)) return error;
  return new OutcomeUnknownError(`${error.message}; the command goes on in the container`, {
    hint: `find it again with --resume ${id}`,
    cause: error,
    details: { run: id },
  });
}

/**
 * Makes the id of a run.
 *
 * @returns 16 hexadecimal digits.
 */
function newRunId(): string {
  return randomBytes(8).toString('hex');
}

/**
 * Runs a command and brings its output here.
 *
 * @param shell - of the container; not closed.
 * @param spec - the command.
 * @param options - input, output, what is told.
 * @returns how it ended.
 * @throws {@link OutcomeUnknownError} when it started and its end cannot be told; errors of the shell before that.
 */
export async function runCommand(shell: Shell, spec: Spec, options: RunOptions): Promise<Outcome> {
  const id = newRunId();
  try {
    await prepare(shell, id, spec, options);
    options.interrupt?.throwIfAborted();
  } catch (error) {
    await discard(shell, id, error);
    throw error;
  }
  options.onStart?.(id);
  shell.insist();
  return readRun(shell, id, options, true);
}

/** Whether the user has had enough; what an AbortController gives without a reason of its own. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Leaves nothing behind in the container where it can still be reached. */
async function discard(shell: Shell, id: string, because: unknown): Promise<void> {
  // the shell may be there still to give it back in good order, but what was begun is to go on
  if (isOutOfReach(because) || isAbort(because)) return;
  try {
    await shell.ask(['kill', id, 'TERM']);
    await shell.ask(['rm', id]);
  } catch (error) {
    // What counts is why it failed, not that it could not be tidied up.
    if (!isOutOfReach(error)) throw error;
  }
}

async function readRun(shell: Shell, id: string, options: RunOptions, start: boolean): Promise<Outcome> {
  try {
    if (start && (await shell.ask(['go', id])).words[0] === 'gone') throw gone();
    const outcome = await follow(shell, id, options);
    await shell.ask(['rm', id]);
    return outcome;
  } catch (error) {
    await discard(shell, id, error);
    throw findable(error, id);
  }
}

/**
 * Finds a run again and brings all of its output here.
 *
 * @param shell - of the container; not closed.
 * @param id - as it was told when the run started.
 * @param options - output, what is told.
 * @returns how it ended.
 * @throws {@link OutcomeUnknownError} when there is no such run.
 */
export async function resumeCommand(
  shell: Shell,
  id: string,
  options: Pick<RunOptions, 'onOutput' | 'interrupt'>,
): Promise<Outcome> {
  shell.insist();
  return readRun(shell, id, options, false);
}

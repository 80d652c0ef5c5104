/** One command of ours inside a container, with its output as events: plain lines without secrets, the last ones kept. */
import type { CommandSpec } from '../console/command-script.ts';
import { OutcomeUnknownError } from '../console/errors.ts';
import { type RunOptions, runCommand } from '../console/run-command.ts';
import type { Shell } from '../console/shell.ts';
import { splitLines } from '../util/plain-line.ts';
import type { EngineContext } from './context.ts';
import { IndeterminateError } from './failures.ts';

/** How a command ended. */
export interface Ended {
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** Last lines of its output, both streams as they came. */
  readonly log: readonly string[];
}

/** What is done with a command besides running it. */
export interface InsideOptions {
  /** Tells the lines as events of this action. */
  readonly id?: string;
  /** Never shown. */
  readonly secrets?: readonly string[];
  readonly stdin?: RunOptions['stdin'];
  readonly onSent?: (bytes: number) => void;
  /** Aborted: the command is told to end. */
  readonly interrupt?: AbortSignal;
  /** What goes on there when nobody waits for its end any more. */
  readonly doing: string;
}

const keptLines = 20;
/** Shorter ones would black out half of every line. */
const shortestSecret = 4;

/** A function that masks secrets, and the lines of those that have several. */
function masking(secrets: readonly string[]): (line: string) => string {
  const parts = secrets
    .flatMap((secret) => [secret, ...secret.split(/[\r\n]+/)])
    .filter((part) => part.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  return (line) => parts.reduce((text, part) => text.replaceAll(part, '********'), line);
}

/**
 * Runs a command in a container.
 *
 * @param shell - of the container; not closed.
 * @param spec - the command.
 * @returns how it ended.
 * @throws IndeterminateError when it was started and its end cannot be told; errors of the shell before that.
 */
export async function runInside(
  context: EngineContext,
  shell: Shell,
  spec: CommandSpec,
  options: InsideOptions,
): Promise<Ended> {
  const { id, secrets = [], stdin, onSent, interrupt, doing } = options;
  const mask = masking(secrets);
  const log: string[] = [];
  const onLine = (plain: string): void => {
    const line = mask(plain);
    log.push(line);
    if (log.length > keptLines) log.shift();
    if (id !== undefined) context.emit({ type: 'task.log', id, line });
  };
  const streams = { stdout: splitLines(onLine), stderr: splitLines(onLine) };
  let isStarted = false;
  try {
    const { exitCode, timedOut } = await runCommand(shell, spec, {
      onOutput: (stream, bytes) => streams[stream].push(bytes),
      onStart: () => {
        isStarted = true;
      },
      ...(stdin === undefined ? {} : { stdin }),
      ...(onSent === undefined ? {} : { onSent }),
      ...(interrupt === undefined ? {} : { interrupt }),
    });
    for (const stream of Object.values(streams)) stream.end();
    return { exitCode, timedOut, log };
  } catch (cause) {
    if (!isStarted) throw cause;
    const why = context.signal.aborted
      ? 'stopped waiting'
      : cause instanceof OutcomeUnknownError
        ? cause.message
        : 'lost the connection';
    throw new IndeterminateError(`${why} (${doing})`, {
      cause,
      hint: 'what was started goes on inside the container; apply again: that waits for its end and goes on',
    });
  }
}

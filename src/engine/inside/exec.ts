/** A command in one container or in many at once. */
import { constants } from 'node:os';
import type { CommandSpec } from '../../console/command-script.ts';
import { type Outcome, resumeCommand, runCommand, type StreamName } from '../../console/run-command.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import { labelContainers } from '../../domain/labels.ts';
import type { ErrorDocument } from '../../util/errors.ts';
import type { EngineContext } from '../context.ts';
import { countBy } from '../count-by.ts';
import { describeFailure } from '../failures.ts';
import { mapBounded } from '../parallel.ts';
import { ConsoleLeftError, type InsideOptions, withShell } from './with-shell.ts';

/** What is to be run, or found again. */
export interface ExecRequest extends InsideOptions {
  readonly spec: CommandSpec;
  /** Gives the input, anew for each container. */
  readonly stdin?: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Id of an earlier run, to be read instead of starting one. */
  readonly resume?: string;
  readonly onOutput: (
    container: ActualContainer,
    stream: StreamName,
    bytes: Uint8Array,
  ) => void | Promise<void>;
  /** Keep the output for the result. */
  readonly keepsOutput?: boolean;
  /** Start nothing more after the first failure. */
  readonly failFast?: boolean;
}

/** What became of it in one container. */
export interface ExecResult {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  /** Null when it could not be run, or its end is not known. With an `error` beside it something else went wrong. */
  readonly exitCode: number | null;
  /** What 128 + n stands for. */
  readonly signal?: string;
  /** Its time was over; the exit code is 124 then. */
  readonly timedOut?: true;
  readonly stdout?: string;
  /** The text is base64, because the output is no UTF-8. */
  readonly stdoutBase64?: true;
  readonly stderr?: string;
  readonly stderrBase64?: true;
  readonly ms: number;
  readonly error?: ErrorDocument;
}

/** The document `pvefleet.exec/1`. */
export interface ExecDocument {
  readonly format: 'pvefleet.exec/1';
  readonly containers: readonly ExecResult[];
  /** `failed`: another exit code than 0; `error`: not run, the end is not known, or something else went wrong. */
  readonly summary: Readonly<Record<'ok' | 'failed' | 'error', number>>;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Output as a document has it. */
function asText(bytes: Buffer, name: StreamName): Partial<ExecResult> {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes)
    ? { [name]: text }
    : { [name]: bytes.toString('base64'), [`${name}Base64`]: true };
}

/** Runs it in one container, with the end as a value or an error. */
async function runIn(
  context: EngineContext,
  container: ActualContainer,
  request: ExecRequest,
  onOutput: (stream: StreamName, bytes: Uint8Array) => void | Promise<void>,
): Promise<Outcome & { readonly left?: ConsoleLeftError }> {
  const { spec, stdin, resume } = request;
  let known: Outcome | undefined;
  const end = withShell(context, container, request, async (shell) => {
    const options = { onOutput, interrupt: context.drain };
    const { vmid, name = `CT${vmid}` } = container;
    const onStart = (run: string): void => context.emit({ type: 'exec.start', id: name, vmid, run });
    const outcome =
      resume === undefined
        ? await runCommand(shell, spec, { ...options, onStart, ...(stdin ? { stdin: stdin() } : {}) })
        : await resumeCommand(shell, resume, options);
    if (shell.wasDisturbed) {
      const message = `${container.name ?? container.vmid}: somebody typed into the same console meanwhile`;
      context.emit({ type: 'notice', diagnostic: { severity: 'warning', code: 'CONSOLE_SHARED', message } });
    }
    known = outcome;
    return outcome;
  });
  return end.catch((error: unknown) => {
    // the command has run: what became of it must not be lost because the console is not as it was
    if (known && error instanceof ConsoleLeftError) return { ...known, left: error };
    throw error;
  });
}

/** How one run ended: its result, and the error itself for those who want to throw it. */
export interface ExecEnd {
  readonly result: ExecResult;
  readonly failure?: unknown;
}

/**
 * Runs a command in one container.
 *
 * @param context - client, clock, signals, events. The first interruption (`drain`) tells the command to end, the second
 *   one leaves it alone.
 * @param container - as it was observed just now.
 * @param request - the command and what becomes of its output.
 * @returns how it ended; never throws.
 */
export async function execIn(
  context: EngineContext,
  container: ActualContainer,
  request: ExecRequest,
): Promise<ExecEnd> {
  const { vmid, node, name = `CT${vmid}` } = container;
  const startedAt = context.clock.now();
  const kept: Record<StreamName, Buffer[]> = { stdout: [], stderr: [] };
  const output = (): Partial<ExecResult> =>
    request.keepsOutput
      ? {
          ...asText(Buffer.concat(kept.stdout), 'stdout'),
          ...asText(Buffer.concat(kept.stderr), 'stderr'),
        }
      : {};
  const facts = (): Pick<ExecResult, 'vmid' | 'name' | 'node' | 'ms'> => ({
    vmid,
    name,
    node,
    ms: context.clock.now() - startedAt,
  });
  try {
    context.drain.throwIfAborted();
    const { exitCode, timedOut, left } = await runIn(context, container, request, (stream, bytes) => {
      if (request.keepsOutput) kept[stream].push(Buffer.from(bytes));
      return request.onOutput(container, stream, bytes);
    });
    const signal = timedOut || exitCode <= 128 ? undefined : signalNames.get(exitCode - 128);
    return {
      result: {
        ...facts(),
        exitCode,
        ...(signal === undefined ? {} : { signal }),
        ...(timedOut ? { timedOut: true } : {}),
        ...output(),
        ...(left ? { error: describeFailure(left) } : {}),
      },
      ...(left ? { failure: left } : {}),
    };
  } catch (failure) {
    return { result: { ...facts(), exitCode: null, ...output(), error: describeFailure(failure) }, failure };
  }
}

/**
 * Makes the document of results.
 *
 * @param results - of the containers.
 */
export function execDocument(results: readonly ExecResult[]): ExecDocument {
  const summary = countBy(['ok', 'failed', 'error'] as const, results, ({ exitCode, error }) =>
    exitCode === null || error ? 'error' : exitCode === 0 ? 'ok' : 'failed',
  );
  return { format: 'pvefleet.exec/1', containers: results, summary };
}

/**
 * Runs a command in many containers, as many at once as the limits say.
 *
 * @param context - as for {@link execIn}.
 * @param containers - where; one failure stops nobody else, unless `failFast`.
 * @param request - the command and what becomes of its output.
 * @returns results in the order of the containers.
 */
export async function execInMany(
  context: EngineContext,
  containers: readonly ActualContainer[],
  request: ExecRequest,
): Promise<ExecDocument> {
  const labels = labelContainers(containers);
  let hasFailed = false;
  const results = await mapBounded(context.limits.actions, containers, async (container) => {
    const { vmid, node, name = `CT${vmid}` } = container;
    const id = labels.get(vmid) ?? name;
    const skipped = context.drain.aborted
      ? 'interrupted'
      : request.failFast && hasFailed
        ? 'another failed'
        : undefined;
    if (skipped !== undefined) {
      const error: ErrorDocument = {
        format: 'pvefleet.error/1',
        code: 'SKIPPED',
        message: `not tried: ${skipped}`,
      };
      return { vmid, name, node, exitCode: null, ms: 0, error };
    }
    context.emit({ type: 'action.start', id, kind: 'container.exec', key: id, vmid, node });
    const { result } = await execIn(context, container, request);
    const isGood = result.exitCode === 0 && !result.error;
    hasFailed ||= !isGood;
    const message =
      result.error?.message ?? (result.exitCode === 0 ? undefined : `exit code ${result.exitCode}`);
    context.emit({
      type: 'action.done',
      id,
      result: isGood ? 'ok' : 'failed',
      ms: result.ms,
      ...(message === undefined ? {} : { message }),
    });
    return result;
  });
  return execDocument(results);
}

/** What a command works with: output, questions, interrupts, and, when it asks for it, a connected engine context. */
import { appendFileSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ClientOptions, PveClient } from '../api/types.ts';
import type { EngineContext } from '../engine/context.ts';
import type { EventSink } from '../engine/events.ts';
import type { Prompts } from '../prompts/io.ts';
import type { Sink } from '../render/sink.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { messageOf, UsageError } from '../util/errors.ts';
import { redactValue } from '../util/redact.ts';
import type { Connection } from './connection.ts';
import type { Host } from './host.ts';
import type { Options } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { createInterrupts, type Interrupts } from './signals.ts';

/** Handed to every command. */
export interface Runtime {
  readonly host: Host;
  readonly options: Options;
  readonly clock: Clock;
  readonly output: Output;
  readonly interrupts: Interrupts;
  /** Whether questions may be asked: a terminal is there, and neither `--no-input` nor CI forbids it. */
  readonly interactive: boolean;
  /** A path as the user means it. */
  path(file: string): string;
  /** Questions; throw when there is no terminal. */
  prompts(): Promise<Prompts>;
  /**
   * Connects: finds URL, credentials and trust, and builds the engine's context. The same one at each call.
   *
   * @param connection - instead of flags, environment and profile; connects anew.
   */
  connect(connection?: Connection): Promise<EngineContext>;
  /** Ends progress and connections; called once, at the end. */
  close(): Promise<void>;
}

/** Opens the events file, so that a bad path is told before anything happens. */
function eventsFileSink(file: string): EventSink {
  let handle: number;
  try {
    handle = openSync(file, 'w', 0o600);
  } catch (error) {
    throw new UsageError(`cannot write the events file ${file}: ${messageOf(error)}`, { cause: error });
  }
  return (event) => appendFileSync(handle, `${JSON.stringify(redactValue(event))}\n`);
}

/**
 * Builds the runtime of one command.
 *
 * @param command - its words, for events.
 * @param options - flags.
 * @param host - the process.
 * @param clock - time; replaced in tests.
 * @returns the runtime.
 */
export function createRuntime(
  command: string,
  options: Options,
  host: Host,
  clock: Clock = systemClock,
): Runtime {
  const output = createOutput(host, options, command);
  const interrupts = createInterrupts(host);
  const path = (file: string): string => resolve(host.cwd, file);
  const isTerminal = host.stdin.isTTY === true && host.stderr.isTTY === true;
  const isCi = !['', '0', 'false'].includes(host.env['CI']?.toLowerCase() ?? '');
  const interactive = isTerminal && options.input !== false && !isCi;
  let sink: Sink | undefined;
  let eventSink: Promise<EventSink> | undefined;
  let clients: readonly PveClient[] = [];
  let context: Promise<EngineContext> | undefined;
  let prompts: Promise<Prompts> | undefined;

  const startSink = async (): Promise<EventSink> => {
    const { createSink, tee } = await import('../render/sink.ts');
    const started = await createSink({
      format: output.format,
      isTty: host.stderr.isTTY === true && !isCi && host.env['TERM'] !== 'dumb',
      quiet: options.quiet === true,
      verbose: options.verbose === true,
      style: output.errorStyle,
      write: (text) => host.stderr.write(text),
      writeOut: (text) => output.event(text),
      clock,
    });
    sink = started;
    output.pause = started.pause;
    return options.eventsFile === undefined
      ? started.sink
      : tee(started.sink, eventsFileSink(path(options.eventsFile)));
  };

  const askPrompts = (): Promise<Prompts> => {
    prompts ??= import('../prompts/io.ts').then(({ createPrompts }) =>
      createPrompts({
        interactive,
        input: host.stdin,
        output: host.stderr as unknown as NodeJS.WritableStream,
        signal: interrupts.signal,
      }),
    );
    return prompts;
  };

  const askPassword = async (username: string): Promise<string> =>
    (await askPrompts()).secret({ message: `Password of ${username}` });

  const connect = async (given?: Connection): Promise<EngineContext> => {
    const [
      { resolveConnection },
      { createPveClient },
      { createContext },
      { createSecretResolver, ownPassword },
    ] = await Promise.all([
      import('./connection.ts'),
      import('../api/client.ts'),
      import('../engine/context.ts'),
      import('../engine/secrets.ts'),
    ]);
    const resolveSecret = createSecretResolver({ env: host.env, baseDirectory: host.cwd });
    const connection =
      given ??
      (await resolveConnection({ options, host, resolveSecret, ...(interactive ? { askPassword } : {}) }));
    eventSink ??= startSink();
    const receiver = await eventSink;
    const clientOptions: ClientOptions = {
      urls: connection.urls,
      auth: connection.auth,
      trust: connection.trust,
      clock,
      // No signal for the client as a whole: the engine hands its own to reads and waits, and lets a write that is
      // under way tell its UPID.
      onRequest: (report) => built.emit({ type: 'request', ...report }),
      onRetry: ({ attempt, inMs, because }) => built.emit({ type: 'retry', attempt, inMs, because }),
      ...(interactive
        ? {
            onTotp: async () => {
              const { askTotp } = await import('../prompts/connection.ts');
              return askTotp(await askPrompts());
            },
          }
        : {}),
    };
    const pve = createPveClient(clientOptions);
    clients = [...clients, pve];
    const { parallel } = options;
    const built = createContext({
      pve,
      clock,
      sink: receiver,
      signal: interrupts.signal,
      drain: interrupts.drain,
      // PVE: whoever sets another one's password proves who he is with his own
      resolveSecret: async (reference) =>
        reference === ownPassword && connection.auth.kind === 'ticket'
          ? connection.auth.password
          : resolveSecret(reference),
      identity: connection.identity,
      limits: {
        ...connection.limits,
        ...(parallel === undefined ? {} : { actions: parallel, actionsPerNode: parallel }),
      },
    });
    built.emit({ type: 'run.start', command });
    interrupts.onStage((stage) => {
      built.emit({ type: 'cancel', stage });
      // Without a renderer for events nobody would tell what the second Ctrl-C does.
      if (stage === 'draining' && (output.format !== 'human' || output.quiet))
        output.tell('Interrupted: running steps are finished. Press Ctrl-C again to stop waiting.');
    });
    return built;
  };

  return {
    host,
    options,
    clock,
    output,
    interrupts,
    interactive,
    path,
    prompts: askPrompts,
    connect: (connection) => {
      if (connection) return connect(connection);
      context ??= connect();
      return context;
    },
    close: async () => {
      sink?.close();
      interrupts.dispose();
      for (const client of clients) client.close();
    },
  };
}

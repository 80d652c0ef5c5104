/**
 * termproxy: the program behind a console's port (lxc-endpoints §G). Waits for one connection, lets it in when the first
 * line is `USER:TICKET`, and then stands between the client and the container's session. Its errors go into the task's
 * log, as on the real server.
 */
import type { Clock } from '../../util/clock.ts';
import { messageOf } from '../../util/errors.ts';
import { die, type SimWorker } from '../context.ts';
import type { ConsoleSize } from './backend.ts';
import { bufferBytes, createMessageReader } from './messages.ts';
import type { Attachment, Viewer } from './session.ts';

/** How long a connection, and then its first line, is waited for. */
const patienceMs = 10_000;
/** The API sends every 401 so late. */
const refusalMs = 3000;
const firstSize: ConsoleSize = { columns: 80, rows: 20 };
const newline = 0x0a;

/** What the client's end calls. */
export interface TermInput {
  receive(bytes: Buffer): void;
  /** The client takes output again. */
  drained(): void;
  /** The connection has ended. */
  gone(): void;
}

export interface TermProxy {
  /** Takes a connection; undefined when there is nobody to take it: one was taken already. */
  connect(client: Viewer, peer: string): TermInput | undefined;
  /** True until a connection has been taken or waiting has ended. */
  isListening(): boolean;
  /** The life of the program, as the work of its task. */
  run(worker: SimWorker): Promise<void>;
  /** Ends it. */
  end(): void;
}

export interface TermProxyOptions {
  readonly clock: Clock;
  /** The command line, for the error text of the task. */
  readonly command: string;
  /** Why somebody may not come in, as `STATUS REASON`, or undefined. */
  readonly refuse: (authid: string, ticket: string) => string | undefined;
  /** Opens the container's session. */
  readonly attach: (viewer: Viewer, size: ConsoleSize) => Attachment;
}

/** What has arrived before the login is through, and who waits for it. */
interface Login {
  bytes: Buffer;
  readonly done: (error?: Error) => void;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => undefined); // whoever waits for it hears of it; nobody may be waiting yet
  return { promise, resolve, reject };
}

/**
 * Makes one termproxy; it listens at once.
 *
 * @param options - see {@link TermProxyOptions}.
 */
export function createTermProxy(options: TermProxyOptions): TermProxy {
  const { clock, refuse, attach } = options;
  const connected = deferred<string>();
  const loggedIn = deferred<void>();
  const ended = deferred<void>();
  let isListening = true;
  let client: Viewer | undefined;
  let attachment: Attachment | undefined;
  const login: Login = {
    bytes: Buffer.alloc(0),
    done: (error) => (error ? loggedIn.reject(error) : loggedIn.resolve()),
  };
  const read = createMessageReader({
    data: (bytes) => attachment?.write(bytes),
    resize: (size) => attachment?.resize(size),
  });

  /** Waits, but not for ever. */
  const within = async (what: Promise<unknown>, worker: SimWorker, lateText: string): Promise<void> => {
    const patience = new AbortController();
    const signal = AbortSignal.any([patience.signal, worker.signal]);
    const late = clock.sleep(patienceMs, signal).then(() => {
      throw new Error(lateText);
    });
    const stopped = ended.promise.then(() => {
      throw new Error('connection closed before authentication');
    });
    try {
      await Promise.race([what, late, stopped]);
    } finally {
      patience.abort(new Error('in time'));
      late.catch(() => undefined); // the race has told
      stopped.catch(() => undefined);
    }
  };
  const takeLogin = async (worker: SimWorker): Promise<void> => {
    await within(loggedIn.promise, worker, 'failed reading ticket: timed out');
    const end = login.bytes.indexOf(newline);
    const line = login.bytes.toString('utf8', 0, end);
    const colon = line.indexOf(':');
    if (colon < 0) throw new Error('failed reading ticket: authentication data is invalid');
    const refusal = refuse(line.slice(0, colon), line.slice(colon + 1));
    if (refusal === undefined) return;
    if (refusal.startsWith('401')) await clock.sleep(refusalMs, worker.signal);
    throw new Error(`invalid authentication - ${refusal}`);
  };
  const open = (viewer: Viewer): void => {
    viewer.send(Buffer.from('OK'));
    attachment = attach({ send: (bytes) => viewer.send(bytes), close: () => ended.resolve() }, firstSize);
    const early = login.bytes.subarray(login.bytes.indexOf(newline) + 1);
    login.bytes = Buffer.alloc(0);
    if (early.length > 0) read(early);
  };

  return {
    isListening: () => isListening,
    connect(viewer, peer) {
      if (!isListening) return undefined;
      isListening = false;
      client = viewer;
      connected.resolve(peer);
      return {
        receive: (bytes) => {
          if (attachment) return read(bytes);
          login.bytes = Buffer.concat([login.bytes, bytes]);
          if (login.bytes.includes(newline)) login.done();
          else if (login.bytes.length >= bufferBytes)
            login.done(new Error('failed reading ticket: authentication data is incomplete'));
        },
        drained: () => attachment?.drained(),
        gone: () => ended.resolve(),
      };
    },
    async run(worker) {
      const stop = (): void => ended.resolve();
      worker.signal.addEventListener('abort', stop, { once: true });
      try {
        await within(connected.promise, worker, 'failed waiting for client: timed out');
        worker.log(`client connection: ${await connected.promise}`);
        await takeLogin(worker);
        open(client as Viewer);
        await ended.promise;
      } catch (error) {
        worker.signal.throwIfAborted();
        worker.log(messageOf(error));
        die(`command '${options.command}' failed: exit code 1`);
      } finally {
        worker.signal.removeEventListener('abort', stop);
        isListening = false;
        attachment?.detach();
        client?.close();
      }
      worker.signal.throwIfAborted();
    },
    end: () => ended.resolve(),
  };
}

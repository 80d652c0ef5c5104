/**
 * Sends a prepared call: tries the URLs in turn, repeats what may be repeated, logs in, and turns answers into results
 * or errors. Knows HTTP only through the transport.
 */
import type { Clock } from '../util/clock.ts';
import { withRetry } from '../util/retry.ts';
import type { Authenticator, AuthHeaders } from './auth.ts';
import type { PreparedCall } from './call.ts';
import { classifyResponse } from './classify.ts';
import { classifyFailure } from './classify-failure.ts';
import { PveAuthError } from './errors/auth-error.ts';
import { PveProtocolError } from './errors/protocol-error.ts';
import { hints } from './hints.ts';
import { connectionPolicy, isShortLock, lockPolicy, mayRepeat, worthRepeating } from './retry-policy.ts';
import { type Transport, TransportError, type WireResponse } from './transport.ts';
import type { RequestReport, RetryReport } from './types.ts';
import { unwrap } from './unwrap.ts';
import type { Websocket, WebsocketListeners, WebsocketOpener } from './websocket.ts';

/** What sending needs from outside. */
export interface DispatchOptions {
  /** Base URLs without trailing slash; at least one. */
  readonly urls: readonly string[];
  /** Loads the transport; asked at the first request. */
  readonly transport: () => Promise<Transport>;
  /** Loads what opens websockets; asked at the first one. */
  readonly websockets: () => Promise<WebsocketOpener>;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly lockWaitMs: number;
  readonly random?: (() => number) | undefined;
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
  readonly onRetry?: ((report: RetryReport) => void) | undefined;
}

/** One of the servers. */
export interface OneServer {
  /** Its base URL. */
  readonly url: string;
  send(call: PreparedCall, auth: Authenticator, signal?: AbortSignal): Promise<unknown>;
  openWebsocket(
    call: PreparedCall,
    auth: Authenticator,
    listeners: WebsocketListeners,
    signal?: AbortSignal,
  ): Promise<Websocket>;
}

/** Sends calls. */
export interface Dispatcher {
  /** Sends without credentials, as a login must be. */
  sendPlain(call: PreparedCall, signal?: AbortSignal): Promise<unknown>;
  /** Sends with credentials; waits for short locks. */
  send(call: PreparedCall, auth: Authenticator, signal?: AbortSignal): Promise<unknown>;
  /**
   * Does several things at one server; the URLs are tried in turn with all of it, which must be harmless to repeat.
   *
   * @param label - what is told about it when it is repeated.
   */
  atOneServer<T>(label: Labelled, work: (server: OneServer) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The URL that answered last. */
  currentUrl(): string;
}

/** What a report and a decision about repeating need to know. */
type Labelled = Pick<PreparedCall, 'method' | 'template' | 'repeatable' | 'once'>;

/** PVE: transport-auth §11; a list of subprotocols would be echoed as a whole. */
const subprotocol = 'binary';

/**
 * Builds the sender.
 *
 * @param options - URLs, transport, clock and hooks.
 * @returns the sender; it remembers which URL answered last.
 */
export function createDispatcher(options: DispatchOptions): Dispatcher {
  const { urls, clock, random, onRequest, onRetry } = options;
  let preferred = 0;
  let hadContact = false;

  const report = (
    call: PreparedCall,
    startedAt: number,
    outcome: { status?: number; error?: string },
  ): void =>
    onRequest?.({ method: call.method, path: call.template, ms: clock.now() - startedAt, ...outcome });

  const repeat = (call: Labelled) => (error: unknown, attempt: number, inMs: number) =>
    onRetry?.({
      method: call.method,
      path: call.template,
      attempt,
      inMs,
      because: error instanceof Error ? error.message : String(error),
    });

  const evaluate = (call: PreparedCall, response: WireResponse): unknown => {
    if (response.status >= 400) throw classifyResponse(response, call, call.mask);
    return unwrap(response, call);
  };

  /** One exchange with one server. */
  const sendTo = async (
    index: number,
    call: PreparedCall,
    auth: AuthHeaders,
    signal?: AbortSignal,
  ): Promise<unknown> => {
    const transport = await options.transport();
    const url = urls[index] as string;
    const startedAt = clock.now();
    let status: number | undefined;
    let answer: unknown;
    try {
      const response = await transport.send(
        {
          method: call.method,
          url: `${url}/api2/json${call.target}`,
          headers: { Accept: 'application/json', 'User-Agent': options.userAgent, ...call.headers, ...auth },
          timeoutMs: call.timeoutMs,
          ...(call.body === undefined ? {} : { body: call.body }),
          ...(call.stream ? { stream: call.stream } : {}),
        },
        signal,
      );
      status = response.status;
      hadContact = true;
      // A refusal is an answer too; 502 and above may only say that this one cannot reach the other.
      if (status < 502) preferred = index;
      answer = evaluate(call, response);
    } catch (thrown) {
      const error = thrown instanceof TransportError ? classifyFailure(thrown.failure, call, url) : thrown;
      const text = error instanceof Error ? error.message : String(error);
      report(call, startedAt, { error: text, ...(status === undefined ? {} : { status }) });
      throw error;
    }
    report(call, startedAt, { status });
    return answer;
  };

  /** One round over the URLs, beginning with the one that answered last. */
  const round = async <T>(repeatable: boolean, attempt: (index: number) => Promise<T>): Promise<T> => {
    const first = preferred;
    for (let step = 0; ; step++) {
      try {
        return await attempt((first + step) % urls.length);
      } catch (error) {
        if (step + 1 >= urls.length || !mayRepeat(repeatable, error)) throw error;
      }
    }
  };

  const patiently = <T>(
    label: Labelled,
    attempt: (index: number) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    const startedAt = clock.now();
    let attempts = 0;
    return withRetry(
      connectionPolicy,
      (number) => {
        attempts = number;
        return round(label.repeatable, attempt);
      },
      {
        clock,
        signal,
        ...(random ? { random } : {}),
        onRetry: repeat(label),
        shouldRetry: (error) =>
          label.once !== true &&
          mayRepeat(label.repeatable, error) &&
          worthRepeating(error, { attempt: attempts, elapsedMs: clock.now() - startedAt, hadContact }),
      },
    );
  };

  const sendPatiently = (call: PreparedCall, auth: AuthHeaders, signal?: AbortSignal): Promise<unknown> =>
    patiently(call, (index) => sendTo(index, call, auth, signal), signal);

  /** Sends with credentials; `attempt` is one sending, with whatever patience it has. */
  const authorised = async (
    call: PreparedCall,
    auth: Authenticator,
    attempt: (headers: AuthHeaders) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<unknown> => {
    const writes = call.method !== 'GET';
    const headers = await auth.headers(writes, signal);
    try {
      return await attempt(headers);
    } catch (error) {
      // A 401 comes before anything is done, so that writes may be repeated too; once.
      if (!(error instanceof PveAuthError) || !auth.rejected(headers)) throw error;
    }
    return attempt(await auth.headers(writes, signal));
  };

  /** One handshake with one server. */
  const openAt = async (
    url: string,
    call: PreparedCall,
    auth: AuthHeaders,
    listeners: WebsocketListeners,
    signal?: AbortSignal,
  ): Promise<Websocket> => {
    const open = await options.websockets();
    const startedAt = clock.now();
    let status: number | undefined;
    try {
      const answer = await open(
        {
          url: `${url}/api2/json${call.target}`,
          headers: { 'User-Agent': options.userAgent, ...auth },
          protocol: subprotocol,
          timeoutMs: call.timeoutMs,
        },
        listeners,
        signal,
      );
      if (!('status' in answer)) {
        report(call, startedAt, { status: 101 });
        return answer;
      }
      status = answer.status;
      if (status >= 400) throw classifyResponse(answer, call, call.mask);
      // PVE: without `Upgrade` the same path is an ordinary call that answers 200.
      throw new PveProtocolError({
        request: call,
        reason: `${url} answered with HTTP status ${status} instead of opening a websocket`,
        hint: hints.noWebsocket,
      });
    } catch (thrown) {
      const error = thrown instanceof TransportError ? classifyFailure(thrown.failure, call, url) : thrown;
      const text = error instanceof Error ? error.message : String(error);
      report(call, startedAt, { error: text, ...(status === undefined ? {} : { status }) });
      throw error;
    }
  };

  const oneServer = (index: number): OneServer => {
    const url = urls[index] as string;
    return {
      url,
      send: (call, auth, signal) =>
        authorised(call, auth, (headers) => sendTo(index, call, headers, signal), signal),
      openWebsocket: async (call, auth, listeners, signal) =>
        openAt(url, call, await auth.headers(false, signal), listeners, signal),
    };
  };

  const sendAuthorised = (call: PreparedCall, auth: Authenticator, signal?: AbortSignal): Promise<unknown> =>
    authorised(call, auth, (headers) => sendPatiently(call, headers, signal), signal);

  return {
    atOneServer: (label, work, signal) => patiently(label, (index) => work(oneServer(index)), signal),
    currentUrl: () => urls[preferred] as string,
    sendPlain: (call, signal) => sendPatiently(call, {}, signal),
    send(call, auth, signal) {
      const startedAt = clock.now();
      return withRetry(lockPolicy, () => sendAuthorised(call, auth, signal), {
        clock,
        signal,
        ...(random ? { random } : {}),
        onRetry: repeat(call),
        shouldRetry: (error) => isShortLock(error) && clock.now() - startedAt < options.lockWaitMs,
      });
    },
  };
}

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
import { connectionPolicy, isShortLock, lockPolicy, mayRepeat, worthRepeating } from './retry-policy.ts';
import { type Transport, TransportError, type WireResponse } from './transport.ts';
import type { RequestReport, RetryReport } from './types.ts';
import { unwrap } from './unwrap.ts';

/** What sending needs from outside. */
export interface DispatchOptions {
  /** Base URLs without trailing slash; at least one. */
  readonly urls: readonly string[];
  /** Loads the transport; asked at the first request. */
  readonly transport: () => Promise<Transport>;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly lockWaitMs: number;
  readonly random?: (() => number) | undefined;
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
  readonly onRetry?: ((report: RetryReport) => void) | undefined;
}

/** Sends calls. */
export interface Dispatcher {
  /** Sends without credentials, as a login must be. */
  sendPlain(call: PreparedCall, signal?: AbortSignal): Promise<unknown>;
  /** Sends with credentials; waits for short locks. */
  send(call: PreparedCall, auth: Authenticator, signal?: AbortSignal): Promise<unknown>;
  /** The URL that answered last. */
  currentUrl(): string;
}

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

  const repeat = (call: PreparedCall) => (error: unknown, attempt: number, inMs: number) =>
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
  const sendRound = async (call: PreparedCall, auth: AuthHeaders, signal?: AbortSignal): Promise<unknown> => {
    const first = preferred;
    for (let step = 0; ; step++) {
      try {
        return await sendTo((first + step) % urls.length, call, auth, signal);
      } catch (error) {
        if (step + 1 >= urls.length || !mayRepeat(call.repeatable, error)) throw error;
      }
    }
  };

  const sendPatiently = (call: PreparedCall, auth: AuthHeaders, signal?: AbortSignal): Promise<unknown> => {
    const startedAt = clock.now();
    let attempts = 0;
    return withRetry(
      connectionPolicy,
      (attempt) => {
        attempts = attempt;
        return sendRound(call, auth, signal);
      },
      {
        clock,
        signal,
        ...(random ? { random } : {}),
        onRetry: repeat(call),
        shouldRetry: (error) =>
          mayRepeat(call.repeatable, error) &&
          worthRepeating(error, { attempt: attempts, elapsedMs: clock.now() - startedAt, hadContact }),
      },
    );
  };

  const sendAuthorised = async (
    call: PreparedCall,
    auth: Authenticator,
    signal?: AbortSignal,
  ): Promise<unknown> => {
    const writes = call.method !== 'GET';
    const headers = await auth.headers(writes, signal);
    try {
      return await sendPatiently(call, headers, signal);
    } catch (error) {
      // A 401 comes before anything is done, so that writes may be repeated too; once.
      if (!(error instanceof PveAuthError) || !auth.rejected(headers)) throw error;
    }
    return sendPatiently(call, await auth.headers(writes, signal), signal);
  };

  return {
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

/**
 * The HTTP transport; the only module that imports axios. It sends one request and gives back whatever is answered. It
 * repeats a request in one case only: when a kept connection turns out to be dead.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import axios, { type AxiosResponse } from 'axios';
import pLimit from 'p-limit';
import { abortable } from '../util/abort.ts';
import { systemClock } from '../util/clock.ts';
import { systemError, type TrustPolicy } from './connect.ts';
import { createLoopbackAgent, createTlsAgent, type PveAgent } from './tls-agent.ts';
import {
  type Transport,
  TransportError,
  type TransportFailure,
  type WireRequest,
  type WireResponse,
} from './transport.ts';

/** What the transport is built from. */
export interface AxiosTransportOptions {
  readonly trust: TrustPolicy;
  /** Requests under way at once. */
  readonly maxSockets: number;
  /** For TCP and TLS together, in milliseconds; default 10 000. */
  readonly connectTimeoutMs?: number;
}

/** What is known about one exchange while it goes on. */
interface Watch {
  socket?: Socket;
  bytesBefore: number;
  reused: boolean;
  answered: boolean;
}

/** Passes requests to Node.js and notes which socket each one gets; axios calls `request` as it would node:https. */
function watching(watch: Watch): { request: typeof http.request } {
  const request = (
    options: https.RequestOptions,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => {
    const sent = (options.protocol === 'https:' ? https : http).request(options, onResponse);
    sent.once('socket', (socket: Socket) => {
      watch.socket = socket;
      watch.bytesBefore = socket.bytesWritten;
      watch.reused = sent.reusedSocket;
    });
    sent.once('response', () => {
      watch.answered = true;
    });
    return sent;
  };
  return { request: request as typeof http.request };
}

/** Sockets are handed out only when they are connected and trusted, so a request without socket was never sent. */
function wasSent(watch: Watch): 'no' | 'maybe' {
  return watch.socket === undefined || watch.socket.bytesWritten === watch.bytesBefore ? 'no' : 'maybe';
}

function explain(error: unknown, watch: Watch): TransportFailure {
  // axios keeps headers and body in its errors; only the error below it may go on from here.
  const root = (error instanceof Error ? error.cause : undefined) ?? error;
  if (root instanceof TransportError) return root.failure;
  const { errno, reason } = systemError(root);
  if (/^(?:HPE_|Z_|ERR_INVALID_URL)/.test(errno)) return { kind: 'protocol', errno, reason };
  if (watch.answered) {
    return { kind: 'connection', sent: 'maybe', errno: 'ECONNRESET', reason: 'the answer was cut off' };
  }
  return { kind: 'connection', sent: wasSent(watch), errno, reason };
}

function headersOf(response: AxiosResponse<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
}

/** Runs `work` with a signal that aborts with the caller's signal or after the time-out. */
async function withDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown; readonly timedOut: boolean }> {
  const over = new AbortController();
  const stop = new AbortController();
  let timedOut = false;
  signal?.addEventListener('abort', () => stop.abort(), { once: true, signal: over.signal });
  systemClock.sleep(timeoutMs, over.signal).then(
    () => {
      timedOut = true;
      stop.abort();
    },
    () => undefined, // The timer was stopped because the work is over.
  );
  try {
    return { value: await work(stop.signal) };
  } catch (error) {
    return { error, timedOut };
  } finally {
    over.abort();
  }
}

/**
 * Builds the transport.
 *
 * @param options - trust and limits.
 * @returns the transport; connections are opened when they are needed.
 */
export function createAxiosTransport(options: AxiosTransportOptions): Transport {
  const { trust, maxSockets, connectTimeoutMs = 10_000 } = options;
  // Node.js counts a socket only once it is connected, so its own limit does not hold for a burst of new connections.
  const limit = pLimit(maxSockets);
  const client = axios.create({
    proxy: false,
    maxRedirects: 0,
    decompress: true,
    responseType: 'text',
    validateStatus: () => true,
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
  });
  let agents: { readonly https: PveAgent; readonly http: PveAgent } | undefined;
  const pool = (): { readonly https: PveAgent; readonly http: PveAgent } => {
    agents ??= {
      https: createTlsAgent({ trust, connectTimeoutMs, maxSockets }),
      http: createLoopbackAgent({ trust, connectTimeoutMs, maxSockets }),
    };
    return agents;
  };

  const exchange = async (request: WireRequest, watch: Watch, signal: AbortSignal): Promise<WireResponse> => {
    const { https: httpsAgent, http: httpAgent } = pool();
    const response = await client.request<string>({
      method: request.method,
      url: request.url,
      headers: { ...request.headers },
      data: request.body,
      signal,
      httpsAgent,
      httpAgent,
      transport: watching(watch),
    });
    return {
      status: response.status,
      reason: response.statusText,
      headers: headersOf(response),
      body: response.data,
    };
  };

  const sendWatched = async (
    request: WireRequest,
    signal: AbortSignal | undefined,
    mayRenew: boolean,
  ): Promise<WireResponse> => {
    signal?.throwIfAborted();
    const watch: Watch = { bytesBefore: 0, reused: false, answered: false };
    const result = await withDeadline(request.timeoutMs, signal, (stop) => exchange(request, watch, stop));
    if ('value' in result) return result.value;
    signal?.throwIfAborted();
    const failure: TransportFailure = result.timedOut
      ? {
          kind: 'connection',
          sent: wasSent(watch),
          errno: 'ETIMEDOUT',
          reason: `no answer within ${request.timeoutMs / 1000} s`,
        }
      : explain(result.error, watch);
    // PVE: pveproxy closes kept connections after 5 s, after 100 requests and when a worker ends; the closing may cross
    // with our request. The other kept connections may be just as dead.
    const stale = watch.reused && !watch.answered && failure.kind === 'connection' && !result.timedOut;
    if (mayRenew && stale && (request.method === 'GET' || failure.sent === 'no')) {
      pool().https.dropIdle();
      pool().http.dropIdle();
      return sendWatched(request, signal, false);
    }
    throw new TransportError(failure);
  };

  return {
    send: (request, signal) =>
      abortable(
        limit(() => sendWatched(request, signal, true)),
        signal,
      ),
    close() {
      agents?.https.destroy();
      agents?.http.destroy();
      agents = undefined;
    },
  };
}

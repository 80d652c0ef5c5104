/**
 * The HTTP transport; the only module that imports axios. It sends one request and gives back whatever is answered. It
 * repeats a request in one case only: when a kept connection turns out to be dead.
 */
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import axios, { type AxiosResponse } from 'axios';
import pLimit from 'p-limit';
import { abortable } from '../util/abort.ts';
import { systemClock } from '../util/clock.ts';
import { systemError, type TrustPolicy } from './connect.ts';
import { createAgent, type PveAgent } from './tls-agent.ts';
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
  /** How long a connection is kept without use, in milliseconds; default 4000. */
  readonly idleMs?: number;
}

/** What is known about one exchange while it goes on. */
interface Watch {
  /** A connection was handed to the request. */
  connected: boolean;
  /** It had served a request before. */
  reused: boolean;
  answered: boolean;
}

/**
 * How long a refusal may take before the content of an upload follows, in milliseconds. PVE: the server judges an upload by
 * its head and closes the connection on a refusal; a client that is still writing then gets an error instead of the answer.
 */
const headStartMs = 250;

/** Sends the first piece alone, and the rest only when that was not answered by a refusal. */
async function* afterHeadStart(pieces: AsyncIterable<Buffer>, watch: Watch): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const piece of pieces) {
    yield piece;
    if (isFirst) await systemClock.sleep(headStartMs);
    isFirst = false;
    if (watch.answered) return;
  }
}

/** Passes requests to Node.js and notes how far each one gets; axios calls `request` as it would node:https. */
function watching(watch: Watch): { request: typeof http.request } {
  const request = (
    options: https.RequestOptions,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => {
    const sent = (options.protocol === 'https:' ? https : http).request(options, onResponse);
    sent.once('socket', () => {
      watch.connected = true;
      watch.reused = sent.reusedSocket;
    });
    sent.once('response', () => {
      watch.answered = true;
    });
    return sent;
  };
  return { request: request as typeof http.request };
}

/** Sockets are handed out only when they are connected and trusted, so a request without one was never sent. */
function wasSent(watch: Watch): 'no' | 'maybe' {
  return watch.connected ? 'maybe' : 'no';
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
  // PVE: pveproxy closes a connection that was idle for 5 s; we do so before, lest a request meets the closing.
  const { trust, maxSockets, connectTimeoutMs = 10_000, idleMs = 4000 } = options;
  // Node.js counts a socket only once it is connected, so its own limit does not hold for a burst of new connections.
  const limit = pLimit(maxSockets);
  const client = axios.create({
    proxy: false,
    maxRedirects: 0,
    maxBodyLength: Number.POSITIVE_INFINITY,
    decompress: true,
    responseType: 'text',
    validateStatus: () => true,
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
  });
  const agents = new Map<string, PveAgent>();
  const agentFor = (request: WireRequest): PveAgent => {
    const protocol = request.url.startsWith('https:') ? 'https:' : 'http:';
    // A kept connection may be closing while we write to it, and then nobody knows whether the request was carried
    // out. So writes get connections of their own. PVE: the answers of pvedaemon close the connection anyway.
    const keepAlive = request.method === 'GET';
    const key = `${protocol} ${keepAlive}`;
    const agent =
      agents.get(key) ?? createAgent(protocol, { trust, connectTimeoutMs, maxSockets, keepAlive, idleMs });
    agents.set(key, agent);
    return agent;
  };

  const exchange = async (request: WireRequest, watch: Watch, signal: AbortSignal): Promise<WireResponse> => {
    const agent = agentFor(request);
    const response = await client.request<string>({
      method: request.method,
      url: request.url,
      headers: { ...request.headers },
      data: request.stream
        ? Readable.from(afterHeadStart(request.stream.open(), watch), { objectMode: false })
        : request.body,
      signal,
      httpsAgent: agent,
      httpAgent: agent,
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
    const watch: Watch = { connected: false, reused: false, answered: false };
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
    if (mayRenew && watch.reused && !watch.answered && !result.timedOut) {
      agentFor(request).dropIdle();
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
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

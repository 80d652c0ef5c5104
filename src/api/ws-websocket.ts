/**
 * Websockets over connections of connect.ts, so that the server is trusted before the first byte; the only module that
 * imports ws. One handshake, no redirects, no compression (PVE: AnyEvent.pm knows none), nothing is repeated.
 */
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import WebSocket, { type ClientOptions } from 'ws';
import { systemClock } from '../util/clock.ts';
import { connectPlain, connectTls, systemError, type TrustPolicy, trustContext } from './connect.ts';
import { TransportError, type TransportFailure, type WireResponse } from './transport.ts';
import type {
  Websocket,
  WebsocketEnd,
  WebsocketListeners,
  WebsocketOpener,
  WebsocketRequest,
} from './websocket.ts';

/** What is known about the connection below a websocket; ws itself tells neither of its ends apart. */
interface Line {
  /** The other side has finished in good order. */
  finished: boolean;
  broken?: string;
}

/** For TCP and TLS together, in milliseconds. */
const connectTimeoutMs = 10_000;
/** How long a good-bye may take before the connection is cut, in milliseconds. */
const goodbyeMs = 2000;
/** More of a refusal's text than this is no text of Proxmox VE. */
const maxRefusalBytes = 64 * 1024;

const nothingSent = (errno: string, reason: string): TransportError =>
  // A handshake changes nothing: where there was no answer, nothing was done.
  new TransportError({ kind: 'connection', sent: 'no', errno, reason });

function watch(socket: net.Socket, line: Line): net.Socket {
  socket.once('end', () => {
    line.finished = true;
  });
  socket.on('error', (error) => {
    line.broken = systemError(error).reason;
  });
  return socket;
}

/** Reads what a server that refuses the handshake has to say. */
async function refusal(response: IncomingMessage): Promise<WireResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxRefusalBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // PVE: every refusal closes the connection; what came before that, and the reason phrase, is all there is.
  }
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    headers: Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function failureOf(error: Error): TransportFailure {
  if (error instanceof TransportError) return error.failure;
  const { errno, reason } = systemError(error);
  // Errors of ws and of the HTTP parser are about what was answered, those of the system about the line.
  return /^(?:UNKNOWN|HPE_|WS_|ERR_)/.test(errno)
    ? { kind: 'protocol', errno, reason }
    : { kind: 'connection', sent: 'no', errno, reason };
}

function opened(socket: WebSocket, line: Line): Websocket {
  let end: WebsocketEnd | undefined;
  socket.on('error', (error) => {
    line.broken = error.message;
  });
  const over = new AbortController();
  const ended = new Promise<WebsocketEnd>((resolve) => {
    socket.once('close', () => {
      over.abort();
      if (end) return resolve(end);
      if (line.broken === undefined && line.finished) return resolve({ by: 'server' });
      resolve({ by: 'broken', reason: line.broken ?? 'the connection was cut' });
    });
  });
  return {
    ended,
    send: (bytes) => {
      if (socket.readyState !== WebSocket.OPEN) return Promise.resolve();
      return new Promise((resolve) => {
        socket.send(bytes, { binary: true }, () => resolve());
      });
    },
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
    close: () => {
      if (end || socket.readyState !== WebSocket.OPEN) return;
      end = { by: 'us' };
      socket.close(1000);
      systemClock.sleep(goodbyeMs, over.signal).then(
        () => socket.terminate(),
        () => undefined, // The other side was faster.
      );
    },
    abandon: (reason) => {
      end ??= { by: 'broken', reason };
      socket.terminate();
    },
  };
}

/**
 * Builds the opener.
 *
 * @param trust - whom to trust.
 * @returns the opener; each websocket has a connection of its own.
 */
export function createWebsocketOpener(trust: TrustPolicy): WebsocketOpener {
  const context = trustContext(trust);

  const connect = (url: URL, line: Line, signal: AbortSignal): Promise<net.Socket> => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isSecure = url.protocol === 'https:';
    const port = Number(url.port || (isSecure ? 443 : 80));
    const target = { host, port, servername: net.isIP(host) ? '' : host };
    const limits = { timeoutMs: connectTimeoutMs, signal };
    const connection = isSecure
      ? connectTls(target, { ...trust, context }, limits)
      : connectPlain(target, limits);
    return connection.then((socket) => watch(socket, line));
  };

  const handshake = (
    { url, headers, protocol }: WebsocketRequest,
    listeners: WebsocketListeners,
    signal: AbortSignal,
  ): Promise<Websocket | WireResponse> => {
    const line: Line = { finished: false };
    const createConnection = (
      _: unknown,
      hand: (error: Error | null, socket?: net.Socket) => void,
    ): undefined => {
      connect(new URL(url), line, signal).then(
        (socket) => hand(null, socket),
        (error: Error) => hand(error),
      );
    };
    return new Promise<Websocket | WireResponse>((resolve, reject) => {
      const socket = new WebSocket(url.replace(/^http/, 'ws'), [protocol], {
        headers,
        perMessageDeflate: false,
        followRedirects: false,
        // Node.js takes the socket from the callback; the types of ws know only functions that return it.
        createConnection: createConnection as unknown as NonNullable<ClientOptions['createConnection']>,
      });
      const over = new AbortController();
      const onAbort = (): void => socket.terminate();
      signal.addEventListener('abort', onAbort, { once: true, signal: over.signal });
      if (signal.aborted) onAbort();
      socket.on('message', (data) => listeners.onMessage(data as Buffer));
      socket.on('pong', () => listeners.onPong());
      socket.once('open', () => {
        over.abort();
        resolve(opened(socket, line));
      });
      socket.once('unexpected-response', (request, response) => {
        refusal(response).then((answer) => {
          over.abort();
          request.destroy();
          resolve(answer);
        }, reject);
      });
      socket.on('error', (error) => {
        over.abort();
        reject(new TransportError(failureOf(error)));
      });
    });
  };

  return async (request, listeners, signal) => {
    signal?.throwIfAborted();
    const over = new AbortController();
    const stop = new AbortController();
    let timedOut = false;
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true, signal: over.signal });
    systemClock.sleep(request.timeoutMs, over.signal).then(
      () => {
        timedOut = true;
        stop.abort(new Error('timed out'));
      },
      () => undefined, // The timer was stopped because the handshake is over.
    );
    try {
      return await handshake(request, listeners, stop.signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (timedOut) throw nothingSent('ETIMEDOUT', `no answer within ${request.timeoutMs / 1000} s`);
      throw error;
    } finally {
      over.abort();
    }
  };
}

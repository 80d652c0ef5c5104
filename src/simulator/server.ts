/**
 * The simulator behind a socket: an HTTPS server as a Proxmox VE node has it, with its keep-alive, its reason phrases and
 * its closed connections (transport-auth §1). Requests go through MSW's own `getResponse` and the one catch-all handler.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { gzipSync } from 'node:zlib';
import { getResponse, type HttpHandler } from 'msw';
import { messageOf } from '../util/errors.ts';
import { makeCertificate, type ServerCertificate } from './certificate.ts';
import type { Simulator } from './index.ts';
import { localNode } from './model/nodes.ts';
import { createHandlers } from './msw.ts';

export interface ServerOptions {
  /** Address to listen on, for example `127.0.0.1`. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Plain HTTP; for loopback addresses only. */
  readonly http?: boolean;
  readonly onListening?: (url: string) => void;
}

export interface RunningServer {
  readonly url: string;
  /** SHA-256 of the certificate, `AA:BB:…`; empty for plain HTTP. */
  readonly fingerprint: string;
  readonly certificatePem: string;
  close(): Promise<void>;
}

const keepAliveMs = 5000;
const requestsPerConnection = 100;
const maxHeaderBytes = 8 * 1024;
const compressFromBytes = 1024;
const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);
/** First byte of a TLS handshake. */
const tlsHandshake = 0x16;

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    headers.append(message.rawHeaders[index] as string, message.rawHeaders[index + 1] as string);
  }
  return headers;
}

/** Makes the Request; bodies of GET and HEAD stay outside of it, their Content-Length tells of them. */
async function toRequest(message: IncomingMessage, origin: string): Promise<Request> {
  const method = message.method ?? 'GET';
  const body = await readBody(message);
  const hasBody = body.length > 0 && method !== 'GET' && method !== 'HEAD';
  return new Request(`${origin}${message.url ?? '/'}`, {
    method,
    headers: headersOf(message),
    ...(hasBody ? { body: new Uint8Array(body) } : {}),
  });
}

async function send(response: Response, message: IncomingMessage, out: ServerResponse): Promise<void> {
  let body: Buffer = Buffer.from(await response.arrayBuffer());
  const headers: Record<string, string> = Object.fromEntries(response.headers);
  const accepted = String(message.headers['accept-encoding'] ?? '');
  if (body.length > compressFromBytes && /\bgzip\b/.test(accepted)) {
    body = gzipSync(body);
    headers['content-encoding'] = 'gzip';
  }
  headers['content-length'] = String(body.length);
  if (out.destroyed) return; // the client has gone; what it asked for has happened
  out.writeHead(response.status, response.statusText, headers);
  out.end(body);
}

async function serve(
  simulator: Simulator,
  handlers: HttpHandler[],
  origin: string,
  message: IncomingMessage,
  out: ServerResponse,
): Promise<void> {
  let response: Response;
  try {
    const request = await toRequest(message, origin);
    // Paths outside of the API match no handler; the simulator knows their answer too.
    response = (await getResponse(handlers, request)) ?? (await simulator.fetch(request));
  } catch {
    // A dropped connection, or a client that went away while it was sending: there is nobody to tell.
    message.socket.destroy();
    return;
  }
  if (response.type === 'error') {
    message.socket.destroy();
    return;
  }
  await send(response, message, out);
}

function tune(server: Server): void {
  server.keepAliveTimeout = keepAliveMs;
  server.maxRequestsPerSocket = requestsPerConnection;
  server.on('clientError', (_error, socket) => socket.destroy());
}

/** Answers plain HTTP on the TLS port as the server does: a redirect to https. */
function redirectServer(): Server {
  return createHttpServer((message, out) => {
    const isRead = message.method === 'GET' || message.method === 'HEAD';
    const location = `https://${message.headers.host ?? 'localhost'}${message.url ?? '/'}`;
    out.writeHead(isRead ? 301 : 308, { Location: location, Connection: 'close', 'Content-Length': '0' });
    out.end();
  });
}

/** Hands connections to the TLS server, or to the redirecting one when they begin without a handshake. */
function splitServer(secure: Server, plain: Server): TcpServer {
  return createTcpServer((socket) => {
    socket.once('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      // TLS reads what lies in the socket's buffer by itself; the HTTP parser waits for it to flow.
      if (first[0] === tlsHandshake) {
        secure.emit('connection', socket);
      } else {
        plain.emit('connection', socket);
        socket.resume();
      }
    });
  });
}

function listen(server: TcpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Starts a server for a simulator.
 *
 * @param simulator - who answers.
 * @param options - where to listen.
 * @returns address and certificate; `close` ends all connections.
 * @throws Error when the address cannot be listened on, or plain HTTP is asked for beyond loopback.
 */
export async function startServer(simulator: Simulator, options: ServerOptions): Promise<RunningServer> {
  const { host, port, http = false } = options;
  if (http && !loopback.has(host))
    throw new Error(`plain HTTP is for loopback addresses only, not for ${host}`);
  const handlers = createHandlers(simulator);
  const origin = `${http ? 'http' : 'https'}://localhost`;
  const onRequest = (message: IncomingMessage, out: ServerResponse): void => {
    serve(simulator, handlers, origin, message, out).catch((error: unknown) => {
      out.destroy(new Error(messageOf(error)));
    });
  };
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  let certificate: ServerCertificate | undefined;
  let front: TcpServer;
  if (http) {
    const server = createHttpServer({ maxHeaderSize: maxHeaderBytes }, onRequest);
    tune(server);
    front = server;
  } else {
    const node = localNode(simulator.state);
    certificate = await makeCertificate(node.name);
    node.sslFingerprint = certificate.fingerprint;
    const { keyPem: key, certificatePem: cert } = certificate;
    const secure = createHttpsServer({ key, cert, maxHeaderSize: maxHeaderBytes }, onRequest);
    tune(secure);
    front = splitServer(secure, redirectServer());
  }
  front.on('connection', track);
  const actualPort = await listen(front, host, port);
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `${http ? 'http' : 'https'}://${name}:${actualPort}`;
  options.onListening?.(url);
  return {
    url,
    fingerprint: certificate?.fingerprint ?? '',
    certificatePem: certificate?.certificatePem ?? '',
    close: () =>
      new Promise((resolve, reject) => {
        front.close((error) => (error ? reject(error) : resolve()));
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/**
 * The simulator behind a socket: an HTTPS server as a Proxmox VE node has it, with its keep-alive, its reason phrases and
 * its closed connections (transport-auth §1).
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { messageOf } from '../util/errors.ts';
import { makeCertificate, type ServerCertificate } from './certificate.ts';
import { serveWebSocket } from './console/web-socket.ts';
import type { Simulator } from './index.ts';
import { localNode } from './model/nodes.ts';
import type { WireRequest, WireResponse } from './wire/exchange.ts';

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

/** Tells whether an address is of this machine alone. */
export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

/** First byte of a TLS handshake. */
const tlsHandshake = 0x16;

async function readBody(message: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Makes the request; bodies of GET and HEAD stay outside of it, their Content-Length tells of them. */
async function toRequest(
  message: IncomingMessage,
  origin: string,
  content: AsyncIterable<unknown> = message,
): Promise<WireRequest> {
  const { method = 'GET', url = '/', headers } = message;
  const isEmpty = headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  const body = isEmpty ? Buffer.alloc(0) : await readBody(content);
  const hasBody = body.length > 0 && method !== 'GET' && method !== 'HEAD';
  return {
    method,
    url: `${origin}${url}`,
    headers: {
      get: (name) => {
        const value = headers[name.toLowerCase()];
        return value === undefined ? null : String(value);
      },
    },
    body: hasBody ? body : null,
    text: () => Promise.resolve(body.toString('utf8')),
    arrayBuffer: () => Promise.resolve(new Uint8Array(body).buffer),
  };
}

function send(response: WireResponse, message: IncomingMessage, out: ServerResponse, isLast: boolean): void {
  let body: Buffer = Buffer.from(response.body);
  const headers: Record<string, string> = { ...response.headers };
  const accepted = String(message.headers['accept-encoding'] ?? '');
  if (body.length > compressFromBytes && /\bgzip\b/.test(accepted)) {
    body = gzipSync(body, { level: 1 });
    headers['Content-Encoding'] = 'gzip';
  }
  headers['Content-Length'] = String(body.length);
  if (isLast) headers['Connection'] = 'close';
  if (out.destroyed) return; // the client has gone; what it asked for has happened
  out.writeHead(response.status, response.reason, headers);
  out.end(body);
}

/** How many requests came over a connection. */
const requestCounts = new WeakMap<Socket, number>();

async function serve(
  simulator: Simulator,
  origin: string,
  message: IncomingMessage,
  out: ServerResponse,
): Promise<void> {
  const { socket } = message;
  const count = (requestCounts.get(socket) ?? 0) + 1;
  requestCounts.set(socket, count);
  let response: WireResponse;
  try {
    response = await simulator.answer(await toRequest(message, origin));
  } catch {
    // A dropped connection, or a client that went away while it was sending: there is nobody to tell.
    socket.destroy();
    return;
  }
  send(response, message, out, count >= requestsPerConnection);
}

/** What follows a request that asks for another protocol: node leaves reading it to us. */
async function* bodyBehind(message: IncomingMessage, head: Buffer, socket: Duplex): AsyncGenerator<Buffer> {
  let missing = Number(message.headers['content-length'] ?? 0) - head.length;
  yield head;
  while (missing > 0) {
    const chunk = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('close', () => reject(new Error('connection closed')));
    });
    missing -= chunk.length;
    yield chunk;
  }
}

/** Answers a request with an Upgrade header: as any other, or by becoming a websocket. */
async function serveUpgrade(
  simulator: Simulator,
  origin: string,
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  const isRead = message.method === 'GET' || message.method === 'HEAD';
  let response: WireResponse;
  try {
    const content = isRead ? [] : bodyBehind(message, head, socket);
    const request = await toRequest(message, origin, content as AsyncIterable<unknown>);
    response = await simulator.answer({ ...request, upgradable: true });
  } catch {
    socket.destroy(); // as in serve
    return;
  }
  const { upgrade } = response;
  if (upgrade) {
    const peer = `127.0.0.1:${message.socket.remotePort ?? 0}`;
    serveWebSocket(socket, head, upgrade.handshake, (client) =>
      simulator.consoles.connect(upgrade.port, client, peer),
    );
    return;
  }
  const out = new ServerResponse(message);
  out.assignSocket(message.socket);
  out.once('finish', () => socket.end());
  send(response, message, out, true);
}

function tune(server: Server): void {
  server.keepAliveTimeout = keepAliveMs;
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
  if (http && !isLoopback(host))
    throw new Error(`plain HTTP is for loopback addresses only, not for ${host}`);
  const origin = `${http ? 'http' : 'https'}://localhost`;
  const onRequest = (message: IncomingMessage, out: ServerResponse): void => {
    serve(simulator, origin, message, out).catch((error: unknown) => {
      out.destroy(new Error(messageOf(error)));
    });
  };
  const onUpgrade = (message: IncomingMessage, socket: Duplex, head: Buffer): void => {
    serveUpgrade(simulator, origin, message, socket, head).catch((error: unknown) => {
      socket.destroy(new Error(messageOf(error)));
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
    server.on('upgrade', onUpgrade);
    front = server;
  } else {
    const node = localNode(simulator.state);
    certificate = await makeCertificate(node.name);
    node.sslFingerprint = certificate.fingerprint;
    const { keyPem: key, certificatePem: cert } = certificate;
    const secure = createHttpsServer({ key, cert, maxHeaderSize: maxHeaderBytes }, onRequest);
    tune(secure);
    secure.on('upgrade', onUpgrade);
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
    close: async () => {
      await new Promise<void>((resolve, reject) => {
        front.close((error) => (error ? reject(error) : resolve()));
        for (const socket of sockets) socket.destroy();
      });
      await simulator.consoles.close();
    },
  };
}

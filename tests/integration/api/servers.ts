/** Real HTTPS and HTTP servers with certificates of their own, for tests of the transport. */
import { X509Certificate } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { generate } from 'selfsigned';
import { createPveClient } from '../../../src/api/client.ts';
import type { ClientOptions, PveClient } from '../../../src/api/types.ts';
import { manualClock } from '../../../src/util/clock.ts';

export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** SHA-256, `AA:BB:…`. */
  readonly fingerprint: string;
}

const day = 24 * 60 * 60 * 1000;

export interface IdentityOptions {
  /** DNS name in the certificate; `undefined`: localhost and 127.0.0.1. */
  readonly name?: string;
  readonly issuer?: Identity;
  readonly isCa?: boolean;
  readonly expired?: boolean;
}

export async function makeIdentity(options: IdentityOptions = {}): Promise<Identity> {
  const { name, issuer, isCa = false, expired = false } = options;
  const altNames = name
    ? [{ type: 2 as const, value: name }]
    : [
        { type: 2 as const, value: 'localhost' },
        { type: 7 as const, ip: '127.0.0.1' },
      ];
  const made = await generate([{ name: 'commonName', value: isCa ? `CA ${Math.random()}` : 'pve1' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 10 * day),
    notAfterDate: new Date(Date.now() + (expired ? -day : 10 * day)),
    extensions: isCa
      ? [
          { name: 'basicConstraints', cA: true },
          { name: 'keyUsage', keyCertSign: true, cRLSign: true },
        ]
      : [{ name: 'subjectAltName', altNames }],
    ...(issuer ? { ca: { key: issuer.key, cert: issuer.cert } } : {}),
  });
  return {
    cert: made.cert,
    key: made.private,
    fingerprint: new X509Certificate(made.cert).fingerprint256,
  };
}

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly SeenRequest[];
  /** Connections so far, those that never sent a request included. */
  readonly connections: () => number;
  readonly server: http.Server | https.Server;
  close(): Promise<void>;
}

export type Answer = (
  request: SeenRequest,
  response: http.ServerResponse,
  count: number,
) => void | Promise<void>;

export function json(response: http.ServerResponse, data: unknown, status = 200, reason = 'OK'): void {
  response.writeHead(status, reason, { 'Content-Type': 'application/json;charset=UTF-8' });
  response.end(JSON.stringify(data));
}

export const ok: Answer = (_, response) => json(response, { data: { version: '9.2.11' } });

export async function startServer(answer: Answer = ok, identity?: Identity): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  // The TLS socket of a request is another object than the TCP socket of the connection; the port is the same.
  const numbers = new Map<number | undefined, number>();
  let connections = 0;
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry: SeenRequest = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        connection: numbers.get(request.socket.remotePort) ?? 0,
      };
      seen.push(entry);
      void answer(entry, response, seen.length);
    });
  };
  const server = identity
    ? https.createServer({ cert: identity.cert, key: identity.key }, onRequest)
    : http.createServer(onRequest);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    numbers.set(socket.remotePort, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${identity ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    seen,
    connections: () => connections,
    server,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = await startServer();
  await server.close();
  return server.port;
}

const token = { kind: 'token', tokenId: 'automation@pve!test', secret: 'token-secret-value' } as const;

export function makeClient(options: Partial<ClientOptions> & Pick<ClientOptions, 'urls'>): PveClient {
  return createPveClient({ auth: token, clock: manualClock(), ...options });
}

/** Gives the error of a promise that must fail. */
export async function failure<E = Error>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('expected a failure');
}

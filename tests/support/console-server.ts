/**
 * A server that knows a login, one container's state, termproxy and its websocket, and does there what a test tells it:
 * for what a faithful server never does. Written with `ws`, on connections that can be broken.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type Answer,
  type Identity,
  json,
  startServer,
  type TestServer,
} from '../integration/api/servers.ts';

/** A viewer, as the server sees it. */
export interface Viewer {
  readonly request: IncomingMessage;
  readonly socket: WebSocket;
  /** The connection below. */
  readonly line: Socket;
  /** Messages so far, as text of one character per byte. */
  readonly messages: string[];
  /** Resolves when there are so many messages. */
  readonly got: (count: number) => Promise<void>;
  /** Sends bytes of the terminal. */
  readonly show: (text: string) => void;
}

/** What the server does; each has a default that lets everybody in. */
export interface ConsoleBehaviour {
  readonly status?: string;
  readonly version?: string;
  readonly user?: string;
  readonly ticket?: string;
  readonly port?: number | string;
  /** Answers requests instead; gives whether it did. */
  readonly answer?: (url: string, ...given: Parameters<Answer>) => boolean;
  /** Refuses the handshake. */
  readonly refuse?: { readonly status: number; readonly reason: string; readonly body?: string };
  /** Called with each new viewer; default: greets it at its first message. */
  readonly greet?: (viewer: Viewer) => void;
  /** Does not answer pings. */
  readonly deaf?: boolean;
  readonly identity?: Identity;
}

/** The running server. */
export interface ConsoleServer extends TestServer {
  readonly viewers: readonly Viewer[];
  /** Resolves with the n-th viewer, from 1. */
  readonly viewer: (number?: number) => Promise<Viewer>;
}

/** Lets a viewer in at its first message. */
export function welcome(viewer: Viewer, first = 'OK'): void {
  void viewer.got(1).then(() => viewer.show(first));
}

/**
 * Starts the server.
 *
 * @param behaviour - what differs from a server that lets everybody in.
 * @returns the server.
 */
export async function startConsoleServer(behaviour: ConsoleBehaviour = {}): Promise<ConsoleServer> {
  const { user = 'automation@pve!test', ticket = 'PVEVNC:65A0B1C2::a+b/c==', port = '5900' } = behaviour;
  const rows: readonly [RegExp, () => unknown][] = [
    [/\/version$/, () => ({ version: behaviour.version ?? '9.2.11' })],
    [
      /\/access\/ticket$/,
      () => ({ username: user, ticket: 'PVE:u@pve:65A0::x+y/=', CSRFPreventionToken: 'csrf' }),
    ],
    [/\/status\/current$/, () => ({ status: behaviour.status ?? 'running', vmid: 101 })],
    [
      /\/termproxy$/,
      () => ({ user, ticket, port, upid: 'UPID:pve1:00000001:00000001:65A0B1C2:vncproxy:101:u@pve:' }),
    ],
  ];
  const server = await startServer((request, response, count) => {
    if (behaviour.answer?.(request.url, request, response, count)) return;
    const row = rows.find(([path]) => path.test(request.url));
    if (row) json(response, { data: row[1]() });
    else json(response, { data: null }, 501, `Method '${request.method} ${request.url}' not implemented`);
  }, behaviour.identity);
  const websockets = new WebSocketServer({
    noServer: true,
    autoPong: !behaviour.deaf,
    handleProtocols: (offered) => [...offered].join(', '),
  });
  const viewers: Viewer[] = [];
  const waiting: (() => void)[] = [];

  const take = (socket: WebSocket, request: IncomingMessage): void => {
    const messages: string[] = [];
    const watchers: { count: number; resolve: () => void }[] = [];
    const viewer: Viewer = {
      request,
      socket,
      line: request.socket,
      messages,
      got: (count) =>
        new Promise((resolve) => {
          if (messages.length >= count) resolve();
          else watchers.push({ count, resolve });
        }),
      show: (text) => socket.send(Buffer.from(text, 'latin1'), { binary: true }),
    };
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      messages.push((data as Buffer).toString('latin1'));
      for (const { count, resolve } of watchers) if (messages.length >= count) resolve();
    });
    viewers.push(viewer);
    (behaviour.greet ?? welcome)(viewer);
    for (const wake of waiting.splice(0)) wake();
  };
  server.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const { refuse } = behaviour;
    if (!refuse) return websockets.handleUpgrade(request, socket, head, (made) => take(made, request));
    const { status, reason, body = '' } = refuse;
    socket.end(
      `HTTP/1.1 ${status} ${reason}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });

  const viewer = async (number = 1): Promise<Viewer> => {
    while (viewers.length < number) await new Promise<void>((resolve) => waiting.push(resolve));
    return viewers[number - 1] as Viewer;
  };
  return { ...server, viewers, viewer };
}

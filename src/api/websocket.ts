/** The seam below consoles: one websocket. Knows nothing of the API, of credentials or of what is said over it. */
import type { WireResponse } from './transport.ts';

/** How a websocket ended. */
export interface WebsocketEnd {
  /** `us`: we closed it; `server`: it did, in good order; `broken`: the connection did not hold. */
  readonly by: 'us' | 'server' | 'broken';
  readonly reason?: string;
}

/** Told what comes in, from the very first message on. */
export interface WebsocketListeners {
  /** Content of a message, text or binary. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The other side has answered a ping. */
  readonly onPong: () => void;
}

/** An open websocket. */
export interface Websocket {
  /** Sends one binary message; resolves when it was handed to the network, or at once when the websocket has ended. */
  send(bytes: Uint8Array): Promise<void>;
  /** Asks the other side for a sign of life. */
  ping(): void;
  /** Resolves when it has ended, never rejects. */
  readonly ended: Promise<WebsocketEnd>;
  /** Says good-bye; what was sent before still arrives. */
  close(): void;
  /** Gives a connection up that is dead. */
  abandon(reason: string): void;
}

/** One handshake, ready to be sent. */
export interface WebsocketRequest {
  /** Absolute `http:` or `https:` URL with query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Subprotocol. */
  readonly protocol: string;
  /** Time-out from connecting to the end of the handshake, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Opens websockets.
 *
 * @returns the websocket, or the answer of a server that refused it.
 * @throws TransportError, or `signal.reason` when aborted.
 */
export type WebsocketOpener = (
  request: WebsocketRequest,
  listeners: WebsocketListeners,
  signal?: AbortSignal,
) => Promise<Websocket | WireResponse>;

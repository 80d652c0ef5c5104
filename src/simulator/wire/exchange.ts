/**
 * A request and its answer as plain data: what the pipeline needs of a Request and makes of a Response, without the cost
 * of either. A socket hands over the first and takes the second; a Request is one already.
 */
import type { Handshake } from '../console/handshake.ts';

/** A request. */
export interface WireRequest {
  readonly method: string;
  /** Absolute, with its query. */
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  /** It came over a socket that may become a websocket. */
  readonly upgradable?: true;
  /** null for none. */
  readonly body: unknown;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An answer, ready to be sent. */
export interface WireResponse {
  readonly status: number;
  /** Bytes of the reason phrase as Latin-1. */
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  /** The connection becomes a websocket to this port of the node; nothing else of the answer is sent. */
  readonly upgrade?: { readonly port: number; readonly handshake: Handshake };
}

/** The seam below the client: one HTTP exchange. Knows nothing of the API, of credentials or of retries. */

import type { StreamBody } from './multipart.ts';

/** One request, ready to be sent. */
export interface WireRequest {
  readonly method: string;
  /** Absolute URL with query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Instead of `body`: content that is too big for memory. */
  readonly stream?: StreamBody;
  /** Time-out from sending to the end of the answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** One answer, whatever its status. */
export interface WireResponse {
  readonly status: number;
  /** Reason phrase of the status line; often the only place where Proxmox VE tells what is wrong. */
  readonly reason: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Why there is no answer. */
export type TransportFailure =
  | {
      readonly kind: 'connection';
      /** `no`: not one byte of the request left this machine. */
      readonly sent: 'no' | 'maybe';
      readonly errno: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'tls';
      /** Code of Node.js or OpenSSL, or `FINGERPRINT`. */
      readonly errno: string;
      readonly reason: string;
      readonly expected?: readonly string[];
      readonly actual?: string;
    }
  | { readonly kind: 'protocol'; readonly errno: string; readonly reason: string };

/** Thrown by transports only; the client turns it into an error of its own. Never has a cause that holds headers. */
export class TransportError extends Error {
  readonly failure: TransportFailure;

  constructor(failure: TransportFailure) {
    super(failure.reason);
    this.name = 'TransportError';
    this.failure = failure;
  }
}

/** Sends requests. */
export interface Transport {
  /**
   * Sends one request.
   *
   * @returns the answer, whatever its status.
   * @throws {@link TransportError}, or `signal.reason` when aborted.
   */
  send(request: WireRequest, signal?: AbortSignal): Promise<WireResponse>;
  /** Closes connections. */
  close(): void;
}

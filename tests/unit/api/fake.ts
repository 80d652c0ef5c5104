/** A transport without network, and clients over it. */
import { createPveClient } from '../../../src/api/client.ts';
import {
  type Transport,
  TransportError,
  type TransportFailure,
  type WireRequest,
  type WireResponse,
} from '../../../src/api/transport.ts';
import type { ClientOptions, PveClient } from '../../../src/api/types.ts';
import { manualClock } from '../../../src/util/clock.ts';

export type Reply = WireResponse | TransportFailure;

export function answer(data: unknown): WireResponse {
  return {
    status: 200,
    reason: 'OK',
    headers: { 'content-type': 'application/json;charset=UTF-8' },
    body: JSON.stringify({ data }),
  };
}

/** A refusal as the server writes it: text in the reason phrase and, for most, in the body. */
export function refusal(
  status: number,
  text: string,
  options: { errors?: Record<string, string>; body?: false } = {},
): WireResponse {
  const { errors, body = true } = options;
  return {
    status,
    reason: text.split('\n')[0] as string,
    headers: { 'content-type': 'application/json;charset=UTF-8' },
    body: body ? JSON.stringify({ data: null, message: `${text}\n`, ...(errors ? { errors } : {}) }) : '',
  };
}

export const refused: TransportFailure = {
  kind: 'connection',
  sent: 'no',
  errno: 'ECONNREFUSED',
  reason: 'connection refused',
};
export const reset: TransportFailure = {
  kind: 'connection',
  sent: 'maybe',
  errno: 'ECONNRESET',
  reason: 'the server closed the connection',
};

export interface FakeTransport extends Transport {
  readonly sent: WireRequest[];
  /** `METHOD path?query body` of all requests, the base URL left out. */
  lines(): string[];
}

/** Answers with a list, the last of it again and again, or with a function. */
export function fakeTransport(
  replies: readonly Reply[] | ((request: WireRequest, count: number) => Reply | Promise<Reply>),
): FakeTransport {
  const sent: WireRequest[] = [];
  return {
    sent,
    lines: () =>
      sent.map(({ method, url, body }) =>
        `${method} ${url.replace(/^https?:\/\/[^/]+\/api2\/json/, '')} ${body ?? ''}`.trim(),
      ),
    async send(request, signal) {
      signal?.throwIfAborted();
      sent.push(request);
      const reply =
        typeof replies === 'function'
          ? await replies(request, sent.length)
          : (replies[Math.min(sent.length, replies.length) - 1] as Reply);
      if ('kind' in reply) throw new TransportError(reply);
      return reply;
    },
    close: () => undefined,
  };
}

export function clientOver(transport: Transport, options: Partial<ClientOptions> = {}): PveClient {
  return createPveClient({
    urls: ['https://pve1:8006'],
    auth: { kind: 'token', tokenId: 'automation@pve!test', secret: 'token-secret-value' },
    clock: manualClock(),
    random: () => 0.5,
    transport,
    ...options,
  });
}

export async function failure<E = Error>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('expected a failure');
}

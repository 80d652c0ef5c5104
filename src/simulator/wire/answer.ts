/**
 * Answers: the JSON envelope, plain refusals, and how they become a Response (transport-auth §4, §5). The reason phrase is
 * part of the protocol: it is the first line of the message.
 */
import type { SimError } from '../context.ts';
import type { WireResponse } from './exchange.ts';

export type Format = 'json' | 'extjs';

/** What is sent back. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly contentType?: string;
  /** The server closes the connection after it. */
  readonly close: boolean;
  readonly upgrade?: WireResponse['upgrade'];
}

const jsonType = 'application/json;charset=UTF-8';

const firstLine = (text: string): string => text.split('\n', 1)[0] as string;

/**
 * A refusal outside of the API's envelope.
 *
 * @param withBody - the reason is the body as well.
 */
export function plainAnswer(status: number, reason: string, withBody: boolean): Answer {
  return { status, reason, body: withBody ? reason : '', close: true };
}

/**
 * A success.
 *
 * @param format - of the path.
 * @param data - result; undefined becomes null.
 * @param extra - what stands beside `data`.
 * @param close - the connection ends with it.
 */
export function dataAnswer(
  format: Format,
  data: unknown,
  extra: Readonly<Record<string, unknown>>,
  close: boolean,
): Answer {
  const body = { ...extra, data: data ?? null, ...(format === 'extjs' ? { success: 1 } : {}) };
  return { status: 200, reason: 'OK', body: JSON.stringify(body), contentType: jsonType, close };
}

/**
 * A refusal of the API. With `extjs` the HTTP status is 200 and the real one is in the body: as text where the server's
 * exception carries a code, as a number for a plain `die`.
 */
export function errorAnswer(format: Format, error: SimError): Answer {
  const { status, errors } = error;
  // The lookup of methods is the one place whose message has no newline at its end.
  const message = status === 501 || error.message.endsWith('\n') ? error.message : `${error.message}\n`;
  const body = { data: null, message, ...(errors === undefined ? {} : { errors }) };
  if (format === 'json') {
    return {
      status,
      reason: firstLine(message),
      body: JSON.stringify(body),
      contentType: jsonType,
      close: true,
    };
  }
  const shown = status === 500 || status === 501 ? status : String(status);
  return {
    status: 200,
    reason: 'OK',
    body: JSON.stringify({ ...body, success: 0, status: shown }),
    contentType: jsonType,
    close: false,
  };
}

/** Reason phrases travel as bytes: UTF-8 read as Latin-1, without control characters. */
function reasonBytes(reason: string): string {
  if (/^[\x20-\x7e]*$/.test(reason)) return reason;
  return Buffer.from(reason, 'utf8')
    .toString('latin1')
    .replaceAll(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ');
}

/**
 * Makes an answer ready to be sent.
 *
 * @param answer - what to send.
 * @param nowMs - time of the answer, for Date and Expires.
 * @param method - a HEAD request gets no body.
 */
export function sealAnswer(answer: Answer, nowMs: number, method: string): WireResponse {
  const date = new Date(nowMs).toUTCString();
  return {
    status: answer.status,
    reason: reasonBytes(answer.reason),
    headers: {
      'Cache-Control': 'max-age=0',
      Connection: answer.close ? 'close' : 'Keep-Alive',
      Date: date,
      Expires: date,
      Pragma: 'no-cache',
      Server: 'pve-api-daemon/3.0',
      ...(answer.contentType === undefined ? {} : { 'Content-Type': answer.contentType }),
    },
    body: method === 'HEAD' ? '' : answer.body,
    ...(answer.upgrade ? { upgrade: answer.upgrade } : {}),
  };
}

/**
 * Makes the Response.
 *
 * @param sealed - an answer that is ready.
 */
export function toResponse({ status, reason, headers, body }: WireResponse): Response {
  return new Response(body === '' ? null : body, { status, statusText: reason, headers });
}

/** Verb, template and parameters → a request without server and credentials. Pure. */
import { encodeForm } from '../codec/form.ts';
import type { SecretPlaceholder, WireValue } from '../schema/request.ts';
import { fillPath } from '../schema/route.ts';
import type { HttpMethod } from '../schema/types.ts';
import { InternalError, UsageError } from '../util/errors.ts';
import { isSensitiveKey, redactText } from '../util/redact.ts';
import { describeRequest } from './describe.ts';
import type { RequestInfo } from './errors/pve-error.ts';
import { encodeMultipart, type StreamBody } from './multipart.ts';

/** A request that can be sent to any URL of the cluster. */
export interface PreparedCall extends RequestInfo {
  /** Path template, for logs. */
  readonly template: string;
  /** Path below `/api2/json`, with the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Instead of `body`. */
  readonly stream?: StreamBody;
  readonly timeoutMs: number;
  /** Whoever asks wants to know of a failure of the connection at once. */
  readonly once?: boolean;
  /** Sending it twice is harmless. */
  readonly repeatable: boolean;
  /** Takes this request's secrets out of a text. */
  readonly mask: (text: string) => string;
}

/** An upload takes as long as its file is big: this is the slowest line that is waited for. */
const uploadBytesPerSecond = 128 * 1024;

/** A file that goes along, and who is told about its progress. */
export interface CallUpload {
  readonly path: string;
  readonly sizeBytes: number;
  readonly onSent?: ((bytes: number) => void) | undefined;
}

type Given = Readonly<Record<string, WireValue | SecretPlaceholder | undefined>>;

function resolved(params: Given): Record<string, WireValue | undefined> {
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'object' && !Array.isArray(value)) {
      throw new InternalError(`parameter ${name} was to be sent with its secret still unresolved`);
    }
  }
  return params as Record<string, WireValue | undefined>;
}

function masker(params: Given): (text: string) => string {
  // PVE: messages quote values (`value 'x' does not look like …`). Very short ones would mask half the text.
  const secrets = Object.entries(params)
    .filter(([name, value]) => isSensitiveKey(name) && typeof value === 'string' && value.length >= 4)
    .map(([, value]) => value as string);
  return (text) =>
    redactText(secrets.reduce((masked, secret) => masked.replaceAll(secret, '********'), text));
}

function pathOf(
  template: string,
  params: Given,
): { readonly path: string; readonly rest: Readonly<Record<string, WireValue | undefined>> } {
  const filled = fillPath<WireValue | undefined>(template, resolved(params));
  if (filled.path.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new UsageError(`'.' and '..' cannot be part of the path ${template}`);
  }
  return filled;
}

/**
 * Prepares a request.
 *
 * @param method - HTTP verb.
 * @param template - path template.
 * @param params - path, query and body parameters together; `undefined` is left out.
 * @param timeoutMs - time-out of one exchange, in milliseconds.
 * @returns the request, with parameters in the query for GET and DELETE and in the body for POST and PUT.
 * @throws {@link InternalError} for missing path parameters and unresolved secrets, {@link UsageError} for a path
 *   parameter that would leave its place.
 */
export function prepareCall(
  method: HttpMethod,
  template: string,
  params: Given,
  timeoutMs: number,
): PreparedCall {
  const { path, rest } = pathOf(template, params);
  const form = encodeForm(rest);
  // PVE: AnyEvent.pm answers 501 to a GET or DELETE with content.
  const inBody = (method === 'POST' || method === 'PUT') && form !== '';
  return {
    method,
    path,
    template,
    doing: describeRequest(method, template, path, params),
    target: form === '' || inBody ? path : `${path}?${form}`,
    headers: inBody ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {},
    ...(inBody ? { body: form } : {}),
    timeoutMs,
    repeatable: method === 'GET',
    mask: masker(params),
  };
}

/**
 * Prepares an upload: all parameters are parts of the body, `filename` is that of the file.
 *
 * @param template - path template.
 * @param params - path and body parameters together.
 * @param upload - the file.
 * @param timeoutMs - time-out of one exchange without the time that the file needs, in milliseconds.
 * @returns the request.
 * @throws {@link InternalError} when there is no `filename`.
 */
export function prepareUpload(
  template: string,
  params: Given,
  upload: CallUpload,
  timeoutMs: number,
): PreparedCall {
  const { path, rest } = pathOf(template, params);
  const { filename, ...fields } = rest;
  if (typeof filename !== 'string') throw new InternalError('an upload has no file name');
  const texts = Object.fromEntries(new URLSearchParams(encodeForm(fields)));
  const file = { path: upload.path, sizeBytes: upload.sizeBytes, name: filename };
  const { contentType, body } = encodeMultipart(texts, file, upload.onSent);
  return {
    method: 'POST',
    path,
    template,
    doing: describeRequest('POST', template, path, params),
    target: path,
    headers: { 'Content-Type': contentType, 'Content-Length': String(body.lengthBytes) },
    stream: body,
    timeoutMs: timeoutMs + Math.ceil(upload.sizeBytes / uploadBytesPerSecond) * 1_000,
    repeatable: false,
    mask: masker(params),
  };
}

/** Verb, template and parameters → a request without server and credentials. Pure. */
import { encodeForm } from '../codec/form.ts';
import type { SecretPlaceholder, WireValue } from '../schema/request.ts';
import { fillPath } from '../schema/route.ts';
import type { HttpMethod } from '../schema/types.ts';
import { InternalError, UsageError } from '../util/errors.ts';
import { isSensitiveKey, redactText } from '../util/redact.ts';
import { describeRequest } from './describe.ts';
import type { RequestInfo } from './errors/pve-error.ts';

/** A request that can be sent to any URL of the cluster. */
export interface PreparedCall extends RequestInfo {
  /** Path template, for logs. */
  readonly template: string;
  /** Path below `/api2/json`, with the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Sending it twice is harmless. */
  readonly repeatable: boolean;
  /** Takes this request's secrets out of a text. */
  readonly mask: (text: string) => string;
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
  const { path, rest } = fillPath<WireValue | undefined>(template, resolved(params));
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new UsageError(`'.' and '..' cannot be part of the path ${template}`);
  }
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

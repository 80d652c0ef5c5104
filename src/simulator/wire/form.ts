/**
 * Bodies and queries as the server decodes them (pve-http-server AnyEvent.pm `decode_urlencoded`, transport-auth §3):
 * not what a browser would do, hence not URLSearchParams.
 */
import { SimError } from '../context.ts';

/** Decoded parameters; a repeated key is a list. */
export type FormParams = Record<string, unknown>;

/**
 * Decodes percent-encoded UTF-8; a percent sign that begins no escape stays.
 *
 * @param text - encoded text.
 */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

const decode = (text: string): string => percentDecode(text.replaceAll('+', ' '));

/**
 * Decodes a form. `&` and `;` separate; only what stands between the first and the second `=` is the value; a key without
 * `=` is there, but has no value: a known parameter then counts as not given, an unknown one is refused.
 *
 * @param text - a body or a query without its question mark.
 * @returns the parameters, without prototype.
 */
export function decodeForm(text: string): FormParams {
  const params = Object.create(null) as FormParams;
  if (text === '') return params;
  for (const part of text.split(/[&;]/)) {
    const [rawKey = '', rawValue] = part.split('=');
    if (rawKey === '' && rawValue === undefined) continue;
    const key = decode(rawKey);
    if (rawValue === undefined) {
      params[key] ??= undefined;
      continue;
    }
    const value = decode(rawValue);
    const before = params[key];
    if (before === undefined) params[key] = value;
    else if (Array.isArray(before)) before.push(value);
    else params[key] = [before, value];
  }
  return params;
}

/**
 * Decodes a JSON body.
 *
 * @param text - the body.
 * @returns the parameters, without prototype.
 * @throws SimError 500, in Perl's words, when it is no JSON object.
 */
export function decodeJson(text: string): FormParams {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's reason is JavaScript's; the server shows Perl's.
    throw new SimError(
      500,
      `malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0 (before "${text.slice(0, 20)}")`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SimError(500, 'Not a HASH reference');
  }
  return Object.assign(Object.create(null) as FormParams, value);
}

/** A successful answer → its `data`. Pure. */
import { PveProtocolError } from './errors/protocol-error.ts';
import type { RequestInfo } from './errors/pve-error.ts';
import { hints } from './hints.ts';
import type { WireResponse } from './transport.ts';

/**
 * Takes the envelope off an answer with a status below 400.
 *
 * @param response - the answer.
 * @param request - what was asked, for messages.
 * @returns the result.
 * @throws {@link PveProtocolError} when the answer is none of Proxmox VE.
 */
export function unwrap(response: WireResponse, request: RequestInfo): unknown {
  const type = response.headers['content-type'] ?? 'no content type';
  if (response.status >= 300) {
    throw new PveProtocolError({
      request,
      status: response.status,
      reason: `the server redirects to ${response.headers['location'] ?? 'somewhere else'}`,
      hint: hints.redirect,
    });
  }
  // PVE: `download=1` of a task log is the one answer of the JSON formatter that is the text itself.
  if (type.startsWith('text/plain') && /\/tasks\/[^/]+\/log$/.test(request.path)) return response.body;
  const foreign = (reason: string, cause?: unknown): PveProtocolError =>
    new PveProtocolError({ request, status: response.status, reason, hint: hints.noApi, cause });
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch (error) {
    throw foreign(`the answer is no JSON but ${response.body === '' ? 'empty' : type}`, error);
  }
  if (typeof body !== 'object' || body === null || !('data' in body)) {
    throw foreign("the answer has no 'data', so it is not one of Proxmox VE");
  }
  return body.data;
}

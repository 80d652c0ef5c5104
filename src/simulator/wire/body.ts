/** Reads a request's parameters: query and body, with the server's limits and refusals (transport-auth §1, §3). */
import { type Answer, plainAnswer } from './answer.ts';
import type { WireRequest } from './exchange.ts';
import { decodeForm, decodeJson, type FormParams } from './form.ts';
import { decodeMultipart } from './multipart.ts';

/** A body may have 512 KiB, except for uploads. */
const maxBodyBytes = 512 * 1024;

export type Body =
  | { readonly ok: true; readonly params: FormParams; readonly upload?: { readonly bytes: Uint8Array } }
  | { readonly ok: false; readonly answer: Answer };

const refused = (status: number, reason: string): Body => ({
  ok: false,
  answer: plainAnswer(status, reason, true),
});

async function uploadBody(request: WireRequest, contentType: string): Promise<Body> {
  if (!contentType.startsWith('multipart/form-data')) {
    return refused(501, `upload 'Content-Type '${contentType}' not implemented`);
  }
  const { fields, file } = decodeMultipart(contentType, new Uint8Array(await request.arrayBuffer()));
  const params = Object.assign(Object.create(null) as FormParams, fields);
  if (!file) return { ok: true, params };
  return {
    ok: true,
    params: Object.assign(params, { filename: file.filename }),
    upload: { bytes: file.bytes },
  };
}

/**
 * Reads the parameters of a request.
 *
 * @param request - the request; its body is consumed.
 * @param query - query of the URL without its question mark; wins over the body.
 * @param isUpload - the one path that takes multipart bodies of any size.
 * @throws SimError 500 for broken JSON or multipart bodies.
 */
export async function readParams(request: WireRequest, query: string, isUpload: boolean): Promise<Body> {
  const { method, headers } = request;
  const takesBody = method === 'POST' || method === 'PUT';
  const announced = Number(headers.get('content-length') ?? 0);
  const contentType = headers.get('content-type') ?? '';
  let body: Body = { ok: true, params: Object.create(null) as FormParams };
  if (takesBody && isUpload) {
    body = await uploadBody(request, contentType);
  } else {
    if (takesBody && announced > maxBodyBytes) return refused(501, 'for data too large');
    const text = request.body === null ? '' : await request.text();
    if (!takesBody && (announced > 0 || text !== '')) {
      return refused(501, `Unexpected content for method '${method}'`);
    }
    if (text !== '') {
      if (Buffer.byteLength(text) > maxBodyBytes) return refused(501, 'for data too large');
      const type = (contentType.split(';')[0] as string).trim().toLowerCase();
      if (type === 'application/json') body = { ok: true, params: decodeJson(text) };
      else if (type === '' || type === 'application/x-www-form-urlencoded') {
        body = { ok: true, params: decodeForm(text) };
      } else return refused(506, `upload 'Content-Type '${contentType}' not implemented`);
    }
  }
  if (body.ok) {
    Object.assign(body.params, decodeForm(query));
    delete body.params['_dc']; // the user interface's way around caches
  }
  return body;
}

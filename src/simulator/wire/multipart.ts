/** The one multipart body that the server takes: an upload, text parts first, then the file (transport-auth §10). */
import { SimError } from '../context.ts';

export interface Multipart {
  readonly fields: Record<string, string>;
  readonly file?: { readonly filename: string; readonly bytes: Uint8Array };
}

/**
 * Splits a multipart body.
 *
 * @param contentType - the header, which carries the boundary.
 * @param body - the whole body.
 * @throws SimError 500 when the body does not fit its boundary.
 */
export function decodeMultipart(contentType: string, body: Uint8Array): Multipart {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/.exec(contentType);
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) throw new SimError(500, 'upload without boundary');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`--${mark}`);
  const fields: Record<string, string> = {};
  let at = bytes.indexOf(delimiter);
  if (at < 0) throw new SimError(500, 'upload without boundary');
  for (;;) {
    const start = at + delimiter.length + 2; // behind CRLF
    const next = bytes.indexOf(delimiter, start);
    if (next < 0) return { fields };
    const part = bytes.subarray(start, next - 2); // without the CRLF before the boundary
    const headerEnd = part.indexOf('\r\n\r\n');
    if (headerEnd < 0) throw new SimError(500, 'upload part without header');
    const header = part.subarray(0, headerEnd).toString('utf8');
    const content = part.subarray(headerEnd + 4);
    const name = /\bname="([^"]*)"/.exec(header)?.[1] ?? '';
    const filename = /\bfilename="([^"]*)"/.exec(header)?.[1];
    if (filename !== undefined) return { fields, file: { filename, bytes: content } };
    fields[name] = content.toString('utf8');
    at = next;
  }
}

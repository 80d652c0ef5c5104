/**
 * The one multipart body of the API: an upload. Text parts first, then the file, streamed from disk with its length known
 * beforehand, because the server takes no chunked bodies (pve-http-server AnyEvent.pm, file_upload_multipart).
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

/** A body that is read when it is sent, and again when it is sent again. */
export interface StreamBody {
  readonly lengthBytes: number;
  /** Opens a new stream of exactly that many bytes. */
  open(): Readable;
}

/** The file to send. */
export interface UploadFile {
  /** On this machine. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Name that the server is told. */
  readonly name: string;
}

/** A body and the header that goes with it. */
export interface Multipart {
  readonly contentType: string;
  readonly body: StreamBody;
}

/** Fields in the order in which the server wants them; others before them, as they come. */
const order: readonly string[] = ['content', 'checksum-algorithm', 'checksum'];

/** A name inside a quoted header parameter. */
const quoted = (text: string): string => text.replaceAll(/["\r\n\\]/g, '_');

async function* pieces(
  head: Buffer,
  file: UploadFile,
  tail: Buffer,
  onSent: ((bytes: number) => void) | undefined,
): AsyncGenerator<Buffer> {
  yield head;
  let sent = 0;
  // `end` keeps a file that grows meanwhile from making the body longer than it was announced
  const source =
    file.sizeBytes === 0
      ? []
      : createReadStream(file.path, { end: file.sizeBytes - 1, highWaterMark: 256 * 1024 });
  for await (const chunk of source) {
    yield chunk as Buffer;
    sent += (chunk as Buffer).length;
    onSent?.(sent);
  }
  if (sent < file.sizeBytes) throw new Error(`${file.path} became shorter while it was sent`);
  yield tail;
}

/**
 * Builds the body of an upload.
 *
 * @param fields - text parts.
 * @param file - the file; it is opened only when the body is sent.
 * @param onSent - told how many bytes of the file have been handed to the connection.
 * @returns body and content type.
 */
export function encodeMultipart(
  fields: Readonly<Record<string, string>>,
  file: UploadFile,
  onSent?: (bytes: number) => void,
): Multipart {
  const boundary = `pvefleet-${randomUUID()}`;
  const sorted = Object.entries(fields).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  const parts = sorted.map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"\r\n\r\n${value}\r\n`,
  );
  // PVE: the first line of the part must name the file
  const fileHead = `--${boundary}\r\nContent-Disposition: form-data; name="filename"; filename="${quoted(file.name)}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const head = Buffer.from([...parts, fileHead].join(''));
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: {
      lengthBytes: head.length + file.sizeBytes + tail.length,
      open: () => Readable.from(pieces(head, file, tail, onSent), { objectMode: false }),
    },
  };
}

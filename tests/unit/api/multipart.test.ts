import { mkdtemp, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { encodeMultipart } from '../../../src/api/multipart.ts';
import { answer, clientOver, fakeTransport, refused } from './fake.ts';

const content = 'some\r\nbytes\u0000';

async function archive(text = content): Promise<{ path: string; sizeBytes: number; name: string }> {
  const path = join(await mkdtemp(join(tmpdir(), 'pvefleet-upload-')), 'x.tar');
  await writeFile(path, text);
  return { path, sizeBytes: Buffer.byteLength(text), name: 'x.tar' };
}

test('text parts come first, in the order that the server wants, then the file', async () => {
  const fields = { checksum: 'ab', other: '1', 'checksum-algorithm': 'md5', content: 'vztmpl' };
  const { contentType, body } = encodeMultipart(fields, await archive());
  const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(contentType)?.[1] ?? '';
  const text = (await buffer(body.open())).toString();
  const part = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  expect(text).toBe(
    part('other', '1') +
      part('content', 'vztmpl') +
      part('checksum-algorithm', 'md5') +
      part('checksum', 'ab') +
      `--${boundary}\r\nContent-Disposition: form-data; name="filename"; filename="x.tar"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n${content}\r\n--${boundary}--\r\n`,
  );
  expect(body.lengthBytes).toBe(Buffer.byteLength(text));
});

test('a name cannot break out of its header', async () => {
  const file = { ...(await archive()), name: 'a"\r\nX: y\\.tar' };
  const { body } = encodeMultipart({}, file);
  expect((await buffer(body.open())).toString()).toContain('filename="a___X: y_.tar"\r\n');
});

test('the body can be read again, and tells how far it is', async () => {
  const seen: number[] = [];
  const file = await archive('x'.repeat(600_000));
  const { body } = encodeMultipart({}, file, (bytes) => seen.push(bytes));
  const first = await buffer(body.open());
  expect(await buffer(body.open())).toEqual(first);
  expect(seen.at(-1)).toBe(600_000);
  expect(seen.length).toBeGreaterThan(4);
});

test('a file that shrinks while it is sent ends the sending, one that grows is cut', async () => {
  const file = await archive();
  const { body } = encodeMultipart({}, file);
  await writeFile(file.path, `${content}and more`);
  expect((await buffer(body.open())).length).toBe(body.lengthBytes);
  await truncate(file.path, 3);
  await expect(buffer(body.open())).rejects.toThrow('became shorter');
});

test('the client sends an upload with its length, as often as nothing has arrived', async () => {
  const { path } = await archive();
  const transport = fakeTransport([refused, answer('UPID:x')]);
  const client = clientOver(transport);
  const request = {
    method: 'POST',
    path: '/nodes/{node}/storage/{storage}/upload',
    params: { node: 'pve1', storage: 'local', content: 'vztmpl', filename: 'x.tar' },
    upload: { path },
  } as const;
  expect(await client.request(request)).toBe('UPID:x');
  expect(transport.sent).toHaveLength(2);
  for (const sent of transport.sent) {
    expect(sent.url).toMatch(/\/nodes\/pve1\/storage\/local\/upload$/);
    expect(sent.body).toBeUndefined();
    const bytes = await buffer(sent.stream?.open() ?? Readable.from([]));
    expect(sent.headers['Content-Length']).toBe(String(bytes.length));
    expect(bytes.toString()).not.toContain('name="node"');
  }
});

test('an upload may take the time that its size needs', async () => {
  const { path } = await archive();
  const transport = fakeTransport([answer('UPID:x')]);
  const client = clientOver(transport);
  const params = { node: 'pve1', storage: 'local', content: 'vztmpl', filename: 'x.tar' };
  const upload = { path, sizeBytes: 1024 ** 3 };
  await client.request({ method: 'POST', path: '/nodes/{node}/storage/{storage}/upload', params, upload });
  expect(transport.sent[0]?.timeoutMs).toBeGreaterThan(7_200_000);
});

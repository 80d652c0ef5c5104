/** Uploads over real sockets: a body of known length, streamed; refusals that come before the body has been sent. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PveClient } from '../../../src/api/types.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { type RunningServer, startServer } from '../../../src/simulator/server.ts';
import { scaledClock } from '../../../src/util/clock.ts';
import { failure, json, makeClient, makeIdentity } from './servers.ts';

const sizeBytes = 20 * 1024 * 1024 + 17;
const content = randomBytes(sizeBytes);
const checksum = createHash('sha512').update(content).digest('hex');
const path = '/nodes/{node}/storage/{storage}/upload';
let file: string;
let simulator: Simulator;
let server: RunningServer;
let client: PveClient;

beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'pvefleet-upload-')), 'own.tar.zst');
  await writeFile(file, content);
  const clock = scaledClock(50);
  simulator = createSimulator({ seed: 'small', clock });
  server = await startServer(simulator, { host: '127.0.0.1', port: 0 });
  const { tokenId, tokenSecret } = simulator.credentials;
  client = makeClient({
    urls: [server.url],
    trust: { fingerprint: server.fingerprint },
    auth: { kind: 'token', tokenId, secret: tokenSecret },
    clock,
  });
});
afterAll(async () => {
  client.close();
  await server.close();
});

const request = (more: Record<string, string> = {}) =>
  ({
    method: 'POST',
    path,
    params: {
      node: 'pve1',
      storage: 'local',
      content: 'vztmpl',
      'checksum-algorithm': 'sha512',
      checksum,
      filename: 'own.tar.zst',
      ...more,
    },
    upload: { path: file, sizeBytes },
  }) as const;

it('arrives whole, and the server finds the checksum right', async () => {
  const seen: number[] = [];
  const upid = await client.request(request(), { onSent: (bytes) => seen.push(bytes) });
  expect(await client.waitTask(String(upid))).toMatchObject({ state: 'ok' });
  expect(
    Object.values(simulator.state.volumes).find(({ volid }) => volid.endsWith('/own.tar.zst')),
  ).toMatchObject({
    sizeBytes,
  });
  expect(seen.at(-1)).toBe(sizeBytes);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

it('is refused by the server when the checksum is another', async () => {
  const upid = await client.request(request({ checksum: '0'.repeat(128), filename: 'bad.tar.zst' }));
  expect(await client.waitTask(String(upid))).toMatchObject({
    state: 'failed',
    exitStatus: expect.stringContaining('checksum mismatch'),
  });
  expect(Object.values(simulator.state.volumes).some(({ volid }) => volid.endsWith('/bad.tar.zst'))).toBe(
    false,
  );
});

it('is sent with its length and not in chunks', async () => {
  let headers: http.IncomingHttpHeaders = {};
  let received = 0;
  const plain = http.createServer((incoming, response) => {
    headers = incoming.headers;
    incoming.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    incoming.on('end', () => json(response, { data: 'UPID:x' }));
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const other = makeClient({ urls: [`http://127.0.0.1:${(plain.address() as AddressInfo).port}`] });
  expect(await other.request(request())).toBe('UPID:x');
  expect(headers['transfer-encoding']).toBeUndefined();
  expect(Number(headers['content-length'])).toBe(received);
  expect(received).toBeGreaterThan(sizeBytes);
  other.close();
  plain.close();
});

it.each([
  ['HTTP', false],
  ['HTTPS', true],
])('over %s, a refusal that comes while the body is on its way is understood', async (_, secure) => {
  const { cert, key, fingerprint } = await makeIdentity();
  const refuse: http.RequestListener = (incoming, response) => {
    // as pveproxy does: the answer, and the connection ends without the body having been read
    incoming.once('data', () => {
      incoming.pause();
      response.writeHead(403, 'Permission check failed (/storage/local, Datastore.AllocateTemplate)', {
        'Content-Length': '0',
        Connection: 'close',
      });
      response.end();
    });
  };
  const strict = secure ? https.createServer({ cert, key }, refuse) : http.createServer(refuse);
  await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
  const { port } = strict.address() as AddressInfo;
  const other = makeClient({
    urls: [`${secure ? 'https' : 'http'}://127.0.0.1:${port}`],
    ...(secure ? { trust: { fingerprint } } : {}),
  });
  expect(await failure(other.request(request()))).toMatchObject({ code: 'PVE_PERMISSION' });
  other.close();
  strict.closeAllConnections();
  strict.close();
});

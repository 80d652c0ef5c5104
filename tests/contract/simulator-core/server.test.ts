/** The simulator behind sockets and in front of axios: what only the transport shows (transport-auth §1, §9). */
import { createHash, X509Certificate } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { type RunningServer, startServer } from '../../../src/simulator/server.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { rootToken, startInProcess } from '../../support/simulator.ts';

interface Wire {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Local port: tells connections apart. */
  readonly port: number;
}

interface SendOptions extends Omit<https.RequestOptions, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

function send(url: string, options: SendOptions = {}): Promise<Wire> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const library = url.startsWith('https:') ? https : http;
    const request = library.request(url, rest, (message) => {
      const chunks: Buffer[] = [];
      const port = message.socket.localPort ?? 0; // the socket goes back to the agent at the end
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('end', () =>
        resolve({
          status: message.statusCode ?? 0,
          reason: message.statusMessage ?? '',
          headers: message.headers,
          body: Buffer.concat(chunks),
          port,
        }),
      );
      message.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('HTTPS', () => {
  let sim: Simulator;
  let server: RunningServer;
  let agent: https.Agent;
  const get = (path: string, options: SendOptions = {}): Promise<Wire> =>
    send(`${server.url}/api2/json${path}`, {
      agent,
      ...options,
      headers: { authorization: rootToken(sim), ...options.headers },
    });
  beforeAll(async () => {
    sim = createSimulator({ seed: 'cluster', clock: manualClock() });
    server = await startServer(sim, { host: '127.0.0.1', port: 0 });
    agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: server.certificatePem });
  });
  afterAll(async () => {
    agent.destroy();
    await server.close();
  });

  test('the certificate is good for the loopback names and has the fingerprint that is told', async () => {
    const certificate = new X509Certificate(server.certificatePem);
    expect(server.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    const der = createHash('sha256').update(certificate.raw).digest('hex').toUpperCase();
    expect(server.fingerprint.replaceAll(':', '')).toBe(der);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    const nodes = JSON.parse((await get('/nodes')).body.toString()) as { data: Record<string, string>[] };
    expect(nodes.data.find(({ node }) => node === 'pve1')?.['ssl_fingerprint']).toBe(server.fingerprint);
  });

  test('reason phrases arrive', async () => {
    expect(await get('/nodes/ghost/lxc')).toMatchObject({
      status: 500,
      reason:
        "hostname lookup 'ghost' failed - failed to get address info for: ghost: Name or service not known",
    });
  });

  test('a connection is kept after reads, and closed after errors and after what the daemon answers', async () => {
    const ports: number[] = [];
    for (const path of ['/version', '/version', '/nope', '/version', '/access/tfa', '/version', '/version']) {
      ports.push((await get(path)).port);
    }
    const [a, b, c, d, e, f, g] = ports;
    expect([a === b, b === c, c === d, d === e, e === f, f === g]).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  test('a status beyond the usual ones arrives with its reason and no body', async () => {
    const undo = sim.faults.onRequest(
      { path: '/version' },
      { kind: 'answer', status: 596, reason: 'Connection timed out' },
    );
    const answer = await get('/version');
    undo();
    expect(answer).toMatchObject({ status: 596, reason: 'Connection timed out' });
    expect(answer.body).toHaveLength(0);
  });

  test.each(['before', 'after'] as const)('a connection can be dropped %s the effect', async (when) => {
    const poolid = `drop-${when}`;
    sim.faults.onRequest({ method: 'POST', path: '/pools' }, { kind: 'drop', when });
    const body = `poolid=${poolid}`;
    await expect(
      get('/pools', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    ).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(Object.hasOwn(sim.state.pools, poolid)).toBe(when === 'after');
  });

  test('long answers are compressed when the client takes it', async () => {
    const answer = await get('/nodes/pve1/aplinfo', { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(answer.body).toString())).toHaveProperty('data');
    expect(
      (await get('/version', { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding'],
    ).toBeUndefined();
  });

  test.each<[method: string, path: string, want: object]>([
    ['HEAD', '/version', { status: 501, reason: "method 'HEAD' not available" }],
    ['OPTIONS', '/version', { status: 501, reason: "method 'OPTIONS' not available" }],
    ['DELETE', '/pools/x', { status: 501, reason: "Unexpected content for method 'DELETE'" }],
    ['GET', '/version', { status: 501, reason: "Unexpected content for method 'GET'" }],
  ])('%s with a body', async (method, path, want) => {
    const headers = { 'content-length': '3', 'content-type': 'application/x-www-form-urlencoded' };
    expect(await get(path, { method, body: 'a=1', headers })).toMatchObject(want);
  });

  test('a chunked body is refused', async () => {
    const answer = await get('/pools', {
      method: 'POST',
      body: 'poolid=x',
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(answer).toMatchObject({ status: 501, reason: 'chunked transfer encoding not supported' });
  });

  test('paths outside of the API have their answer', async () => {
    expect(await send(`${server.url}/favicon.ico`, { agent })).toMatchObject({
      status: 500,
      reason: "no such file '/favicon.ico'",
    });
    expect(await send(`${server.url}/api2`, { agent })).toMatchObject({ status: 501, reason: 'no such uri' });
  });

  test.each([
    ['GET', 301],
    ['POST', 308],
  ])('plain HTTP on the TLS port: %s is redirected with %i', async (method, status) => {
    const answer = await send(`${server.url.replace('https:', 'http:')}/api2/json/version`, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.location).toBe(`${server.url}/api2/json/version`);
  });

  test('HTTP/2 is not offered', async () => {
    const { port } = new URL(server.url);
    const protocol = await new Promise((resolve, reject) => {
      const socket = tls.connect(
        {
          host: '127.0.0.1',
          port: Number(port),
          ca: server.certificatePem,
          ALPNProtocols: ['h2', 'http/1.1'],
        },
        () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        },
      );
      socket.on('error', reject);
    });
    expect(protocol).not.toBe('h2');
  });

  test('an upload arrives whole, without a CSRF header', async () => {
    const file = Buffer.alloc(900_000, 7);
    const parts = (name: string, more: string): string =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
    const body = Buffer.concat([
      Buffer.from(`${parts('content', '')}vztmpl\r\n${parts('filename', '; filename="mine.tar.zst"')}`),
      file,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const headers = {
      'content-type': 'multipart/form-data; boundary=b',
      'content-length': String(body.length),
    };
    const answer = await get('/nodes/pve1/storage/local/upload', { method: 'POST', body, headers });
    expect(JSON.parse(answer.body.toString())).toEqual({ data: expect.stringMatching(/:imgcopy::/) });
    await sim.settle();
    expect(sim.state.volumes['pve1|local:vztmpl/mine.tar.zst']?.sizeBytes).toBe(file.length);
  });

  test('a client that goes away while it is answered does no harm', async () => {
    sim.faults.onRequest({ path: '/version' }, { kind: 'latency', ms: 50 });
    const controller = new AbortController();
    const asked = get('/version', { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(asked).rejects.toThrow('aborted');
    expect((await get('/version')).status).toBe(200);
  });

  test('garbage instead of a request ends the connection', async () => {
    const { port } = new URL(server.url);
    const ended = await new Promise((resolve) => {
      const socket = net.connect(Number(port), '127.0.0.1', () => socket.end(Buffer.from([0x16, 1, 2, 3])));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(true));
      socket.resume();
    });
    expect(ended).toBe(true);
    expect((await get('/version')).status).toBe(200);
  });
});

describe('starting and stopping', () => {
  test('close ends open connections and frees the port', async () => {
    const sim = createSimulator({ clock: manualClock() });
    let told = '';
    const server = await startServer(sim, {
      host: '127.0.0.1',
      port: 0,
      http: true,
      onListening: (url) => {
        told = url;
      },
    });
    expect(server).toMatchObject({ url: told, fingerprint: '', certificatePem: '' });
    const agent = new http.Agent({ keepAlive: true });
    await send(`${server.url}/api2/json/access/domains`, { agent });
    await server.close();
    await expect(send(`${server.url}/api2/json/access/domains`)).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
  });
  test('plain HTTP is for loopback only', async () => {
    await expect(startServer(createSimulator(), { host: '0.0.0.0', port: 0, http: true })).rejects.toThrow(
      'loopback',
    );
  });
  test('a port that is taken is an error', async () => {
    const sim = createSimulator({ clock: manualClock() });
    const first = await startServer(sim, { host: '127.0.0.1', port: 0, http: true });
    const port = Number(new URL(first.url).port);
    await expect(startServer(sim, { host: '127.0.0.1', port, http: true })).rejects.toThrow('EADDRINUSE');
    await first.close();
  });
});

describe('in front of axios', () => {
  test('answers, reason phrases, refusals and dropped connections', async () => {
    const { sim, http: client, close } = startInProcess({ seed: 'small' });
    try {
      expect((await client.get('/version')).data).toMatchObject({ data: { version: '9.2.11' } });
      const made = await client.post('/pools', new URLSearchParams({ poolid: 'p1' }));
      expect(made).toMatchObject({ status: 200, data: { data: null } });
      expect(await client.get('/nodes/pve1/lxc/999/config')).toMatchObject({
        status: 500,
        statusText: "Configuration file 'nodes/pve1/lxc/999.conf' does not exist",
      });
      sim.faults.onRequest({}, { kind: 'answer', status: 595, reason: 'No route to host' });
      expect(await client.get('/version')).toMatchObject({ status: 595, statusText: 'No route to host' });
      sim.faults.onRequest({}, { kind: 'drop', when: 'before' });
      await expect(client.get('/version')).rejects.toThrow('Network error');
    } finally {
      close();
    }
  });
});

describe('faults of tasks', () => {
  test('a creation that fails leaves nothing behind', async () => {
    const { sim, http: client, close } = startInProcess({ seed: 'small' });
    try {
      sim.faults.onTask({ type: 'vzcreate', id: '100' }, { fail: 'disk on fire', when: 'during' });
      const ostemplate = Object.values(sim.state.volumes)[0]?.volid ?? '';
      const { data } = await client.post<{ data: string }>(
        '/nodes/pve1/lxc',
        new URLSearchParams({ vmid: '100', ostemplate, rootfs: 'local-lvm:8' }),
      );
      await sim.settle();
      expect(sim.state.tasks[data.data]?.exitstatus).toBe('unable to create CT 100 - disk on fire');
      expect(sim.state.containers[100]).toBeUndefined();
      expect(Object.values(sim.state.volumes).filter(({ vmid }) => vmid === 100)).toEqual([]);
    } finally {
      close();
    }
  });
});

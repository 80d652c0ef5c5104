/** How the client lives with connections that fail, close, hang or answer oddly: against real servers. */
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAxiosTransport } from '../../../src/api/axios-transport.ts';
import type { PveConnectionError } from '../../../src/api/errors/connection-error.ts';
import { TransportError } from '../../../src/api/transport.ts';
import type { RequestReport, RetryReport } from '../../../src/api/types.ts';
import { manualClock, systemClock } from '../../../src/util/clock.ts';
import {
  type Answer,
  failure,
  freePort,
  type Identity,
  json,
  makeClient,
  makeIdentity,
  ok,
  startServer,
  type TestServer,
} from './servers.ts';

let identity: Identity;
const open: { close(): Promise<void> | void }[] = [];

beforeAll(async () => {
  identity = await makeIdentity();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map(async (server) => server.close()));
});

async function serve(answer: Answer = ok): Promise<TestServer> {
  const server = await startServer(answer, identity);
  open.push(server);
  return server;
}

function client(
  servers: readonly (TestServer | string)[],
  options: Parameters<typeof makeClient>[0] | object = {},
) {
  const pve = makeClient({
    urls: servers.map((server) => (typeof server === 'string' ? server : server.url)),
    trust: { fingerprint: identity.fingerprint },
    ...options,
  });
  open.push(pve);
  return pve;
}

/** Cuts the connection without an answer. */
const cut: Answer = (_, response) => void response.socket?.destroy();

describe('what goes over the wire', () => {
  it('parameters travel in the query for GET and DELETE, in the body for POST and PUT', async () => {
    const server = await serve((_, response) => json(response, { data: null }));
    const pve = client([server]);
    await pve.get('/cluster/resources', { type: 'vm' });
    await pve.delete('/nodes/{node}/lxc/{vmid}', { node: 'pve1', vmid: 100, purge: true, force: false });
    await pve.put('/nodes/{node}/lxc/{vmid}/config', {
      node: 'pve1',
      vmid: 100,
      net0: 'name=eth0,bridge=vmbr0',
      features: 'mount=nfs;cifs',
    });
    await pve.post('/nodes/{node}/lxc/{vmid}/status/start', { node: 'pve1', vmid: 100 });
    expect(server.seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      'GET /api2/json/cluster/resources?type=vm ',
      'DELETE /api2/json/nodes/pve1/lxc/100?purge=1&force=0 ',
      'PUT /api2/json/nodes/pve1/lxc/100/config net0=name%3Deth0%2Cbridge%3Dvmbr0&features=mount%3Dnfs%3Bcifs',
      'POST /api2/json/nodes/pve1/lxc/100/status/start ',
    ]);
    const [, , put, post] = server.seen;
    expect(put?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(put?.body.length),
      authorization: 'PVEAPIToken=automation@pve!test=token-secret-value',
    });
    for (const { headers } of server.seen) expect(headers).not.toHaveProperty('transfer-encoding');
    expect(post?.headers['content-length'] ?? '0').toBe('0');
  });

  it('a volume id stays one segment', async () => {
    const server = await serve((_, response) => json(response, { data: null }));
    await client([server]).delete('/nodes/{node}/storage/{storage}/content/{volume}', {
      node: 'pve1',
      storage: 'local',
      volume: 'local:vztmpl/a b.tar.zst',
    });
    expect(server.seen[0]?.url).toBe(
      '/api2/json/nodes/pve1/storage/local/content/local%3Avztmpl%2Fa%20b.tar.zst',
    );
  });

  it('compressed answers are read', async () => {
    const server = await serve((request, response) => {
      expect(request.headers['accept-encoding']).toContain('gzip');
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify({ data: ['ä'.repeat(2000)] })));
    });
    expect(await client([server]).get('/pools')).toEqual(['ä'.repeat(2000)]);
  });

  it('the reason phrase of an answer without body is kept', async () => {
    const server = await serve((_, response) => {
      response.writeHead(401, 'Authentication failed!', { Connection: 'close' });
      response.end();
    });
    const error = await failure(client([server]).get('/version'));
    expect(error).toMatchObject({ code: 'PVE_AUTH', status: 401 });
    expect(error.message).toBe('cannot read /version: Authentication failed!');
    expect(server.seen).toHaveLength(1);
  });

  it('redirections are not followed', async () => {
    const target = await serve();
    const server = await serve((_, response) => {
      response.writeHead(301, 'Moved', { Location: `${target.url}/x` });
      response.end();
    });
    expect(await failure(client([server]).get('/version'))).toMatchObject({ code: 'PVE_PROTOCOL' });
    expect(target.seen).toEqual([]);
  });

  it('a proxy of the environment is not used', async () => {
    const port = await freePort();
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${port}`);
    vi.stubEnv('NO_PROXY', '');
    const server = await serve();
    expect(await client([server]).get('/version')).toEqual({ version: '9.2.11' });
  });

  it('http:// works on loopback', async () => {
    const server = await startServer();
    open.push(server);
    const pve = client([server]);
    await pve.get('/version');
    expect(await pve.get('/version')).toEqual({ version: '9.2.11' });
    expect(server.connections()).toBe(1);
  });
});

describe('nobody answers', () => {
  it('a refused connection is told after a few quick attempts', async () => {
    const clock = manualClock();
    const retries: RetryReport[] = [];
    const startedAt = clock.now();
    const error = await failure<PveConnectionError>(
      client([`https://127.0.0.1:${await freePort()}`], {
        clock,
        onRetry: (r: RetryReport) => retries.push(r),
      }).post('/pools', { poolid: 'x' }),
    );
    expect(error).toMatchObject({ code: 'PVE_CONNECTION', exitCode: 4, errno: 'ECONNREFUSED', sent: 'no' });
    expect(error.message).toMatch(/^cannot post to \/pools: https:\/\/127\.0\.0\.1:\d+: connection refused$/);
    expect(retries.map((retry) => retry.attempt)).toEqual([1, 2]);
    expect(clock.now() - startedAt).toBeLessThan(5000);
  });

  it('an unknown host is told at once', async () => {
    const retries: RetryReport[] = [];
    const error = await failure<PveConnectionError>(
      client(['https://no-such-host.invalid:8006'], { onRetry: (r: RetryReport) => retries.push(r) }).get(
        '/version',
      ),
    );
    expect(error).toMatchObject({ code: 'PVE_CONNECTION', sent: 'no' });
    if (error.errno === 'ENOTFOUND') expect(retries).toEqual([]);
  });

  it('a server that accepts but never finishes the handshake is given up', async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push({
      close: () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    });
    const transport = createAxiosTransport({
      trust: { ca: [], fingerprints: [] },
      maxSockets: 2,
      connectTimeoutMs: 50,
    });
    const error = await failure<TransportError>(
      transport.send({
        method: 'POST',
        url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        headers: {},
        timeoutMs: 5000,
      }),
    );
    expect(error).toBeInstanceOf(TransportError);
    expect(error.failure).toMatchObject({ kind: 'connection', sent: 'no', errno: 'ETIMEDOUT' });
  });

  it('a server that never answers is given up after the time-out, and a write may have been done', async () => {
    const server = await serve(() => undefined);
    const error = await failure<PveConnectionError>(
      client([server]).post('/pools', { poolid: 'x' }, { timeoutMs: 80 }),
    );
    expect(error).toMatchObject({ code: 'PVE_CONNECTION', errno: 'ETIMEDOUT', sent: 'maybe' });
    expect(error.hint).toContain('task list');
    expect(server.seen).toHaveLength(1);
  });

  it('a server that never ends its answer is given up too', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('{');
    });
    const error = await failure(client([server]).get('/version', {}, { timeoutMs: 80 }));
    expect(error).toMatchObject({ code: 'PVE_CONNECTION', errno: 'ETIMEDOUT' });
  });
});

describe('connections that are cut', () => {
  it('a GET is sent again', async () => {
    const server = await serve((request, response, count) =>
      count < 3 ? cut(request, response, count) : ok(request, response, count),
    );
    expect(await client([server]).get('/version')).toEqual({ version: '9.2.11' });
    expect(server.seen).toHaveLength(3);
  });

  it('a GET is sent again when the answer breaks off', async () => {
    const server = await serve((request, response, count) => {
      if (count > 1) return ok(request, response, count);
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('{"data":');
      setImmediate(() => response.socket?.destroy());
    });
    expect(await client([server]).get('/version')).toEqual({ version: '9.2.11' });
  });

  it.each(['post', 'put', 'delete'] as const)('a %s that was received is never sent again', async (verb) => {
    const server = await serve(cut);
    const second = await serve();
    const pve = client([server, second]);
    const params = { node: 'pve1', vmid: 100 };
    const error = await failure(
      verb === 'post'
        ? pve.post('/nodes/{node}/lxc/{vmid}/status/start', params)
        : verb === 'put'
          ? pve.put('/nodes/{node}/lxc/{vmid}/config', { ...params, memory: 512 })
          : pve.delete('/nodes/{node}/lxc/{vmid}', params),
    );
    expect(error).toMatchObject({ code: 'PVE_CONNECTION', sent: 'maybe' });
    expect(server.seen).toHaveLength(1);
    expect(second.seen).toEqual([]);
  });
});

describe('kept connections', () => {
  it('a GET on a kept connection that dies is sent again at once, without counting as a retry', async () => {
    const retries: RetryReport[] = [];
    const server = await serve((request, response, count) =>
      count === 2 ? cut(request, response, count) : ok(request, response, count),
    );
    const pve = client([server], { onRetry: (r: RetryReport) => retries.push(r) });
    await pve.get('/version');
    await pve.get('/version');
    expect(server.seen.map((request) => request.connection)).toEqual([1, 1, 2]);
    expect(retries).toEqual([]);
  });

  it('when one is dead the others are not trusted either', async () => {
    const retries: RetryReport[] = [];
    const uses = new Map<number, number>();
    let release = (): void => undefined;
    const bothThere = {
      promise: new Promise<void>((resolve) => {
        release = resolve;
      }),
      resolve: () => release(),
    };
    const server = await serve(async (request, response, count) => {
      const used = (uses.get(request.connection) ?? 0) + 1;
      uses.set(request.connection, used);
      // The first two are under way at once, so that each has a connection.
      if (count === 2) bothThere.resolve();
      if (count <= 2) await bothThere.promise;
      await (used > 1 ? cut(request, response, count) : ok(request, response, count));
    });
    const pve = client([server], { onRetry: (r: RetryReport) => retries.push(r) });
    await Promise.all([pve.get('/version'), pve.get('/version')]);
    expect(server.connections()).toBe(2);
    await pve.get('/version');
    expect(server.seen.at(-1)?.connection).toBe(3);
    expect(retries).toEqual([]);
  });

  it('a write has a connection of its own, so that it never meets the closing of a kept one', async () => {
    const server = await serve((_, response) => json(response, { data: null }));
    const pve = client([server]);
    await pve.get('/pools');
    server.server.closeIdleConnections();
    await pve.post('/pools', { poolid: 'x' });
    await pve.get('/pools');
    await pve.get('/pools');
    expect(server.seen.map((request) => request.connection)).toEqual([1, 2, 3, 3]);
  });

  it('is closed by the client when it was idle for a while, before the server does it', async () => {
    const server = await serve(async (request, response, count) => {
      await systemClock.sleep(60); // Longer than the idle limit, which must not touch a request under way.
      await ok(request, response, count);
    });
    server.server.keepAliveTimeout = 0;
    const transport = createAxiosTransport({
      trust: { ca: [], fingerprints: [identity.fingerprint] },
      maxSockets: 1,
      idleMs: 20,
    });
    open.push(transport);
    const closed = new Promise<void>((resolve) => {
      server.server.once('connection', (socket: net.Socket) => socket.once('close', () => resolve()));
    });
    const request = { method: 'GET', url: `${server.url}/`, headers: {}, timeoutMs: 5000 };
    expect(await transport.send(request)).toMatchObject({ status: 200 });
    await closed;
    expect(server.seen).toHaveLength(1);
  });

  it('is not kept after an answer that says close, as every refusal does', async () => {
    const server = await serve((_, response, count) => {
      if (count !== 1) return json(response, { data: null });
      response.writeHead(500, 'no such thing', { Connection: 'close' });
      response.end();
    });
    const pve = client([server]);
    await failure(pve.get('/version'));
    await pve.get('/version');
    expect(server.seen.map((request) => request.connection)).toEqual([1, 2]);
  });

  it('no more requests are under way than allowed', async () => {
    let now = 0;
    let most = 0;
    const server = await serve(async (request, response, count) => {
      now += 1;
      most = Math.max(most, now);
      await systemClock.sleep(5);
      now -= 1;
      await ok(request, response, count);
    });
    const pve = client([server], { maxSockets: 3 });
    await Promise.all(Array.from({ length: 12 }, () => pve.get('/version')));
    expect(most).toBe(3);
    expect(server.connections()).toBe(3);
  });
});

describe('several URLs', () => {
  it('the next is asked when one is down, and remembered', async () => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const server = await serve((_, response) => json(response, { data: null }));
    const reports: RequestReport[] = [];
    const pve = client([dead, server], { onRequest: (r: RequestReport) => reports.push(r) });
    await pve.post('/pools', { poolid: 'x' });
    await pve.get('/pools');
    expect(pve.url).toBe(server.url);
    expect(reports.map(({ path, status }) => [path, status])).toEqual([
      ['/pools', undefined],
      ['/pools', 200],
      ['/pools', 200],
    ]);
  });

  it('a GET moves on when one cuts the connection; a refusal is final', async () => {
    const first = await serve(cut);
    const second = await serve((_, response) => json(response, { data: null, message: 'no\n' }, 500, 'no'));
    const third = await serve();
    const error = await failure(client([first, second, third]).get('/version'));
    expect(error).toMatchObject({ code: 'PVE_SERVER', status: 500 });
    expect(third.seen).toEqual([]);
  });

  it('a write moves on after 595, which says that it did not arrive, but not after 596', async () => {
    const gateway =
      (status: number): Answer =>
      (_, response) => {
        response.writeHead(status, status === 595 ? 'Connection refused' : 'Connection timed out');
        response.end();
      };
    const unreached = await serve(gateway(595));
    const unsure = await serve(gateway(596));
    const good = await serve((_, response) => json(response, { data: null }));
    expect(await client([unreached, good]).post('/pools', { poolid: 'x' })).toBeNull();
    expect(await failure(client([unsure, good]).post('/pools', { poolid: 'x' }))).toMatchObject({
      code: 'PVE_CONNECTION',
      sent: 'maybe',
      status: 596,
    });
    expect(good.seen).toHaveLength(1);
    expect(unsure.seen).toHaveLength(1);
  });
});

describe('abort', () => {
  it('rejects with the reason and closes the connection', async () => {
    let closed = false;
    const controller = new AbortController();
    const server = await serve((_, response) => {
      response.socket?.on('close', () => {
        closed = true;
      });
      controller.abort(new Error('enough'));
    });
    const error = await failure(client([server]).get('/version', {}, { signal: controller.signal }));
    expect(error).toBe(controller.signal.reason);
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  it('before the request sends nothing', async () => {
    const server = await serve();
    const signal = AbortSignal.abort(new Error('never'));
    expect(await failure(client([server], { signal }).get('/version'))).toBe(signal.reason);
    expect(server.connections()).toBe(0);
  });

  it('of the client ends its waits between attempts', async () => {
    const controller = new AbortController();
    const pve = client([`https://127.0.0.1:${await freePort()}`], {
      signal: controller.signal,
      clock: manualClock({ auto: false }),
      onRetry: () => controller.abort(new Error('stop')),
    });
    expect(await failure(pve.get('/version'))).toBe(controller.signal.reason);
  });

  it('frees the place of a request that still waits for its turn', async () => {
    const server = await serve(() => undefined);
    const pve = client([server], { maxSockets: 1 });
    const first = new AbortController();
    const second = new AbortController();
    const running = failure(pve.get('/version', {}, { signal: first.signal }));
    const waiting = failure(pve.get('/version', {}, { signal: second.signal }));
    second.abort(new Error('second'));
    expect(await waiting).toBe(second.signal.reason);
    first.abort(new Error('first'));
    expect(await running).toBe(first.signal.reason);
    expect(server.seen.length).toBeLessThanOrEqual(1);
  });

  it('of many requests on one signal makes Node.js warn of nothing', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const server = await serve();
    const { signal } = new AbortController();
    const own = new AbortController();
    const pve = client([server], { signal, maxSockets: 40 });
    const request = { signal: own.signal };
    await Promise.all(Array.from({ length: 40 }, () => pve.get('/version', {}, request)));
    await Promise.all(Array.from({ length: 40 }, () => pve.get('/version')));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

/** Opening consoles over real connections, at a server that does what each test tells it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientOptions } from '../../../src/api/types.ts';
import { createWebsocketOpener } from '../../../src/api/ws-websocket.ts';
import type { ConsoleChannel, OpenConsoleOptions } from '../../../src/console/channel.ts';
import { openConsole } from '../../../src/console/open-console.ts';
import { manualClock, systemClock } from '../../../src/util/clock.ts';
import type { PvefleetError } from '../../../src/util/errors.ts';
import {
  type ConsoleBehaviour,
  type ConsoleServer,
  startConsoleServer,
  welcome,
} from '../../support/console-server.ts';
import { failure, freePort, type Identity, makeClient, makeIdentity } from '../api/servers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(behaviour: ConsoleBehaviour = {}): Promise<ConsoleServer> {
  const server = await startConsoleServer(behaviour);
  closers.push(() => server.close());
  return server;
}

interface Given extends Partial<OpenConsoleOptions> {
  readonly urls?: readonly string[];
  readonly options?: Partial<ClientOptions>;
}

async function open(server: ConsoleServer, given: Given = {}): Promise<ConsoleChannel> {
  const { urls = [server.url], options, ...rest } = given;
  const client = makeClient({ urls, ...options });
  closers.push(() => client.close());
  // A clock that does not run by itself: time-outs and signs of life come only when a test says so.
  const channel = await openConsole(client, {
    node: 'pve1',
    vmid: 101,
    clock: manualClock({ auto: false }),
    ...rest,
  });
  closers.push(() => channel.close());
  return channel;
}

/** All output so far, as it grows. */
function shown(channel: ConsoleChannel): () => string {
  let text = '';
  channel.onData((bytes) => {
    text += Buffer.from(bytes).toString();
  });
  return () => text;
}
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve));
}
const path = (server: ConsoleServer): string[] => server.seen.map(({ method, url }) => `${method} ${url}`);

describe('opening a console', () => {
  it('looks whether the container runs, asks for a ticket and takes it to the websocket', async () => {
    const server = await serve();
    await open(server);
    const { request, messages } = await server.viewer();
    expect(path(server)).toEqual([
      'GET /api2/json/nodes/pve1/lxc/101/status/current',
      'POST /api2/json/nodes/pve1/lxc/101/termproxy',
    ]);
    expect(request.url).toBe(
      '/api2/json/nodes/pve1/lxc/101/vncwebsocket?port=5900&vncticket=PVEVNC%3A65A0B1C2%3A%3Aa%2Bb%2Fc%3D%3D',
    );
    expect(messages).toEqual(['automation@pve!test:PVEVNC:65A0B1C2::a+b/c==\n']);
  });

  it('shakes hands as the contract wants it: subprotocol binary, version 13, no compression, the token', async () => {
    const server = await serve();
    await open(server);
    const { headers } = (await server.viewer()).request;
    expect(headers).toMatchObject({
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'binary',
      authorization: 'PVEAPIToken=automation@pve!test=token-secret-value',
    });
    expect(headers).not.toHaveProperty('sec-websocket-extensions');
    expect(headers).not.toHaveProperty('cookie');
  });

  it('sends the ticket of a login as cookie, and the CSRF token with the POST alone', async () => {
    const server = await serve({ user: 'u@pve' });
    const auth = { kind: 'ticket', username: 'u@pve', password: 'secret-word' } as const;
    await open(server, { options: { auth } });
    const cookie = 'PVEAuthCookie=PVE%3Au%40pve%3A65A0%3A%3Ax%2By%2F%3D';
    expect(server.seen.find(({ url }) => url.endsWith('/termproxy'))?.headers).toMatchObject({
      cookie,
      csrfpreventiontoken: 'csrf',
    });
    const { headers } = (await server.viewer()).request;
    expect(headers.cookie).toBe(cookie);
    expect(headers).not.toHaveProperty('csrfpreventiontoken');
    expect((await server.viewer()).messages[0]).toMatch(/^u@pve:PVEVNC:/);
  });

  it.each([
    ['a number', 5901],
    ['text', '5901'],
  ])('takes a port that is %s', async (_, port) => {
    const server = await serve({ port });
    await open(server);
    expect((await server.viewer()).request.url).toContain('port=5901&');
  });

  it('tells the size right after the greeting', async () => {
    const server = await serve();
    await open(server, { columns: 132, rows: 43 });
    const viewer = await server.viewer();
    await viewer.got(2);
    expect(viewer.messages[1]).toBe('1:132:43:');
  });

  it('keeps what comes with and behind the greeting for the first listener', async () => {
    const server = await serve({
      greet: (viewer) =>
        void viewer.got(1).then(() => {
          for (const piece of ['O', 'Kone', ' two']) viewer.show(piece);
        }),
    });
    const channel = await open(server);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const text = shown(channel);
    expect(text()).toBe('one two');
    (await server.viewer()).show(' three');
    await until(() => text() === 'one two three');
  });
});

describe('an open console', () => {
  it('passes bytes in both directions, to every listener, and sizes', async () => {
    const server = await serve();
    const channel = await open(server);
    const viewer = await server.viewer();
    const [a, b] = [shown(channel), shown(channel)];
    await channel.send(Buffer.from('échо\r'));
    channel.resize(100, 30);
    channel.resize(0, 0);
    await channel.send(Uint8Array.of(0xff, 0x00));
    await viewer.got(4);
    expect(viewer.messages.slice(1)).toEqual([
      `0:7:${Buffer.from('échо\r').toString('latin1')}`,
      '1:100:30:',
      '0:2:\xff\x00',
    ]);
    viewer.show('\xe2\x82');
    viewer.show('\xac');
    await until(() => a().length > 0 && b().length > 0);
    expect(Buffer.from(viewer.messages[1] as string, 'latin1').toString()).toContain('échо');
  });

  it('no longer tells a listener that has gone', async () => {
    const server = await serve();
    const channel = await open(server);
    const seen: string[] = [];
    const stop = channel.onData((bytes) => seen.push(Buffer.from(bytes).toString()));
    const all = shown(channel);
    const viewer = await server.viewer();
    viewer.show('a');
    await until(() => all() === 'a');
    stop();
    viewer.show('b');
    await until(() => all() === 'ab');
    expect(seen).toEqual(['a']);
  });

  it('says every 30 s that it is there', async () => {
    const server = await serve();
    const clock = manualClock({ auto: false });
    const channel = await open(server, { clock });
    const viewer = await server.viewer();
    for (const round of [1, 2, 3, 4, 5, 6]) {
      const ponged = new Promise<void>((resolve) => viewer.socket.once('ping', () => resolve()));
      await clock.advance(29_999);
      expect(viewer.messages.length).toBe(round);
      await clock.advance(1);
      await viewer.got(round + 1);
      await ponged;
      // The pong must be here before the next round, as it is when rounds take 30 s.
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(viewer.messages[round]).toBe('2');
    }
    channel.close();
    expect(await channel.ended).toEqual({ reason: 'closed' });
  });

  it('is lost when the server answers nothing for 90 s', async () => {
    const server = await serve({ deaf: true });
    const clock = manualClock({ auto: false });
    const channel = await open(server, { clock });
    await clock.advance(119_999);
    await clock.advance(1);
    expect(await channel.ended).toEqual({
      reason: 'lost',
      message: 'nothing was heard of the server for 90 s',
    });
  });

  it('is closed when the server ends it in good order', async () => {
    const server = await serve();
    const channel = await open(server);
    (await server.viewer()).line.end();
    expect(await channel.ended).toEqual({ reason: 'closed' });
    await channel.send(Buffer.from('into the void'));
  });

  it('is lost when the connection breaks', async () => {
    const server = await serve();
    const channel = await open(server);
    (await server.viewer()).line.resetAndDestroy();
    expect(await channel.ended).toEqual({ reason: 'lost', message: expect.stringMatching(/\w/) });
  });

  it('says good-bye and lets what was sent before arrive', async () => {
    const server = await serve();
    const channel = await open(server);
    const viewer = await server.viewer();
    const closed = new Promise<number>((resolve) => viewer.socket.once('close', resolve));
    void channel.send(Buffer.from('exit\r'));
    channel.close();
    expect(await channel.ended).toEqual({ reason: 'closed' });
    expect(await closed).toBe(1000);
    expect(viewer.messages.at(-1)).toBe('0:5:exit\r');
  });

  it('closes when its signal aborts', async () => {
    const server = await serve();
    const stop = new AbortController();
    const channel = await open(server, { signal: stop.signal });
    stop.abort(new Error('enough'));
    expect(await channel.ended).toEqual({ reason: 'closed' });
  });
});

describe('several URLs', () => {
  it('go to the next one with ticket and websocket when one cannot be reached', async () => {
    const server = await serve();
    const dead = `http://127.0.0.1:${await freePort()}`;
    await open(server, { urls: [dead, server.url] });
    expect(server.viewers).toHaveLength(1);
  });

  it('get a new ticket where the websocket of the first does not come up', async () => {
    const first = await serve({
      greet: (viewer) => viewer.line.resetAndDestroy(),
    });
    const second = await serve({ ticket: 'PVEVNC:1::second' });
    await open(second, { urls: [first.url, second.url] });
    expect(path(first).at(-1)).toContain('/termproxy');
    expect(path(second)).toEqual(['POST /api2/json/nodes/pve1/lxc/101/termproxy']);
    expect((await second.viewer()).messages).toEqual(['automation@pve!test:PVEVNC:1::second\n']);
  });
});

describe('trust', () => {
  it.each([
    ['a pinned fingerprint', (identity: Identity) => ({ fingerprint: identity.fingerprint })],
    ['the CA file', (_: Identity, ca: Identity) => ({ caPem: ca.cert })],
  ])('by %s', async (_, trust) => {
    const ca = await makeIdentity({ isCa: true });
    const identity = await makeIdentity({ issuer: ca });
    const server = await serve({ identity });
    await open(server, { options: { trust: trust(identity, ca) } });
    expect(server.viewers).toHaveLength(1);
  });

  it.each([
    ['no authority that we know', { ca: [], fingerprints: [] }],
    ['another fingerprint', { ca: [], fingerprints: [Array(32).fill('AA').join(':')] }],
  ])('is decided before a byte of the handshake is sent: %s', async (_, trust) => {
    const server = await serve({ identity: await makeIdentity() });
    const request = { url: `${server.url}/x`, headers: {}, protocol: 'binary', timeoutMs: 5000 };
    const listeners = { onMessage: () => undefined, onPong: () => undefined };
    const error = await failure(createWebsocketOpener(trust)(request, listeners));
    expect(error).toMatchObject({ failure: { kind: 'tls' } });
    expect(server.connections()).toBeGreaterThan(0);
    expect([server.seen, server.viewers]).toEqual([[], []]);
  });
});

describe('a console that cannot be opened', () => {
  const refuse401 = { refuse: { status: 401, reason: 'No ticket' } };
  const silent = { greet: () => undefined };
  it.each<[string, ConsoleBehaviour, object]>([
    [
      'of a container that does not run',
      { status: 'stopped' },
      {
        code: 'PVE_CONFLICT',
        message: 'cannot open the console of CT 101 on pve1: the container is not running',
        hint: 'start it first: pvefleet start 101',
      },
    ],
    [
      'with a token before 9.1, refused at the websocket',
      { ...refuse401, version: '8.4.1' },
      {
        code: 'PVE_AUTH',
        message: expect.stringContaining('API tokens cannot open consoles on Proxmox VE 8.4.1'),
        hint: expect.stringContaining('PVEFLEET_PASSWORD'),
      },
    ],
    [
      'with a token before 9.1, refused by termproxy',
      { version: '9.0.11', greet: (viewer) => void viewer.got(1).then(() => viewer.line.end()) },
      { code: 'PVE_AUTH', message: expect.stringContaining('Proxmox VE 9.0.11') },
    ],
    [
      'whose ticket is not taken',
      { greet: (viewer) => void viewer.got(1).then(() => viewer.line.end()) },
      {
        code: 'PVE_AUTH',
        message: expect.stringContaining('did not take its own ticket'),
        hint: expect.stringContaining('load balancer'),
      },
    ],
    [
      'whose greeting is another',
      { greet: (viewer) => welcome(viewer, 'failed: no such user') },
      { code: 'PVE_AUTH', message: expect.stringContaining('failed: no such user') },
    ],
    [
      'because a proxy in between knows no websockets',
      { refuse: { status: 200, reason: 'OK', body: '{"data":{"port":5900}}' } },
      {
        code: 'PVE_PROTOCOL',
        message: expect.stringContaining('HTTP status 200 instead of opening a websocket'),
        hint: expect.stringContaining('reverse proxy'),
      },
    ],
    [
      'because the server has an error of its own, told in the body',
      { refuse: { status: 500, reason: 'x', body: '{"data":null,"message":"connect failed\\n"}' } },
      { code: 'PVE_SERVER', message: expect.stringContaining('connect failed') },
    ],
    [
      'without the right',
      {
        answer: (url, _, response) => {
          if (!url.endsWith('/termproxy')) return false;
          response.writeHead(403, 'Permission check failed (/vms/101, VM.Console)').end();
          return true;
        },
      },
      { code: 'PVE_PERMISSION', hint: expect.stringContaining('VM.Console on /vms/101') },
    ],
    [
      'because there is no ticket',
      {
        answer: (url, _, response) => {
          if (!url.endsWith('/termproxy')) return false;
          response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"data":{"port":5900}}');
          return true;
        },
      },
      { code: 'PVE_PROTOCOL', message: expect.stringContaining('gave no ticket') },
    ],
  ])('%s', async (_, behaviour, want) => {
    const server = await serve(behaviour);
    expect(await failure<PvefleetError>(open(server))).toMatchObject(want);
  });

  it('although nobody may look whether it runs, is opened', async () => {
    const server = await serve({
      answer: (url, _, response) => {
        if (!url.endsWith('/status/current')) return false;
        response.writeHead(403, 'Permission check failed (/vms/101, VM.Audit)').end();
        return true;
      },
    });
    await open(server);
    expect(server.viewers).toHaveLength(1);
  });

  it('in time', async () => {
    const server = await serve(silent);
    const error = await failure<PvefleetError>(open(server, { clock: systemClock, timeoutMs: 300 }));
    expect(error).toMatchObject({
      code: 'PVE_CONNECTION',
      message: 'cannot open the console of CT 101 on pve1: it was not open within 0.3 s',
    });
    const viewer = await server.viewer();
    await until(() => viewer.socket.readyState === viewer.socket.CLOSED);
  });

  it('before its signal aborts', async () => {
    const server = await serve(silent);
    const stop = new AbortController();
    const opening = failure(open(server, { signal: stop.signal }));
    await (await server.viewer()).got(1);
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await opening).toBe(reason);
  });

  it('never with the ticket in a message', async () => {
    const server = await serve({ refuse: { status: 500, reason: 'bad PVEVNC:65A0B1C2::a+b/c== ticket' } });
    const reports: unknown[] = [];
    const error = await failure<PvefleetError>(
      open(server, { options: { onRequest: (report) => reports.push(report) } }),
    );
    expect(`${error.message} ${JSON.stringify(reports)}`).not.toContain('a+b/c==');
    expect(reports.at(-1)).toMatchObject({ path: '/nodes/{node}/lxc/{vmid}/vncwebsocket', status: 500 });
  });
});

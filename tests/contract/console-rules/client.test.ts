/** Our side of consoles, rule by rule, at a server that does what each row tells it; more in tests/integration/console. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientOptions } from '../../../src/api/types.ts';
import type { ConsoleChannel, OpenConsoleOptions } from '../../../src/console/channel.ts';
import { openConsole } from '../../../src/console/open-console.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';
import type { PvefleetError } from '../../../src/util/errors.ts';
import { failure, makeClient } from '../../integration/api/servers.ts';
import {
  type ConsoleBehaviour,
  type ConsoleServer,
  startConsoleServer,
  type Viewer,
  welcome,
} from '../../support/console-server.ts';
import { type ClientRule, rowsOf } from './rules.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(behaviour: ConsoleBehaviour = {}): Promise<ConsoleServer> {
  const server = await startConsoleServer(behaviour);
  closers.push(() => server.close());
  return server;
}

/** Opens a console; what is not told apart goes to the console, the rest to the client. */
async function open(
  servers: readonly ConsoleServer[],
  given: Partial<OpenConsoleOptions> = {},
  options: Partial<ClientOptions> = {},
): Promise<ConsoleChannel> {
  const client = makeClient({ urls: servers.map(({ url }) => url), ...options });
  closers.push(() => client.close());
  const clock = manualClock({ auto: false });
  const channel = await openConsole(client, { node: 'pve1', vmid: 101, clock, ...given });
  closers.push(() => channel.close());
  return channel;
}

/** Opens a console at a server of its own. */
async function opened(
  behaviour: ConsoleBehaviour = {},
  given: Partial<OpenConsoleOptions> = {},
  options: Partial<ClientOptions> = {},
): Promise<{ channel: ConsoleChannel; viewer: Viewer; server: ConsoleServer }> {
  const server = await serve(behaviour);
  const channel = await open([server], given, options);
  return { channel, viewer: await server.viewer(), server };
}
const fails = async (behaviour: ConsoleBehaviour): Promise<PvefleetError> =>
  failure<PvefleetError>(open([await serve(behaviour)]));

/** All output so far, one character per byte. */
function shown(channel: ConsoleChannel): () => string {
  let text = '';
  channel.onData((bytes) => {
    text += Buffer.from(bytes).toString('latin1');
  });
  return () => text;
}
const paths = ({ seen }: ConsoleServer): string[] =>
  seen.map(({ method, url }) => `${method} ${url.replace('/api2/json', '')}`);
/** Answers one path in another way. */
const answering =
  (ending: string, status: number, text: string, body = ''): NonNullable<ConsoleBehaviour['answer']> =>
  (url, _, response) => {
    if (!url.endsWith(ending)) return false;
    response.writeHead(status, text, { 'Content-Type': 'application/json' }).end(body);
    return true;
  };
/** Bits of the frames that arrive, before `ws` has looked at them. */
function headsOf(viewer: Viewer): { first: number; isMasked: boolean }[] {
  const heads: { first: number; isMasked: boolean }[] = [];
  viewer.line.on('data', (bytes: Buffer) => {
    heads.push({ first: bytes[0] ?? 0, isMasked: ((bytes[1] ?? 0) & 0x80) !== 0 });
  });
  return heads;
}
const ticketAuth = { kind: 'ticket', username: 'u@pve', password: 'secret-word' } as const;
const goodTicket = { user: 'u@pve!t', ticket: 'PVEVNC:1::x', upid: 'UPID:x' };

const table: Readonly<Record<ClientRule, () => Promise<void>>> = {
  'G1 answer': async () => {
    for (const port of [5999, '5900']) {
      const { viewer } = await opened({ port });
      expect(viewer.request.url).toContain(`?port=${port}&`);
    }
    for (const missing of ['user', 'ticket', 'port']) {
      const data = { ...goodTicket, port: '5900', [missing]: undefined };
      const error = await fails({ answer: answering('/termproxy', 200, 'OK', JSON.stringify({ data })) });
      expect([missing, error.code]).toEqual([missing, 'PVE_PROTOCOL']);
    }
  },
  'G1 node': async () => {
    const server = await serve();
    await open([server], { node: 'pve7' }); // the container's; the request still goes to whoever we are connected to
    expect(paths(server).at(-1)).toBe('POST /nodes/pve7/lxc/101/termproxy');
    expect((await server.viewer()).request.url).toContain('/nodes/pve7/lxc/101/vncwebsocket');
  },
  'G1 running': async () => {
    const server = await serve({ status: 'stopped' });
    const error = await failure<PvefleetError>(open([server]));
    expect(error).toMatchObject({ code: 'PVE_CONFLICT', hint: 'start it first: pvefleet start 101' });
    expect(paths(server)).toEqual(['GET /nodes/pve1/lxc/101/status/current']);
  },
  'G1 right': async () => {
    const text = 'Permission check failed (/vms/101, VM.Console)';
    expect(await fails({ answer: answering('/termproxy', 403, text) })).toMatchObject({
      code: 'PVE_PERMISSION',
      hint: expect.stringContaining('VM.Console on /vms/101'),
    });
  },
  'G2 socket': async () => {
    const { viewer, server } = await opened({ ticket: 'PVEVNC:65A0::a+b/c==' });
    expect(viewer.request.url).toBe(
      '/api2/json/nodes/pve1/lxc/101/vncwebsocket?port=5900&vncticket=PVEVNC%3A65A0%3A%3Aa%2Bb%2Fc%3D%3D',
    );
    expect(viewer.request.headers.host).toBe(new URL(server.url).host);
  },
  'G3 login': async () => {
    for (const user of ['root@pam', 'fleet@pve!ci']) {
      const { viewer } = await opened({ user, ticket: 'PVEVNC:65A0::a+/=' });
      expect(viewer.messages).toEqual([`${user}:PVEVNC:65A0::a+/=\n`]);
    }
  },
  'G3 ok': async () => {
    const pieces = ['O', 'K\x1b[H', '\x1b[J'];
    const { channel } = await opened({
      greet: (viewer) => void viewer.got(1).then(() => pieces.forEach(viewer.show)),
    });
    await expect.poll(shown(channel)).toBe('\x1b[H\x1b[J');
  },
  'G3 check': async () => {
    const error = await fails({ greet: (viewer) => void viewer.got(1).then(() => viewer.line.end()) });
    expect(error).toMatchObject({ code: 'PVE_AUTH', message: expect.stringContaining('its own ticket') });
  },
  'G4 input': async () => {
    const { channel, viewer } = await opened();
    await channel.send(Buffer.from('é€\r'));
    await viewer.got(2);
    expect(viewer.messages[1]).toBe(`0:6:${Buffer.from('é€\r').toString('latin1')}`);
  },
  'G4 size': async () => {
    const { channel, viewer } = await opened({}, { columns: 132, rows: 43 });
    channel.resize(80, 24);
    await viewer.got(3);
    expect(viewer.messages.slice(1)).toEqual(['1:132:43:', '1:80:24:']);
  },
  'G4 alive': async () => {
    const clock: ManualClock = manualClock({ auto: false });
    const { viewer } = await opened({}, { clock });
    await clock.advance(29_999);
    expect(viewer.messages).toHaveLength(1);
    await clock.advance(1);
    await viewer.got(2);
    expect(viewer.messages[1]).toBe('2');
  },
  'G4 output': async () => {
    const { channel, viewer } = await opened();
    const text = shown(channel);
    for (const piece of ['\xc3', '\xa90:1:x', '2', '\x00\xff']) viewer.show(piece);
    await expect.poll(text).toBe('\xc3\xa90:1:x2\x00\xff');
  },
  'G5 end': async () => {
    const { channel, viewer } = await opened();
    viewer.line.end();
    expect(await channel.ended).toEqual({ reason: 'closed' });
  },
  'GC tokens': async () => {
    const greet: NonNullable<ConsoleBehaviour['greet']> = (viewer) =>
      void viewer.got(1).then(() => viewer.line.end());
    expect(await fails({ greet, version: '9.0.11' })).toMatchObject({
      message: expect.stringContaining('API tokens cannot open consoles on Proxmox VE 9.0.11'),
      hint: expect.stringContaining('from Proxmox VE 9.1'),
    });
    expect((await fails({ greet, version: '9.1' })).message).not.toContain('API tokens');
  },
  'T credentials': async () => {
    const byToken = await opened();
    expect(byToken.viewer.request.headers.authorization).toMatch(/^PVEAPIToken=automation@pve!test=/);
    expect(byToken.viewer.request.headers).not.toHaveProperty('cookie');
    const byTicket = await opened({ user: 'u@pve' }, {}, { auth: ticketAuth });
    expect(byTicket.viewer.request.headers.cookie).toMatch(/^PVEAuthCookie=PVE%3A/);
    expect(byTicket.viewer.request.headers).not.toHaveProperty('authorization');
  },
  'T handshake': async () => {
    const { headers, method } = (await opened()).viewer.request;
    expect([method, headers.upgrade, headers.connection, headers['sec-websocket-version']]).toEqual([
      'GET',
      'websocket',
      'Upgrade',
      '13',
    ]);
    expect(headers['sec-websocket-key']).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  },
  'T protocol': async () => {
    // one name, so that the echo is one of those that were offered
    expect((await opened()).viewer.request.headers['sec-websocket-protocol']).toBe('binary');
  },
  'T compression': async () => {
    expect((await opened()).viewer.request.headers).not.toHaveProperty('sec-websocket-extensions');
  },
  'T server frames': async () => {
    const { channel, viewer } = await opened();
    const text = shown(channel);
    viewer.socket.send('text', { binary: false });
    viewer.socket.send(Buffer.alloc(131_072, 'x'), { binary: true });
    await expect.poll(() => text().length).toBe(131_076);
  },
  'T client frames': async () => {
    const { channel, viewer } = await opened();
    const heads = headsOf(viewer);
    await channel.send(Buffer.from('a'));
    await viewer.got(2);
    expect(heads).toEqual([{ first: 0x82, isMasked: true }]);
  },
  'T longest': async () => {
    const { channel, viewer } = await opened();
    await channel.send(Buffer.alloc(300_000, 'x'));
    await expect.poll(() => viewer.messages.join('').replaceAll(/[^x]/g, '').length).toBe(300_000);
    expect(Math.max(...viewer.messages.map(({ length }) => length))).toBeLessThanOrEqual(131_072);
  },
  'T opcodes': async () => {
    const { channel, viewer } = await opened();
    const isBinary = new Promise<boolean>((resolve) =>
      viewer.socket.once('message', (_, how) => resolve(how)),
    );
    await channel.send(Buffer.from('a'));
    expect(await isBinary).toBe(true);
  },
  'T ping': async () => {
    const clock = manualClock({ auto: false });
    const { viewer } = await opened({}, { clock });
    const [pinged, ponged] = ['ping', 'pong'].map(
      (name) => new Promise((resolve) => viewer.socket.once(name, resolve)),
    );
    viewer.socket.ping('there?');
    expect(String(await ponged)).toBe('there?');
    await clock.advance(30_000);
    await pinged; // ours: without an answer to it for 90 s the connection is given up
  },
  'T close': async () => {
    const { channel, viewer } = await opened();
    let first = 0;
    // as the real server: no close frame comes back
    viewer.line.prependOnceListener('data', (bytes: Buffer) => {
      first = bytes[0] ?? 0;
      viewer.line.destroy();
    });
    channel.close();
    expect(await channel.ended).toEqual({ reason: 'closed' });
    expect(first).toBe(0x88);
  },
  'T one node': async () => {
    const first = await serve({ greet: (viewer) => viewer.line.resetAndDestroy() });
    const second = await serve({ ticket: 'PVEVNC:2::second', greet: welcome });
    await open([first, second]);
    expect(paths(second)).toEqual(['POST /nodes/pve1/lxc/101/termproxy']);
    expect((await second.viewer()).messages).toEqual(['automation@pve!test:PVEVNC:2::second\n']);
  },
};

describe('the client', () => {
  it.each(rowsOf(table))('%s: %s', async (_rule, _text, check) => {
    await expect(check()).resolves.toBeUndefined();
  });
});

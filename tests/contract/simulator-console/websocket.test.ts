/** The websocket of a console, against transport-auth §11, and the life of the termproxy behind it (lxc-endpoints §G). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goodHeaders, openRaw, type RawConsole } from '../../support/console-client.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import {
  openConsole,
  openSocket,
  postTermProxy,
  socketPath,
  type TermProxyAnswer,
} from '../../support/open-console.ts';
import { call, login } from '../../support/simulator.ts';

let sim: ConsoleSimulator;
beforeAll(async () => {
  sim = await startConsoleSimulator({ shell: 'scripted', consoleSpeed: 10 });
  await sim.addContainer(500);
});
afterAll(() => sim.close());

function open(
  proxy: TermProxyAnswer,
  changes: Readonly<Record<string, string | undefined>> = {},
  path = socketPath(500, proxy),
): Promise<RawConsole> {
  const wanted = { ...goodHeaders, Authorization: sim.authorization, ...changes };
  const headers = Object.fromEntries(
    Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return openRaw({ url: sim.url, path, headers });
}

const taskOf = ({ upid }: TermProxyAnswer): { status: string; log: string[]; exitstatus?: string } =>
  sim.simulator.state.tasks[upid] as never;

describe('the handshake', () => {
  it('answers with 101, the accept key and the protocols as they came', async () => {
    const console = await open(await postTermProxy(sim, 500), {
      'Sec-WebSocket-Protocol': 'base64, binary',
      'Sec-WebSocket-Extensions': 'permessage-deflate',
    });
    expect(console.head.split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'Sec-WebSocket-Protocol: base64, binary',
    ]);
    console.close();
  });

  it('names no protocol when none was asked for', async () => {
    const console = await open(await postTermProxy(sim, 500), { 'Sec-WebSocket-Protocol': undefined });
    expect(console.head).not.toContain('Sec-WebSocket-Protocol');
    console.close();
  });

  const refusals: readonly (readonly [string, Record<string, string | undefined>, string])[] = [
    ['another protocol', { Upgrade: 'h2c' }, "500 unable to upgrade to protocol 'h2c'"],
    ['an old version', { 'Sec-WebSocket-Version': '8' }, "500 unsupported websocket-version '8'"],
    ['no version', { 'Sec-WebSocket-Version': undefined }, "500 unsupported websocket-version ''"],
    ['no key', { 'Sec-WebSocket-Key': undefined }, '500 missing websocket-key'],
    ['no credentials', { Authorization: undefined }, '401 No ticket'],
    ['a wrong token', { Authorization: 'PVEAPIToken=root@pam!x=y' }, '401 Authentication failed!'],
  ];
  it.each(refusals)('refuses %s', async (_name, changes, wanted) => {
    const console = await open(await postTermProxy(sim, 500), changes);
    expect(console.head.split('\r\n')[0]).toBe(`HTTP/1.1 ${wanted}`);
    expect(console.head).toMatch(/^Connection: close$/m);
    await console.closed;
  });

  it('checks the headers of a call that is refused for itself first', async () => {
    const proxy = await postTermProxy(sim, 500);
    const wrong = socketPath(500, { ...proxy, ticket: 'PVEVNC:00000000::AAAA' });
    const first = async (changes: Record<string, string>): Promise<string | undefined> =>
      (await open(proxy, changes, wrong)).head.split('\r\n')[0];
    expect(await first({ 'Sec-WebSocket-Version': '8' })).toBe(
      "HTTP/1.1 500 unsupported websocket-version '8'",
    );
    expect(await first({})).toBe('HTTP/1.1 401 permission denied - invalid PVEVNC ticket');
  });

  it('is for GET of a websocket only: others do not see the header', async () => {
    const headers = { ...goodHeaders, Authorization: sim.authorization };
    const version = await openRaw({ url: sim.url, path: '/api2/json/version', headers });
    expect(version.head).toContain('200 OK');
    const plain = await call(sim.simulator, {
      path: '/nodes/pve1/lxc/500/vncwebsocket',
      params: await postTermProxy(sim, 500).then(({ port, ticket }) => ({ port, vncticket: ticket })),
    });
    expect(plain.data).toEqual({ port: expect.any(String) });
  });

  it('says nothing when nobody listens on the port', async () => {
    const proxy = await postTermProxy(sim, 500);
    const first = await openSocket(sim, 500, proxy);
    const silent = openRaw({
      url: sim.url,
      path: socketPath(500, proxy),
      headers: { ...goodHeaders, Authorization: sim.authorization },
      patienceMs: 300,
    });
    const second = silent.then(
      () => 'answered',
      (error: Error) => error.message,
    );
    expect(await second).toContain('nothing came');
    first.close();
  });

  it('is in the journal', async () => {
    (await open(await postTermProxy(sim, 500))).close();
    expect(sim.simulator.journal.findLast(({ path }) => path.endsWith('vncwebsocket'))).toMatchObject({
      method: 'GET',
      path: '/nodes/pve1/lxc/500/vncwebsocket',
      status: 101,
      authid: 'root@pam!pvefleet',
      params: { vncticket: '********' },
    });
  });
});

describe('frames', () => {
  it('come whole, binary and unmasked, and go as text or binary', async () => {
    const proxy = await postTermProxy(sim, 500);
    const console = await openSocket(sim, 500, proxy);
    console.send(`${proxy.user}:${proxy.ticket}\n`, { opcode: 1 });
    await console.until('# ');
    console.send('0:8:echo hi\r', { opcode: 1 });
    await console.until('hi\r\r\n');
    expect(console.frames.every(({ first, isMasked }) => first === 0x82 && !isMasked)).toBe(true);
    console.close();
  });

  it('ping is answered with pong, pong with nothing', async () => {
    const console = await open(await postTermProxy(sim, 500));
    console.send('late', { opcode: 10 });
    console.send('are you there', { opcode: 9 });
    await expect.poll(() => console.frames.map(({ first }) => first)).toEqual([0x8a]);
    expect(console.frames[0]?.payload.toString()).toBe('are you there');
    console.close();
  });

  it('close drops the connection without a close frame, and leaves the task well', async () => {
    const proxy = await postTermProxy(sim, 500);
    const console = await openSocket(sim, 500, proxy);
    console.send(`${proxy.user}:${proxy.ticket}\n`);
    await console.until('OK');
    console.send(Buffer.of(0x03, 0xe8), { opcode: 8 });
    await console.closed;
    expect(console.frames.some(({ first }) => first === 0x88)).toBe(false);
    await expect.poll(() => taskOf(proxy).exitstatus).toBe('OK');
  });

  it.each([
    ['a fragment', { fin: false }],
    ['an extension', { rsv: 1 }],
    ['no mask', { masked: false }],
  ])('%s drops the connection', async (_name, options) => {
    const console = await open(await postTermProxy(sim, 500));
    console.send('2', options);
    await console.closed;
    expect(console.frames).toEqual([]);
  });

  it('of 128 KiB pass, longer ones drop the connection', async () => {
    const console = await openConsole(sim, 500);
    await console.until('# ');
    console.type("stty -echo raw; echo rea''dy; head -c 131060 | wc -c; stty sane\r");
    await console.until('ready');
    const data = Buffer.alloc(131_060, 'x');
    const message = Buffer.concat([Buffer.from('0:131060:'), data]);
    console.send(Buffer.concat([message, Buffer.alloc(131_072 - message.length, '2')]));
    await console.until('131060');
    console.send(Buffer.alloc(131_073, '2'));
    await console.closed;
    expect(console.text()).toContain('131060\r\n');
  });
});

describe('the login', () => {
  const refused = async (first: string | undefined, proxy: TermProxyAnswer): Promise<string[]> => {
    const console = await openSocket(sim, 500, proxy);
    if (first !== undefined) console.send(first);
    await console.closed;
    expect(console.text()).toBe('');
    await expect.poll(() => taskOf(proxy).status).toBe('stopped');
    expect(taskOf(proxy).exitstatus).toMatch(
      /^command '\/usr\/bin\/termproxy \d+ --path .* failed: exit code 1$/,
    );
    return taskOf(proxy).log;
  };

  it('needs a colon', async () => {
    const log = await refused('hello\n', await postTermProxy(sim, 500));
    expect(log).toContain('failed reading ticket: authentication data is invalid');
  });

  it('needs a line end within 4096 bytes', async () => {
    const log = await refused('x'.repeat(4096), await postTermProxy(sim, 500));
    expect(log).toContain('failed reading ticket: authentication data is incomplete');
  });

  it('needs the ticket of this port, of this user', async () => {
    const [other, proxy] = [await postTermProxy(sim, 500), await postTermProxy(sim, 500)];
    const log = await refused(`${other.user}:${other.ticket}\n`, proxy);
    expect(log).toContain('invalid authentication - 401 permission denied - invalid PVEVNC ticket');
    const third = await postTermProxy(sim, 500);
    const stranger = await refused(`root@pam:${third.ticket}\n`, third);
    expect(stranger).toContain('invalid authentication - 401 permission denied - invalid PVEVNC ticket');
  });

  it('may come in pieces, with messages behind it', async () => {
    const proxy = await postTermProxy(sim, 500);
    const console = await openSocket(sim, 500, proxy);
    console.send(`${proxy.user}:`);
    console.send(`${proxy.ticket}\n0:13:echo "<"a">"\r`);
    expect(await console.until('<a>')).toMatch(/^OK\x1b\[H\x1b\[J/);
    console.close();
  });

  it('with a ticket of a user', async () => {
    const { username, password } = sim.simulator.credentials;
    const { read, write } = await login(sim.simulator, username, password);
    const proxy = await postTermProxy(sim, 500, write);
    expect(proxy.user).toBe('root@pam');
    const console = await open(proxy, { Authorization: undefined, Cookie: read['cookie'] });
    console.send(`${proxy.user}:${proxy.ticket}\n`);
    await console.until('OK');
    expect(taskOf(proxy).log[0]).toMatch(/^client connection: 127\.0\.0\.1:\d+$/);
    console.close();
  });
});

describe('a port', () => {
  it('is kept for its termproxy; the lowest free one is next', async () => {
    const other = await startConsoleSimulator({ shell: 'scripted', seed: sim.simulator.exportState() });
    try {
      const ports: string[] = [];
      for (let count = 0; count < 3; count += 1) ports.push((await postTermProxy(other, 500)).port);
      expect(ports).toEqual(['5900', '5901', '5902']);
    } finally {
      await other.close();
    }
  });
});

describe('an older release', () => {
  it('refuses tokens at the login, and binds tickets to no port', async () => {
    const seed = structuredClone(sim.simulator.exportState());
    seed.version = { version: '8.4.1', release: '8.4', repoid: 'x' };
    const old = await startConsoleSimulator({ shell: 'scripted', seed, consoleSpeed: 10 });
    try {
      const token = await postTermProxy(old, 500);
      const refused = await openSocket(old, 500, token);
      refused.send(`${token.user}:${token.ticket}\n`);
      await refused.closed;
      const task = (): { log: string[]; exitstatus?: string } =>
        old.simulator.state.tasks[token.upid] as never;
      await expect.poll(() => task().exitstatus).toBeDefined();
      expect(task().log).toContain('invalid authentication - 401 authentication failure');
      expect(task().exitstatus).not.toContain('--vncticket-endpoint');

      const { username, password } = old.simulator.credentials;
      const { read, write } = await login(old.simulator, username, password);
      const [first, second] = [await postTermProxy(old, 500, write), await postTermProxy(old, 500, write)];
      const console = await openRaw({
        url: old.url,
        path: socketPath(500, { ...second, ticket: first.ticket }),
        headers: { ...goodHeaders, Cookie: read['cookie'] ?? '' },
      });
      console.send(`root@pam:${first.ticket}\n`);
      await console.until('OK');
      expect(console.text()).toMatch(/^OK/);
    } finally {
      await old.close();
    }
  });
});

/** The simulated server's side of consoles, rule by rule; what else they do is in ../simulator-console. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeVncTicket } from '../../../src/simulator/model/vnc-ticket.ts';
import { clientFrame, goodHeaders, openRaw, type RawConsole } from '../../support/console-client.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import {
  openConsole,
  openSocket,
  postTermProxy,
  socketPath,
  type TermProxyAnswer,
} from '../../support/open-console.ts';
import { call, login, waitTask } from '../../support/simulator.ts';
import { rowsOf, type ServerRule } from './rules.ts';

/** Two nodes: the connection reaches pve1. 500 has a shell, 501 lives on pve2, 502 a login, 503 its first process. */
let sim: ConsoleSimulator;
/** The same, where the network's time runs fast. */
let hasty: ConsoleSimulator;
let old: ConsoleSimulator;
/** Headers of users, with the rights of their names. */
const users: Record<'console' | 'options' | 'audit', Record<string, string>> = {
  console: {},
  options: {},
  audit: {},
};
const consoles: RawConsole[] = [];

beforeAll(async () => {
  sim = await startConsoleSimulator({ shell: 'scripted', seed: 'cluster' });
  await sim.addContainer(500);
  await sim.addContainer(501);
  await sim.addContainer(502, { cmode: 'tty' });
  await sim.addContainer(503, { cmode: 'console' });
  const { state } = sim.simulator;
  for (const [vmid, change] of Object.entries({ 501: { node: 'pve2' } }))
    Object.assign(state.containers[Number(vmid)] ?? {}, change);
  for (const [name, privs] of Object.entries({
    console: 'VM.Console,VM.Audit',
    options: 'VM.Config.Options,VM.Audit',
    audit: 'VM.Audit',
  })) {
    const userid = `${name}@pve`;
    const post = (method: string, path: string, params: Record<string, string>): ReturnType<typeof call> =>
      call(sim.simulator, { method, path, params });
    await post('POST', '/access/users', { userid, password: 'long-enough-1' });
    await post('POST', '/access/roles', { roleid: `Only-${name}`, privs });
    await post('PUT', '/access/acl', { path: '/vms', roles: `Only-${name}`, users: userid });
    users[name as keyof typeof users] = (await login(sim.simulator, userid, 'long-enough-1')).write;
  }
  const seed = structuredClone(sim.simulator.exportState());
  hasty = await startConsoleSimulator({ shell: 'scripted', seed, consoleSpeed: 10 });
  old = await startConsoleSimulator({
    shell: 'scripted',
    consoleSpeed: 10,
    seed: { ...structuredClone(seed), version: { version: '8.4.1', release: '8.4', repoid: 'x' } },
  });
});
afterAll(() => Promise.all([sim, hasty, old].map((one) => one.close())));
afterEach(() => {
  for (const console of consoles.splice(0)) console.close();
});

const kept = async (opening: Promise<RawConsole>): Promise<RawConsole> => {
  const console = await opening;
  consoles.push(console);
  return console;
};
const attach = (vmid = 500): Promise<RawConsole> => kept(openConsole(sim, vmid));
const socket = (proxy: TermProxyAnswer, at = sim): Promise<RawConsole> => kept(openSocket(at, 500, proxy));
/** Opens the websocket of 500 with other headers, or another path. */
async function shake(
  changes: Readonly<Record<string, string | undefined>>,
  path?: string,
): Promise<RawConsole> {
  const wanted = { ...goodHeaders, Authorization: sim.authorization, ...changes };
  const headers = Object.fromEntries(
    Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const where = path ?? socketPath(500, await postTermProxy(sim, 500));
  return kept(openRaw({ url: sim.url, path: where, headers }));
}
const statusLine = ({ head }: RawConsole): string => head.split('\r\n')[0] ?? '';
const taskOf = (
  { upid }: TermProxyAnswer,
  at = sim,
): { status: string; log: string[]; exitstatus?: string } => at.simulator.state.tasks[upid] as never;
const log = (proxy: TermProxyAnswer, at = sim): string => taskOf(proxy, at).log.join('\n');
/** Asks about a ticket without opening a websocket. */
const ask = (
  { port, ticket }: { port: string; ticket: string },
  vmid = 500,
  more: Partial<Parameters<typeof call>[1]> = {},
): ReturnType<typeof call> =>
  call(sim.simulator, {
    path: `/nodes/pve1/lxc/${vmid}/vncwebsocket`,
    params: { port, vncticket: ticket },
    ...more,
  });
const refusedTicket = { status: 401, reason: 'permission denied - invalid PVEVNC ticket' };
/** Logs in with something else; nothing may come back. */
async function refused(first: string, proxy: TermProxyAnswer): Promise<string> {
  const console = await socket(proxy, hasty);
  console.send(first);
  await console.closed;
  expect(console.frames).toEqual([]);
  await expect.poll(() => taskOf(proxy, hasty).status).toBe('stopped');
  return log(proxy, hasty);
}
async function setMode(vmid: number, cmode: string, restarts: boolean): Promise<void> {
  const post = (method: string, path: string, params = {}): ReturnType<typeof call> =>
    call(sim.simulator, { method, path: `/nodes/pve1/lxc/${vmid}/${path}`, params });
  await post('PUT', 'config', { cmode });
  if (restarts) await waitTask(sim.simulator, (await post('POST', 'status/reboot')).data);
}
/** The command line that a termproxy was started with; it stands in the error of one that has let nobody in. */
async function commandOf(vmid: number): Promise<string> {
  const proxy = await postTermProxy(sim, vmid);
  const console = await kept(openSocket(sim, vmid, proxy));
  console.send('no colon\n');
  await expect.poll(() => taskOf(proxy).exitstatus).toBeDefined();
  return taskOf(proxy).exitstatus ?? '';
}

const table: Readonly<Record<ServerRule, () => Promise<void>>> = {
  'G1 answer': async () => {
    expect(await postTermProxy(sim, 500)).toEqual({
      user: 'root@pam!pvefleet',
      ticket: expect.stringMatching(/^PVEVNC:[0-9A-F]{8}::[A-Za-z0-9+/=]+$/),
      port: expect.stringMatching(/^59\d\d$/),
      upid: expect.stringMatching(/^UPID:pve1:.*:vncproxy:500:root@pam!pvefleet:$/),
    });
  },
  'G1 node': async () => {
    const proxy = await postTermProxy(sim, 501);
    expect(taskOf(proxy)).toMatchObject({ node: 'pve1' });
    const console = await kept(openSocket(sim, 501, proxy));
    console.send(`${proxy.user}:${proxy.ticket}\n`);
    expect(await console.until('# ')).toContain('root@c501');
  },
  'G1 running': async () => {
    await sim.addContainer(504);
    const path = '/nodes/pve1/lxc/504/status/stop';
    await waitTask(sim.simulator, (await call(sim.simulator, { method: 'POST', path })).data);
    const console = await attach(504);
    await console.closed;
    expect(console.text()).toContain('Failed to get init pid');
  },
  'G1 right': async () => {
    await expect(postTermProxy(sim, 500, users.audit)).rejects.toThrow('403 Permission check failed');
    expect((await postTermProxy(sim, 500, users.console)).user).toBe('console@pve');
  },
  'G1 task': async () => {
    const proxy = await postTermProxy(sim, 500);
    expect(taskOf(proxy)).toMatchObject({ type: 'vncproxy', id: '500', status: 'running' });
  },
  'G1 vncproxy': async () => {
    const path = '/nodes/pve1/lxc/500/vncproxy';
    const plain = (await call(sim.simulator, { method: 'POST', path })).data as Record<string, string>;
    expect(plain).toMatchObject({ cert: expect.stringMatching(/\w/), port: expect.any(String) });
    expect(plain).not.toHaveProperty('password');
    const answer = await call(sim.simulator, { method: 'POST', path, params: { websocket: 1 } });
    const { password = '', ticket } = answer.data as Record<string, string>;
    expect(password).toMatch(/^[\x21-\x7e]{8}$/);
    expect(ticket?.startsWith(`${password}:PVEVNC:`)).toBe(true);
  },
  'G1 ticket age': async () => {
    const now = Math.floor(Date.now() / 1000);
    const ages: readonly [age: number, isGood: boolean][] = [
      [-25, false],
      [-19, true],
      [35, true],
      [41, false],
    ];
    for (const [age, isGood] of ages) {
      const target = { authid: 'root@pam!pvefleet', path: '/vms/500', port: 5950 };
      const ticket = makeVncTicket(sim.simulator.state, target, now - age);
      const answer = await ask({ port: '5950', ticket });
      expect([age, answer.status, answer.data]).toEqual([
        age,
        isGood ? 200 : 401,
        isGood ? { port: '5950' } : null,
      ]);
    }
  },
  'G1 ticket of user': async () => {
    const proxy = await postTermProxy(sim, 500);
    expect(await ask(proxy, 500, { as: null, headers: users.console })).toMatchObject(refusedTicket);
    expect(await ask(proxy)).toMatchObject({ status: 200 });
  },
  'G1 ticket of container': async () => {
    expect(await ask(await postTermProxy(sim, 500), 502)).toMatchObject(refusedTicket);
  },
  'G1 ticket of port': async () => {
    const [one, two] = [await postTermProxy(sim, 500), await postTermProxy(sim, 500)];
    expect(one.port).not.toBe(two.port);
    expect(await ask({ ...one, port: two.port })).toMatchObject(refusedTicket);
    const { username, password } = old.simulator.credentials;
    const { read, write } = await login(old.simulator, username, password);
    const { ticket } = await postTermProxy(old, 500, write);
    const params = { port: '5999', vncticket: ticket };
    const path = '/nodes/pve1/lxc/500/vncwebsocket';
    const older = await call(old.simulator, { path, params, as: null, headers: read });
    expect(older.data).toEqual({ port: '5999' });
  },
  'G2 socket': async () => {
    const proxy = await postTermProxy(sim, 500);
    const where = socketPath(500, proxy);
    expect(where).toContain(`?port=${proxy.port}&vncticket=PVEVNC%3A`);
    expect(statusLine(await shake({}, where))).toBe('HTTP/1.1 101 Switching Protocols');
  },
  'G2 in time': async () => {
    const proxy = await postTermProxy(hasty, 500);
    await expect.poll(() => taskOf(proxy, hasty).status, { timeout: 4000 }).toBe('stopped');
    expect(taskOf(proxy, hasty).log).toEqual([
      'failed waiting for client: timed out',
      expect.stringMatching(/^TASK ERROR: command '\/usr\/bin\/termproxy /),
    ]);
  },
  'G3 login': async () => {
    for (const headers of [undefined, users.console]) {
      const proxy = await postTermProxy(sim, 500, headers);
      const path = socketPath(500, proxy);
      const console = await shake(
        headers ? { Authorization: undefined, Cookie: headers['cookie'] } : {},
        path,
      );
      console.send(`${proxy.user}:${proxy.ticket}\n`);
      await console.until('OK');
      console.close();
    }
  },
  'G3 in time': async () => {
    const proxy = await postTermProxy(hasty, 500);
    const console = await socket(proxy, hasty);
    await console.closed;
    await expect.poll(() => taskOf(proxy, hasty).status).toBe('stopped');
    expect(taskOf(proxy, hasty).log[1]).toBe('failed reading ticket: timed out');
  },
  'G3 ok': async () => {
    expect((await attach()).text().startsWith('OK\x1b[H\x1b[J')).toBe(true);
  },
  'G3 check': async () => {
    const invalid = 'invalid authentication - 401 permission denied - invalid PVEVNC ticket';
    const proxies = await Promise.all([1, 2, 3, 4].map(() => postTermProxy(hasty, 500)));
    const [one, two, three, four] = proxies as [
      TermProxyAnswer,
      TermProxyAnswer,
      TermProxyAnswer,
      TermProxyAnswer,
    ];
    const logs = await Promise.all([
      refused(`${one.user}:${two.ticket}\n`, one), // of another port
      refused(`root@pam:${three.ticket}\n`, three), // of another user
      refused('no colon\n', four),
    ]);
    expect(logs[0]).toContain(invalid);
    expect(logs[1]).toContain(invalid);
    expect(logs[2]).toContain('authentication data is invalid');
  },
  'G4 input': async () => {
    const console = await attach();
    console.send('0:16:echo "<aé>" €'); // 13 characters, 16 bytes
    console.send('0:1:\r');
    expect(await console.until('<aé> €\r\r\n')).toContain('<aé> €');
  },
  'G4 size': async () => {
    const console = await attach();
    console.send('1:132:43:');
    console.type('stty size\r');
    await console.until('43 132\r\r\n');
  },
  'G4 alive': async () => {
    const console = await attach();
    await console.until('# ');
    const before = console.text();
    console.send('2');
    console.send('2');
    console.type('\x15');
    console.send('', { opcode: 9 });
    await expect.poll(() => console.frames.some(({ first }) => first === 0x8a)).toBe(true);
    expect(console.text().replace(before, '')).not.toMatch(/2/);
  },
  'G4 output': async () => {
    const console = await attach();
    console.type("printf '\\303'; sleep 0.05; printf '\\251|1:80:24:|\\001'\r");
    expect(await console.until('é|1:80:24:|\x01')).toContain('é|');
  },
  'G4 first size': async () => {
    const [first, second] = [await attach(), await attach()];
    for (const console of [first, second]) console.send('1:100:30:');
    const third = await attach();
    third.type('echo "$(stty size) $TERM"\r');
    await third.until('20 80 xterm-256color');
  },
  'G5 end': async () => {
    const console = await attach();
    console.type('exit\r');
    await console.closed;
    expect(console.frames.every(({ first }) => first === 0x82)).toBe(true);
  },
  'GC dtach': async () => {
    expect(await commandOf(500)).toContain(
      '/usr/bin/dtach -A /var/run/dtach/vzctlconsole500 -r winch -z lxc-attach',
    );
  },
  'GC remote': async () => {
    expect(await commandOf(501)).toMatch(
      /\/usr\/bin\/ssh -e none -t [\d.]+ -- \/usr\/bin\/dtach -A \S+501 -r winch -z lxc-attach/,
    );
  },
  'GC shared': async () => {
    const [one, two] = [await attach(), await attach()];
    one.type('echo "se""en"\r');
    await two.until('seen\r\r\n');
    two.type('echo "to""o"\r');
    await one.until('too\r\r\n');
  },
  'GC tty': async () => {
    const [command, console] = await Promise.all([commandOf(502), attach(502)]);
    expect(command).toContain('-z lxc-console -n 502 -e -1');
    expect(await console.until('login: ')).toContain('tty1');
  },
  'GC console': async () => {
    const [command, console] = await Promise.all([commandOf(503), attach(503)]);
    expect(command).toContain('-z lxc-console -n 503 -t 0 -e -1');
    expect(await console.until('login: ')).toContain('c503 console');
  },
  'GC shell': async () => {
    const [command, console] = await Promise.all([commandOf(500), attach()]);
    expect(command).toContain('-z lxc-attach --clear-env -n 500');
    console.type('id -un\r');
    expect(await console.until('root\r\r\n')).not.toContain('login');
  },
  'GC active': async () => {
    await sim.addContainer(505, { cmode: 'tty' });
    await setMode(505, 'shell', false);
    expect(await (await attach(505)).until('login: ')).not.toContain('# ');
    await setMode(505, 'shell', true);
    await (await attach(505)).until('root@c505:/# ');
  },
  'GC old': async () => {
    await sim.addContainer(506);
    const console = await attach(506);
    await console.until('# ');
    await setMode(506, 'tty', false);
    const container = sim.simulator.state.containers[506];
    if (container) container.config['cmode'] = 'tty'; // as after a restart that dtach has lived through
    expect(await (await attach(506)).until('# ').catch(String)).not.toContain('login');
  },
  'GC setting': async () => {
    const change = (headers: Record<string, string>): ReturnType<typeof call> => {
      const path = '/nodes/pve1/lxc/503/config';
      return call(sim.simulator, { method: 'PUT', path, params: { cmode: 'console' }, as: null, headers });
    };
    expect(await change(users.console)).toMatchObject({ status: 403 });
    expect(await change(users.options)).toMatchObject({ status: 200 });
  },
  'GC tokens': async () => {
    const proxy = await postTermProxy(old, 500);
    const console = await socket(proxy, old);
    console.send(`${proxy.user}:${proxy.ticket}\n`);
    await console.closed;
    await expect.poll(() => taskOf(proxy, old).exitstatus, { timeout: 5000 }).toBeDefined();
    expect(log(proxy, old)).toContain('invalid authentication - 401 authentication failure');
    expect((await attach()).text()).toMatch(/^OK/);
  },
  'T credentials': async () => {
    expect(statusLine(await shake({ Authorization: undefined }))).toBe('HTTP/1.1 401 No ticket');
    expect(statusLine(await shake({}))).toContain(' 101 ');
    const proxy = await postTermProxy(sim, 500, users.console);
    const cookie = { Authorization: undefined, Cookie: users.console['cookie'] };
    expect(statusLine(await shake(cookie, socketPath(500, proxy)))).toContain(' 101 ');
  },
  'T handshake': async () => {
    expect((await shake({})).head.split('\r\n').slice(0, 4)).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    ]);
  },
  'T version': async () => {
    const first = async (version: string | undefined): Promise<string> =>
      statusLine(await shake({ 'Sec-WebSocket-Version': version }));
    expect(await first('8')).toBe("HTTP/1.1 500 unsupported websocket-version '8'");
    expect(await first(undefined)).toBe("HTTP/1.1 500 unsupported websocket-version ''");
  },
  'T key': async () => {
    expect(statusLine(await shake({ 'Sec-WebSocket-Key': undefined }))).toBe(
      'HTTP/1.1 500 missing websocket-key',
    );
  },
  'T protocol': async () => {
    for (const protocol of ['binary', 'base64, binary'])
      expect((await shake({ 'Sec-WebSocket-Protocol': protocol })).head).toContain(
        `\r\nSec-WebSocket-Protocol: ${protocol}`,
      );
    expect((await shake({ 'Sec-WebSocket-Protocol': undefined })).head).not.toContain('Protocol:');
  },
  'T compression': async () => {
    const console = await shake({ 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    expect(console.head).not.toMatch(/extensions/i);
  },
  'T server frames': async () => {
    const console = await attach();
    console.type("head -c 200000 /dev/zero | tr '\\0' x; echo e''nd\r");
    await console.until('end');
    expect(console.frames.every(({ first, isMasked }) => first === 0x82 && !isMasked)).toBe(true);
    expect(Math.max(...console.frames.map(({ payload }) => payload.length))).toBeLessThanOrEqual(131_072);
  },
  'T client frames': async () => {
    for (const broken of [{ fin: false }, { rsv: 1 }, { rsv: 4 }, { masked: false }, { opcode: 0 }]) {
      const console = await socket(await postTermProxy(sim, 500));
      console.send('2', broken);
      await console.closed;
      expect(console.frames).toEqual([]);
    }
  },
  'T longest': async () => {
    const console = await attach();
    console.send(Buffer.alloc(131_072, '2'));
    console.type('echo o""k\r');
    await console.until('ok\r\r\n');
    console.send(Buffer.alloc(131_073, '2'));
    await console.closed;
  },
  'T opcodes': async () => {
    const console = await attach();
    console.send('0:9:echo "a""', { opcode: 1 });
    console.send('0:3:b"\r', { opcode: 2 });
    await console.until('ab\r\r\n');
  },
  'T ping': async () => {
    const console = await attach();
    console.raw(Buffer.concat([clientFrame('late', { opcode: 10 }), clientFrame('there?', { opcode: 9 })]));
    const pongs = (): string[] =>
      console.frames.filter(({ first }) => first === 0x8a).map(({ payload }) => payload.toString());
    await expect.poll(pongs).toEqual(['there?']);
  },
  'T close': async () => {
    const console = await attach();
    console.send(Buffer.of(0x03, 0xe8), { opcode: 8 });
    await console.closed;
    expect(console.frames.some(({ first }) => first === 0x88)).toBe(false);
  },
  'T plain': async () => {
    const proxy = await postTermProxy(sim, 500);
    expect((await ask(proxy)).data).toEqual({ port: proxy.port });
  },
  'T one node': async () => {
    // as another node would have given it: the ticket is good, and nobody listens here
    const target = { authid: 'root@pam!pvefleet', path: '/vms/500', port: 5999 };
    const ticket = makeVncTicket(sim.simulator.state, target, Math.floor(Date.now() / 1000));
    const elsewhere = openRaw({
      url: sim.url,
      path: socketPath(500, { user: target.authid, ticket, port: '5999', upid: '' }),
      headers: { ...goodHeaders, Authorization: sim.authorization },
      patienceMs: 150,
    });
    await expect(kept(elsewhere)).rejects.toThrow('nothing came');
  },
};

describe('the server', () => {
  it.each(rowsOf(table))('%s: %s', async (_rule, _text, check) => {
    await expect(check()).resolves.toBeUndefined();
  });
});

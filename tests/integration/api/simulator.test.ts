/** The client against the simulated cluster over HTTPS: whole conversations with a server that is not ours by design. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectTask } from '../../../src/api/tasks.ts';
import type { ClientOptions, PveClient, RequestReport } from '../../../src/api/types.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { totpCode } from '../../../src/simulator/model/tickets.ts';
import { type RunningServer, startServer } from '../../../src/simulator/server.ts';
import { type Clock, manualClock, scaledClock } from '../../../src/util/clock.ts';
import { failure, makeClient } from './servers.ts';

let simulator: Simulator;
let server: RunningServer;
let clock: Clock;
const clients: PveClient[] = [];

beforeAll(async () => {
  clock = scaledClock(20);
  simulator = createSimulator({ seed: 'reference', clock });
  server = await startServer(simulator, { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await server.close();
});

function client(options: Partial<ClientOptions> = {}): PveClient {
  const { tokenId, tokenSecret } = simulator.credentials;
  const pve = makeClient({
    urls: [server.url],
    trust: { fingerprint: server.fingerprint },
    auth: { kind: 'token', tokenId, secret: tokenSecret },
    clock,
    ...options,
  });
  clients.push(pve);
  return pve;
}

/** The code of this moment, in the time of the server. */
const onTotp = (): Promise<string> =>
  Promise.resolve(totpCode(simulator.state.users['tfa@pve']?.totpSecret ?? '', clock.now()));

describe('who is asking', () => {
  it('an API token reads and writes without login', async () => {
    const pve = client();
    await pve.post('/pools', { poolid: 'by-token' });
    expect((await pve.get('/pools')).map((pool) => pool.poolid)).toContain('by-token');
  });

  it('a user logs in once for reads and writes', async () => {
    const { username, password } = simulator.credentials;
    const reports: RequestReport[] = [];
    const pve = client({
      auth: { kind: 'ticket', username, password },
      onRequest: (report) => reports.push(report),
    });
    await Promise.all([pve.get('/version'), pve.get('/nodes'), pve.post('/pools', { poolid: 'by-ticket' })]);
    expect(reports.filter((report) => report.path === '/access/ticket')).toHaveLength(1);
    expect(reports.map((report) => report.status)).toEqual([200, 200, 200, 200]);
  });

  it('a ticket is renewed without the password', async () => {
    let asked = 0;
    const own = manualClock({ auto: false });
    const reports: RequestReport[] = [];
    const pve = client({
      clock: own,
      auth: { kind: 'ticket', username: 'tfa@pve', password: 'tfa-user-pw' },
      onTotp: () => {
        asked += 1;
        return onTotp();
      },
      onRequest: (report) => reports.push(report),
    });
    await pve.get('/version');
    await own.advance(95 * 60_000);
    await pve.get('/version');
    expect(asked).toBe(1);
    // Challenge, code, renewal.
    expect(
      reports.filter((report) => report.path === '/access/ticket').map((report) => report.status),
    ).toEqual([200, 200, 200]);
  });

  it('a TOTP code is asked for when the account wants one', async () => {
    const pve = client({
      auth: { kind: 'ticket', username: 'tfa@pve', password: 'tfa-user-pw' },
      onTotp,
    });
    expect(await pve.get('/version')).toHaveProperty('version');
  });

  it.each<[string, ClientOptions['auth'], RegExp]>([
    [
      'wrong password',
      { kind: 'ticket', username: 'root@pam', password: 'wrong' },
      /log in as root@pam: authentication failure/,
    ],
    [
      'wrong code',
      { kind: 'ticket', username: 'tfa@pve', password: 'tfa-user-pw', otp: '000000' },
      /log in as tfa@pve: authentication failure/,
    ],
    [
      'wrong token',
      { kind: 'token', tokenId: 'root@pam!nosuch', secret: 'x-y' },
      /read \/version: Authentication failed!/,
    ],
  ])('%s', async (_, auth, message) => {
    const error = await failure(client({ auth }).get('/version'));
    expect(error).toMatchObject({ code: 'PVE_AUTH', exitCode: 4 });
    expect(error.message).toMatch(message);
  });
});

describe('refusals', () => {
  it('come with their class', async () => {
    const pve = client();
    const node = Object.keys(simulator.state.nodes)[0] as string;
    const of = (promise: Promise<unknown>): Promise<Error> => failure(promise);
    expect(await of(pve.get('/nodes/{node}/lxc/{vmid}/config', { node, vmid: 99999 }))).toMatchObject({
      code: 'PVE_NOT_FOUND',
      what: 'container',
    });
    expect(await of(pve.get('/nodes/{node}/lxc', { node: 'ghost' }))).toMatchObject({
      code: 'PVE_NOT_FOUND',
      what: 'node',
    });
    expect(await of(pve.post('/pools', { poolid: 'by-token' }))).toMatchObject({
      code: 'PVE_CONFLICT',
      kind: 'exists',
    });
    expect(
      await of(pve.request({ method: 'GET', path: '/cluster/resources', params: { type: 'sheep' } })),
    ).toMatchObject({ code: 'PVE_PARAMETER', fields: { type: expect.stringContaining('enumeration') } });
    expect(await of(pve.request({ method: 'GET', path: '/nope', params: {} }))).toMatchObject({
      code: 'PVE_SERVER',
      status: 501,
    });
    const reader = client({
      auth: { kind: 'ticket', username: 'tfa@pve', password: 'tfa-user-pw' },
      onTotp,
    });
    expect(await of(reader.post('/pools', { poolid: 'denied' }))).toMatchObject({
      code: 'PVE_PERMISSION',
      privileges: ['Pool.Allocate'],
      object: '/pool/denied',
    });
  });
});

describe('tasks', () => {
  const template = async (pve: PveClient, node: string): Promise<string> => {
    const volumes = await pve.get('/nodes/{node}/storage/{storage}/content', {
      node,
      storage: 'local',
      content: 'vztmpl',
    });
    return volumes[0]?.volid ?? '';
  };

  it('are followed to their end, with every line of the log', async () => {
    const pve = client();
    const node = Object.keys(simulator.state.nodes)[0] as string;
    const upid = await pve.post('/nodes/{node}/lxc', {
      node,
      vmid: 31_000,
      ostemplate: await template(pve, node),
      rootfs: 'local:1',
      unprivileged: true,
      features: 'nesting=1',
    });
    const lines: string[] = [];
    const outcome = await pve.waitTask(upid, { onLog: (line) => lines.push(line) });
    expect(expectTask(outcome).state).toBe('ok');
    const log = await pve.get('/nodes/{node}/tasks/{upid}/log', { node, upid, limit: 0 });
    expect(lines).toEqual(log.map((row) => row.t));
    expect(lines.at(-1)).toBe('TASK OK');
    const file = await pve.request({
      method: 'GET',
      path: '/nodes/{node}/tasks/{upid}/log',
      params: { node, upid, download: true },
    });
    expect(String(file).trimEnd().split('\n').at(-1)).toBe('TASK OK');
  });

  it('that fail are outcomes with the reason and the end of the log', async () => {
    const pve = client();
    const node = Object.keys(simulator.state.nodes)[0] as string;
    // PVE: starting a container that does not exist is a task that fails.
    const upid = await pve.post('/nodes/{node}/lxc/{vmid}/status/start', { node, vmid: 32_000 });
    const outcome = await pve.waitTask(upid);
    expect(outcome).toMatchObject({ state: 'failed', exitStatus: expect.stringContaining('does not exist') });
    expect(() => expectTask(outcome)).toThrow(/^cannot start CT 32000 on \S+: Configuration file/);
    expect(outcome.state === 'failed' && outcome.log.at(-1)).toMatch(/^TASK ERROR: /);
  });
});

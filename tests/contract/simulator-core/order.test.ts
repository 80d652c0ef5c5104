/** The order of the server's checks (transport-auth §5): what hides what. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { call, type SimCall } from '../../support/simulator.ts';

let sim: Simulator;
const auditor = 'PVEAPIToken=auditor@pve!ro=44444444-4444-4444-8444-444444444444';
beforeAll(() => {
  sim = createSimulator({ seed: 'reference', clock: manualClock() });
});

describe('what comes first', () => {
  test.each<[name: string, request: SimCall, status: number, reason: string]>([
    [
      'the method before credentials',
      { method: 'PATCH', path: '/version', as: null },
      501,
      "method 'PATCH' not available",
    ],
    [
      'chunked bodies before credentials',
      { method: 'PUT', path: '/version', as: null, headers: { 'transfer-encoding': 'chunked' } },
      501,
      'chunked transfer encoding not supported',
    ],
    ['credentials before the path', { path: '/nope', as: null }, 401, 'No ticket'],
    ['credentials before the format', { base: '/api2/xml', path: '/version', as: null }, 401, 'No ticket'],
    [
      'the format before the path',
      { base: '/api2/xml', path: '/nope' },
      501,
      'no formatter for uri /nope, xml',
    ],
    [
      'the body before the path',
      { method: 'POST', path: '/nope', body: 'x', headers: { 'content-type': 'text/plain' } },
      506,
      "upload 'Content-Type 'text/plain' not implemented",
    ],
    [
      'the path before parameters',
      { path: '/nope', params: { x: 1 } },
      501,
      "Method 'GET /nope' not implemented",
    ],
    [
      'parameters of the path before rights',
      { method: 'PUT', path: '/nodes/pve1/lxc/100/config', params: { vmid: 101 }, as: auditor },
      400,
      'Parameter verification failed.',
    ],
    [
      'rights before the node',
      { method: 'POST', path: '/nodes/ghost/lxc/100/status/start', as: auditor },
      403,
      'Permission check failed (/vms/100, VM.PowerMgmt)',
    ],
    [
      'rights before parameters',
      { method: 'POST', path: '/nodes/pve1/lxc/100/clone', params: { newid: 'x' }, as: auditor },
      403,
      'Permission check failed (/vms/100, VM.Clone)',
    ],
    [
      'the node before parameters',
      { path: '/nodes/ghost/lxc', params: { bogus: 1 } },
      500,
      "hostname lookup 'ghost' failed - failed to get address info for: ghost: Name or service not known",
    ],
    [
      'parameters before the handler',
      { path: '/nodes/pve1/lxc/999/config', params: { bogus: 1 } },
      400,
      'Parameter verification failed.',
    ],
  ])('%s', async (_, request, status, reason) => {
    const answer = await call(sim, request);
    expect({ status: answer.status, reason: answer.reason }).toEqual({ status, reason });
  });

  test('what is not simulated is checked all the same, and named', async () => {
    const key = sim
      .coverage()
      .checkedOnly.find(
        (name) => name === 'POST /nodes/{node}/reboot' || name === 'GET /nodes/{node}/disks/list',
      );
    expect(key).toBe('GET /nodes/{node}/disks/list');
    const path = '/nodes/pve1/disks/list';
    expect((await call(sim, { path, as: null })).status).toBe(401);
    expect((await call(sim, { path, params: { bogus: 1 } })).errors).toHaveProperty('bogus');
    const answer = await call(sim, { path });
    expect(answer.status).toBe(501);
    expect(answer.message).toContain("'GET /nodes/{node}/disks/list'");
  });
});

describe('the envelope', () => {
  test.each<[name: string, request: SimCall, want: object]>([
    ['of a success', { path: '/version' }, { data: { version: '9.2.11' } }],
    ['of a write', { method: 'POST', path: '/access/groups', params: { groupid: 'g1' } }, { data: null }],
    [
      'of a refusal ends in a newline',
      { path: '/nodes/pve1/lxc/999/config' },
      { data: null, message: "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n" },
    ],
    [
      'of an unknown path does not',
      { path: '/nope' },
      { data: null, message: "Method 'GET /nope' not implemented" },
    ],
    [
      'of an extjs success',
      { base: '/api2/extjs', path: '/version' },
      { success: 1, data: { version: '9.2.11' } },
    ],
    [
      'of an extjs failure carries the status',
      { base: '/api2/extjs', path: '/nodes/pve1/lxc/999/config' },
      { success: 0, status: 500, data: null },
    ],
    [
      'of an extjs refusal carries it as text',
      { base: '/api2/extjs', path: '/nodes/pve1/lxc', params: { bogus: 1 } },
      { success: 0, status: '400', errors: { bogus: expect.any(String) } },
    ],
    [
      'of a paged list has the total',
      { path: '/nodes/pve1/tasks/UPID:pve1:00000000:00000000:00000000:vzcreate:1:root@pam:/log' },
      { total: 1 },
    ],
  ])('%s', async (_, request, want) => {
    expect(JSON.parse((await call(sim, request)).text)).toMatchObject(want);
  });

  test('a refused login has an envelope, a refused ticket an empty body', async () => {
    const refused = await call(sim, {
      method: 'POST',
      path: '/access/ticket',
      params: { username: 'a@pve', password: 'x' },
      as: null,
    });
    expect(refused).toMatchObject({
      status: 401,
      reason: 'authentication failure',
      message: 'authentication failure\n',
    });
    const unknown = await call(sim, { path: '/version', as: 'PVEAPIToken=garbage' });
    expect(unknown).toMatchObject({ status: 401, reason: 'Authentication failed!', text: '' });
  });

  test.each<[name: string, request: SimCall, want: string]>([
    ['a read', { path: '/version' }, 'Keep-Alive'],
    ['what the privileged daemon answers', { path: '/access/tfa' }, 'close'],
    ['an error', { path: '/nope' }, 'close'],
  ])('the connection after %s', async (_, request, want) => {
    expect((await call(sim, request)).headers.get('connection')).toBe(want);
  });

  test('every answer carries the headers of the server', async () => {
    const { headers } = await call(sim, { path: '/version' });
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/json;charset=UTF-8',
      'cache-control': 'max-age=0',
      pragma: 'no-cache',
      server: 'pve-api-daemon/3.0',
      date: expect.stringMatching(/GMT$/),
    });
  });

  test('a reason phrase survives letters beyond ASCII', async () => {
    const answer = await call(sim, { path: '/nodes/%E2%9C%93/lxc' });
    expect(Buffer.from(answer.reason, 'latin1').toString('utf8')).toContain("hostname lookup '✓' failed");
  });
});

describe('delays', () => {
  test.each<[name: string, request: SimCall, ms: number]>([
    ['a 401 takes three seconds', { path: '/version', as: null }, 3000],
    [
      'a refused login too',
      { method: 'POST', path: '/access/ticket', params: { username: 'a@pve', password: 'x' }, as: null },
      3000,
    ],
    ['a 403 takes none', { method: 'POST', path: '/pools', params: { poolid: 'x1' }, as: auditor }, 0],
  ])('%s', async (_, request, ms) => {
    const before = sim.clock.now();
    await call(sim, request);
    expect(sim.clock.now() - before).toBe(ms);
  });

  test('latency is that of every answer', async () => {
    const slow = createSimulator({ clock: manualClock(), latencyMs: 250 });
    const before = slow.clock.now();
    await call(slow, { path: '/version' });
    expect(slow.clock.now() - before).toBe(250);
  });
});

describe('bodies', () => {
  const path = '/access/groups/g1';
  test.each<[name: string, request: SimCall, status: number, reason: string]>([
    [
      'over 512 KiB',
      { method: 'PUT', path, body: `comment=${'a'.repeat(600_000)}` },
      501,
      'for data too large',
    ],
    [
      'announced over 512 KiB',
      { method: 'PUT', path, body: 'a=1', headers: { 'content-length': '600000' } },
      501,
      'for data too large',
    ],
    ['on DELETE', { method: 'DELETE', path, body: 'a=1' }, 501, "Unexpected content for method 'DELETE'"],
    ['on GET', { path, headers: { 'content-length': '3' } }, 501, "Unexpected content for method 'GET'"],
    [
      'that are broken JSON',
      { method: 'PUT', path, body: '{', headers: { 'content-type': 'application/json' } },
      500,
      'malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0 (before "{")',
    ],
  ])('%s', async (_, request, status, reason) => {
    expect(await call(sim, request)).toMatchObject({ status, reason });
  });
  test('the query wins over the body, and _dc is nobody’s parameter', async () => {
    const answer = await call(sim, {
      method: 'PUT',
      path: `${path}?comment=query&_dc=1`,
      params: { comment: 'body', _dc: 2 },
    });
    expect(answer.status).toBe(200);
    expect((await call(sim, { path })).data).toMatchObject({ comment: 'query' });
  });
});

describe('nodes', () => {
  test('localhost is the answering node', async () => {
    const { data } = await call(sim, { path: '/nodes/localhost/status' });
    expect(data).toMatchObject({ pveversion: expect.stringContaining('9.2.11') });
  });
  test('a node that is off is out of reach, with an empty answer', async () => {
    const cluster = createSimulator({ seed: 'cluster', clock: manualClock() });
    const node = cluster.state.nodes['pve2'];
    if (node) node.status = 'offline';
    expect(await call(cluster, { path: '/nodes/pve2/lxc' })).toMatchObject({
      status: 595,
      reason: 'No route to host',
      text: '',
    });
    expect((await call(cluster, { path: '/nodes/pve3/lxc' })).status).toBe(200);
  });
});

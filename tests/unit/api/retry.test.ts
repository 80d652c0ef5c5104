/** What is sent again, how often and how long: over a transport without network, on a clock that jumps. */
import { describe, expect, it } from 'vitest';
import type { RetryReport } from '../../../src/api/types.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { answer, clientOver, failure, fakeTransport, type Reply, refusal, refused, reset } from './fake.ts';

const gone = refusal(500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist");
const lockTimeout = refusal(500, "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout");
const locked = (lock: string): Reply => refusal(500, `CT is locked (${lock})`);
const gateway = (status: number): Reply => refusal(status, 'x', { body: false });
const tls: Reply = { kind: 'tls', errno: 'DEPTH_ZERO_SELF_SIGNED_CERT', reason: 'self-signed certificate' };
const unknownHost: Reply = { kind: 'connection', sent: 'no', errno: 'ENOTFOUND', reason: 'x' };
const slow: Reply = { kind: 'connection', sent: 'maybe', errno: 'ETIMEDOUT', reason: 'x' };
const params = { node: 'pve1', vmid: 100 };

describe('one failure, then success', () => {
  it.each<[string, Reply, { get: boolean; post: boolean }]>([
    ['refused', refused, { get: true, post: true }],
    ['reset', reset, { get: true, post: false }],
    ['595, which never arrived', gateway(595), { get: true, post: true }],
    ['596, which may still run', gateway(596), { get: true, post: false }],
    ['599', gateway(599), { get: true, post: false }],
    ['502', gateway(502), { get: true, post: false }],
    ['503', gateway(503), { get: true, post: false }],
    ['504', gateway(504), { get: true, post: false }],
    ['a file lock, when nothing was done', lockTimeout, { get: true, post: true }],
    ['a short lock', locked('disk'), { get: true, post: true }],
    ['a lock that lasts', locked('backup'), { get: false, post: false }],
    ['an unknown host', unknownHost, { get: false, post: false }],
    ['our own time-out', slow, { get: false, post: false }],
    ['an untrusted certificate', tls, { get: false, post: false }],
    ['a wrong token', refusal(401, 'Authentication failed!'), { get: false, post: false }],
    ['a missing right', refusal(403, 'Permission check failed'), { get: false, post: false }],
    ['a wrong parameter', refusal(400, 'x'), { get: false, post: false }],
    ['something missing', gone, { get: false, post: false }],
    ['a changed config', refusal(500, 'detected modified configuration - x'), { get: false, post: false }],
    ['an id in use', refusal(500, "CT 100 already exists on node 'pve2'"), { get: false, post: false }],
    ['no quorum', refusal(500, 'cluster not ready - no quorum?'), { get: false, post: false }],
    ['any other refusal', refusal(500, 'x'), { get: false, post: false }],
  ])('%s', async (_, reply, want) => {
    const forGet = fakeTransport([reply, answer([])]);
    const forPost = fakeTransport([reply, answer('UPID')]);
    await clientOver(forGet)
      .get('/nodes')
      .catch(() => undefined);
    await clientOver(forPost)
      .post('/nodes/{node}/lxc/{vmid}/status/start', params)
      .catch(() => undefined);
    expect({ get: forGet.sent.length === 2, post: forPost.sent.length === 2 }).toEqual(want);
  });
});

describe('limits', () => {
  const run = async (replies: Reply[], method: 'get' | 'post' = 'get', lockWaitMs?: number) => {
    const clock = manualClock();
    const startedAt = clock.now();
    const retries: RetryReport[] = [];
    const transport = fakeTransport(replies);
    const pve = clientOver(transport, {
      clock,
      onRetry: (report) => retries.push(report),
      ...(lockWaitMs === undefined ? {} : { lockWaitMs }),
    });
    if (replies[0] && 'status' in replies[0] && replies[0].status === 200) await pve.get('/nodes');
    const beganAt = clock.now();
    const error = await failure(
      method === 'get' ? pve.get('/nodes') : pve.post('/nodes/{node}/lxc/{vmid}/status/start', params),
    );
    return { error, sent: transport.sent.length, ms: clock.now() - beganAt, retries, startedAt };
  };

  it('an address where nobody ever answered is given up within two seconds', async () => {
    const { error, sent, ms } = await run([refused]);
    expect(error).toMatchObject({ code: 'PVE_CONNECTION' });
    expect(sent).toBe(3);
    expect(ms).toBeLessThan(2000);
  });

  it('a server that has answered before gets a little longer, but under five seconds', async () => {
    const { sent, ms } = await run([answer([]), refused]);
    expect(sent).toBe(1 + 4);
    expect(ms).toBeGreaterThan(1500);
    expect(ms).toBeLessThan(5000);
  });

  it('waits for a lock end after the allowed time', async () => {
    const { error, ms, retries } = await run([lockTimeout], 'post', 20_000);
    expect(error).toMatchObject({ code: 'PVE_CONFLICT', kind: 'lock-timeout' });
    expect(ms).toBeGreaterThanOrEqual(20_000);
    expect(ms).toBeLessThan(30_000);
    expect(retries.length).toBeGreaterThan(3);
    expect(retries[0]).toEqual({
      method: 'POST',
      path: '/nodes/{node}/lxc/{vmid}/status/start',
      attempt: 1,
      inMs: 750,
      because: expect.stringContaining('cannot start CT 100 on pve1: '),
    });
  });

  it('no wait for locks when none is allowed', async () => {
    expect((await run([locked('disk')], 'post', 0)).sent).toBe(1);
  });

  it('a slow gateway is not asked for ever', async () => {
    const clock = manualClock();
    const transport = fakeTransport(async () => {
      await clock.sleep(30_000); // PVE: a node in between waits 30 s before it answers 596.
      return gateway(596);
    });
    expect(await failure(clientOver(transport, { clock }).get('/nodes'))).toMatchObject({ status: 596 });
    expect(transport.sent).toHaveLength(2);
  });
});

/** The client over a transport without network: requests, hooks, secrets, laziness. */
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createPveClient } from '../../../src/api/client.ts';
import type { RequestReport } from '../../../src/api/types.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { answer, clientOver, failure, fakeTransport, refusal, refused } from './fake.ts';

const base = {
  urls: ['https://pve1:8006'],
  auth: { kind: 'token', tokenId: 'automation@pve!test', secret: 'token-secret-value' },
  clock: manualClock(),
} as const;

describe('requests', () => {
  it('fill the path, leave out undefined, and unwrap data', async () => {
    const transport = fakeTransport([answer({ memory: 512 })]);
    const data = await clientOver(transport).get('/nodes/{node}/lxc/{vmid}/config', {
      node: 'pve1',
      vmid: 100,
      current: true,
      snapshot: undefined as never,
    });
    expect(data).toEqual({ memory: 512 });
    expect(transport.lines()).toEqual(['GET /nodes/pve1/lxc/100/config?current=1']);
  });

  it('can be given as data', async () => {
    const transport = fakeTransport([answer('UPID:x')]);
    const result = await clientOver(transport).request({
      method: 'POST',
      path: '/nodes/{node}/lxc',
      params: { node: 'pve1', vmid: 101, ostemplate: 'local:vztmpl/a.tar.zst', unprivileged: true },
    });
    expect(result).toBe('UPID:x');
    expect(transport.lines()).toEqual([
      'POST /nodes/pve1/lxc vmid=101&ostemplate=local%3Avztmpl%2Fa.tar.zst&unprivileged=1',
    ]);
  });

  it('refuse a secret that nobody resolved, and send nothing', async () => {
    const transport = fakeTransport([answer(null)]);
    const request = clientOver(transport).request({
      method: 'POST',
      path: '/nodes/{node}/lxc',
      params: { node: 'pve1', password: { $secret: 'env:X' } },
    });
    expect(await failure(request)).toMatchObject({ code: 'INTERNAL' });
    expect(transport.sent).toEqual([]);
  });

  it('refuse a path parameter that is missing or would leave its place', async () => {
    const transport = fakeTransport([answer(null)]);
    const pve = clientOver(transport);
    expect(await failure(pve.get('/nodes/{node}/lxc', {} as never))).toMatchObject({ code: 'INTERNAL' });
    for (const node of ['.', '..'])
      expect(await failure(pve.get('/nodes/{node}/status', { node }))).toMatchObject({ code: 'USAGE' });
    expect(transport.sent).toEqual([]);
  });

  it('carry the token, the user agent, and no session headers', async () => {
    const transport = fakeTransport([answer(null)]);
    await clientOver(transport, { userAgent: 'pvefleet/1.2.3' }).post('/pools', { poolid: 'x' });
    expect(transport.sent[0]?.headers).toEqual({
      Accept: 'application/json',
      'User-Agent': 'pvefleet/1.2.3',
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: 'PVEAPIToken=automation@pve!test=token-secret-value',
    });
  });
});

describe('hooks', () => {
  it('tell every exchange with its template, status and duration', async () => {
    const clock = manualClock();
    const reports: RequestReport[] = [];
    const transport = fakeTransport(async (_, count) => {
      await clock.sleep(7);
      return count === 1 ? refused : count === 2 ? answer([]) : refusal(500, 'some text');
    });
    const pve = clientOver(transport, { clock, onRequest: (report) => reports.push(report) });
    await pve.get('/nodes/{node}/lxc', { node: 'pve1' });
    await failure(pve.get('/nodes/{node}/lxc', { node: 'pve1' }));
    const common = { method: 'GET', path: '/nodes/{node}/lxc', ms: 7 };
    expect(reports).toEqual([
      { ...common, error: expect.stringContaining('connection refused') },
      { ...common, status: 200 },
      { ...common, status: 500, error: 'cannot read /nodes/pve1/lxc: some text' },
    ]);
  });
});

describe('secrets', () => {
  it('that the server quotes are masked in errors and reports', async () => {
    const reports: RequestReport[] = [];
    const transport = fakeTransport([
      refusal(400, 'Parameter verification failed.', {
        errors: { password: "value 'hunter2hunter2' is weak", x: 'PVEAPIToken=a@pve!t=abc-def' },
      }),
    ]);
    const pve = clientOver(transport, { onRequest: (report) => reports.push(report) });
    const error = await failure(
      pve.post('/nodes/{node}/lxc', {
        node: 'pve1',
        vmid: 100,
        ostemplate: 'local:vztmpl/x.tar.zst',
        password: 'hunter2hunter2',
      }),
    );
    for (const text of [inspect(error, { depth: 9 }), JSON.stringify(error), JSON.stringify(reports)]) {
      expect(text).not.toContain('hunter2');
      expect(text).not.toContain('abc-def');
    }
    expect(error.message).toContain("password: value '********' is weak");
  });

  it('cannot be seen by printing the client', () => {
    const pve = clientOver(fakeTransport([answer(null)]));
    expect(inspect(pve, { depth: 20, showHidden: true })).not.toContain('token-secret-value');
    expect(JSON.stringify(pve)).not.toContain('token-secret-value');
  });
});

describe('building a client', () => {
  it('does not load the HTTP library before the first request', async () => {
    let loads = 0;
    vi.doMock('../../../src/api/axios-transport.ts', () => {
      loads += 1;
      return { createAxiosTransport: () => fakeTransport([answer({ version: '9.2' })]) };
    });
    const pve = createPveClient(base);
    expect(loads).toBe(0);
    await pve.get('/version');
    await pve.get('/version');
    expect(loads).toBe(1);
    pve.close();
    vi.doUnmock('../../../src/api/axios-transport.ts');
  });

  it.each<[string, object, string]>([
    ['without URL', { urls: [] }, 'URL_INVALID'],
    ['with a URL that is none', { urls: ['pve1'] }, 'URL_INVALID'],
    [
      'with http:// to another machine',
      { urls: ['https://pve1:8006', 'http://10.0.0.1:8006'] },
      'URL_INSECURE',
    ],
    ['with a fingerprint that is none', { trust: { fingerprint: 'AA:BB' } }, 'FINGERPRINT_INVALID'],
    ['with a CA file that is none', { trust: { caPem: 'hello' } }, 'CA_INVALID'],
    ['with half a token id', { auth: { ...base.auth, tokenId: 'automation@pve' } }, 'TOKEN_INVALID'],
    ['without token secret', { auth: { ...base.auth, secret: '' } }, 'TOKEN_INVALID'],
  ])('is refused %s', (_, options, code) => {
    expect(() => createPveClient({ ...base, ...options })).toThrow(
      expect.objectContaining({ code, exitCode: 2 }),
    );
  });

  it('has the first URL as its own until another has answered', () => {
    expect(createPveClient({ ...base, urls: ['https://a:8006/', 'https://b:8006'] }).url).toBe(
      'https://a:8006',
    );
  });
});

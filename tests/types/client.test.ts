/**
 * The types of the client. `npx tsc` checks this file: each `@ts-expect-error` must be an error, each `expectTypeOf` must
 * hold. At run time the calls go nowhere.
 */
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { ClientOptions, PathsWith, PveClient, Returns, TaskOutcome } from '../../src/api/types.ts';

const calls: unknown[][] = [];
const call = (...args: unknown[]): Promise<never> => {
  calls.push(args);
  return new Promise<never>(() => undefined);
};
/** Notes calls and never answers. */
const pve = {
  get: call,
  post: call,
  put: call,
  delete: call,
  request: call,
  waitTask: call,
  url: 'https://pve1:8006',
  close: () => undefined,
} as unknown as PveClient;

const ct = { node: 'pve1', vmid: 100 } as const;

describe('paths', () => {
  it('are those of the schema, for each verb', () => {
    void pve.get('/version');
    void pve.get('/nodes/{node}/lxc', { node: 'pve1' });
    // @ts-expect-error: no such path
    void pve.get('/nodes/{node}/lxd', { node: 'pve1' });
    // @ts-expect-error: a filled path is no template
    void pve.get('/nodes/pve1/lxc');
    // @ts-expect-error: there is no PUT of the version
    void pve.put('/version');
    // @ts-expect-error: containers are not started with GET
    void pve.get('/nodes/{node}/lxc/{vmid}/status/start', ct);
    expectTypeOf<'/version'>().toExtend<PathsWith<'GET'>>();
    expectTypeOf<'/version'>().not.toExtend<PathsWith<'POST'>>();
    expect(calls.length).toBeGreaterThan(0);
  });
});

describe('parameters', () => {
  it('of path, query and body stand side by side', () => {
    void pve.post('/nodes/{node}/lxc', { ...ct, ostemplate: 'local:vztmpl/a.tar.zst', unprivileged: true });
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, memory: 512, delete: 'mp0' });
    void pve.delete('/nodes/{node}/lxc/{vmid}', { ...ct, purge: true, force: true });
    void pve.get('/cluster/resources', { type: 'vm' });
    expect(calls.at(-1)).toEqual(['/cluster/resources', { type: 'vm' }]);
  });

  it('that are required cannot be left out', () => {
    // @ts-expect-error: ostemplate is required
    void pve.post('/nodes/{node}/lxc', ct);
    // @ts-expect-error: so are those of the path
    void pve.get('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1' });
    // @ts-expect-error: and the bag itself, when something in it is required
    void pve.get('/nodes/{node}/lxc');
    // @ts-expect-error: a required parameter cannot be undefined
    void pve.get('/nodes/{node}/lxc', { node: undefined });
    expect(calls.at(-1)).toEqual(['/nodes/{node}/lxc', { node: undefined }]);
  });

  it('have the names and types of the schema', () => {
    // @ts-expect-error: unknown name
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, ram: 512 });
    // @ts-expect-error: create only
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, ostemplate: 'x' });
    // @ts-expect-error: MiB as a number
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, memory: '512MiB' });
    // @ts-expect-error: booleans are true and false
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, onboot: 1 });
    // @ts-expect-error: not one of the kinds
    void pve.get('/cluster/resources', { type: 'container' });
    expect(calls.at(-1)).toEqual(['/cluster/resources', { type: 'container' }]);
  });

  it('with an index end where the server ends', () => {
    const net = 'name=eth0,bridge=vmbr0';
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, net0: net, net31: net, mp255: 'x', dev0: 'x' });
    // @ts-expect-error: the last is net31
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, net32: net });
    // @ts-expect-error: the last is mp255
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, mp256: 'x' });
    // @ts-expect-error: property strings are text here
    void pve.put('/nodes/{node}/lxc/{vmid}/config', { ...ct, net1: { name: 'eth1' } });
    expect(calls.at(-1)?.[0]).toBe('/nodes/{node}/lxc/{vmid}/config');
  });

  it('are followed by options', () => {
    void pve.get('/version', {}, { timeoutMs: 1000, signal: AbortSignal.abort() });
    // @ts-expect-error: no such option
    void pve.get('/version', {}, { timeout: 1000 });
    expect(calls.at(-1)).toHaveLength(3);
  });
});

describe('results', () => {
  it('have the types of the schema, unwrapped', () => {
    const version = () => pve.get('/version');
    expectTypeOf(version).returns.resolves.toHaveProperty('version').toEqualTypeOf<string>();
    const create = () => pve.post('/nodes/{node}/lxc', { ...ct, ostemplate: 'x' });
    expectTypeOf(create).returns.resolves.toEqualTypeOf<string>();
    const change = () => pve.put('/nodes/{node}/lxc/{vmid}/config', ct);
    expectTypeOf(change).returns.resolves.toEqualTypeOf<null>();
    const list = () => pve.get('/nodes/{node}/lxc', { node: 'pve1' });
    expectTypeOf(list).returns.resolves.items.toHaveProperty('status');
    expectTypeOf<Returns<'GET', '/nodes/{node}/tasks/{upid}/log'>>()
      .items.toHaveProperty('t')
      .toEqualTypeOf<string>();
    expect(typeof version).toBe('function');
  });

  it('of a request that is only data are unknown', () => {
    const request = () => pve.request({ method: 'GET', path: '/version', params: {} });
    expectTypeOf(request).returns.resolves.toBeUnknown();
    // @ts-expect-error: the server knows four verbs
    void pve.request({ method: 'PATCH', path: '/version', params: {} });
    expect(typeof request).toBe('function');
  });

  it('of a task are told apart by their state', () => {
    const logOf = (outcome: TaskOutcome): readonly string[] => (outcome.state === 'ok' ? [] : outcome.log);
    // @ts-expect-error: only a failure has an exit status
    const statusOf = (outcome: TaskOutcome): string => outcome.exitStatus;
    expect(logOf({ upid: 'x', state: 'ok' })).toEqual([]);
    expect(statusOf({ upid: 'x', state: 'ok' })).toBeUndefined();
  });
});

describe('client options', () => {
  it('are a token or a login, not a mixture', () => {
    const clock = { now: () => 0, sleep: () => Promise.resolve() };
    const options: ClientOptions[] = [
      { urls: [], clock, auth: { kind: 'token', tokenId: 'a@pve!t', secret: 'x' } },
      { urls: [], clock, auth: { kind: 'ticket', username: 'a@pve', password: 'x', otp: '1' } },
      // @ts-expect-error: a token has no password
      { urls: [], clock, auth: { kind: 'token', tokenId: 'a@pve!t', password: 'x' } },
      // @ts-expect-error: verification cannot be switched off
      { urls: [], clock, auth: { kind: 'token', tokenId: 'a', secret: 'x' }, trust: { insecure: true } },
    ];
    expect(options).toHaveLength(4);
  });
});

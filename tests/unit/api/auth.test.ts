/** Tokens, tickets, renewal and second factors: over a small server without network. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '../../../src/api/types.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';
import { answer, clientOver, failure, fakeTransport, type Reply, refusal, reset } from './fake.ts';

const password = 'hunter2hunter2';
const minute = 60_000;
const unauthorised = refusal(401, 'Authentication failed!', { body: false });
const loginRefused = refusal(401, 'authentication failure');

/** Issues numbered tickets and accepts only those it has not revoked. */
function ticketServer(options: { totp?: string; challenge?: string; delay?: ManualClock } = {}) {
  const valid = new Set<string>();
  const logins: Record<string, string>[] = [];
  let issued = 0;
  const issue = (): Reply => {
    issued += 1;
    const ticket = `PVE:ann@pve:6B0464E${issued}::sig+/${issued}=`;
    valid.add(ticket);
    return answer({ username: 'ann@pve', ticket, CSRFPreventionToken: `6B0464E${issued}:csrf${issued}` });
  };
  const challenge = `PVE:!tfa!${options.challenge ?? '{"totp"%3Atrue}'}:6B046700::sig=`;
  const transport = fakeTransport(async (request) => {
    await options.delay?.sleep(10);
    if (!request.url.endsWith('/access/ticket')) {
      const ticket = decodeURIComponent(
        /^PVEAuthCookie=(.*)$/.exec(request.headers['Cookie'] ?? '')?.[1] ?? '',
      );
      if (!valid.has(ticket)) return unauthorised;
      const number = /sig\+\/(\d+)=/.exec(ticket)?.[1];
      if (
        request.method !== 'GET' &&
        request.headers['CSRFPreventionToken'] !== `6B0464E${number}:csrf${number}`
      )
        return refusal(401, 'Permission denied - invalid csrf token', { body: false });
      return answer({ ticket: number });
    }
    const params = Object.fromEntries(new URLSearchParams(request.body));
    logins.push(params);
    if (valid.has(params['password'] ?? '')) return issue();
    if (params['tfa-challenge'] !== undefined) {
      const right = params['tfa-challenge'] === challenge && params['password'] === `totp:${options.totp}`;
      return right ? issue() : loginRefused;
    }
    if (params['password'] !== password) return loginRefused;
    return options.totp === undefined
      ? issue()
      : answer({ username: 'ann@pve', ticket: challenge, NeedTFA: 1 });
  });
  return { transport, logins, revoke: () => valid.clear() };
}

function ticketClient(server: ReturnType<typeof ticketServer>, options: Partial<ClientOptions> = {}) {
  return clientOver(server.transport, {
    auth: { kind: 'ticket', username: 'ann@pve', password },
    ...options,
  });
}

describe('API token', () => {
  it('escapes what would end or change the header value', async () => {
    const transport = fakeTransport([answer(null)]);
    await clientOver(transport, {
      auth: { kind: 'token', tokenId: 'jö%x@pve!t1', secret: 'a;b' },
    }).get('/version');
    expect(transport.sent[0]?.headers['Authorization']).toBe('PVEAPIToken=j%C3%B6%25x@pve!t1=a%3Bb');
  });

  it('is not tried again when the server refuses it', async () => {
    const transport = fakeTransport([unauthorised]);
    const error = await failure<Error & { hint: string }>(clientOver(transport).get('/version'));
    expect(error).toMatchObject({ code: 'PVE_AUTH', hint: expect.stringContaining('PVEFLEET_TOKEN_ID') });
    expect(transport.sent).toHaveLength(1);
  });
});

describe('ticket', () => {
  it('is asked for once, at the first request, and sent as a cookie with a CSRF header on writes only', async () => {
    const server = ticketServer();
    const pve = ticketClient(server);
    expect(server.logins).toEqual([]);
    await pve.get('/version');
    await pve.post('/pools', { poolid: 'x' });
    expect(server.logins).toEqual([{ username: 'ann@pve', password }]);
    const [login, get, post] = server.transport.sent;
    expect(login?.headers).not.toHaveProperty('Cookie');
    expect(get?.headers['Cookie']).toBe('PVEAuthCookie=PVE%3Aann%40pve%3A6B0464E1%3A%3Asig%2B%2F1%3D');
    expect(get?.headers).not.toHaveProperty('CSRFPreventionToken');
    expect(post?.headers['CSRFPreventionToken']).toBe('6B0464E1:csrf1');
  });

  it('serves all requests that were waiting for it', async () => {
    const server = ticketServer({ delay: manualClock() });
    const pve = ticketClient(server);
    await Promise.all([pve.get('/version'), pve.get('/nodes'), pve.post('/pools', { poolid: 'x' })]);
    expect(server.logins).toHaveLength(1);
  });

  it('one that gives up waiting does not disturb the others', async () => {
    const server = ticketServer({ delay: manualClock() });
    const pve = ticketClient(server);
    const controller = new AbortController();
    const first = failure(pve.get('/version', {}, { signal: controller.signal }));
    const second = pve.get('/nodes');
    controller.abort(new Error('enough'));
    expect(await first).toBe(controller.signal.reason);
    expect(await second).toEqual({ ticket: '1' });
  });

  it('is renewed after 90 minutes, with itself as the password', async () => {
    const server = ticketServer();
    const clock = manualClock();
    const pve = ticketClient(server, { clock });
    await pve.get('/version');
    await clock.advance(89 * minute);
    await pve.get('/version');
    expect(server.logins).toHaveLength(1);
    await clock.advance(2 * minute);
    expect(await pve.get('/version')).toEqual({ ticket: '2' });
    expect(server.logins[1]).toEqual({ username: 'ann@pve', password: 'PVE:ann@pve:6B0464E1::sig+/1=' });
  });

  it.each([
    ['when it is too old to renew', 121, false],
    ['when the server does not renew it', 91, true],
  ])('is asked for anew with the password %s', async (_, minutes, revoked) => {
    const server = ticketServer();
    const clock = manualClock();
    const pve = ticketClient(server, { clock });
    await pve.get('/version');
    await clock.advance(minutes * minute);
    if (revoked) server.revoke();
    await pve.get('/version');
    expect(server.logins.at(-1)?.['password']).toBe(password);
  });

  it.each(['get', 'post'] as const)(
    'is asked for anew when a %s meets 401, and the request is sent again',
    async (verb) => {
      const server = ticketServer();
      const pve = ticketClient(server);
      await pve.get('/version');
      server.revoke();
      await (verb === 'get' ? pve.get('/version') : pve.post('/pools', { poolid: 'x' }));
      expect(server.logins.map((login) => login['password'])).toEqual([password, password]);
    },
  );

  it('that several requests find invalid is asked for anew once', async () => {
    const server = ticketServer({ delay: manualClock() });
    const pve = ticketClient(server);
    await pve.get('/version');
    server.revoke();
    await Promise.all([pve.get('/version'), pve.get('/nodes'), pve.get('/pools')]);
    expect(server.logins).toHaveLength(2);
  });

  it('a late refusal of an old ticket does not end the session that replaced it', async () => {
    const server = ticketServer();
    const held: (() => void)[] = [];
    const late = fakeTransport(async (request) => {
      // The refusal is decided at once, but arrives only when it is let go.
      const reply = server.transport.send(request);
      if (request.url.endsWith('/nodes')) await new Promise<void>((resolve) => held.push(resolve));
      return reply;
    });
    const pve = clientOver(late, { auth: { kind: 'ticket', username: 'ann@pve', password } });
    await pve.get('/version');
    server.revoke();
    const slow = pve.get('/nodes');
    await new Promise((resolve) => setImmediate(resolve));
    await pve.get('/version'); // Logs in again.
    expect(server.logins).toHaveLength(2);
    held[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    held[1]?.();
    expect(await slow).toEqual({ ticket: '2' });
    expect(server.logins).toHaveLength(2);
  });

  it('a request that meets 401 with a fresh ticket too fails', async () => {
    const transport = fakeTransport((request) =>
      request.url.endsWith('/access/ticket')
        ? answer({ ticket: 'PVE:x', CSRFPreventionToken: 'y' })
        : unauthorised,
    );
    const pve = clientOver(transport, { auth: { kind: 'ticket', username: 'ann@pve', password } });
    expect(await failure(pve.get('/version'))).toMatchObject({ code: 'PVE_AUTH' });
    expect(transport.lines().filter((line) => line.startsWith('GET'))).toHaveLength(2);
  });

  it('a wrong password is told once, without the password', async () => {
    const server = ticketServer();
    const pve = ticketClient(server, {
      auth: { kind: 'ticket', username: 'ann@pve', password: 'wrong-password' },
    });
    const error = await failure<Error & { hint: string }>(pve.get('/version'));
    expect(error).toMatchObject({ code: 'PVE_AUTH', exitCode: 4, status: 401 });
    expect(error.message).toBe('cannot log in as ann@pve: authentication failure');
    expect(error.hint).toContain('realm');
    expect(server.logins).toHaveLength(1);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('wrong-password');
    expect(inspect(pve, { depth: 20, showHidden: true })).not.toContain('wrong-password');
  });

  it('a login that finds nobody is an error of the connection', async () => {
    const transport = fakeTransport([
      { kind: 'connection', sent: 'no', errno: 'ECONNREFUSED', reason: 'refused' },
    ]);
    const pve = clientOver(transport, { auth: { kind: 'ticket', username: 'ann@pve', password } });
    expect(await failure(pve.post('/pools', { poolid: 'x' }))).toMatchObject({
      code: 'PVE_CONNECTION',
      sent: 'no',
    });
    expect(transport.sent).toHaveLength(3);
  });
});

describe('second factor', () => {
  it('is answered with the code that was given', async () => {
    const server = ticketServer({ totp: '123456' });
    const pve = ticketClient(server, {
      auth: { kind: 'ticket', username: 'ann@pve', password, otp: '123 456' },
    });
    expect(await pve.get('/version')).toEqual({ ticket: '1' });
    expect(server.logins).toEqual([
      { username: 'ann@pve', password },
      { username: 'ann@pve', 'tfa-challenge': expect.stringMatching(/^PVE:!tfa!/), password: 'totp:123456' },
    ]);
  });

  it('is asked for when none was given, and when the given one is used up', async () => {
    let asked = 0;
    const server = ticketServer({ totp: '123456' });
    const pve = ticketClient(server, {
      auth: { kind: 'ticket', username: 'ann@pve', password, otp: '123456' },
      onTotp: () => {
        asked += 1;
        return Promise.resolve('123456');
      },
    });
    await pve.get('/version');
    expect(asked).toBe(0);
    server.revoke();
    await pve.get('/version');
    expect(asked).toBe(1);
  });

  it('a code that may have arrived is not sent again', async () => {
    const transport = fakeTransport((request) =>
      new URLSearchParams(request.body).has('tfa-challenge')
        ? reset
        : answer({ NeedTFA: 1, ticket: 'PVE:!tfa!{"totp"%3Atrue}:6B046700::x' }),
    );
    const pve = clientOver(transport, {
      auth: { kind: 'ticket', username: 'ann@pve', password, otp: '123456' },
    });
    expect(await failure(pve.get('/version'))).toMatchObject({ code: 'PVE_CONNECTION', sent: 'maybe' });
    expect(transport.sent).toHaveLength(2);
  });

  it('is not needed to renew a ticket', async () => {
    const server = ticketServer({ totp: '123456' });
    const clock = manualClock();
    const pve = ticketClient(server, {
      clock,
      auth: { kind: 'ticket', username: 'ann@pve', password, otp: '123456' },
    });
    await pve.get('/version');
    await clock.advance(100 * minute);
    expect(await pve.get('/version')).toEqual({ ticket: '2' });
  });

  it.each<[string, Parameters<typeof ticketServer>[0], Partial<ClientOptions>, RegExp]>([
    ['that nobody can give', { totp: '123456' }, {}, /wants a TOTP code/],
    [
      'that is wrong',
      { totp: '123456' },
      { auth: { kind: 'ticket', username: 'ann@pve', password, otp: '000000' } },
      /cannot log in as ann@pve: authentication failure/,
    ],
    [
      'of another kind',
      { totp: '1', challenge: '{"webauthn"%3A{},"totp"%3Afalse}' },
      {},
      /does not know \(webauthn\)/,
    ],
    ['that cannot be read', { totp: '1', challenge: 'garbage' }, {}, /does not know \(none usable\)/],
  ])('%s ends the login', async (_, server, options, message) => {
    const error = await failure(ticketClient(ticketServer(server), options).get('/version'));
    expect(error).toMatchObject({ code: 'PVE_AUTH', exitCode: 4 });
    expect(error.message).toMatch(message);
  });
});

/** Whom the client trusts: certificates against real TLS servers. */
import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PveTlsError } from '../../../src/api/errors/tls-error.ts';
import { readCertificate } from '../../../src/api/presented-certificate.ts';
import {
  failure,
  freePort,
  type Identity,
  makeClient,
  makeIdentity,
  ok,
  startServer,
  type TestServer,
} from './servers.ts';

let ca: Identity;
let otherCa: Identity;
let leaf: Identity;
let selfSigned: Identity;
const open: TestServer[] = [];

beforeAll(async () => {
  [ca, otherCa, selfSigned] = await Promise.all([
    makeIdentity({ isCa: true }),
    makeIdentity({ isCa: true }),
    makeIdentity(),
  ]);
  leaf = await makeIdentity({ issuer: ca });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(identity: Identity): Promise<TestServer> {
  const server = await startServer(ok, identity);
  open.push(server);
  return server;
}

describe('a certificate of the given CA', () => {
  it('is trusted, for addresses and for names', async () => {
    const server = await serve(leaf);
    for (const url of [server.url, `https://localhost:${server.port}`]) {
      const pve = makeClient({ urls: [url], trust: { caPem: ca.cert } });
      expect(await pve.get('/version')).toEqual({ version: '9.2.11' });
      pve.close();
    }
  });

  it('is trusted when the file holds other authorities too', async () => {
    const server = await serve(leaf);
    const pve = makeClient({
      urls: [server.url],
      trust: { caPem: `# bundle\n${otherCa.cert}\n${ca.cert}\n` },
    });
    expect(await pve.get('/version')).toEqual({ version: '9.2.11' });
    pve.close();
  });

  it.each([
    ['made for another name', { name: 'pve9.example' }, /not trusted.*altnames|not trusted.*alt/i],
    ['expired', { expired: true }, /not trusted: certificate has expired/],
  ])('is refused when %s', async (_, options, message) => {
    const server = await serve(await makeIdentity({ issuer: ca, ...options }));
    const error = await failure<PveTlsError>(
      makeClient({ urls: [server.url], trust: { caPem: ca.cert } }).get('/version'),
    );
    expect(error).toMatchObject({ code: 'PVE_TLS', exitCode: 4 });
    expect(error.message).toMatch(message);
    expect(server.seen).toEqual([]);
  });
});

describe('an unknown certificate', () => {
  it.each([
    ['self-signed', () => selfSigned, {}],
    ['of an unknown CA', () => leaf, {}],
    ['of another CA than the given one', () => leaf, { caPem: true }],
  ])('%s is refused, and the error tells its fingerprint and how to pin it', async (_, identity, trust) => {
    const server = await serve(identity());
    const pve = makeClient({ urls: [server.url], trust: 'caPem' in trust ? { caPem: otherCa.cert } : {} });
    const error = await failure<PveTlsError>(pve.get('/version'));
    expect(error).toMatchObject({ code: 'PVE_TLS', exitCode: 4, actual: identity().fingerprint });
    expect(error.message).toContain(identity().fingerprint);
    expect(error.hint).toContain(`PVEFLEET_FINGERPRINT=${identity().fingerprint}`);
    expect(error.hint).toContain('--fingerprint');
    expect(error.toJSON().details).toMatchObject({ actual: identity().fingerprint });
    expect(server.seen).toEqual([]);
  });
});

describe('a pinned fingerprint', () => {
  it('is enough, and the connection is kept', async () => {
    const server = await serve(selfSigned);
    const pve = makeClient({
      urls: [server.url],
      trust: { fingerprint: selfSigned.fingerprint.toLowerCase() },
    });
    for (let i = 0; i < 3; i++) await pve.get('/version');
    expect(server.seen.map((request) => request.connection)).toEqual([1, 1, 1]);
    pve.close();
  });

  it('may be one of several, one per node', async () => {
    const server = await serve(selfSigned);
    const pve = makeClient({
      urls: [server.url],
      trust: { fingerprint: `${leaf.fingerprint}, ${selfSigned.fingerprint}` },
    });
    expect(await pve.get('/version')).toEqual({ version: '9.2.11' });
    pve.close();
  });

  it('refuses any other certificate before anything is sent, at all URLs, without trying again', async () => {
    const server = await serve(selfSigned);
    const second = await serve(leaf);
    const error = await failure<PveTlsError>(
      makeClient({ urls: [server.url, second.url], trust: { fingerprint: leaf.fingerprint } }).post(
        '/pools',
        {
          poolid: 'x',
        },
      ),
    );
    expect(error).toMatchObject({
      code: 'PVE_TLS',
      expected: [leaf.fingerprint],
      actual: selfSigned.fingerprint,
    });
    expect(error.message).toContain('not the pinned one');
    expect(server.seen).toEqual([]);
    expect(server.connections()).toBe(1);
    expect(second.connections()).toBe(0);
  });

  it('decides even against a certificate of a trusted CA', async () => {
    const server = await serve(leaf);
    const pve = makeClient({
      urls: [server.url],
      trust: { caPem: ca.cert, fingerprint: selfSigned.fingerprint },
    });
    expect(await failure(pve.get('/version'))).toMatchObject({ code: 'PVE_TLS', actual: leaf.fingerprint });
    expect(server.seen).toEqual([]);
  });

  it('is compared on every connection: a session is never resumed past it', async () => {
    const server = await serve(selfSigned);
    const pve = makeClient({ urls: [server.url], trust: { fingerprint: selfSigned.fingerprint } });
    await pve.get('/version');
    pve.close();
    if (!('setSecureContext' in server.server)) throw new Error('no TLS server');
    server.server.setSecureContext({ cert: leaf.cert, key: leaf.key });
    expect(await failure(pve.get('/version'))).toMatchObject({ code: 'PVE_TLS', actual: leaf.fingerprint });
    expect(server.seen).toHaveLength(1);
    pve.close();
  });
});

describe('a server that speaks something else', () => {
  it('https:// to a port without TLS says so', async () => {
    const server = await startServer();
    open.push(server);
    const error = await failure<PveTlsError>(
      makeClient({ urls: [`https://127.0.0.1:${server.port}`] }).get('/version'),
    );
    expect(error).toMatchObject({ code: 'PVE_TLS' });
    expect(error.message).toMatch(/^cannot read \/version: no trusted TLS connection to https:/);
    expect(error.hint).toContain('8006');
  });

  it('http:// to a port with TLS is no HTTP', async () => {
    const server = await serve(leaf);
    const error = await failure(makeClient({ urls: [`http://127.0.0.1:${server.port}`] }).get('/version'));
    expect(error).toMatchObject({ exitCode: 4 });
    expect(server.seen).toEqual([]);
  });
});

it('keeps the token out of every error', async () => {
  const port = await freePort();
  const server = await serve(selfSigned);
  for (const url of [server.url, `https://127.0.0.1:${port}`]) {
    const pve = makeClient({ urls: [url] });
    const error = await failure(pve.get('/version'));
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('token-secret-value');
    expect(inspect(pve, { depth: 20, showHidden: true })).not.toContain('token-secret-value');
  }
});

describe('readCertificate', () => {
  it('shows what a server presents', async () => {
    const server = await serve(leaf);
    const target = { host: '127.0.0.1', port: server.port, servername: '' };
    const seen = await readCertificate(target, { timeoutMs: 5000 });
    expect(seen).toMatchObject({ fingerprint: leaf.fingerprint, subject: 'pve1' });
    expect(seen?.issuer).toMatch(/^CA /);
  });

  it('gives nothing when nobody answers', async () => {
    const target = { host: '127.0.0.1', port: await freePort(), servername: '' };
    expect(await readCertificate(target, { timeoutMs: 5000 })).toBeUndefined();
  });
});

/** Our side of consoles at the simulated cluster's side of them; the two were written from the contract, not from each other. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPveClient } from '../../../src/api/client.ts';
import type { ClientOptions, PveClient } from '../../../src/api/types.ts';
import type { ConsoleChannel } from '../../../src/console/channel.ts';
import { openConsole } from '../../../src/console/open-console.ts';
import { systemClock } from '../../../src/util/clock.ts';
import type { PvefleetError } from '../../../src/util/errors.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { failure, freePort } from '../api/servers.ts';

let cluster: ConsoleSimulator;
beforeAll(async () => {
  cluster = await startConsoleSimulator({ shell: 'real' });
  await cluster.addContainer(101);
});
afterAll(() => cluster.close());

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function client(options: Partial<ClientOptions> = {}): PveClient {
  const { tokenId, tokenSecret } = cluster.simulator.credentials;
  const made = createPveClient({
    urls: [cluster.url],
    auth: { kind: 'token', tokenId, secret: tokenSecret },
    trust: { fingerprint: cluster.fingerprint },
    clock: systemClock,
    ...options,
  });
  closers.push(() => made.close());
  return made;
}

async function open(pve: PveClient, vmid = 101): Promise<ConsoleChannel> {
  const channel = await openConsole(pve, { node: 'pve1', vmid, columns: 100, rows: 30 });
  closers.push(() => channel.close());
  return channel;
}

/** Resolves with all output as soon as it fits. */
function output(channel: ConsoleChannel, wanted: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    channel.onData((bytes) => {
      text += Buffer.from(bytes).toString();
      if (wanted.test(text)) resolve(text);
    });
  });
}

describe('the console of a simulated container', () => {
  it.each<[string, () => Partial<ClientOptions>]>([
    ['with a token', () => ({})],
    [
      'with a login',
      () => {
        const { username, password } = cluster.simulator.credentials;
        return { auth: { kind: 'ticket', username, password } };
      },
    ],
    ['by the CA file', () => ({ trust: { caPem: cluster.certificatePem } })],
  ])('opens %s', async (_, options) => {
    const channel = await open(client(options()));
    const shown = output(channel, /\rhello\r/);
    await channel.send(Buffer.from('echo hello\r'));
    expect(await shown).not.toMatch(/^OK/);
  });

  it('opens through the second URL when the first is dead', async () => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const pve = client({ urls: [dead, cluster.url] });
    await open(pve);
    expect(pve.url).toBe(cluster.url);
  });

  it('is one session for all who have it open, and goes on without them', async () => {
    const [one, two] = [await open(client()), await open(client())];
    const seen = [output(one, /both-see\r*\n/), output(two, /both-see\r*\n/)];
    await one.send(Buffer.from('echo both-see\r'));
    await Promise.all(seen);
    one.close();
    expect(await one.ended).toEqual({ reason: 'closed' });
    const after = output(two, /still-there\r*\n/);
    await two.send(Buffer.from('echo still-there\r'));
    expect(await after).toContain('still-there');
  });

  it('ends when its shell ends', async () => {
    const channel = await open(client());
    await channel.send(Buffer.from('exit\r'));
    expect(await channel.ended).toEqual({ reason: 'closed' });
  });

  it('is refused for a container that does not run, and for one that is not there', async () => {
    await cluster.addContainer(103);
    const pve = client();
    const upid = await pve.post('/nodes/{node}/lxc/{vmid}/status/stop', { node: 'pve1', vmid: 103 });
    await pve.waitTask(upid);
    expect(await failure<PvefleetError>(open(pve, 103))).toMatchObject({
      code: 'PVE_CONFLICT',
      hint: 'start it first: pvefleet start 103',
    });
    expect(await failure<PvefleetError>(open(pve, 999))).toMatchObject({ code: 'PVE_NOT_FOUND' });
  });

  it('is refused to an account without VM.Console', async () => {
    const root = client();
    await root.post('/access/users', { userid: 'eve@pve', password: 'long-enough-1' });
    await root.put('/access/acl', { path: '/', roles: 'PVEAuditor', users: 'eve@pve' });
    const eve = client({ auth: { kind: 'ticket', username: 'eve@pve', password: 'long-enough-1' } });
    expect(await failure<PvefleetError>(open(eve))).toMatchObject({
      code: 'PVE_PERMISSION',
      hint: expect.stringContaining('VM.Console on /vms/101'),
    });
  });
});

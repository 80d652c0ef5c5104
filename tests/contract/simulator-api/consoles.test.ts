/** Consoles as pictures, migration to another cluster, and what a backup job would save. */
import { describe, expect, it } from 'vitest';
import { bench } from '../simulator-lxc/support.ts';

const small = { rootfs: 'local-lvm:1' };

describe('vncproxy', () => {
  it('gives a ticket for the socket, with a password where a browser asks', async () => {
    const before = bench('small');
    await before.create(100, small);
    const lab = bench(before.sim.exportState(), { auto: false }); // time stands still: nobody gives up waiting
    const plain = await lab.call('POST', '/nodes/pve1/lxc/100/vncproxy');
    expect(plain.data).toMatchObject({
      user: 'root@pam!pvefleet',
      port: '5900',
      ticket: expect.stringMatching(/^PVEVNC:[0-9A-F]{8}::/),
      upid: expect.stringContaining(':vncproxy:100:'),
    });
    expect(plain.data).not.toHaveProperty('password');
    const forBrowser = await lab.call('POST', '/nodes/pve1/lxc/100/vncproxy', { websocket: 1 });
    const { password, ticket, port } = forBrowser.data as { password: string; ticket: string; port: string };
    expect(password).toMatch(/^[\x21-\x7e]{8}$/);
    expect(ticket.startsWith(`${password}:PVEVNC:`)).toBe(true);
    expect(port).toBe('5901');
    const socket = '/nodes/pve1/lxc/100/vncwebsocket';
    expect((await lab.call('GET', socket, { port, vncticket: ticket })).data).toEqual({ port });
    // The ticket is bound to its port.
    const elsewhere = lab.call('GET', socket, { port: 5900, vncticket: ticket });
    await lab.pass(3000); // every 401 is sent late
    expect(await elsewhere).toMatchObject({
      status: 401,
      message: 'permission denied - invalid PVEVNC ticket',
    });
  });

  it('fails for a container that is not there', async () => {
    const lab = bench('small');
    expect(await lab.call('POST', '/nodes/pve1/lxc/777/vncproxy')).toMatchObject({
      status: 500,
      message: "Configuration file 'nodes/pve1/lxc/777.conf' does not exist",
    });
  });
});

describe('spiceproxy', () => {
  it('gives what a viewer is started with', async () => {
    const lab = bench('small');
    await lab.create(100, small);
    const { data } = await lab.call('POST', '/nodes/pve1/lxc/100/spiceproxy', { proxy: 'pve.example.org' });
    expect(data).toMatchObject({
      type: 'spice',
      title: 'CT 100',
      host: expect.stringMatching(/^pvespiceproxy:[0-9a-f]{8}:100:pve1:61000::[0-9a-f]{40}$/),
      proxy: 'http://pve.example.org:3128',
      'tls-port': 61_000,
      password: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });
});

describe('remote_migrate', () => {
  const to = (endpoint: string, more: Record<string, string> = {}): Record<string, string> => ({
    'target-endpoint': endpoint,
    'target-storage': 'local-lvm',
    'target-bridge': 'vmbr0',
    ...more,
  });
  const token = 'apitoken=PVEAPIToken=root@pam!m=11111111-2222-3333-4444-555555555555,host=192.0.2.9';
  const known = `${token},fingerprint=${Array.from({ length: 32 }, () => 'AB').join(':')}`;

  it('fails in its task when the other cluster does not answer, and leaves the container as it was', async () => {
    const lab = bench('small');
    await lab.create(100, small);
    const done = await lab.task('POST', '/nodes/pve1/lxc/100/remote_migrate', to(known));
    expect(done).toMatchObject({ type: 'vzmigrate', exitstatus: 'migration aborted' });
    expect(done.log.join('\n')).toContain("Can't connect to 192.0.2.9:8006");
    expect(lab.container(100).config['lock']).toBeUndefined();
  });

  it.each([
    [
      'an unknown certificate that cannot be asked for',
      to(token),
      500,
      "500 Can't connect to 192.0.2.9:8006",
    ],
    [
      'storages of the same names',
      to(known, { 'target-storage': '1' }),
      500,
      'requires explicit storage mapping',
    ],
    ['an endpoint without a token', to('host=192.0.2.9'), 400, 'Parameter verification failed.'],
  ])('is refused for %s', async (_name, params, status, text) => {
    const lab = bench('small');
    await lab.create(100, small);
    const answer = await lab.call('POST', '/nodes/pve1/lxc/100/remote_migrate', params);
    expect(answer.status).toBe(status);
    expect(answer.message).toContain(text);
  });

  it('is refused for a running container without a word about that, and for one under the HA manager', async () => {
    const lab = bench('cluster');
    await lab.create(100, small);
    await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
    expect(await lab.call('POST', '/nodes/pve1/lxc/100/remote_migrate', to(known))).toMatchObject({
      status: 500,
      message: "can't migrate running container without --online or --restart",
    });
    await lab.call('POST', '/cluster/ha/resources', { sid: 'ct:100' });
    const managed = to(known, { restart: '1' });
    expect(await lab.call('POST', '/nodes/pve1/lxc/100/remote_migrate', managed)).toMatchObject({
      status: 400,
      errors: { vmid: 'cannot migrate HA-managed CT to remote cluster' },
    });
  });
});

describe('included_volumes', () => {
  it('tells which volumes a job saves, and why', async () => {
    const lab = bench('small');
    await lab.create(100, {
      ...small,
      mp0: 'local-lvm:1,mp=/srv',
      mp1: 'local-lvm:1,mp=/data,backup=1',
    });
    await lab.call('POST', '/cluster/backup', {
      id: 'nightly',
      vmid: '100,777',
      storage: 'local',
      schedule: '02:00',
    });
    const { data } = await lab.call('GET', '/cluster/backup/nightly/included_volumes');
    expect(data).toEqual({
      children: [
        {
          id: 100,
          type: 'lxc',
          name: 'c100',
          children: [
            { id: 'rootfs', name: 'local-lvm:vm-100-disk-0', included: 1, reason: 'rootfs' },
            { id: 'mp0', name: 'local-lvm:vm-100-disk-1', included: 0, reason: 'disabled' },
            { id: 'mp1', name: 'local-lvm:vm-100-disk-2', included: 1, reason: 'enabled' },
          ],
        },
        { id: 777, type: 'unknown' },
      ],
    });
  });
});

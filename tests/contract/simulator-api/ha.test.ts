/** Services of the HA manager: rules, moving, what the manager tells; and replication jobs. */
import { describe, expect, it } from 'vitest';
import { type Bench, bench } from '../simulator-lxc/support.ts';

const onZfs = { rootfs: 'local-zfs:1' };

async function managed(vmids: readonly number[]): Promise<Bench> {
  const lab = bench('cluster');
  for (const vmid of vmids) {
    await lab.create(vmid, { rootfs: 'shared:1' });
    await lab.call('POST', '/cluster/ha/resources', { sid: `ct:${vmid}`, state: 'stopped' });
  }
  return lab;
}

describe('rules', () => {
  it('are kept, filtered, changed with a digest, and deleted', async () => {
    const lab = await managed([100, 101]);
    const near = {
      rule: 'near',
      type: 'node-affinity',
      resources: 'ct:100',
      nodes: 'pve1:2,pve2',
      strict: 1,
    };
    const apart = {
      rule: 'apart',
      type: 'resource-affinity',
      resources: 'ct:100;ct:101',
      affinity: 'negative',
    };
    expect(await lab.call('POST', '/cluster/ha/rules', near)).toMatchObject({ status: 200, data: null });
    expect(await lab.call('POST', '/cluster/ha/rules', apart)).toMatchObject({ status: 200 });
    const { data } = await lab.call('GET', '/cluster/ha/rules');
    expect(data).toEqual([
      { ...near, order: 1, digest: expect.stringMatching(/^[0-9a-f]{40}$/) },
      { ...apart, resources: 'ct:100,ct:101', order: 2, digest: expect.any(String) },
    ]);
    const ofType = await lab.call('GET', '/cluster/ha/rules', { type: 'resource-affinity' });
    expect(ofType.data).toMatchObject([{ rule: 'apart' }]);
    const ofResource = await lab.call('GET', '/cluster/ha/rules', { resource: 'ct:101' });
    expect(ofResource.data).toMatchObject([{ rule: 'apart' }]);

    const stale = { type: 'node-affinity', comment: 'x', digest: '0'.repeat(40) };
    expect(await lab.call('PUT', '/cluster/ha/rules/near', stale)).toMatchObject({
      status: 500,
      message: expect.stringContaining('detected modified configuration'),
    });
    await lab.call('PUT', '/cluster/ha/rules/near', { type: 'node-affinity', disable: 1, delete: 'strict' });
    const changed = await lab.call('GET', '/cluster/ha/rules/near');
    expect(changed.data).toMatchObject({ disable: 1, nodes: 'pve1:2,pve2' });
    expect(changed.data).not.toHaveProperty('strict');
    await lab.call('DELETE', '/cluster/ha/rules/near');
    expect(await lab.call('GET', '/cluster/ha/rules/near')).toMatchObject({
      status: 500,
      message: "no such ha rule 'near'",
    });
  });

  it.each([
    [
      'an unmanaged service',
      { resources: 'ct:777', nodes: 'pve1' },
      500,
      'cannot use unmanaged resource(s) ct:777.',
    ],
    ['no nodes', { resources: 'ct:100' }, 400, 'Parameter verification failed.'],
    [
      'a setting of the other type',
      { resources: 'ct:100', nodes: 'pve1', affinity: 'negative' },
      400,
      /verification/,
    ],
    ['no type', { resources: 'ct:100', nodes: 'pve1', type: '' }, 400, /verification/],
  ] as const)('are refused for %s', async (_name, params, status, text) => {
    const lab = await managed([100]);
    const answer = await lab.call('POST', '/cluster/ha/rules', {
      rule: 'r1',
      type: 'node-affinity',
      ...params,
    });
    expect(answer.status).toBe(status);
    expect(answer.message).toMatch(text);
    expect((await lab.call('GET', '/cluster/ha/rules')).data).toEqual([]);
  });

  it('lose a service that is removed, and go with their last one', async () => {
    const lab = await managed([100, 101]);
    const together = {
      rule: 'r1',
      type: 'resource-affinity',
      resources: 'ct:100,ct:101',
      affinity: 'positive',
    };
    await lab.call('POST', '/cluster/ha/rules', together);
    await lab.call('DELETE', '/cluster/ha/resources/ct:100');
    expect((await lab.call('GET', '/cluster/ha/rules')).data).toMatchObject([{ resources: 'ct:101' }]);
    await lab.task('DELETE', '/nodes/pve1/lxc/101', { purge: 1 });
    expect((await lab.call('GET', '/cluster/ha/rules')).data).toEqual([]);
  });
});

describe('moving a service', () => {
  const moved = async (lab: Bench): Promise<void> => {
    await lab.clock.advance(60_000);
    await lab.sim.settle();
  };

  it('takes along what must stay with it, in the next round of the manager', async () => {
    const lab = await managed([100, 101, 102]);
    const together = {
      rule: 'r1',
      type: 'resource-affinity',
      resources: 'ct:100,ct:101',
      affinity: 'positive',
    };
    await lab.call('POST', '/cluster/ha/rules', together);
    const before = await lab.call('GET', '/nodes/pve1/lxc/100/migrate');
    expect(before.data).toMatchObject({
      'dependent-ha-resources': ['ct:101'],
      'allowed-nodes': ['pve2', 'pve3'],
    });
    const answer = await lab.call('POST', '/cluster/ha/resources/100/migrate', { node: 'pve2' });
    expect(answer.data).toEqual({
      sid: 'ct:100',
      'requested-node': 'pve2',
      'comigrated-resources': ['ct:101'],
    });
    await moved(lab);
    expect([100, 101, 102].map((vmid) => lab.container(vmid).node)).toEqual(['pve2', 'pve2', 'pve1']);
  });

  it('restarts a running container on the way', async () => {
    const lab = await managed([100]);
    await lab.call('PUT', '/cluster/ha/resources/ct:100', { state: 'started' });
    await moved(lab);
    const { pid } = lab.container(100).runtime ?? { pid: 0 };
    expect(pid).toBeGreaterThan(0);
    await lab.call('POST', '/cluster/ha/resources/ct:100/relocate', { node: 'pve3' });
    await moved(lab);
    expect(lab.container(100)).toMatchObject({ node: 'pve3', runtime: { pid: expect.any(Number) } });
    expect(lab.container(100).runtime?.pid).not.toBe(pid);
  });

  it('is kept from nodes by rules', async () => {
    const lab = await managed([100, 101]);
    await lab.call('POST', '/cluster/ha/resources/ct:101/migrate', { node: 'pve2' });
    await moved(lab);
    const apart = { rule: 'r1', type: 'resource-affinity', resources: 'ct:100,ct:101', affinity: 'negative' };
    const near = { rule: 'r2', type: 'node-affinity', resources: 'ct:100', nodes: 'pve1,pve2', strict: 1 };
    await lab.call('POST', '/cluster/ha/rules', apart);
    await lab.call('POST', '/cluster/ha/rules', near);
    const { data } = await lab.call('GET', '/nodes/pve1/lxc/100/migrate');
    expect(data).toMatchObject({
      'allowed-nodes': [],
      'not-allowed-nodes': {
        pve2: { 'blocking-ha-resources': [{ sid: 'ct:101', cause: 'resource-affinity' }] },
        pve3: { 'blocking-ha-resources': [{ sid: 'ct:100', cause: 'node-affinity' }] },
      },
    });
    const refused = await lab.call('POST', '/cluster/ha/resources/ct:100/migrate', { node: 'pve2' });
    expect(refused.data).toMatchObject({ 'blocking-resources': [{ sid: 'ct:101' }] });
    await moved(lab);
    expect(lab.container(100).node).toBe('pve1');
  });

  it('shows in the state of the manager', async () => {
    const lab = await managed([100]);
    const { data } = await lab.call('GET', '/cluster/ha/status/manager_status');
    expect(data).toMatchObject({
      quorum: { node: 'pve1', quorate: 1 },
      manager_status: {
        master_node: 'pve1',
        node_status: { pve1: 'online', pve2: 'online', pve3: 'online' },
        service_status: { 'ct:100': { node: 'pve1', state: 'stopped' } },
      },
      lrm_status: { pve3: { mode: 'active', state: 'active' } },
    });
    expect(await lab.call('POST', '/cluster/ha/resources/ct:777/migrate', { node: 'pve2' })).toMatchObject({
      status: 500,
      message: "no such resource 'ct:777'",
    });
  });
});

describe('replication', () => {
  it('runs by its calendar, tells of it, and goes when it shall', async () => {
    const lab = bench('cluster');
    await lab.create(100, onZfs);
    const job = { id: '100-0', type: 'local', target: 'pve2', schedule: '*/5', comment: 'twice is better' };
    expect(await lab.call('POST', '/cluster/replication', job)).toMatchObject({ status: 200, data: null });
    const list = await lab.call('GET', '/cluster/replication');
    expect(list.data).toEqual([{ ...job, guest: 100, jobnum: 0 }]);
    const fresh = await lab.call('GET', '/nodes/pve1/replication/100-0/status');
    expect(fresh.data).toMatchObject({ source: 'pve1', vmtype: 'lxc', last_sync: 0, fail_count: 0 });
    await lab.clock.advance(6 * 60_000);
    const synced = await lab.call('GET', '/nodes/pve1/replication', { guest: 100 });
    const [row] = synced.data as [{ last_sync: number; next_sync: number }];
    expect(row.last_sync % 300).toBe(0);
    expect(row.next_sync - row.last_sync).toBe(300);
    const log = await lab.call('GET', '/nodes/pve1/replication/100-0/log');
    expect(log.data).toMatchObject([
      { n: 1, t: expect.stringContaining('start replication job') },
      { n: 2, t: expect.stringContaining('volumes => local-zfs:subvol-100-disk-0') },
      { n: 3, t: expect.stringContaining('end replication job') },
    ]);
    expect((await lab.call('GET', '/nodes/pve2/replication')).data).toEqual([]);
    await lab.call('DELETE', '/cluster/replication/100-0');
    expect((await lab.call('GET', '/cluster/replication')).data).toMatchObject([{ remove_job: 'full' }]);
    await lab.clock.advance(60_000);
    expect((await lab.call('GET', '/cluster/replication')).data).toEqual([]);
  });

  it('fails where a volume cannot be sent, and says why', async () => {
    const lab = bench('cluster');
    await lab.create(100, { rootfs: 'local-lvm:1' });
    await lab.call('POST', '/cluster/replication', { id: '100-0', type: 'local', target: 'pve2' });
    await lab.call('POST', '/nodes/pve1/replication/100-0/schedule_now');
    const { data } = await lab.call('GET', '/nodes/pve1/replication/100-0/status');
    expect(data).toMatchObject({
      last_sync: 0,
      fail_count: 1,
      error: "missing replicate feature on volume 'local-lvm:vm-100-disk-0'",
    });
  });

  it('keeps a container from being destroyed, and from volumes that cannot follow', async () => {
    const lab = bench('cluster');
    await lab.create(100, onZfs);
    await lab.call('POST', '/cluster/replication', { id: '100-0', type: 'local', target: 'pve2' });
    expect(await lab.call('DELETE', '/nodes/pve1/lxc/100')).toMatchObject({
      status: 500,
      message: "There is a replication job '100-0' for guest '100' - Please remove that first.",
    });
    const mp = (storage: string, more = ''): Promise<{ status: number; message: string }> =>
      lab.call('PUT', '/nodes/pve1/lxc/100/config', { mp0: `${storage}:1,mp=/srv${more}` });
    expect(await mp('local-lvm')).toMatchObject({
      status: 500,
      message: 'cannot add non-replicatable volume to a replicated VM',
    });
    expect(await mp('local-lvm', ',replicate=0')).toMatchObject({ status: 200 });
    const done = await lab.task('DELETE', '/nodes/pve1/lxc/100', { purge: 1 });
    expect(done.exitstatus).toBe('OK');
    expect((await lab.call('GET', '/cluster/replication')).data).toEqual([]);
  });

  it.each([
    ['the node it is on', { target: 'pve1' }, /already on node 'pve1'/],
    ['a node that is not there', { target: 'pve9' }, /no such cluster node 'pve9'/],
    ['a guest that is not there', { id: '777-0', target: 'pve2' }, /777/],
    ['a second job to the same node', { id: '100-1', target: 'pve3' }, /to target 'pve3' already exists/],
    ['an id that is taken', { target: 'pve2' }, /replication job '100-0' already exists/],
  ])('is refused for %s', async (_name, params, text) => {
    const lab = bench('cluster');
    await lab.create(100, onZfs);
    await lab.call('POST', '/cluster/replication', { id: '100-0', type: 'local', target: 'pve3' });
    const answer = await lab.call('POST', '/cluster/replication', { id: '100-0', type: 'local', ...params });
    expect(answer.status).toBe(500);
    expect(answer.message).toMatch(text);
  });
});

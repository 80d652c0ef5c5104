import { describe, expect, test } from 'vitest';
import { type Lab, makeContainer, makeLab, type Row } from './support.ts';

const running = (lab: Lab): number[] =>
  Object.values(lab.sim.state.containers)
    .filter((container) => container.runtime !== null)
    .map(({ vmid }) => vmid);

async function three(): Promise<Lab> {
  const lab = makeLab();
  await makeContainer(lab, 200, { onboot: 1 });
  await makeContainer(lab, 201, { onboot: 1, startup: 'order=1,up=7' });
  await makeContainer(lab, 202);
  return lab;
}

describe('all guests of a node', () => {
  test('startall starts those that start at boot, in their order, with their delays', async () => {
    const lab = await three();
    const from = lab.sim.clock.now();
    const { exitstatus, log, type, id } = await lab.task('POST', '/nodes/pve1/startall');
    expect({ exitstatus, type, id }).toEqual({ exitstatus: 'OK', type: 'startall', id: '' });
    expect(log).toEqual([
      'Starting CT 201',
      'Waiting for 7 seconds (startup delay)',
      'Starting CT 200',
      'TASK OK',
    ]);
    expect(lab.sim.clock.now() - from).toBeGreaterThan(7000);
    expect(running(lab)).toEqual([200, 201]);
  });

  test('force starts the others too; a failure only warns', async () => {
    const lab = await three();
    await lab.ok('PUT', '/nodes/pve1/lxc/202/config', { lock: 'backup' });
    const { exitstatus, log } = await lab.task('POST', '/nodes/pve1/startall', { force: 1, vms: '200,202' });
    expect(exitstatus).toBe('WARNINGS: 1');
    expect(log).toContain('WARN: Starting CT 202 failed: CT is locked (backup)');
    expect(running(lab)).toEqual([200]);
  });

  test('stopall stops what runs, backwards', async () => {
    const lab = await three();
    await lab.task('POST', '/nodes/pve1/startall', { force: 1 });
    const { log } = await lab.task('POST', '/nodes/pve1/stopall', { 'max-workers': 1, timeout: 30 });
    expect(log).toEqual([
      'Stopping CT 202 (timeout = 30 seconds)',
      'Stopping CT 200 (timeout = 30 seconds)',
      'Stopping CT 201 (timeout = 30 seconds)',
      'TASK OK',
    ]);
    expect(running(lab)).toEqual([]);
  });

  test.each([
    ['/nodes/pve1/startall', {}, '/, VM.PowerMgmt'],
    ['/nodes/pve1/stopall', { vms: '200' }, '/vms/200, VM.PowerMgmt'],
    ['/cluster/bulk-action/guest/start', {}, '/, VM.PowerMgmt'],
    ['/cluster/bulk-action/guest/shutdown', { vms: [200, 201] }, '/vms/200, VM.PowerMgmt'],
  ])('an auditor may not %s %o', async (path, params, what) => {
    const lab = await three();
    expect(await lab.call('POST', path, params, 'auditor')).toMatchObject({
      status: 403,
      reason: `Permission check failed (${what})`,
    });
  });

  test('containers cannot be suspended in bulk', async () => {
    const lab = await three();
    await lab.task('POST', '/nodes/pve1/startall');
    const { log } = await lab.task('POST', '/nodes/pve1/suspendall');
    expect(log).toContain('Skipping CT 200, only VMs can be suspended');
    expect(running(lab)).toEqual([200, 201]);
  });
});

describe('bulk actions of the cluster', () => {
  test('start warns of what runs already; shutdown of what does not', async () => {
    const lab = await three();
    await lab.task('POST', '/nodes/pve1/lxc/200/status/start');
    const start = await lab.task('POST', '/cluster/bulk-action/guest/start', { vms: [200, 202] });
    expect(start).toMatchObject({ type: 'bulk-start', exitstatus: 'WARNINGS: 1' });
    expect(start.log).toContain('WARN: Skipping CT 200, already running.');
    expect(running(lab)).toEqual([200, 202]);
    const stop = await lab.task('POST', '/cluster/bulk-action/guest/shutdown', { vms: [201, 202] });
    expect(stop.log).toContain('WARN: Skipping CT 201, not running.');
    expect(running(lab)).toEqual([200]);
  });

  test('failures are counted at the end', async () => {
    const lab = await three();
    await lab.ok('PUT', '/nodes/pve1/lxc/202/config', { lock: 'backup' });
    const { exitstatus } = await lab.task('POST', '/cluster/bulk-action/guest/start', { vms: [200, 202] });
    expect(exitstatus).toBe('Some guests failed to start: 202');
    expect(running(lab)).toEqual([200]);
  });
});

test('migrateall takes the containers of a node to another one', async () => {
  const lab = makeLab('cluster');
  const { state } = lab.sim;
  const [first = '', second = ''] = Object.keys(state.nodes);
  const from = Object.values(state.containers).filter(({ node }) => node === first);
  const result = await lab.task('POST', `/nodes/${first}/migrateall`, { target: second });
  expect(result.type).toBe('migrateall');
  expect(result.log.filter((line) => line.startsWith('Migrating CT')).length).toBe(from.length);
  expect((await lab.call('POST', `/nodes/${first}/migrateall`, { target: first })).errors).toEqual({
    target: 'target is local node.',
  });
});

describe('high availability', () => {
  test('a resource is made, shown, changed and removed', async () => {
    const lab = await three();
    await lab.ok('POST', '/cluster/ha/resources', { sid: '200', comment: 'c', max_restart: 3 });
    expect(await lab.ok('GET', '/cluster/ha/resources/ct:200')).toMatchObject({
      sid: 'ct:200',
      type: 'ct',
      comment: 'c',
      max_restart: 3,
    });
    expect(await lab.call('POST', '/cluster/ha/resources', { sid: 'ct:200' })).toMatchObject({
      status: 500,
      reason: "create resource failed: resource ID 'ct:200' already defined",
    });
    await lab.ok('PUT', '/cluster/ha/resources/ct:200', { state: 'stopped', delete: 'comment' });
    const [row] = (await lab.ok('GET', '/cluster/ha/resources')) as Row[];
    expect(row).toMatchObject({ sid: 'ct:200', state: 'stopped' });
    expect(row).not.toHaveProperty('comment');
    const guests = (await lab.ok('GET', '/cluster/resources', { type: 'vm' })) as Row[];
    expect(guests.find((guest) => guest['vmid'] === 200)).toMatchObject({ hastate: 'stopped' });
    await lab.ok('DELETE', '/cluster/ha/resources/ct:200');
    expect(await lab.ok('GET', '/cluster/ha/resources')).toEqual([]);
  });

  test.each([
    [{ sid: 'ct:299' }, "resource 'ct:299' does not exist in cluster"],
    [{ sid: 'ct:200', group: 'grp' }, "invalid parameter 'group': ha groups have been migrated to rules"],
  ])('%o is refused', async (params, reason) => {
    const lab = await three();
    expect(await lab.call('POST', '/cluster/ha/resources', params)).toMatchObject({ status: 500, reason });
  });

  test('the manager brings a container to the state that is asked for, some seconds later', async () => {
    const lab = await three();
    await lab.ok('POST', '/cluster/ha/resources', { sid: 'ct:200', state: 'started' });
    const services = async (): Promise<unknown> =>
      ((await lab.ok('GET', '/cluster/ha/status/current')) as Row[]).find((row) => row['type'] === 'service');
    expect(await services()).toMatchObject({ sid: 'ct:200', state: 'starting', request_state: 'started' });
    await lab.advance(8000);
    await lab.sim.settle();
    expect(running(lab)).toEqual([200]);
    expect(await services()).toMatchObject({ state: 'started' });
  });

  test('without resources the manager of a single node stands by', async () => {
    const rows = (await makeLab().ok('GET', '/cluster/ha/status/current')) as Row[];
    expect(rows.map((row) => row['id'])).toEqual(['quorum', 'fencing']);
  });
});

describe('pools', () => {
  test('a failing change leaves everything as it was', async () => {
    const lab = await three();
    const before = structuredClone(lab.sim.state.pools);
    const answer = await lab.call('PUT', '/pools', { poolid: 'lab', comment: 'new', vms: '200,200' });
    expect(answer.reason).toBe('update pools failed: VM 200 is already a pool member');
    expect(lab.sim.state.pools).toEqual(before);
  });

  test('adding a guest needs a right on the guest, moving it one on its old pool', async () => {
    const lab = await three();
    await lab.ok('PUT', '/access/acl', { path: '/pool/lab', users: 'auditor@pve', roles: 'PVEPoolAdmin' });
    expect(await lab.call('PUT', '/pools', { poolid: 'lab', vms: '200' }, 'auditor')).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/vms/200, Permissions.Modify|VM.Allocate)',
    });
    await lab.ok('PUT', '/pools', { poolid: 'lab', vms: '200' }, 'operator');
    expect(lab.sim.state.pools['lab']?.vms).toEqual([200]);
  });

  test('members are guests and storages; a type narrows them', async () => {
    const lab = await three();
    await lab.ok('PUT', '/pools', { poolid: 'lab', vms: '200,201,999', storage: 'local' });
    const kinds = async (params: Record<string, string>): Promise<unknown> => {
      const pool = (await lab.ok('GET', '/pools/lab', params)) as { members: Row[] };
      return pool.members.map((row) => row['id']);
    };
    expect(await kinds({})).toEqual(['lxc/200', 'lxc/201', 'storage/pve1/local']);
    expect(await kinds({ type: 'lxc' })).toEqual(['lxc/200', 'lxc/201']);
    expect(await kinds({ type: 'storage' })).toEqual(['storage/pve1/local']);
  });
});

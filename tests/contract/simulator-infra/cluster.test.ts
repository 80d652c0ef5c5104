import { describe, expect, test } from 'vitest';
import { makeContainer, makeLab, type Row } from './support.ts';

const guests = async (lab: ReturnType<typeof makeLab>, as?: string): Promise<Row[]> =>
  (await lab.ok('GET', '/cluster/resources', { type: 'vm' }, as)) as Row[];

describe('/cluster/resources', () => {
  test('a fresh container is unknown and nameless until the next broadcast, but its tags and pool are live', async () => {
    const lab = makeLab();
    await makeContainer(lab, 200, { tags: 'b;a', pool: 'lab', memory: 128 });
    expect(await guests(lab)).toEqual([
      { id: 'lxc/200', type: 'lxc', vmid: 200, node: 'pve1', status: 'unknown', tags: 'a;b', pool: 'lab' },
    ]);
    await lab.advance(10_000);
    expect(await guests(lab)).toMatchObject([
      {
        vmid: 200,
        status: 'stopped',
        name: 'c200',
        maxmem: 128 * 1024 ** 2,
        maxdisk: 512 * 1024 ** 2,
        template: 0,
      },
    ]);
  });

  test('a new name and a start are seen with the next broadcast, a lock and new tags at once', async () => {
    const lab = makeLab();
    await makeContainer(lab, 200);
    await lab.advance(10_000);
    await guests(lab);
    await lab.ok('PUT', '/nodes/pve1/lxc/200/config', { hostname: 'renamed', tags: 'x' });
    expect(await guests(lab)).toMatchObject([{ name: 'c200', tags: 'x', status: 'stopped' }]);
    await lab.advance(10_000);
    await lab.task('POST', '/nodes/pve1/lxc/200/status/start');
    expect(await guests(lab)).toMatchObject([{ name: 'renamed', status: 'stopped' }]);
    await lab.advance(10_000);
    const [row] = await guests(lab);
    expect(row).toMatchObject({ status: 'running' });
    expect(row?.['uptime']).toBeGreaterThan(0);
    await lab.ok('PUT', '/nodes/pve1/lxc/200/config', { lock: 'backup' });
    expect(await guests(lab)).toMatchObject([{ lock: 'backup' }]);
  });

  test.each([
    ['root', ['lxc', 'network', 'node', 'pool', 'storage', 'storage']],
    ['auditor', ['lxc', 'network', 'node', 'pool', 'storage', 'storage']],
  ])('%s sees %o', async (as, types) => {
    const lab = makeLab();
    await makeContainer(lab, 200);
    const rows = (await lab.ok('GET', '/cluster/resources', {}, as)) as Row[];
    expect(rows.map((row) => String(row['type'])).toSorted()).toEqual(types);
  });

  test('without rights there are only the nodes, without their metrics', async () => {
    const lab = makeLab();
    await makeContainer(lab, 200);
    lab.sim.state.acls = lab.sim.state.acls.filter((acl) => acl.ugid !== 'auditor@pve');
    expect(await lab.ok('GET', '/cluster/resources', {}, 'auditor')).toEqual([
      { id: 'node/pve1', type: 'node', node: 'pve1', status: 'online', level: '', 'cgroup-mode': 1 },
    ]);
  });

  test('guests of a node that is off are unknown, the node is offline', async () => {
    const lab = makeLab('cluster');
    const { state } = lab.sim;
    const [, second] = Object.keys(state.nodes);
    const node = state.nodes[second ?? ''];
    if (!node) throw new Error('the seed has one node only');
    state.vms[900] = { vmid: 900, node: node.name, name: 'machine', status: 'running', config: {} };
    await lab.advance(10_000);
    expect(await guests(lab)).toContainEqual(
      expect.objectContaining({ vmid: 900, status: 'running', type: 'qemu' }),
    );
    node.status = 'offline';
    await lab.advance(10_000);
    expect(await guests(lab)).toContainEqual(expect.objectContaining({ vmid: 900, status: 'unknown' }));
    const nodes = (await lab.ok('GET', '/nodes')) as Row[];
    expect(nodes.find((row) => row['node'] === node.name)).toMatchObject({ status: 'offline' });
  });
});

describe('/cluster/nextid', () => {
  test.each([
    ['the lowest id of all', {}, [], '100'],
    ['ids of containers and machines are taken', {}, [100, 101], '102'],
    ['the range of the datacenter', { 'next-id': { lower: '500', upper: '502' } }, [500], '501'],
  ])('%s', async (_name, options, taken, want) => {
    const lab = makeLab();
    Object.assign(lab.sim.state.options, options);
    for (const vmid of taken)
      lab.sim.state.vms[vmid] = { vmid, node: 'pve1', name: `m${vmid}`, status: 'stopped', config: {} };
    expect(await lab.ok('GET', '/cluster/nextid')).toBe(want);
  });

  test('a full range is an error', async () => {
    const lab = makeLab();
    lab.sim.state.options['next-id'] = { lower: '500', upper: '500' };
    expect(await lab.call('GET', '/cluster/nextid')).toMatchObject({
      status: 500,
      reason: 'unable to get any free VMID in range [500, 500]',
    });
  });
});

test('a cluster shows itself, a single node only the node', async () => {
  const single = (await makeLab().ok('GET', '/cluster/status')) as Row[];
  expect(single.map((row) => row['type'])).toEqual(['node']);
  const lab = makeLab('cluster');
  const rows = (await lab.ok('GET', '/cluster/status')) as Row[];
  const nodes = Object.keys(lab.sim.state.nodes);
  expect(rows[0]).toMatchObject({ type: 'cluster', nodes: nodes.length, quorate: 1 });
  expect(rows.slice(1).map((row) => row['name'])).toEqual(nodes);
  expect(rows.slice(1).map((row) => row['local'])).toEqual([1, ...nodes.slice(1).map(() => 0)]);
});

test('options: properties as objects, allowed tags by right, deletion', async () => {
  const lab = makeLab();
  await makeContainer(lab, 200, { tags: 'web' });
  await lab.ok('PUT', '/cluster/options', {
    'registered-tags': 'gold',
    'user-tag-access': 'user-allow=list,user-allow-list=green',
  });
  expect(await lab.ok('GET', '/cluster/options')).toMatchObject({
    'registered-tags': ['gold'],
    'user-tag-access': { 'user-allow': 'list', 'user-allow-list': ['green'] },
    'allowed-tags': ['gold', 'green', 'web'],
  });
  expect(await lab.ok('GET', '/cluster/options', {}, 'operator')).toMatchObject({
    'allowed-tags': ['green'],
  });
  await lab.ok('PUT', '/cluster/options', { delete: 'registered-tags,user-tag-access' });
  expect(await lab.ok('GET', '/cluster/options')).not.toHaveProperty('registered-tags');
});

test('the log of the cluster tells of tasks, newest first', async () => {
  const lab = makeLab();
  await makeContainer(lab, 200);
  const log = (await lab.ok('GET', '/cluster/log', { max: 2 })) as Row[];
  expect(log.map((row) => String(row['msg']).replace(/UPID:\S+:vz/, 'vz'))).toEqual([
    'end task vzcreate:200:root@pam!oracle: OK',
    'starting task vzcreate:200:root@pam!oracle:',
  ]);
});

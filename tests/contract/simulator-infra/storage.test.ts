import { describe, expect, test } from 'vitest';
import { makeContainer, makeLab, type Row } from './support.ts';

const rowsOf = (data: unknown, key: string): unknown[] => (data as Row[]).map((row) => row[key]);

describe('configuration', () => {
  test.each([
    [
      { storage: 'local', type: 'dir', path: '/x' },
      500,
      "create storage failed: storage ID 'local' already defined",
    ],
    [{ storage: 's2', type: 'dir' }, 500, "missing value for required option 'path'"],
    [{ storage: 's2', type: 'dir', path: '/x', vgname: 'v' }, 500, "unexpected property 'vgname'"],
    [{ storage: 's2', type: 'cephfs' }, 501, "storage type 'cephfs' is not simulated"],
  ])('POST %o is refused', async (params, status, reason) => {
    expect(await makeLab().call('POST', '/storage', params)).toMatchObject({ status, reason });
  });

  test.each([
    ['PUT', '/storage/nosuch', { disable: 1 }, "update storage failed: storage 'nosuch' does not exist"],
    [
      'PUT',
      '/storage/local',
      { digest: '0'.repeat(40), disable: 1 },
      'update storage failed: detected modified configuration - file changed by other user? Try again.',
    ],
    ['DELETE', '/storage/nosuch', {}, "delete storage failed: storage 'nosuch' does not exist"],
  ])('%s %s is refused', async (method, path, params, reason) => {
    expect(await makeLab().call(method, path, params)).toMatchObject({ status: 500, reason });
  });

  test('removing a storage takes its rights and its place in pools along', async () => {
    const lab = makeLab();
    await lab.ok('POST', '/storage', { storage: 's2', type: 'dir', path: '/srv/s2', content: 'iso' });
    await lab.ok('PUT', '/pools', { poolid: 'lab', storage: 's2' });
    await lab.ok('PUT', '/access/acl', {
      path: '/storage/s2',
      users: 'nobody@pve',
      roles: 'PVEDatastoreUser',
    });
    await lab.ok('DELETE', '/storage/s2');
    expect(lab.sim.state.pools['lab']?.storages).toEqual([]);
    expect(lab.sim.state.acls.some(({ path }) => path === '/storage/s2')).toBe(false);
  });

  test('the digest changes with every change, and is the same for all entries', async () => {
    const lab = makeLab();
    const before = rowsOf(await lab.ok('GET', '/storage'), 'digest');
    expect(new Set(before).size).toBe(1);
    await lab.ok('PUT', '/storage/local', { digest: String(before[0]), content: 'iso' });
    expect(rowsOf(await lab.ok('GET', '/storage'), 'digest')[0]).not.toBe(before[0]);
  });
});

describe('storages of a node', () => {
  test('another node does not see what is kept to one, nor a filter what is switched off', async () => {
    const lab = makeLab('cluster');
    const [first = '', second = ''] = Object.keys(lab.sim.state.nodes);
    await lab.ok('POST', '/storage', {
      storage: 'only',
      type: 'dir',
      path: '/srv/only',
      content: 'iso',
      nodes: first,
    });
    const state = async (node: string, params: Record<string, string | number>): Promise<unknown> =>
      (await lab.ok('GET', `/nodes/${node}/storage`, { storage: 'only', ...params })) as Row[];
    expect(await state(first, {})).toMatchObject([{ active: 1, enabled: 1 }]);
    expect(await state(second, {})).toMatchObject([{ active: 0, enabled: 0, total: 0 }]);
    expect(await state(second, { enabled: 1 })).toEqual([]);
    expect(
      await lab.call('GET', `/nodes/${second}/storage`, { storage: 'only', content: 'iso' }),
    ).toMatchObject({
      status: 400,
      errors: { storage: 'No such storage.' },
    });
  });

  test('only shared storages can be reached from a target', async () => {
    const lab = makeLab('cluster');
    const [first = '', second = ''] = Object.keys(lab.sim.state.nodes);
    const rows = (await lab.ok('GET', `/nodes/${first}/storage`, { target: second })) as Row[];
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((row) => row['shared'] === 1)).toBe(true);
  });

  test('space adds up, and formats are told on request', async () => {
    const [row] = (await makeLab().ok('GET', '/nodes/pve1/storage', {
      storage: 'local',
      format: 1,
    })) as Row[];
    const { total, used, avail } = row as Record<string, number>;
    expect((used ?? 0) + (avail ?? 0)).toBe(total);
    expect(row?.['used_fraction']).toBeCloseTo((used ?? 0) / (total ?? 1));
    expect(row?.['formats']).toMatchObject({ default: 'raw' });
  });
});

describe('volumes', () => {
  test.each([
    ['GET', 'btrfs', 'local:vztmpl/x.tar.gz', {}, 400, { volume: 'storage ID mismatch (local != btrfs)\n' }],
    ['GET', 'local', 'vztmpl/x.tar.gz', {}, 500, undefined],
    ['GET', 'local', 'nonsense', {}, 500, undefined],
    ['DELETE', 'local', 'local:nonsense', {}, 500, undefined],
  ])('%s on %s: %s', async (method, storage, volume, params, status, errors) => {
    const answer = await makeLab().call(
      method,
      `/nodes/pve1/storage/${storage}/content/${encodeURIComponent(volume)}`,
      params,
    );
    expect(answer.status).toBe(status);
    expect(answer.errors).toEqual(errors);
  });

  test('a name without storage means the storage of the path', async () => {
    const lab = makeLab();
    const name = encodeURIComponent('vztmpl/alpine-3.22-default_20250617_amd64.tar.xz');
    expect(await lab.ok('GET', `/nodes/pve1/storage/local/content/${name}`)).toMatchObject({ format: 'raw' });
  });

  test.each([
    ['vm-200-disk-1.qcow2', { format: 'raw' }, 400, { format: 'different storage formats (raw != qcow2)' }],
    ['disk.raw', {}, 500, undefined],
    ['vm-200-disk-1.raw', {}, 200, undefined],
    ['vm-200-disk-1.qcow2', {}, 200, undefined],
  ])('allocating %s %o', async (filename, params, status, errors) => {
    const answer = await makeLab().call('POST', '/nodes/pve1/storage/local/content', {
      vmid: 200,
      filename,
      size: '8M',
      ...params,
    });
    expect(answer.status).toBe(status);
    expect(answer.errors).toEqual(errors);
  });

  test('an auditor sees templates but no disks, the operator both, until he loses the right on the container', async () => {
    const lab = makeLab();
    await makeContainer(lab, 200);
    const kinds = async (as: string): Promise<string[]> => {
      const rows = await lab.ok('GET', '/nodes/pve1/storage/local/content', {}, as);
      return [...new Set(rowsOf(rows, 'content').map(String))].toSorted();
    };
    expect(await kinds('auditor')).toEqual(['vztmpl']);
    expect(await kinds('operator')).toEqual(['rootdir', 'vztmpl']);
    await lab.ok('PUT', '/access/acl', { path: '/vms/200', users: 'automation@pve', roles: 'NoAccess' });
    expect(await kinds('operator')).toEqual(['vztmpl']);
  });

  test('deleting with a delay waits for the task, and tells its failure', async () => {
    const lab = makeLab();
    const content = '/nodes/pve1/storage/local/content';
    await lab.ok('POST', content, { vmid: 200, filename: 'vm-200-disk-1.raw', size: '8M' });
    expect(await lab.ok('DELETE', `${content}/local:200%2Fvm-200-disk-1.raw`, { delay: 5 })).toBeNull();
    await makeContainer(lab, 200);
    await lab.task('POST', '/nodes/pve1/vzdump', { vmid: 200, storage: 'local', protected: 1 });
    const [row] = (await lab.ok('GET', content, { content: 'backup' })) as Row[];
    const path = `${content}/${encodeURIComponent(String(row?.['volid']))}`;
    const answer = await lab.call('DELETE', path, { delay: 5 });
    expect(answer.status).toBe(500);
    expect(answer.reason).toMatch(/^cannot remove protected volume 'backup\/vzdump-lxc-200-/);
  });

  test('only backups have notes and protection', async () => {
    const lab = makeLab();
    const path = '/nodes/pve1/storage/local/content/local:vztmpl%2Falpine-3.22-default_20250617_amd64.tar.xz';
    expect(await lab.call('PUT', path, { notes: 'x' })).toMatchObject({
      status: 500,
      reason: "only backups support attribute 'notes'",
    });
  });

  test('a volume of a template that has linked clones stays', async () => {
    const lab = makeLab('small');
    const [node = ''] = Object.keys(lab.sim.state.nodes);
    const volume = {
      storage: 'local-lvm',
      node,
      content: 'rootdir',
      format: 'raw',
      sizeBytes: 1,
      usedBytes: 1,
      ctime: 1,
      snapshots: [],
    } as const;
    lab.sim.state.volumes[`${node}|local-lvm:base-100-disk-0`] = {
      ...volume,
      snapshots: [],
      volid: 'local-lvm:base-100-disk-0',
      vmid: 100,
    };
    lab.sim.state.volumes[`${node}|local-lvm:vm-101-disk-0`] = {
      ...volume,
      snapshots: [],
      volid: 'local-lvm:vm-101-disk-0',
      vmid: 101,
      parent: 'local-lvm:base-100-disk-0',
    };
    const result = await lab.task(
      'DELETE',
      `/nodes/${node}/storage/local-lvm/content/local-lvm:base-100-disk-0`,
    );
    expect(result.exitstatus).toBe("base volume 'base-100-disk-0' is still in use by linked clones");
  });

  test('pruning removes what the retention does not keep, and says so beforehand', async () => {
    const lab = makeLab();
    await makeContainer(lab, 200);
    for (let round = 0; round < 3; round++) {
      await lab.task('POST', '/nodes/pve1/vzdump', { vmid: 200, storage: 'local' });
      await lab.advance(60_000);
    }
    const path = '/nodes/pve1/storage/local/prunebackups';
    const preview = (await lab.ok('GET', path, { 'prune-backups': 'keep-last=1' })) as Row[];
    expect(rowsOf(preview, 'mark')).toEqual(['keep', 'remove', 'remove']);
    const result = await lab.task('DELETE', path, { 'prune-backups': 'keep-last=1', vmid: 200 });
    expect(result).toMatchObject({ type: 'prunebackups', id: '200@local', exitstatus: 'OK' });
    const left = await lab.ok('GET', '/nodes/pve1/storage/local/content', { content: 'backup' });
    expect(rowsOf(left, 'volid')).toEqual([preview[0]?.['volid']]);
  });
});

import { describe, expect, test } from 'vitest';
import { type Lab, makeContainer, makeLab, type Params, type Row } from './support.ts';

const backups = async (lab: Lab): Promise<Row[]> =>
  (await lab.ok('GET', '/nodes/pve1/storage/local/content', { content: 'backup' })) as Row[];

/** A lab with container 200 and whatever it needs. */
async function one(params: Params = {}): Promise<Lab> {
  const lab = makeLab();
  await makeContainer(lab, 200, params);
  return lab;
}

describe('vzdump', () => {
  test.each([
    ['zstd', 'tar.zst'],
    ['gzip', 'tar.gz'],
    ['lzo', 'tar.lzo'],
    ['0', 'tar'],
  ])('compress=%s makes a %s', async (compress, format) => {
    const lab = await one();
    await lab.task('POST', '/nodes/pve1/vzdump', { vmid: 200, storage: 'local', compress });
    expect(await backups(lab)).toMatchObject([{ format, vmid: 200, subtype: 'lxc' }]);
  });

  test('the log tells what is saved and what is not', async () => {
    const lab = await one({ mp0: 'local:0.25,mp=/data', mp1: 'local:0.25,mp=/saved,backup=1' });
    const { log } = await lab.task('POST', '/nodes/pve1/vzdump', {
      vmid: 200,
      storage: 'local',
      mode: 'stop',
      compress: 'zstd',
    });
    expect(log[0]).toBe(
      'INFO: starting new backup job: vzdump 200 --storage local --mode stop --compress zstd',
    );
    expect(log).toContain("INFO: including mount point rootfs ('/') in backup");
    expect(log).toContain("INFO: excluding volume mount point mp0 ('/data') from backup (disabled)");
    expect(log).toContain("INFO: including mount point mp1 ('/saved') in backup");
    expect(log.slice(-2)).toEqual(['INFO: Backup job finished successfully', 'TASK OK']);
  });

  test.each([
    ['snapshot', "INFO: trying 'suspend' mode instead", 'INFO: backup mode: suspend'],
    ['stop', 'INFO: stopping vm', 'INFO: restarting vm'],
  ])('a running container on a storage without snapshots, mode %s', async (mode, first, second) => {
    const lab = await one();
    await lab.task('POST', '/nodes/pve1/lxc/200/status/start');
    const { exitstatus, log } = await lab.task('POST', '/nodes/pve1/vzdump', {
      vmid: 200,
      storage: 'local',
      mode,
    });
    expect(exitstatus).toBe('OK');
    expect(log).toContain(first);
    expect(log).toContain(second);
    expect(lab.sim.state.containers[200]?.runtime).not.toBeNull();
    expect(lab.sim.state.containers[200]?.config).not.toHaveProperty('lock');
  });

  test('while it runs the container is locked; a locked one fails, others are saved nevertheless', async () => {
    const lab = await one();
    await makeContainer(lab, 201);
    await lab.ok('PUT', '/nodes/pve1/lxc/200/config', { lock: 'disk' });
    const { exitstatus, log } = await lab.task('POST', '/nodes/pve1/vzdump', {
      vmid: '200,201',
      storage: 'local',
    });
    expect(exitstatus).toBe('job errors');
    expect(log).toContain('ERROR: Backup of VM 200 failed - CT is locked (disk)');
    expect((await backups(lab)).map((row) => row['vmid'])).toEqual([201]);
    expect(lab.sim.state.containers[200]?.config['lock']).toBe('disk');
    const upid = await lab.ok('POST', '/nodes/pve1/vzdump', { vmid: 201, storage: 'local' });
    await lab.advance(50);
    expect(await lab.call('PUT', '/nodes/pve1/lxc/201/config', { memory: 99 })).toMatchObject({
      reason: 'CT is locked (backup)',
    });
    await lab.wait(upid);
  });

  test('the retention of the storage removes older backups, but not protected ones', async () => {
    const lab = await one();
    await lab.ok('PUT', '/storage/local', { 'prune-backups': 'keep-last=1' });
    for (const params of [{ protected: 1 }, {}, {}]) {
      await lab.task('POST', '/nodes/pve1/vzdump', { vmid: 200, storage: 'local', ...params });
      await lab.advance(60_000);
    }
    const rows = await backups(lab);
    expect(rows.map((row) => row['protected'])).toEqual([1, undefined]);
    await lab.task('POST', '/nodes/pve1/vzdump', { vmid: 200, storage: 'local', remove: 0 });
    expect((await backups(lab)).length).toBe(3);
  });

  test.each<[Params, Readonly<Record<string, string>>]>([
    [{ all: 1, vmid: 200 }, { all: "option conflicts with option 'vmid'" }],
    [{ pool: 'lab', vmid: 200 }, { pool: "option conflicts with option 'vmid'" }],
    [{}, { vmid: 'property is missing' }],
    [{ vmid: 200, script: '/x' }, { script: 'Only root may set this option.' }],
  ])('%o is refused', async (params, errors) => {
    const lab = await one();
    expect(await lab.call('POST', '/nodes/pve1/vzdump', { storage: 'local', ...params })).toMatchObject({
      status: 400,
      errors,
    });
  });

  test('a pool, and everything but some', async () => {
    const lab = await one({ pool: 'lab' });
    await makeContainer(lab, 201);
    await makeContainer(lab, 202);
    await lab.task('POST', '/nodes/pve1/vzdump', { pool: 'lab', storage: 'local' });
    expect((await backups(lab)).map((row) => row['vmid'])).toEqual([200]);
    await lab.task('POST', '/nodes/pve1/vzdump', { exclude: '200,201', storage: 'local' });
    expect((await backups(lab)).map((row) => row['vmid'])).toEqual([200, 202]);
  });

  test('guests of other nodes are left to those', async () => {
    const lab = makeLab('cluster');
    const [first = '', second = ''] = Object.keys(lab.sim.state.nodes);
    lab.sim.state.vms[900] = { vmid: 900, node: second, name: 'm', status: 'stopped', config: {} };
    expect(await lab.ok('POST', `/nodes/${first}/vzdump`, { vmid: 900, storage: 'local' })).toBe('OK');
  });
});

describe('scheduled jobs', () => {
  test('a job is made, shown, changed and removed', async () => {
    const lab = await one();
    await lab.ok('POST', '/cluster/backup', {
      id: 'nightly',
      schedule: '02:00',
      storage: 'local',
      vmid: '200',
      mode: 'snapshot',
      enabled: 0,
    });
    expect(await lab.ok('GET', '/cluster/backup')).toEqual([
      {
        id: 'nightly',
        type: 'vzdump',
        enabled: 0,
        schedule: '02:00',
        storage: 'local',
        vmid: '200',
        mode: 'snapshot',
      },
    ]);
    await lab.ok('PUT', '/cluster/backup/nightly', { all: 1, exclude: '200', delete: 'enabled' });
    expect(await lab.ok('GET', '/cluster/backup/nightly')).toEqual({
      id: 'nightly',
      type: 'vzdump',
      enabled: 1,
      schedule: '02:00',
      storage: 'local',
      all: 1,
      exclude: '200',
      mode: 'snapshot',
    });
    await lab.ok('DELETE', '/cluster/backup/nightly');
    expect(await lab.call('GET', '/cluster/backup/nightly')).toMatchObject({
      status: 400,
      errors: { id: "No such job 'nightly'" },
    });
  });

  test('the old way of naming a time still works, and ids are made up', async () => {
    const lab = await one();
    await lab.ok('POST', '/cluster/backup', { starttime: '1:30', dow: 'mon,fri', all: 1 });
    const [job] = (await lab.ok('GET', '/cluster/backup')) as Row[];
    expect(job).toMatchObject({ schedule: 'mon,fri 1:30', enabled: 1 });
    expect(job?.['id']).toMatch(/^backup-[0-9a-f]{8}-[0-9a-f]{4}$/);
  });

  test('guests without a job are listed, and a purge takes a guest out of its jobs', async () => {
    const lab = await one();
    await makeContainer(lab, 201);
    await lab.ok('POST', '/cluster/backup', { id: 'job', schedule: '02:00', vmid: '200' });
    expect(await lab.ok('GET', '/cluster/backup-info/not-backed-up')).toEqual([
      { vmid: 201, type: 'lxc', name: 'c201' },
    ]);
    await lab.task('DELETE', '/nodes/pve1/lxc/200', { purge: 1 });
    expect(await lab.ok('GET', '/cluster/backup')).toEqual([]);
  });
});

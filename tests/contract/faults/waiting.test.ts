/**
 * Waiting for locks as long as the real server does (contract behaviours §1 and §9): what many requests at the same time
 * show their clients. All of it on the simulated clock.
 */
import { describe, expect, test } from 'vitest';
import type { SimContainer, SimTask } from '../../../src/simulator/model/state.ts';
import { type Bench, bench, templateOf } from '../simulator-lxc/support.ts';

const range = (count: number, first: number): number[] =>
  Array.from({ length: count }, (_, index) => first + index);
function countBy(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
const configLock = (vmid: number): string =>
  `can't lock file '/run/lock/lxc/pve-config-${vmid}.lock' - got timeout`;

/** A source on local-lvm; `template`: one that is linked. */
async function source(options: { template?: boolean } = {}): Promise<Bench> {
  const lab = bench('cluster');
  await lab.create(101, { rootfs: 'local-lvm:1' });
  if (options.template) {
    await lab.call('POST', '/nodes/pve1/lxc/101/template');
    await lab.sim.settle();
  }
  return lab;
}

describe('clones of one source', () => {
  test.each([
    ['full', {}],
    ['linked', { template: true }],
  ])('%s: of twenty at once one is taken, the others are refused at once', async (_, options) => {
    const lab = await source(options);
    const began = lab.clock.now();
    const answers = await Promise.all(
      range(20, 200).map((newid) => lab.call('POST', '/nodes/pve1/lxc/101/clone', { newid })),
    );
    expect(countBy(answers.map(({ status, message }) => `${status} ${message}`))).toEqual({
      '200 ': 1,
      '500 CT is locked (disk)': 19,
    });
    expect(lab.clock.now() - began).toBeLessThan(1000);
    expect(lab.container(101).config['lock']).toBe('disk');
    expect(lab.container(200).config['lock']).toBe('create');
    // refused ones have left no trace
    expect(Object.keys(lab.state.containers)).toEqual(['101', '200']);
    await lab.sim.settle();
    expect(lab.container(101).config).not.toHaveProperty('lock');
    expect(lab.container(200).config).not.toHaveProperty('lock');
  });

  test('one after the other all are made', async () => {
    const lab = await source({ template: true });
    for (const newid of range(20, 200)) {
      const task = await lab.task('POST', '/nodes/pve1/lxc/101/clone', { newid });
      expect(task.exitstatus).toBe('OK');
    }
    expect(Object.keys(lab.state.containers)).toHaveLength(21);
  });

  test('of twenty sources run side by side', async () => {
    const lab = bench('cluster');
    await Promise.all(range(4, 101).map((vmid) => lab.create(vmid, { rootfs: 'local-lvm:1' })));
    const answers = await Promise.all(
      range(4, 101).map((vmid) => lab.call('POST', `/nodes/pve1/lxc/${vmid}/clone`, { newid: vmid + 100 })),
    );
    await lab.sim.settle();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.map(({ data }) => lab.state.tasks[String(data)]?.exitstatus)).toEqual([
      'OK',
      'OK',
      'OK',
      'OK',
    ]);
  });

  test('a source that is being cloned can be read and started, but not changed', async () => {
    const lab = await source();
    await lab.call('POST', '/nodes/pve1/lxc/101/clone', { newid: 200 });
    expect((await lab.call('GET', '/nodes/pve1/lxc/101/config')).status).toBe(200);
    expect(await lab.call('PUT', '/nodes/pve1/lxc/101/config', { memory: 600 })).toMatchObject({
      status: 500,
      message: 'CT is locked (disk)',
    });
  });
});

/** Creates many at once on a storage and gives their tasks in the order of the ids. */
async function createMany(lab: Bench, storage: string, count: number, node = 'pve1'): Promise<SimTask[]> {
  const answers = await Promise.all(
    range(count, 200).map((vmid) =>
      lab.call('POST', `/nodes/${node}/lxc`, {
        vmid,
        ostemplate: templateOf(lab.state, 'alpine'),
        rootfs: `${storage}:1`,
      }),
    ),
  );
  expect(countBy(answers.map(({ status }) => String(status)))).toEqual({ '200': count });
  await lab.sim.settle();
  return answers.map(({ data }) => lab.state.tasks[String(data)] as SimTask);
}

describe('creations on one storage', () => {
  test('a local one is waited for in turn; ten seconds are enough for twenty', async () => {
    const lab = bench('cluster');
    const tasks = await createMany(lab, 'local-lvm', 20);
    expect(countBy(tasks.map(({ exitstatus = '' }) => exitstatus))).toEqual({ OK: 20 });
    expect(tasks[0]?.log[0]).toMatch(/Logical volume "vm-200-disk-0" created/);
    expect(tasks[19]?.log.slice(0, 2)).toEqual(['trying to acquire lock...', ' OK']);
  });

  test('who has waited ten seconds fails, and leaves nothing', async () => {
    const lab = bench('cluster');
    const count = 80;
    const began = lab.clock.now();
    const tasks = await createMany(lab, 'local-lvm', count);
    const text = "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout";
    const failed = tasks.filter(({ exitstatus }) => exitstatus !== 'OK');
    expect(failed.length).toBeGreaterThan(5);
    expect(failed.length).toBeLessThan(count / 2);
    for (const task of failed) {
      expect(task.exitstatus).toBe(`unable to create CT ${task.id} - ${text}`);
      expect(task.log).toEqual(['trying to acquire lock...', `TASK ERROR: ${task.exitstatus}`]);
      expect((task.endtime ?? 0) - Math.floor(began / 1000)).toBe(10);
      expect(lab.state.containers[Number(task.id)]).toBeUndefined();
    }
    expect(Object.keys(lab.state.containers)).toHaveLength(count - failed.length);
  });

  test('a shared one is looked for once a second, so that of twenty only about half get it', async () => {
    const lab = bench('cluster');
    const tasks = await createMany(lab, 'shared', 20);
    const failed = tasks.filter(({ exitstatus }) => exitstatus !== 'OK');
    expect(failed).toHaveLength(9);
    const text = "cfs-lock 'storage-shared' error: got lock request timeout";
    for (const task of failed) {
      expect(task.exitstatus).toBe(`unable to create CT ${task.id} - ${text}`);
      expect(task.log.slice(0, -1)).toEqual(
        Array.from({ length: 10 }, () => "trying to acquire cfs lock 'storage-shared' ..."),
      );
    }
  });

  test.each([
    ['local-lvm', 3],
    ['local-lvm', 5],
    ['shared', 3],
    ['shared', 5],
  ])('%s: %i at once are safe', async (storage, count) => {
    const tasks = await createMany(bench('cluster'), storage, count);
    expect(countBy(tasks.map(({ exitstatus = '' }) => exitstatus))).toEqual({ OK: count });
  });

  test('the same storage on two nodes has two locks', async () => {
    const lab = bench('cluster');
    const template = templateOf(lab.state, 'alpine');
    lab.state.volumes[`pve2|${template}`] = { ...lab.state.volumes[`pve1|${template}`]!, node: 'pve2' };
    const answers = await Promise.all(
      (['pve1', 'pve2'] as const).map((node, index) =>
        lab.call('POST', `/nodes/${node}/lxc`, {
          vmid: 200 + index,
          ostemplate: template,
          rootfs: 'local-lvm:1',
        }),
      ),
    );
    await lab.sim.settle();
    for (const { data } of answers)
      expect(lab.state.tasks[String(data)]?.log).not.toContain('trying to acquire lock...');
  });

  test('a change that makes a disk waits for the storage too, and tells it by its key', async () => {
    const lab = await source();
    await lab.create(102, { rootfs: 'local-lvm:1' });
    await lab.task('POST', '/nodes/pve1/lxc/102/status/start');
    lab.sim.faults.schedule([{ fault: 'lock-timeout', lock: '*storage-local-lvm', times: 2 }]);
    const text = "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout\n";
    const put = (vmid: number): ReturnType<Bench['call']> =>
      lab.call('PUT', `/nodes/pve1/lxc/${vmid}/config`, { mp0: 'local-lvm:1,mp=/srv' });
    expect(await put(101)).toMatchObject({
      status: 400,
      errors: { mp0: `unable to apply pending change mp0 : ${text}` },
    });
    expect(await put(102)).toMatchObject({ status: 400, errors: { mp0: `unable to hotplug mp0: ${text}` } });
    expect(await put(102)).toMatchObject({ status: 200 });
    expect(lab.container(102).config['mp0']).toBe('local-lvm:vm-102-disk-1,mp=/srv,size=1G');
  });
});

/** A running container whose program does not end when it is asked to. */
async function stubborn(lab: Bench, vmid: number): Promise<SimContainer> {
  await lab.create(vmid, { rootfs: 'local-lvm:1' });
  await lab.task('POST', `/nodes/pve1/lxc/${vmid}/status/start`);
  const container = lab.container(vmid);
  if (container.runtime) container.runtime.ignoresShutdown = true;
  return container;
}

describe('while a container is shut down', () => {
  test('a change of its config waits ten seconds and fails', async () => {
    const lab = bench('cluster');
    const container = await stubborn(lab, 101);
    const { data } = await lab.call('POST', '/nodes/pve1/lxc/101/status/shutdown', { timeout: 60 });
    const began = lab.clock.now();
    expect(await lab.call('PUT', '/nodes/pve1/lxc/101/config', { memory: 600 })).toMatchObject({
      status: 500,
      message: configLock(101),
    });
    expect(lab.clock.now() - began).toBe(10_000);
    expect(container.config['memory']).toBe('512');
    expect(lab.state.tasks[String(data)]?.status).toBe('running');
    await lab.sim.settle();
    expect(lab.state.tasks[String(data)]?.exitstatus).toBe('container did not stop');
    expect((await lab.call('PUT', '/nodes/pve1/lxc/101/config', { memory: 600 })).status).toBe(200);
  });

  test('a change waits for a short shutdown, and is made', async () => {
    const lab = bench('cluster');
    await lab.create(101, { rootfs: 'local-lvm:1' });
    await lab.task('POST', '/nodes/pve1/lxc/101/status/start');
    await lab.call('POST', '/nodes/pve1/lxc/101/status/shutdown', { timeout: 60 });
    const began = lab.clock.now();
    expect((await lab.call('PUT', '/nodes/pve1/lxc/101/config', { features: 'nesting=1' })).status).toBe(200);
    expect(lab.clock.now() - began).toBeGreaterThan(1000);
    expect(lab.container(101)).toMatchObject({ runtime: null, config: { features: 'nesting=1' } });
  });

  test('a stop fails after ten seconds, unless it overrules the shutdown', async () => {
    const lab = bench('cluster');
    await stubborn(lab, 101);
    await lab.call('POST', '/nodes/pve1/lxc/101/status/shutdown', { timeout: 600 });
    const { data } = await lab.call('POST', '/nodes/pve1/lxc/101/status/stop');
    await lab.clock.sleep(11_000);
    expect(lab.state.tasks[String(data)]).toMatchObject({
      exitstatus: configLock(101),
      log: ['trying to acquire lock...', `TASK ERROR: ${configLock(101)}`],
    });
    const second = await lab.call('POST', '/nodes/pve1/lxc/101/status/stop', { 'overrule-shutdown': 1 });
    await lab.clock.sleep(11_000);
    expect(lab.state.tasks[String(second.data)]?.exitstatus).toBe('OK');
    expect(lab.container(101).runtime).toBeNull();
  });
});

describe('while a container is created', () => {
  test('a start waits for it and works; nobody sees that it is locked', async () => {
    const lab = bench('cluster');
    const created = await lab.call('POST', '/nodes/pve1/lxc', {
      vmid: 101,
      ostemplate: templateOf(lab.state, 'alpine'),
      rootfs: 'local-lvm:1',
    });
    const started = await lab.call('POST', '/nodes/pve1/lxc/101/status/start');
    const changed = await lab.call('PUT', '/nodes/pve1/lxc/101/config', { cores: 2 });
    await lab.sim.settle();
    expect(changed.status).toBe(200);
    expect([created, started].map(({ data }) => lab.state.tasks[String(data)]?.exitstatus)).toEqual([
      'OK',
      'OK',
    ]);
    expect(lab.container(101)).toMatchObject({ config: { cores: '2' } });
  });

  test('another creation of the same id is refused at once', async () => {
    const lab = bench('cluster');
    const create = { vmid: 101, ostemplate: templateOf(lab.state, 'alpine'), rootfs: 'local-lvm:1' };
    const answers = await Promise.all(range(5, 0).map(() => lab.call('POST', '/nodes/pve1/lxc', create)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, message } of answers.filter((answer) => answer.status !== 200)) {
      expect(status).toBe(500);
      expect(message).toMatch(/^(unable to create CT 101 - )?CT 101 already exists on node 'pve1'$/);
    }
  });
});

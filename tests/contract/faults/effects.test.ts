/** What each fault of a schedule does to a cluster, seen over its API. Texts are those of the contract. */
import { describe, expect, test } from 'vitest';
import type { FaultEntry } from '../../../src/simulator/index.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';
import { type Bench, bench, templateOf } from '../simulator-lxc/support.ts';

const config = '/nodes/pve1/lxc/101/config';

/** A cluster with a stopped container, and a schedule from there on. */
async function faulty(entries: readonly FaultEntry[], change?: (state: SimState) => void): Promise<Bench> {
  const one = bench('cluster', change ? { change } : {});
  await one.create(101, { rootfs: 'local-lvm:4', memory: 512, cores: 1 });
  one.sim.faults.schedule(entries);
  return one;
}

const faultsOf = ({ sim }: Bench): (readonly string[] | undefined)[] =>
  sim.journal.map(({ faults }) => faults);

describe('of single requests', () => {
  test('latency', async () => {
    const one = await faulty([{ fault: 'latency', ms: 1500, path: '/version' }]);
    const began = one.clock.now();
    await one.call('GET', '/version');
    expect(one.clock.now() - began).toBe(1500);
    expect(faultsOf(one).at(-1)).toEqual(['latency 1500 ms']);
  });

  test.each<[when: 'before' | 'after', memory: string]>([
    ['before', '512'],
    ['after', '1024'],
  ])('a connection dropped %s the effect', async (when, memory) => {
    const one = await faulty([{ fault: 'drop', when, method: 'PUT' }]);
    await expect(one.call('PUT', config, { memory: 1024 })).rejects.toThrow(/^$/);
    expect(one.container(101).config['memory']).toBe(memory);
    expect(one.sim.journal.at(-1)).toMatchObject({ status: 0, faults: [`drop ${when}`] });
    expect((await one.call('GET', config)).status).toBe(200);
  });

  test.each<[status: number, delayMs: number, reason: string]>([
    [401, 3000, 'Authentication failed!'],
    [595, 3000, 'No route to host'],
    [596, 30_000, 'Connection timed out'],
  ])('a %i comes late and without a body', async (status, delayMs, reason) => {
    const one = await faulty([{ fault: 'answer', status }]);
    const began = one.clock.now();
    const request = new Request('https://sim.test/api2/json/version', {
      headers: {
        authorization: `PVEAPIToken=${one.sim.credentials.tokenId}=${one.sim.credentials.tokenSecret}`,
      },
    });
    const response = await one.sim.fetch(request.clone());
    expect({ status: response.status, reason: response.statusText, body: await response.text() }).toEqual({
      status,
      reason,
      body: '',
    });
    expect(one.clock.now() - began).toBe(delayMs);
    expect((await one.sim.fetch(request)).status).toBe(200);
  });

  test('a 596 may hide that it worked', async () => {
    const one = await faulty([{ fault: 'answer', status: 596, when: 'after', method: 'PUT' }]);
    await expect(one.call('PUT', config, { memory: 1024 })).rejects.toThrow('JSON');
    expect(one.container(101).config['memory']).toBe('1024');
  });

  test('any other answer looks like one of the API', async () => {
    const one = await faulty([{ fault: 'answer', status: 500, reason: 'got no worker upid' }]);
    expect(await one.call('GET', config)).toMatchObject({
      status: 500,
      message: 'got no worker upid',
      data: null,
    });
  });
});

describe('a human', () => {
  test('changes what was just read, and the digest shows it', async () => {
    const one = await faulty([
      {
        fault: 'edit',
        path: '/nodes/*/lxc/*/config',
        method: 'GET',
        skip: 1,
        set: { memory: 2048 },
        delete: ['cores'],
      },
    ]);
    const first = (await one.call('GET', config)).data;
    const second = (await one.call('GET', config)).data as { digest: string };
    expect(second).toEqual(first);
    expect(faultsOf(one).slice(-2)).toEqual([undefined, ['edit of 101']]);
    expect(await one.call('PUT', config, { cores: 4, digest: second.digest })).toMatchObject({
      status: 500,
      message: 'detected modified configuration - file changed by other user? Try again.',
    });
    expect(one.container(101).config).toMatchObject({ memory: '2048' });
    expect(one.container(101).config).not.toHaveProperty('cores');
  });
  test('may be faster than the request itself', async () => {
    const one = await faulty([
      { fault: 'edit', when: 'before', method: 'PUT', vmid: 101, set: { cores: 3 } },
    ]);
    const { digest } = (await one.call('GET', config)).data as { digest: string };
    expect((await one.call('PUT', config, { memory: 600, digest })).status).toBe(500);
    expect(one.container(101).config).toMatchObject({ cores: '3', memory: '512' });
  });
  test('waits for a restart like everybody else', async () => {
    const one = await faulty([{ fault: 'edit', vmid: 101, set: { nameserver: '9.9.9.9', memory: 700 } }]);
    await one.task('POST', '/nodes/pve1/lxc/101/status/start');
    const { config: now, pending } = one.container(101);
    expect({ memory: now['memory'], nameserver: now['nameserver'] ?? pending['nameserver'] }).toEqual({
      memory: '700',
      nameserver: '9.9.9.9',
    });
  });
  test.each<[name: string, entry: FaultEntry, told: string]>([
    [
      'refused',
      { fault: 'edit', vmid: 101, set: { memory: 1 } },
      'edit of 101: 400 Parameter verification failed.',
    ],
    ['too late', { fault: 'edit', vmid: 999, set: { memory: 512 } }, 'edit of 999: there is none'],
  ])('who is %s is in the journal', async (_, entry, told) => {
    const one = await faulty([entry]);
    expect((await one.call('GET', '/version')).status).toBe(200);
    expect(faultsOf(one).at(-1)?.[0]).toContain(told);
    expect(one.container(101).config['memory']).toBe('512');
  });
});

describe('of tasks', () => {
  const creation = (one: Bench): Record<string, string | number> => ({
    vmid: 102,
    ostemplate: templateOf(one.state, 'alpine'),
    rootfs: 'local-lvm:1',
  });
  test('a failure in the midst clears up', async () => {
    const one = await faulty([{ fault: 'task-failure', type: 'vzcreate', text: 'disk on fire' }]);
    const task = await one.task('POST', '/nodes/pve1/lxc', creation(one));
    expect(task.exitstatus).toBe('unable to create CT 102 - disk on fire');
    expect(task.log.at(-1)).toBe('TASK ERROR: unable to create CT 102 - disk on fire');
    expect(one.state.containers[102]).toBeUndefined();
    expect(Object.values(one.state.volumes).filter(({ vmid }) => vmid === 102)).toEqual([]);
    expect((await one.task('POST', '/nodes/pve1/lxc', creation(one))).exitstatus).toBe('OK');
  });
  test('a failure before anything leaves what the request had made', async () => {
    const one = await faulty([{ fault: 'task-failure', type: 'vzcreate', id: 102, when: 'before' }]);
    expect((await one.task('POST', '/nodes/pve1/lxc', creation(one))).exitstatus).toBe('simulated failure');
    expect(one.container(102).config).toEqual({ lock: 'create' });
  });
  test('a warning', async () => {
    const one = await faulty([{ fault: 'task-warning', type: 'vzstart', text: 'old kernel' }]);
    const task = await one.task('POST', '/nodes/pve1/lxc/101/status/start');
    expect(task).toMatchObject({ exitstatus: 'WARNINGS: 1', log: ['WARN: old kernel', 'TASK WARNINGS: 1'] });
    expect(one.container(101).runtime).not.toBeNull();
  });
});

describe('a lock that somebody else holds', () => {
  test('makes a request wait its time, and fail', async () => {
    const one = await faulty([{ fault: 'lock-timeout', lock: '*pve-config-101.lock' }]);
    const began = one.clock.now();
    expect(await one.call('PUT', config, { memory: 600 })).toMatchObject({
      status: 500,
      message: "can't lock file '/run/lock/lxc/pve-config-101.lock' - got timeout",
    });
    expect(one.clock.now() - began).toBe(10_000);
    expect((await one.call('PUT', config, { memory: 600 })).status).toBe(200);
  });
  test.each<[storage: string, lock: string, text: string]>([
    [
      'local-lvm',
      '*pve-storage-local-lvm',
      "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
    ],
    ['shared', 'storage-shared', "cfs-lock 'storage-shared' error: got lock request timeout"],
  ])('of the storage %s fails the task', async (storage, lock, text) => {
    const one = await faulty([{ fault: 'lock-timeout', lock }]);
    const task = await one.task('POST', '/nodes/pve1/lxc', {
      vmid: 102,
      ostemplate: templateOf(one.state, 'alpine'),
      rootfs: `${storage}:1`,
    });
    expect(task.exitstatus).toBe(`unable to create CT 102 - ${text}`);
    expect(one.state.containers[102]).toBeUndefined();
  });
});

describe('a full storage', () => {
  const kinds: readonly (readonly [storage: string, change: (state: SimState) => void, text: RegExp])[] = [
    ['local-lvm', () => undefined, /^unable to create CT 102 - lvcreate 'pve\/vm-102-disk-0' error: /],
    [
      'local-zfs',
      () => undefined,
      /^unable to create CT 102 - zfs error: cannot create 'rpool\/data\/subvol-102-disk-0': out of space$/,
    ],
    [
      'thick',
      (state) => {
        state.storages['thick'] = {
          storage: 'thick',
          type: 'lvm',
          content: ['rootdir'],
          shared: false,
          disabled: false,
          totalBytes: 1024 ** 4,
          baseUsedBytes: 0,
          options: { vgname: 'vg0' },
        };
      },
      /^unable to create CT 102 - not enough free space \(0 < 1048576\)$/,
    ],
    [
      'shared',
      () => undefined,
      /^unable to create CT 102 - command 'lxc-usernsexec .* tar xpf .*' failed: exit code 2$/,
    ],
  ];
  test.each(kinds)('%s', async (storage, change, text) => {
    const one = await faulty(
      [{ fault: 'full-storage', storage, path: '/nodes/pve1/lxc', forMs: 60_000 }],
      change,
    );
    const create = { vmid: 102, ostemplate: templateOf(one.state, 'alpine'), rootfs: `${storage}:1` };
    const task = await one.task('POST', '/nodes/pve1/lxc', create);
    expect(task.exitstatus).toMatch(text);
    const { data } = await one.call('GET', `/nodes/pve1/storage/${storage}/status`);
    expect(data).toMatchObject({ avail: 0 });
    await one.clock.advance(60_000);
    expect((await one.task('POST', '/nodes/pve1/lxc', create)).exitstatus).toBe('OK');
  });
  test('may leave some room', async () => {
    const one = await faulty([{ fault: 'full-storage', storage: 'local-lvm', freeBytes: 5 * 1024 ** 2 }]);
    await one.call('GET', '/version');
    const { data } = await one.call('GET', '/nodes/pve1/storage/local-lvm/status');
    expect(data).toMatchObject({ avail: 5 * 1024 ** 2 });
  });
  test('begins while a task works', async () => {
    const one = await faulty([{ fault: 'full-storage', storage: 'shared', afterMs: 300 }]);
    const task = await one.task('POST', '/nodes/pve1/lxc', {
      vmid: 102,
      ostemplate: templateOf(one.state, 'debian'),
      rootfs: 'shared:4',
    });
    expect(task.exitstatus).toMatch(/tar xpf/);
  });
});

describe('a lost node', () => {
  test('answers nothing, is offline in all lists, and comes back', async () => {
    const one = await faulty([{ fault: 'node-loss', node: 'pve2', skip: 1, forRequests: 3 }]);
    const began = one.clock.now();
    const ask = (): Promise<Response> =>
      one.sim.fetch(
        new Request('https://sim.test/api2/json/nodes/pve2/lxc', {
          headers: {
            authorization: `PVEAPIToken=${one.sim.credentials.tokenId}=${one.sim.credentials.tokenSecret}`,
          },
        }),
      );
    expect((await ask()).status).toBe(200);
    expect(await ask()).toMatchObject({ status: 595, statusText: 'No route to host' });
    expect(one.clock.now() - began).toBe(3000);
    expect((await one.call('GET', '/nodes')).data).toContainEqual(
      expect.objectContaining({ node: 'pve2', status: 'offline' }),
    );
    expect((await one.call('GET', '/cluster/status')).data).toContainEqual(
      expect.objectContaining({ name: 'pve2', online: 0 }),
    );
    expect((await ask()).status).toBe(200);
    expect(faultsOf(one).filter(Boolean)).toEqual([['node-loss pve2 begins'], ['node-loss pve2 ends']]);
  });
  test('that is the answering one breaks all connections', async () => {
    const one = await faulty([{ fault: 'node-loss', node: 'pve1', forRequests: 1 }]);
    await expect(one.call('GET', '/version')).rejects.toThrow(/^$/);
    expect((await one.call('GET', '/version')).status).toBe(200);
  });
});

describe('lost quorum', () => {
  const tryAll: readonly (readonly [
    method: string,
    path: string,
    params: Record<string, string | number>,
    text: RegExp,
  ])[] = [
    ['POST', '/nodes/pve1/lxc/101/status/start', {}, /^cluster not ready - no quorum\?$/],
    ['POST', '/nodes/pve1/lxc/101/clone', { newid: 105 }, /^cluster not ready - no quorum\?$/],
    [
      'PUT',
      config,
      { memory: 600 },
      /^unable to open file '\/etc\/pve\/nodes\/pve1\/lxc\/101\.conf\.tmp\.\d+' - Permission denied$/,
    ],
    ['POST', '/pools', { poolid: 'p' }, /^create pool failed: cfs-lock 'file-user_cfg' error: no quorum!$/],
    ['PUT', '/cluster/options', { keyboard: 'de' }, /^cfs-lock 'file-datacenter_cfg' error: no quorum!$/],
  ];
  test.each(tryAll)('%s %s', async (method, path, params, text) => {
    const one = await faulty([{ fault: 'quorum-loss' }]);
    const before = structuredClone(one.state.containers);
    expect(await one.call(method, path, params)).toMatchObject({
      status: 500,
      message: expect.stringMatching(text),
    });
    expect(one.state.containers).toEqual(before);
  });
  test.each<[what: string, method: string, path: string, params: Record<string, string>]>([
    ['a snapshot', 'POST', '/nodes/pve1/lxc/101/snapshot', { snapname: 'before' }],
    ['a resize', 'PUT', '/nodes/pve1/lxc/101/resize', { disk: 'rootfs', size: '+1G' }],
    ['a destruction', 'DELETE', '/nodes/pve1/lxc/101', {}],
  ])('%s fails in its task and changes nothing', async (_, method, path, params) => {
    const one = await faulty([{ fault: 'quorum-loss' }]);
    const before = structuredClone({ containers: one.state.containers, volumes: one.state.volumes });
    const task = await one.task(method, path, params);
    expect(task.exitstatus).toMatch(/unable to open file '\/etc\/pve\/.*' - Permission denied/);
    expect({ containers: one.state.containers, volumes: one.state.volumes }).toEqual(before);
  });
  test.each<[where: string, mp0: string, text: RegExp]>([
    ['shared', 'shared:1,mp=/srv', /^unable to create CT 102 - cfs-lock 'storage-shared' error: no quorum!$/],
    [
      'local',
      'local-lvm:1,mp=/srv',
      /^unable to create CT 102 - unable to open file '\/etc\/pve\/nodes\/pve1\/lxc\/102\.conf\.tmp\.\d+' - Permission denied$/,
    ],
  ])('amidst a creation on %s storage leaves a locked container', async (_, mp0, text) => {
    const one = await faulty([{ fault: 'quorum-loss', afterMs: 100, forMs: 60_000 }]);
    const task = await one.task('POST', '/nodes/pve1/lxc', {
      vmid: 102,
      ostemplate: templateOf(one.state, 'alpine'),
      rootfs: 'local-lvm:1',
      mp0,
    });
    expect(task.exitstatus).toMatch(text);
    expect(one.container(102).config).toEqual({ lock: 'create' });
    expect(Object.values(one.state.volumes).filter(({ vmid }) => vmid === 102)).toEqual([]);
  });
  test('reads go on', async () => {
    const one = await faulty([{ fault: 'quorum-loss' }]);
    expect((await one.call('GET', config)).status).toBe(200);
    expect((await one.call('GET', '/cluster/status')).data).toContainEqual(
      expect.objectContaining({ type: 'cluster', quorate: 0 }),
    );
  });
});

test('equal seeds and equal requests give equal runs', async () => {
  const run = async (): Promise<unknown> => {
    const one = bench('cluster');
    await one.create(101, { rootfs: 'local-lvm:4' });
    one.sim.faults.schedule([
      { fault: 'answer', status: 500, reason: 'no luck', probability: 0.3 },
      { fault: 'latency', ms: 20, probability: 0.3 },
      { fault: 'edit', method: 'GET', vmid: 101, probability: 0.2, set: { onboot: 1 } },
      { fault: 'lock-timeout', probability: 0.2 },
    ]);
    for (let index = 0; index < 40; index++) {
      if (index % 2) await one.call('GET', config);
      else await one.call('PUT', config, { memory: 512 + index });
    }
    return { journal: one.sim.journal, state: one.state };
  };
  expect(await run()).toEqual(await run());
});

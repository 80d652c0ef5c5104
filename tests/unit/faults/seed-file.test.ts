/** Seed files: whole states and short recipes, and how wrong ones are refused. */
import { describe, expect, test } from 'vitest';
import { createSimulator, type SimState } from '../../../src/simulator/index.ts';
import { seedState } from '../../../src/simulator/model/seed.ts';
import { readSeed } from '../../../src/simulator/seed-file.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { call, waitTask } from '../../support/simulator.ts';

const nowMs = Date.UTC(2026, 0, 1);
const read = (value: unknown): ReturnType<typeof readSeed> => readSeed(value, 'seed.json', nowMs);
const whole = (): SimState => JSON.parse(JSON.stringify(seedState('cluster', 1, nowMs))) as SimState;

/** A sound state with one thing changed. */
function broken(change: (state: SimState) => void): SimState {
  const state = read({ base: 'cluster', containers: { 101: { running: true } } }).seed;
  change(state);
  return JSON.parse(JSON.stringify(state)) as SimState;
}

describe('a recipe', () => {
  test('is a named seed with containers, faults and a random seed', () => {
    const { seed, faults, randomSeed } = read({
      base: 'cluster',
      randomSeed: 7,
      faults: [{ fault: 'node-loss', node: 'pve2' }],
      containers: {
        101: {
          running: true,
          pool: 'lab',
          config: {
            hostname: 'web01',
            memory: 1024,
            cores: 2,
            onboot: true,
            rootfs: 'local-lvm:8',
            mp0: 'shared:2,mp=/srv',
            net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.11/24',
            tags: 'b;a',
            description: 'by hand',
          },
        },
        102: { node: 'pve2' },
      },
    });
    expect({ faults, randomSeed }).toEqual({ faults: [{ fault: 'node-loss', node: 'pve2' }], randomSeed: 7 });
    expect(seed.containers[101]).toMatchObject({
      node: 'pve1',
      runtime: { memoryMiB: 1024 },
      config: {
        hostname: 'web01',
        memory: '1024',
        cores: '2',
        onboot: '1',
        rootfs: 'local-lvm:vm-101-disk-0,size=8G',
        mp0: 'shared:101/vm-101-disk-0.raw,mp=/srv,size=2G',
        net0: expect.stringMatching(
          /^name=eth0,bridge=vmbr0,hwaddr=BC:24:11:.*,ip=10\.0\.0\.11\/24,type=veth$/,
        ),
        tags: 'a;b',
        description: 'by hand\n',
        unprivileged: '1',
      },
    });
    expect(seed.pools['lab']?.vms).toEqual([101]);
    expect(seed.containers[102]).toMatchObject({
      node: 'pve2',
      runtime: null,
      config: { hostname: 'CT102', memory: '512', swap: '512', rootfs: 'local-lvm:vm-102-disk-0,size=4G' },
    });
    expect(Object.keys(seed.volumes)).toContain('*|shared:101/vm-101-disk-0.raw');
  });
  test('gives containers that live like others', async () => {
    const { seed } = read({ containers: { 101: {} } });
    const sim = createSimulator({ seed, clock: manualClock({ start: nowMs }) });
    const start = await call(sim, { method: 'POST', path: '/nodes/pve1/lxc/101/status/start' });
    expect((await waitTask(sim, start.data)).exitstatus).toBe('OK');
    const { data } = await call(sim, { path: '/cluster/resources', params: { type: 'vm' } });
    expect(data).toMatchObject([{ vmid: 101, name: 'CT101' }]);
  });
  test('is the same for equal random seeds', () => {
    const recipe = { randomSeed: 3, containers: { 101: { config: { net0: 'name=eth0,bridge=vmbr0' } } } };
    expect(read(recipe)).toEqual(read(recipe));
    expect(read({ ...recipe, randomSeed: 4 })).not.toEqual(read(recipe));
  });
  test.each<[name: string, recipe: unknown, message: string]>([
    ['no object', [], 'must be an object'],
    [
      'an unknown base',
      { base: 'clutser' },
      'base: must be one of small, cluster, reference, not "clutser"; did you mean cluster?',
    ],
    ['an unknown key', { bass: 'small' }, 'bass: there is no such key; did you mean base?'],
    ['a wrong random seed', { randomSeed: 1.5 }, 'randomSeed: must be a whole number from 0'],
    ['an impossible id', { containers: { 7: {} } }, 'containers.7: must be a guest id'],
    ['an unknown node', { containers: { 101: { node: 'pve9' } } }, 'containers.101: there is no node pve9'],
    ['an unknown key of a container', { containers: { 101: { runing: true } } }, 'did you mean running?'],
    [
      'a value that the API refuses',
      { containers: { 101: { config: { memory: 1 } } } },
      'containers.101: memory: value must have a minimum value of 16',
    ],
    [
      'a key that it has not',
      { containers: { 101: { config: { memroy: 512 } } } },
      'containers.101: memroy: property is not defined',
    ],
    [
      'an unknown storage',
      { containers: { 101: { config: { rootfs: 'nope:8' } } } },
      "containers.101: storage 'nope' does not exist",
    ],
    ['a wrong fault', { faults: [{ fault: 'node-loss', node: 'pve7' }] }, 'faults[0].node: must be a node'],
  ])('with %s is refused', (_, recipe, message) => {
    expect(() => read(recipe)).toThrow(message);
    expect(() => read(recipe)).toThrow(/^seed\.json/);
  });
});

describe('a state', () => {
  test('is taken as it is', () => {
    expect(read(whole())).toEqual({ seed: whole(), faults: [] });
  });
  test('may have faults beside it, which are no part of it', () => {
    const faults = [{ fault: 'drop', skip: 3 }];
    expect(read({ ...whole(), faults, randomSeed: 5 })).toEqual({ seed: whole(), faults, randomSeed: 5 });
  });
  test.each(['small', 'cluster', 'reference'] as const)('of the seed %s is sound', (name) => {
    expect(read(seedState(name, 1, nowMs)).seed.format).toBe('pvefleet.sim-state/1');
  });
  test('that was lived in is sound', async () => {
    const sim = createSimulator({
      seed: read({ containers: { 101: { running: true } } }).seed,
      clock: manualClock(),
    });
    const path = '/nodes/pve1/lxc/101';
    await call(sim, {
      method: 'PUT',
      path: `${path}/config`,
      params: { nameserver: '1.1.1.1', delete: 'tags' },
    });
    await call(sim, { method: 'POST', path: `${path}/snapshot`, params: { snapname: 's1' } });
    await call(sim, { path: '/cluster/resources' });
    await sim.settle();
    const saved = JSON.parse(JSON.stringify(sim.exportState())) as SimState;
    expect(read(saved).seed).toEqual(saved);
  });
  test.each<[name: string, value: unknown, message: string]>([
    [
      'another format',
      { ...whole(), format: 'pvefleet.sim-state/9' },
      'format: must be one of pvefleet.sim-state/1',
    ],
    [
      'no nodes',
      broken((state) => {
        state.nodes = {};
      }),
      'nodes: there is none',
    ],
    [
      'a missing part',
      broken((state) => {
        delete (state as Partial<SimState>).storages;
      }),
      'storages: is missing',
    ],
    [
      'a container on no node',
      broken((state) => {
        state.containers[101]!.node = 'gone';
      }),
      'containers.101.node: there is no node gone',
    ],
    [
      'a container under another id',
      broken((state) => {
        state.containers[102] = state.containers[101]!;
      }),
      'containers.102.vmid: must be 102',
    ],
    [
      'a number where text is',
      broken((state) => {
        Object.assign(state.containers[101]!.config, { memory: 512 });
      }),
      'containers.101.config.memory: must be text, not 512',
    ],
    [
      'half a runtime',
      broken((state) => {
        state.containers[101]!.runtime = {} as never;
      }),
      'containers.101.runtime.pid: is missing',
    ],
    [
      'a volume under another key',
      broken((state) => {
        state.volumes['x'] = Object.values(state.volumes)[0]!;
      }),
      'volumes["x"]: must be under',
    ],
    [
      'a volume of a strange kind',
      broken((state) => {
        Object.values(state.volumes)[0]!.content = 'disk' as never;
      }),
      'content: must be one of vztmpl',
    ],
    [
      'a type of storage that is not simulated',
      broken((state) => {
        Object.assign(state.storages['local']!, { type: 'cephfs' });
      }),
      'storages.local.type: must be one of dir',
    ],
    [
      'nobody to log in',
      broken((state) => {
        state.users = {};
      }),
      'users: there is no root@pam',
    ],
    [
      'a machine with the id of a container',
      broken((state) => {
        state.vms[101] = { vmid: 101, node: 'pve1', name: 'x', status: 'stopped', config: {} };
      }),
      'vms.101: is a container already',
    ],
    [
      'a wrong random number',
      broken((state) => {
        state.random = -1;
      }),
      'random: must be a whole number from 0',
    ],
    [
      'a wrong fault beside it',
      { ...whole(), faults: [{ fault: 'full-storage', storage: 'x' }] },
      'faults[0].storage',
    ],
  ])('with %s is refused', (_, value, message) => {
    expect(() => read(value)).toThrow(message);
  });
});

test('time goes on where a fast clock had left it', async () => {
  const seed = { ...read({ containers: { 101: { running: true } } }).seed, savedAtMs: nowMs + 86_400_000 };
  const sim = createSimulator({ seed, clock: manualClock({ start: nowMs }) });
  expect(sim.clock.now()).toBe(nowMs + 86_400_000);
  const { data } = await call(sim, { path: '/nodes/pve1/lxc/101/status/current' });
  expect(data).toMatchObject({ uptime: 90_000 });
});

/** Seeds and saved states: what a simulation begins with, and that it can be put away and taken up again. */
import { describe, expect, test } from 'vitest';
import { createSimulator, type SeedName, type SimState } from '../../../src/simulator/index.ts';
import { roleOf } from '../../../src/simulator/model/roles.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { call, waitTask } from '../../support/simulator.ts';

const seeds: readonly SeedName[] = ['small', 'cluster', 'reference'];
const stateOf = (seed: SeedName, randomSeed?: number): SimState =>
  createSimulator({ seed, clock: manualClock(), ...(randomSeed === undefined ? {} : { randomSeed }) }).state;

describe.each(seeds)('the seed %s', (seed) => {
  test('is plain JSON', () => {
    const state = stateOf(seed);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
  test('is the same each time, and another with another random seed', () => {
    expect(stateOf(seed)).toEqual(stateOf(seed));
    expect(stateOf(seed, 2).secret).not.toBe(stateOf(seed).secret);
  });
  test('refers only to what it contains', () => {
    const state = stateOf(seed);
    for (const { roleid, type, ugid } of state.acls) {
      expect(roleOf(state, roleid)).toBeDefined();
      if (type === 'user') expect(state.users).toHaveProperty([ugid]);
      if (type === 'group') expect(state.groups).toHaveProperty([ugid]);
    }
    for (const volume of Object.values(state.volumes)) {
      expect(state.storages[volume.storage]?.content).toContain(volume.content);
      if (volume.node !== null) expect(state.nodes).toHaveProperty([volume.node]);
      expect(volume.sizeBytes).toBeGreaterThan(0);
    }
    for (const user of Object.values(state.users)) {
      expect(Object.keys(state.realms)).toContain(user.userid.split('@')[1]);
      for (const group of user.groups) expect(state.groups[group]?.users).toContain(user.userid);
    }
    expect(Object.keys(state.containers)).toEqual([]);
  });
  test('lets root in by token and by password', async () => {
    const sim = createSimulator({ seed, clock: manualClock() });
    const { username, password } = sim.credentials;
    expect((await call(sim, { path: '/version' })).status).toBe(200);
    const login = await call(sim, {
      method: 'POST',
      path: '/access/ticket',
      params: { username, password },
      as: null,
    });
    expect(login.status).toBe(200);
  });
});

describe('what the seeds offer', () => {
  test.each<[seed: SeedName, nodes: number, storages: string[]]>([
    ['small', 1, ['local', 'local-lvm']],
    ['cluster', 3, ['local', 'local-lvm', 'shared', 'local-zfs']],
    ['reference', 1, ['local', 'btrfs']],
  ])('%s', (seed, nodes, storages) => {
    const state = stateOf(seed);
    expect(Object.keys(state.nodes)).toHaveLength(nodes);
    expect(Object.keys(state.storages)).toEqual(storages);
  });
  test.each<SeedName>(['small', 'cluster'])(
    '%s has Debian 12 and Alpine at hand, and Debian 13 to download',
    async (seed) => {
      const sim = createSimulator({ seed, clock: manualClock() });
      const names = Object.values(sim.state.volumes).map(({ volid }) => volid);
      expect(names).toEqual([
        expect.stringContaining('vztmpl/debian-12-standard_'),
        expect.stringContaining('vztmpl/alpine-'),
      ]);
      const entry = sim.state.catalogue.findLast(({ package: name }) => name === 'debian-13-standard');
      const upid = await call(sim, {
        method: 'POST',
        path: '/nodes/pve1/aplinfo',
        params: { storage: 'local', template: entry?.template ?? '' },
      });
      expect((await waitTask(sim, upid.data)).exitstatus).toBe('OK');
      expect(Object.keys(sim.state.volumes)).toContain(`pve1|local:vztmpl/${entry?.template}`);
    },
  );
  test('a container of the named cluster can be made, started and seen from any node', async () => {
    const sim = createSimulator({ seed: 'cluster', clock: manualClock() });
    const [template] = Object.values(sim.state.volumes);
    const created = await call(sim, {
      method: 'POST',
      path: '/nodes/pve1/lxc',
      params: {
        vmid: 100,
        ostemplate: template?.volid ?? '',
        rootfs: 'local-lvm:8',
        hostname: 'web01',
        start: 1,
      },
    });
    expect((await waitTask(sim, created.data)).exitstatus).toMatch(/^(OK|WARNINGS: 1)$/);
    await sim.settle();
    expect(sim.state.containers[100]?.runtime).not.toBeNull();
    const { data } = await call(sim, { path: '/cluster/resources', params: { type: 'vm' } });
    expect(data).toMatchObject([{ vmid: 100, node: 'pve1', type: 'lxc' }]);
  });
});

describe('a saved state', () => {
  test('goes on where it ended: containers, users, tickets, random numbers', async () => {
    const clock = manualClock();
    const first = createSimulator({ seed: 'small', clock });
    const created = await call(first, {
      method: 'POST',
      path: '/nodes/pve1/lxc',
      params: {
        vmid: 100,
        ostemplate: Object.values(first.state.volumes)[0]?.volid ?? '',
        rootfs: 'local-lvm:8',
      },
    });
    await waitTask(first, created.data);
    const saved = JSON.parse(JSON.stringify(first.exportState())) as SimState;
    const second = createSimulator({ seed: saved, clock });
    expect(second.credentials).toEqual(first.credentials);
    expect(second.state.random).toBe(first.state.random);
    const config = (await call(second, { path: '/nodes/pve1/lxc/100/config' })).data;
    expect(config).toEqual((await call(first, { path: '/nodes/pve1/lxc/100/config' })).data);
    await call(second, { method: 'PUT', path: '/nodes/pve1/lxc/100/config', params: { memory: 1024 } });
    expect(saved.containers[100]?.config['memory']).toBe('512');
  });
  test('has no task that still runs', async () => {
    const first = createSimulator({ seed: 'small', clock: manualClock({ auto: false }) });
    const entry = first.state.catalogue.find(({ package: name }) => name === 'debian-13-standard');
    const { data: upid } = await call(first, {
      method: 'POST',
      path: '/nodes/pve1/aplinfo',
      params: { storage: 'local', template: entry?.template ?? '' },
    });
    const second = createSimulator({ seed: first.exportState(), clock: manualClock() });
    const { data } = await call(second, {
      path: `/nodes/pve1/tasks/${encodeURIComponent(String(upid))}/status`,
    });
    expect(data).toMatchObject({ status: 'stopped', exitstatus: 'unexpected status' });
  });
});

describe('coverage', () => {
  test('counts what is simulated', () => {
    const sim = createSimulator();
    const { total, simulated, areas, checkedOnly } = sim.coverage();
    expect(total).toBe(661);
    expect(simulated + checkedOnly.length).toBe(total);
    expect(areas.reduce((sum, area) => sum + area.simulated, 0)).toBe(simulated);
    expect(sim.handlerKeys).toContain('PUT /nodes/{node}/lxc/{vmid}/config');
  });
});

describe('the journal', () => {
  test('tells who asked for what, without secrets', async () => {
    const sim = createSimulator({ clock: manualClock() });
    const { username, password } = sim.credentials;
    await call(sim, { method: 'POST', path: '/access/ticket', params: { username, password }, as: null });
    await call(sim, { path: '/nodes/pve1/lxc/100/config', params: { current: 1 } });
    await call(sim, { path: '/version', as: null });
    expect(sim.journal).toMatchObject([
      { seq: 1, method: 'POST', template: '/access/ticket', authid: '', status: 200, params: { username } },
      {
        seq: 2,
        method: 'GET',
        template: '/nodes/{node}/lxc/{vmid}/config',
        path: '/nodes/pve1/lxc/100/config',
        authid: sim.credentials.tokenId,
        status: 500,
        params: { current: '1', vmid: '100', node: 'pve1' },
      },
      { seq: 3, status: 401, reason: 'No ticket', ms: 3000 },
    ]);
    expect(JSON.stringify(sim.journal)).not.toContain(password);
    expect(sim.journal.filter(({ method }) => method !== 'GET')).toHaveLength(1);
  });
  test('is bounded', async () => {
    const sim = createSimulator({ clock: manualClock(), journalLimit: 5 });
    for (let index = 0; index < 8; index++) await call(sim, { path: '/version' });
    expect(sim.journal.map(({ seq }) => seq)).toEqual([4, 5, 6, 7, 8]);
  });
});

describe('speed', () => {
  test('10 000 requests take a few seconds', async () => {
    const sim = createSimulator({ seed: 'small', clock: manualClock() });
    const started = performance.now();
    for (let index = 0; index < 10_000; index++) {
      const answer = await call(sim, {
        path: index % 2 ? '/version' : '/cluster/resources',
        params: index % 2 ? {} : { type: 'vm' },
      });
      if (answer.status !== 200) throw new Error(answer.reason);
    }
    expect(performance.now() - started).toBeLessThan(10_000); // 1.5 s on an idle machine
  });
});

/** Each kind of fault through the real client and engine: what a run does about it, and what its user is told. */

import { describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../../src/api/types.ts';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { listContainers } from '../../../src/engine/list.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import type { FaultEntry, Simulator } from '../../../src/simulator/index.ts';
import { naturalCompare } from '../../../src/util/compare.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

const web = container('web01', { vmid: 201 });
const bigger = fleet([{ ...web, compute: { cores: 2, memoryMiB: 1024, swapMiB: 256 } }]);

async function apply(engine: TestEngine, file: DesiredFleet): Promise<ApplyReport> {
  const { plan } = await makePlan(engine.context, file, policyOf());
  return applyPlan(engine.context, plan);
}

/** A fleet in order, and a schedule from there on. */
async function faulty(
  entries: readonly FaultEntry[],
  containers: readonly DesiredContainer[] = [web],
): Promise<TestEngine> {
  const engine = makeEngine();
  if (containers.length > 0) {
    const report = await apply(engine, fleet(containers));
    expect(report.summary).toMatchObject({ failed: 0, skipped: 0 });
  }
  engine.simulator.faults.schedule(entries);
  return engine;
}

const failures = (report: ApplyReport): unknown[] =>
  report.actions.flatMap(({ id, result, error }) =>
    result === 'failed' ? [{ id, code: error?.code, message: error?.message, hint: error?.hint }] : [],
  );
const vmidsOf = ({ simulator }: TestEngine): number[] => Object.keys(simulator.state.containers).map(Number);

test('latency only takes time', async () => {
  const engine = await faulty([{ fault: 'latency', ms: 5000, times: 1000 }]);
  const began = engine.clock.now();
  expect((await apply(engine, bigger)).summary).toMatchObject({ ok: 1, failed: 0 });
  expect(engine.clock.now() - began).toBeGreaterThan(15_000);
});

test.each(['before', 'after'] as const)(
  'a connection dropped %s the effect is found out about',
  async (when) => {
    const engine = await faulty([{ fault: 'drop', when, method: 'PUT', path: '/nodes/*/lxc/*/config' }]);
    const report = await apply(engine, bigger);
    expect(report.summary).toMatchObject({ ok: 1, failed: 0 });
    expect(engine.eventsOf('retry').length).toBeGreaterThan(0);
    expect(await verify(engine.context, bigger)).toMatchObject({ converged: true });
  },
);

test('a ticket that ends in mid-run is renewed; a token that is refused ends the run', async () => {
  const asUser = ({ credentials }: Simulator): ClientOptions['auth'] => ({
    kind: 'ticket',
    username: credentials.username,
    password: credentials.password,
  });
  const engine = await faulty([]);
  const person = engine.again({ auth: asUser(engine.simulator) });
  const { plan } = await makePlan(person.context, bigger, policyOf());
  engine.simulator.faults.schedule([{ fault: 'answer', status: 401, method: 'PUT' }]);
  expect((await applyPlan(person.context, plan)).summary).toMatchObject({ ok: 1, failed: 0 });
  expect(engine.requests().filter((line) => line === 'POST /access/ticket').length).toBeGreaterThan(1);

  engine.simulator.faults.schedule([{ fault: 'answer', status: 401, path: '/cluster/resources', times: 5 }]);
  await expect(makePlan(engine.context, bigger, policyOf())).rejects.toMatchObject({
    code: 'PVE_AUTH',
    exitCode: 4,
    message: expect.stringContaining('Authentication failed!'),
  });
});

test.each([
  ['595', { fault: 'answer', status: 595 }],
  ['596', { fault: 'answer', status: 596 }],
  ['596 after the effect', { fault: 'answer', status: 596, when: 'after' }],
] as const)('a %s that passes is met with another look', async (_, entry) => {
  const engine = await faulty([{ ...entry, method: 'POST', path: '/nodes/*/lxc' }], []);
  const report = await apply(engine, fleet([web]));
  expect(report.summary).toMatchObject({ ok: 2, failed: 0 });
  expect(vmidsOf(engine)).toEqual([201]);
});

test('a task that fails is told in its own words, the rest goes on, and the next run repairs it', async () => {
  const engine = await faulty(
    [{ fault: 'task-failure', type: 'vzcreate', id: 201, text: 'disk on fire' }],
    [],
  );
  const file = fleet([web, container('web02', { vmid: 202 })]);
  const report = await apply(engine, file);
  expect(failures(report)).toMatchObject([
    { id: 'web01/create', code: 'TASK_FAILED', message: expect.stringContaining('disk on fire') },
  ]);
  expect(report.summary).toMatchObject({ ok: 2, failed: 1, skipped: 1 });
  expect(vmidsOf(engine)).toEqual([202]);
  expect((await apply(engine, file)).summary).toMatchObject({ ok: 2, failed: 0 });
});

test('a task that warns is a success with a remark', async () => {
  const engine = await faulty([{ fault: 'task-warning', type: 'vzcreate', text: 'old kernel' }], []);
  const report = await apply(engine, fleet([web]));
  expect(report.summary).toMatchObject({ warnings: 1, failed: 0 });
  expect(report.actions.find(({ result }) => result === 'warnings')).toMatchObject({ id: 'web01/create' });
});

describe('a lock that somebody else holds', () => {
  test('is waited for', async () => {
    const engine = await faulty([{ fault: 'lock-timeout', lock: '*pve-config-201.lock', times: 2 }]);
    expect((await apply(engine, bigger)).summary).toMatchObject({ ok: 1, failed: 0 });
    const puts = engine.simulator.journal.filter(({ method }) => method === 'PUT');
    const timeout = "can't lock file '/run/lock/lxc/pve-config-201.lock' - got timeout";
    expect(puts.map(({ reason }) => reason)).toEqual([timeout, timeout, 'OK']);
  });
  test('for ever is told', async () => {
    const engine = await faulty([{ fault: 'lock-timeout', lock: '*pve-config-201.lock', times: 1000 }]);
    expect(failures(await apply(engine, bigger))).toMatchObject([
      { code: 'PVE_CONFLICT', message: expect.stringContaining('got timeout') },
    ]);
  });
});

test('a full storage is told as the storage tells it, and leaves nothing', async () => {
  const engine = await faulty([{ fault: 'full-storage', storage: 'local-lvm', path: '/nodes/pve1/lxc' }], []);
  const report = await apply(engine, fleet([web]));
  expect(failures(report)).toMatchObject([
    { id: 'web01/create', message: expect.stringMatching(/lvcreate .* free space in thin pool/) },
  ]);
  expect(vmidsOf(engine)).toEqual([]);
});

test('a lost node: its containers are named, the others are done, and after it has come back the rest is', async () => {
  const file = fleet([web, container('far01', { vmid: 301, node: 'pve2', template: 'debian-12' })]);
  const engine = await faulty([], file.containers);
  engine.simulator.faults.schedule([{ fault: 'node-loss', node: 'pve2', forMs: 3_600_000 }]);
  await engine.context.pve.get('/version');
  await engine.clock.advance(15_000); // until the nodes have told each other
  const list = await listContainers(engine.context, { names: [] });
  expect(list.containers).toMatchObject([
    { name: 'web01', status: 'running' },
    { vmid: 301, status: 'unknown', memoryMiB: null },
  ]);
  expect(engine.eventsOf('notice').map(({ diagnostic }) => diagnostic)).toMatchObject([
    { code: 'NODE_OFFLINE', message: expect.stringContaining('301') },
  ]);
  const more = fleet(
    file.containers.map((one) => ({ ...one, compute: { ...one.compute, memoryMiB: 1024 } })),
  );
  const { plan } = await makePlan(engine.context, more, policyOf());
  expect(plan.refusals.map(({ key }) => key)).toEqual(['far01']);
  await engine.clock.advance(3_600_000);
  expect((await apply(engine, more)).summary).toMatchObject({ ok: 2, failed: 0 });
});

test('a node that is lost between plan and apply fails what is on it, and nothing else', async () => {
  const engine = await faulty([], [web, container('far01', { vmid: 301, node: 'pve2' })]);
  const more = fleet(
    [web, container('far01', { vmid: 301, node: 'pve2' })].map((one) => ({
      ...one,
      compute: { cores: 1, memoryMiB: 1024, swapMiB: 256 },
    })),
  );
  const { plan } = await makePlan(engine.context, more, policyOf());
  engine.simulator.faults.schedule([{ fault: 'node-loss', node: 'pve2' }]);
  const report = await applyPlan(engine.context, plan);
  expect(failures(report)).toMatchObject([{ id: 'far01/configure:live', code: 'PVE_CONNECTION' }]);
  expect(engine.simulator.state.containers[201]?.config['memory']).toBe('1024');
});

test('lost quorum ends the run with one failure and a way out', async () => {
  const engine = await faulty([{ fault: 'quorum-loss', method: 'POST', skip: 1 }], []);
  const { plan } = await makePlan(engine.context, fleet(many(4)), policyOf());
  const report = await applyPlan(engine.again({ limits: { actions: 1 } }).context, plan);
  const [first, ...others] = failures(report) as { hint?: string }[];
  expect(first?.hint).toContain('pvecm status');
  expect(others).toEqual([]);
  expect(report.summary.skipped).toBeGreaterThan(2);
});

test('quorum that is lost while a configuration is changed is called by its name', async () => {
  const engine = await faulty([{ fault: 'quorum-loss', method: 'PUT' }]);
  expect(failures(await apply(engine, bigger))).toMatchObject([
    { id: 'web01/configure:live', hint: expect.stringContaining('pvecm status') },
  ]);
});

describe('a human who edits between two requests', () => {
  test('is not overwritten', async () => {
    const engine = await faulty([
      { fault: 'edit', method: 'GET', path: '/nodes/*/lxc/*/pending', vmid: 201, set: { cores: 7 } },
    ]);
    expect(failures(await apply(engine, bigger))).toMatchObject([
      { id: 'web01/configure:live', code: 'PVE_CONFLICT', hint: expect.stringContaining('plan') },
    ]);
    expect(engine.simulator.state.containers[201]?.config).toMatchObject({ cores: '7', memory: '512' });
  });
  test('and then the file wins again', async () => {
    const engine = await faulty([{ fault: 'edit', method: 'GET', vmid: 201, set: { memory: 333 } }]);
    await listContainers(engine.context, { names: [] });
    expect((await apply(engine, fleet([web]))).summary).toMatchObject({ ok: 1 });
    expect(engine.simulator.state.containers[201]?.config['memory']).toBe('512');
  });
});

/** Things that pass by themselves. */
const weather: readonly FaultEntry[] = [
  { fault: 'drop', when: 'before', probability: 0.03 },
  { fault: 'drop', when: 'after', probability: 0.03 },
  { fault: 'answer', status: 596, when: 'after', probability: 0.02 },
  { fault: 'answer', status: 595, probability: 0.02 },
  { fault: 'latency', ms: 2500, probability: 0.1 },
  { fault: 'lock-timeout', lock: '*storage*', probability: 0.05 },
  { fault: 'task-failure', probability: 0.05 },
  { fault: 'task-warning', probability: 0.05 },
];

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'in bad weather (%i) some runs bring a fleet about, and nothing twice',
  async (seed) => {
    const engine = makeEngine({ randomSeed: seed });
    const { simulator } = engine;
    simulator.faults.schedule(weather);
    const file = fleet(many(6));
    for (let run = 0; run < 12; run++) {
      const attempt = engine.again();
      try {
        const { plan } = await makePlan(attempt.context, file, policyOf());
        if (plan.actions.length === 0) break;
        await applyPlan(attempt.context, plan);
      } catch (error) {
        // Even the first look may fail; then there is the next run.
        expect((error as { code?: string }).code).toMatch(/^PVE_/);
      }
    }
    simulator.faults.clear();
    expect(await verify(engine.context, file)).toMatchObject({ converged: true });
    const names = Object.values(simulator.state.containers).map(({ config }) => config['hostname'] ?? '');
    expect(names.toSorted(naturalCompare)).toEqual(['ct1', 'ct2', 'ct3', 'ct4', 'ct5', 'ct6']);
    const owned = Object.values(simulator.state.volumes).filter(({ content }) => content === 'rootdir');
    expect(owned).toHaveLength(6);
  },
);

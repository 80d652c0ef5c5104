import { expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { observe } from '../../../src/engine/observe.ts';
import { makeDestroyPlan, makePlan } from '../../../src/engine/plan.ts';
import type { SimContainer, SimState } from '../../../src/simulator/model/state.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

async function applyAll(engine: TestEngine, count: number): Promise<void> {
  const { plan } = await makePlan(engine.context, fleet(many(count)), policyOf());
  await applyPlan(engine.context, plan);
}

/** Copies of a container under other ids and names, as if the fleet had grown for years. */
function multiply(state: SimState, count: number): void {
  const [first] = Object.values(state.containers);
  if (!first) throw new Error('no container to copy');
  for (let index = 1; index <= count; index++) {
    const vmid = 1_000 + index;
    const copy: SimContainer = structuredClone(first);
    copy.vmid = vmid;
    copy.node = `pve${(index % 3) + 1}`;
    copy.config['hostname'] = `ct${index}`;
    copy.config['description'] = (copy.config['description'] ?? '').replace(/key=\S+/, `key=ct${index}`);
    copy.config['rootfs'] = `local-lvm:vm-${vmid}-disk-0,size=4G`;
    copy.config['net0'] = (copy.config['net0'] ?? '').replace(
      /hwaddr=[^,]+/,
      `hwaddr=BC:24:11:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`.toUpperCase(),
    );
    state.containers[vmid] = copy;
  }
  delete state.containers[first.vmid];
}

test('a thousand containers cost one request each and a few more, in seconds', async () => {
  const engine = makeEngine();
  await applyAll(engine, 1);
  multiply(engine.simulator.state, 1_000);
  const nodes = (index: number): string => `pve${(index % 3) + 1}`;
  const file = fleet(
    many(1_000).map((one, index) => ({ ...one, node: nodes(index + 1) })),
    { vmids: { from: 1_000, to: 3_000 } },
  );
  engine.simulator.journal.length = 0;
  const startedAt = performance.now();
  const { plan, snapshot } = await makePlan(engine.again().context, file, policyOf());
  const seconds = (performance.now() - startedAt) / 1_000;
  expect(snapshot.containers.size).toBe(1_000);
  expect(plan.inSync).toHaveLength(1_000);
  expect(engine.simulator.journal.length).toBeLessThanOrEqual(1_030);
  expect(engine.requests({ writes: true })).toEqual([]);
  expect(seconds).toBeLessThan(10);
});

test('counts its requests and tells how far it is', async () => {
  const engine = makeEngine();
  await applyAll(engine, 3);
  engine.simulator.journal.length = 0;
  const next = engine.again();
  await observe(next.context, { all: true });
  expect(next.eventsOf('observe.done')).toMatchObject([
    { containers: 3, requests: engine.simulator.journal.length },
  ]);
  expect(next.eventsOf('observe.progress').at(-1)).toMatchObject({ done: 3, total: 3 });
});

test('reads templates only when a container is to be made, the catalogue only when one is missing', async () => {
  const engine = makeEngine();
  const reads = async (file: ReturnType<typeof fleet>): Promise<string[]> => {
    engine.simulator.journal.length = 0;
    await makePlan(engine.again().context, file, policyOf());
    return engine.requests().filter((line) => /content$|aplinfo$/.test(line));
  };
  expect(new Set(await reads(fleet(many(1))))).toEqual(
    new Set(['GET /nodes/{node}/storage/{storage}/content']),
  );
  expect(await reads(fleet([container('a', { template: 'debian-13' })]))).toContain(
    'GET /nodes/{node}/aplinfo',
  );
  await applyAll(engine, 1);
  expect(await reads(fleet(many(1)))).toEqual([]);
});

test('knows the state of a container that was made just now', async () => {
  const engine = makeEngine();
  await applyAll(engine, 1);
  const snapshot = await observe(engine.context, { fleetName: 'lab' });
  expect(snapshot.guests).toMatchObject([{ vmid: 200, name: 'ct1', status: 'running' }]);
});

test('a container that vanishes between the two reads is absent', async () => {
  const engine = makeEngine();
  await applyAll(engine, 2);
  const next = engine.again();
  const original = next.context.pve.get;
  const get: typeof original = (async (path: '/version', ...args: []) => {
    const answer = await original(path, ...args);
    if ((path as string) === '/cluster/resources') delete engine.simulator.state.containers[200];
    return answer;
  }) as typeof original;
  const snapshot = await observe({ ...next.context, pve: { ...next.context.pve, get } }, { all: true });
  expect(snapshot.guests.map(({ vmid }) => vmid)).toEqual([201]);
  expect([...snapshot.containers.keys()]).toEqual([201]);
});

test('containers of a node that is offline are told, not taken for missing', async () => {
  const engine = makeEngine();
  const file = fleet([container('here'), container('there', { node: 'pve2', template: 'alpine-3.22' })]);
  const { plan } = await makePlan(engine.context, file, policyOf());
  await applyPlan(engine.context, plan);
  const node = engine.simulator.state.nodes['pve2'];
  if (node) node.status = 'offline';
  const next = engine.again();
  const { plan: second } = await makePlan(next.context, file, policyOf());
  expect(next.eventsOf('notice')).toMatchObject([{ diagnostic: { code: 'NODE_OFFLINE' } }]);
  expect(second.refusals[0]).toMatchObject({ key: 'there', code: 'CONTAINER_UNREADABLE', vmid: 201 });
  expect(second.actions).toEqual([]);
});

test('a plan to destroy names what the fleet owns and nothing else', async () => {
  const engine = makeEngine();
  await applyAll(engine, 2);
  const theirs = fleet([container('x')], { name: 'theirs', vmids: { from: 400, to: 410 } });
  await applyPlan(engine.context, (await makePlan(engine.context, theirs, policyOf())).plan);
  const { plan } = await makeDestroyPlan(engine.context, 'lab', policyOf({ all: true }));
  expect(new Set(plan.actions.map(({ target }) => target.vmid))).toEqual(new Set([200, 201]));
  const report = await applyPlan(engine.context, plan);
  expect(report.summary.failed).toBe(0);
  expect(Object.keys(engine.simulator.state.containers)).toEqual(['400']);
});

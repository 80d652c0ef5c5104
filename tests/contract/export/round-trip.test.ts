/** A cluster, its export, and the simulator that is fed with it: the same for whoever plans, lists and exports again. */
import { expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { type ExportedState, exportState } from '../../../src/engine/export-state.ts';
import { type ListDocument, listContainers } from '../../../src/engine/list.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { createSimulator, type SimState } from '../../../src/simulator/index.ts';
import { readSeed } from '../../../src/simulator/seed-file.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const lab: DesiredFleet = fleet([
  container('web01', {
    vmid: 201,
    pool: 'lab',
    options: { onboot: true, tags: ['blue'], description: 'the front door\nsecond line: äöü' },
  }),
  container('db01', {
    vmid: 203,
    mounts: { '/var/lib/postgresql': { storage: 'shared', sizeBytes: 2 * GiB } },
  }),
  container('idle01', { vmid: 202, power: 'stopped' }),
]);

async function call(
  engine: TestEngine,
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  params: Record<string, string | number | boolean>,
): Promise<void> {
  const answer = await engine.context.pve.request({ method, path, params });
  if (typeof answer === 'string' && answer.startsWith('UPID:')) await engine.context.pve.waitTask(answer);
}

/** A cluster with everything in it that an export has to carry over. */
async function busyCluster(): Promise<TestEngine> {
  const engine = makeEngine();
  const { plan } = await makePlan(engine.context, lab, policyOf());
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ failed: 0, skipped: 0 });
  const { state } = engine.simulator;
  state.vms[900] = {
    vmid: 900,
    node: 'pve2',
    name: 'router',
    status: 'running',
    config: { memory: '2048', cores: '2', tags: 'net' },
  };
  const at = { node: 'pve1' };
  await call(engine, 'POST', '/nodes/{node}/lxc/{vmid}/snapshot', { ...at, vmid: 202, snapname: 'one' });
  await call(engine, 'POST', '/nodes/{node}/lxc/{vmid}/snapshot', {
    ...at,
    vmid: 202,
    snapname: 'two',
    description: 'before the change',
  });
  // waits for a restart: one value set, one to be removed
  await call(engine, 'PUT', '/nodes/{node}/lxc/{vmid}/config', {
    ...at,
    vmid: 201,
    nameserver: '10.0.0.2',
    delete: 'features',
  });
  await call(engine, 'POST', '/nodes/{node}/lxc/{vmid}/clone', {
    ...at,
    vmid: 202,
    newid: 210,
    full: true,
    snapname: 'one',
  });
  await call(engine, 'POST', '/nodes/{node}/lxc/{vmid}/template', { ...at, vmid: 210 });
  await engine.simulator.settle();
  await call(engine, 'POST', '/nodes/{node}/lxc/{vmid}/clone', { ...at, vmid: 210, newid: 211 });
  await call(engine, 'POST', '/cluster/ha/resources', { sid: 'ct:202', state: 'stopped' });
  await call(engine, 'PUT', '/cluster/options', { 'tag-style': 'ordering=config', 'next-id': 'lower=200' });
  await engine.simulator.settle();
  await engine.clock.advance(15_000);
  return engine;
}

async function exported(engine: TestEngine): Promise<ExportedState> {
  return (await exportState(engine.context)).state;
}

/** The same, as a file would have it. */
const asFile = (state: ExportedState): SimState =>
  readSeed(JSON.parse(JSON.stringify(state)), 'export.json', 0).seed;

/** Without times and what is made anew for each export. */
function timeless(state: ExportedState): unknown {
  const times = new Set(['bootedAtMs', 'startedAtMs', 'createdAtMs', 'savedAtMs', 'ctime']);
  const fresh = new Set(['secret', 'random', 'password']);
  return JSON.parse(
    JSON.stringify(state, (key, value: unknown) => (times.has(key) || fresh.has(key) ? undefined : value)),
  );
}

/** What does not change from second to second. */
const steady = (list: ListDocument): unknown =>
  list.containers.map(({ usage: _usage, uptimeSeconds: _uptime, ...row }) => row);

test('the export is a sound state that knows the whole cluster', async () => {
  const engine = await busyCluster();
  const before = engine.simulator.journal.length;
  const { state, notices } = await exportState(engine.context);
  expect(notices).toEqual([]);
  const asked = engine.simulator.journal.slice(before);
  expect(asked.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(asked.every(({ status }) => status === 200)).toBe(true);
  const loaded = asFile(state);
  const original = engine.simulator.state;
  for (const part of ['nodes', 'storages', 'containers', 'vms', 'pools', 'haResources', 'volumes'] as const)
    expect(Object.keys(loaded[part]).sort(), part).toEqual(Object.keys(original[part]).sort());
  expect(loaded.containers[202]?.snapshots).toEqual(original.containers[202]?.snapshots);
  expect(loaded.containers[201]).toMatchObject({
    config: original.containers[201]?.config,
    pending: { nameserver: '10.0.0.2' },
    pendingDelete: { features: false },
    runtime: { memoryMiB: 512, swapMiB: 256 },
  });
  expect(loaded.containers[202]?.config).toEqual(original.containers[202]?.config);
  expect(loaded.vms[900]).toEqual(original.vms[900]);
  expect(loaded.roles).toEqual({ FleetOperator: original.roles['FleetOperator']?.toSorted() });
  expect(loaded.acls).toEqual(original.acls);
  const root = loaded.volumes[`pve1|${original.containers[202]?.config['rootfs']?.split(',')[0]}`];
  expect(root).toMatchObject({ vmid: 202, snapshots: ['one', 'two'] });
  const clone = Object.values(loaded.volumes).find(({ vmid }) => vmid === 211);
  expect(clone?.parent).toBe(Object.values(loaded.volumes).find(({ vmid }) => vmid === 210)?.volid);
});

test('no secret of the cluster is in it', async () => {
  const engine = await busyCluster();
  const { state } = engine.simulator;
  const container = state.containers[202];
  if (container) {
    container.config['env'] = 'LANG=C\0POSTGRES_PASSWORD=hunter22\0API_TOKEN=t-77';
    container.raw.push(['lxc.environment', 'MY_SECRET=sesame'], ['lxc.init.cwd', '/srv']);
  }
  state.storages['shared']!.options['password'] = 'cifs-pass';
  state.options['http_proxy'] = 'http://user:proxypass@10.0.0.9:3128';
  const { state: copy, notices } = await exportState(engine.context);
  const text = JSON.stringify(copy);
  const secrets = Object.values(state.users).flatMap(({ password, tokens, totpSecret }) => [
    password,
    totpSecret,
    ...Object.values(tokens).map((token) => token.secret),
  ]);
  for (const secret of [...secrets, 'hunter22', 't-77', 'sesame', 'cifs-pass', 'proxypass', state.secret])
    if (secret !== undefined) expect(text).not.toContain(secret);
  expect(asFile(copy).containers[202]?.config['env']).toBe(
    'LANG=C\0POSTGRES_PASSWORD=********\0API_TOKEN=********',
  );
  expect(asFile(copy).containers[202]?.raw).toEqual([
    ['lxc.environment', 'MY_SECRET=********'],
    ['lxc.init.cwd', '/srv'],
  ]);
  expect(notices).toMatchObject([
    { code: 'EXPORT_MASKED', message: expect.stringContaining('POSTGRES_PASSWORD, API_TOKEN, MY_SECRET') },
  ]);
});

test('its credentials are new, and let in', async () => {
  const first = await busyCluster();
  const [one, two] = [await exported(first), await exported(first)];
  const simulator = createSimulator({ seed: asFile(one), clock: manualClock() });
  const { username, password, tokenId, tokenSecret } = simulator.credentials;
  expect({ username, tokenId }).toEqual({ username: 'root@pam', tokenId: 'root@pam!pvefleet' });
  expect(password).not.toBe(two.users['root@pam']?.password);
  expect(tokenSecret).not.toBe(first.simulator.credentials.tokenSecret);
  // other accounts keep their tokens, with new secrets, and cannot log in
  const automation = one.users['automation@pve'];
  expect(Object.keys(automation?.tokens ?? {})).toEqual(['fleet', 'limited']);
  expect(automation).not.toHaveProperty('password');
  const copy = makeEngine({
    seed: asFile(one),
    auth: {
      kind: 'token',
      tokenId: 'automation@pve!fleet',
      secret: automation?.tokens['fleet']?.secret ?? '',
    },
  });
  expect((await listContainers(copy.context, { names: [] })).containers).toHaveLength(5);
});

test('a plan finds nothing to do, the list is the same, and a second export too', async () => {
  const original = await busyCluster();
  const file = await exported(original);
  const copy = makeEngine({ seed: asFile(file) });
  const plans = await Promise.all(
    [original, copy].map(async (engine) => (await makePlan(engine.context, lab, policyOf())).plan),
  );
  expect(plans[1]?.summary).toEqual(plans[0]?.summary);
  expect(plans[1]?.inSync).toEqual(
    ['db01', 'idle01', 'web01'].filter((key) => plans[0]?.inSync.includes(key)),
  );
  expect(plans[1]?.actions.map(({ id }) => id)).toEqual(plans[0]?.actions.map(({ id }) => id));
  const lists = await Promise.all(
    [original, copy].map((engine) => listContainers(engine.context, { names: [] }, { addresses: true })),
  );
  expect(steady(lists[1] as ListDocument)).toEqual(steady(lists[0] as ListDocument));
  expect(timeless(await exported(copy))).toEqual(timeless(file));
});

test('a fleet in order stays so on the copy, and can be changed and destroyed there', async () => {
  const engine = makeEngine();
  const { plan } = await makePlan(engine.context, lab, policyOf());
  await applyPlan(engine.context, plan);
  await engine.clock.advance(15_000);
  const copy = makeEngine({ seed: asFile(await exported(engine)) });
  expect((await makePlan(copy.context, lab, policyOf())).plan.actions).toEqual([]);
  const bigger = fleet([
    ...lab.containers.slice(1),
    container('web01', { ...lab.containers[0], compute: { cores: 2, memoryMiB: 1024, swapMiB: 256 } }),
    container('new01'),
  ]);
  const changes = (await makePlan(copy.context, bigger, policyOf())).plan;
  expect((await applyPlan(copy.context, changes)).summary).toMatchObject({ failed: 0, skipped: 0 });
  const end = (await makePlan(copy.context, fleet([]), policyOf({ all: true }))).plan;
  expect((await applyPlan(copy.context, end)).summary).toMatchObject({ failed: 0, skipped: 0 });
  expect(Object.keys(copy.simulator.state.containers)).toEqual([]);
  expect(Object.values(copy.simulator.state.volumes).filter(({ content }) => content === 'rootdir')).toEqual(
    [],
  );
  expect(Object.keys(engine.simulator.state.containers)).toHaveLength(3);
});

test.each(['small', 'reference'] as const)('the seed %s goes round as well', async (seed) => {
  const engine = makeEngine({ seed });
  const file = await exported(engine);
  const copy = makeEngine({ seed: asFile(file) });
  expect(timeless(await exported(copy))).toEqual(timeless(file));
});

test('storages of different sizes keep them, node by node', async () => {
  const engine = makeEngine();
  const storage = engine.simulator.state.storages['local'];
  if (storage)
    storage.sizes = {
      pve1: { totalBytes: 100 * GiB, baseUsedBytes: GiB },
      pve2: { totalBytes: 200 * GiB, baseUsedBytes: 2 * GiB },
      pve3: { totalBytes: 300 * GiB, baseUsedBytes: 3 * GiB },
    };
  const copy = asFile(await exported(engine));
  expect(copy.storages['local']?.sizes).toEqual(storage?.sizes);
});

test('an account with few rights gets what it may see, and is told the rest', async () => {
  const engine = await busyCluster();
  const { state } = engine.simulator;
  const auditor = state.users['auditor@pve'];
  state.acls = [
    ...state.acls.filter(({ ugid }) => ugid !== 'auditor@pve'),
    { path: '/vms', type: 'user', ugid: 'auditor@pve', roleid: 'PVEAuditor', propagate: true },
    { path: '/storage/local-lvm', type: 'user', ugid: 'auditor@pve', roleid: 'PVEAuditor', propagate: true },
  ];
  const weak = engine.again({
    auth: { kind: 'token', tokenId: 'auditor@pve!ro', secret: auditor?.tokens['ro']?.secret ?? '' },
  });
  const { state: copy, notices } = await exportState(weak.context);
  const told = notices.map(({ message }) => message).join('\n');
  for (const what of [
    'Datastore.Audit',
    'SDN.Audit',
    'Pool.Audit',
    'processors and memory of pve1',
    'volumes of containers',
  ])
    expect(told).toContain(what);
  expect(weak.eventsOf('notice').map(({ diagnostic }) => diagnostic)).toEqual(notices);
  const loaded = asFile(copy);
  expect(Object.keys(loaded.containers)).toEqual(Object.keys(state.containers));
  expect(loaded.nodes['pve1']?.bridges.map(({ iface }) => iface)).toEqual(['vmbr0']);
  // its containers can be started there, although their volumes were in no listing
  const rehearsal = makeEngine({ seed: loaded });
  await call(rehearsal, 'POST', '/nodes/{node}/lxc/{vmid}/status/start', { node: 'pve1', vmid: 202 });
  expect(rehearsal.simulator.state.containers[202]?.runtime).not.toBeNull();
});

test('a node that is down keeps its ids, and is told', async () => {
  const engine = await busyCluster();
  const { state } = engine.simulator;
  state.containers[300] = { ...structuredClone(state.containers[202]!), vmid: 300, node: 'pve3' };
  state.nodes['pve3']!.status = 'offline';
  const { state: copy, notices } = await exportState(engine.context);
  expect(notices.map(({ code }) => code)).toEqual(['NODE_OFFLINE']);
  const loaded = asFile(copy);
  expect(loaded.nodes['pve3']?.status).toBe('offline');
  expect(loaded.containers[300]).toMatchObject({ node: 'pve3', runtime: null });
  const again = makeEngine({ seed: loaded });
  await expect(
    again.context.pve.post('/nodes/{node}/lxc', {
      node: 'pve1',
      vmid: 300,
      ostemplate: Object.values(loaded.volumes)[0]?.volid ?? '',
    }),
  ).rejects.toThrow('already exists');
});

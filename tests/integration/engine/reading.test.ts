/** list, show, templates, tasks, doctor: what the engine tells about a cluster without changing it. */
import { beforeEach, expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { diagnose } from '../../../src/engine/doctor.ts';
import { listContainers, selectContainers, showContainer } from '../../../src/engine/list.ts';
import { makeDownloadPlan, makePlan } from '../../../src/engine/plan.ts';
import { listTasks, stopTask, taskLog, waitTask } from '../../../src/engine/tasks.ts';
import { deleteTemplate, listCatalogue, listTemplates } from '../../../src/engine/templates.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

let engine: TestEngine;
const file = fleet([
  container('web01', {
    nets: { eth0: { bridge: 'vmbr0', ip: '10.0.0.11/24', gateway: '10.0.0.1' } },
    options: { tags: ['front'] },
  }),
  container('db01', {
    power: 'stopped',
    compute: { cores: 2, cpuLimit: 1.5, memoryMiB: 1024, swapMiB: 0 },
    pool: 'lab',
  }),
]);

beforeEach(async () => {
  engine = makeEngine();
  await applyPlan(engine.context, (await makePlan(engine.context, file, policyOf())).plan);
  const theirs = fleet([container('web01')], { name: 'theirs', vmids: { from: 400, to: 410 } });
  await applyPlan(engine.context, (await makePlan(engine.context, theirs, policyOf())).plan);
  await engine.clock.advance(60_000);
});

test('lists containers with limits, owner and addresses', async () => {
  const { format, containers } = await listContainers(engine.context, { names: [] }, { addresses: true });
  expect(format).toBe('pvefleet.list/1');
  expect(containers).toMatchObject([
    {
      vmid: 200,
      name: 'db01',
      node: 'pve1',
      status: 'stopped',
      template: false,
      cores: 2,
      cpuLimit: 1.5,
      memoryMiB: 1024,
      swapMiB: 0,
      rootfsBytes: 4 * GiB,
      addresses: [],
      pool: 'lab',
      fleet: 'lab',
      key: 'db01',
    },
    {
      vmid: 201,
      status: 'running',
      tags: ['front', 'pvefleet'],
      addresses: ['10.0.0.11/24'],
      cpuLimit: null,
    },
    { vmid: 400, fleet: 'theirs' },
  ]);
});

test.each([
  ['a glob', { names: ['web*'] }, [201, 400]],
  ['a vmid', { names: ['200'] }, [200]],
  ['a name and a fleet', { names: ['web01'], filters: { fleets: ['lab'] } }, [201]],
  ['a tag', { names: [], filters: { tags: ['front'] } }, [201]],
  ['a pool', { names: [], filters: { pools: ['lab'] } }, [200]],
  ['a fleet', { names: [], filters: { fleets: ['theirs'] } }, [400]],
])('selects by %s', async (_, selection, vmids) => {
  const { containers } = await selectContainers(engine.context, selection);
  expect(containers.map(({ vmid }) => vmid)).toEqual(vmids);
});

test('does not ask for addresses unless told to, and reads no more than it may mean', async () => {
  engine.simulator.journal.length = 0;
  await listContainers(engine.context, { names: ['200'] });
  const reads = engine.requests();
  expect(reads.filter((line) => line.endsWith('/pending'))).toHaveLength(1);
  expect(reads.some((line) => line.endsWith('/interfaces'))).toBe(false);
});

test.each([
  ['an ambiguous name', 'web01', 'CONTAINER_AMBIGUOUS', /201.*400/],
  ['a misspelt name', 'db1', 'CONTAINER_UNKNOWN', /'db1'/],
])('%s is a usage error', async (_, name, code, message) => {
  const error = await selectContainers(engine.context, { names: [name] }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, exitCode: 2, message: expect.stringMatching(message) });
});

test('finds a container by a name that the list of the cluster does not know yet', async () => {
  const { pve, clock } = engine.context;
  const listed = async (): Promise<unknown> =>
    (await pve.get('/cluster/resources', {})).find(({ vmid }) => vmid === 500)?.name;
  // while it is made the nodes tell of it as CT500, once in ten seconds
  await clock.sleep(9_900 - (clock.now() % 10_000));
  const ostemplate = (await listTemplates(engine.context)).templates[0]?.volid ?? '';
  const upid = await pve.post('/nodes/{node}/lxc', {
    node: 'pve1',
    vmid: 500,
    hostname: 'young01',
    rootfs: 'local-lvm:4',
    ostemplate,
  });
  await clock.sleep(200);
  expect(await listed()).toBe('CT500');
  await pve.waitTask(upid);
  expect(await listed()).toBe('CT500');
  const { containers } = await selectContainers(engine.context, { names: ['young01'] });
  expect(containers).toMatchObject([{ vmid: 500, name: 'young01' }]);
});

test('shows one container in full, with what waits for a restart', async () => {
  const { pve } = engine.context;
  await pve.put('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: 201, nameserver: '10.0.0.53' });
  const document = await showContainer(engine.context, 201);
  expect(document).toMatchObject({
    format: 'pvefleet.show/1',
    container: { vmid: 201, key: 'web01', pending: ['nameserver'], addresses: ['10.0.0.11/24'] },
    config: { current: { hostname: 'web01' }, pending: { nameserver: '10.0.0.53' } },
    interfaces: [{ name: 'eth0' }],
  });
  expect(document.digest).toMatch(/^[0-9a-f]{40}$/);
  expect(document.tasks.map(({ type }) => type)).toEqual(['vzstart', 'vzcreate']);
});

test('lists, downloads and deletes templates', async () => {
  const { context } = engine;
  const before = (await listTemplates(context)).templates;
  expect(before.some(({ volid }) => volid.includes('debian-12'))).toBe(true);
  const { plan } = await makeDownloadPlan(context, 'debian-13', { node: 'pve2', storage: 'shared' });
  expect(plan.actions).toMatchObject([{ kind: 'template.download', target: { node: 'pve2' } }]);
  expect((await applyPlan(context, plan)).summary).toMatchObject({ ok: 1 });
  const [added] = (await listTemplates(context, { storage: 'shared' })).templates;
  expect(added?.volid).toMatch(/^shared:vztmpl\/debian-13/);
  expect((await applyPlan(context, plan)).summary).toMatchObject({ unchanged: 1 });
  await deleteTemplate(context, added?.volid ?? '');
  expect((await listTemplates(context)).templates).toEqual(before);
  await expect(deleteTemplate(context, added?.volid ?? '')).rejects.toMatchObject({ exitCode: 2 });
  const { entries } = await listCatalogue(context);
  expect(entries.some(({ package: name }) => name === 'debian-13-standard')).toBe(true);
});

test('a template that is not in the catalogue is a usage error with a suggestion', async () => {
  await expect(makeDownloadPlan(engine.context, 'debain-13-standard')).rejects.toMatchObject({
    exitCode: 2,
    hint: expect.stringContaining('debian-13-standard'),
  });
});

test('lists tasks, newest first, and reads a log', async () => {
  const { tasks } = await listTasks(engine.context, { vmid: 201 });
  expect(tasks).toMatchObject([
    { type: 'vzstart', state: 'ok', exitStatus: 'OK' },
    { type: 'vzcreate', state: 'ok' },
  ]);
  expect((await taskLog(engine.context, tasks[1]?.upid ?? '')).at(-1)).toBe('TASK OK');
  await expect(taskLog(engine.context, 'UPID:nonsense')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
});

test('waits for a running task with its log, and stops one', async () => {
  const { pve } = engine.context;
  const shutdown = async (): Promise<string> =>
    pve.post('/nodes/{node}/lxc/{vmid}/status/shutdown', { node: 'pve1', vmid: 201 });
  const upid = await shutdown();
  expect((await listTasks(engine.context, { running: true })).tasks).toMatchObject([
    { upid, state: 'running' },
  ]);
  expect(await waitTask(engine.context, upid, { follow: true })).toMatchObject({ state: 'ok' });
  expect(engine.eventsOf('task.log').some(({ id }) => id === upid)).toBe(true);
  await pve
    .post('/nodes/{node}/lxc/{vmid}/status/start', { node: 'pve1', vmid: 201 })
    .then((start) => pve.waitTask(start));
  const runtime = engine.simulator.state.containers[201]?.runtime;
  if (runtime) runtime.ignoresShutdown = true;
  const second = await shutdown();
  await stopTask(engine.context, second);
  expect(await waitTask(engine.context, second)).toMatchObject({ state: 'failed' });
});

test('a doctor finds nothing wrong with root on a healthy cluster', async () => {
  const document = await diagnose(engine.context, { fleet: file, identity: 'root@pam' });
  expect(document.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  expect(document).toMatchObject({ format: 'pvefleet.doctor/1', healthy: true, commands: [] });
  const names = document.checks.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'connection',
      'rights',
      'quorum',
      'nodes',
      'certificate pve1',
      'storages pve1',
      'bridges pve1',
      'clock pve1',
    ]),
  );
});

const auth = {
  kind: 'token',
  tokenId: 'weak@pve!ops',
  secret: '99999999-9999-4999-8999-999999999999',
} as const;

/** An account that may look at everything and change nothing; its token has rights of its own. */
function addAutomation(state: SimState): void {
  state.users['weak@pve'] = {
    userid: 'weak@pve',
    enable: true,
    expire: 0,
    groups: [],
    tokens: { ops: { tokenid: 'ops', secret: auth.secret, privsep: true, expire: 0 } },
  };
  const holders = [
    ['user', 'weak@pve'],
    ['token', auth.tokenId],
  ] as const;
  for (const [type, ugid] of holders) {
    state.acls.push({ path: '/', type, ugid, roleid: 'PVEAuditor', propagate: true });
  }
}

test('a doctor names the missing rights and the commands that grant them', async () => {
  const { state } = engine.simulator;
  addAutomation(state);
  const weak = engine.again({ auth });
  const file2 = fleet([container('new01', { features: { nesting: true, keyctl: true } })]);
  const { healthy, checks, commands } = await diagnose(weak.context, {
    fleet: file2,
    identity: 'weak@pve!ops',
  });
  expect(healthy).toBe(false);
  const messages = checks.filter(({ status }) => status === 'fail').map(({ message }) => message);
  expect(messages).toEqual(
    expect.arrayContaining([
      expect.stringContaining('new01: features.keyctl'),
      expect.stringMatching(/lacks VM\.Allocate.* on \/vms\/\d+, needed for new01\/create/),
      expect.stringContaining('lacks Datastore.AllocateSpace on /storage/local-lvm, needed for new01/create'),
      expect.stringContaining('lacks SDN.Use on /sdn/zones/localnetwork/vmbr0, needed for new01/create'),
    ]),
  );
  expect(commands).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^pveum role add FleetGuests --privs '.*VM\.Allocate/),
      "pveum acl modify /vms --users 'weak@pve' --tokens 'weak@pve!ops' --roles FleetGuests",
    ]),
  );
});

test('the commands of the doctor are enough for the fleet', async () => {
  const { state } = engine.simulator;
  addAutomation(state);
  const file2 = fleet([container('new01')], { name: 'new', vmids: { from: 300, to: 310 } });
  const { commands } = await diagnose(engine.again({ auth }).context, {
    fleet: file2,
    identity: 'weak@pve!ops',
  });
  for (const command of commands) {
    const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    if (words[1] === 'role') state.roles[words[3] ?? ''] = (words[5] ?? '').split(',');
    else {
      const path = words[3] ?? '';
      const roleid = words.at(-1) ?? '';
      state.acls.push({ path, type: 'user', ugid: 'weak@pve', roleid, propagate: true });
      state.acls.push({ path, type: 'token', ugid: 'weak@pve!ops', roleid, propagate: true });
    }
  }
  const able = engine.again({ auth });
  expect((await diagnose(able.context, { fleet: file2, identity: 'weak@pve!ops' })).healthy).toBe(true);
  const { plan } = await makePlan(able.context, file2, policyOf());
  expect((await applyPlan(able.context, plan)).summary).toMatchObject({ ok: 2, failed: 0 });
});

test('a doctor without connection says so and stops', async () => {
  const wrong = engine.again({ auth: { kind: 'token', tokenId: 'root@pam!pvefleet', secret: 'wrong' } });
  const { healthy, checks } = await diagnose(wrong.context);
  expect(healthy).toBe(false);
  expect(checks).toMatchObject([{ name: 'connection', status: 'fail' }]);
});

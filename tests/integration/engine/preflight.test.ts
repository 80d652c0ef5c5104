/** Rights, placement and capacity as a run meets them, on the simulated cluster. */
import { expect, test } from 'vitest';
import { applyPlan, applySavedPlan } from '../../../src/engine/apply.ts';
import { diagnose } from '../../../src/engine/doctor.ts';
import { PlanRefusedError } from '../../../src/engine/errors.ts';
import { makePlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

/** The token `automation@pve!limited` of the seed: it may look at everything and work on guests, and nothing else. */
function limited(engine: TestEngine): TestEngine {
  return as(engine, 'automation@pve', 'limited');
}

function as(engine: TestEngine, userid: string, tokenid: string): TestEngine {
  const identity = `${userid}!${tokenid}`;
  const secret = engine.simulator.state.users[userid]?.tokens[tokenid]?.secret ?? '';
  return engine.again({ auth: { kind: 'token', tokenId: identity, secret }, identity });
}

const asked = ({ simulator }: TestEngine): number =>
  simulator.journal.filter(({ template }) => template === '/access/permissions').length;
const file = fleet([container('web01'), container('web02')]);
const codesOf = ({ refusals }: { readonly refusals: readonly { readonly code: string }[] }): string[] =>
  refusals.map(({ code }) => code);

test('what a token may not do is refused at plan time, by one request and before anything is written', async () => {
  const engine = makeEngine();
  const weak = limited(engine);
  const { plan } = await makePlan(weak.context, file, policyOf());
  expect(plan.refusals).toMatchObject([
    {
      key: 'lab',
      code: 'RIGHTS_MISSING',
      message:
        'automation@pve!limited lacks SDN.Use on /sdn/zones/localnetwork/vmbr0, needed for web01/create and web02/create',
    },
    {
      code: 'RIGHTS_MISSING',
      message:
        'automation@pve!limited lacks Datastore.AllocateSpace on /storage/local-lvm, needed for web01/create and web02/create',
      commands: [
        "pveum role add FleetStorage --privs 'Datastore.AllocateSpace,Datastore.Audit'",
        "pveum acl modify /storage/local-lvm --users 'automation@pve' --tokens 'automation@pve!limited' --roles FleetStorage",
      ],
    },
  ]);
  expect(asked(engine)).toBe(1);
  const refused = await applyPlan(weak.context, plan).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(PlanRefusedError);
  expect(refused).toMatchObject({ code: 'RIGHTS_MISSING', exitCode: 4 });
  expect((refused as PlanRefusedError).hint).toMatch(
    /^on a node as root: pveum role add .* && pveum acl modify /,
  );
  expect(engine.requests({ writes: true })).toEqual([]);
});

test('other refusals beside it keep their own exit code', async () => {
  const weak = limited(makeEngine());
  const broken = fleet([...file.containers, container('web03', { node: 'pve9' })]);
  const { plan } = await makePlan(weak.context, broken, policyOf());
  expect(codesOf(plan)).toContain('NODE_UNKNOWN');
  await expect(applyPlan(weak.context, plan)).rejects.toMatchObject({ code: 'PLAN_REFUSED', exitCode: 6 });
});

test('nothing is asked for an empty plan, nor by root@pam', async () => {
  const engine = makeEngine();
  const { username, password } = engine.simulator.credentials;
  const root = engine.again({ auth: { kind: 'ticket', username, password }, identity: 'root@pam' });
  const special = fleet([container('web01', { features: { nesting: true, keyctl: true } })]);
  const { plan } = await makePlan(root.context, special, policyOf());
  expect(plan.refusals).toEqual([]);
  expect(
    plan.actions[0]?.changes.filter(({ needs }) => needs === 'root@pam').map(({ field }) => field),
  ).toEqual(['features']);
  await applyPlan(root.context, plan);
  expect(asked(engine)).toBe(0);
  const weak = limited(engine);
  expect((await makePlan(weak.context, special, policyOf())).plan.actions).toEqual([]);
  expect(asked(engine)).toBe(0);
});

test("a token of root@pam is told what is for root@pam's password alone", async () => {
  const engine = makeEngine();
  const token = as(engine, 'root@pam', 'pvefleet');
  const special = fleet([container('web01', { devices: { '/dev/fuse': {} } })]);
  const { plan } = await makePlan(token.context, special, policyOf());
  expect(plan.refusals).toMatchObject([
    {
      key: 'web01',
      code: 'ROOT_ONLY',
      message:
        'web01: devices./dev/fuse needs root@pam, impossible with the token root@pam!pvefleet (web01/create)',
    },
  ]);
});

test('where the rights cannot be read there is a notice, and the server decides', async () => {
  const engine = makeEngine();
  const weak = limited(engine);
  engine.simulator.faults.onRequest(
    { path: '/access/permissions' },
    { kind: 'answer', status: 403, reason: 'Permission check failed' },
  );
  const { plan } = await makePlan(weak.context, file, policyOf());
  expect(plan.refusals).toEqual([]);
  expect(weak.eventsOf('notice').map(({ diagnostic }) => diagnostic.code)).toEqual(['RIGHTS_UNKNOWN']);
});

test('a saved plan is judged by the account that carries it out', async () => {
  const engine = makeEngine();
  const weak = limited(engine);
  const { plan } = await makePlan(engine.context, file, policyOf());
  await expect(applySavedPlan(weak.context, plan)).rejects.toMatchObject({
    code: 'RIGHTS_MISSING',
    exitCode: 4,
  });
  expect(engine.requests({ writes: true })).toEqual([]);
  const { plan: made } = await makePlan(weak.context, file, policyOf());
  expect(codesOf(made)).toEqual(['RIGHTS_MISSING', 'RIGHTS_MISSING']);
  const report = await applySavedPlan(engine.context, made);
  expect(report.actions.map(({ result }) => result)).toEqual(['ok', 'ok', 'ok', 'ok']);
});

test('a single step is judged as well', async () => {
  const engine = makeEngine();
  const { plan } = await makePlan(engine.context, file, policyOf());
  await applyPlan(engine.context, plan);
  const auditor = as(engine, 'auditor@pve', 'ro');
  const stop = await makeVerbPlan(auditor.context, 'stop', [200], policyOf());
  expect(stop.plan.refusals).toMatchObject([
    { key: 'web01', code: 'RIGHTS_MISSING', message: expect.stringContaining('VM.PowerMgmt on /vms/200') },
  ]);
});

test('a tag that is not free to all', async () => {
  const engine = makeEngine();
  engine.simulator.state.options['user-tag-access'] = { 'user-allow': 'list', 'user-allow-list': ['web'] };
  const operator = as(engine, 'automation@pve', 'fleet');
  const red = fleet([container('web01', { options: { tags: ['red'] } })]);
  const { plan } = await makePlan(operator.context, red, policyOf());
  expect(plan.refusals).toMatchObject([
    { code: 'RIGHTS_MISSING', message: expect.stringContaining('Sys.Modify on /, needed for web01/create') },
  ]);
});

test('the doctor says the same, and what making the fleet anew would need', async () => {
  const engine = makeEngine();
  const weak = limited(engine);
  const { plan } = await makePlan(weak.context, file, policyOf());
  const before = await diagnose(weak.context, { fleet: file });
  const failures = before.checks.filter(({ name }) => name === 'fleet rights');
  expect(failures.map(({ message }) => message)).toEqual(plan.refusals.map(({ message }) => message));
  expect(new Set(before.commands)).toEqual(new Set(plan.refusals.flatMap(({ commands = [] }) => commands)));
  await applyPlan(engine.context, (await makePlan(engine.context, file, policyOf())).plan);
  const after = await diagnose(weak.context, { fleet: file });
  const warnings = after.checks.filter(({ name }) => name === 'fleet rights');
  expect(warnings.map(({ status }) => status)).toEqual(['warn', 'warn']);
  expect(after.commands).toEqual(before.commands);
});

const auto = { node: 'auto', placement: { strategy: 'spread' as const } };

test('containers without a node are spread, fetch their template where they come to, and stay', async () => {
  const engine = makeEngine();
  const spread = fleet(many(6, auto));
  const { plan } = await makePlan(engine.context, spread, policyOf());
  expect(plan.refusals).toEqual([]);
  const creates = plan.actions.filter(({ kind }) => kind === 'container.create');
  expect(creates.map(({ target }) => target.node).sort()).toEqual([
    'pve1',
    'pve1',
    'pve2',
    'pve2',
    'pve3',
    'pve3',
  ]);
  const report = await applyPlan(engine.context, plan);
  expect(new Set(report.actions.map(({ result }) => result))).toEqual(new Set(['ok']));
  const again = await makePlan(engine.context, fleet(many(7, auto)), policyOf());
  expect(again.plan.actions.map(({ id }) => id)).toEqual(['ct7/create', 'ct7/start']);
  expect(again.plan.inSync).toHaveLength(6);
});

test('a storage that only two nodes have keeps the third out, and so does a bridge', async () => {
  const engine = makeEngine();
  const { state } = engine.simulator;
  const node = state.nodes['pve1'] as SimState['nodes'][string];
  node.bridges = node.bridges.filter(({ iface }) => iface !== 'vmbr1');
  const members = many(3, {
    ...auto,
    rootfs: { storage: 'local-zfs', sizeBytes: GiB },
    nets: { eth0: { bridge: 'vmbr1', ip: 'dhcp' } },
  });
  const { plan } = await makePlan(engine.context, fleet(members), policyOf());
  const creates = plan.actions.filter(({ kind }) => kind === 'container.create');
  expect(new Set(creates.map(({ target }) => target.node))).toEqual(new Set(['pve2']));
});

test('what does not fit is told before anything is created', async () => {
  const engine = makeEngine();
  const storage = engine.simulator.state.storages['shared'] as SimState['storages'][string];
  Object.assign(storage, { totalBytes: 228 * GiB, baseUsedBytes: 0 });
  const large = many(30, { rootfs: { storage: 'shared', sizeBytes: 8 * GiB } });
  const { plan } = await makePlan(engine.context, fleet(large), policyOf());
  expect(plan.refusals).toMatchObject([
    {
      key: 'lab',
      code: 'CAPACITY',
      message: expect.stringMatching(/^28 of 30 fit on shared: .* are missing/),
    },
  ]);
  await expect(applyPlan(engine.context, plan)).rejects.toMatchObject({ exitCode: 6 });
  const { checks, healthy } = await diagnose(engine.context, { fleet: fleet(large) });
  expect(healthy).toBe(false);
  expect(checks).toContainEqual(
    expect.objectContaining({ name: 'fleet space', status: 'fail', message: plan.refusals[0]?.message }),
  );
});

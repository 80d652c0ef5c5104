/**
 * Clusters that keep tags to a few (registered-tags, user-tag-access): the line in the notes alone owns then, told
 * beforehand where the account may know, and nothing is ever half-owned.
 */
import { describe, expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { listContainers } from '../../../src/engine/list.ts';
import { makeDestroyPlan, makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const all = policyOf({ all: true });
const web = container('web', { options: { tags: ['blue'] } });
const db = container('db', { power: 'stopped' });
const file = fleet([web, db]);

/** A token that may do all that a fleet needs, but not Sys.Modify; without `audit` it is not told the cluster's rules. */
function operator(audit: boolean): { root: TestEngine; weak: TestEngine } {
  const root = makeEngine();
  const { state } = root.simulator;
  state.options['registered-tags'] = ['pvefleet'];
  const user = state.users['automation@pve'];
  if (!user) throw new Error('the seed has no automation@pve');
  const tokenId = 'automation@pve!fleet';
  const privs = [
    ...['VM.Allocate', 'VM.Audit', 'VM.Clone', 'VM.PowerMgmt', 'VM.Migrate', 'VM.Snapshot'],
    ...['VM.Config.CPU', 'VM.Config.Disk', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options'],
    ...['Datastore.Audit', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate', 'SDN.Use'],
    ...(audit ? ['Sys.Audit'] : []),
  ];
  state.roles['Operator'] = privs;
  state.acls = ['automation@pve', tokenId].map((ugid) => ({
    path: '/',
    type: ugid.includes('!') ? ('token' as const) : ('user' as const),
    ugid,
    roleid: 'Operator',
    propagate: true,
  }));
  const secret = user.tokens['fleet']?.secret ?? '';
  const weak = root.again({ auth: { kind: 'token', tokenId, secret }, identity: tokenId });
  return { root, weak };
}

const configs = ({ simulator }: TestEngine): { tags: string | undefined; line: string | undefined }[] =>
  Object.values(simulator.state.containers).map(({ config }) => ({
    tags: config['tags'],
    line: /<!-- pvefleet .*-->/.exec(config['description'] ?? '')?.[0],
  }));

async function carry({ context }: TestEngine, wanted = file): Promise<ApplyReport> {
  const { plan } = await makePlan(context, wanted, all);
  expect(plan.refusals).toEqual([]);
  const report = await applyPlan(context, plan);
  expect(report.actions.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
  return report;
}

describe.each([
  ['an account that may know', true],
  ['an account that is not told', false],
])('%s', (_, audit) => {
  test('makes, changes, finds and removes containers without the tag', async () => {
    const { weak } = operator(audit);
    const { plan } = await makePlan(weak.context, file, all);
    expect(plan.notices.map(({ code }) => code)).toEqual(audit ? ['TAG_REFUSED'] : []);
    await carry(weak);
    const told = weak.eventsOf('notice').map(({ diagnostic }) => diagnostic.code);
    expect(told).toEqual(audit ? [] : ['TAG_REFUSED']);
    expect(configs(weak)).toEqual([
      { tags: undefined, line: expect.stringMatching(/ fleet=lab key=db .* tag=none /) as string },
      { tags: 'blue', line: expect.stringMatching(/ fleet=lab key=web .* tag=none /) as string },
    ]);

    const again = await makePlan(weak.context, file, all);
    expect(again.plan.actions).toEqual([]);
    expect(again.plan.notices).toEqual([]);
    expect((await verify(weak.context, file)).converged).toBe(true);

    const smaller = fleet([{ ...web, compute: { ...web.compute, cores: 2 } }]);
    const [, one] = Object.values(weak.simulator.state.containers);
    // a person gives it another name: it is still found
    if (one) one.config['hostname'] = 'somebody';
    await weak.clock.advance(20_000);
    const report = await carry(weak, smaller);
    expect(report.actions.map(({ id }) => id)).toEqual(['db/destroy', 'web/configure:live']);
    expect(configs(weak)).toEqual([{ tags: 'blue', line: expect.stringContaining('tag=none') as string }]);
    expect((await makePlan(weak.context, smaller, all)).plan.actions).toEqual([]);

    const list = await listContainers(weak.context, { names: [], filters: { fleets: ['lab'] } });
    expect(list.containers.map(({ key }) => key)).toEqual(['web']);
    const doomed = await makeDestroyPlan(weak.context, 'lab', all);
    expect(doomed.plan.summary.destroy).toBe(1);
  });

  test('takes over what others made, with their tags', async () => {
    const { weak } = operator(audit);
    await carry(weak);
    for (const { config } of Object.values(weak.simulator.state.containers)) delete config['description'];
    const adopting = fleet([
      { ...db, vmid: 200, adopt: true },
      { ...web, vmid: 201, adopt: true },
    ]);
    await carry(weak, adopting);
    expect(configs(weak).map(({ line }) => line)).toEqual([
      expect.stringContaining('key=db'),
      expect.stringContaining('key=web'),
    ]);
    expect((await makePlan(weak.context, adopting, all)).plan.actions).toEqual([]);
  });

  test('loses a tag of the file as well, where that is free', async () => {
    const { weak } = operator(audit);
    await carry(weak);
    const bare = fleet([{ ...web, options: { tags: null } }, db]);
    await carry(weak, bare);
    expect(configs(weak).map(({ tags }) => tags)).toEqual([undefined, undefined]);
    expect((await makePlan(weak.context, bare, all)).plan.actions).toEqual([]);
  });
});

test('who may give it gives it: told as a change of the owner', async () => {
  const { root, weak } = operator(true);
  await carry(weak);
  const { plan } = await makePlan(root.context, file, all);
  expect(plan.actions.map(({ changes }) => changes)).toEqual(
    ['db', 'web'].map((key) => [
      { field: 'ownership', from: `lab/${key} (without its tag)`, to: `lab/${key}`, effect: 'live' },
    ]),
  );
  expect((await applyPlan(root.context, plan)).summary.ok).toBe(2);
  expect(configs(root).map(({ tags }) => tags)).toEqual(['pvefleet', 'blue;pvefleet']);
  expect((await makePlan(root.context, file, all)).plan.actions).toEqual([]);
  // and the other one is content with it, too
  expect((await makePlan(weak.context, file, all)).plan.actions).toEqual([]);
});

test('a container that cannot be read is not made a second time, although it has no tag', async () => {
  const { weak } = operator(true);
  const there = fleet([{ ...web, node: 'pve2', template: 'debian-12' }]);
  const { state } = weak.simulator;
  for (const volume of Object.values(state.volumes))
    if (volume.content === 'vztmpl') state.volumes[`pve2|${volume.volid}`] = { ...volume, node: 'pve2' };
  await carry(weak, there);
  await weak.clock.advance(20_000);
  (state.nodes['pve2'] as { status: string }).status = 'offline';
  const { plan } = await makePlan(weak.context, there, all);
  expect(plan.refusals).toMatchObject([{ code: 'CONTAINER_UNREADABLE' }]);
  expect(plan.actions).toEqual([]);
});

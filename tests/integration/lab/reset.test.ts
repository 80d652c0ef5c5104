/** Resets on the simulated cluster: every strategy, and what must be as before. */
import { describe, expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { proveReset } from '../../../src/engine/lab/reset.ts';
import { makeDestroyPlan } from '../../../src/engine/plan.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import {
  auto,
  build,
  classOf,
  cloned,
  ct,
  damage,
  golden,
  identity,
  isDamaged,
  planOf,
  reset,
  student,
} from '../../support/lab.ts';

const strategies = ({ plan }: Awaited<ReturnType<typeof planOf>>): string[] =>
  (plan.reset?.containers ?? []).map(({ key, strategy }) => `${key} ${strategy}`);

/** Rights and a pool that no file knows of. */
function grant(engine: TestEngine, vmid: number): void {
  const { state } = engine.simulator;
  const path = `/vms/${vmid}`;
  state.acls.push(
    { path, type: 'user', ugid: 'student@pve', roleid: 'PVEVMUser', propagate: true },
    { path, type: 'group', ugid: 'instructors', roleid: 'PVEVMAdmin', propagate: false },
  );
  state.pools['lab']?.vms.push(vmid);
}

const plain = { rootfs: { storage: 'shared', sizeBytes: GiB } };

describe.each<[string, DesiredContainer[], string]>([
  ['rollback', [student('a')], 'rollback'],
  ['rollback on ZFS', [student('a', { rootfs: { storage: 'local-zfs', sizeBytes: GiB } })], 'rollback'],
  ['rollback of a clone', [golden(), cloned('a')], 'rollback'],
  ['rebuild', [student('a', plain)], 'rebuild'],
  [
    'reclone as a linked clone',
    [golden(), cloned('a', { reset: { ...auto, strategy: 'reclone' } })],
    'reclone',
  ],
  ['reclone as a full clone', [golden(plain), cloned('a')], 'reclone'],
])('%s', (_, containers, strategy) => {
  test('undoes the damage and keeps the identity', async () => {
    const engine = makeEngine();
    const file = classOf(...containers);
    await build(engine, file);
    const { vmid } = ct(engine, 'a');
    grant(engine, vmid);
    const before = identity(engine, vmid);
    damage(engine, ct(engine, 'a'));
    const done = await reset(engine, file, { names: ['a'] });
    expect(strategies(done)).toEqual([`a ${strategy}`]);
    const after = engine.simulator.state.containers[vmid];
    expect(after && isDamaged(engine, after)).toBe(false);
    expect(identity(engine, vmid)).toEqual(before);
    const { ownership } = splitDescription(after?.config['description'] ?? '');
    expect(ownership).toMatchObject({ fleet: 'lab', key: 'a', reset: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(engine.eventsOf('retry')).toEqual([]);
  });
});

/** Takes a snapshot as somebody else would. */
async function snap(engine: TestEngine, name: string, snapname: string): Promise<void> {
  const { pve, clock } = engine.context;
  await clock.sleep(60_000);
  const { vmid, node } = ct(engine, name);
  await pve.waitTask(await pve.post('/nodes/{node}/lxc/{vmid}/snapshot', { node, vmid, snapname }));
}
const onZfs = { rootfs: { storage: 'local-zfs', sizeBytes: GiB } };
const codes = ({ plan }: Awaited<ReturnType<typeof planOf>>): string[] =>
  plan.notices.map(({ code }) => code);

describe('what stands against a rollback', () => {
  test('a later snapshot on ZFS: made anew, and told that it goes', async () => {
    const engine = makeEngine();
    const file = classOf(student('a', onZfs));
    await build(engine, file);
    await snap(engine, 'a', 'exam');
    const done = await reset(engine, file);
    expect(done.plan.reset?.containers).toMatchObject([
      {
        strategy: 'rebuild',
        why: 'local-zfs (ZFS) goes back only to the newest snapshot, and exam came after baseline',
      },
    ]);
    expect(done.plan.notices.map(({ message }) => message)).toEqual([
      'a: its snapshots baseline and exam go with it',
    ]);
    expect(Object.keys(ct(engine, 'a').snapshots)).toEqual(['baseline']);
  });

  test('a later snapshot elsewhere does not, and stays', async () => {
    const engine = makeEngine();
    const file = classOf(student('a'));
    await build(engine, file);
    await snap(engine, 'a', 'exam');
    expect(strategies(await reset(engine, file))).toEqual(['a rollback']);
    expect(Object.keys(ct(engine, 'a').snapshots).sort()).toEqual(['baseline', 'exam']);
    // the state no longer follows from the exam, and a second reset needs no other way
    expect(strategies(await reset(engine, file))).toEqual(['a rollback']);
  });

  test.each([
    ['rollback', classOf(student('a', { ...plain, reset: { ...auto, strategy: 'reclone' } }))],
    ['rollback', classOf(student('a', plain))],
    ['reclone', classOf(student('a'))],
    ['rebuild', classOf(golden(), cloned('a'))],
  ] as const)('%s is refused where it cannot be', async (strategy, file) => {
    const engine = makeEngine();
    await build(engine, { ...file, containers: file.containers.map((one) => ({ ...one, reset: auto })) });
    const { plan } = await planOf(engine, file, { names: ['a'] }, { strategy });
    expect(plan.refusals).toMatchObject([
      {
        key: 'a',
        code: 'RESET_IMPOSSIBLE',
        message: expect.stringContaining(`a: it cannot be reset by ${strategy}:`),
      },
    ]);
    expect(plan.actions).toEqual([]);
  });

  test.each<[string, (engine: TestEngine) => void, string]>([
    [
      'protected by somebody',
      (engine) => {
        ct(engine, 'a').config['protection'] = '1';
      },
      'CONTAINER_PROTECTED',
    ],
    [
      'locked',
      (engine) => {
        ct(engine, 'a').config['lock'] = 'backup';
      },
      'CONTAINER_LOCKED',
    ],
  ])('nothing at all is done to a container that is %s', async (_, act, code) => {
    const engine = makeEngine();
    const file = classOf(student('a'), student('b'));
    await build(engine, file);
    act(engine);
    expect((await planOf(engine, file)).plan.refusals).toMatchObject([{ key: 'a', code }]);
    expect(strategies(await planOf(engine, file, { names: [], exclude: ['a'] }))).toEqual(['b rollback']);
  });

  test('a replication job: a rollback leaves it alone, and nothing else may be done', async () => {
    const engine = makeEngine();
    const file = classOf(student('a', onZfs));
    await build(engine, file);
    const { vmid } = ct(engine, 'a');
    await engine.context.pve.post('/cluster/replication', { id: `${vmid}-0`, target: 'pve2', type: 'local' });
    expect(strategies(await planOf(engine, file))).toEqual(['a rollback']);
    await snap(engine, 'a', 'exam');
    const { plan } = await planOf(engine, file);
    expect(plan.refusals.map(({ message }) => message)).toEqual([
      `a: it cannot be reset: no rollback, because local-zfs (ZFS) goes back only to the newest snapshot, and exam came after baseline; no rebuild, because container ${vmid} has a replication job, which would be lost`,
    ]);
  });
});

describe('the file on top of it', () => {
  test('settings of the file come back, those of the baseline go', async () => {
    const engine = makeEngine();
    const before = student('a');
    await build(engine, classOf(before));
    const after = classOf({
      ...before,
      compute: { cores: 2, memoryMiB: 1024, swapMiB: 0 },
      rootfs: { storage: 'local-lvm', sizeBytes: 6 * GiB },
      options: { tags: ['student', 'second'], timezone: 'UTC' },
      nets: { ...before.nets, eth1: { bridge: 'vmbr1', ip: '10.9.0.5/24' } },
    });
    const { plan } = await planOf(engine, after);
    expect(plan.actions.map(({ id }) => id)).toContain('a/resize:rootfs');
    await build(engine, after);
    const { vmid } = ct(engine, 'a');
    const identityBefore = identity(engine, vmid);
    damage(engine, ct(engine, 'a'));
    await reset(engine, after);
    // eth1 is younger than the baseline, and has its MAC address all the same
    expect(identity(engine, vmid)).toEqual(identityBefore);
    expect(ct(engine, 'a').config).toMatchObject({ memory: '1024', cores: '2', timezone: 'UTC' });
  });

  test('a mount that is younger than the baseline keeps its volume and its data', async () => {
    const engine = makeEngine();
    await build(engine, classOf(student('a')));
    const file = classOf(student('a', { mounts: { '/keep': { storage: 'local-lvm', sizeBytes: GiB } } }));
    await build(engine, file);
    const { vmid, config } = ct(engine, 'a');
    const mounted = config['mp0'];
    damage(engine, ct(engine, 'a'));
    expect(strategies(await reset(engine, file))).toEqual(['a rollback']);
    expect(ct(engine, 'a').config['mp0']).toBe(mounted);
    expect(ct(engine, 'a').config['unused0']).toBeUndefined();
    const volumes = Object.values(engine.simulator.state.volumes).filter((one) => one.vmid === vmid);
    expect(volumes.map(({ meta }) => meta?.['contentBytes'] === 777)).toEqual([false, true]);
  });

  test('a mount of the baseline is reset with it', async () => {
    const engine = makeEngine();
    const file = classOf(student('a', { mounts: { '/work': { storage: 'local-lvm', sizeBytes: GiB } } }));
    await build(engine, file);
    damage(engine, ct(engine, 'a'));
    await reset(engine, file);
    expect(isDamaged(engine, ct(engine, 'a'))).toBe(false);
  });

  test('what the file does not manage is as before, also when it is made anew', async () => {
    const engine = makeEngine();
    const { nets: _nets, options: _options, ...bare } = student('a', plain);
    const file = classOf({ ...bare, options: {}, power: 'unmanaged' });
    await build(engine, file);
    const { vmid, node } = ct(engine, 'a');
    const { pve } = engine.context;
    await pve.put('/nodes/{node}/lxc/{vmid}/config', {
      node,
      vmid,
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:07,ip=10.0.0.7/24,gw=10.0.0.1',
      tags: 'pvefleet;mine',
      description: `notes of somebody\n${ct(engine, 'a').config['description']}`,
    });
    await pve.waitTask(await pve.post('/nodes/{node}/lxc/{vmid}/status/start', { node, vmid }));
    await pve.put('/nodes/{node}/lxc/{vmid}/firewall/options', {
      node,
      vmid,
      enable: true,
      policy_in: 'ACCEPT',
    });
    await pve.post('/nodes/{node}/lxc/{vmid}/firewall/rules', {
      node,
      vmid,
      type: 'in',
      action: 'DROP',
      enable: 1,
      dport: '80',
      proto: 'tcp',
    });
    await pve.post('/nodes/{node}/lxc/{vmid}/firewall/aliases', {
      node,
      vmid,
      name: 'printer',
      cidr: '10.0.0.9',
    });
    grant(engine, vmid);
    const before = identity(engine, vmid);
    const { digest: _old, ...options } = (await pve.get('/nodes/{node}/lxc/{vmid}/firewall/options', {
      node,
      vmid,
    })) as Record<string, unknown>;
    const done = await reset(engine, file);
    expect(strategies(done)).toEqual(['a rebuild']);
    expect(done.plan.notices.map(({ message }) => message)).toContain(
      'a: printer of its firewall are not put back',
    );
    expect(identity(engine, vmid)).toEqual(before);
    const { config } = ct(engine, 'a');
    expect(config['tags']).toBe('mine;pvefleet');
    expect(config['description']).toContain('notes of somebody');
    expect(await pve.get('/nodes/{node}/lxc/{vmid}/firewall/options', { node, vmid })).toMatchObject(options);
    expect(await pve.get('/nodes/{node}/lxc/{vmid}/firewall/rules', { node, vmid })).toMatchObject([
      { action: 'DROP', dport: '80', enable: 1 },
    ]);
  });

  test('the records of the ownership line go on', async () => {
    const engine = makeEngine();
    const file = classOf(student('a', plain), student('b'));
    await build(engine, file);
    for (const name of ['a', 'b']) {
      const { config } = ct(engine, name);
      config['description'] = (config['description'] ?? '').replace(
        ' -->',
        ' student=anna group=1A boost=memory:512@x -->',
      );
    }
    await reset(engine, file);
    for (const name of ['a', 'b']) {
      const { ownership } = splitDescription(ct(engine, name).config['description'] ?? '');
      expect(ownership).toMatchObject({ student: 'anna', group: '1A', reset: expect.any(String) });
      // the limits are those of the file again
      expect(ownership).not.toHaveProperty('boost');
    }
    // an ordinary apply keeps them, too
    const other = classOf(
      student('a', { ...plain, compute: { cores: 1, memoryMiB: 768, swapMiB: 0 } }),
      student('b'),
    );
    await build(engine, other);
    expect(splitDescription(ct(engine, 'a').config['description'] ?? '').ownership).toMatchObject({
      student: 'anna',
      reset: expect.any(String),
    });
  });
});

describe('selections', () => {
  test.each<[string, Parameters<typeof planOf>[2], string[]]>([
    ['a key', { names: ['a'] }, ['a']],
    ['a glob, without templates', { names: ['*'] }, ['a', 'b', 'c']],
    ['a vmid', { names: ['201'] }, ['b']],
    ['a tag', { names: [], tags: ['night'] }, ['c']],
    ['a group by its tag', { names: [], groups: ['1 A'] }, ['b']],
    ['a node', { names: [], nodes: ['pve1'] }, ['a', 'b', 'c']],
    ['all but some', { names: [], exclude: ['b', 'c'] }, ['a']],
  ])('by %s', async (_, selection, keys) => {
    const engine = makeEngine();
    const file = classOf(
      student('a'),
      student('b', { options: { tags: ['group-1-a'] } }),
      student('c', { options: { tags: ['night'] } }),
      golden(),
    );
    await build(engine, file);
    const { plan } = await planOf(engine, file, selection);
    expect(plan.reset?.containers.map(({ key }) => key)).toEqual(keys);
  });

  test('a template that is named is refused; a name that means nothing has a suggestion', async () => {
    const engine = makeEngine();
    const file = classOf(student('student-01'), golden());
    await build(engine, file);
    expect((await planOf(engine, file, { names: ['golden'] })).plan.refusals).toMatchObject([
      { code: 'CONTAINER_IS_TEMPLATE' },
    ]);
    await expect(planOf(engine, file, { names: ['student-1'] })).rejects.toMatchObject({
      message: "fleet lab has no container 'student-1' within this selection",
      hint: 'did you mean student-01?',
    });
  });
});

test('one failure stops nobody else', async () => {
  const engine = makeEngine();
  const file = classOf(student('a'), student('b'), student('c'));
  await build(engine, file);
  for (const name of ['a', 'b', 'c']) damage(engine, ct(engine, name));
  const broken = Object.values(
    engine.simulator.state.containers,
  )[1] as (typeof engine.simulator.state.containers)[number];
  engine.simulator.faults.onTask({ type: 'vzrollback', id: String(broken.vmid) }, { fail: 'lvm is on fire' });
  const done = await planOf(engine, file);
  const report = await applyPlan(engine.context, done.plan);
  const failed = report.actions.filter(({ result }) => result !== 'ok').map(({ key }) => key);
  expect([...new Set(failed)]).toEqual(['b']);
  const { findings } = await proveReset(engine.context, file, done);
  expect([...new Set(findings.map(({ key }) => key))]).toEqual(['b']);
  expect(isDamaged(engine, broken)).toBe(true);
  await reset(engine, file);
});

test('a container that is gone is made as the file says', async () => {
  const engine = makeEngine();
  const file = classOf(student('a'));
  const done = await reset(engine, file);
  expect(strategies(done)).toEqual(['a rebuild']);
  expect(codes(done)).toEqual(['RESET_MISSING']);
});

test('a class is destroyed with its golden container, clones first', async () => {
  const engine = makeEngine();
  const file = classOf(golden(), cloned('a'), cloned('b'));
  await build(engine, file);
  const { plan } = await makeDestroyPlan(engine.context, file.name, policyOf({ all: true }));
  const report = await applyPlan(engine.context, plan);
  expect(report.actions.filter(({ result }) => result !== 'ok')).toEqual([]);
  expect(engine.simulator.state.containers).toEqual({});
});

test('the golden container of the next term: clones of the old one are cloned again from the new one', async () => {
  const engine = makeEngine();
  const first = classOf(golden(), cloned('a'), cloned('b'));
  await build(engine, first);
  // next term: a workbench made from the old one, worked on, then turned into a template
  const bench = (more: Partial<DesiredContainer>): DesiredContainer => ({
    ...cloned('golden-2', { from: { clone: 'golden', full: true }, ...more }),
    reset: auto,
  });
  await build(engine, classOf(golden(), bench({}), cloned('a'), cloned('b')));
  for (const one of Object.values(engine.simulator.state.volumes))
    if (one.vmid === ct(engine, 'golden-2').vmid) one.meta = { ...one.meta, contentBytes: 4242 };
  const { snapshots } = ct(engine, 'golden-2');
  expect(Object.keys(snapshots)).toEqual(['baseline']);
  const term = [cloned('a', { from: { clone: 'golden-2' } }), cloned('b', { from: { clone: 'golden-2' } })];
  const file = classOf(golden(), { ...bench({ isTemplate: true, power: 'stopped' }) }, ...term);
  await build(engine, file);
  const done = await reset(engine, file);
  expect(done.plan.reset?.containers).toMatchObject([
    {
      key: 'a',
      strategy: 'reclone',
      why: 'its baseline was made from golden, and the file says golden-2 now',
    },
    { key: 'b', strategy: 'reclone' },
  ]);
  const content = Object.values(engine.simulator.state.volumes)
    .filter(({ vmid }) => vmid === ct(engine, 'a').vmid)
    .map(({ meta }) => meta?.['contentBytes']);
  expect(content).toEqual([4242]);
  expect(strategies(await reset(engine, file))).toEqual(['a rollback', 'b rollback']);
});

test('a golden container that is reset along with its copies is there again before it is copied', async () => {
  const engine = makeEngine();
  const again = { reset: { ...auto, strategy: 'reclone' } as const };
  const file = classOf(golden({ isTemplate: false, ...plain }), cloned('a', again), cloned('b', again));
  await build(engine, file);
  const done = await reset(engine, file, { names: ['golden', 'a', 'b'] });
  expect(strategies(done)).toEqual(['a reclone', 'b reclone', 'golden rebuild']);
  const clone = done.plan.actions.find(({ id }) => id === 'a/clone');
  expect(clone?.dependsOn).toContain('golden/create');
});

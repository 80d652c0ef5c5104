/** The plan of a reset: order, windows, permission, estimates, and what is kept. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { planReset, type ResetRequest } from '../../../src/domain/lab/plan-reset.ts';
import { type Kept, noFacts, type ResetFacts } from '../../../src/domain/lab/reset-facts.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { renderPlan } from '../../../src/render/plan.ts';
import { createStyle } from '../../../src/render/style.ts';
import {
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';

const all = policyOf({ allow: { destroy: true }, maxDestroy: Number.POSITIVE_INFINITY });
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index + 1}`);
const at = '2026-11-23T10:00:00Z';
const asked = (keys: readonly string[]): ResetRequest => ({ keys, at, atOnce: 8 });

/** A class of containers that are owned and run; the first `based` of them have a baseline. */
function cluster(count: number, based = count, wish: Partial<DesiredContainer> = {}) {
  const keys = names(count);
  const file = fleetOf(keys.map((key) => desired(key, wish)));
  const found = keys.map((key, index) =>
    actual(key, 101 + index, {
      owner: { key, student: `student-${key}` },
      config: { net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:0${index}` },
      pool: 'lab',
    }),
  );
  const facts: ResetFacts = {
    ...noFacts,
    snapshots: new Map(
      found
        .slice(0, based)
        .map(({ vmid }) => [vmid, [{ name: 'baseline', takenAt: 1, description: '', isCurrent: true }]]),
    ),
    baselines: new Map(found.slice(0, based).map(({ vmid, live }) => [vmid, live])),
    acls: new Map([[101, [{ type: 'user', ugid: 'anna@pve', roleid: 'PVEVMUser', propagate: true }]]]),
  };
  return { file, snapshot: snapshotOf(found, { pools: ['lab'] }), facts, keys };
}

test('a rollback: back, the file on top with the record, up again; the same inputs give the same bytes', () => {
  const { file, snapshot, facts } = cluster(2, 2, { compute: { memoryMiB: 1024, swapMiB: 0 } });
  const { plan, kept } = planReset(file, snapshot, facts, asked(['s2']), all);
  expect(plan.actions.map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
    ['s2/rollback', []],
    ['s2/configure:live', ['s2/rollback']],
    ['s2/start', ['s2/configure:live']],
  ]);
  const written = actionOf(plan, 's2/configure:live').request.params;
  expect(written).toMatchObject({
    memory: 1024,
    description: expect.stringContaining('student=student-s2 reset=2026'),
  });
  expect(actionOf(plan, 's2/rollback').precondition).toEqual({ kind: 'digest', digest: 'digest-102' });
  expect(plan.reset).toEqual({
    containers: [
      {
        key: 's2',
        vmid: 102,
        node: 'pve1',
        strategy: 'rollback',
        why: 'baseline of 1970-01-01 00:00',
        seconds: 4,
      },
    ],
    seconds: 4,
  });
  expect(kept).toMatchObject([
    { vmid: 102, running: true, pool: 'lab', nets: { eth0: { mac: 'BC:24:11:00:00:01' } } },
  ]);
  expect(planReset(file, snapshot, facts, asked(['s2']), all).plan).toEqual(plan);
});

test('containers come one after the other, so that few are in the middle of it', () => {
  const { file, snapshot, facts, keys } = cluster(3);
  const { plan } = planReset(file, snapshot, facts, asked(keys), all);
  expect(plan.actions.map(({ target }) => target.key)).toEqual([
    's1',
    's1',
    's1',
    's2',
    's2',
    's2',
    's3',
    's3',
    's3',
  ]);
});

describe('made anew', () => {
  const { file, snapshot, facts, keys } = cluster(5, 0);
  const { plan } = planReset(file, snapshot, facts, asked(keys), all);

  test('id, node, interface, pool and records are those of before; rights come back', () => {
    expect(actionOf(plan, 's1/create').request.params).toMatchObject({
      vmid: 101,
      node: 'pve1',
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:00',
      pool: 'lab',
      description: expect.stringContaining('student=student-s1 reset=2026'),
    });
    expect(actionOf(plan, 's1/acl').request).toEqual({
      method: 'PUT',
      path: '/access/acl',
      params: { path: '/vms/101', roles: 'PVEVMUser', propagate: true, users: 'anna@pve' },
    });
    expect(actionOf(plan, 's1/acl').dependsOn).toEqual(['s1/create']);
  });

  test('nobody is destroyed before those some places earlier are there again', () => {
    expect(keys.map((key) => actionOf(plan, `${key}/stop`).follows)).toEqual([
      undefined,
      undefined,
      undefined,
      ['s1/create'],
      ['s2/create'],
    ]);
  });
});

describe('permission', () => {
  const { file, snapshot, facts, keys } = cluster(3);
  const planWith = (policy = policyOf()) => planReset(file, snapshot, facts, asked(keys), policy).plan;

  test('is asked for once', () => {
    const { refusals } = planWith();
    expect(refusals).toMatchObject([
      {
        code: 'RESET_NOT_ALLOWED',
        needs: 'destroy',
        message: 'lab: 3 containers (s1, s2 and s3) would lose everything since their baselines',
      },
    ]);
  });

  test('has a ceiling that counts every container', () => {
    const policy = policyOf({ allow: { destroy: true }, maxDestroy: 2 });
    expect(planWith(policy).refusals).toMatchObject([
      { code: 'TOO_MANY_DESTROYED', needs: 'max-destroy', hint: 'if that is what you want: --max-destroy 3' },
    ]);
    expect(refusedBy(planWith(policyOf({ allow: { destroy: true }, maxDestroy: 3 })))).toEqual([]);
  });
});

test('what an unfinished reset has destroyed gets its old id back, whatever is free', () => {
  const file = fleetOf(['s1', 's2', 's3'].map((key) => desired(key)));
  const kept = (key: string, vmid: number): Kept => ({
    fleet: 'lab',
    key,
    vmid,
    node: 'pve2',
    running: true,
    nets: { eth0: { bridge: 'vmbr0', mac: `BC:24:11:00:01:${vmid - 100}` } },
    volumes: {},
    tags: ['old'],
    notes: 'notes',
    acls: [],
  });
  const unfinished = new Map([
    [117, kept('s1', 117)],
    [118, kept('s3', 118)],
  ]);
  const { plan } = planReset(file, snapshotOf(), { ...noFacts, unfinished }, asked(['s1', 's2', 's3']), all);
  expect(['s1', 's2', 's3'].map((key) => actionOf(plan, `${key}/create`).target.vmid)).toEqual([
    117, 100, 118,
  ]);
  expect(actionOf(plan, 's3/create').request.params).toMatchObject({
    node: 'pve2',
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:01:18',
    tags: 'old;pvefleet',
  });
  expect(plan.notices.map(({ code }) => code).sort()).toEqual(['RESET_MISSING', 'RESET_RESUMED']);
});

test('clones of one source take their turns in the estimate', () => {
  const golden = desired('golden', { isTemplate: true, power: 'stopped' });
  const keys = names(20);
  const file = fleetOf([
    golden,
    ...keys.map((key) => desired(key, { from: { clone: 'golden' }, template: '', rootfs: {}, compute: {} })),
  ]);
  const found = [
    actual('golden', 150, {
      owner: { key: 'golden' },
      isTemplate: true,
      status: 'stopped',
      config: { template: 1 },
    }),
    ...keys.map((key, index) => actual(key, 101 + index, { owner: { key } })),
  ];
  const { plan } = planReset(file, snapshotOf(found), noFacts, asked(keys), all);
  expect(refusedBy(plan)).toEqual([]);
  expect(new Set(plan.reset?.containers.map(({ strategy }) => strategy))).toEqual(new Set(['reclone']));
  const single = plan.reset?.containers[0]?.seconds ?? 0;
  expect(plan.reset?.seconds).toBe((single * keys.length) / 2);
});

test('who depends on a container is started after it', () => {
  const { snapshot, facts } = cluster(2);
  const file = fleetOf([desired('s1', { dependsOn: ['s2'] }), desired('s2')]);
  const { plan } = planReset(file, snapshot, facts, asked(['s1', 's2']), all);
  expect(actionOf(plan, 's1/start').dependsOn).toContain('s2/start');
});

test.each<[string, Partial<DesiredContainer>, string, string]>([
  ['nothing is done inside', {}, 'make it anew, then start; about 20 s\n', 'about 20 s in all.'],
  [
    'it is waited for only',
    { ready: { timeoutSeconds: 60, checks: [{ kind: 'port', port: 80 }] } },
    'about 20 s plus the wait until it is ready\n',
    'about 20 s in all plus what is done inside.',
  ],
])('the estimate says what it does not count where %s', (_, wish, one, whole) => {
  const { file, snapshot, facts, keys } = cluster(1, 0, { options: { cmode: 'shell' }, ...wish });
  const { plan } = planReset(file, snapshot, facts, asked(keys), all);
  const text = renderPlan(plan, createStyle({ color: false, width: 100 }));
  expect(text).toContain(one);
  expect(text).toContain(whole);
});

describe('a container that its schedule has stopped', () => {
  const classes = [{ days: [1], from: 480, to: 720, leadMs: 0, before: [], after: [] }];
  const schedule = { zone: 'UTC', holidays: [], classes, actions: [], graceMs: 3_600_000 };
  const provision = [{ kind: 'run', script: 'make lab', timeoutSeconds: 60 }] as const;
  const planned = (based: number, wish: Partial<DesiredContainer> = {}): Plan => {
    const { file, snapshot, facts, keys } = cluster(1, based, {
      schedule,
      options: { cmode: 'shell' },
      reset: { strategy: 'auto', snapshot: 'baseline' },
      ...wish,
    });
    const down = [...snapshot.containers].map(
      ([vmid, one]) => [vmid, { ...one, status: 'stopped' }] as const,
    );
    return planReset(file, { ...snapshot, containers: new Map(down) }, facts, asked(keys), all).plan;
  };
  const asleep = (...given: Parameters<typeof planned>): string[] => idsOf(planned(...given));
  const inside = ['s1/start', 's1/provision:1', 's1/shutdown:as-before'];

  test.each<[string, string[], string[]]>([
    ['stays down after a rollback', asleep(1), ['s1/rollback', 's1/configure:live']],
    [
      'is up only for steps that are not in its baseline',
      asleep(1, { provision }),
      ['s1/rollback', 's1/configure:live', ...inside],
    ],
    ['stays down when it is made anew', asleep(0), ['s1/destroy', 's1/create', 's1/snapshot:baseline']],
    [
      'is up only for its steps when it is made anew',
      asleep(0, { provision }),
      [
        's1/destroy',
        's1/create',
        's1/start',
        's1/provision:1',
        's1/shutdown:baseline',
        's1/snapshot:baseline',
        's1/start:again',
        's1/shutdown:as-before',
      ],
    ],
  ])('%s', (_, ids, want) => expect(ids.filter((id) => !id.endsWith('/acl'))).toEqual(want));

  test('is told to be up for its steps, each of which is told once', () => {
    const ready = { timeoutSeconds: 60, checks: [{ kind: 'port', port: 80 }] } as const;
    const text = renderPlan(planned(0, { provision, ready }), createStyle({ color: false, width: 100 }));
    expect(text).toContain('make it anew, up only for its provisioning; about 20 s plus its steps\n');
    expect(text).toContain('1 by rebuild; about 20 s in all plus what is done inside.');
    expect(text.match(/wait until it is ready/g)).toHaveLength(1);
    expect(text).toContain('provision 1 of 1: run make lab\n');
  });
});

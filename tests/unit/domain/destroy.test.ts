/** Pruning, recreation, destroying a fleet, and what each needs. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import type { Policy } from '../../../src/domain/plan.ts';
import { planDestroy, planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import {
  type ActualOptions,
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  offered,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';

const allow = policyOf({ allow: { destroy: true, recreate: true }, maxDestroy: 9 });

describe('containers that left the file', () => {
  const prune = (has: ActualOptions, policy: Policy = allow): ReturnType<typeof planFleet> =>
    planFleet(fleetOf([]), snapshotOf([actual('old', 110, { owner: {}, ...has })]), policy);

  test('are stopped and destroyed', () => {
    const plan = prune({});
    expect(idsOf(plan)).toEqual(['old/stop', 'old/destroy']);
    expect(actionOf(plan, 'old/destroy')).toMatchObject({
      request: {
        method: 'DELETE',
        path: '/nodes/{node}/lxc/{vmid}',
        params: { node: 'pve1', vmid: 110, purge: true },
      },
      precondition: { kind: 'digest', digest: 'digest-110' },
      dependsOn: ['old/stop'],
      reason: 'left the fleet file',
    });
    expect(actionOf(plan, 'old/destroy').request.params).not.toHaveProperty('digest');
    expect(plan.actions.map(({ risk }) => risk)).toEqual(['destructive', 'destructive']);
    expect(plan.summary).toEqual({ create: 0, update: 0, destroy: 1, unchanged: 0 });
  });

  test('that are stopped are only destroyed', () => {
    expect(idsOf(prune({ status: 'stopped' }))).toEqual(['old/destroy']);
  });

  test.each<[string, ActualOptions]>([
    ['managed by HA', { haState: 'started' }],
    ['in an unknown state', { status: 'unknown' }],
  ])('%s are destroyed even if they still run', (_, has) => {
    expect(actionOf(prune(has), 'old/destroy').request.params).toMatchObject({ force: true, purge: true });
  });

  test('stay unless that is allowed', () => {
    const plan = prune({}, policyOf());
    expect(plan.refusals).toMatchObject([
      { key: 'old', vmid: 110, needs: 'destroy', code: 'DESTROY_NOT_ALLOWED' },
    ]);
    expect(idsOf(plan)).toEqual(['old/stop', 'old/destroy']);
  });

  test.each<[string, ActualOptions, string]>([
    ['protected', { config: { protection: 1 } }, 'CONTAINER_PROTECTED'],
    ['locked', { lock: 'snapshot' }, 'CONTAINER_LOCKED'],
  ])('that are %s are refused whatever is allowed', (_, has, code) => {
    const plan = prune(has);
    expect(refusedBy(plan)).toEqual([code]);
    expect(plan.refusals[0]).not.toHaveProperty('needs');
  });

  test('are left alone without pruning, outside the target, and when others own them', () => {
    expect(idsOf(prune({}, policyOf({ prune: false })))).toEqual([]);
    expect(idsOf(prune({}, { ...allow, target: ['web*'] }))).toEqual([]);
    expect(idsOf(prune({}, { ...allow, exclude: ['o*'] }))).toEqual([]);
    expect(idsOf(prune({ owner: { fleet: 'other' } }))).toEqual([]);
  });
});

describe('how many', () => {
  const olds = [1, 2, 10].map((n) => actual(`old${n}`, 110 + n, { owner: {} }));

  test('more than allowed are refused once, with their names', () => {
    const plan = planFleet(fleetOf([]), snapshotOf(olds), { ...allow, maxDestroy: 2 });
    expect(plan.refusals).toMatchObject([{ key: 'lab', code: 'TOO_MANY_DESTROYED', needs: 'max-destroy' }]);
    expect(plan.refusals[0]?.message).toContain('3 of its containers (old1, old2, old10), and at most 2');
    expect(plan.refusals[0]?.hint).toContain('--max-destroy 3');
  });

  test('the number does not matter while destroying is not allowed at all', () => {
    const plan = planFleet(fleetOf([]), snapshotOf(olds), policyOf());
    expect(new Set(refusedBy(plan))).toEqual(new Set(['DESTROY_NOT_ALLOWED']));
  });

  test('recreations count', () => {
    const fleet = fleetOf([desired('web')]);
    const snapshot = snapshotOf([actual('web', 100, { owner: {}, config: { unprivileged: 0 } })]);
    expect(refusedBy(planFleet(fleet, snapshot, { ...allow, maxDestroy: 0 }))).toEqual([
      'TOO_MANY_DESTROYED',
    ]);
  });
});

describe('recreation', () => {
  const recreate = (
    has: ActualOptions,
    wants: Partial<DesiredContainer> = {},
    policy: Policy = allow,
  ): ReturnType<typeof planFleet> =>
    planFleet(
      fleetOf([desired('web', wants)]),
      snapshotOf([actual('web', 150, { owner: {}, ...has })]),
      policy,
    );

  test('keeps vmid and node, and is destructive in all its steps', () => {
    const plan = recreate({ config: { unprivileged: 0 }, node: 'pve2' });
    expect(idsOf(plan)).toEqual(['web/stop', 'web/destroy', 'web/create', 'web/start']);
    expect(actionOf(plan, 'web/create')).toMatchObject({
      target: { vmid: 150, node: 'pve2' },
      dependsOn: ['web/destroy'],
      precondition: { kind: 'none' },
      request: { params: { node: 'pve2', vmid: 150, unprivileged: true } },
    });
    expect(new Set(plan.actions.map(({ risk }) => risk))).toEqual(new Set(['destructive']));
    expect(actionOf(plan, 'web/destroy').changes).toEqual([
      { field: 'unprivileged', from: false, to: true, effect: 'recreate' },
    ]);
    expect(plan.summary).toEqual({ create: 1, update: 0, destroy: 1, unchanged: 0 });
  });

  test('is refused unless allowed, and shown all the same', () => {
    const plan = recreate({ config: { unprivileged: 0 } }, {}, policyOf());
    expect(plan.refusals).toMatchObject([
      { key: 'web', needs: 'recreate', code: 'RECREATE_NOT_ALLOWED', changes: [{ field: 'unprivileged' }] },
    ]);
    expect(plan.refusals[0]?.message).toContain('with all its volumes');
    expect(idsOf(plan)).toContain('web/destroy');
  });

  test('downloads the template first when it is gone', () => {
    const file = 'debian-13-standard_13.6-1_amd64.tar.zst';
    const plan = planFleet(
      fleetOf([desired('web')]),
      snapshotOf([actual('web', 150, { owner: {}, config: { unprivileged: 0 } })], {
        templates: [],
        catalogue: [offered(file)],
      }),
      allow,
    );
    expect(idsOf(plan)[0]).toBe(`template/pve1/local/${file}`);
    expect(actionOf(plan, 'web/create').dependsOn).toEqual([`template/pve1/local/${file}`, 'web/destroy']);
  });

  test('destroys nothing when the new one cannot be made', () => {
    const plan = recreate({ config: { unprivileged: 0 } }, { template: 'nope' });
    expect(plan.actions).toEqual([]);
    expect(refusedBy(plan)).toEqual(['TEMPLATE_NOT_FOUND']);
  });

  test.each<[string, ActualOptions, string]>([
    ['protected', { config: { unprivileged: 0, protection: 1 } }, 'CONTAINER_PROTECTED'],
    ['locked', { config: { unprivileged: 0 }, lock: 'backup' }, 'CONTAINER_LOCKED'],
  ])('of a %s container is refused', (_, has, code) => {
    expect(refusedBy(recreate(has))).toEqual([code]);
  });

  test('takes it out of HA, and says so', () => {
    const plan = recreate({ config: { unprivileged: 0 }, haState: 'started' });
    expect(actionOf(plan, 'web/destroy').request.params).toMatchObject({ purge: true, force: true });
    expect(plan.notices).toMatchObject([{ code: 'HA_DROPPED' }]);
  });
});

describe('destroying a fleet', () => {
  const snapshot = snapshotOf([
    actual('web', 101, { owner: {} }),
    actual('db', 102, { owner: {}, status: 'stopped' }),
    actual('other', 103, { owner: { fleet: 'other' } }),
    actual('nobody', 104),
  ]);

  test('removes what it owns, and only that', () => {
    const plan = planDestroy('lab', snapshot, allow);
    expect(idsOf(plan)).toEqual(['web/stop', 'db/destroy', 'web/destroy']);
    expect(plan).toMatchObject({ fleet: 'lab', refusals: [], summary: { destroy: 2 } });
    expect(actionOf(plan, 'db/destroy').reason).toBe('the fleet is destroyed');
  });

  test('respects target, permission and number', () => {
    expect(idsOf(planDestroy('lab', snapshot, { ...allow, target: ['d?'] }))).toEqual(['db/destroy']);
    expect(refusedBy(planDestroy('lab', snapshot, policyOf()))).toEqual([
      'DESTROY_NOT_ALLOWED',
      'DESTROY_NOT_ALLOWED',
    ]);
    expect(refusedBy(planDestroy('lab', snapshot, { ...allow, maxDestroy: 1 }))).toEqual([
      'TOO_MANY_DESTROYED',
    ]);
  });
});

describe('dependsOn', () => {
  const three = (power: DesiredContainer['power']): DesiredContainer[] => [
    desired('app', { dependsOn: ['db', 'cache', 'db'], power }),
    desired('cache', { power }),
    desired('db', { power }),
  ];

  test('containers start after those they need', () => {
    const plan = planFleet(fleetOf(three('running')), snapshotOf(), policyOf());
    expect(actionOf(plan, 'app/start').dependsOn).toEqual(['app/create', 'cache/start', 'db/start']);
    expect(idsOf(plan).slice(-3)).toEqual(['cache/start', 'db/start', 'app/start']);
    expect(actionOf(plan, 'db/start').dependsOn).toEqual(['db/create']);
  });

  test('and are shut down before them', () => {
    const running = ['app', 'cache', 'db'].map((key, i) => actual(key, 100 + i, { owner: {} }));
    const plan = planFleet(fleetOf(three('stopped')), snapshotOf(running), policyOf());
    expect(actionOf(plan, 'db/shutdown').dependsOn).toEqual(['app/shutdown']);
    expect(idsOf(plan)[0]).toBe('app/shutdown');
  });

  test('who runs already, or is not meant, holds nobody up', () => {
    const plan = planFleet(fleetOf(three('running')), snapshotOf([actual('db', 120, { owner: {} })]), {
      ...policyOf(),
      exclude: ['cache'],
    });
    expect(actionOf(plan, 'app/start').dependsOn).toEqual(['app/create']);
  });

  test('a circle is refused and named', () => {
    const circle = fleetOf([
      desired('a', { dependsOn: ['b'] }),
      desired('b', { dependsOn: ['a', 'nowhere'] }),
    ]);
    const plan = planFleet(circle, snapshotOf(), policyOf());
    expect(plan.refusals).toMatchObject([
      { key: 'a', code: 'DEPENDENCY_CYCLE', message: expect.stringContaining('a → b → a') },
    ]);
  });
});

test('a thousand containers are planned in a moment', () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `web${i}`);
  const fleet = fleetOf(
    keys.map((key) => desired(key, { nets: { eth0: { bridge: 'vmbr0' } }, rootfs: { sizeBytes: 9 * GiB } })),
    { vmids: { from: 100, to: 5000 } },
  );
  const snapshot = snapshotOf(
    keys.map((key, i) => actual(key, 100 + i, { owner: {}, config: { net0: 'name=eth0,bridge=vmbr1' } })),
  );
  const plan = planFleet(fleet, snapshot, policyOf());
  expect(plan.actions).toHaveLength(2000);
  expect(plan.summary.update).toBe(1000);
}, 10_000);

/** Changes of existing containers: calls, their order, restarts, disks. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import {
  type ActualOptions,
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';

function planOf(has: ActualOptions, wants: Partial<DesiredContainer>, policy = policyOf()): Plan {
  const web = desired('web', { compute: {}, rootfs: {}, power: 'unmanaged', ...wants });
  return planFleet(fleetOf([web]), snapshotOf([actual('web', 101, { owner: {}, ...has })]), policy);
}

const disk = 'local-lvm:vm-101-disk-1,mp=/data,size=1G';
const allowRestart = policyOf({ allow: { restart: true } });

describe('calls', () => {
  test('live and waiting changes go separately, each with the digest, in a chain', () => {
    const plan = planOf(
      {},
      { compute: { memoryMiB: 1024 }, features: { nesting: true }, rootfs: { sizeBytes: 16 * GiB } },
      allowRestart,
    );
    expect(idsOf(plan)).toEqual([
      'web/configure:live',
      'web/configure:restart',
      'web/resize:rootfs',
      'web/reboot',
    ]);
    for (const { dependsOn, id } of plan.actions.slice(1))
      expect(dependsOn).toEqual([idsOf(plan)[idsOf(plan).indexOf(id) - 1]]);
    for (const { request, precondition } of plan.actions.slice(0, 3)) {
      expect(request.params['digest']).toBe('digest-101');
      expect(precondition).toEqual({ kind: 'digest', digest: 'digest-101' });
    }
    expect(actionOf(plan, 'web/reboot')).toMatchObject({
      precondition: { kind: 'none' },
      risk: 'disruptive',
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc/{vmid}/status/reboot',
        params: { node: 'pve1', vmid: 101 },
      },
    });
    expect(plan.summary).toEqual({ create: 0, update: 1, destroy: 0, unchanged: 0 });
  });

  test('a stopped container takes everything in one call', () => {
    const plan = planOf(
      { status: 'stopped' },
      { compute: { cores: 2 }, features: { nesting: true }, options: { tty: 4 } },
    );
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.actions[0]?.changes.map(({ field, effect }) => `${field} ${effect}`)).toEqual([
      'cores live',
      'features live',
      'tty live',
    ]);
  });

  test('a container whose state is not known is treated as running', () => {
    const plan = planOf(
      { status: 'unknown' },
      { compute: { cores: 2 }, features: { nesting: true } },
      allowRestart,
    );
    expect(idsOf(plan)).toEqual(['web/configure:live', 'web/configure:restart']);
  });

  test('a swap that is not stored is not invented', () => {
    const plan = planOf({ nextConfig: {} }, { compute: { memoryMiB: 1024 } });
    const { swap: _, ...rest } = plan.actions[0]?.request.params ?? {};
    expect(rest).toMatchObject({ memory: 1024 });
    const without = actual('web', 101, { owner: {} });
    const { swapMiB: __, ...live } = without.live;
    const bare = { ...without, live, next: live };
    const web = desired('web', { compute: { memoryMiB: 1024 }, rootfs: {}, power: 'unmanaged' });
    const action = actionOf(planFleet(fleetOf([web]), snapshotOf([bare]), policyOf()), 'web/configure:live');
    expect(action.request.params).not.toHaveProperty('swap');
  });
});

describe('restarts', () => {
  const wants = { features: { nesting: true }, options: { tty: 4 } };

  test.each<[DesiredContainer['restart'], boolean, boolean]>([
    ['never', true, false],
    ['ask', false, false],
    ['ask', true, true],
    ['always', false, true],
  ])('restart: %s, allowed %s → %s', (restart, allowed, want) => {
    const plan = planOf({}, { ...wants, restart }, policyOf({ allow: { restart: allowed } }));
    expect(idsOf(plan).includes('web/reboot')).toBe(want);
    const notice = plan.notices.find(({ code }) => code === 'RESTART_NEEDED');
    expect(notice?.message).toBe(want ? undefined : 'web: 2 fields wait for a restart: features and tty');
  });

  test('what waits already is enough', () => {
    const waiting = { nextConfig: { tty: 4 } };
    expect(idsOf(planOf(waiting, {}, allowRestart))).toEqual(['web/reboot']);
    const plan = planOf(waiting, {});
    expect(plan).toMatchObject({ actions: [], inSync: [], summary: { unchanged: 1 } });
    expect(plan.notices[0]?.message).toBe('web: 1 field waits for a restart: tty');
  });

  test('what goes back to the value in force is reverted and needs none', () => {
    const plan = planOf(
      { config: { tty: 3 }, nextConfig: { tty: 4, searchdomain: 'x.y' } },
      { options: { tty: 3, searchDomains: null } },
      allowRestart,
    );
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.actions[0]?.request.params).toMatchObject({ revert: 'searchdomain,tty' });
    expect(plan.actions[0]?.changes.map(({ effect }) => effect)).toEqual(['live', 'live']);
  });

  test('a default that is not stored is reverted to, not written', () => {
    const plan = planOf({ nextConfig: { console: 0 } }, { options: { console: true } }, allowRestart);
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.actions[0]?.request.params).toMatchObject({ revert: 'console' });
  });

  test('an older change that waits is dropped before its key is unset', () => {
    const plan = planOf(
      { config: { tty: 3, timezone: 'UTC' }, nextConfig: { tty: 4 } },
      { options: { tty: null, timezone: null }, compute: { cores: 2 } },
    );
    expect(idsOf(plan)).toEqual(['web/configure:revert', 'web/configure:live', 'web/configure:restart']);
    expect(plan.actions[0]).toMatchObject({
      changes: [],
      request: { params: { revert: 'tty', digest: 'digest-101' } },
    });
    expect(plan.actions[2]?.request.params).toMatchObject({ delete: 'timezone,tty' });
  });

  test('a mount that waits for its removal is kept, with its volume', () => {
    const has = actual('web', 101, { owner: {}, config: { mp0: disk } });
    const leaving = { ...has, next: { ...has.next, mounts: {} }, pending: ['mp0'] };
    const web = desired('web', {
      compute: {},
      rootfs: {},
      power: 'unmanaged',
      mounts: {
        '/data': { storage: 'local-lvm', sizeBytes: GiB },
        '/new': { storage: 'local-lvm', sizeBytes: GiB },
      },
    });
    const plan = planFleet(fleetOf([web]), snapshotOf([leaving]), allowRestart);
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.actions[0]?.request.params).toMatchObject({ revert: 'mp0', mp1: 'local-lvm:1,mp=/new' });
  });

  test('a container that is shut down or stopped needs no restart', () => {
    expect(idsOf(planOf({}, { ...wants, power: 'stopped' }, allowRestart))).toEqual([
      'web/configure:restart',
      'web/shutdown',
    ]);
    expect(planOf({}, { ...wants, power: 'stopped' }).notices).toEqual([]);
  });
});

describe('power', () => {
  test('starts what should run, after its changes', () => {
    const plan = planOf({ status: 'stopped' }, { power: 'running', compute: { cores: 2 } });
    expect(idsOf(plan)).toEqual(['web/configure:live', 'web/start']);
    expect(actionOf(plan, 'web/start')).toMatchObject({
      dependsOn: ['web/configure:live'],
      changes: [{ field: 'power', from: 'stopped', to: 'running' }],
      request: { path: '/nodes/{node}/lxc/{vmid}/status/start' },
    });
  });

  test('shuts down what should be stopped, and stops it hard when it does not listen', () => {
    expect(actionOf(planOf({}, { power: 'stopped' }), 'web/shutdown')).toMatchObject({
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc/{vmid}/status/shutdown',
        params: { timeout: 60, forceStop: true },
      },
      risk: 'disruptive',
    });
  });

  test('leaves it alone when it is not managed', () => {
    expect(idsOf(planOf({ status: 'stopped' }, {}))).toEqual([]);
  });
});

describe('disks', () => {
  test('grow to an absolute size', () => {
    const plan = planOf(
      { config: { mp0: disk } },
      {
        rootfs: { sizeBytes: 16 * GiB },
        mounts: { '/data': { sizeBytes: 1536 * MiB } },
      },
    );
    expect(plan.actions.map(({ request }) => [request.params['disk'], request.params['size']])).toEqual([
      ['rootfs', '16G'],
      ['mp0', '1536M'],
    ]);
    expect(actionOf(plan, 'web/resize:mp0')).toMatchObject({
      kind: 'container.resize-disk',
      completes: 'task',
      changes: [{ field: 'mounts./data.size', from: '1GiB', to: '1.5GiB', effect: 'live' }],
      dependsOn: ['web/resize:rootfs'],
    });
  });

  test.each<[string, ActualOptions, Partial<DesiredContainer>, string]>([
    ['the root disk', {}, { rootfs: { sizeBytes: 4 * GiB } }, 'rootfs.size'],
    [
      'a mount',
      { config: { mp0: disk } },
      { mounts: { '/data': { sizeBytes: GiB / 2 } } },
      'mounts./data.size',
    ],
  ])('never shrink: %s', (_, has, wants, field) => {
    const plan = planOf(has, wants);
    expect(plan.refusals).toMatchObject([{ code: 'DISK_SHRINK', changes: [{ field, effect: 'forbidden' }] }]);
    expect(plan.refusals[0]).not.toHaveProperty('needs');
    expect(plan.actions).toEqual([]);
  });

  test('a directory of the node is never replaced by an empty volume', () => {
    const bind = planOf(
      { config: { mp0: '/srv,mp=/data' } },
      { mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } } },
    );
    expect(refusedBy(bind)).toEqual(['MOUNT_MOVED']);
  });

  test('options are written after the disk has grown, with the new size', () => {
    const mounts = { '/data': { sizeBytes: 2 * GiB, readOnly: true } };
    expect(idsOf(planOf({ config: { mp0: disk } }, { mounts, compute: { cores: 2 } }))).toEqual([
      'web/configure:live',
      'web/resize:mp0',
      'web/configure:restart',
    ]);
    const stopped = planOf({ config: { mp0: disk }, status: 'stopped' }, { mounts });
    expect(idsOf(stopped)).toEqual(['web/resize:mp0', 'web/configure:live']);
    expect(actionOf(stopped, 'web/configure:live').request.params['mp0']).toContain('size=2G');
  });

  test('a size that waits in an old string is corrected', () => {
    const has = { config: { mp0: disk.replace('1G', '2G') }, nextConfig: { mp0: `${disk},ro=1` } };
    const plan = planOf(has, { mounts: { '/data': { sizeBytes: 2 * GiB, readOnly: true } } });
    expect(plan.actions.map(({ kind }) => kind)).toEqual(['container.configure']);
    expect(plan.actions[0]?.request.params['mp0']).toBe('local-lvm:vm-101-disk-1,mp=/data,ro=1,size=2G');
  });

  test('a detached volume is kept, and that is said', () => {
    const plan = planOf({ config: { mp0: disk, mp1: '/srv,mp=/srv' } }, { mounts: {} });
    expect(plan.notices.filter(({ code }) => code === 'VOLUME_KEPT')).toMatchObject([
      { severity: 'info', message: expect.stringContaining('vm-101-disk-1') },
    ]);
  });
});

describe('protection', () => {
  const mounts = { '/data': { storage: 'local-lvm', sizeBytes: GiB } };

  test('keeps disks from being changed', () => {
    const plan = planOf({ config: { protection: 1 } }, { mounts });
    expect(plan.refusals).toMatchObject([
      { code: 'CONTAINER_PROTECTED', changes: [{ field: 'mounts./data' }] },
    ]);
    expect(refusedBy(planOf({ config: { protection: 1 } }, { compute: { cores: 2 } }))).toEqual([]);
  });

  test('goes off before disks are changed', () => {
    const plan = planOf({ config: { protection: 1 } }, { mounts, options: { protection: false } });
    expect(plan.refusals).toEqual([]);
    expect(idsOf(plan)).toEqual(['web/configure:protection', 'web/configure:live']);
    expect(plan.actions[0]?.request.params).toMatchObject({ protection: false });
    expect(plan.actions[1]?.request.params).not.toHaveProperty('protection');
  });

  test('goes on after disks are changed', () => {
    const plan = planOf(
      { config: { mp0: disk } },
      { mounts: { '/data': { readOnly: true } }, options: { protection: true }, compute: { cores: 2 } },
    );
    expect(idsOf(plan)).toEqual(['web/configure:live', 'web/configure:restart']);
    expect(plan.actions[1]?.request.params).toMatchObject({ protection: true });
  });
});

describe('guards', () => {
  test('memory below what is used is mentioned, not refused', () => {
    const usage = { memoryBytes: 900 * MiB };
    const plan = planOf({ config: { memory: 2048 }, usage }, { compute: { memoryMiB: 512 } });
    expect(plan.refusals).toEqual([]);
    expect(plan.notices).toMatchObject([
      { code: 'MEMORY_BELOW_USAGE', severity: 'warning', message: expect.stringContaining('900MiB') },
    ]);
    expect(planOf({ config: { memory: 2048 }, usage }, { compute: { memoryMiB: 1024 } }).notices).toEqual([]);
    expect(
      planOf({ config: { memory: 2048 }, usage, status: 'stopped' }, { compute: { memoryMiB: 512 } }).notices,
    ).toEqual([]);
  });

  test('a lock refuses what would be done, and only that', () => {
    expect(refusedBy(planOf({ lock: 'backup' }, { compute: { cores: 2 } }))).toEqual(['CONTAINER_LOCKED']);
    expect(refusedBy(planOf({ lock: 'backup' }, {}))).toEqual([]);
    expect(refusedBy(planOf({ lock: 'mounted', status: 'stopped' }, { power: 'running' }))).toEqual([]);
    expect(refusedBy(planOf({ lock: 'mounted' }, { compute: { cores: 2 } }))).toEqual(['CONTAINER_LOCKED']);
  });

  test('a template is refused', () => {
    expect(planOf({ isTemplate: true }, { compute: { cores: 2 } })).toMatchObject({
      actions: [],
      refusals: [{ code: 'CONTAINER_IS_TEMPLATE' }],
    });
  });

  test('an offline node refuses what would be done on it', () => {
    const web = desired('web', { compute: { cores: 2 } });
    const nodes = [{ node: 'pve1', online: false }];
    const plan = planFleet(
      fleetOf([web]),
      snapshotOf([actual('web', 101, { owner: {} })], { nodes }),
      policyOf(),
    );
    expect(refusedBy(plan)).toEqual(['NODE_OFFLINE']);
  });
});

test('cores of a running container come within seconds, of a stopped one at once', () => {
  const wish = { compute: { cores: 4 } };
  const change = (status: 'running' | 'stopped') =>
    actionOf(planOf({ status }, { ...wish, power: status }), 'web/configure:live').changes.find(
      ({ field }) => field === 'cores',
    );
  expect(change('running')).toMatchObject({ effect: 'live', settles: 'later' });
  expect(change('stopped')).toMatchObject({ effect: 'live' });
  expect(change('stopped')).not.toHaveProperty('settles');
});

describe('pool', () => {
  test('is joined, or changed', () => {
    const join = actionOf(planOf({}, { pool: 'lab' }), 'web/pool');
    expect(join).toMatchObject({
      kind: 'container.configure',
      completes: 'now',
      request: { method: 'PUT', path: '/pools', params: { poolid: 'lab', vms: '101' } },
      changes: [{ field: 'pool', from: null, to: 'lab' }],
    });
    expect(join.request.params).not.toHaveProperty('allow-move');
    expect(actionOf(planOf({ pool: 'old' }, { pool: 'lab' }), 'web/pool').request.params).toMatchObject({
      'allow-move': true,
    });
    expect(idsOf(planOf({ pool: 'lab' }, { pool: 'lab' }))).toEqual([]);
  });

  test('is left, as the last step, when there must be none', () => {
    const plan = planOf({ pool: 'lab' }, { pool: null, hostname: 'www' });
    expect(idsOf(plan)).toEqual(['web/configure:live', 'web/pool']);
    expect(actionOf(plan, 'web/pool')).toMatchObject({
      request: { method: 'PUT', path: '/pools', params: { poolid: 'lab', vms: '101', delete: true } },
      changes: [{ field: 'pool', from: 'lab', to: null }],
      dependsOn: ['web/configure:live'],
    });
    expect(idsOf(planOf({}, { pool: null }))).toEqual([]);
  });
});

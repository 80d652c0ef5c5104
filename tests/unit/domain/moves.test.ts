/** Moves to another node and of volumes to another storage: what is sent, when it may be, and who is followed. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import type { Plan, Policy } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
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
  storage,
} from '../../support/builders.ts';

const restart: Policy = policyOf({ allow: { restart: true } });
const storages = ['pve1', 'pve2'].flatMap((node) =>
  ['local', 'local-lvm', 'fast', 'slow'].map((name) => storage(name, node, { type: 'lvmthin' })),
);

function planOf(
  has: ActualOptions,
  wants: Partial<DesiredContainer> = {},
  policy: Policy = policyOf(),
  more: Parameters<typeof snapshotOf>[1] = {},
): Plan {
  const web = actual('web', 101, { owner: { node: 'pve1' }, ...has });
  return planFleet(fleetOf([desired('web', wants)]), snapshotOf([web], { storages, ...more }), policy);
}
const codes = (plan: Plan): string[] => plan.notices.map(({ code }) => code);

describe('another node', () => {
  test('a stopped container is migrated, and then its line says where it is', () => {
    const plan = planOf({ status: 'stopped' }, { node: 'pve2', power: 'stopped' });
    expect(idsOf(plan)).toEqual(['web/migrate', 'web/configure:mark']);
    expect(actionOf(plan, 'web/migrate')).toMatchObject({
      kind: 'container.migrate',
      target: { node: 'pve1' },
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc/{vmid}/migrate',
        params: { node: 'pve1', vmid: 101, target: 'pve2' },
      },
      changes: [{ field: 'node', from: 'pve1', to: 'pve2', effect: 'live' }],
      risk: 'safe',
      precondition: { kind: 'digest', digest: 'digest-101' },
    });
    expect(actionOf(plan, 'web/migrate').request.params).not.toHaveProperty('restart');
    expect(actionOf(plan, 'web/configure:mark')).toMatchObject({
      target: { node: 'pve2' },
      request: { params: { node: 'pve2', description: expect.stringContaining(' node=pve2 -->') } },
    });
  });

  test('a running one stays, with a notice, unless it may be restarted', () => {
    const stays = planOf({}, { node: 'pve2' });
    expect(stays.actions).toEqual([]);
    expect(stays.inSync).toEqual([]);
    expect(codes(stays)).toEqual(['MOVE_NEEDS_RESTART']);
    expect(codes(planOf({}, { node: 'pve2', restart: 'never' }, restart))).toEqual(['MOVE_NEEDS_RESTART']);
    for (const plan of [
      planOf({}, { node: 'pve2' }, restart),
      planOf({}, { node: 'pve2', restart: 'always' }),
    ])
      expect(actionOf(plan, 'web/migrate')).toMatchObject({
        request: { params: { restart: true } },
        changes: [{ field: 'node', effect: 'restart' }],
        risk: 'disruptive',
      });
  });

  test('changes of the config go first, and the restart of the migration applies what waits', () => {
    const plan = planOf(
      {},
      { node: 'pve2', compute: { cores: 2 }, features: { nesting: true }, restart: 'always' },
    );
    expect(idsOf(plan)).toEqual([
      'web/configure:live',
      'web/configure:restart',
      'web/migrate',
      'web/configure:mark',
    ]);
    // a migration that fails must be tried again, so the line still names the old node
    expect(actionOf(plan, 'web/configure:live').request.params['description']).toContain(' node=pve1 -->');
    expect(codes(plan)).toEqual([]);
  });

  test('one that should be stopped is shut down, migrated and left so', () => {
    expect(idsOf(planOf({}, { node: 'pve2', power: 'stopped' }))).toEqual([
      'web/shutdown',
      'web/migrate',
      'web/configure:mark',
    ]);
  });

  test('one that should run is started where it is then', () => {
    const plan = planOf({ status: 'stopped' }, { node: 'pve2' });
    expect(idsOf(plan)).toEqual(['web/migrate', 'web/configure:mark', 'web/start']);
    expect(actionOf(plan, 'web/start')).toMatchObject({
      target: { node: 'pve2' },
      request: { params: { node: 'pve2' } },
      dependsOn: ['web/configure:mark'],
    });
  });

  test.each<[string, ActualOptions, Partial<DesiredContainer>]>([
    ['moved by somebody', { node: 'pve2' }, {}],
    ['moved by somebody, with other changes in the file', { node: 'pve2' }, { compute: { cores: 4 } }],
  ])('is followed: %s', (_, has, wants) => {
    const plan = planOf(has, wants);
    expect(idsOf(plan).filter((id) => id.includes('migrate'))).toEqual([]);
    expect(codes(plan)).toContain('NODE_DIFFERS');
    expect(plan.refusals).toEqual([]);
  });

  test('a line without a node: the digest tells whether the file changed', () => {
    const file = { node: 'pve1' };
    const old = { fleet: 'lab', key: 'web', specDigest: '00' };
    const bare = actual('web', 101, { node: 'pve2', status: 'stopped', owner: old });
    const plan = planFleet(fleetOf([desired('web', file)]), snapshotOf([bare], { storages }), policyOf());
    expect(idsOf(plan)).toContain('web/migrate');
  });

  test.each<[string, ActualOptions, Partial<DesiredContainer>, string]>([
    ['an unknown node', {}, { node: 'pve9' }, 'NODE_UNKNOWN'],
    [
      'a node without the storage',
      { config: { mp0: 'odd:v,mp=/x,size=1G' } },
      { node: 'pve2' },
      'STORAGE_UNKNOWN',
    ],
    ['a directory of the node', { config: { mp0: '/srv,mp=/x' } }, { node: 'pve2' }, 'MIGRATE_LOCAL_MOUNT'],
    [
      'a linked clone that says so',
      { config: { mp0: 'fast:basevol-100-disk-0/subvol-101-disk-1,mp=/x,size=1G' } },
      { node: 'pve2' },
      'MIGRATE_LINKED',
    ],
    ['a container with snapshots', { config: { parent: 'before' } }, { node: 'pve2' }, 'SNAPSHOT_HOLDS'],
  ])('is refused: %s', (_, has, wants, code) => {
    expect(refusedBy(planOf({ status: 'stopped', ...has }, wants))).toEqual([code]);
  });

  test('a directory that all nodes share goes along', () => {
    const plan = planOf(
      { status: 'stopped', config: { mp0: '/srv,mp=/x,shared=1' } },
      { node: 'pve2', power: 'stopped' },
    );
    expect(plan.refusals).toEqual([]);
  });
});

describe('another storage', () => {
  const data = { mp0: 'local-lvm:vm-101-disk-1,mp=/data,size=1G' };

  test('of a stopped container: the volume is moved and the old one kept', () => {
    const plan = planOf(
      { status: 'stopped', config: data },
      { power: 'stopped', mounts: { '/data': { storage: 'fast', sizeBytes: GiB } } },
    );
    expect(idsOf(plan)).toEqual(['web/move:mp0']);
    expect(plan.actions[0]).toMatchObject({
      kind: 'container.move-volume',
      request: {
        path: '/nodes/{node}/lxc/{vmid}/move_volume',
        params: { volume: 'mp0', storage: 'fast', digest: 'digest-101' },
      },
      changes: [{ field: 'mounts./data.storage', from: 'local-lvm', to: 'fast', effect: 'live' }],
    });
    expect(plan.actions[0]?.request.params).not.toHaveProperty('delete');
  });

  test('the old volume goes only with --allow destroy, and never when snapshots need it', () => {
    const wants: Partial<DesiredContainer> = { power: 'stopped', rootfs: { storage: 'fast' } };
    const destroy = policyOf({ allow: { destroy: true } });
    const params = (has: ActualOptions): unknown =>
      actionOf(planOf({ status: 'stopped', ...has }, wants, destroy), 'web/move:rootfs').request.params;
    expect(params({})).toMatchObject({ delete: true });
    expect(params({ config: { parent: 'before' } })).not.toHaveProperty('delete');
  });

  test('of a running container: down, changed, moved, up again', () => {
    const wants: Partial<DesiredContainer> = {
      rootfs: { storage: 'fast', sizeBytes: 9 * GiB, options: ['noatime'] },
      features: { nesting: true },
    };
    const stays = planOf({}, wants);
    expect(codes(stays)).toContain('MOVE_NEEDS_RESTART');
    const plan = planOf({}, wants, restart);
    expect(idsOf(plan)).toEqual([
      'web/shutdown',
      'web/resize:rootfs',
      'web/configure:live',
      'web/move:rootfs',
      'web/start',
    ]);
    expect(actionOf(plan, 'web/move:rootfs').changes).toMatchObject([{ effect: 'restart' }]);
    expect(actionOf(plan, 'web/resize:rootfs').dependsOn).toEqual(['web/shutdown']);
  });

  test('what waited for a restart is applied by the shutdown, so it is not reverted', () => {
    const plan = planOf(
      { nextConfig: { tty: 4 } },
      { rootfs: { storage: 'fast' }, options: { tty: 2 } },
      restart,
    );
    expect(actionOf(plan, 'web/configure:live').request.params).toMatchObject({ delete: 'tty' });
  });

  test('together with the node: the migration brings the volumes along', () => {
    const plan = planOf(
      { status: 'stopped', config: data },
      {
        node: 'pve2',
        power: 'stopped',
        rootfs: { storage: 'fast' },
        mounts: { '/data': { storage: 'fast', sizeBytes: GiB } },
      },
    );
    expect(idsOf(plan)).toEqual(['web/migrate', 'web/configure:mark']);
    expect(actionOf(plan, 'web/migrate').request.params['target-storage']).toBe('local-lvm:fast');
  });

  test('together with the node, to several storages: first the volumes, then the node', () => {
    const plan = planOf(
      { status: 'stopped', config: data },
      {
        node: 'pve2',
        power: 'stopped',
        rootfs: { storage: 'fast' },
        mounts: { '/data': { storage: 'slow', sizeBytes: GiB } },
      },
    );
    expect(idsOf(plan)).toEqual(['web/move:rootfs', 'web/move:mp0', 'web/migrate', 'web/configure:mark']);
    expect(actionOf(plan, 'web/migrate').request.params).not.toHaveProperty('target-storage');
  });

  test('is refused where the storage does not exist or takes no containers', () => {
    const to = (name: string): string[] =>
      refusedBy(
        planOf({ status: 'stopped' }, { rootfs: { storage: name } }, policyOf(), {
          storages: [...storages, storage('iso', 'pve1', { content: ['iso'] })],
        }),
      );
    expect(to('nope')).toEqual(['STORAGE_UNKNOWN']);
    expect(to('iso')).toEqual(['STORAGE_CONTENT']);
  });
});

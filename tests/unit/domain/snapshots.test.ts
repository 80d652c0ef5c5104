/** Snapshots and single clones: what is sent, and what is told instead. */
import { describe, expect, test } from 'vitest';
import { planClone } from '../../../src/domain/plan-clone.ts';
import { planSnapshot, type SnapshotRequest } from '../../../src/domain/plan-snapshot.ts';
import {
  type ActualOptions,
  actionOf,
  actual,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
  storage,
} from '../../support/builders.ts';

const destroy = policyOf({ allow: { destroy: true } });
const zfs = storage('tank', 'pve1', { type: 'zfspool' });
const storages = [...snapshotOf().storages, zfs, storage('nas', 'pve1', { type: 'nfs', shared: true })];
const snapshots = [
  { name: 'old', takenAt: 1, description: '', isCurrent: false },
  { name: 'new', takenAt: 2, description: '', isCurrent: true, parent: 'old' },
];

function plan(
  verb: SnapshotRequest['verb'],
  has: ActualOptions = {},
  more: Partial<SnapshotRequest> = {},
  isPossible = true,
) {
  const request: SnapshotRequest = {
    verb,
    name: verb === 'create' ? 'next' : 'new',
    states: new Map([[101, { snapshots, isPossible }]]),
    storages,
    ...more,
  };
  return planSnapshot([actual('web', 101, has)], request, destroy);
}

describe('snapshots', () => {
  test('a rollback stops a running container and starts it again', () => {
    expect(idsOf(plan('rollback'))).toEqual(['web/snapshot:rollback', 'web/start']);
    expect(plan('rollback').notices.map(({ code }) => code)).toEqual(['ROLLBACK_STOPS']);
    expect(actionOf(plan('rollback'), 'web/start').dependsOn).toEqual(['web/snapshot:rollback']);
    expect(idsOf(plan('rollback', { status: 'stopped' }))).toEqual(['web/snapshot:rollback']);
    // steps inside that came later do not count as run any more
    const provisioned = plan('rollback', { owner: { key: 'web', provision: 'ab12cd34' } });
    expect(idsOf(provisioned)).toEqual(['web/configure:steps', 'web/snapshot:rollback', 'web/start']);
    expect(provisioned.notices.map(({ code }) => code)).toEqual(['ROLLBACK_STOPS', 'STEPS_UNDONE']);
    expect(actionOf(plan('rollback'), 'web/snapshot:rollback')).toMatchObject({
      kind: 'snapshot.rollback',
      risk: 'destructive',
    });
  });

  test('requests', () => {
    expect(actionOf(plan('create', {}, { description: 'why' }), 'web/snapshot:create').request).toEqual({
      method: 'POST',
      path: '/nodes/{node}/lxc/{vmid}/snapshot',
      params: { node: 'pve1', vmid: 101, snapname: 'next', description: 'why' },
    });
    expect(actionOf(plan('delete'), 'web/snapshot:delete').request).toMatchObject({
      method: 'DELETE',
      path: '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}',
    });
  });

  test.each<[string, ReturnType<typeof plan>, string, string]>([
    [
      'a name that is used',
      plan('create', {}, { name: 'old' }),
      'SNAPSHOT_EXISTS',
      "snapshot name 'old' already used",
    ],
    [
      'a bind mount',
      plan('create', { config: { mp0: '/srv,mp=/srv' } }, {}, false),
      'SNAPSHOT_IMPOSSIBLE',
      'mp0 (/srv)',
    ],
    [
      'a storage without snapshots',
      plan('create', { config: { rootfs: 'nas:1/x.raw,size=1G' } }, {}, false),
      'SNAPSHOT_IMPOSSIBLE',
      'nas is nfs',
    ],
    [
      'a template',
      plan('create', { isTemplate: true, status: 'stopped' }),
      'CONTAINER_IS_TEMPLATE',
      "if it's a template",
    ],
    [
      'an unknown snapshot',
      plan('delete', {}, { name: 'nope' }),
      'SNAPSHOT_UNKNOWN',
      "snapshot 'nope' does not exist",
    ],
    ['a lock', plan('delete', { lock: 'backup' }), 'CONTAINER_LOCKED', 'locked (backup)'],
    [
      'an older one on ZFS',
      plan('rollback', { config: { rootfs: 'tank:subvol-1,size=1G' } }, { name: 'old' }),
      'SNAPSHOT_NOT_NEWEST',
      "'old' is not most recent snapshot on 'tank:subvol-1'",
    ],
  ])('is refused: %s', (_, refused, code, text) => {
    expect(refusedBy(refused)).toEqual([code]);
    expect(refused.refusals[0]?.message).toContain(text);
  });

  test('an older one on LVM can be rolled back to', () => {
    expect(plan('rollback', {}, { name: 'old' }).refusals).toEqual([]);
  });
});

describe('a single clone', () => {
  const source = (has: ActualOptions = {}) => actual('golden', 101, { status: 'stopped', ...has });
  const clone = (has: ActualOptions, options: Partial<Parameters<typeof planClone>[1]> = {}) => {
    const container = source(has);
    return planClone(container, { name: 'copy', ...options }, snapshotOf([container], { storages }));
  };

  test('is full, or linked when a template allows it', () => {
    const full = (has: ActualOptions, options = {}): unknown =>
      actionOf(clone(has, options), 'copy/clone').request.params['full'];
    expect(full({})).toBe(true);
    expect(full({ isTemplate: true })).toBe(false);
    expect(full({ isTemplate: true }, { storage: 'nas' })).toBe(true);
    expect(full({ isTemplate: true, config: { rootfs: 'nas:1/x.raw,size=1G' } })).toBe(true);
    expect(full({ isTemplate: true }, { full: true })).toBe(true);
  });

  test('does not take over the owner of its source', () => {
    const plan = clone({ owner: { key: 'golden' }, config: { tags: 'a' } });
    expect(actionOf(plan, 'copy/clone').request.params['description']).not.toContain('pvefleet');
    expect(actionOf(plan, 'copy/configure:mark').request.params).toEqual({
      node: 'pve1',
      vmid: 100,
      tags: 'a',
    });
    expect(idsOf(clone({}))).toEqual(['copy/clone']);
  });

  test('refuses what the server would', () => {
    expect(refusedBy(clone({ status: 'running' }))).toEqual(['CLONE_SOURCE_RUNNING']);
    expect(refusedBy(clone({ status: 'running' }, { snapshot: 'x1' }))).toEqual([]);
    expect(refusedBy(clone({ config: { rootfs: 'nas:1/x.raw,size=1G' } }, { full: false }))).toEqual([
      'CLONE_NOT_LINKABLE',
    ]);
    const onZfs = { config: { rootfs: 'tank:subvol-101-disk-0,size=1G' } };
    expect(refusedBy(clone(onZfs))).toEqual([]);
    expect(refusedBy(clone(onZfs, { snapshot: 'x1' }))).toEqual(['CLONE_SNAPSHOT_ZFS']);
    // what is no template has no base to share, but on btrfs
    expect(refusedBy(clone({}, { full: false }))).toEqual(['CLONE_NOT_LINKABLE']);
    expect(refusedBy(clone({}, { full: false, snapshot: 'x1' }))).toEqual([]);
    expect(refusedBy(clone({ config: { mp0: '/srv/data,mp=/data' } }))).toEqual(['CLONE_MOUNT']);
    const folder = { rootfs: 'local:101/subvol-101-disk-0.subvol,size=0T' };
    expect(refusedBy(clone({ config: folder }))).toEqual(['CLONE_NOT_COPYABLE']);
    expect(refusedBy(clone({}, { vmid: 101 }))).toEqual(['VMID_TAKEN']);
    expect(refusedBy(clone({}, { node: 'pve9' }))).toContain('NODE_UNKNOWN');
  });
});

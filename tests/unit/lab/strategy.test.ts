/** The strategy table of resets. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { chooseStrategy, type ResetCase } from '../../../src/domain/lab/reset-strategy.ts';
import type { SnapshotInfo } from '../../../src/domain/plan-snapshot.ts';
import { type ActualOptions, actual, desired, storage } from '../../support/builders.ts';

const storages = [
  storage('local-lvm', 'pve1', { type: 'lvmthin' }),
  storage('zfs', 'pve1', { type: 'zfspool' }),
  storage('nfs', 'pve1', { type: 'nfs', shared: true }),
];
const snapshot = (name: string, takenAt: number, description = ''): SnapshotInfo => ({
  name,
  takenAt,
  description,
  isCurrent: false,
});
const baseline = snapshot('baseline', 1_700_000_000);

interface Given {
  readonly wish?: Partial<DesiredContainer>;
  readonly found?: ActualOptions;
  readonly more?: Partial<ResetCase>;
  readonly rootfs?: string;
}

function subject({
  wish = {},
  found = {},
  more = {},
  rootfs = 'local-lvm:vm-101-disk-0,size=8G',
}: Given): ResetCase {
  const one = actual('a', 101, { ...found, config: { rootfs, ...found.config } });
  return {
    desired: desired('a', { rootfs: {}, ...wish }),
    actual: one,
    snapshot: 'baseline',
    wanted: 'auto',
    snapshots: [baseline],
    baseline: one.live,
    storages,
    isReplicated: false,
    ...more,
  };
}

const none = { snapshots: [], baseline: undefined };
const later = { snapshots: [baseline, snapshot('exam', 1_700_000_100)] };
const clone: Partial<DesiredContainer> = { from: { clone: 'golden' }, template: '' };
const zfs = 'zfs:subvol-101-disk-0,size=8G';

describe('chosen', () => {
  test.each<[string, Given, string, string]>([
    ['a baseline', {}, 'rollback', 'baseline of 2023-11-14 22:13'],
    ['a baseline of a clone', { wish: clone }, 'rollback', 'baseline of 2023-11-14 22:13'],
    ['no baseline', { more: none }, 'rebuild', 'there is no snapshot baseline of it'],
    ['no baseline of a clone', { wish: clone, more: none }, 'reclone', 'there is no snapshot baseline of it'],
    [
      'a plain storage',
      { rootfs: 'nfs:101/vm-101-disk-0.raw,size=8G', more: none },
      'rebuild',
      'it cannot be snapshotted: its root disk is on nfs (nfs)',
    ],
    [
      'a directory of the host',
      { found: { config: { mp0: '/srv/data,mp=/data' } }, more: none },
      'rebuild',
      'it cannot be snapshotted: /data is /srv/data of the host',
    ],
    [
      'a directory of the host that came after the baseline',
      { found: { config: { mp0: '/srv/data,mp=/data' } } },
      'rollback',
      'baseline of 2023-11-14 22:13',
    ],
    ['a later snapshot on LVM', { more: later }, 'rollback', 'baseline of 2023-11-14 22:13'],
    [
      'a later snapshot on ZFS',
      { rootfs: zfs, more: later },
      'rebuild',
      'zfs (ZFS) goes back only to the newest snapshot, and exam came after baseline',
    ],
    [
      'an earlier snapshot on ZFS',
      { rootfs: zfs, more: { snapshots: [snapshot('old', 1), baseline] } },
      'rollback',
      'baseline of 2023-11-14 22:13',
    ],
    [
      'a baseline of another source',
      {
        wish: { from: { clone: 'golden-2' }, template: '' },
        more: { snapshots: [snapshot('baseline', 1, 'baseline of lab/a, made from golden')] },
      },
      'reclone',
      'its baseline was made from golden, and the file says golden-2 now',
    ],
    [
      'a baseline of the same source',
      { wish: clone, more: { snapshots: [snapshot('baseline', 0, 'baseline of lab/a, made from golden')] } },
      'rollback',
      'baseline of 1970-01-01 00:00',
    ],
    [
      'a file that wants it privileged',
      { wish: { unprivileged: false } },
      'rebuild',
      'unprivileged of its baseline is not as the file says',
    ],
    [
      'a file that wants another storage',
      { wish: { rootfs: { storage: 'nfs' } } },
      'rebuild',
      'rootfs.storage of its baseline is not as the file says',
    ],
    [
      'a replication job and a baseline',
      { more: { isReplicated: true } },
      'rollback',
      'baseline of 2023-11-14 22:13',
    ],
    [
      'protection that the file wants',
      { wish: { options: { protection: true } }, found: { config: { protection: 1 } } },
      'rollback',
      'baseline of 2023-11-14 22:13',
    ],
    ['what the file says', { more: { wanted: 'rebuild' } }, 'rebuild', 'the strategy is rebuild'],
    [
      'what the file says of a clone',
      { wish: clone, more: { wanted: 'reclone' } },
      'reclone',
      'the strategy is reclone',
    ],
    ['no file', { more: { wanted: 'rollback' } }, 'rollback', 'baseline of 2023-11-14 22:13'],
  ])('%s', (_, given, strategy, why) => {
    expect(chooseStrategy(subject(given))).toEqual({ strategy, why });
  });
});

describe('refused', () => {
  test.each<[string, Given, string, string]>([
    ['a template', { found: { isTemplate: true } }, 'CONTAINER_IS_TEMPLATE', 'never changes'],
    [
      'protected by somebody',
      { found: { config: { protection: 1 } } },
      'CONTAINER_PROTECTED',
      'somebody wants to keep what is in it',
    ],
    [
      'protection that the file wants, and no baseline',
      { wish: { options: { protection: true } }, found: { config: { protection: 1 } }, more: none },
      'RESET_IMPOSSIBLE',
      'no rebuild, because container 101 is protected against destruction',
    ],
    [
      'a replication job, and no baseline',
      { more: { ...none, isReplicated: true } },
      'RESET_IMPOSSIBLE',
      'has a replication job, which would be lost',
    ],
    [
      'a volume of its own that the file only names',
      { wish: { mounts: { '/work': { source: 'local-lvm:vm-101-disk-1' } } }, more: none },
      'RESET_IMPOSSIBLE',
      'the volume of /work is its own, and the file does not say how to make it again',
    ],
    [
      'a rollback without a baseline',
      { more: { ...none, wanted: 'rollback' } },
      'RESET_IMPOSSIBLE',
      'it cannot be reset by rollback: there is no snapshot baseline of it',
    ],
    [
      'a reclone of what is no clone',
      { more: { wanted: 'reclone' } },
      'RESET_IMPOSSIBLE',
      'the file does not make it from another container',
    ],
    [
      'a rebuild of a clone',
      { wish: clone, more: { wanted: 'rebuild' } },
      'RESET_IMPOSSIBLE',
      'the file makes it from another container',
    ],
    [
      'a rebuild of a replicated container',
      { more: { wanted: 'rebuild', isReplicated: true } },
      'RESET_IMPOSSIBLE',
      'it cannot be reset by rebuild: container 101 has a replication job',
    ],
  ])('%s', (_, given, code, text) => {
    expect(chooseStrategy(subject(given))).toMatchObject({ code, message: expect.stringContaining(text) });
  });

  test('no file, and no baseline', () => {
    const { desired: _file, ...rest } = subject({ more: { ...none, wanted: 'rollback' } });
    expect(chooseStrategy(rest)).toMatchObject({
      code: 'RESET_IMPOSSIBLE',
      hint: 'give its fleet file with -f',
    });
  });
});

import { describe, expect, it } from 'vitest';
import { emptyState } from '../../../src/simulator/model/seed-parts.ts';
import type { SimState, StorageType } from '../../../src/simulator/model/state.ts';
import {
  diskName,
  parseVolumeId,
  parseVolumeName,
  volumePath,
} from '../../../src/simulator/model/volume-names.ts';
import { hasVolumeFeature, reassignVolume } from '../../../src/simulator/model/volume-operations.ts';
import {
  allocateVolume,
  findVolume,
  freeDiskNumber,
  freeVolume,
  listVolumes,
  storageUsage,
  usableStorage,
  writeToVolume,
} from '../../../src/simulator/model/volumes.ts';

const MiB = 1024 ** 2;

function stateWith(type: StorageType, more: Partial<SimState['storages'][string]> = {}): SimState {
  const state = emptyState(1);
  state.storages['box'] = {
    storage: 'box',
    type,
    content: ['rootdir'],
    shared: false,
    disabled: false,
    path: '/srv/box',
    totalBytes: 1000 * MiB,
    baseUsedBytes: 100 * MiB,
    options: {},
    ...more,
  };
  return state;
}

const make = (state: SimState, vmid: number, sizeBytes = 10 * MiB, node = 'pve1'): string =>
  allocateVolume(state, { storage: 'box', node, vmid, sizeBytes, ctime: 7 }).volid;

describe('volume names', () => {
  it.each([
    ['dir', 'vztmpl/a_1_amd64.tar.zst', { content: 'vztmpl', base: 'a_1_amd64.tar.zst', format: 'tzst' }],
    ['dir', 'iso/x.iso', { content: 'iso', base: 'x.iso', format: 'iso' }],
    [
      'dir',
      'backup/vzdump-lxc-100-2026_01_01-00_00_00.tar.zst',
      { content: 'backup', base: 'vzdump-lxc-100-2026_01_01-00_00_00.tar.zst', format: 'tar.zst', vmid: 100 },
    ],
    [
      'dir',
      '100/vm-100-disk-0.raw',
      { content: 'rootdir', base: 'vm-100-disk-0.raw', format: 'raw', vmid: 100 },
    ],
    [
      'btrfs',
      '100/base-100-disk-0.raw',
      { content: 'rootdir', base: 'base-100-disk-0.raw', format: 'raw', vmid: 100, isBase: true },
    ],
    ['lvmthin', 'vm-100-disk-0', { content: 'rootdir', base: 'vm-100-disk-0', format: 'raw', vmid: 100 }],
    [
      'zfspool',
      'basevol-100-disk-0/subvol-101-disk-0',
      {
        content: 'rootdir',
        base: 'subvol-101-disk-0',
        format: 'subvol',
        vmid: 101,
        parentName: 'basevol-100-disk-0',
      },
    ],
    ['dir', '100/readme.txt', undefined],
    ['dir', 'vztmpl/', undefined],
    ['lvm', 'data', undefined],
  ] as const)('%s %s', (type, name, want) => {
    expect(parseVolumeName(type, name)).toEqual(want);
  });

  it('come with their storage', () => {
    expect(parseVolumeId('local-lvm:vm-100-disk-0')).toEqual({ storage: 'local-lvm', name: 'vm-100-disk-0' });
    expect(parseVolumeId('/srv')).toBeUndefined();
    expect(parseVolumeId('8')).toBeUndefined();
  });

  it('are made per storage type', () => {
    expect(diskName('zfspool', 100, 1, { format: 'subvol', base: true })).toBe('basevol-100-disk-1');
    expect(diskName('dir', 100, 1, { format: 'subvol' })).toBe('100/subvol-100-disk-1.subvol');
    expect(diskName('rbd', 101, 0, { format: 'raw', parentName: 'base-100-disk-0' })).toBe(
      'base-100-disk-0/vm-101-disk-0',
    );
  });

  it.each([
    ['dir', '100/vm-100-disk-0.raw', '/srv/box/images/100/vm-100-disk-0.raw'],
    ['dir', 'vztmpl/a.tar.gz', '/srv/box/template/cache/a.tar.gz'],
    ['btrfs', '100/vm-100-disk-0.raw', '/srv/box/images/100/vm-100-disk-0/disk.raw'],
    ['lvmthin', 'vm-100-disk-0', '/dev/box/vm-100-disk-0'],
    ['zfspool', 'basevol-1/subvol-100-disk-0', '/rpool/data/subvol-100-disk-0'],
  ] as const)('lie somewhere: %s %s', (type, name, path) => {
    const storage = stateWith(type).storages['box'];
    expect(storage && volumePath(storage, name)).toBe(path);
  });
});

describe('allocation', () => {
  it('takes the lowest free disk number of the owner', () => {
    const state = stateWith('dir');
    expect([make(state, 100), make(state, 100), make(state, 101)]).toEqual([
      'box:100/vm-100-disk-0.raw',
      'box:100/vm-100-disk-1.raw',
      'box:101/vm-101-disk-0.raw',
    ]);
    freeVolume(state, 'pve1', 'box:100/vm-100-disk-0.raw');
    expect(make(state, 100)).toBe('box:100/vm-100-disk-0.raw');
    expect(freeDiskNumber(state, 'box', 'pve1', 100)).toBe(2);
  });

  it('makes a directory where the size is 0, and subvolumes on ZFS', () => {
    expect(make(stateWith('dir'), 100, 0)).toBe('box:100/subvol-100-disk-0.subvol');
    expect(make(stateWith('zfspool'), 100)).toBe('box:subvol-100-disk-0');
  });

  it('is per node on local storages and for all on shared ones', () => {
    const local = stateWith('dir');
    make(local, 100);
    expect(make(local, 100, MiB, 'pve2')).toBe('box:100/vm-100-disk-0.raw');
    expect(listVolumes(local, 'box', 'pve1')).toHaveLength(1);
    const shared = stateWith('nfs', { shared: true });
    make(shared, 100);
    expect(make(shared, 100, MiB, 'pve2')).toBe('box:100/vm-100-disk-1.raw');
    expect(findVolume(shared, 'pve3', 'box:100/vm-100-disk-1.raw')).toBeDefined();
  });

  it('refuses a name that is taken', () => {
    const state = stateWith('dir');
    const wanted = {
      storage: 'box',
      node: 'pve1',
      vmid: 100,
      sizeBytes: MiB,
      ctime: 0,
      name: 'vm-100-disk-5.raw',
    };
    expect(allocateVolume(state, wanted)).toMatchObject({
      volid: 'box:100/vm-100-disk-5.raw',
      format: 'raw',
    });
    expect(() => allocateVolume(state, wanted)).toThrow(
      "disk image '/srv/box/images/100/vm-100-disk-5.raw' already exists",
    );
  });

  it.each([
    ['unknown', {}, 'nosuch', "storage 'nosuch' does not exist"],
    ['disabled', { disabled: true }, 'box', "storage 'box' is disabled"],
    ['elsewhere', { nodes: ['pve2'] }, 'box', "storage 'box' is not available on node 'pve1'"],
  ])('refuses a storage that is %s', (_, more, storage, text) => {
    expect(() => usableStorage(stateWith('dir', more), storage, 'pve1')).toThrow(text);
  });
});

describe('space', () => {
  it('counts whole volumes on thick LVM, and what is written elsewhere', () => {
    const thick = stateWith('lvm');
    make(thick, 100, 33 * MiB);
    expect(storageUsage(thick, 'box', 'pve1')).toEqual({
      total: 1000 * MiB,
      used: 136 * MiB,
      avail: 864 * MiB,
    });
    const thin = stateWith('lvmthin');
    const volume = findVolume(thin, 'pve1', make(thin, 100, 500 * MiB));
    const empty = storageUsage(thin, 'box', 'pve1').used;
    expect(empty).toBeLessThan(110 * MiB);
    expect(volume && writeToVolume(thin, volume, 50 * MiB)).toBe(true);
    expect(storageUsage(thin, 'box', 'pve1').used).toBe(empty + 50 * MiB);
  });

  it('ends at the size of the volume and of the storage', () => {
    const state = stateWith('dir');
    const small = findVolume(state, 'pve1', make(state, 100, 10 * MiB));
    const large = findVolume(state, 'pve1', make(state, 100, 5000 * MiB));
    expect(small && writeToVolume(state, small, 11 * MiB)).toBe(false);
    expect(large && writeToVolume(state, large, 950 * MiB)).toBe(false);
    expect(large && writeToVolume(state, large, 800 * MiB)).toBe(true);
  });
});

describe('features', () => {
  it.each([
    ['dir', 'box:100/vm-100-disk-0.raw', { snapshot: false, clone: false, copy: true, template: true }],
    [
      'dir',
      'box:100/subvol-100-disk-0.subvol',
      { snapshot: false, clone: false, copy: false, template: true },
    ],
    ['lvm', 'box:vm-100-disk-0', { snapshot: false, clone: false, copy: true, template: false }],
    ['lvmthin', 'box:vm-100-disk-0', { snapshot: true, clone: false, copy: true, template: true }],
    ['lvmthin', 'box:base-100-disk-0', { snapshot: false, clone: true, copy: true, template: false }],
    ['zfspool', 'box:basevol-100-disk-0', { snapshot: false, clone: true, copy: true, template: false }],
    ['btrfs', 'box:100/vm-100-disk-0.raw', { snapshot: true, clone: true, copy: true, template: true }],
    ['dir', '/srv/bind', { snapshot: false, clone: false, copy: false, template: false }],
  ] as const)('%s %s', (type, volid, want) => {
    const state = stateWith(type);
    const found = Object.fromEntries(
      (['snapshot', 'clone', 'copy', 'template'] as const).map((feature) => [
        feature,
        hasVolumeFeature(state, feature, volid),
      ]),
    );
    expect(found).toEqual(want);
  });

  it('of a snapshot: ZFS copies none', () => {
    expect(hasVolumeFeature(stateWith('zfspool'), 'copy', 'box:subvol-100-disk-0', 's1')).toBe(false);
    expect(hasVolumeFeature(stateWith('lvmthin'), 'copy', 'box:vm-100-disk-0', 's1')).toBe(true);
  });
});

describe('a new owner', () => {
  it('gives the volume the lowest free number there', () => {
    const state = stateWith('dir');
    const volume = findVolume(state, 'pve1', make(state, 100));
    make(state, 101);
    const moved = volume && reassignVolume(state, 'pve1', volume, 101);
    expect(moved).toMatchObject({ volid: 'box:101/vm-101-disk-1.raw', vmid: 101 });
    expect(findVolume(state, 'pve1', 'box:100/vm-100-disk-0.raw')).toBeUndefined();
  });
});

/** Volumes of containers on each type of storage: names, snapshots, templates, clones, space. */
import { describe, expect, it } from 'vitest';
import type { SimState, StorageType } from '../../../src/simulator/model/state.ts';
import { storageUsage } from '../../../src/simulator/model/volumes.ts';
import { type Bench, bench, templateOf } from './support.ts';

const GiB = 1024 ** 3;

function withStorage(type: StorageType, options: { totalBytes?: number; shared?: boolean } = {}): Bench {
  return bench('small', {
    change: (state) => {
      state.storages['box'] = {
        storage: 'box',
        type,
        content: ['rootdir', 'images'],
        shared: options.shared ?? false,
        disabled: false,
        ...(['dir', 'nfs', 'cifs', 'btrfs'].includes(type) ? { path: '/srv/box' } : {}),
        totalBytes: options.totalBytes ?? 100 * GiB,
        baseUsedBytes: 0,
        options: type === 'zfspool' ? { pool: 'tank/ct' } : { vgname: 'vg0', thinpool: 'thin' },
      };
    },
  });
}

const root = (lab: Bench, vmid: number): string => lab.container(vmid).config['rootfs'] ?? '';
const volids = ({ volumes }: SimState): string[] =>
  Object.values(volumes)
    .filter(({ content }) => content === 'rootdir')
    .map(({ volid }) => volid);

describe.each([
  ['dir', 'box:100/vm-100-disk-0.raw', 'box:100/base-100-disk-0.raw', undefined, false],
  ['nfs', 'box:100/vm-100-disk-0.raw', 'box:100/base-100-disk-0.raw', undefined, false],
  ['btrfs', 'box:100/vm-100-disk-0.raw', 'box:100/base-100-disk-0.raw', 'box:101/vm-101-disk-0.raw', true],
  ['lvm', 'box:vm-100-disk-0', undefined, undefined, false],
  ['lvmthin', 'box:vm-100-disk-0', 'box:base-100-disk-0', 'box:vm-101-disk-0', true],
  [
    'zfspool',
    'box:subvol-100-disk-0',
    'box:basevol-100-disk-0',
    'box:basevol-100-disk-0/subvol-101-disk-0',
    true,
  ],
  ['rbd', 'box:vm-100-disk-0', 'box:base-100-disk-0', 'box:base-100-disk-0/vm-101-disk-0', true],
] as const)('%s', (type, name, baseName, cloneName, snapshots) => {
  it('names volumes, and takes snapshots where it can', async () => {
    const lab = withStorage(type);
    await lab.create(100, { rootfs: 'box:1', mp0: 'box:0.5,mp=/data' });
    expect(root(lab, 100)).toBe(`${name},size=1G`);
    const feature = await lab.call('GET', '/nodes/pve1/lxc/100/feature', { feature: 'snapshot' });
    expect(feature.data).toEqual({ hasFeature: snapshots ? 1 : 0 });
    const done = await lab.task('POST', '/nodes/pve1/lxc/100/snapshot', { snapname: 'one' });
    expect(done.exitstatus).toBe(snapshots ? 'OK' : 'snapshot feature is not available');
    expect(Object.keys(lab.container(100).snapshots)).toEqual(snapshots ? ['one'] : []);
    expect(lab.container(100).config['lock']).toBeUndefined();
  });

  it('makes templates and linked clones where it can', async () => {
    const lab = withStorage(type);
    await lab.create(100, { rootfs: 'box:1' });
    const answer = await lab.call('POST', '/nodes/pve1/lxc/100/template');
    expect(answer).toMatchObject({ status: 200, data: null });
    await lab.sim.settle();
    expect(root(lab, 100)).toBe(`${baseName ?? name},size=1G`);
    if (baseName === undefined) return;
    const clone = await lab.call('POST', '/nodes/pve1/lxc/100/clone', { newid: 101 });
    await lab.sim.settle();
    if (cloneName === undefined) {
      expect(clone.message).toBe(`Linked clone feature for '${baseName}' is not available`);
      expect(lab.state.containers[101]).toBeUndefined();
      expect(lab.container(100).config['lock']).toBeUndefined();
    } else {
      expect(root(lab, 101)).toBe(`${cloneName},size=1G`);
    }
  });
});

describe('a template that linked clones depend on', () => {
  it('cannot be destroyed until they are gone', async () => {
    const lab = withStorage('lvmthin');
    await lab.create(100, { rootfs: 'box:1' });
    await lab.call('POST', '/nodes/pve1/lxc/100/template');
    await lab.sim.settle();
    await lab.task('POST', '/nodes/pve1/lxc/100/clone', { newid: 101 });
    const refused = await lab.task('DELETE', '/nodes/pve1/lxc/100');
    expect(refused.exitstatus).toBe("base volume 'box:base-100-disk-0' is still in use by linked clones");
    expect(lab.container(100).config['template']).toBe('1');
    await lab.task('DELETE', '/nodes/pve1/lxc/101');
    expect((await lab.task('DELETE', '/nodes/pve1/lxc/100')).exitstatus).toBe('OK');
    expect(volids(lab.state)).toEqual([]);
  });
});

describe('ZFS', () => {
  it('rolls back to the newest snapshot only', async () => {
    const lab = withStorage('zfspool');
    await lab.create(100, { rootfs: 'box:1' });
    await lab.task('POST', '/nodes/pve1/lxc/100/snapshot', { snapname: 'one' });
    await lab.task('POST', '/nodes/pve1/lxc/100/snapshot', { snapname: 'two' });
    const refused = await lab.task('POST', '/nodes/pve1/lxc/100/snapshot/one/rollback');
    expect(refused.exitstatus).toBe(
      "can't rollback, 'one' is not most recent snapshot on 'box:subvol-100-disk-0'",
    );
    const done = await lab.task('POST', '/nodes/pve1/lxc/100/snapshot/two/rollback');
    expect(done.exitstatus).toBe('OK');
  });
});

describe('a snapshot', () => {
  it('brings a resized volume back to its old size', async () => {
    const lab = withStorage('lvmthin');
    await lab.create(100, { rootfs: 'box:1' });
    await lab.task('POST', '/nodes/pve1/lxc/100/snapshot', { snapname: 'small' });
    await lab.task('PUT', '/nodes/pve1/lxc/100/resize', { disk: 'rootfs', size: '+1G' });
    expect(root(lab, 100)).toContain('size=2G');
    await lab.task('POST', '/nodes/pve1/lxc/100/snapshot/small/rollback');
    expect(root(lab, 100)).toContain('size=1G');
    expect(lab.state.volumes['pve1|box:vm-100-disk-0']?.sizeBytes).toBe(GiB);
  });
});

describe('space', () => {
  const create = async (lab: Bench, rootfs: string, template = 'alpine'): Promise<string | undefined> => {
    const ostemplate = templateOf(lab.state, template);
    const done = await lab.task('POST', '/nodes/pve1/lxc', { vmid: 100, ostemplate, rootfs });
    return done.exitstatus;
  };

  it.each([
    ['lvm', /^unable to create CT 100 - not enough free space \(2097152 < 3145728\)$/],
    ['zfspool', /^OK$/],
    ['lvmthin', /^OK$/],
    ['dir', /^OK$/],
  ] as const)('a disk larger than what is left on %s', async (type, status) => {
    expect(await create(withStorage(type, { totalBytes: 2 * GiB }), 'box:3')).toMatch(status);
  });

  it.each([
    ['lvmthin', /lvcreate 'vg0\/vm-100-disk-0' error: .*free space in thin pool vg0\/thin reached threshold/],
    ['zfspool', /zfs error: cannot create 'tank\/ct\/subvol-100-disk-0': out of space/],
    ['dir', /tar xpf - .* failed: exit code 2$/],
  ] as const)('a full %s leaves nothing behind', async (type, status) => {
    const lab = withStorage(type, { totalBytes: 60_000 });
    expect(await create(lab, 'box:1')).toMatch(status);
    expect(lab.state.containers[100]).toBeUndefined();
    expect(volids(lab.state)).toEqual([]);
  });

  it('a root disk too small for the template', async () => {
    const lab = withStorage('lvmthin');
    expect(await create(lab, 'box:0.05', 'debian-12')).toMatch(
      /^unable to create CT 100 - command 'lxc-usernsexec .* failed: exit code 2$/,
    );
  });

  it('is counted as long as volumes are there', async () => {
    const lab = withStorage('lvm');
    await lab.create(100, { rootfs: 'box:2' });
    expect(storageUsage(lab.state, 'box', 'pve1').used).toBe(2 * GiB);
    await lab.task('PUT', '/nodes/pve1/lxc/100/resize', { disk: 'rootfs', size: '3G' });
    expect(storageUsage(lab.state, 'box', 'pve1').used).toBe(3 * GiB);
    await lab.task('DELETE', '/nodes/pve1/lxc/100');
    expect(storageUsage(lab.state, 'box', 'pve1').used).toBe(0);
  });
});

describe('the lock of a storage', () => {
  it('lets some through at a time; too many run into its time-out', async () => {
    const lab = withStorage('lvmthin');
    const ostemplate = templateOf(lab.state, 'alpine');
    const ids = Array.from({ length: 80 }, (_, index) => 100 + index);
    await Promise.all(
      ids.map((vmid) => lab.call('POST', '/nodes/pve1/lxc', { vmid, ostemplate, rootfs: 'box:1' })),
    );
    await lab.sim.settle();
    const ends = Object.values(lab.state.tasks).map(({ exitstatus }) => exitstatus ?? '');
    const made = ends.filter((text) => text === 'OK').length;
    expect(made).toBeGreaterThan(50);
    expect(made).toBeLessThan(80);
    expect(ends.find((text) => text !== 'OK')).toMatch(
      /^unable to create CT \d+ - can't lock file '\/var\/lock\/pve-manager\/pve-storage-box' - got timeout$/,
    );
    expect(Object.keys(lab.state.containers)).toHaveLength(made);
    expect(volids(lab.state)).toHaveLength(made);
  });
});

/** What a change of a running container does, key by key: contract lxc-endpoints §C, seen through the API. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bench, bench, waitingKeys } from './support.ts';

/** Key, value to set, whether it waits for a restart; the same for deleting, null where it cannot be deleted. */
const rows: readonly (readonly [
  key: string,
  value: string,
  setWaits: boolean,
  deleteWaits: boolean | null,
])[] = [
  ['description', 'text', false, false],
  ['onboot', '1', false, false],
  ['startup', 'order=3', false, false],
  ['protection', '0', false, false],
  ['hostname', 'other', false, false],
  ['tags', 'a;b', false, false],
  ['cores', '2', false, false],
  ['cpulimit', '1.5', false, false],
  ['cpuunits', '300', false, false],
  ['memory', '700', false, null],
  ['swap', '100', false, false],
  ['net1', 'name=eth1,bridge=vmbr0', false, false],
  ['net10', 'name=eth10,bridge=vmbr0', false, true],
  ['mp3', 'local-lvm:1,mp=/three', false, true],
  ['features', 'nesting=1', true, true],
  ['nameserver', '1.1.1.1', true, true],
  ['searchdomain', 'a.example', true, true],
  ['timezone', 'UTC', true, true],
  ['cmode', 'shell', true, true],
  ['console', '0', true, true],
  ['tty', '4', true, true],
  ['entrypoint', '/sbin/init', true, true],
  ['env', 'A=1', true, true],
  ['debug', '1', true, true],
  ['arch', 'i386', true, true],
  ['ostype', 'debian', true, null],
];

describe('a change of a running container', () => {
  let lab: Bench;
  beforeAll(async () => {
    lab = bench('small');
    await lab.create(100, {
      storage: 'local-lvm',
      rootfs: 'local-lvm:1',
      mp0: 'local-lvm:1,mp=/data',
      net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24',
    });
    await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
  });
  const put = (params: Record<string, string>): ReturnType<Bench['call']> =>
    lab.call('PUT', '/nodes/pve1/lxc/100/config', params);

  it.each(rows)('setting and deleting %s', async (key, value, setWaits, deleteWaits) => {
    expect(await put({ [key]: value })).toMatchObject({ status: 200, data: null });
    expect(await waitingKeys(lab, 100)).toEqual(setWaits ? [key] : []);
    if (setWaits) {
      // What waits becomes active with a restart; then its deletion can be looked at.
      await lab.task('POST', '/nodes/pve1/lxc/100/status/reboot', { timeout: 30 });
      expect(await waitingKeys(lab, 100)).toEqual([]);
    }
    if (deleteWaits === null) return;
    expect(await put({ delete: key })).toMatchObject({ status: 200 });
    expect(await waitingKeys(lab, 100)).toEqual(deleteWaits ? [key] : []);
    await put({ revert: key });
    expect(await waitingKeys(lab, 100)).toEqual([]);
  });

  it.each([
    ['a mount point', 'mp0', 'local-lvm:vm-100-disk-1,mp=/elsewhere,size=1G'],
    ['the root disk', 'rootfs', 'local-lvm:vm-100-disk-0,size=1G,mountoptions=noatime'],
  ])('another value of %s waits', async (_, key, value) => {
    await put({ [key]: value });
    expect(await waitingKeys(lab, 100)).toEqual([key]);
    await put({ revert: key });
  });

  it('deleting an unused volume destroys it at once', async () => {
    const { config } = lab.container(100);
    expect(config['unused0']).toBeUndefined();
    await put({ mp4: 'local-lvm:1,mp=/four' });
    const volid = (lab.container(100).config['mp4'] ?? '').split(',')[0] ?? '';
    await put({ delete: 'mp4' });
    await lab.task('POST', '/nodes/pve1/lxc/100/status/reboot', { timeout: 30 });
    const unused = Object.entries(lab.container(100).config).find(([, value]) => value === volid);
    expect(unused?.[0]).toMatch(/^unused\d+$/);
    await put({ delete: unused?.[0] ?? '' });
    expect(lab.state.volumes[`pve1|${volid}`]).toBeUndefined();
    expect(await waitingKeys(lab, 100)).toEqual([]);
  });
});

describe('limits in force', () => {
  it('change with the config and go back when a key is deleted', async () => {
    const lab = bench('small');
    await lab.create(100, { rootfs: 'local-lvm:1', memory: 256, swap: 128 });
    await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
    const limits = (): unknown => {
      const { memoryMiB, swapMiB, cpuLimit, cpuUnits } = lab.container(100).runtime ?? {};
      return { memoryMiB, swapMiB, cpuLimit, cpuUnits };
    };
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', {
      memory: 300,
      swap: 0,
      cpulimit: 2,
      cpuunits: 50_000,
    });
    expect(limits()).toEqual({ memoryMiB: 300, swapMiB: 0, cpuLimit: '2', cpuUnits: 10_000 });
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', { delete: 'cpulimit,cpuunits,swap' });
    expect(limits()).toEqual({ memoryMiB: 300, swapMiB: 0, cpuLimit: '0', cpuUnits: 100 });
  });
});

describe('a net of a running container whose new bridge is missing', () => {
  const start = async (): Promise<Bench> => {
    const lab = bench('small');
    await lab.create(100, { rootfs: 'local-lvm:1', net0: 'name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01' });
    await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
    return lab;
  };
  const before = 'name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01,type=veth';

  it('keeps the old one while the interface stays the same', async () => {
    const lab = await start();
    const net0 = 'name=eth0,bridge=vmbr9,hwaddr=02:00:00:00:00:01';
    const answer = await lab.call('PUT', '/nodes/pve1/lxc/100/config', { net0, memory: 600 });
    expect(answer.errors).toEqual({ net0: 'unable to hotplug net0: interface vmbr9 does not exist\n\n' });
    expect(lab.container(100).config).toMatchObject({ net0: before, memory: '512' });
    expect(lab.container(100).pending).toEqual({});
  });

  it('loses the old one when the interface has to be made anew', async () => {
    const lab = await start();
    const net0 = 'name=eth0,bridge=vmbr9,hwaddr=02:00:00:00:00:02';
    const answer = await lab.call('PUT', '/nodes/pve1/lxc/100/config', { net0 });
    expect(answer).toMatchObject({
      status: 400,
      errors: { net0: "unable to hotplug net0: bridge 'vmbr9' does not exist\n" },
    });
    expect(lab.container(100).config['net0']).toBeUndefined();
    expect(lab.container(100).pending).toEqual({ net0 });
  });

  it('does not keep other keys of the call, although their limits are in force', async () => {
    const lab = await start();
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', { memory: 600, net3: 'name=eth3,bridge=vmbr9' });
    expect(lab.container(100).config['memory']).toBe('512');
    expect(lab.container(100).runtime?.memoryMiB).toBe(600);
  });
});

/** What becomes of containers through tasks: creation, locks, shutdown, HA, migration, restore. */
import { describe, expect, it } from 'vitest';
import { type Bench, bench, templateOf } from './support.ts';

const small = { rootfs: 'local-lvm:1' };

describe('creation', () => {
  it('warns about systemd without nesting, and again at each start', async () => {
    const lab = bench('small');
    const ostemplate = templateOf(lab.state, 'debian-12');
    const done = await lab.task('POST', '/nodes/pve1/lxc', { vmid: 100, ostemplate, ...small });
    expect(done.exitstatus).toBe('WARNINGS: 1');
    expect(done.log).toContain('WARN: Systemd 252 detected. You may need to enable nesting.');
    expect((await lab.task('POST', '/nodes/pve1/lxc/100/status/start')).exitstatus).toBe('WARNINGS: 1');
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', { features: 'nesting=1' });
    expect((await lab.task('POST', '/nodes/pve1/lxc/100/status/reboot')).exitstatus).toBe('OK');
  });

  it('shows nothing but a lock until it has unpacked the template', async () => {
    const lab = bench('small', { auto: false });
    await lab.call('POST', '/nodes/pve1/lxc', {
      vmid: 100,
      ostemplate: templateOf(lab.state, 'alpine'),
      ...small,
    });
    await lab.pass(10);
    expect(lab.container(100).config).toEqual({ lock: 'create' });
    const list = await lab.call('GET', '/nodes/pve1/lxc');
    expect(list.data).toMatchObject([{ vmid: 100, lock: 'create', name: 'CT100', status: 'stopped' }]);
    await lab.pass(5000);
    expect(lab.container(100).config['lock']).toBeUndefined();
  });

  it('fails for an archive of no known distribution', async () => {
    const lab = bench('small', {
      change: (state) => {
        const known = state.volumes[`pve1|${templateOf(state, 'alpine')}`];
        if (known)
          state.volumes['pve1|local:vztmpl/mine_1_amd64.tar.gz'] = {
            ...known,
            volid: 'local:vztmpl/mine_1_amd64.tar.gz',
          };
      },
    });
    const wanted = { vmid: 100, ostemplate: 'local:vztmpl/mine_1_amd64.tar.gz', ...small };
    const failed = await lab.task('POST', '/nodes/pve1/lxc', wanted);
    expect(failed.exitstatus).toBe('unable to create CT 100 - unable to detect OS distribution');
    const done = await lab.task('POST', '/nodes/pve1/lxc', { ...wanted, ostype: 'unmanaged' });
    expect(done.exitstatus).toBe('OK');
    expect(lab.container(100).config['ostype']).toBe('unmanaged');
  });

  it('gives the id to one of two who ask at the same time', async () => {
    const lab = bench('small');
    const wanted = { vmid: 100, ostemplate: templateOf(lab.state, 'alpine'), ...small };
    const answers = await Promise.all([1, 2].map(() => lab.call('POST', '/nodes/pve1/lxc', wanted)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 500]);
    expect(answers.map(({ message }) => message).join('')).toMatch(/CT 100 already exists on node 'pve1'$/);
  });

  it('is refused without quorum, and for the id of a machine', async () => {
    const lab = bench('small');
    const wanted = { ostemplate: templateOf(lab.state, 'alpine'), ...small };
    lab.state.vms[200] = { vmid: 200, node: 'pve1', name: 'vm', status: 'stopped', config: {} };
    expect((await lab.call('POST', '/nodes/pve1/lxc', { ...wanted, vmid: 200 })).message).toBe(
      "VM 200 already exists on node 'pve1'",
    );
    lab.state.quorate = false;
    expect((await lab.call('POST', '/nodes/pve1/lxc', { ...wanted, vmid: 100 })).message).toBe(
      'cluster not ready - no quorum?',
    );
  });
});

describe('the config lock', () => {
  const running = async (params = {}): Promise<Bench> => {
    const lab = bench('small', { auto: false });
    await lab.call('POST', '/nodes/pve1/lxc', {
      vmid: 100,
      ostemplate: templateOf(lab.state, 'alpine'),
      ...small,
      ...params,
    });
    await lab.pass(6000);
    await lab.call('POST', '/nodes/pve1/lxc/100/status/start');
    await lab.pass(6000);
    expect(lab.container(100).runtime).not.toBeNull();
    return lab;
  };
  const lockText = "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout";

  it('is held by a shutdown: changes and a stop give up after ten seconds', async () => {
    const lab = await running({ entrypoint: '/bin/sleep 1000' });
    await lab.call('POST', '/nodes/pve1/lxc/100/status/shutdown', { timeout: 60 });
    await lab.pass(10);
    const change = lab.call('PUT', '/nodes/pve1/lxc/100/config', { memory: 300 });
    const stop = await lab.call('POST', '/nodes/pve1/lxc/100/status/stop');
    await lab.pass(9000);
    expect(lab.state.tasks[String(stop.data)]).toMatchObject({
      status: 'running',
      log: ['trying to acquire lock...'],
    });
    await lab.pass(1500);
    expect(await change).toMatchObject({ status: 500, message: lockText });
    expect(lab.state.tasks[String(stop.data)]?.exitstatus).toBe(lockText);
    expect(lab.container(100).config['memory']).toBe('512');
    await lab.pass(200_000);
    const shutdown = Object.values(lab.state.tasks).find(({ type }) => type === 'vzshutdown');
    expect(shutdown?.exitstatus).toBe('container did not stop');
    expect(shutdown?.log[0]).toBe("command 'lxc-stop -n 100 --nokill --timeout 60' failed: exit code 1");
    expect(lab.container(100).runtime).not.toBeNull();
  });

  it('a container that reacts goes down although its shutdown task is stopped', async () => {
    const lab = await running();
    const { data } = await lab.call('POST', '/nodes/pve1/lxc/100/status/shutdown');
    await lab.pass(500);
    const stopping = lab.call('DELETE', `/nodes/pve1/tasks/${encodeURIComponent(String(data))}`);
    await lab.pass(6000);
    expect(await stopping).toMatchObject({ status: 200 });
    expect(lab.container(100).runtime).toBeNull();
  });

  it.each(['PUT config', 'PUT resize', 'POST clone', 'POST template', 'DELETE'])(
    'a lock in the config refuses %s',
    async (what) => {
      const lab = bench('small');
      await lab.create(100, small);
      await lab.call('PUT', '/nodes/pve1/lxc/100/config', { lock: 'backup' });
      const [method = '', part] = what.split(' ');
      const params: Record<string, Record<string, string | number>> = {
        config: { memory: 300 },
        resize: { disk: 'rootfs', size: '+1G' },
        clone: { newid: 101 },
      };
      const path = `/nodes/pve1/lxc/100${part === undefined ? '' : `/${part}`}`;
      expect(await lab.call(method, path, params[part ?? ''])).toMatchObject({
        status: 500,
        message: 'CT is locked (backup)',
      });
      const start = await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
      expect(start.exitstatus).toBe('CT is locked (backup)');
    },
  );
});

describe('HA', () => {
  it('start and stop are requests that end before anything happened', async () => {
    const lab = bench('cluster', { auto: false });
    await lab.call('POST', '/nodes/pve1/lxc', {
      vmid: 100,
      ostemplate: templateOf(lab.state, 'alpine'),
      ...small,
      'ha-managed': 1,
    });
    await lab.pass(6000);
    expect(lab.state.haResources['ct:100']).toMatchObject({ state: 'stopped' });
    const start = await lab.call('POST', '/nodes/pve1/lxc/100/status/start');
    expect(String(start.data)).toContain(':hastart:100:');
    await lab.pass(1000);
    expect(lab.state.tasks[String(start.data)]?.exitstatus).toBe('OK');
    expect(lab.container(100).runtime).toBeNull();
    const current = await lab.call('GET', '/nodes/pve1/lxc/100/status/current');
    expect(current.data).toMatchObject({ status: 'stopped', ha: { managed: 1, state: 'started' } });
    await lab.pass(5000);
    const settled = lab.sim.settle();
    await lab.pass(2000);
    await settled;
    expect(lab.container(100).runtime).not.toBeNull();
    const overrule = await lab.call('POST', '/nodes/pve1/lxc/100/status/stop', { 'overrule-shutdown': 1 });
    expect(overrule.errors).toEqual({ 'overrule-shutdown': 'Not applicable for HA resources.' });
    expect((await lab.call('DELETE', '/nodes/pve1/lxc/100', { force: 1 })).message).toBe(
      'unable to remove CT 100 - used in HA resources and purge parameter not set.',
    );
  });
});

describe('migration', () => {
  it('moves a stopped container with its local volumes', async () => {
    const lab = bench('cluster');
    await lab.create(100, { ...small, mp0: 'local-lvm:1,mp=/data' });
    const done = await lab.task('POST', '/nodes/pve1/lxc/100/migrate', { target: 'pve2' });
    expect(done.exitstatus).toBe('OK');
    expect(lab.container(100)).toMatchObject({ node: 'pve2', runtime: null });
    expect(Object.keys(lab.state.volumes).filter((key) => key.includes('-100-'))).toEqual([
      'pve2|local-lvm:vm-100-disk-0',
      'pve2|local-lvm:vm-100-disk-1',
    ]);
    expect((await lab.call('GET', '/nodes/pve1/lxc/100/config')).message).toBe(
      "Configuration file 'nodes/pve1/lxc/100.conf' does not exist",
    );
  });

  it('restarts a running one, and has no live migration', async () => {
    const lab = bench('cluster');
    await lab.create(100, { rootfs: 'shared:1' });
    await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
    expect((await lab.call('POST', '/nodes/pve1/lxc/100/migrate', { target: 'pve2' })).message).toBe(
      "can't migrate running container without --online or --restart",
    );
    const live = await lab.task('POST', '/nodes/pve1/lxc/100/migrate', { target: 'pve2', online: 1 });
    expect(live.exitstatus).toBe('migration aborted');
    expect(live.log.join('\n')).toContain('lxc live migration is currently not implemented');
    expect(lab.container(100)).toMatchObject({ node: 'pve1' });
    const done = await lab.task('POST', '/nodes/pve1/lxc/100/migrate', { target: 'pve2', restart: 1 });
    expect(done.exitstatus).toBe('OK');
    expect(lab.container(100).node).toBe('pve2');
    expect(lab.container(100).runtime).not.toBeNull();
    expect(lab.container(100).config['lock']).toBeUndefined();
  });

  it('stops at a storage that the target does not have, and takes another one on request', async () => {
    const lab = bench('cluster');
    await lab.create(100, { rootfs: 'local-zfs:1' });
    const failed = await lab.task('POST', '/nodes/pve1/lxc/100/migrate', { target: 'pve3' });
    expect(failed.exitstatus).toBe('migration aborted');
    expect(failed.log.join('\n')).toContain("storage 'local-zfs' is not available on node 'pve3'");
    expect(lab.container(100).config['lock']).toBeUndefined();
    const params = { target: 'pve3', 'target-storage': 'local-lvm' };
    expect((await lab.task('POST', '/nodes/pve1/lxc/100/migrate', params)).exitstatus).toBe('OK');
    expect(lab.container(100).config['rootfs']).toBe('local-lvm:vm-100-disk-0,size=1G');
  });
});

describe('addresses', () => {
  it('come up after the start: static ones soon, leases later and only from a server', async () => {
    const lab = bench('small', {
      auto: false,
      change: (state) => {
        const node = state.nodes['pve1'];
        const bridge = { type: 'bridge', mtu: 1500 };
        if (node) {
          node.bridges.push(
            { ...bridge, iface: 'vmbr1', dhcp: '10.7.0.100/24' },
            { ...bridge, iface: 'vmbr2' },
          );
        }
      },
    });
    await lab.call('POST', '/nodes/pve1/lxc', {
      vmid: 100,
      ostemplate: templateOf(lab.state, 'alpine'),
      ...small,
      net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24,hwaddr=02:00:00:00:00:01',
      net1: 'name=eth1,bridge=vmbr1,ip=dhcp',
      net2: 'name=eth2,bridge=vmbr2,ip=dhcp',
    });
    await lab.pass(6000);
    const addresses = async (): Promise<unknown> => {
      const { data } = await lab.call('GET', '/nodes/pve1/lxc/100/interfaces');
      const rows = data as { name: string; inet?: string }[] | null;
      return rows?.map(({ name, inet }) => `${name} ${inet ?? '-'}`) ?? null;
    };
    expect(await addresses()).toBeNull();
    await lab.call('POST', '/nodes/pve1/lxc/100/status/start');
    await lab.pass(600);
    expect(await addresses()).toEqual(['lo 127.0.0.1/8', 'eth0 -', 'eth1 -', 'eth2 -']);
    await lab.pass(1000);
    expect(await addresses()).toEqual(['lo 127.0.0.1/8', 'eth0 10.0.0.5/24', 'eth1 -', 'eth2 -']);
    await lab.pass(4000);
    const later = (await addresses()) as string[];
    expect(later[2]).toMatch(/^eth1 10\.7\.0\.[12]\d\d\/24$/);
    expect(later[3]).toBe('eth2 -');
  });
});

describe('a bridge that is missing', () => {
  it('does not keep a container from being created, but from being started', async () => {
    const lab = bench('small');
    await lab.create(100, { ...small, net0: 'name=eth0,bridge=vmbr9' });
    const start = await lab.task('POST', '/nodes/pve1/lxc/100/status/start');
    expect(start.exitstatus).toBe("bridge 'vmbr9' does not exist");
    expect(lab.container(100).runtime).toBeNull();
  });
});

describe('restore', () => {
  it('takes over the saved config and makes disks of the same sizes on another storage', async () => {
    const lab = bench('cluster');
    await lab.create(100, {
      ...small,
      mp0: 'local-lvm:2,mp=/data,backup=1',
      memory: 300,
      net0: 'name=eth0,bridge=vmbr0',
    });
    const volid = 'shared:backup/vzdump-lxc-100-2026_01_01-00_00_00.tar.zst';
    const { config } = lab.container(100);
    lab.state.volumes[`*|${volid}`] = {
      volid,
      storage: 'shared',
      node: null,
      content: 'backup',
      format: 'tar.zst',
      sizeBytes: 3_000_000,
      usedBytes: 3_000_000,
      ctime: 0,
      vmid: 100,
      snapshots: [],
      meta: { backup: { vmid: 100, config: { ...config }, raw: [] } },
    };
    const done = await lab.task('POST', '/nodes/pve1/lxc', {
      vmid: 101,
      ostemplate: volid,
      restore: 1,
      unique: 1,
      storage: 'shared',
      memory: 400,
    });
    expect(done).toMatchObject({ type: 'vzrestore', exitstatus: 'OK' });
    const restored = lab.container(101).config;
    expect(restored).toMatchObject({
      memory: '400',
      hostname: 'c100',
      rootfs: 'shared:101/vm-101-disk-0.raw,size=1G',
      mp0: 'shared:101/vm-101-disk-1.raw,mp=/data,backup=1,size=2G',
      unprivileged: '1',
    });
    expect(restored['net0']).not.toBe(config['net0']);
    expect(restored['net0']).toMatch(/^name=eth0,bridge=vmbr0,hwaddr=BC:24:11:/);
  });
});

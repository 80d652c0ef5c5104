/** Who may change what of a container: contract lxc-endpoints §C, rights per key. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bench, bench, type Params, templateOf } from './support.ts';

let lab: Bench;
const tokens: Record<string, string> = {};

/** A user with exactly these rights on everything, and a token of his. */
function addUser(name: string, privileges: readonly string[]): void {
  const userid = `${name}@pve`;
  lab.state.roles[name] = [...privileges];
  lab.state.users[userid] = {
    userid,
    enable: true,
    expire: 0,
    groups: [],
    tokens: { tok: { tokenid: 'tok', secret: `secret-${name}`, privsep: false, expire: 0 } },
  };
  lab.state.acls.push({ path: '/', type: 'user', ugid: userid, roleid: name, propagate: true });
  tokens[name] = `PVEAPIToken=${userid}!tok=secret-${name}`;
}

const put = (who: string, params: Params, vmid = 100): ReturnType<Bench['call']> =>
  lab.call('PUT', `/nodes/pve1/lxc/${vmid}/config`, params, tokens[who]);

beforeAll(async () => {
  lab = bench('cluster');
  await lab.create(100, { rootfs: 'local-lvm:1', net0: 'name=eth0,bridge=vmbr0', tags: 'owned' });
  await lab.create(101, { rootfs: 'local-lvm:1', unprivileged: 0 });
  addUser('cpu', ['VM.Config.CPU']);
  addUser('memory', ['VM.Config.Memory']);
  addUser('disk', ['VM.Config.Disk', 'VM.Audit']);
  addUser('space', ['VM.Config.Disk', 'Datastore.AllocateSpace']);
  addUser('network', ['VM.Config.Network']);
  addUser('bridge', ['VM.Config.Network', 'SDN.Use']);
  addUser('options', ['VM.Config.Options', 'VM.Audit']);
  addUser('maker', ['VM.Config.Options', 'VM.Allocate']);
});

describe('a right of its own for each kind of key', () => {
  it.each<[string, Params, string]>([
    ['memory', { cores: 1 }, '/vms/100, VM.Config.CPU'],
    ['cpu', { memory: 300 }, '/vms/100, VM.Config.Memory'],
    ['cpu', { nameserver: '1.1.1.1' }, '/vms/100, VM.Config.Network'],
    ['cpu', { onboot: 1 }, '/vms/100, VM.Config.Options'],
    ['cpu', { delete: 'onboot' }, '/vms/100, VM.Config.Options'],
    ['cpu', { revert: 'swap' }, '/vms/100, VM.Config.Memory'],
    ['options', { mp0: 'local-lvm:1,mp=/x' }, '/vms/100, VM.Config.Disk'],
    ['disk', { mp0: 'local-lvm:1,mp=/x' }, '/storage/local-lvm, Datastore.AllocateSpace'],
    ['space', { mp0: '/srv,mp=/x' }, 'mount point type bind is only allowed for root@pam'],
    ['network', { net1: 'name=eth1,bridge=vmbr0' }, '/sdn/zones/localnetwork/vmbr0, SDN.Use'],
    ['network', { net1: 'name=eth1,bridge=vmbr0,tag=7' }, '/sdn/zones/localnetwork/vmbr0/7, SDN.Use'],
    ['network', { delete: 'net0' }, '/sdn/zones/localnetwork/vmbr0, SDN.Use'],
    ['options', { features: 'nesting=1' }, '/vms/100, VM.Allocate'],
    [
      'maker',
      { features: 'nesting=1,fuse=1' },
      'changing feature flags (except nesting) is only allowed for root@pam',
    ],
    [
      'maker',
      { features: 'nesting=0' },
      'changing feature flags (except nesting) is only allowed for root@pam',
    ],
    ['maker', { dev0: '/dev/null' }, 'configuring device passthrough is only allowed for root@pam'],
    ['maker', { hookscript: 'local:snippets/x.sh' }, 'changing the hookscript is only allowed for root@pam'],
  ])('%s may not: %j', async (who, params, text) => {
    expect(await put(who, params)).toMatchObject({
      status: 403,
      message: `Permission check failed (${text})`,
    });
  });

  it.each<[string, Params]>([
    ['cpu', { cores: 2, cpulimit: 1, cpuunits: 50 }],
    ['memory', { memory: 300, swap: 1 }],
    ['space', { mp1: 'local-lvm:1,mp=/one' }],
    ['bridge', { net2: 'name=eth2,bridge=vmbr1,tag=9' }],
    ['network', { hostname: 'other' }],
    ['options', { onboot: 1, protection: 0, cmode: 'shell' }],
    ['maker', { features: 'nesting=1' }],
  ])('%s may: %j', async (who, params) => {
    expect(await put(who, params)).toMatchObject({ status: 200 });
  });

  it('features of a privileged container are for root@pam alone', async () => {
    expect((await put('maker', { features: 'nesting=1' }, 101)).message).toBe(
      'Permission check failed (changing feature flags for privileged container is only allowed for root@pam)',
    );
    const root = await lab.rootTicket();
    const answer = await lab.call(
      'PUT',
      '/nodes/pve1/lxc/101/config',
      { features: 'nesting=1,fuse=1' },
      root,
    );
    expect(answer.status).toBe(200);
  });
});

describe('tags', () => {
  it('that are registered, and any but the allowed ones where they are restricted', async () => {
    lab.state.options['registered-tags'] = ['prod'];
    expect((await put('options', { tags: 'owned;prod' })).message).toBe(
      "Permission check failed (/, Sys.Modify for modifying tag 'prod')",
    );
    lab.state.options['user-tag-access'] = { 'user-allow': 'list', 'user-allow-list': ['blue'] };
    expect((await put('options', { tags: 'owned;red' })).status).toBe(403);
    expect((await put('options', { tags: 'owned;blue' })).status).toBe(200);
    expect((await put('options', { tags: 'blue' })).message).toContain("modifying tag 'owned'");
    lab.state.options['user-tag-access'] = { 'user-allow': 'existing' };
    expect((await put('options', { tags: 'blue;owned' })).status).toBe(200);
    expect(lab.container(100).config['tags']).toBe('blue;owned');
  });

  it('keep order and case where the tag style says so', async () => {
    lab.state.options['tag-style'] = { 'case-sensitive': 1, ordering: 'config' };
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', { tags: 'z A;a,z' });
    expect(lab.container(100).config['tags']).toBe('z;A;a');
  });
});

describe('the environment', () => {
  it('hides the whole config from those who may not change options', async () => {
    await lab.call('PUT', '/nodes/pve1/lxc/100/config', { env: 'SECRET=1' });
    const as = (who: string): ReturnType<Bench['call']> =>
      lab.call('GET', '/nodes/pve1/lxc/100/config', {}, tokens[who]);
    expect(await as('disk')).toMatchObject({
      status: 403,
      message: 'Permission check failed (/vms/100, VM.Config.Options)',
    });
    expect((await as('options')).data).toMatchObject({ env: 'SECRET=1' });
  });
});

describe('creation', () => {
  const wanted = { vmid: 300, rootfs: 'local-lvm:1' };

  it.each<[string, readonly string[], Params, string]>([
    ['nothing', [], {}, 'Permission check failed'],
    [
      'no space',
      ['VM.Allocate', 'VM.Config.Disk'],
      {},
      'Permission check failed (/storage/local-lvm, Datastore.AllocateSpace)',
    ],
    [
      'no privileged ones',
      ['VM.Allocate', 'VM.Config.Disk', 'Datastore.AllocateSpace'],
      { unprivileged: 0 },
      'Permission check failed (/, Sys.Modify)',
    ],
    [
      'no HA',
      ['VM.Allocate', 'VM.Config.Disk', 'Datastore.AllocateSpace'],
      { 'ha-managed': 1 },
      'Permission check failed (/, Sys.Console)',
    ],
  ])('%s', async (name, privileges, params, message) => {
    const who = `c${name.replaceAll(' ', '')}`;
    addUser(who, privileges);
    const ostemplate = templateOf(lab.state, 'alpine');
    const answer = await lab.call(
      'POST',
      '/nodes/pve1/lxc',
      { ...wanted, ostemplate, ...params },
      tokens[who],
    );
    expect(answer).toMatchObject({ status: 403, message });
    expect(lab.state.containers[300]).toBeUndefined();
  });

  it('is allowed by rights on the pool alone', async () => {
    addUser('pooled', ['Datastore.AllocateSpace']);
    lab.state.roles['poolmaker'] = ['VM.Allocate', 'VM.Config.Disk', 'VM.Config.Network'];
    lab.state.acls.push({
      path: '/pool/lab',
      type: 'user',
      ugid: 'pooled@pve',
      roleid: 'poolmaker',
      propagate: true,
    });
    const ostemplate = templateOf(lab.state, 'alpine');
    const params = { ...wanted, ostemplate, pool: 'lab', hostname: 'pooled' };
    const done = await lab.task('POST', '/nodes/pve1/lxc', params, tokens['pooled']);
    expect(done).toMatchObject({ exitstatus: 'OK', user: 'pooled@pve!tok' });
    expect(lab.state.pools['lab']?.vms).toContain(300);
  });
});

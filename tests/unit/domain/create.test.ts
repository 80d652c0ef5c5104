import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import {
  actionOf,
  actual,
  debian,
  desired,
  fleetOf,
  idsOf,
  machine,
  offered,
  policyOf,
  refusedBy,
  snapshotOf,
  storage,
  stored,
} from '../../support/builders.ts';

const planOf = (
  more: Partial<DesiredContainer> = {},
  snapshot = snapshotOf(),
): ReturnType<typeof planFleet> => planFleet(fleetOf([desired('web01', more)]), snapshot, policyOf());

describe('parameters of a new container', () => {
  test('everything that the file says, and the mark of its owner', () => {
    const plan = planOf({
      hostname: 'web.example.org',
      compute: { cores: 2, cpuLimit: 0.5, cpuUnits: 200, memoryMiB: 1024, swapMiB: 0 },
      rootfs: { storage: 'local-lvm', sizeBytes: 512 * MiB, options: ['noatime'], quota: false },
      nets: {
        eth1: { bridge: 'vmbr1', ip: '10.0.0.5/24', gateway: '10.0.0.1', vlan: 7, firewall: true },
        eth0: { bridge: 'vmbr0', ip: 'dhcp', mac: 'BC:24:11:00:00:01', ip6: null },
      },
      mounts: {
        '/srv': { source: '/tank/srv', readOnly: true },
        '/data': { storage: 'local-lvm', sizeBytes: 1.5 * GiB, backup: true },
      },
      devices: { '/dev/fuse': { mode: '0660' } },
      features: { nesting: true, fuse: false, mount: ['nfs', 'cifs'] },
      options: {
        onboot: true,
        protection: false,
        startup: { order: 2, upSeconds: 10, downSeconds: 5 },
        tags: ['Web', 'b2'],
        description: 'line one\nline two',
        nameservers: ['10.0.0.1', '1.1.1.1'],
        searchDomains: ['example.org'],
        timezone: 'host',
        cmode: 'shell',
        tty: 1,
        console: false,
        env: { A: '1' },
        hookscript: null,
      },
      pool: 'lab',
      access: { sshKeys: ['ssh-ed25519 AAAA a', 'ssh-ed25519 BBBB b'], password: { $secret: 'env:PW' } },
    });
    const { request, precondition, completes, risk, target } = actionOf(plan, 'web01/create');
    expect(request).toMatchObject({ method: 'POST', path: '/nodes/{node}/lxc' });
    const { description, ...params } = request.params;
    expect(params).toEqual({
      node: 'pve1',
      vmid: 100,
      ostemplate: `local:vztmpl/${debian}`,
      unprivileged: true,
      hostname: 'web.example.org',
      memory: 1024,
      swap: 0,
      cores: 2,
      cpulimit: 0.5,
      cpuunits: 200,
      rootfs: 'local-lvm:0.5,mountoptions=noatime',
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp',
      net1: 'name=eth1,bridge=vmbr1,firewall=1,gw=10.0.0.1,ip=10.0.0.5/24,tag=7',
      mp0: 'local-lvm:1.5,mp=/data,backup=1',
      mp1: '/tank/srv,mp=/srv,ro=1',
      dev0: '/dev/fuse,mode=0660',
      features: 'mount=nfs;cifs,nesting=1',
      onboot: true,
      protection: false,
      startup: 'order=2,down=5,up=10',
      tags: 'b2;pvefleet;web',
      nameserver: '10.0.0.1 1.1.1.1',
      searchdomain: 'example.org',
      timezone: 'host',
      cmode: 'shell',
      tty: 1,
      console: false,
      env: 'A=1',
      pool: 'lab',
      password: { $secret: 'env:PW' },
      'ssh-public-keys': 'ssh-ed25519 AAAA a\nssh-ed25519 BBBB b',
    });
    expect(description).toMatch(
      /^line one\nline two\n<!-- pvefleet fleet=lab key=web01 spec=sha256:[0-9a-f]{64} node=pve1 -->$/,
    );
    expect({ completes, risk, target }).toEqual({
      completes: 'task',
      risk: 'safe',
      target: { key: 'web01', vmid: 100, node: 'pve1' },
    });
    expect(precondition).toEqual({ kind: 'vmid-free', flexible: true, from: 100, to: 199 });
  });

  test('unprivileged is always sent, also when it is off', () => {
    const params = (unprivileged: boolean): unknown =>
      actionOf(planOf({ unprivileged }), 'web01/create').request.params['unprivileged'];
    expect([params(true), params(false)]).toEqual([true, false]);
  });

  test('nothing is sent for what the file does not manage', () => {
    const plan = planOf({ compute: {}, access: { sshKeys: [] } });
    expect(Object.keys(actionOf(plan, 'web01/create').request.params).sort()).toEqual(
      ['description', 'hostname', 'node', 'ostemplate', 'rootfs', 'tags', 'unprivileged', 'vmid'].sort(),
    );
  });

  test('sizes that are no whole MiB are rounded up, because the server rounds down', () => {
    const plan = planOf({ rootfs: { storage: 'local-lvm', sizeBytes: 512 * MiB + 1 } });
    expect(actionOf(plan, 'web01/create').request.params['rootfs']).toBe('local-lvm:0.5009765625');
  });

  test('changes show what is worth seeing and hold no secret', () => {
    const plan = planOf({
      mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } },
      options: { onboot: false, tags: null },
      access: { password: { $secret: 'env:PW' } },
    });
    const { changes } = actionOf(plan, 'web01/create');
    expect(changes.map(({ field, to }) => [field, to])).toEqual([
      ['hostname', 'web01'],
      ['unprivileged', true],
      ['memory', '512MiB'],
      ['swap', '0MiB'],
      ['cores', 1],
      ['rootfs.storage', 'local-lvm'],
      ['rootfs.size', '8GiB'],
      ['mounts./data', { storage: 'local-lvm', size: '1GiB' }],
    ]);
    expect(new Set(changes.map(({ from }) => from))).toEqual(new Set([null]));
  });
});

test.each([
  ['running', ['web01/create', 'web01/start']],
  ['stopped', ['web01/create']],
  ['unmanaged', ['web01/create']],
] as const)('a container that should be %s', (power, want) => {
  expect(idsOf(planOf({ power }))).toEqual(want);
});

describe('ids', () => {
  test('the smallest free ones, in natural order of the keys; machines and fixed ids count', () => {
    const plan = planFleet(
      fleetOf([desired('web10'), desired('web2'), desired('db', { vmid: 101 }), desired('web1')]),
      snapshotOf([actual('other', 100)], { others: [machine(103)] }),
      policyOf(),
    );
    const given = plan.actions
      .filter(({ kind }) => kind === 'container.create')
      .map(({ target }) => [target.key, target.vmid]);
    expect(Object.fromEntries(given)).toEqual({ db: 101, web1: 102, web2: 104, web10: 105 });
  });

  test('only an automatic id may be replaced by another one', () => {
    expect(actionOf(planOf({ vmid: 150 }), 'web01/create').precondition).toMatchObject({ flexible: false });
  });

  test('a range that is used up is refused for those that get none', () => {
    const plan = planFleet(
      fleetOf([desired('a'), desired('b'), desired('z', { vmid: 500 })], { vmids: { from: 100, to: 100 } }),
      snapshotOf(),
      policyOf(),
    );
    expect(plan.refusals).toMatchObject([{ key: 'b', code: 'VMID_RANGE_EXHAUSTED' }]);
    expect(idsOf(plan)).toEqual(['a/create', 'z/create', 'a/start', 'z/start']);
  });

  test('a target does not change what id a container gets', () => {
    const fleet = fleetOf([desired('a'), desired('b')]);
    const plan = planFleet(fleet, snapshotOf(), policyOf({ target: ['b'] }));
    expect(actionOf(plan, 'b/create').target.vmid).toBe(101);
    expect(idsOf(plan)).toEqual(['b/create', 'b/start']);
  });
});

describe('templates', () => {
  const catalogue = [offered('debian-13-standard_13.6-1_amd64.tar.zst')];
  const newest = 'debian-13-standard_13.6-1_amd64.tar.zst';

  test('what is stored is used, although the catalogue has a newer one', () => {
    const plan = planOf({}, snapshotOf([], { catalogue }));
    expect(idsOf(plan)).toEqual(['web01/create', 'web01/start']);
    expect(actionOf(plan, 'web01/create').request.params['ostemplate']).toBe(`local:vztmpl/${debian}`);
  });

  test('what is not stored is downloaded once per node, and creations wait for it', () => {
    const fleet = fleetOf([desired('a'), desired('b'), desired('c', { node: 'pve2' })]);
    const plan = planFleet(fleet, snapshotOf([], { catalogue, templates: [] }), policyOf());
    const downloads = plan.actions.filter(({ kind }) => kind === 'template.download');
    expect(downloads).toMatchObject([
      {
        id: `template/pve1/local/${newest}`,
        target: { key: newest, node: 'pve1' },
        request: {
          method: 'POST',
          path: '/nodes/{node}/aplinfo',
          params: { node: 'pve1', storage: 'local', template: newest },
        },
        completes: 'task',
      },
      { id: `template/pve2/local/${newest}` },
    ]);
    expect(actionOf(plan, 'b/create').dependsOn).toEqual([`template/pve1/local/${newest}`]);
    expect(actionOf(plan, 'c/create').dependsOn).toEqual([`template/pve2/local/${newest}`]);
    expect(plan.actions.slice(0, 2)).toEqual(downloads);
  });

  test('on a shared storage it is downloaded once for all nodes', () => {
    const storages = ['pve1', 'pve2'].flatMap((node) => [
      storage('nas', node, { shared: true, content: ['vztmpl'] }),
      storage('local-lvm', node, { content: ['rootdir'] }),
    ]);
    const fleet = fleetOf([desired('a', { node: 'pve2' }), desired('b', { node: 'pve1' })]);
    const plan = planFleet(fleet, snapshotOf([], { catalogue, templates: [], storages }), policyOf());
    const id = `template/pve1/nas/${newest}`;
    expect(idsOf(plan)[0]).toBe(id);
    expect(plan.actions.filter(({ kind }) => kind === 'template.download')).toHaveLength(1);
    expect(actionOf(plan, 'a/create')).toMatchObject({
      dependsOn: [id],
      request: { params: { ostemplate: `nas:vztmpl/${newest}` } },
    });
  });

  test('one that is nowhere is refused with what was probably meant', () => {
    const plan = planOf({ template: 'debain-13-standard' }, snapshotOf([], { catalogue }));
    expect(plan.refusals).toMatchObject([
      { key: 'web01', code: 'TEMPLATE_NOT_FOUND', hint: 'did you mean debian-13-standard?' },
    ]);
    expect(plan.actions).toEqual([]);
    expect(plan.summary).toEqual({ create: 0, update: 0, destroy: 0, unchanged: 0 });
  });

  test('the storage and architecture that are asked for count', () => {
    const templates = [
      stored(debian),
      stored('debian-13-standard_13.1-2_arm64.tar.zst'),
      stored(debian, { storage: 'other' }),
    ];
    const volume = (more: Partial<DesiredContainer>): unknown =>
      actionOf(planOf(more, snapshotOf([], { templates })), 'web01/create').request.params['ostemplate'];
    expect(volume({ templateStorage: 'other' })).toBe(`other:vztmpl/${debian}`);
    expect(volume({ options: { arch: 'arm64' } })).toContain('arm64');
    expect(volume({})).toBe(`local:vztmpl/${debian}`);
  });
});

describe('what speaks against a creation', () => {
  test.each<[string, Partial<DesiredContainer>, string[]]>([
    ['an unknown node', { node: 'pve9' }, ['NODE_UNKNOWN']],
    ['an unknown storage', { rootfs: { storage: 'nope', sizeBytes: GiB } }, ['STORAGE_UNKNOWN']],
    ['a storage without containers', { rootfs: { storage: 'local', sizeBytes: GiB } }, ['STORAGE_CONTENT']],
    [
      'a mount on such a storage',
      { mounts: { '/x': { storage: 'local', sizeBytes: GiB } } },
      ['STORAGE_CONTENT'],
    ],
    ['a root disk without size', { rootfs: { storage: 'local-lvm' } }, ['ROOTFS_INCOMPLETE']],
    ['a mount without size', { mounts: { '/x': { storage: 'local-lvm' } } }, ['MOUNT_INCOMPLETE']],
    ['nothing', {}, []],
  ])('%s', (_, more, codes) => {
    expect(refusedBy(planOf({ template: `local:vztmpl/${debian}`, ...more }))).toEqual(codes);
  });

  test('a node that is offline', () => {
    const nodes = [{ node: 'pve1', online: false }];
    expect(refusedBy(planOf({}, snapshotOf([], { nodes })))).toEqual(['NODE_OFFLINE']);
  });

  test('what is not known about storages and nodes is left to the server', () => {
    const plan = planOf(
      { rootfs: { storage: 'any', sizeBytes: GiB } },
      snapshotOf([], { nodes: [], storages: [] }),
    );
    expect(plan.refusals).toEqual([]);
  });

  test('the hint names the storages that would do', () => {
    const storages = [storage('local', 'pve1', { content: ['vztmpl'] })];
    const withOne = planOf({ rootfs: { storage: 'local', sizeBytes: GiB } });
    const withNone = planOf({ rootfs: { storage: 'local', sizeBytes: GiB } }, snapshotOf([], { storages }));
    expect(withOne.refusals[0]?.hint).toContain('local-lvm');
    expect(withNone.refusals[0]?.hint).toContain('rootdir');
  });
});

/** When each field's change takes effect, and what is sent for it; from contract/lxc-endpoints.md §C. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import type { Action, Effect } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import {
  type ActualOptions,
  actual,
  desired,
  fleetOf,
  policyOf,
  snapshotOf,
} from '../../support/builders.ts';

type Row = readonly [
  field: string,
  has: Readonly<Record<string, string | number>>,
  wants: Partial<DesiredContainer>,
  effect: Effect,
  sends: Readonly<Record<string, unknown>>,
];

const options = (value: DesiredContainer['options']): Partial<DesiredContainer> => ({ options: value });
const compute = (value: DesiredContainer['compute']): Partial<DesiredContainer> => ({ compute: value });
const net = 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,type=veth';
const disk = 'local-lvm:vm-101-disk-1,mp=/data,size=1G';
const bigNet = { net10: `name=eth10,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,type=veth` };

const rows: readonly Row[] = [
  ['hostname', {}, { hostname: 'www' }, 'live', { hostname: 'www' }],
  ['memory', { swap: 256 }, compute({ memoryMiB: 1024 }), 'live', { memory: 1024, swap: 256 }],
  ['swap', {}, compute({ swapMiB: 512 }), 'live', { memory: 512, swap: 512 }],
  ['cores', {}, compute({ cores: 4 }), 'live', { cores: 4 }],
  ['cores', {}, compute({ cores: null }), 'live', { delete: 'cores' }],
  ['cpuLimit', {}, compute({ cpuLimit: 1.5 }), 'live', { cpulimit: 1.5 }],
  ['cpuLimit', { cpulimit: '2' }, compute({ cpuLimit: 0 }), 'live', { cpulimit: 0 }],
  ['cpuLimit', { cpulimit: '2' }, compute({ cpuLimit: null }), 'live', { delete: 'cpulimit' }],
  ['cpuUnits', {}, compute({ cpuUnits: 200 }), 'live', { cpuunits: 200 }],
  ['onboot', {}, options({ onboot: true }), 'live', { onboot: true }],
  ['onboot', { onboot: 1 }, options({ onboot: false }), 'live', { onboot: false }],
  ['protection', {}, options({ protection: true }), 'live', { protection: true }],
  [
    'startup',
    { startup: '5' },
    options({ startup: { order: 5, upSeconds: 9 } }),
    'live',
    { startup: 'order=5,up=9' },
  ],
  ['startup', { startup: '5' }, options({ startup: null }), 'live', { delete: 'startup' }],
  [
    'hookscript',
    {},
    options({ hookscript: 'local:snippets/a.sh' }),
    'live',
    { hookscript: 'local:snippets/a.sh' },
  ],
  ['tags', { tags: 'a' }, options({ tags: ['B', 'a'] }), 'live', { tags: 'a;b;pvefleet' }],
  ['tags', { tags: 'a' }, options({ tags: null }), 'live', { tags: 'pvefleet' }],
  [
    'nameservers',
    {},
    options({ nameservers: ['10.0.0.1', '::1'] }),
    'restart',
    { nameserver: '10.0.0.1 ::1' },
  ],
  [
    'searchDomains',
    { searchdomain: 'a.b' },
    options({ searchDomains: [] }),
    'restart',
    { delete: 'searchdomain' },
  ],
  ['timezone', {}, options({ timezone: 'UTC' }), 'restart', { timezone: 'UTC' }],
  ['cmode', {}, options({ cmode: 'shell' }), 'restart', { cmode: 'shell' }],
  ['tty', {}, options({ tty: 4 }), 'restart', { tty: 4 }],
  ['console', {}, options({ console: false }), 'restart', { console: false }],
  ['debug', {}, options({ debug: true }), 'restart', { debug: true }],
  ['arch', {}, options({ arch: 'i386' }), 'restart', { arch: 'i386' }],
  ['ostype', {}, options({ ostype: 'unmanaged' }), 'restart', { ostype: 'unmanaged' }],
  ['entrypoint', {}, options({ entrypoint: '/init' }), 'restart', { entrypoint: '/init' }],
  ['env', {}, options({ env: { B: '2', A: '1' } }), 'restart', { env: 'A=1\0B=2' }],
  ['features', { features: 'nesting=1' }, { features: { fuse: true } }, 'restart', { features: 'fuse=1' }],
  [
    'features',
    { features: 'fuse=1,nesting=0,mount=nfs;cifs' },
    { features: { fuse: true, nesting: true, mount: ['cifs', 'nfs'] } },
    'restart',
    { features: 'fuse=1,mount=nfs;cifs,nesting=1' },
  ],
  ['features', { features: 'nesting=1' }, { features: null }, 'restart', { delete: 'features' }],
  ['features', { features: 'nesting=1' }, { features: {} }, 'restart', { delete: 'features' }],
  [
    'rootfs.options',
    {},
    { rootfs: { options: ['noatime'] } },
    'restart',
    { rootfs: 'local-lvm:vm-101-disk-0,mountoptions=noatime,size=8G' },
  ],
  [
    'rootfs.acl',
    { rootfs: 'local-lvm:vm-101-disk-0,acl=1,size=8G' },
    { rootfs: { acl: null } },
    'restart',
    { rootfs: 'local-lvm:vm-101-disk-0,size=8G' },
  ],
  [
    'rootfs.replicate',
    {},
    { rootfs: { replicate: false } },
    'restart',
    { rootfs: 'local-lvm:vm-101-disk-0,replicate=0,size=8G' },
  ],
  [
    'nets.eth0',
    { net0: net },
    { nets: { eth0: { bridge: 'vmbr1' } } },
    'live',
    { net0: 'name=eth0,bridge=vmbr1,hwaddr=BC:24:11:00:00:01,type=veth' },
  ],
  [
    'nets.eth0',
    { net0: `${net.replace(',type', ',ip=dhcp,tag=7,type')}` },
    { nets: { eth0: { bridge: 'vmbr0', ip: null } } },
    'live',
    { net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,tag=7,type=veth' },
  ],
  [
    'nets.eth0',
    { net0: net },
    { nets: { eth0: { bridge: 'vmbr0', mac: 'BC:24:11:00:00:99', trunks: [1, 3] } } },
    'live',
    { net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:99,trunks=1;3,type=veth' },
  ],
  [
    'nets.eth1',
    { net0: net, net2: net.replace('eth0', 'eth2') },
    { nets: { eth0: { bridge: 'vmbr0' }, eth1: { bridge: 'vmbr0' }, eth2: { bridge: 'vmbr0' } } },
    'live',
    { net1: 'name=eth1,bridge=vmbr0' },
  ],
  ['nets.eth0', { net0: net }, { nets: {} }, 'live', { delete: 'net0' }],
  ['nets.eth10', bigNet, { nets: {} }, 'restart', { delete: 'net10' }],
  [
    'nets.eth10',
    bigNet,
    { nets: { eth10: { bridge: 'vmbr1' } } },
    'live',
    { net10: bigNet.net10.replace('vmbr0', 'vmbr1') },
  ],
  [
    'nets.eth0@net3',
    { net0: net, net3: net },
    { nets: { eth0: { bridge: 'vmbr0' } } },
    'live',
    { delete: 'net3' },
  ],
  [
    'mounts./data',
    {},
    { mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB / 2, backup: true } } },
    'live',
    { mp0: 'local-lvm:0.5,mp=/data,backup=1' },
  ],
  ['mounts./srv', {}, { mounts: { '/srv': { source: '/tank/srv' } } }, 'live', { mp0: '/tank/srv,mp=/srv' }],
  [
    'mounts./data',
    { mp0: disk },
    { mounts: { '/data/': { storage: 'local-lvm', readOnly: true, options: ['noatime', 'nodev'] } } },
    'restart',
    { mp0: 'local-lvm:vm-101-disk-1,mp=/data,mountoptions=noatime;nodev,ro=1,size=1G' },
  ],
  [
    'mounts./data',
    { mp0: disk },
    { mounts: { '/data': { source: 'local-lvm:vm-101-disk-9' } } },
    'restart',
    { mp0: 'local-lvm:vm-101-disk-9,mp=/data' },
  ],
  ['mounts./data', { mp0: disk }, { mounts: {} }, 'restart', { delete: 'mp0' }],
  ['devices./dev/fuse', {}, { devices: { '/dev/fuse': { uid: 0 } } }, 'live', { dev0: '/dev/fuse,uid=0' }],
  [
    'devices./dev/fuse',
    { dev0: '/dev/fuse,mode=0600' },
    { devices: { '/dev/fuse': { mode: '0660', denyWrite: true } } },
    'restart',
    { dev0: '/dev/fuse,deny-write=1,mode=0660' },
  ],
  ['devices./dev/fuse', { dev0: '/dev/fuse' }, { devices: {} }, 'restart', { delete: 'dev0' }],
];

/** Only the fields of the row are managed. */
function plan(has: Row[1], wants: Row[2], options: ActualOptions = {}): ReturnType<typeof planFleet> {
  const web = desired('web', { compute: {}, rootfs: {}, power: 'unmanaged', ...wants });
  return planFleet(
    fleetOf([web]),
    snapshotOf([actual('web', 101, { config: has, owner: {}, ...options })]),
    policyOf(),
  );
}

function sent(action: Action | undefined): Record<string, unknown> {
  const {
    node: _node,
    vmid: _vmid,
    digest: _digest,
    description: _mark,
    ...params
  } = action?.request.params ?? {};
  return params;
}

describe('running', () => {
  test.each(rows)('%s %j → %j is %s', (field, has, wants, effect, sends) => {
    const { actions, refusals } = plan(has, wants);
    expect(refusals).toEqual([]);
    expect(actions.map(({ id }) => id)).toEqual([`web/configure:${effect}`]);
    expect(actions[0]?.changes).toMatchObject([{ field, effect }]);
    expect(sent(actions[0])).toEqual(sends);
  });
});

describe('stopped, everything is live', () => {
  test.each(rows)('%s %j → %j (%s while running)', (field, has, wants, _effect, sends) => {
    const { actions } = plan(has, wants, { status: 'stopped' });
    expect(actions.map(({ id }) => id)).toEqual(['web/configure:live']);
    expect(actions[0]?.changes).toMatchObject([{ field, effect: 'live' }]);
    expect(sent(actions[0])).toEqual(sends);
  });
});

describe('no change', () => {
  test.each<[string, Row[1], Row[2]]>([
    ['nothing is managed', { net0: net, mp0: disk, features: 'nesting=1', tags: 'x' }, {}],
    [
      'defaults that are spelled out',
      {},
      options({ onboot: false, protection: false, console: true, tty: 2, cmode: 'tty', debug: false }),
    ],
    [
      'defaults that are stored',
      { onboot: 0, console: 1, cpulimit: '0' },
      { ...options({ console: true }), compute: { cpuLimit: null } },
    ],
    ['memory and swap that are not stored', {}, compute({ memoryMiB: 512, swapMiB: 0 })],
    [
      'unset is unset',
      {},
      {
        ...options({ tags: [], description: '', nameservers: null, startup: null, env: {} }),
        features: null,
      },
    ],
    [
      'features that are off',
      { features: 'nesting=on,keyctl=0' },
      { features: { nesting: true, fuse: false } },
    ],
    ['tags in another order and case', { tags: 'a;b' }, options({ tags: ['B', 'a'] })],
    [
      'a description with other line ends',
      { description: 'one\ntwo' },
      options({ description: 'one\r\ntwo\n' }),
    ],
    [
      'a MAC address in lower case',
      { net0: net },
      { nets: { eth0: { bridge: 'vmbr0', mac: 'bc:24:11:00:00:01' } } },
    ],
    [
      'firewall off and not stored',
      { net0: net },
      { nets: { eth0: { bridge: 'vmbr0', firewall: false, vlan: null } } },
    ],
    [
      'trunks in another order',
      { net0: `${net},trunks=3;1` },
      { nets: { eth0: { bridge: 'vmbr0', trunks: [1, 3] } } },
    ],
    [
      'an IPv6 address in capitals',
      { net0: `${net},ip6=fd00::a/64` },
      { nets: { eth0: { bridge: 'vmbr0', ip6: 'FD00::A/64' } } },
    ],
    [
      'a mount path with slashes',
      { mp0: disk.replace('/data', '/data//') },
      { mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } } },
    ],
    [
      'a disk rounded up by its storage',
      { mp0: disk.replace('1G', '1028M') },
      { mounts: { '/data': { sizeBytes: 1025 * 1024 ** 2 } } },
    ],
    [
      'a bind mount has no size',
      { mp0: '/srv,mp=/data' },
      { mounts: { '/data': { source: '/srv', sizeBytes: GiB } } },
    ],
    [
      'a subvolume without a limit',
      { mp0: 'local:101/subvol,mp=/data,size=0T' },
      { mounts: { '/data': { sizeBytes: GiB } } },
    ],
    [
      'mount options in another order',
      { mp0: `${disk},mountoptions=nodev;noatime` },
      { mounts: { '/data': { options: ['noatime', 'nodev'] } } },
    ],
  ])('%s', (_, has, wants) => {
    const { actions, inSync } = plan(has, wants);
    expect(actions).toEqual([]);
    expect(inSync).toEqual(['web']);
  });
});

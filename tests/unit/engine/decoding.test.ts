import { describe, expect, test } from 'vitest';
import { decodeTagStyle } from '../../../src/engine/cluster-facts.ts';
import { readInterfaces, usableAddresses } from '../../../src/engine/interfaces.ts';
import { splitPending } from '../../../src/engine/read-container.ts';
import { decodeResources, decodeStorages, withLiveState } from '../../../src/engine/resources.ts';
import { decodeTask } from '../../../src/engine/tasks.ts';
import { fake } from './fake-pve.ts';

describe('resources', () => {
  test('tells guests, nodes, storages and pools apart, with numbers as text or not', () => {
    const resources = decodeResources([
      {
        id: 'lxc/101',
        type: 'lxc',
        vmid: '101',
        node: 'pve1',
        status: 'running',
        name: 'b',
        tags: 'x;pvefleet',
        template: 0,
        maxmem: '1024',
        pool: 'lab',
      },
      { id: 'lxc/100', type: 'lxc', vmid: 100, node: 'pve2', status: 'unknown', lock: 'create' },
      { id: 'qemu/102', type: 'qemu', vmid: 102, node: 'pve1', status: 'paused' },
      { id: 'node/pve2', type: 'node', node: 'pve2', status: 'offline' },
      { id: 'node/pve1', type: 'node', node: 'pve1', status: 'online', maxmem: 10, mem: 4 },
      {
        id: 'storage/pve1/local',
        type: 'storage',
        node: 'pve1',
        storage: 'local',
        status: 'available',
        content: 'iso,vztmpl',
        plugintype: 'dir',
        shared: 0,
        disk: 1,
        maxdisk: 9,
      },
      { id: '/pool/empty', type: 'pool', pool: 'empty' },
      { id: 'sdn/pve1/x', type: 'sdn', node: 'pve1' },
    ]);
    expect(resources.guests).toEqual([
      {
        vmid: 100,
        type: 'lxc',
        node: 'pve2',
        status: 'unknown',
        isTemplate: false,
        tags: [],
        lock: 'create',
        usage: {},
      },
      {
        vmid: 101,
        type: 'lxc',
        node: 'pve1',
        status: 'running',
        name: 'b',
        isTemplate: false,
        tags: ['x', 'pvefleet'],
        pool: 'lab',
        usage: { maxMemoryBytes: 1024 },
      },
      { vmid: 102, type: 'qemu', node: 'pve1', status: 'unknown', isTemplate: false, tags: [], usage: {} },
    ]);
    expect(resources.nodes).toEqual([
      { node: 'pve1', online: true, maxMemoryBytes: 10, memoryBytes: 4 },
      { node: 'pve2', online: false },
    ]);
    expect(resources.storages).toEqual([
      {
        storage: 'local',
        node: 'pve1',
        type: 'dir',
        content: ['iso', 'vztmpl'],
        shared: false,
        active: true,
        usedBytes: 1,
        totalBytes: 9,
      },
    ]);
    expect(resources.pools).toEqual(['empty', 'lab']);
  });

  test('the state of the node replaces what the cluster knew, an old lock included', () => {
    const guest = {
      vmid: 1,
      type: 'lxc',
      node: 'a',
      status: 'unknown',
      isTemplate: false,
      tags: [],
      lock: 'create',
      usage: { cpu: 0.5 },
    } as const;
    expect(withLiveState(guest, { vmid: 1, status: 'running', name: 'web', uptime: '7', mem: 5 })).toEqual({
      vmid: 1,
      type: 'lxc',
      node: 'a',
      status: 'running',
      name: 'web',
      isTemplate: false,
      tags: [],
      uptimeSeconds: 7,
      usage: { cpu: 0.5, memoryBytes: 5 },
    });
    expect(withLiveState(guest, undefined)).toBe(guest);
  });

  test('leaves disabled storages out', () => {
    const rows = decodeStorages('a', [
      { storage: 'x', type: 'dir', content: 'rootdir', enabled: 1, active: 1, shared: 1 },
      { storage: 'y', type: 'dir', content: 'rootdir', enabled: 0 },
    ]);
    expect(rows).toEqual([
      { storage: 'x', node: 'a', type: 'dir', content: ['rootdir'], shared: true, active: true },
    ]);
  });
});

describe('pending rows', () => {
  test('sorts what is in force from what comes next', () => {
    expect(
      splitPending([
        { key: 'digest', value: 'abc' },
        { key: 'memory', value: '512' },
        { key: 'features', value: 'nesting=1', pending: 'nesting=1,fuse=1' },
        { key: 'nameserver', pending: '10.0.0.1' },
        { key: 'cmode', value: 'tty', delete: 1 },
        { key: 'tty', value: '2', pending: '3', delete: 0 },
      ]),
    ).toEqual({
      live: { memory: '512', features: 'nesting=1', cmode: 'tty', tty: '2' },
      next: { memory: '512', features: 'nesting=1,fuse=1', nameserver: '10.0.0.1', tty: '3' },
      pending: ['cmode', 'features', 'nameserver', 'tty'],
      digest: 'abc',
    });
  });
});

test.each([
  [
    { ordering: 'config', 'case-sensitive': '1' },
    { caseSensitive: true, keepOrder: true },
  ],
  ['case-sensitive=1,shape=full', { caseSensitive: true, keepOrder: false }],
  ['ordering=alphabetical', { caseSensitive: false, keepOrder: false }],
  [undefined, { caseSensitive: false, keepOrder: false }],
])('tag style %j', (value, want) => {
  expect(decodeTagStyle(value)).toEqual(want);
});

describe('addresses', () => {
  const interfaces = async (rows: unknown) =>
    readInterfaces(
      fake({ answers: { 'GET /nodes/{node}/lxc/{vmid}/interfaces': () => rows } }).context,
      'a',
      1,
    );

  test('takes the list where there is one, else the old members', async () => {
    expect(
      await interfaces([
        { name: 'lo', inet: '127.0.0.1/8' },
        {
          name: 'eth0',
          hwaddr: 'aa',
          inet6: 'fe80::1/64',
          'ip-addresses': [
            { 'ip-address': '10.0.0.5', 'ip-address-type': 'inet', prefix: '24' },
            { 'ip-address': 'fe80::1', prefix: 64 },
          ],
        },
        { name: 'eth1', inet: '10.1.0.5/24' },
      ]),
    ).toEqual([
      { name: 'eth0', mac: 'aa', addresses: ['10.0.0.5/24', 'fe80::1/64'] },
      { name: 'eth1', addresses: ['10.1.0.5/24'] },
    ]);
  });

  test('a stopped container has none', async () => {
    expect(await interfaces(null)).toEqual([]);
  });

  test('shows neither loopback nor link-local addresses', () => {
    const addresses = [
      '127.0.0.1/8',
      '::1/128',
      'fe80::1/64',
      'feB0::1/64',
      '169.254.1.1/16',
      '10.0.0.1/8',
      'fd00::1/64',
      'fec0::1/64',
    ];
    expect(usableAddresses([{ name: 'eth0', addresses }])).toEqual([
      '10.0.0.1/8',
      'fd00::1/64',
      'fec0::1/64',
    ]);
  });
});

test.each([
  ['running', { status: 'RUNNING' }, { state: 'running' }],
  ['done', { status: 'OK', endtime: 9 }, { state: 'ok', endedAt: 9, exitStatus: 'OK' }],
  ['with warnings', { status: 'WARNINGS: 3', endtime: '9' }, { state: 'warnings', endedAt: 9 }],
  ['failed', { status: 'no space', endtime: 9 }, { state: 'failed', exitStatus: 'no space' }],
  ['killed', { endtime: 9 }, { state: 'failed', exitStatus: 'unexpected status' }],
])('a task that is %s', (_, row, want) => {
  const common = {
    upid: 'U',
    node: 'a',
    pid: 1,
    pstart: 1,
    starttime: 5,
    type: 'vzstart',
    id: '100',
    user: 'root@pam',
  };
  expect(decodeTask({ ...common, ...row } as Parameters<typeof decodeTask>[0])).toMatchObject({
    startedAt: 5,
    ...want,
  });
});

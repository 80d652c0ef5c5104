import { describe, expect, test } from 'vitest';
import { CodecError } from '../../../src/codec/codec-error.ts';
import { decodeLxcConfig, encodeLxcConfig } from '../../../src/codec/lxc-config.ts';

const nothing = { nets: {}, mounts: {}, devices: {}, unused: {}, other: {} };

describe('reading', () => {
  test('a config as the server gives it', () => {
    expect(
      decodeLxcConfig({
        arch: 'amd64',
        cpulimit: '1.5',
        cpuunits: 300,
        description: 'a\n\nb\n',
        digest: 'd0',
        features: 'nesting=on',
        hostname: 'web.example.org',
        memory: 300,
        mp7: 'btrfs:10502/vm-10502-disk-1.raw,mp=/srv//x/,mountoptions=noatime;nodev,ro=1,size=256M',
        nameserver: '10.99.0.1 1.1.1.1',
        net0: 'name=eth0,bridge=vmbr0,hwaddr=0A:1b:2C:00:05:01,type=veth',
        onboot: 1,
        rootfs: 'local:10502/vm-10502-disk-0.raw,size=1G',
        searchdomain: 'a.example',
        startup: 'order=3,up=5',
        swap: 0,
        tags: 'alpha;zeta',
        unprivileged: 1,
        unused0: 'local:10502/vm-10502-disk-3.raw',
        dev0: '/dev/fuse,mode=0660',
        env: 'A=1\0B=two words\0C',
      }),
    ).toEqual({
      arch: 'amd64',
      cpuLimit: 1.5,
      cpuUnits: 300,
      description: 'a\n\nb',
      features: { nesting: true },
      hostname: 'web.example.org',
      memoryMiB: 300,
      nameservers: ['10.99.0.1', '1.1.1.1'],
      onboot: true,
      rootfs: { volume: 'local:10502/vm-10502-disk-0.raw', size: 1024 ** 3 },
      searchDomains: ['a.example'],
      startup: { order: 3, up: 5 },
      swapMiB: 0,
      tags: ['alpha', 'zeta'],
      unprivileged: true,
      env: { A: '1', B: 'two words', C: '' },
      nets: { net0: { name: 'eth0', bridge: 'vmbr0', hwaddr: '0A:1b:2C:00:05:01', type: 'veth' } },
      mounts: {
        mp7: {
          volume: 'btrfs:10502/vm-10502-disk-1.raw',
          mp: '/srv//x/',
          mountoptions: 'noatime;nodev',
          ro: true,
          size: 256 * 1024 ** 2,
        },
      },
      devices: { dev0: { path: '/dev/fuse', mode: '0660' } },
      unused: { unused0: 'local:10502/vm-10502-disk-3.raw' },
      other: {},
    });
  });

  test.each<[string, Record<string, unknown>, object]>([
    ['numbers and booleans as text', { memory: '512', onboot: '0' }, { memoryMiB: 512, onboot: false }],
    ['a start order without its key', { startup: '5' }, { startup: { order: 5 } }],
    ['tags that are a blank', { tags: ' ' }, { tags: [] }],
    [
      'keys of a newer server',
      { shiny: 'x', lxc: [['a', 'b']], net99: 'y' },
      { other: { shiny: 'x', lxc: '[["a","b"]]', net99: 'y' } },
    ],
    ['sub-keys of a newer server', { net0: 'name=a,shiny=1' }, { nets: { net0: { name: 'a', shiny: '1' } } }],
    ['values that are null', { memory: null, tags: undefined }, {}],
  ])('%s', (_, raw, want) => {
    expect(decodeLxcConfig(raw)).toEqual({ ...nothing, ...want });
  });

  test.each([
    ['memory', 'much'],
    ['onboot', 'perhaps'],
    ['net0', 'name=a,tag=x'],
    ['rootfs', 'local:1,local:2'],
  ])('names the key that cannot be read: %s', (key, value) => {
    expect(() => decodeLxcConfig({ [key]: value })).toThrow(CodecError);
    expect(() => decodeLxcConfig({ [key]: value })).toThrow(`cannot read '${key}'`);
  });
});

describe('writing', () => {
  test('equal configs give equal parameters', () => {
    expect(
      encodeLxcConfig({
        memoryMiB: 2048,
        startup: { up: 5, order: 3 },
        env: { B: 'two', A: '1' },
        tags: ['a', 'b'],
        nameservers: ['10.0.0.1', '::1'],
        onboot: false,
        nets: { net0: { name: 'eth0', bridge: 'vmbr0' } },
        mounts: { mp0: { volume: 'local-lvm:8', mp: '/data' } },
        devices: { dev0: { path: '/dev/fuse' } },
      }),
    ).toEqual({
      memory: 2048,
      startup: 'order=3,up=5',
      env: 'A=1\0B=two',
      tags: 'a;b',
      nameserver: '10.0.0.1 ::1',
      onboot: false,
      net0: 'name=eth0,bridge=vmbr0',
      mp0: 'local-lvm:8,mp=/data',
      dev0: '/dev/fuse',
    });
  });

  test('what is empty is not sent, because the server would store a blank', () => {
    expect(encodeLxcConfig({ tags: [], env: {}, features: {}, description: '', startup: {} })).toEqual({});
  });

  test('unused disks and unknown keys are never sent', () => {
    expect(encodeLxcConfig({ ...nothing, unused: { unused0: 'x' }, other: { lxc: 'y' } })).toEqual({});
  });
});

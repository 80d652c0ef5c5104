import { describe, expect, test } from 'vitest';
import { CodecError } from '../../../src/codec/codec-error.ts';
import { decodeProperties, encodeProperties } from '../../../src/codec/property-string.ts';
import {
  lxcDevice,
  lxcFeatures,
  lxcMount,
  lxcNet,
  lxcRootfs,
} from '../../../src/schema/generated/formats.gen.ts';
import { findOperation, findParameter } from '../../../src/schema/load.ts';
import type { ObjectFormat } from '../../../src/schema/types.ts';

function qemu(key: string): ObjectFormat {
  const operation = findOperation('POST', '/nodes/{node}/qemu');
  const format = operation && findParameter(operation, key)?.format;
  if (typeof format !== 'object') throw new Error(`${key} has no object format`);
  return format;
}

function faultOf(run: () => unknown): { message: string; key: string | undefined } {
  try {
    run();
  } catch (error) {
    if (error instanceof CodecError) return { message: error.message, key: error.key };
  }
  throw new Error('no CodecError was thrown');
}

describe('reading', () => {
  test.each<[string, ObjectFormat, string, object]>([
    [
      'a net in any order, with words for booleans',
      lxcNet,
      'firewall=no,name=ethX,rate=1.5,tag=12,trunks=3;1,link_down=On',
      { firewall: false, name: 'ethX', rate: 1.5, tag: 12, trunks: '3;1', link_down: true },
    ],
    [
      'a default key',
      lxcRootfs,
      'local:101/vm-101-disk-0.raw,size=8G',
      { volume: 'local:101/vm-101-disk-0.raw', size: 8 * 1024 ** 3 },
    ],
    [
      'a default key by its name',
      lxcMount,
      'mp=/srv,volume=btrfs:0.25',
      { mp: '/srv', volume: 'btrfs:0.25' },
    ],
    ['values with an equals sign', lxcNet, 'name=a=b', { name: 'a=b' }],
    ['empty parts', lxcNet, ',name=eth0, ,', { name: 'eth0' }],
    ['nothing', lxcFeatures, '', {}],
    [
      'a key alias',
      qemu('net0'),
      'virtio=BC:24:11:00:00:01,bridge=vmbr0',
      { model: 'virtio', macaddr: 'BC:24:11:00:00:01', bridge: 'vmbr0' },
    ],
    [
      'a plain alias',
      qemu('efidisk0'),
      'volume=local-lvm:1,size=4M',
      { file: 'local-lvm:1', size: 4 * 1024 ** 2 },
    ],
  ])('%s', (_, format, text, want) => {
    expect(decodeProperties(format, text)).toEqual(want);
  });

  test.each<[string, ObjectFormat, string, string | undefined]>([
    ['an unknown key', lxcNet, 'name=eth0,foo=1', 'foo'],
    ['an inherited name', lxcNet, 'name=eth0,toString=1', 'toString'],
    ['a key twice', lxcNet, 'name=eth0,name=eth1', 'name'],
    ['the default key twice', lxcRootfs, 'local:1,local:2', 'volume'],
    ['an alias and what it stands for', qemu('net0'), 'virtio=BC:24:11:00:00:01,model=e1000', 'model'],
    ['a bare value without a default key', lxcNet, 'eth0', undefined],
    ['no key', lxcNet, '=eth0', undefined],
    ['no value', lxcNet, 'name=', 'name'],
    ['a required key missing', lxcNet, 'bridge=vmbr0', 'name'],
    ['a wrong boolean', lxcNet, 'name=eth0,firewall=maybe', 'firewall'],
    ['a wrong number', lxcNet, 'name=eth0,tag=x', 'tag'],
    ['a wrong size', lxcRootfs, 'local:1,size=big', 'size'],
  ])('refuses %s', (_, format, text, key) => {
    expect(faultOf(() => decodeProperties(format, text)).key).toBe(key);
  });

  test('a newer server may have more keys, and fewer required ones', () => {
    expect(decodeProperties(lxcNet, 'bridge=vmbr0,new=1', { lenient: true })).toEqual({
      bridge: 'vmbr0',
      new: '1',
    });
    expect(faultOf(() => decodeProperties(lxcNet, 'tag=x', { lenient: true })).key).toBe('tag');
  });
});

describe('writing', () => {
  test.each<[string, ObjectFormat, object, string]>([
    [
      'a net as the server prints it',
      lxcNet,
      {
        type: 'veth',
        ip: 'dhcp',
        hwaddr: 'BC:24:11:00:11:22',
        firewall: true,
        bridge: 'vmbr0',
        name: 'eth0',
      },
      'name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:11:22,ip=dhcp,type=veth',
    ],
    [
      'a mount: default key bare, required next',
      lxcMount,
      { size: 8 * 1024 ** 3, backup: true, mp: '/data', volume: 'local-lvm:vm-100-disk-0' },
      'local-lvm:vm-100-disk-0,mp=/data,backup=1,size=8G',
    ],
    ['booleans that are off', lxcFeatures, { nesting: false, fuse: true }, 'fuse=1,nesting=0'],
    ['numbers without an exponent', lxcNet, { name: 'a', rate: 1e21 }, 'name=a,rate=1000000000000000000000'],
    ['members that are undefined', lxcDevice, { path: '/dev/fuse', mode: undefined }, '/dev/fuse'],
    ['a bare value that looks like a key', lxcDevice, { path: '/dev/a=b' }, 'path=/dev/a=b'],
    [
      'a key alias',
      qemu('net0'),
      { bridge: 'vmbr0', macaddr: 'BC:24:11:00:00:01', model: 'virtio' },
      'virtio=BC:24:11:00:00:01,bridge=vmbr0',
    ],
    ['the keyed value alone', qemu('net0'), { model: 'virtio', bridge: 'vmbr0' }, 'virtio,bridge=vmbr0'],
  ])('%s', (_, format, value, want) => {
    expect(encodeProperties(format, value)).toBe(want);
  });

  test.each<[string, object, string]>([
    ['a comma', { name: 'a,b' }, 'name'],
    ['a newline', { name: 'a\nb' }, 'name'],
    ['an empty value', { name: '' }, 'name'],
    ['an unknown key', { name: 'a', foo: 1 }, 'foo'],
  ])('refuses %s', (_, value, key) => {
    expect(faultOf(() => encodeProperties(lxcNet, value)).key).toBe(key);
  });

  test('an alias is only for reading', () => {
    expect(faultOf(() => encodeProperties(qemu('net0'), { virtio: 'BC:24:11:00:00:01' })).key).toBe('virtio');
  });

  test('keys of a newer server are written back', () => {
    expect(encodeProperties(lxcNet, { name: 'a', new: '1', bridge: 'b' }, { lenient: true })).toBe(
      'name=a,bridge=b,new=1',
    );
  });
});

test('the error is one of ours and names the key for programs', () => {
  const error = new CodecError('bad', 'net0');
  expect(error.toJSON()).toEqual({
    format: 'pvefleet.error/1',
    code: 'CODEC',
    message: 'bad',
    details: { key: 'net0' },
  });
  expect(new CodecError('bad').toJSON()).not.toHaveProperty('details');
});

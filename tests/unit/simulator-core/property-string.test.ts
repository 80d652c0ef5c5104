import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeProperties } from '../../../src/codec/property-string.ts';
import { lxcFeatures, lxcMount, lxcNet } from '../../../src/schema/generated/formats.gen.ts';
import type { ObjectFormat } from '../../../src/schema/types.ts';
import {
  formatSize,
  parseSize,
  printPropertyString,
  splitPropertyString,
} from '../../../src/simulator/wire/property-string.ts';

const read = (format: ObjectFormat, text: string): Record<string, string> => ({
  ...splitPropertyString(format, text),
});

describe('reading', () => {
  test.each<[name: string, format: ObjectFormat, given: string, want: Record<string, string>]>([
    ['pairs', lxcNet, 'name=eth0,bridge=vmbr0', { name: 'eth0', bridge: 'vmbr0' }],
    ['a bare value is the default key', lxcMount, 'local:8,mp=/data', { volume: 'local:8', mp: '/data' }],
    ['booleans become 0 and 1', lxcFeatures, 'nesting=Yes,keyctl=off', { nesting: '1', keyctl: '0' }],
    ['what is no boolean stays', lxcFeatures, 'nesting=maybe', { nesting: 'maybe' }],
    ['empty parts count for nothing', lxcNet, ',name=eth0, ,', { name: 'eth0' }],
    ['a value may contain =', lxcMount, 'local:8,mp=/a=b', { volume: 'local:8', mp: '/a=b' }],
    ['unknown keys are for the check to refuse', lxcNet, 'nme=eth1', { nme: 'eth1' }],
  ])('%s', (_, format, given, want) => {
    expect(read(format, given)).toEqual(want);
  });

  test('an alias sets its own key and the one it stands for', () => {
    const format: ObjectFormat = {
      model: { type: 'string', defaultKey: true },
      virtio: { type: 'string', alias: 'macaddr', keyAlias: 'model' },
      macaddr: { type: 'string', optional: true },
    };
    expect(read(format, 'virtio=AA:BB')).toEqual({ model: 'virtio', macaddr: 'AA:BB' });
  });

  test.each<[given: string, want: string]>([
    ['name=eth0,name=eth1', 'duplicate key in comma-separated list property: name'],
    ['eth0', 'value without key, but schema does not define a default key'],
    ['name=', 'missing key in comma-separated list property'],
    ['=x', 'missing key in comma-separated list property'],
  ])('refuses %s', (given, want) => {
    expect(() => splitPropertyString(lxcNet, given)).toThrow(want);
  });
  test('refuses a second bare value', () => {
    expect(() => splitPropertyString(lxcMount, 'a:1,b:2')).toThrow(
      'duplicate key in comma-separated list property: volume',
    );
  });
});

describe('writing', () => {
  test.each<
    [format: ObjectFormat, given: Record<string, string | number | boolean | undefined>, want: string]
  >([
    [
      lxcNet,
      { type: 'veth', name: 'eth0', ip: 'dhcp', bridge: 'vmbr0', firewall: true },
      'name=eth0,bridge=vmbr0,firewall=1,ip=dhcp,type=veth',
    ],
    [lxcMount, { size: '8192M', mp: '/data', volume: 'a:b', backup: 'on' }, 'a:b,mp=/data,backup=1,size=8G'],
    [lxcFeatures, { nesting: false, fuse: undefined }, 'nesting=0'],
  ])('the default key first, required keys, then the rest', (format, given, want) => {
    expect(printPropertyString(format, given)).toBe(want);
  });
});

describe('sizes', () => {
  test.each<[given: string, want: number | undefined]>([
    ['8G', 8 * 1024 ** 3],
    ['512M', 512 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['1000', 1000],
    ['8GB', undefined],
    ['1000iB', undefined],
    ['big', undefined],
  ])('%s', (given, want) => {
    expect(parseSize(given)).toBe(want);
  });
  test('are written with the largest unit that divides them', () => {
    expect([8 * 1024 ** 3, 1536 * 1024 ** 2, 1000, 0].map(formatSize)).toEqual(['8G', '1536M', '1000', '0T']);
  });
});

describe('beside the client', () => {
  // Two implementations, written apart: what the server reads must be what the client reads.
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const net = fc.record(
    {
      name: word,
      bridge: word,
      firewall: fc.constantFrom('1', '0', 'on', 'no'),
      hwaddr: fc.constant('BC:24:11:00:00:01'),
      tag: fc.integer({ min: 1, max: 4094 }).map(String),
      ip: fc.constantFrom('dhcp', 'manual', '10.0.0.5/24'),
    },
    { requiredKeys: ['name'] },
  );
  test('both read the same', () => {
    fc.assert(
      fc.property(net, fc.integer({ min: 0, max: 5 }), (values, turn) => {
        const pairs = Object.entries(values).map(([key, value]) => `${key}=${value}`);
        const text = [...pairs.slice(turn % pairs.length), ...pairs.slice(0, turn % pairs.length)].join(',');
        const server = splitPropertyString(lxcNet, text);
        const client = decodeProperties<Record<string, unknown>>(lxcNet, text);
        const shown = Object.entries(client).map(([key, value]) => [
          key,
          typeof value === 'boolean' ? (value ? '1' : '0') : String(value),
        ]);
        expect({ ...server }).toEqual(Object.fromEntries(shown));
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});

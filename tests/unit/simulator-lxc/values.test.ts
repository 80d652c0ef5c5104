import { describe, expect, it } from 'vitest';
import { configDigest, configText } from '../../../src/simulator/model/digest.ts';
import { effectOfDelete, effectOfSet } from '../../../src/simulator/model/hotplug.ts';
import {
  addUnused,
  apiValue,
  cleanupPending,
  commit,
  pendingRows,
  shownConfig,
  storedValue,
} from '../../../src/simulator/model/lxc-config.ts';
import { linkLocalAddress, randomMac } from '../../../src/simulator/model/mac.ts';
import {
  completeNet,
  newVolume,
  parseMount,
  printMount,
} from '../../../src/simulator/model/property-values.ts';
import type { SimContainer } from '../../../src/simulator/model/state.ts';

function container(config: Record<string, string>, more: Partial<SimContainer> = {}): SimContainer {
  return {
    vmid: 100,
    node: 'pve1',
    config,
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: null,
    createdAtMs: 0,
    raw: [],
    ...more,
  };
}

describe('values as the config file keeps them', () => {
  it.each([
    ['memory', '007', '7'],
    ['hostname', '  web ', 'web'],
    ['tags', '', ' '],
    ['description', 'a\n\nb', 'a\n\nb\n'],
    ['description', '  # t\n\n\n', '  # t\n'],
    ['description', '', undefined],
    ['description', '0', undefined],
    ['env', 'A=1 \0 B=two words', 'A=1\0B=two words'],
    ['cpulimit', '1.50', '1.50'],
  ])('%s %j', (key, given, want) => {
    expect(storedValue(key, given)).toBe(want);
  });

  it('have no room for newlines', () => {
    expect(() => storedValue('hostname', 'a\nb')).toThrow(
      "detected invalid newline inside property 'hostname'",
    );
  });

  it.each([
    ['memory', '512', 512],
    ['onboot', '0', 0],
    ['cpulimit', '2', '2'],
    ['hostname', '5', '5'],
    ['net0', 'name=eth0', 'name=eth0'],
    ['snaptime', '77', 77],
    ['parent', 's1', 's1'],
  ])('are shown: %s %s', (key, given, want) => {
    expect(apiValue(key, given)).toBe(want);
  });
});

describe('nets', () => {
  it('get type and a MAC address; booleans become 0 or 1', () => {
    expect(completeNet('bridge=vmbr0,name=eth0,firewall=yes', () => 'NEW')).toEqual({
      bridge: 'vmbr0',
      name: 'eth0',
      firewall: '1',
      type: 'veth',
      hwaddr: 'NEW',
    });
    expect(completeNet('name=eth0,hwaddr=0a:00:00:00:00:01', () => 'NEW')['hwaddr']).toBe(
      '0a:00:00:00:00:01',
    );
  });
});

describe('mounts', () => {
  it.each([
    ['rootfs', 'local:8', { kind: 'volume', volume: 'local:8', options: {} }],
    ['mp0', '/dev/sda1,mp=/x', { kind: 'device', volume: '/dev/sda1', options: { mp: '/x' } }],
    ['mp0', '/srv,mp=/x,ro=on', { kind: 'bind', volume: '/srv', options: { mp: '/x', ro: '1' } }],
    [
      'mp0',
      'mp=/x,volume=a1:v,size=1.5G',
      { kind: 'volume', volume: 'a1:v', sizeBytes: 1610612736, options: { mp: '/x' } },
    ],
  ])('%s %s', (key, text, want) => {
    expect(parseMount(key, text)).toEqual(want);
  });

  it('print in the server’s order with the largest exact unit', () => {
    const mount = parseMount('mp0', 'size=524352K,backup=1,mp=/d,volume=a1:v,acl=no');
    expect(printMount('mp0', mount)).toBe('a1:v,mp=/d,acl=0,backup=1,size=524352K');
    expect(printMount('mp0', { ...mount, sizeBytes: 0 })).toContain('size=0T');
  });

  it('that are not set miss what is required', () => {
    expect(() => parseMount('mp5', undefined)).toThrow(
      expect.objectContaining({
        status: 500,
        message: 'format error',
        errors: expect.objectContaining({ mp: expect.any(String), volume: expect.any(String) }),
      }),
    );
  });

  it.each([
    ['local:8', 8 * 1024],
    ['local:0.3', 307],
    ['local:0', 0],
  ])('%s asks for a new volume', (text, mebibytes) => {
    expect(newVolume(text)).toEqual({ storage: 'local', sizeBytes: mebibytes * 1024 ** 2 });
  });

  it.each(['local:vm-100-disk-0', 'local', '8', '/srv'])('%s does not', (text) => {
    expect(newVolume(text)).toBeUndefined();
  });
});

describe('hot-plugging', () => {
  it.each([
    ['net9', false, 'network'],
    ['net31', true, 'network'],
    ['mp0', false, 'disk'],
    ['mp0', true, 'pending'],
    ['dev3', false, 'disk'],
    ['dev3', true, 'pending'],
    ['cores', true, 'config'],
    ['memory', true, 'cgroup'],
    ['rootfs', true, 'pending'],
    ['template', false, 'pending'],
  ] as const)('setting %s (set before: %s): %s', (key, isSet, effect) => {
    expect(effectOfSet(key, isSet)).toBe(effect);
  });

  it.each([
    ['net9', 'network'],
    ['net10', 'pending'],
    ['unused0', 'disk'],
    ['mp0', 'pending'],
    ['swap', 'cgroup'],
    ['lock', 'config'],
    ['nameserver', 'pending'],
  ] as const)('deleting %s: %s', (key, effect) => {
    expect(effectOfDelete(key)).toBe(effect);
  });
});

describe('pending changes', () => {
  const waiting = container(
    { hostname: 'a', nameserver: '1.1.1.1', onboot: '0', memory: '512' },
    {
      pending: { nameserver: '9.9.9.9', tty: '3' },
      pendingDelete: { nameserver: false, onboot: false, cmode: true },
    },
  );

  it('are merged, and what is to be deleted is left out if it is true', () => {
    const shown = shownConfig(waiting, false);
    expect(shown).toMatchObject({ hostname: 'a', tty: 3, onboot: 0 });
    expect(shown).not.toHaveProperty('nameserver');
    expect(shownConfig(waiting, true)).toMatchObject({ nameserver: '1.1.1.1', onboot: 0 });
  });

  it('have a row for each key', () => {
    const rows = pendingRows(waiting);
    const row = (key: string): unknown => rows.find((candidate) => candidate.key === key);
    expect(row('nameserver')).toEqual({ key: 'nameserver', value: '1.1.1.1', pending: '9.9.9.9', delete: 1 });
    expect(row('tty')).toEqual({ key: 'tty', pending: 3 });
    expect(row('cmode')).toEqual({ key: 'cmode', delete: 2 });
    expect(row('digest')).toEqual({ key: 'digest', value: configDigest(waiting) });
  });

  it('disappear when they change nothing', () => {
    const draft = {
      config: { tty: '2', cmode: 'tty' },
      pending: { tty: '02', cmode: 'shell' },
      pendingDelete: { env: false, tty: false },
    };
    cleanupPending(draft);
    expect(draft.pending).toEqual({ cmode: 'shell' });
    expect(draft.pendingDelete).toEqual({ tty: false });
  });
});

describe('unused volumes', () => {
  it('get the lowest free number, once', () => {
    const config: Record<string, string> = { unused1: 'a1:x' };
    addUnused(config, 'a1:y');
    addUnused(config, 'a1:x');
    addUnused(config, 'a1:z');
    expect(config).toEqual({ unused0: 'a1:y', unused1: 'a1:x', unused2: 'a1:z' });
  });

  it('are forgotten when they are mounted again', () => {
    const ct = container({});
    commit(ct, {
      config: { unused0: 'a1:x', unused1: 'a1:y', mp0: 'a1:x,mp=/d' },
      pending: {},
      pendingDelete: {},
    });
    expect(ct.config).toEqual({ unused1: 'a1:y', mp0: 'a1:x,mp=/d' });
  });
});

describe('the config file', () => {
  const full = container(
    { memory: '512', description: 'naïve ✓\n# second: "q" %\n', env: 'A=1\0B=2', arch: 'amd64' },
    {
      pending: { tty: '1' },
      pendingDelete: { cmode: false, mp0: true },
      raw: [['lxc.apparmor.profile', 'unconfined']],
      snapshots: { s1: { name: 's1', snaptime: 5, description: 'one\n', config: { memory: '100' } } },
    },
  );

  it('has comments first, keys by name, then pending changes and snapshots', () => {
    expect(configText(full)).toBe(
      [
        '#na%C3%AFve %E2%9C%93',
        '## second%3A "q" %25',
        'arch: amd64',
        'memory: 512',
        'lxc.environment.runtime: A=1',
        'lxc.environment.runtime: B=2',
        'lxc.apparmor.profile: unconfined',
        '',
        '[pve:pending]',
        'delete: cmode,!mp0',
        'tty: 1',
        '',
        '[s1]',
        '#one',
        'memory: 100',
        'snaptime: 5',
        '',
      ].join('\n'),
    );
  });

  it('changes its digest with every part of it', () => {
    const digests = [
      full,
      { ...full, config: { ...full.config, memory: '513' } },
      { ...full, pending: {} },
      { ...full, pendingDelete: {} },
      { ...full, snapshots: {} },
      { ...full, raw: [] },
    ].map(configDigest);
    expect(new Set(digests).size).toBe(6);
    expect(digests[0]).toMatch(/^[0-9a-f]{40}$/);
    expect(configDigest(structuredClone(full))).toBe(digests[0]);
  });
});

describe('MAC addresses', () => {
  it('have the prefix of the datacenter', () => {
    expect(randomMac(() => 0.5)).toBe('BC:24:11:80:80:80');
    expect(randomMac(() => 0, '02')).toBe('02:00:00:00:00:00');
  });

  it('give link-local addresses', () => {
    expect(linkLocalAddress('BC:24:11:A6:7D:FD')).toBe('fe80::be24:11ff:fea6:7dfd');
    expect(linkLocalAddress('bc:24:11:89:0c:27')).toBe('fe80::be24:11ff:fe89:c27');
  });
});

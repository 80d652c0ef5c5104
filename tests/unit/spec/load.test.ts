import { describe, expect, it } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { load, withContainer, withEntries } from './support.ts';

function one(body: string): DesiredContainer {
  const { fleet, diagnostics } = load(withContainer(body));
  expect(diagnostics).toEqual([]);
  return fleet?.containers[0] as DesiredContainer;
}

function all(
  text: string,
  blueprints: Readonly<Record<string, string>> = {},
): Record<string, DesiredContainer> {
  const { fleet, diagnostics } = load(text, blueprints);
  expect(diagnostics).toEqual([]);
  return Object.fromEntries((fleet?.containers ?? []).map((container) => [container.key, container]));
}

describe('one container', () => {
  it('gets the documented defaults and nothing else', () => {
    expect(one('')).toEqual({
      key: 'web01',
      hostname: 'web01',
      vmid: 'auto',
      node: 'pve1',
      template: 'debian-13-standard_*',
      templateName: 'debian-13',
      unprivileged: true,
      compute: {},
      rootfs: { storage: 'local-lvm', sizeBytes: 8 * 1024 ** 3 },
      options: {},
      power: 'running',
      adopt: false,
      restart: 'ask',
      origin: { file: 'fleet.yaml', line: 4, column: 3, endLine: 4, endColumn: 8 },
    });
  });

  it('carries every key over', () => {
    const container = one(`vmid: 101
hostname: www.example.org
adopt: true
templateStorage: shared
unprivileged: false
cores: 2
cpuLimit: 1.5
cpuUnits: 200
memory: 1.5GiB
swap: 0MiB
mounts:
  /data: { storage: local-lvm, size: 20GiB, backup: true, readOnly: false, acl: null, quota: true, replicate: false, shared: true, options: [noatime] }
  /srv: { source: /srv/shared }
nets:
  eth0: { bridge: vmbr0, ip: 10.0.0.5/24, gateway: 10.0.0.1, ip6: auto, mac: bc:24:11:00:00:01, vlan: 5, trunks: [6, 7], mtu: 1400, rate: 12.5, firewall: true, linkDown: false, hostManaged: true }
devices: { /dev/fuse: { mode: '0660', uid: 0, gid: 5, denyWrite: true } }
features: { nesting: true, mount: [nfs, cifs] }
onboot: true
protection: true
startup: { order: 1, up: 30, down: 60 }
nameserver: 1.1.1.1, 9.9.9.9
searchDomain: [example.org]
timezone: Europe/Vienna
tags: [web, Prod]
description: |
  Two
  lines
hookscript: local:snippets/hook.pl
cmode: shell
tty: 4
console: false
debug: true
arch: arm64
ostype: debian
entrypoint: /usr/bin/app --flag
env: { PORT: '8080', EMPTY: '' }
pool: lab/web
power: stopped
restart: never
sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here]
password: \${command:pass show x}`);
    expect(container).toMatchObject({
      vmid: 101,
      hostname: 'www.example.org',
      adopt: true,
      templateStorage: 'shared',
      unprivileged: false,
      compute: { cores: 2, cpuLimit: 1.5, cpuUnits: 200, memoryMiB: 1536, swapMiB: 0 },
      devices: { '/dev/fuse': { mode: '0660', uid: 0, gid: 5, denyWrite: true } },
      features: { nesting: true, mount: ['nfs', 'cifs'] },
      pool: 'lab/web',
      power: 'stopped',
      restart: 'never',
      access: {
        sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here'],
        password: { $secret: 'command:pass show x' },
      },
    });
    expect(container.mounts).toEqual({
      '/data': {
        storage: 'local-lvm',
        sizeBytes: 20 * 1024 ** 3,
        backup: true,
        readOnly: false,
        acl: null,
        quota: true,
        replicate: false,
        shared: true,
        options: ['noatime'],
      },
      '/srv': { source: '/srv/shared' },
    });
    expect(container.nets).toEqual({
      eth0: {
        bridge: 'vmbr0',
        ip: '10.0.0.5/24',
        gateway: '10.0.0.1',
        ip6: 'auto',
        mac: 'BC:24:11:00:00:01',
        vlan: 5,
        trunks: [6, 7],
        mtu: 1400,
        rateMBps: 12.5,
        firewall: true,
        linkDown: false,
        hostManaged: true,
      },
    });
    expect(container.options).toEqual({
      onboot: true,
      protection: true,
      startup: { order: 1, upSeconds: 30, downSeconds: 60 },
      nameservers: ['1.1.1.1', '9.9.9.9'],
      searchDomains: ['example.org'],
      timezone: 'Europe/Vienna',
      tags: ['web', 'Prod'],
      description: 'Two\nlines',
      hookscript: 'local:snippets/hook.pl',
      cmode: 'shell',
      tty: 4,
      console: false,
      debug: true,
      arch: 'arm64',
      ostype: 'debian',
      entrypoint: '/usr/bin/app --flag',
      env: { PORT: '8080', EMPTY: '' },
    });
  });

  it('keeps null as "must be unset", and as "none" for interfaces, mounts and devices', () => {
    const container = one(
      'cores: null\ntags: null\nfeatures: null\nenv: null\nnets: null\nmounts: null\ndevices: null\npassword: null',
    );
    expect(container).toMatchObject({
      compute: { cores: null },
      features: null,
      nets: {},
      mounts: {},
      devices: {},
    });
    expect(container.options).toEqual({ tags: null, env: null });
    expect(container.access).toBeUndefined();
  });

  it('takes SSH keys from the environment, one per line', () => {
    const text = withContainer(`sshKeys: ['\${env:KEYS}']`);
    const { fleet } = load(
      text,
      {},
      { readEnvironment: (name) => (name === 'KEYS' ? 'one\n\ntwo\n' : undefined) },
    );
    expect(fleet?.containers[0]?.access).toEqual({ sshKeys: ['one', 'two'] });
  });
});

describe('layers', () => {
  it('merges defaults, blueprints and entry member by member', () => {
    const { a } = all(
      withEntries(
        `a:
  blueprint: [one, two]
  memory: 3GiB
  features: { fuse: true }
  startup: { up: 5 }
  nets: { eth0: { ip: 10.0.0.5/24 } }`,
        'blueprints:\n  two: { cores: 2, memory: 2GiB, tags: [two], startup: { order: 2 }, nets: { eth0: { firewall: true } } }',
      ),
      {
        one: 'cores: 1\nmemory: 1GiB\ntags: [one]\nnets: { eth0: { bridge: vmbr0 } }\nfeatures: { nesting: true }\n',
      },
    );
    expect(a).toMatchObject({
      compute: { cores: 2, memoryMiB: 3072 },
      features: { nesting: true, fuse: true },
      nets: { eth0: { bridge: 'vmbr0', firewall: true, ip: '10.0.0.5/24' } },
      options: { tags: ['two'], startup: { order: 2, upSeconds: 5 } },
    });
  });

  it('lets whoever names a blueprint win over it', () => {
    const head = 'blueprints: { small: { memory: 1GiB, cores: 1 }, big: { memory: 9GiB } }';
    const { a, b, c } = all(
      withEntries('a: {}\nb: { blueprint: big }\nc: { blueprint: null }', head).replace(
        'defaults: {',
        'defaults: { blueprint: small, memory: 2GiB,',
      ),
    );
    expect(a?.compute).toEqual({ memoryMiB: 2048, cores: 1 });
    expect(b?.compute).toEqual({ memoryMiB: 9216 });
    expect(c?.compute).toEqual({ memoryMiB: 2048 });
  });

  it('drops inherited members with null', () => {
    const { a } = all(
      withEntries('a: { mounts: { /tmp/a: null }, nets: { eth1: null }, env: { A: null } }').replace(
        'defaults: {',
        "defaults: { mounts: { /tmp/a: { storage: ab, size: 1GiB }, /b: { source: /b } }, nets: { eth0: { bridge: vmbr0 }, eth1: { bridge: vmbr1 } }, env: { A: '1', B: '2' },",
      ),
    );
    expect(Object.keys(a?.mounts ?? {})).toEqual(['/b']);
    expect(Object.keys(a?.nets ?? {})).toEqual(['eth0']);
    expect(a?.options.env).toEqual({ B: '2' });
  });

  it('prefers a blueprint of the file to one of the same name elsewhere', () => {
    const { a } = all(withEntries('a: { blueprint: web }', 'blueprints: { web: { cores: 7 } }'), {
      web: 'cores: 1\n',
    });
    expect(a?.compute.cores).toBe(7);
  });

  it('reads each blueprint once', () => {
    const reads: string[] = [];
    load(
      withEntries('a: { blueprint: web }\nb: { blueprint: web }\nc: { blueprint: web }'),
      {},
      {
        readBlueprint: (name) => {
          reads.push(name);
          return { file: `${name}.yaml`, text: 'cores: 1\n' };
        },
      },
    );
    expect(reads).toEqual(['web']);
  });

  it('resolves aliases of templates: own ones first, then those of the catalogue, else as it stands', () => {
    const { a, b, c } = all(
      withEntries(
        'a: { template: own }\nb: { template: alpine-3.24 }\nc: { template: "debian-12-*" }',
        'templates: { own: local:vztmpl/own.tar.zst }',
      ),
    );
    expect([a?.template, b?.template, c?.template]).toEqual([
      'local:vztmpl/own.tar.zst',
      'alpine-3.24-default_*',
      'debian-12-*',
    ]);
  });
});

describe('counted entries', () => {
  it('expands numbers in names, nodes, ids, addresses and more', () => {
    const containers = all(
      withEntries(`worker-{nn}:
  count: 3
  vmid: '{200+n}'
  hostname: 'w{n}.example.org'
  node: 'pve{n%3+1}'
  description: 'number {n} of {{3}}'
  nets: { eth0: { bridge: vmbr0, ip: '10.0.0.{10+n}/24', mac: 'BC:24:11:00:00:{nn}', vlan: '{100+n}' } }`),
    );
    expect(Object.keys(containers)).toEqual(['worker-01', 'worker-02', 'worker-03']);
    expect(containers['worker-02']).toMatchObject({
      hostname: 'w2.example.org',
      vmid: 202,
      node: 'pve3',
      options: { description: 'number 2 of {3}' },
      nets: { eth0: { ip: '10.0.0.12/24', mac: 'BC:24:11:00:00:02', vlan: 102 } },
      origin: { line: 5, column: 3 },
    });
  });

  it('takes the name from the key or from name', () => {
    const containers = all(withEntries('x: { count: 2, name: "y-{n}" }\nnone-{n}: { count: 0 }'));
    expect(Object.keys(containers)).toEqual(['y-1', 'y-2']);
  });

  it('expands students', () => {
    const { fleet, diagnostics } = load(`version: 1
fleet: class
defaults: { node: pve1, template: debian-13, rootfs: { storage: local-lvm, size: 8GiB } }
students: { count: 30, nets: { eth0: { bridge: vmbr0, ip: '10.1.0.{100+n}/24' } } }
`);
    expect(diagnostics).toEqual([]);
    expect(fleet?.containers).toHaveLength(30);
    expect(fleet?.containers[6]).toMatchObject({
      key: 'student-07',
      nets: { eth0: { ip: '10.1.0.107/24' } },
    });
  });

  it('leaves braces in the description of an entry that is not counted alone', () => {
    expect(one("description: 'see {docs} and {n}'").options.description).toBe('see {docs} and {n}');
  });
});

it('has a range of ids by default, and takes another', () => {
  expect(load(withEntries('a: {}')).fleet?.vmids).toEqual({ from: 100, to: 999 });
  expect(load(withEntries('a: {}', 'vmids: { from: 5000, to: 5009 }')).fleet?.vmids).toEqual({
    from: 5000,
    to: 5009,
  });
});

it('accepts an empty fleet that is written as such', () => {
  expect(load('version: 1\nfleet: lab\ncontainers: {}\n').fleet?.containers).toEqual([]);
});

it('cannot be fooled by names of Object.prototype', () => {
  const { diagnostics } = load(
    withEntries('a: { blueprint: constructor, template: toString, dependsOn: [__proto__] }\n__proto__: {}'),
  );
  expect(diagnostics.map(({ code }) => code)).toEqual(['SPEC_BLUEPRINT', 'SPEC_NAME', 'SPEC_NAME']);
});

it('loads a thousand containers fast', () => {
  const entries = Array.from(
    { length: 1000 },
    (_, i) =>
      `web${i}: { blueprint: web, vmid: ${5000 + i}, nets: { eth0: { bridge: vmbr0, ip: 10.${i >> 8}.${i & 255}.5/16 } } }`,
  );
  const text = withEntries(entries.join('\n'));
  const started = performance.now();
  const { fleet } = load(text, { web: 'cores: 2\nmemory: 1GiB\n' });
  expect(fleet?.containers).toHaveLength(1000);
  // Some 0.3 s on an idle machine; the bound only catches what grows with the square.
  expect(performance.now() - started).toBeLessThan(4_000);
});

it('fills numbers into the old names of counted entries', () => {
  const { fleet, diagnostics } = load(withEntries("web-{n}: { count: 2, renamedFrom: 'www-{n}' }"));
  expect(diagnostics).toEqual([]);
  expect(fleet?.containers.map(({ key, renamedFrom }) => [key, renamedFrom])).toEqual([
    ['web-1', 'www-1'],
    ['web-2', 'www-2'],
  ]);
});

describe('placement and capacity', () => {
  const file = `version: 1
fleet: lab
placement: { strategy: pack, nodes: [pve1, pve2] }
capacity: { memoryOvercommit: 1.5, storageOvercommit: 2 }
defaults: { node: auto, template: debian-13, rootfs: { storage: local-lvm, size: 8GiB } }
containers:
  a:
  b: { placement: { strategy: spread, nodes: null, antiAffinity: db } }
  c: { node: pve3 }
  d: { placement: { antiAffinity: [db, web] } }
`;

  it('is what the container says, else what the file says, and only where the node is auto', () => {
    const containers = all(file);
    expect(Object.values(containers).map(({ node, placement }) => [node, placement])).toEqual([
      ['auto', { strategy: 'pack', nodes: ['pve1', 'pve2'] }],
      ['auto', { strategy: 'spread', antiAffinity: ['db'] }],
      ['pve3', undefined],
      ['auto', { strategy: 'pack', nodes: ['pve1', 'pve2'], antiAffinity: ['db', 'web'] }],
    ]);
    expect(load(file).fleet?.capacity).toEqual({ memoryOvercommit: 1.5, storageOvercommit: 2 });
  });

  it.each([
    ['strategy: pack', 'strategy: tight'],
    ['memoryOvercommit: 1.5', 'memoryOvercommit: 0'],
    ['nodes: [pve1, pve2]', 'nodes: [pve1.example.org]'],
    ['nodes: [pve1, pve2]', 'noodes: [pve1]'],
  ])('%s is checked: %s', (right, wrong) => {
    const { fleet, diagnostics } = load(file.replace(right, wrong));
    expect(fleet).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.range?.line).toBeGreaterThan(2);
  });
});

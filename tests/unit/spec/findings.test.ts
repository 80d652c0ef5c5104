import { describe, expect, it } from 'vitest';
import { load, summary, unmark, withContainer, withEntries } from './support.ts';

type Case = [name: string, marked: string, code: string, hint?: string];

function check(cases: readonly Case[], wrap: (body: string) => string): void {
  it.each(cases)('%s', (_name, marked, code, hint) => {
    const { text, at } = unmark(wrap(marked));
    const result = load(text);
    expect(summary(result)).toEqual([`fleet.yaml ${at} ${code}`]);
    if (hint !== undefined) expect(result.diagnostics[0]?.hint).toBe(hint);
    expect(result.fleet === undefined).toBe(result.diagnostics[0]?.severity === 'error');
  });
}

describe('YAML itself', () => {
  check(
    [
      ['an empty file', '«»', 'SPEC_MISSING'],
      ['a list instead of a map', '«- a»\n', 'SPEC_TYPE'],
      ['a key twice', 'version: 1\nfleet: a\n«fleet»: b\ncontainers: {}\n', 'SPEC_DUPLICATE_KEY'],
      ['a tab as indentation', 'version: 1\ncontainers:\n«\t»a: {}\n', 'SPEC_YAML', 'indent with blanks'],
      ['a colon in plain text', 'fleet: «a»: b\n', 'SPEC_YAML'],
      ['quotes that are not closed', 'fleet: "lab\n«»', 'SPEC_YAML', 'close the quotes'],
      ['braces in a flow map', 'fleet: { ip: 10.0.0.«{»n}/24 }\n', 'SPEC_YAML'],
      ['two documents', 'version: 1\n«---\nfleet: a\n»', 'SPEC_YAML'],
      ['an alias without anchor', 'version: 1\nfleet: «*x»\ncontainers: {}\n', 'SPEC_YAML'],
      ['an alias inside its own anchor', 'version: 1\nfleet: lab\ncontainers: &a { x: «*a» }\n', 'SPEC_YAML'],
      ['an unknown tag', 'version: 1\nfleet: «!foo» lab\ncontainers: {}\n', 'SPEC_YAML'],
      ['an older YAML', '«»%YAML 1.1\n---\nversion: 1\nfleet: lab\ncontainers: {}\n', 'SPEC_YAML'],
      ['deep nesting', `«»fleet: ${'['.repeat(600)}\n`, 'SPEC_LIMIT'],
    ],
    (body) => body,
  );

  it('reports every syntax error of the file, but one per line', () => {
    const result = load('version: 1\nfleet: a: b: c\ncontainers: { a: b{c} }\nx: d: e\n');
    expect(result.diagnostics.map(({ range }) => range?.line)).toEqual([2, 3, 4]);
  });

  it('stops an alias bomb', () => {
    const bomb = ['a: &a [1,1,1,1,1,1,1,1,1,1]'];
    for (const name of 'bcdefghijk')
      bomb.push(
        `${name}: &${name} [${Array(10)
          .fill(`*${String.fromCharCode(name.charCodeAt(0) - 1)}`)
          .join(',')}]`,
      );
    const started = performance.now();
    const { diagnostics, fleet } = load(`${bomb.join('\n')}\n`);
    expect(fleet).toBeUndefined();
    expect(diagnostics.map(({ code }) => code)).toContain('SPEC_LIMIT');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('follows plain aliases and points at the anchor', () => {
    const result = load(`version: 1
fleet: lab
defaults: { node: pve1, template: debian-13, rootfs: &disk { storage: local-lvm, size: 8 } }
containers:
  a: { rootfs: *disk }
  b: { rootfs: *disk }
`);
    expect(summary(result)).toEqual(['fleet.yaml 3:88-3:89 SPEC_SIZE']);
  });
});

describe('top of the file', () => {
  check(
    [
      ['no version', '«»fleet: lab\ncontainers: {}\n', 'SPEC_MISSING', "add 'version: 1'"],
      ['a later version', 'version: «2»\nfleet: lab\ncontainers: {}\n', 'SPEC_VERSION'],
      ['no name', '«»version: 1\ncontainers: {}\n', 'SPEC_MISSING'],
      ['a bad name', 'version: 1\nfleet: «My Lab»\ncontainers: {}\n', 'SPEC_NAME', "did you mean 'my-lab'?"],
      ['no containers', '«»version: 1\nfleet: lab\n', 'SPEC_MISSING'],
      [
        'an unknown key',
        'version: 1\nfleet: lab\n«contaniers»: {}\ncontainers: {}\n',
        'SPEC_UNKNOWN_KEY',
        "did you mean 'containers'?",
      ],
      [
        'a range that ends before it begins',
        'version: 1\nfleet: lab\nvmids: { from: 300, to: «200» }\ncontainers: {}\n',
        'SPEC_RANGE',
      ],
      [
        'a range below 100',
        'version: 1\nfleet: lab\nvmids: { from: «1», to: 200 }\ncontainers: {}\n',
        'SPEC_RANGE',
      ],
      ['half a range', 'version: 1\nfleet: lab\n«vmids»: { from: 100 }\ncontainers: {}\n', 'SPEC_MISSING'],
      [
        'a bad alias of a template',
        'version: 1\nfleet: lab\ntemplates: { own: «a b» }\ncontainers: {}\n',
        'SPEC_TEMPLATE',
      ],
      [
        'a vmid in the defaults',
        'version: 1\nfleet: lab\ndefaults: { «vmid»: 100 }\ncontainers: {}\n',
        'SPEC_UNKNOWN_KEY',
        'it belongs to the entry of a container',
      ],
      [
        'students without count',
        'version: 1\nfleet: lab\ndefaults: { node: pve1, template: debian-13, rootfs: { storage: ab, size: 1GiB } }\n«students»: {}\n',
        'SPEC_MISSING',
      ],
    ],
    (body) => body,
  );
});

describe('values of one container', () => {
  check(
    [
      ['an unknown key', '«memroy»: 1GiB', 'SPEC_UNKNOWN_KEY', "did you mean 'memory'?"],
      ['a key of the API', '«net0»: name=eth0', 'SPEC_UNKNOWN_KEY'],
      ['a word of other tools', '«ram»: 1GiB', 'SPEC_UNKNOWN_KEY', "did you mean 'memory'?"],
      ['another spelling', '«cpu_limit»: 1', 'SPEC_UNKNOWN_KEY', "did you mean 'cpuLimit'?"],
      ['a merge key', '«<<»: {}', 'SPEC_UNKNOWN_KEY'],
      ['a decimal unit', 'memory: «512MB»', 'SPEC_SIZE', 'did you mean 512MiB?'],
      ['no unit', 'memory: «512»', 'SPEC_SIZE', 'did you mean 512MiB?'],
      ['no unit, few', 'memory: «2»', 'SPEC_SIZE', 'did you mean 2GiB?'],
      ['no unit, as text', "swap: «'512'»", 'SPEC_SIZE', 'did you mean 512MiB?'],
      ['no size at all', 'memory: «lots»', 'SPEC_SIZE'],
      ['a list for a size', 'memory: «[1GiB]»', 'SPEC_TYPE'],
      ['part of a MiB', 'memory: «1000KiB»', 'SPEC_SIZE'],
      ['too little memory', 'memory: «8MiB»', 'SPEC_RANGE'],
      ['negative swap', 'swap: «-1MiB»', 'SPEC_RANGE'],
      ['memory that is null', 'memory: «null»', 'SPEC_TYPE'],
      ['a value that is missing', 'memory:«»', 'SPEC_TYPE', 'a value is missing'],
      ['no cores', 'cores: «0»', 'SPEC_RANGE'],
      ['part of a core', 'cores: «1.5»', 'SPEC_TYPE'],
      ['cores as text', 'cores: «"2"»', 'SPEC_TYPE', 'did you mean 2, without quotes?'],
      ['a negative limit', 'cpuLimit: «-1»', 'SPEC_RANGE'],
      ['too many units', 'cpuUnits: «500000»', 'SPEC_RANGE'],
      ['too many ttys', 'tty: «7»', 'SPEC_RANGE'],
      ['a YAML 1.1 boolean', 'onboot: «yes»', 'SPEC_TYPE', 'did you mean true?'],
      ['a choice with a slip', 'power: «runing»', 'SPEC_VALUE', 'did you mean running?'],
      ['a choice in the wrong case', 'cmode: «Shell»', 'SPEC_VALUE', 'did you mean shell?'],
      ['a vmid below 100', 'vmid: «99»', 'SPEC_VMID'],
      ['a vmid above the most', 'vmid: «1000000000»', 'SPEC_VMID'],
      ['a vmid as word', 'vmid: «next»', 'SPEC_TYPE'],
      ['a bad host name', 'hostname: «web_01»', 'SPEC_NAME', "did you mean 'web-01'?"],
      ['a long label', `hostname: «${'a'.repeat(64)}»`, 'SPEC_NAME'],
      ['a storage of one letter', 'templateStorage: «a»', 'SPEC_NAME'],
      ['a bad tag', 'tags: [ok, «a b»]', 'SPEC_TAG'],
      ['the reserved tag', 'tags: [«pvefleet»]', 'SPEC_RESERVED'],
      ['tags as text', 'tags: «web»', 'SPEC_TYPE', 'did you mean [web]?'],
      ['a number as tag', 'tags: [«5»]', 'SPEC_TYPE'],
      ['the ownership line', 'description: «"a <!-- pvefleet fleet=x key=y -->"»', 'SPEC_RESERVED'],
      ['the ownership line beside braces', 'description: «"{x} <!-- pvefleet fleet=x -->"»', 'SPEC_RESERVED'],
      ['a name server by name', 'nameserver: «dns.example.org»', 'SPEC_ADDRESS'],
      ['a bad search domain', 'searchDomain: [«a..b»]', 'SPEC_NAME'],
      ['a bad time zone', 'timezone: «cest!»', 'SPEC_VALUE'],
      ['an unknown time zone', 'timezone: «Europe/Vienne»', 'SPEC_TIMEZONE', 'did you mean Europe/Vienna?'],
      ['a hook script by path', 'hookscript: «/root/x.sh»', 'SPEC_VALUE'],
      ['a pool with blanks', 'pool: «a b»', 'SPEC_NAME'],
      [
        'an unknown key of startup',
        'startup: { order: 1, «upp»: 3 }',
        'SPEC_UNKNOWN_KEY',
        "did you mean 'up'?",
      ],
      ['a negative order', 'startup: { order: «-1» }', 'SPEC_RANGE'],
      ['an unknown feature', 'features: { «nestign»: true }', 'SPEC_UNKNOWN_KEY', "did you mean 'nesting'?"],
      ['a type of file system', 'features: { mount: [nfs, «ext 4»] }', 'SPEC_VALUE'],
      ['an empty text', 'timezone: «" "»', 'SPEC_VALUE'],
      ['an empty list as text', 'nameserver: «","»', 'SPEC_VALUE'],
      ['a number for a list', 'nameserver: «5»', 'SPEC_TYPE'],
      ['a control character in env', 'env: { A: «"a\\nb"» }', 'SPEC_VALUE'],
      ['a storage that is a number', 'templateStorage: «5»', 'SPEC_TYPE', "did you mean '5', in quotes?"],
      ['features as list', 'features: «[nesting]»', 'SPEC_TYPE'],
      ['a number in env', 'env: { PORT: «8080» }', 'SPEC_TYPE', "did you mean '8080', in quotes?"],
      ['a bad variable', 'env: { «A-B»: x }', 'SPEC_NAME'],
      ['a secret in env', `env: { A: «'\${env:X}'» }`, 'SPEC_SECRET'],
      ['a literal password', 'password: «hunter2»', 'SPEC_SECRET'],
      ['a number as password', 'password: «12345»', 'SPEC_SECRET'],
      ['a bad reference', `password: «\${vault:x}»`, 'SPEC_SECRET'],
      ['no SSH key', 'sshKeys: [«ssh-rsa x»]', 'SPEC_VALUE'],
      ['a private key', 'sshKeys: [«"-----BEGIN OPENSSH PRIVATE KEY-----"»]', 'SPEC_SECRET'],
      ['an SSH key from nowhere', `sshKeys: [«'\${env:KEY}'»]`, 'SPEC_ENVIRONMENT'],
      ['a device that is none', 'devices: { «/etc/passwd»: {} }', 'SPEC_PATH'],
      ['a mode as number', 'devices: { /dev/fuse: { mode: «0660» } }', 'SPEC_VALUE'],
      ['adopt without vmid', 'adopt: «true»', 'SPEC_VMID'],
      ['a blueprint by path', 'blueprint: «templates/web»', 'SPEC_NAME'],
      ['an unknown blueprint', 'blueprint: [«web»]', 'SPEC_BLUEPRINT'],
      ['name without count', '«name»: x', 'SPEC_COUNT'],
      ['a number to fill in, but no count', 'hostname: «web-{n}»', 'SPEC_NUMBERING'],
      [
        'a quota in an unprivileged container',
        'mounts: { /a: { storage: ab, size: 1GiB, quota: «true» } }',
        'SPEC_MOUNT',
      ],
    ],
    withContainer,
  );

  it('says which key is missing, for the whole way', () => {
    const { diagnostics } = load(
      'version: 1\nfleet: lab\ncontainers:\n  a: {}\n  b: { rootfs: { size: 8GiB } }\n',
    );
    expect(diagnostics.map(({ message, range }) => `${range?.line}:${range?.column} ${message}`)).toEqual([
      "4:3 'node' is missing",
      "4:3 'template' is missing",
      "4:3 'rootfs.storage' is missing",
      "4:3 'rootfs.size' is missing",
      "5:3 'node' is missing",
      "5:3 'template' is missing",
      "5:8 'rootfs.storage' is missing",
    ]);
  });
});

describe('networks and mounts', () => {
  check(
    [
      [
        'no prefix length',
        'nets: { eth0: { bridge: vmbr0, ip: «10.0.0.5» } }',
        'SPEC_ADDRESS',
        'did you mean 10.0.0.5/24?',
      ],
      [
        'a prefix length out of range',
        'nets: { eth0: { bridge: vmbr0, ip: «10.0.0.5/33» } }',
        'SPEC_ADDRESS',
      ],
      ['no address', 'nets: { eth0: { bridge: vmbr0, ip: «10.0.0.256/24» } }', 'SPEC_ADDRESS'],
      ['a network address', 'nets: { eth0: { bridge: vmbr0, ip: «10.0.0.0/24» } }', 'SPEC_ADDRESS'],
      ['a broadcast address', 'nets: { eth0: { bridge: vmbr0, ip: «10.0.0.255/24» } }', 'SPEC_ADDRESS'],
      ['IPv6 in ip', 'nets: { eth0: { bridge: vmbr0, ip: «fd00::1/64» } }', 'SPEC_ADDRESS'],
      ['auto in ip', 'nets: { eth0: { bridge: vmbr0, ip: «auto» } }', 'SPEC_ADDRESS'],
      [
        'a gateway outside',
        'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24, gateway: «10.0.1.1» } }',
        'SPEC_GATEWAY',
      ],
      [
        'a gateway that is oneself',
        'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24, gateway: «10.0.0.5» } }',
        'SPEC_GATEWAY',
      ],
      [
        'a gateway with dhcp',
        'nets: { eth0: { bridge: vmbr0, ip: dhcp, gateway: «10.0.0.1» } }',
        'SPEC_GATEWAY',
      ],
      [
        'a gateway with prefix length',
        'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24, gateway: «10.0.0.1/24» } }',
        'SPEC_ADDRESS',
        'did you mean 10.0.0.1?',
      ],
      [
        'an IPv6 gateway outside',
        'nets: { eth0: { bridge: vmbr0, ip6: "fd00::5/64", gateway6: «"fd01::1"» } }',
        'SPEC_GATEWAY',
      ],
      ['no bridge', 'nets: { «eth0»: { ip: dhcp } }', 'SPEC_MISSING'],
      ['an interface name', 'nets: { «averyveryverylongname»: { bridge: vmbr0 } }', 'SPEC_NAME'],
      ['a multicast MAC', 'nets: { eth0: { bridge: vmbr0, mac: «01:00:5E:00:00:01» } }', 'SPEC_MAC'],
      [
        'a MAC with hyphens',
        'nets: { eth0: { bridge: vmbr0, mac: «bc-24-11-00-00-01» } }',
        'SPEC_MAC',
        "did you mean 'BC:24:11:00:00:01'?",
      ],
      ['a VLAN', 'nets: { eth0: { bridge: vmbr0, vlan: «4095» } }', 'SPEC_RANGE'],
      [
        'a key of the API',
        'nets: { eth0: { bridge: vmbr0, «gw»: 10.0.0.1 } }',
        'SPEC_UNKNOWN_KEY',
        "did you mean 'gateway'?",
      ],
      [
        'a relative path',
        'mounts: { «data»: { storage: ab, size: 1GiB } }',
        'SPEC_PATH',
        "did you mean '/data'?",
      ],
      [
        'a slash at the end',
        'mounts: { «/data/»: { storage: ab, size: 1GiB } }',
        'SPEC_PATH',
        "did you mean '/data'?",
      ],
      ['dots in a path', 'mounts: { «/data/../etc»: { storage: ab, size: 1GiB } }', 'SPEC_PATH'],
      ['the root as mount', 'mounts: { «/»: { storage: ab, size: 1GiB } }', 'SPEC_PATH'],
      ['a mount of nothing', 'mounts: { «/data»: { backup: true } }', 'SPEC_MOUNT'],
      ['a mount without size', 'mounts: { «/data»: { storage: ab } }', 'SPEC_MOUNT'],
      [
        'a mount of both',
        'mounts: { /data: { source: "ab:vm-1-disk-0", storage: «ab», size: 1GiB } }',
        'SPEC_MOUNT',
      ],
      ['a directory with size', 'mounts: { /data: { source: /srv, size: «1GiB» } }', 'SPEC_MOUNT'],
      ['a source that makes a volume', 'mounts: { /data: { source: «local-lvm:8» } }', 'SPEC_VALUE'],
      [
        'an unknown option',
        'mounts: { /data: { storage: ab, size: 1GiB, options: [«notime»] } }',
        'SPEC_VALUE',
        'did you mean noatime?',
      ],
    ],
    withContainer,
  );

  it.each([
    [
      'a /32 with a gateway elsewhere',
      'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/32, gateway: 192.168.0.1 } }',
    ],
    ['a link-local gateway', 'nets: { eth0: { bridge: vmbr0, ip6: "fd00::5/64", gateway6: "fe80::1" } }'],
    ['both ends of a /31', 'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.0/31, gateway: 10.0.0.1 } }'],
    ['a name server with zone', 'nameserver: [1.1.1.1, "fe80::1%eth0", "2001:db8::1"]'],
    ['an existing volume that grows', 'mounts: { /data: { source: "local-lvm:vm-101-disk-1", size: 9GiB } }'],
    ['a directory of the node', 'mounts: { /data: { source: /srv/data, readOnly: true } }'],
    [
      'null for what can be unset',
      'cores: null\ntags: null\nnets: null\ndescription: null\nstartup: null\nfeatures: null',
    ],
  ])('accepts %s', (_name, body) => {
    expect(summary(load(withContainer(body)))).toEqual([]);
  });
});

describe('between containers', () => {
  check(
    [
      ['a node with domain', 'a: { node: «pve1.example.org» }', 'SPEC_NAME', "use the short name: 'pve1'"],
      ['a quota on an unprivileged root disk', 'a: { rootfs: { quota: «true» } }', 'SPEC_MOUNT'],
      ['a list as entry', 'a: «[]»', 'SPEC_TYPE'],
      ['a bare size', 'a: { rootfs: { size: «8» } }', 'SPEC_SIZE', 'did you mean 8GiB?'],
      ['a path for a template', 'a: { template: «/tmp/x.tar» }', 'SPEC_TEMPLATE'],
      ['a host name twice', 'a: {}\nb: { hostname: «A» }', 'SPEC_DUPLICATE_HOSTNAME'],
      ['a vmid twice', 'a: { vmid: 101 }\nb: { vmid: «101» }', 'SPEC_DUPLICATE_VMID'],
      [
        'a MAC twice',
        'a: { nets: { eth0: { bridge: vmbr0, mac: "BC:24:11:00:00:01" } } }\nb: { nets: { eth0: { bridge: vmbr1, mac: «bc:24:11:00:00:01» } } }',
        'SPEC_DUPLICATE_MAC',
      ],
      [
        'an address twice',
        'a: { nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24 } } }\nb: { nets: { eth0: { bridge: vmbr0, ip: «10.0.0.5/16» } } }',
        'SPEC_DUPLICATE_ADDRESS',
      ],
      [
        'an IPv6 address in two spellings',
        'a: { nets: { eth0: { bridge: vmbr0, ip6: "fd00::5/64" } } }\nb: { nets: { eth0: { bridge: vmbr0, ip6: «"fd00:0::0005/64"» } } }',
        'SPEC_DUPLICATE_ADDRESS',
      ],
      [
        'an address twice in a counted entry',
        'a-{n}: { count: 3, nets: { eth0: { bridge: vmbr0, ip: «10.0.0.5/24» } } }',
        'SPEC_DUPLICATE_ADDRESS',
      ],
      ['a name of a counted entry and of another', 'a-1: {}\n«a-{n}»: { count: 2 }', 'SPEC_DUPLICATE_NAME'],
      [
        'an unknown dependency',
        'web01: {}\nb: { dependsOn: [«web1»] }',
        'SPEC_DEPENDS_ON',
        "did you mean 'web01'?",
      ],
      ['a circle', 'a: { dependsOn: [b] }\nb: { dependsOn: [c] }\nc: { dependsOn: [«a»] }', 'SPEC_CYCLE'],
      ['itself', 'a: { dependsOn: «a» }', 'SPEC_CYCLE'],
      ['an old name that is still there', 'a: {}\nb: { renamedFrom: «a» }', 'SPEC_RENAME'],
      ['an old name twice', 'b: { renamedFrom: a }\nc: { renamedFrom: «a» }', 'SPEC_RENAME'],
      ['its own name as the old one', 'b: { renamedFrom: «b» }', 'SPEC_RENAME'],
      ['a name of digits', '«101»: {}', 'SPEC_NAME'],
      ['a name with blanks', '«my web»: {}', 'SPEC_NAME', "did you mean 'my-web'?"],
      ['a name that is no host name', '«web_01»: {}', 'SPEC_NAME'],
      ['a fixed vmid for several', 'a-{n}: { count: 3, vmid: «300» }', 'SPEC_VMID'],
      ['one name for several', '«worker»: { count: 3 }', 'SPEC_COUNT', "did you mean 'worker-{n}'?"],
      [
        'an expression without quotes',
        'a-{n}: { count: 3, vmid: «{200+n}» }',
        'SPEC_TYPE',
        "put it in quotes: '{200+n}'",
      ],
      ['too many', 'a-{n}: { count: «10001» }', 'SPEC_RANGE'],
      [
        'an expression that is none',
        "a-{n}: { count: 3, hostname: 'x{n+}' }".replace("'x{n+}'", "«'x{n+}'»"),
        'SPEC_NUMBERING',
      ],
      [
        'an address that overflows',
        "a-{n}: { count: 300, nets: { eth0: { bridge: vmbr0, ip: «'10.0.0.{n}/16'» } } }",
        'SPEC_ADDRESS',
      ],
      ['an alias with a slip', 'a: { template: «debain-13» }', 'SPEC_TEMPLATE', "did you mean 'debian-13'?"],
    ],
    withEntries,
  );

  it('shows the first use as well', () => {
    const { diagnostics } = load(withEntries('a: { vmid: 101 }\nb: { vmid: 101 }'));
    expect(diagnostics[0]?.message).toBe("the VMID 101 is used by 'a' and 'b'");
    expect(diagnostics[0]?.related?.[0]?.range).toMatchObject({ line: 5, column: 14 });
  });

  it('lets networks that are not connected use the same addresses', () => {
    const net = (more: string): string => `{ nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24${more} } } }`;
    const text = withEntries(`a: ${net('')}\nb: ${net(', vlan: 5')}\nc: ${net(', vlan: 6')}`);
    expect(summary(load(text))).toEqual([]);
  });

  it.each([
    ['counted ones', 'vmids: { from: 100, to: 109 }', 'a-{n}: { count: 11 }', 1],
    [
      'fixed ids within the range',
      'vmids: { from: 100, to: 109 }',
      'a-{n}: { count: 10 }\nb: { vmid: 105 }',
      1,
    ],
    [
      'just enough',
      'vmids: { from: 100, to: 109 }',
      'a-{n}: { count: 9 }\nb: { vmid: 105 }\nc: { vmid: 500 }',
      0,
    ],
  ])('counts what the range holds: %s', (_name, head, body, findings) => {
    const codes = load(withEntries(body, head)).diagnostics.map(({ code }) => code);
    expect(codes).toEqual(Array(findings).fill('SPEC_VMIDS_EXHAUSTED'));
  });

  it('copes with a chain of dependencies as long as the fleet', () => {
    const chain = Array.from({ length: 3000 }, (_, i) => `c${i}: { dependsOn: [c${i + 1}] }`);
    const text = withEntries([...chain, 'c3000: {}'].join('\n'), 'vmids: { from: 1000, to: 9999 }');
    expect(summary(load(text))).toEqual([]);
  });
});

describe('findings in blueprints', () => {
  it('points into the file of the blueprint, once', () => {
    const result = load(withEntries('a: { blueprint: web }\nb: { blueprint: web }'), {
      web: 'blueprint: base\ncores: 0\n',
      base: 'memory: 512MB\n',
    });
    expect(summary(result)).toEqual(['web.yaml 2:8-2:9 SPEC_RANGE', 'base.yaml 1:9-1:14 SPEC_SIZE']);
    expect([...result.sources.keys()]).toEqual(['fleet.yaml', 'web.yaml', 'base.yaml']);
  });

  it('finds circles of blueprints', () => {
    const { diagnostics } = load(withEntries('a: { blueprint: web }'), {
      web: 'blueprint: base\n',
      base: 'blueprint: web\n',
    });
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'blueprints build upon each other: web → base → web',
    ]);
  });

  it('checks blueprints of the file that nobody uses', () => {
    const text = withEntries('a: {}', 'blueprints: { unused: { cores: «0» } }');
    const { text: plain, at } = unmark(text);
    expect(summary(load(plain))).toEqual([`fleet.yaml ${at} SPEC_RANGE`]);
  });

  it('reports a combination at the place where it was completed', () => {
    const { text, at } = unmark(
      withEntries('a: { blueprint: net, nets: { eth0: { gateway: «10.9.9.9» } } }'),
    );
    const result = load(text, { net: 'nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5/24 } }\n' });
    expect(summary(result)).toEqual([`fleet.yaml ${at} SPEC_GATEWAY`]);
  });
});

it('reports everything that is wrong in one go', () => {
  const result = load(`version: 1
fleet: Lab
vmids: { from: 300, to: 200 }
defaults: { node: pve1, template: debian-13, rootfs: { storage: local-lvm, size: 8 }, memroy: 1GiB }
containers:
  web01: { blueprint: nope, cores: "2", nets: { eth0: { bridge: vmbr0, ip: 10.0.0.5, gateway: 10.1.1.1 } } }
  web02: { hostname: web01, vmid: 99, dependsOn: web3, password: secret }
students: { name: 's-{nn}' }
`);
  expect(result.fleet).toBeUndefined();
  expect(summary(result).map((line) => line.split(' ').at(-1))).toEqual([
    'SPEC_NAME',
    'SPEC_RANGE',
    'SPEC_SIZE',
    'SPEC_UNKNOWN_KEY',
    'SPEC_BLUEPRINT',
    'SPEC_TYPE',
    'SPEC_ADDRESS',
    'SPEC_DUPLICATE_HOSTNAME',
    'SPEC_VMID',
    'SPEC_DEPENDS_ON',
    'SPEC_SECRET',
    'SPEC_MISSING',
  ]);
});

it('limits the number of interfaces', () => {
  const nets = Array.from({ length: 33 }, (_, i) => `e${i}: { bridge: vmbr0 }`).join(', ');
  expect(summary(load(withContainer(`nets: { ${nets} }`))).map((line) => line.split(' ').at(-1))).toEqual([
    'SPEC_RANGE',
  ]);
});

it('refuses a file of many megabytes without parsing it', () => {
  expect(summary(load(`# ${'x'.repeat(17 * 1024 ** 2)}\n`))).toEqual(['fleet.yaml 1:1-1:1 SPEC_LIMIT']);
});

it('accepts empty blueprints, and does not complain twice about a broken one', () => {
  const empty = withEntries('a: { blueprint: [none, file] }', 'blueprints: { none: }');
  expect(summary(load(empty, { file: '# nothing yet\n' }))).toEqual([]);
  const { text, at } = unmark(
    withEntries('a: { blueprint: bad }\nb: { blueprint: bad }', 'blueprints: { bad: «[]» }'),
  );
  expect(summary(load(text))).toEqual([`fleet.yaml ${at} SPEC_TYPE`]);
  expect(summary(load(withEntries('a: { blueprint: list }'), { list: '- a\n' }))).toEqual([
    'list.yaml 1:1-1:4 SPEC_TYPE',
  ]);
});

it('never quotes a password', () => {
  const { diagnostics } = load(withContainer('password: hunter2'));
  expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
});

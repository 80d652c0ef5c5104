/** Random fleets that are sound: what the file format can express. */
import fc from 'fast-check';
import type {
  DesiredContainer,
  DesiredFirewall,
  DesiredFirewallRule,
  DesiredFleet,
  DesiredMount,
  DesiredNet,
  DesiredOptions,
  DesiredSource,
} from '../../../src/domain/desired.ts';

const GiB = 1024 ** 3;
/** Members may be left out. */
const some = <T extends object>(model: { [K in keyof T]-?: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { requiredKeys: [] }) as unknown as fc.Arbitrary<T>;
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 4 });
const word = fc.stringMatching(/^[a-z][a-z0-9]{1,9}$/);
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const tag = fc.stringMatching(/^[a-z0-9_][a-z0-9_+.-]{0,12}$/).filter((text) => text !== 'pvefleet');
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .map((value) => value.replaceAll(/[\0-\x08\x0b-\x1f\x7f\u2028\u2029\ufeff]/g, '').trim())
  .filter((value) => value !== '');
const plain = fc.string({ maxLength: 20 }).filter((value) => !value.startsWith('${'));
const disk = fc.integer({ min: 1, max: 5000 }).map((size) => size * (GiB / 8));
const seconds = fc.integer({ min: 0, max: 600 });

const volumeOptions = {
  acl: orNull(fc.boolean()),
  replicate: fc.boolean(),
  readOnly: fc.boolean(),
  options: orNull(fc.uniqueArray(fc.constantFrom('noatime', 'nodev', 'noexec', 'nosuid', 'discard'))),
  shared: fc.boolean(),
  idmap: orNull(fc.constantFrom('passthrough', 'u:0:100000:65536;g:0:100000:65536')),
};

const mount: fc.Arbitrary<DesiredMount> = fc
  .tuple(
    fc.oneof(
      fc.record({ storage: word, sizeBytes: disk }),
      fc.record({ source: word.map((name) => `/srv/${name}`) }),
      fc.record({ source: word.map((name) => `${name}:vm-100-disk-1`), sizeBytes: disk }),
    ),
    some({ ...volumeOptions, backup: fc.boolean(), keepAttributes: fc.boolean() }),
  )
  .map(([where, more]) => ({ ...where, ...more }));

/** Where no address is given, sometimes a range to choose from. */
const withPools =
  (number: number) =>
  (net: Omit<DesiredNet, 'bridge'>): Omit<DesiredNet, 'bridge'> => ({
    ...net,
    ...(net.ip === undefined && net.firewall !== undefined
      ? {
          ipPool: {
            range: `10.${number}.8.10-10.${number}.255.99`,
            prefix: 16,
            exclude: [`10.${number}.9.0/24`],
          },
        }
      : {}),
    ...(net.ip6 === undefined && net.linkDown !== undefined
      ? { ip6Pool: { range: `fd00:${number}::/64`, prefix: 64 } }
      : {}),
  });

/** Interfaces of the container with this index; addresses differ from those of all others. */
const nets = (index: number): fc.Arbitrary<Record<string, DesiredNet>> =>
  fc
    .uniqueArray(fc.integer({ min: 0, max: 7 }), { maxLength: 3 })
    .chain((numbers) =>
      fc.tuple(
        fc.constant(numbers),
        fc.tuple(
          ...numbers.map((number) =>
            some<Omit<DesiredNet, 'bridge' | 'ipPool' | 'ip6Pool'>>({
              ip: fc.constantFrom('dhcp', 'manual', `10.${number}.${index}.5/16`, null),
              gateway: fc.constant(null),
              ip6: fc.constantFrom('auto', `fd00:${number}::${(index + 1).toString(16)}/64`),
              gateway6: fc.constant(null),
              mac: fc.constant(`BC:24:11:00:0${number}:${index.toString(16).padStart(2, '0').toUpperCase()}`),
              vlan: orNull(fc.integer({ min: 1, max: 4094 })),
              trunks: orNull(fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 3 })),
              mtu: orNull(fc.integer({ min: 576, max: 9000 })),
              rateMBps: orNull(fc.integer({ min: 1, max: 1000 })),
              firewall: fc.boolean(),
              linkDown: fc.boolean(),
              hostManaged: fc.boolean(),
            })
              .map(withPools(number))
              .map((net): DesiredNet => {
                const gateway =
                  net.ip?.startsWith('10.') && net.gateway === null ? { gateway: `10.${number}.255.1` } : {};
                return { bridge: `vmbr${number}`, ...net, ...gateway };
              }),
          ),
        ),
      ),
    )
    .map(([numbers, values]) =>
      Object.fromEntries(numbers.map((number, at) => [`eth${number}`, values[at] as DesiredNet])),
    );

const line = fc.stringMatching(/^[a-z0-9 ]{0,20}[a-z0-9]$/);
const ha = some({
  state: fc.constant('ignored' as const),
  maxRestart: orNull(fc.integer({ min: 0, max: 10 })),
  maxRelocate: orNull(fc.integer({ min: 0, max: 10 })),
  failback: fc.boolean(),
  comment: orNull(line),
});
const policy = orNull(fc.constantFrom('ACCEPT' as const, 'DROP' as const, 'REJECT' as const));
const level = fc.constantFrom('nolog', 'info', 'warning');
const rule: fc.Arbitrary<DesiredFirewallRule> = fc.record(
  {
    type: fc.constantFrom('in' as const, 'out' as const, 'group' as const),
    action: fc.constantFrom('ACCEPT', 'DROP', 'web'),
    enable: fc.boolean(),
    macro: fc.constant('SSH'),
    proto: fc.constantFrom('tcp', 'udp'),
    source: fc.constant('10.0.0.0/8'),
    dest: fc.constant('+guest/friends'),
    sport: fc.constant('1024:65535'),
    dport: fc.constant('80,443'),
    icmpType: fc.constant('echo-request'),
    iface: fc.constantFrom('net0', 'net1'),
    log: level,
    comment: line,
  },
  { requiredKeys: ['type', 'action', 'enable'] },
) as unknown as fc.Arbitrary<DesiredFirewallRule>;
const firewall: fc.Arbitrary<DesiredFirewall> = some<DesiredFirewall>({
  enable: fc.boolean(),
  dhcp: fc.boolean(),
  ndp: fc.boolean(),
  radv: fc.boolean(),
  ipFilter: fc.boolean(),
  macFilter: fc.boolean(),
  policyIn: policy,
  policyOut: policy,
  logLevelIn: orNull(level),
  logLevelOut: orNull(level),
  rules: fc.array(rule, { maxLength: 3 }),
});
const source: fc.Arbitrary<DesiredSource> = fc.oneof(
  fc.record({ backup: fc.constant('nas:backup/vzdump-lxc-100-x.tar.zst') }),
  fc
    .record(
      { clone: fc.constantFrom('golden', '250'), full: fc.boolean(), snapshot: fc.constant('before') },
      { requiredKeys: ['clone'] },
    )
    .map((clone): DesiredSource => clone as DesiredSource),
);

const options: fc.Arbitrary<DesiredOptions> = some<DesiredOptions>({
  onboot: fc.boolean(),
  protection: fc.boolean(),
  startup: orNull(some({ order: seconds, upSeconds: seconds, downSeconds: seconds })),
  nameservers: orNull(fc.uniqueArray(fc.ipV4(), { maxLength: 3 })),
  searchDomains: orNull(
    fc.uniqueArray(
      label.map((name) => `${name}.example`),
      { maxLength: 3 },
    ),
  ),
  timezone: orNull(fc.constantFrom('host', 'UTC', 'Europe/Vienna')),
  tags: orNull(fc.uniqueArray(tag, { maxLength: 4 })),
  description: orNull(text),
  hookscript: orNull(fc.constant('local:snippets/hook.pl')),
  cmode: orNull(fc.constantFrom('tty', 'console', 'shell')),
  tty: orNull(fc.integer({ min: 0, max: 6 })),
  console: fc.boolean(),
  debug: fc.boolean(),
  arch: fc.constantFrom('amd64', 'arm64'),
  ostype: fc.constantFrom('debian', 'alpine'),
  entrypoint: orNull(fc.constant('/usr/bin/app --flag')),
  env: orNull(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), plain, { maxKeys: 3 })),
});

const container = (key: string, index: number, keys: readonly string[]): fc.Arbitrary<DesiredContainer> =>
  fc
    .record(
      {
        vmid: fc.constantFrom<DesiredContainer['vmid']>('auto', 2000 + index),
        node: label,
        template: fc.constantFrom('debian-12-standard_*', 'local:vztmpl/x.tar.zst'),
        templateStorage: word,
        unprivileged: fc.boolean(),
        compute: some({
          cores: orNull(fc.integer({ min: 1, max: 64 })),
          cpuLimit: orNull(fc.integer({ min: 0, max: 640 }).map((value) => value / 10)),
          cpuUnits: orNull(fc.integer({ min: 1, max: 10_000 })),
          memoryMiB: fc.integer({ min: 16, max: 65_536 }),
          swapMiB: fc.integer({ min: 0, max: 4096 }),
        }),
        rootfs: fc
          .tuple(fc.record({ storage: word, sizeBytes: disk }), some(volumeOptions))
          .map(([where, more]) => ({ ...where, ...more })),
        mounts: fc.dictionary(
          word.map((name) => `/srv/${name}`),
          mount,
          { maxKeys: 3 },
        ),
        nets: nets(index),
        devices: fc.dictionary(
          word.map((name) => `/dev/${name}`),
          some({ mode: fc.constant('0660'), uid: seconds, gid: seconds, denyWrite: fc.boolean() }),
          { maxKeys: 2 },
        ),
        features: orNull(
          some({
            nesting: fc.boolean(),
            keyctl: fc.boolean(),
            fuse: fc.boolean(),
            mknod: fc.boolean(),
            forceRwSys: fc.boolean(),
            mount: fc.uniqueArray(fc.constantFrom('nfs', 'cifs', 'ext4')),
          }),
        ),
        options,
        pool: word,
        ha: orNull(ha),
        firewall,
        from: source,
        power: fc.constantFrom('running', 'stopped', 'unmanaged'),
        reset: fc.record({
          strategy: fc.constantFrom('auto', 'rollback', 'reclone', 'rebuild'),
          snapshot: fc.constantFrom('baseline', 'before-class'),
        }),
        restart: fc.constantFrom('never', 'ask', 'always'),
        dependsOn: fc.subarray(keys.slice(0, index)),
        renamedFrom: fc.constant(`old-${key}`),
        access: some({
          sshKeys: fc.constant(['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here']),
          password: fc.constant({ $secret: 'env:PASSWORD' }),
        }).filter((access) => Object.keys(access).length > 0),
      },
      {
        requiredKeys: [
          'vmid',
          'node',
          'template',
          'unprivileged',
          'compute',
          'rootfs',
          'options',
          'power',
          'restart',
        ],
      },
    )
    .map(
      (rest) =>
        ({
          key,
          hostname: key,
          adopt: typeof rest.vmid === 'number',
          ...rest,
          ...(rest.from ? { template: '', access: undefined } : {}),
        }) as unknown as DesiredContainer,
    );

/** A fleet of up to six containers. */
export const fleetArbitrary: fc.Arbitrary<DesiredFleet> = fc
  .uniqueArray(
    label.filter((name) => !/^\d+$/.test(name)),
    { maxLength: 6 },
  )
  .chain((keys) =>
    fc.record({
      name: label,
      vmids: fc.constantFrom({ from: 100, to: 999 }, { from: 5000, to: 5005 }),
      containers: fc.tuple(...keys.map((key, index) => container(key, index, keys))),
    }),
  );

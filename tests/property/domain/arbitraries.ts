/** Random fleets that are valid files. Disks only of the sizes given, so that a test can choose growing ones. */
import fc from 'fast-check';
import type {
  DesiredContainer,
  DesiredFleet,
  DesiredMount,
  DesiredNet,
  DesiredOptions,
} from '../../../src/domain/desired.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { desired, fleetOf } from '../../support/builders.ts';

const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(value, { nil: null, freq: 4 });
const word = fc.constantFrom('alpha', 'beta', 'gamma', 'delta');
const words = fc.uniqueArray(word, { maxLength: 3 });
const address = fc.integer({ min: 2, max: 250 }).map((n) => `10.0.0.${n}`);

/** All members optional. */
const partial = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const net: fc.Arbitrary<DesiredNet> = fc
  .tuple(
    fc.constantFrom('vmbr0', 'vmbr1'),
    partial<Omit<DesiredNet, 'bridge'>>({
      ip: orNull(
        fc.oneof(
          fc.constant('dhcp'),
          address.map((ip) => `${ip}/24`),
        ),
      ),
      gateway: orNull(address),
      ip6: orNull(fc.constantFrom('auto', 'fd00::5/64')),
      gateway6: orNull(fc.constant('fd00::1')),
      mac: fc.constantFrom('BC:24:11:AA:00:01', 'bc:24:11:aa:00:02'),
      vlan: orNull(fc.integer({ min: 1, max: 4094 })),
      trunks: orNull(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 })),
      mtu: orNull(fc.constantFrom(1400, 1500)),
      rateMBps: orNull(fc.constantFrom(1.5, 10)),
      firewall: fc.boolean(),
      linkDown: fc.boolean(),
      hostManaged: fc.boolean(),
    }),
  )
  .map(([bridge, rest]): DesiredNet => ({ bridge, ...rest }) as DesiredNet);

const mountOptions = orNull(fc.uniqueArray(fc.constantFrom('noatime', 'nodev', 'nosuid'), { maxLength: 2 }));

const mount = (sizes: readonly number[]): fc.Arbitrary<DesiredMount> =>
  fc
    .tuple(
      fc.constantFrom(...sizes),
      partial<DesiredMount>({
        backup: fc.boolean(),
        readOnly: fc.boolean(),
        acl: orNull(fc.boolean()),
        quota: fc.boolean(),
        replicate: fc.boolean(),
        shared: fc.boolean(),
        options: mountOptions,
      }),
    )
    .map(([sizeBytes, rest]): DesiredMount => ({ storage: 'local-lvm', sizeBytes, ...rest }));

const options = partial<DesiredOptions>({
  onboot: fc.boolean(),
  protection: fc.constant(false),
  startup: orNull(fc.record({ order: fc.nat(9), upSeconds: fc.nat(9) }, { requiredKeys: [] })),
  nameservers: orNull(fc.uniqueArray(address, { maxLength: 2 })),
  searchDomains: orNull(words),
  timezone: orNull(fc.constantFrom('host', 'UTC')),
  tags: orNull(fc.uniqueArray(fc.constantFrom('Web', 'db', 'x9'), { maxLength: 3 })),
  description: orNull(fc.constantFrom('', 'one line', 'two\nlines')),
  cmode: orNull(fc.constantFrom('tty', 'console', 'shell')),
  tty: orNull(fc.nat(4)),
  console: fc.boolean(),
  debug: fc.boolean(),
  entrypoint: orNull(fc.constant('/sbin/init')),
  env: orNull(fc.dictionary(word, word, { maxKeys: 2, noNullPrototype: true })),
});

const flag = fc.boolean();
const features = orNull(
  fc.record(
    {
      nesting: flag,
      keyctl: flag,
      fuse: flag,
      mknod: flag,
      forceRwSys: flag,
      mount: fc.uniqueArray(fc.constantFrom('nfs', 'cifs'), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  ),
);

/** A container with this key. */
function container(key: string, sizes: readonly number[]): fc.Arbitrary<DesiredContainer> {
  const members = {
    hostname: fc.constantFrom(key, `${key}-b`),
    compute: partial<DesiredContainer['compute']>({
      memoryMiB: fc.constantFrom(256, 512, 1536),
      swapMiB: fc.constantFrom(0, 512),
      cores: orNull(fc.integer({ min: 1, max: 4 })),
      cpuLimit: orNull(fc.constantFrom(0, 0.5, 2)),
      cpuUnits: orNull(fc.constantFrom(100, 200)),
    }),
    rootfs: fc
      .tuple(
        fc.constantFrom(...sizes),
        partial<DesiredContainer['rootfs']>({
          quota: flag,
          readOnly: flag,
          replicate: flag,
          acl: orNull(flag),
          options: mountOptions,
        }),
      )
      .map(([sizeBytes, rest]) => ({ storage: 'local-lvm', sizeBytes, ...rest })),
    nets: fc.dictionary(fc.constantFrom('eth0', 'eth1', 'lan0'), net, { maxKeys: 3, noNullPrototype: true }),
    mounts: fc.dictionary(fc.constantFrom('/data', '/srv/www', '/opt'), mount(sizes), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    devices: fc.dictionary(
      fc.constantFrom('/dev/fuse', '/dev/net/tun'),
      fc.record({ mode: fc.constant('0660'), uid: fc.nat(5), denyWrite: flag }, { requiredKeys: [] }),
      { maxKeys: 2, noNullPrototype: true },
    ),
    features,
    options,
    pool: fc.constantFrom('lab', 'other'),
    power: fc.constantFrom('running', 'stopped', 'unmanaged'),
    restart: fc.constantFrom('ask', 'always'),
  };
  return fc
    .record(members, { requiredKeys: ['hostname', 'compute', 'rootfs', 'options', 'power', 'restart'] })
    .map((more) => desired(key, more as Partial<DesiredContainer>));
}

/** Sizes in a first fleet, and in one that follows it: none shrinks. */
export const smallSizes: readonly number[] = [512 * MiB, GiB];
export const largeSizes: readonly number[] = [GiB, 1536 * MiB, 4 * GiB];

/** A fleet of up to four containers. */
export function fleet(sizes: readonly number[]): fc.Arbitrary<DesiredFleet> {
  return fc
    .subarray(['web1', 'web2', 'web10', 'db'], { minLength: 1 })
    .chain((keys) => fc.tuple(...keys.map((key) => container(key, sizes))))
    .map((containers) => fleetOf(containers));
}

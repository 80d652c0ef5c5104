/** Random fleets, clusters, faults and interruptions: small, because many are tried. */
import fc from 'fast-check';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import type { FaultMatch, RequestFault, TaskMatch } from '../../../src/simulator/index.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container } from '../../support/engine.ts';

/** Somebody's container that is in the cluster before us. */
export interface Foreign {
  readonly vmid: number;
  readonly kind: 'plain' | 'theirs' | 'machine';
  readonly hostname: string;
  readonly running: boolean;
}

/** What a person does meanwhile, when so many requests have been sent. */
export interface Deed {
  readonly atRequest: number;
  readonly what: 'memory' | 'notes' | 'tags' | 'stop' | 'start' | 'destroy' | 'lock' | 'quorum' | 'offline';
  /** Which of the fleet's containers, modulo their number. */
  readonly who: number;
  /** How long locks and outages last, in milliseconds. */
  readonly forMs: number;
}

type Fault =
  | { readonly kind: 'request'; readonly match: FaultMatch; readonly fault: RequestFault }
  | {
      readonly kind: 'task';
      readonly match: TaskMatch;
      readonly fault: { readonly fail?: string; readonly warn?: string };
    };

export interface Interruption {
  readonly stage: 'drain' | 'detach';
  readonly atRequest: number;
}

/** One case. */
export interface Scenario {
  /** What was applied before, in peace. */
  readonly before?: DesiredFleet;
  readonly fleet: DesiredFleet;
  readonly foreign: readonly Foreign[];
  readonly faults: readonly Fault[];
  readonly deeds: readonly Deed[];
  readonly interruption?: Interruption;
}

/** The password that must not be seen anywhere. */
export const secret = 'Correct-Horse-77';

const keys = ['app', 'db', 'web1', 'web2'] as const;

const maybe = <T>(value: fc.Arbitrary<T>, absent = 1): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: absent === 0 ? 9 : 2 });

const defined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

const values = fc.record({
  memoryMiB: fc.constantFrom(256, 512, 1024),
  cores: fc.constantFrom(null, 1, 2),
  power: fc.constantFrom('running', 'running', 'stopped', 'unmanaged'),
  node: fc.constantFrom('pve1', 'pve1', 'pve1', 'pve2'),
  sizeBytes: fc.constantFrom(2 * GiB, 3 * GiB),
  fixed: fc.boolean(),
  secondNet: fc.boolean(),
  mount: fc.boolean(),
  password: fc.boolean(),
  onboot: maybe(fc.boolean()),
  description: maybe(fc.constantFrom('first', 'second\nline', '')),
  tags: maybe(fc.uniqueArray(fc.constantFrom('blue', 'green', 'red'), { maxLength: 2 })),
  nameservers: maybe(fc.constantFrom(null, ['10.0.0.1'], ['10.0.0.1', '10.0.0.2'])),
  dependsOnFirst: fc.boolean(),
});

function containerOf(
  key: string,
  index: number,
  first: string | undefined,
  value: (typeof values)['generate'] extends (...args: never[]) => { value: infer V } ? V : never,
): DesiredContainer {
  const { memoryMiB, cores, power, node, sizeBytes, fixed, secondNet, mount, password } = value;
  const { onboot, description, tags, nameservers, dependsOnFirst } = value;
  return container(key, {
    node,
    vmid: fixed ? 210 + index : 'auto',
    compute: { memoryMiB, swapMiB: 128, cores },
    rootfs: { storage: 'local-lvm', sizeBytes },
    nets: {
      eth0: { bridge: 'vmbr0', ip: 'dhcp' },
      ...(secondNet ? { eth1: { bridge: 'vmbr1', ip: '10.9.0.5/24' } } : {}),
    },
    ...(mount ? { mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } } } : {}),
    ...(password ? { access: { password: { $secret: 'env:PASSWORD' } } } : {}),
    ...(dependsOnFirst && first !== undefined && first !== key ? { dependsOn: [first] } : {}),
    options: defined({ onboot, description: description === '' ? null : description, tags, nameservers }),
    power: power as DesiredContainer['power'],
    restart: 'always',
  });
}

/** Fleets of one to `most` containers. */
const fleetOf = (most: number): fc.Arbitrary<DesiredFleet> =>
  fc
    .tuple(
      fc.subarray([...keys], { minLength: 1, maxLength: most }),
      fc.array(values, { minLength: 4, maxLength: 4 }),
    )
    .map(([chosen, drawn]) => ({
      name: 'lab',
      vmids: { from: 200, to: 240 },
      containers: chosen.map((key) => {
        const index = keys.indexOf(key as (typeof keys)[number]);
        return containerOf(key, index, chosen[0], drawn[index] as never);
      }),
    }));

const flag = fc.boolean();
const rule = fc.record({
  type: fc.constantFrom('in' as const, 'out' as const),
  action: fc.constantFrom('ACCEPT', 'DROP'),
  enable: flag,
});

/** Where a container is, what it is made from, and who watches over it. */
const places = fc.record({
  node: fc.constantFrom('pve1', 'pve1', 'pve2'),
  storage: fc.constantFrom('local-lvm', 'local-zfs', 'shared'),
  data: fc.constantFrom(undefined, 'local-lvm', 'shared'),
  power: fc.constantFrom('running' as const, 'stopped' as const),
  cores: fc.constantFrom(1, 2),
  tty: fc.constantFrom(1, 3),
  isClone: flag,
  pool: fc.constantFrom(undefined, null, 'lab'),
  ha: fc.constantFrom(undefined, undefined, null, {}, { maxRestart: 2 }),
  firewall: fc.option(fc.record({ enable: flag, rules: fc.array(rule, { maxLength: 2 }) }), {
    nil: undefined,
    freq: 1,
  }),
});

/** A template, and one or two containers that may be copies of it. */
const placedFleet: fc.Arbitrary<DesiredFleet> = fc
  .tuple(fc.subarray(['app', 'web1'], { minLength: 1 }), fc.tuple(places, places))
  .map(([chosen, drawn]) => ({
    name: 'lab',
    vmids: { from: 200, to: 240 },
    containers: [
      container('golden', {
        isTemplate: true,
        power: 'stopped',
        rootfs: { storage: 'local-lvm', sizeBytes: 2 * GiB },
      }),
      ...chosen.map((key) => {
        const { node, storage, data, power, cores, tty, isClone, pool, ha, firewall } =
          drawn[key === 'app' ? 0 : 1];
        return container(key, {
          node,
          power,
          compute: { memoryMiB: 256, swapMiB: 128, cores },
          rootfs: { storage, sizeBytes: 2 * GiB },
          mounts: data === undefined ? {} : { '/data': { storage: data, sizeBytes: GiB } },
          options: { tty },
          restart: 'always',
          ...(isClone ? { template: '', from: { clone: 'golden' } } : {}),
          ...defined({ pool, ha, firewall }),
        });
      }),
    ],
  }));

const foreign = fc.uniqueArray(
  fc.record({
    vmid: fc.integer({ min: 200, max: 204 }),
    kind: fc.constantFrom('plain', 'theirs', 'machine'),
    hostname: fc.constantFrom('web1', 'printer', 'db'),
    running: fc.boolean(),
  }),
  { maxLength: 3, selector: ({ vmid }) => vmid },
) as fc.Arbitrary<Foreign[]>;

const paths = [
  '*',
  '/cluster/resources',
  '/nodes/{node}/lxc',
  '/nodes/{node}/lxc/{vmid}',
  '/nodes/{node}/lxc/{vmid}/config',
  '/nodes/{node}/lxc/{vmid}/pending',
  '/nodes/{node}/lxc/{vmid}/resize',
  '/nodes/{node}/lxc/{vmid}/status/start',
  '/nodes/{node}/lxc/{vmid}/status/shutdown',
  '/nodes/{node}/lxc/{vmid}/status/current',
  '/nodes/{node}/tasks/{upid}/status',
  '/nodes/{node}/tasks/{upid}/log',
  '/nodes/{node}/aplinfo',
] as const;

/** The same, of moves, copies, HA and firewall. */
const placePaths = [
  '*',
  '/cluster/resources',
  '/cluster/ha/resources',
  '/cluster/ha/resources/{sid}',
  '/pools',
  '/nodes/{node}/lxc',
  '/nodes/{node}/lxc/{vmid}/clone',
  '/nodes/{node}/lxc/{vmid}/config',
  '/nodes/{node}/lxc/{vmid}/migrate',
  '/nodes/{node}/lxc/{vmid}/move_volume',
  '/nodes/{node}/lxc/{vmid}/pending',
  '/nodes/{node}/lxc/{vmid}/template',
  '/nodes/{node}/lxc/{vmid}/firewall/options',
  '/nodes/{node}/lxc/{vmid}/firewall/rules',
  '/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}',
  '/nodes/{node}/lxc/{vmid}/status/start',
  '/nodes/{node}/lxc/{vmid}/status/shutdown',
  '/nodes/{node}/tasks/{upid}/status',
] as const;
const tasks = ['vzcreate', 'vzstart', 'vzshutdown', 'vzdestroy', 'resize', 'download'] as const;
const placeTasks = ['vzclone', 'vzmigrate', 'hamigrate', 'move_volume', 'vztemplate', 'vzstart'] as const;

const when = fc.constantFrom('before', 'after');
const answer = (status: number, reason: string, at: 'before' | 'after' = 'before'): RequestFault => ({
  kind: 'answer',
  status,
  reason,
  when: at,
});
const requestFault: fc.Arbitrary<RequestFault> = fc.oneof(
  fc.constantFrom(300, 5_000, 40_000).map((ms): RequestFault => ({ kind: 'latency', ms })),
  when.map((at): RequestFault => ({ kind: 'drop', when: at as 'before' })),
  fc.constantFrom(
    answer(401, 'Authentication failed!'),
    answer(595, 'No route to host'),
    answer(596, 'Connection timed out'),
    answer(596, 'Connection timed out', 'after'),
    answer(502, 'Bad Gateway'),
    answer(500, "can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout"),
    answer(500, "cfs-lock 'storage-shared' error: got lock request timeout"),
    answer(500, 'cluster not ready - no quorum?'),
    answer(500, 'CT is locked (snapshot)'),
    answer(500, 'something that nobody has seen'),
  ),
);

const faultAt = (where: readonly string[], kinds: readonly string[]): fc.Arbitrary<Fault> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .record({
          method: fc.constantFrom(undefined, undefined, 'GET', 'POST', 'PUT', 'DELETE'),
          path: fc.constantFrom(...where),
          skip: fc.nat({ max: 12 }),
          times: fc.integer({ min: 1, max: 4 }),
          fault: requestFault,
        })
        .map(({ fault: what, method, ...match }): Fault => {
          return { kind: 'request', match: { ...match, ...(method ? { method } : {}) }, fault: what };
        }),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({
          type: fc.constantFrom(...kinds),
          skip: fc.nat({ max: 2 }),
          times: fc.integer({ min: 1, max: 3 }),
          fault: fc.constantFrom(
            {
              fail: "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
              when: 'during',
            },
            { fail: "cfs-lock 'storage-shared' error: got lock request timeout", when: 'during' },
            { fail: 'CT is locked (backup)', when: 'during' },
            { fail: "command 'lvcreate' failed: exit code 5", when: 'during' },
            { fail: 'unexpected status', when: 'during' },
            { warn: 'Systemd 257 detected. You may need to enable nesting.' },
          ),
        })
        .map(({ fault: what, ...match }): Fault => ({ kind: 'task', match, fault: what })),
    },
  );

const deedOf = (what: readonly Deed['what'][]): fc.Arbitrary<Deed> =>
  fc.record({
    atRequest: fc.nat({ max: 40 }),
    what: fc.constantFrom(...what),
    who: fc.nat({ max: 3 }),
    forMs: fc.constantFrom(2_000, 30_000, 300_000),
  });
const deed = deedOf(['memory', 'notes', 'tags', 'stop', 'start', 'destroy', 'lock', 'quorum', 'offline']);
/** A source of linked clones cannot be destroyed, and HA would start and move by itself. */
const placeDeed = deedOf(['memory', 'notes', 'tags', 'lock', 'quorum']);

const interruptionWithin = (requests: number): fc.Arbitrary<Interruption> =>
  fc.record({
    stage: fc.constantFrom('drain', 'detach') as fc.Arbitrary<Interruption['stage']>,
    atRequest: fc.integer({ min: 1, max: requests }),
  });

/** What a kind of scenario has. */
interface ScenarioShape {
  readonly most: number;
  /** Moves, copies, HA and firewalls instead of plain settings. */
  readonly places?: boolean;
  readonly faults?: boolean;
  readonly deeds?: boolean;
  readonly interruption?: boolean;
}

/** Scenarios; each part only where the shape wants it. */
export function scenarios(shape: ScenarioShape): fc.Arbitrary<Scenario> {
  const fleet = shape.places ? placedFleet : fleetOf(shape.most);
  const fault = shape.places ? faultAt(placePaths, placeTasks) : faultAt(paths, tasks);
  const deeds = fc.array(shape.places ? placeDeed : deed, { minLength: 1, maxLength: 3 });
  return fc
    .record({
      before: fc.option(fleet, { nil: undefined, freq: shape.places ? 3 : 1 }),
      fleet,
      foreign,
      faults: shape.faults ? fc.array(fault, { minLength: 1, maxLength: 4 }) : fc.constant([]),
      deeds: shape.deeds ? deeds : fc.constant([]),
      interruption: shape.interruption ? interruptionWithin(shape.places ? 120 : 60) : fc.constant(undefined),
    })
    .map((drawn) => defined(drawn) as Scenario);
}

/**
 * ActualContainer → DesiredContainer: the file that a container could have come from. The way back of adopt.ts: what is
 * described here, planned against the same container, differs in nothing but its owner. Values are those of the next
 * start; what is at its default or unset is left out, so it stays unmanaged.
 */
import { splitDescription } from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import { GiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualContainer, ActualFirewall, HaResource } from './actual.ts';
import type {
  DesiredContainer,
  DesiredDevice,
  DesiredFeatures,
  DesiredMount,
  DesiredNet,
  DesiredOptions,
  DesiredRootfs,
} from './desired.ts';
import { nameSome } from './drift.ts';
import { describeFirewall, describeHa } from './extras.ts';
import { entriesOf, type FamilyName } from './families.ts';
import { isEmpty, isOwnTag } from './field-row.ts';
import { readVolume, withTrueSize } from './spelling.ts';
import { deviceRows, featureRows, mountRows, netRows, rootfsRows, showSubkeys } from './subkeys.ts';

/** What the container itself does not tell. */
export interface DescribeOptions {
  readonly key: string;
  /** Used at creation only; the server does not record it. */
  readonly template: string;
  /** Nobody owns it yet. */
  readonly adopt: boolean;
  /** Absent: HA does not manage it, or that is not known. */
  readonly ha?: HaResource | undefined;
  /** Absent: not known. */
  readonly firewall?: ActualFirewall | undefined;
}

/** A container in the words of a fleet file, and what cannot be said in them. */
export interface Description {
  readonly desired: DesiredContainer;
  readonly notices: readonly Diagnostic[];
}

type Loose<T> = { [K in keyof T]: T[K] | undefined };
type Volume = NonNullable<LxcConfig['rootfs']>;
type Mount = LxcConfig['mounts'][string];

/** Leaves out what is unset and lists and maps with nothing in them. */
function compact<T extends object>(value: Loose<T>): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined && !isEmpty(member)),
  ) as T;
}

/** Disks of a file are whole KiB; a little less than there is counts as reached. */
const wholeKiB = (bytes: number): number => bytes - (bytes % 1024);

type Warn = (code: string, message: string, hint?: string) => void;

/** Of a root disk without a limit: what a new one would get. It is never compared. */
const unlimitedBytes = 8 * GiB;

function describeRootfs({ next, live }: ActualContainer, warn: Warn): DesiredRootfs {
  if (!next.rootfs) return {};
  const disk: Volume = withTrueSize(next.rootfs, live.rootfs);
  const { storage } = readVolume(disk.volume);
  // PVE: a subvolume of a directory storage has size 0, which means no limit
  if (!disk.size)
    warn('ROOTFS_UNLIMITED', 'its root disk has no size limit', 'the size in the file is for a new one only');
  return {
    ...(storage === undefined ? {} : { storage }),
    sizeBytes: disk.size ? wholeKiB(disk.size) : unlimitedBytes,
    ...(showSubkeys(rootfsRows, disk) as DesiredRootfs),
  };
}

function describeMount(mount: Mount): DesiredMount {
  const { storage } = readVolume(mount.volume);
  const more = showSubkeys(mountRows, mount) as DesiredMount;
  // with storage and size a new container gets a volume of its own; the existing one is kept all the same
  return storage !== undefined && mount.size
    ? { storage, sizeBytes: wholeKiB(mount.size), ...more }
    : { source: mount.volume, ...more };
}

// the tables of sub-keys have exactly the members of these types
const describeNet = (net: object): DesiredNet => showSubkeys(netRows, net) as unknown as DesiredNet;
const describeDevice = (device: object): DesiredDevice => showSubkeys(deviceRows, device) as DesiredDevice;

const familyWords: Readonly<Record<FamilyName, string>> = {
  nets: 'network interfaces of the same name',
  mounts: 'mount points at the same path',
  devices: 'devices of the same path',
};

/** A family as a map by identity; not at all when two entries share one, because a map could name only one of them. */
function describeFamily<T>(
  name: FamilyName,
  { next, live }: ActualContainer,
  describe: (item: never) => T,
  warn: Warn,
): Readonly<Record<string, T>> | undefined {
  const entries = [...entriesOf(name, next)];
  const shared = entries.find(([identity, { key }]) => identity.endsWith(`@${key}`));
  if (shared) {
    warn('NOT_MANAGED', `it has ${familyWords[name]}, so '${name}' is left out`, 'give each its own');
    return undefined;
  }
  return Object.fromEntries(
    entries
      .sort(([a], [b]) => naturalCompare(a, b))
      .map(([identity, { key, item }]) => {
        const whole = name === 'mounts' ? withTrueSize(item as Mount, live.mounts[key]) : item;
        return [identity, describe(whole as never)];
      }),
  );
}

function describeOptions(next: LxcConfig): DesiredOptions {
  const { startup } = next;
  return compact<DesiredOptions>({
    onboot: next.onboot,
    protection: next.protection,
    startup: startup && compact({ order: startup.order, upSeconds: startup.up, downSeconds: startup.down }),
    nameservers: next.nameservers,
    searchDomains: next.searchDomains,
    timezone: next.timezone,
    tags: next.tags?.filter((tag) => !isOwnTag(tag)),
    description: splitDescription(next.description ?? '').text || undefined,
    hookscript: next.hookscript,
    cmode: next.cmode as DesiredOptions['cmode'],
    tty: next.tty,
    console: next.console,
    debug: next.debug,
    arch: next.arch,
    ostype: next.ostype,
    entrypoint: next.entrypoint,
    env: next.env,
  });
}

/**
 * Describes a container in the words of a fleet file.
 *
 * @param actual - read in full.
 * @param options - key, template, and whether it has to be taken over.
 * @returns every managed key that is set, and findings about what a file cannot say.
 */
export function describeContainer(actual: ActualContainer, options: DescribeOptions): Description {
  const { key, template, adopt } = options;
  const { next, vmid, node, status, pool } = actual;
  const notices: Diagnostic[] = [];
  const report = (severity: Diagnostic['severity'], code: string, text: string, hint?: string): void => {
    const message = `${key} (${vmid}): ${text}`;
    notices.push({ severity, code, message, ...(hint === undefined ? {} : { hint }) });
  };
  const warn: Warn = (code, text, hint) => report('warning', code, text, hint);
  if (actual.pending.length > 0)
    report(
      'info',
      'AWAITING_RESTART',
      `${nameSome(actual.pending)}: the file has the values of the next start`,
    );
  const others = Object.keys(next.other).sort(naturalCompare);
  if (others.length > 0)
    warn(
      'NOT_MANAGED',
      `a fleet file has no word for ${nameSome(others)}`,
      'what it has none for stays as it is',
    );
  const { cores, cpuLimit, cpuUnits, memoryMiB, swapMiB } = next;
  const families = compact<Pick<DesiredContainer, FamilyName | 'features'>>({
    mounts: describeFamily('mounts', actual, describeMount, warn),
    nets: describeFamily('nets', actual, describeNet, warn),
    devices: describeFamily('devices', actual, describeDevice, warn),
    features: next.features && (showSubkeys(featureRows, next.features) as DesiredFeatures),
  });
  const power = status === 'unknown' ? 'unmanaged' : status;
  const firewall = options.firewall && describeFirewall(options.firewall);
  const desired: DesiredContainer = {
    key,
    hostname: next.hostname ?? actual.name ?? key,
    vmid,
    node,
    template,
    ...(actual.isTemplate ? { isTemplate: true } : {}),
    unprivileged: next.unprivileged ?? false,
    compute: compact<DesiredContainer['compute']>({ cores, cpuLimit, cpuUnits, memoryMiB, swapMiB }),
    rootfs: describeRootfs(actual, warn),
    ...families,
    options: describeOptions(next),
    ...(pool === undefined ? {} : { pool }),
    ...(options.ha ? { ha: describeHa(options.ha, power) } : {}),
    ...(firewall ? { firewall } : {}),
    power,
    adopt,
    restart: 'ask',
  };
  return { desired, notices };
}

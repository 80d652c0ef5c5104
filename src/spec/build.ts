/** A checked container of the file → DesiredContainer: units, names and defaults of the domain. */
import {
  type DesiredAccess,
  type DesiredContainer,
  type DesiredDevice,
  type DesiredFirewall,
  type DesiredMount,
  type DesiredNet,
  type DesiredOptions,
  type DesiredPlacement,
  type DesiredRootfs,
  type DesiredSource,
  defaultReset,
} from '../domain/desired.ts';
import { groupTag } from '../domain/lab/groups.ts';
import { anyNode } from '../domain/placement.ts';
import { invariant } from '../util/assert.ts';
import { MiB, parseSize } from '../util/bytes.ts';
import { addressPool } from './addresses.ts';
import type { Instance } from './expand.ts';
import type { FileContainer, FileFirewall, FileMount, FileNet, FilePlacement, FileRootfs } from './file.ts';
import { buildSchedule } from './schedules.ts';
import { secretReference } from './secrets.ts';
import { buildReady, buildSteps } from './steps.ts';
import { rangeOf } from './tree.ts';
import { splitTexts } from './values.ts';

/** Members may be undefined here; they are left out of the result. */
type Loose<T> = { [K in keyof T]: T[K] | undefined };

function compact<T extends object>(value: Loose<T>): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

function bytes(size: string | null | undefined): number | undefined {
  if (size == null) return undefined;
  const parsed = parseSize(size);
  invariant('bytes' in parsed, `the size ${size} was not checked`);
  return parsed.bytes;
}
const mebibytes = (size: string | undefined): number | undefined => {
  const value = bytes(size);
  return value === undefined ? undefined : value / MiB;
};
const list = (value: string | readonly string[] | null | undefined): readonly string[] | null | undefined =>
  typeof value === 'string' ? splitTexts(value) : value;

/** Applies a function to the members of a map; null means: there shall be none. */
function mapValues<From, To>(
  map: Readonly<Record<string, From | null>> | null | undefined,
  change: (value: From) => To,
): Readonly<Record<string, To>> | undefined {
  if (map === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(map ?? {}).flatMap(([key, value]) => (value === null ? [] : [[key, change(value)]])),
  );
}

const rootfs = ({ size, ...rest }: FileRootfs): DesiredRootfs =>
  compact<DesiredRootfs>({ ...rest, sizeBytes: bytes(size) });

const mount = ({ size, storage, source, ...rest }: FileMount): DesiredMount =>
  compact<DesiredMount>({
    ...rest,
    sizeBytes: bytes(size),
    storage: storage ?? undefined,
    source: source ?? undefined,
  });

const net = ({ bridge, rate, mac, vlan, ip, ip6, ...rest }: FileNet): DesiredNet => {
  invariant(bridge !== undefined, 'the bridge was not checked');
  return compact<DesiredNet>({
    ...rest,
    bridge,
    rateMBps: rate,
    mac: mac?.toUpperCase(),
    vlan: vlan as number | null | undefined,
    ip: typeof ip === 'object' && ip !== null ? undefined : ip,
    ipPool: addressPool(ip),
    ip6: typeof ip6 === 'object' && ip6 !== null ? undefined : ip6,
    ip6Pool: addressPool(ip6),
  });
};

function options(raw: FileContainer, group: string | undefined): DesiredOptions {
  const { startup } = raw;
  // where tags are not managed, that of the group is added when planning
  const tags =
    group === undefined || raw.tags === undefined
      ? raw.tags
      : [...new Set([...(raw.tags ?? []), groupTag(group)])];
  return compact<DesiredOptions>({
    onboot: raw.onboot,
    protection: raw.protection,
    startup: startup && compact({ order: startup.order, upSeconds: startup.up, downSeconds: startup.down }),
    nameservers: list(raw.nameserver),
    searchDomains: list(raw.searchDomain),
    timezone: raw.timezone,
    tags,
    // The server adds a line break of its own and pvefleet a line below it.
    description: raw.description?.trimEnd() ?? raw.description,
    hookscript: raw.hookscript,
    cmode: raw.cmode,
    tty: raw.tty,
    console: raw.console,
    debug: raw.debug,
    arch: raw.arch,
    ostype: raw.ostype,
    entrypoint: raw.entrypoint,
    env: raw.env as Readonly<Record<string, string>> | null | undefined,
  });
}

function access(
  raw: FileContainer,
  readEnvironment: (name: string) => string | undefined,
): DesiredAccess | undefined {
  const keys = raw.sshKeys?.flatMap((key) => {
    const reference = secretReference(key);
    if (reference === undefined) return [key.trim()];
    const text = readEnvironment(reference.replace(/^env:/, '')) ?? '';
    return text.split(/\r?\n/).filter((line) => line.trim() !== '');
  });
  const password = raw.password == null ? undefined : secretReference(raw.password);
  if (keys === undefined && password === undefined) return undefined;
  return compact<DesiredAccess>({
    sshKeys: keys,
    password: password === undefined ? undefined : { $secret: password },
  });
}

/** What the container says itself counts, then what the file says for all. */
function placement(own: FilePlacement = {}, all: FilePlacement = {}): DesiredPlacement {
  const { strategy = 'spread', nodes, antiAffinity } = { ...all, ...own };
  return compact<DesiredPlacement>({
    strategy,
    nodes: list(nodes) ?? undefined,
    antiAffinity: list(antiAffinity) ?? undefined,
  });
}

function sourceOf(raw: FileContainer): DesiredSource | undefined {
  const { from } = raw;
  if (from == null) return undefined;
  if (from.backup !== undefined) return { backup: from.backup };
  invariant(from.clone !== undefined, 'the source was not checked');
  return compact<Extract<DesiredSource, { clone: string }>>({
    clone: String(from.clone),
    full: from.full,
    snapshot: from.snapshot,
  });
}

const firewall = (raw: FileFirewall): DesiredFirewall =>
  compact<DesiredFirewall>({
    ...raw,
    // PVE: a rule is off unless it says otherwise; in a file it is on unless it says otherwise
    rules: raw.rules?.map((rule) => ({ ...rule, enable: rule.enable ?? true })),
  });

/** What the container does not say itself. */
export interface BuildContext {
  readonly placement?: FilePlacement;
  /** Aliases of templates → pattern or volume. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly readEnvironment: (name: string) => string | undefined;
  /** Gives the absolute form of a path that the file writes. */
  readonly resolvePath: (path: string) => string;
}

/**
 * Builds the desired state of one container.
 *
 * @param instance - a container in which no errors were found.
 * @param context - aliases and environment.
 * @returns the desired state.
 * @throws InternalError when a required key was not checked before.
 */
export function buildContainer(instance: Instance, context: BuildContext): DesiredContainer {
  const { raw, key } = instance;
  const { node } = raw;
  const from = sourceOf(raw);
  const template = from ? '' : raw.template;
  invariant(node !== undefined && template !== undefined && (raw.rootfs || from), `${key} was not checked`);
  return compact<DesiredContainer>({
    key,
    hostname: raw.hostname ?? key,
    vmid: typeof raw.vmid === 'number' ? raw.vmid : 'auto',
    node,
    placement: node === anyNode ? placement(raw.placement, context.placement) : undefined,
    template: (Object.hasOwn(context.aliases, template) ? context.aliases[template] : undefined) ?? template,
    templateName: Object.hasOwn(context.aliases, template) ? template : undefined,
    templateStorage: raw.templateStorage,
    from,
    isTemplate: raw.isTemplate || undefined,
    unprivileged: raw.unprivileged ?? true,
    compute: compact({
      cores: raw.cores,
      cpuLimit: raw.cpuLimit,
      cpuUnits: raw.cpuUnits,
      memoryMiB: mebibytes(raw.memory),
      swapMiB: mebibytes(raw.swap),
    }),
    rootfs: rootfs(raw.rootfs ?? {}),
    mounts: mapValues(raw.mounts, mount),
    nets: mapValues(raw.nets, net),
    devices: mapValues(raw.devices, (device): DesiredDevice => device),
    features: raw.features,
    options: options(raw, instance.group),
    pool: raw.pool,
    ha: raw.ha,
    firewall: raw.firewall && firewall(raw.firewall),
    power: raw.power ?? (raw.isTemplate ? 'stopped' : 'running'),
    provision: buildSteps(raw.provision, context.resolvePath),
    ready: buildReady(raw.ready),
    access: access(raw, context.readEnvironment),
    adopt: raw.adopt ?? false,
    renamedFrom: raw.renamedFrom,
    schedule: raw.schedule ? buildSchedule(raw.schedule) : undefined,
    dependsOn: list(raw.dependsOn) ?? undefined,
    reset: raw.reset == null ? undefined : { ...defaultReset, ...raw.reset },
    restart: raw.restart ?? 'ask',
    student: instance.student,
    group: instance.group,
    origin: rangeOf(instance.row ?? instance.place),
  });
}

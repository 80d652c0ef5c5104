/** `list`, `show`, and finding the containers that a command means. Reads only. */
import type { ActualContainer, ClusterSnapshot, GuestSummary } from '../domain/actual.ts';
import type { Vmid } from '../domain/desired.ts';
import { boostOf } from '../domain/lab/boost.ts';
import { frozenOf } from '../domain/lab/frozen.ts';
import { groupTag } from '../domain/lab/groups.ts';
import { spellTime } from '../domain/lab/times.ts';
import { recordsOf } from '../domain/ownership.ts';
import { isNameless } from '../domain/scope.ts';
import { MiB } from '../util/bytes.ts';
import { UsageError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { type InterfaceInfo, readInterfaces, usableAddresses } from './interfaces.ts';
import { observe } from './observe.ts';
import { mapBounded } from './parallel.ts';
import { readRawConfig } from './read-container.ts';
import { compact } from './resources.ts';
import { filterMatcher, resolveSelection, type SelectableGuest, type Selection } from './selection.ts';
import { listTasks, type TaskSummary } from './tasks.ts';

/** One row of `list`. Null: not set or not known (a container that could not be read). */
export interface ListedContainer {
  readonly vmid: Vmid;
  readonly name: string;
  readonly node: string;
  readonly status: 'running' | 'stopped' | 'unknown';
  readonly template: boolean;
  readonly tags: readonly string[];
  readonly cores: number | null;
  readonly cpuLimit: number | null;
  readonly memoryMiB: number | null;
  readonly swapMiB: number | null;
  readonly rootfsBytes: number | null;
  readonly usage: {
    /** Fraction of the container's CPUs. */
    readonly cpu: number | null;
    readonly memoryBytes: number | null;
    readonly diskBytes: number | null;
  };
  readonly uptimeSeconds: number | null;
  /** With prefix length, without loopback and link-local; empty unless asked for and running. */
  readonly addresses: readonly string[];
  /** Wire keys that wait for a restart. */
  readonly pending: readonly string[];
  readonly pool?: string;
  readonly lock?: string;
  readonly fleet?: string;
  readonly key?: string;
  /** Group of its student, as the roster or, where only that is known, as its tag has it. */
  readonly group?: string;
  /** Login of its student. */
  readonly student?: string;
  /** When it was last set back to its baseline, ISO 8601. */
  readonly lastReset?: string;
  /** Its last day. */
  readonly expires?: string;
  /** Since when it is frozen, ISO 8601. */
  readonly frozen?: string;
  /** Until when it has other limits than usual, ISO 8601. */
  readonly boostedUntil?: string;
}

/** The document `pvefleet.list/1`. */
export interface ListDocument {
  readonly format: 'pvefleet.list/1';
  readonly containers: readonly ListedContainer[];
}

/** The document `pvefleet.show/1`: one container in full. */
export interface ShowDocument {
  readonly format: 'pvefleet.show/1';
  readonly container: ListedContainer;
  readonly config: {
    /** In force, by wire key, as the API writes them. */
    readonly current: Readonly<Record<string, string>>;
    /** Waiting for a restart; null: will be unset. */
    readonly pending: Readonly<Record<string, string | null>>;
  };
  readonly digest: string;
  readonly interfaces: readonly InterfaceInfo[];
  readonly tasks: readonly TaskSummary[];
}

/** Options of {@link listContainers}. */
export interface ListOptions {
  /** Ask each running container for its addresses; one more request each. */
  readonly addresses?: boolean;
}

/** What a selection found. */
export interface Selected {
  /** In order of vmid. */
  readonly containers: readonly ActualContainer[];
  readonly snapshot: ClusterSnapshot;
}

const defaultMemoryMiB = 512;

/** The group that a tag names; of several the first. */
function taggedGroup(tags: readonly string[]): string | undefined {
  const prefix = groupTag('');
  return tags
    .find((tag) => tag.toLowerCase().startsWith(prefix))
    ?.slice(prefix.length)
    .toLowerCase();
}

/** What is done to a container for a time. */
function marksOf(actual: ActualContainer): Pick<ListedContainer, 'frozen' | 'boostedUntil'> {
  const frozen = frozenOf(actual);
  const boost = boostOf(actual);
  return {
    ...(frozen ? { frozen: spellTime(frozen.at) } : {}),
    ...(boost ? { boostedUntil: spellTime(boost.until) } : {}),
  };
}

function toRow(
  guest: GuestSummary,
  actual: ActualContainer | undefined,
  addresses: readonly string[],
): ListedContainer {
  const { usage } = guest;
  const config = actual?.live;
  const wholeMiB = (bytes: number | undefined): number | null =>
    bytes === undefined ? null : Math.round(bytes / MiB);
  const size = config?.rootfs?.size;
  return compact({
    vmid: guest.vmid,
    name: config?.hostname ?? guest.name ?? `CT${guest.vmid}`,
    node: guest.node,
    status: guest.status,
    template: guest.isTemplate,
    tags: config?.tags ?? guest.tags,
    cores: config?.cores ?? null,
    cpuLimit: config?.cpuLimit ?? null,
    // PVE: pve-container LXC.pm — without the key a container has 512 MiB and no swap
    memoryMiB: config ? (config.memoryMiB ?? defaultMemoryMiB) : wholeMiB(usage.maxMemoryBytes),
    swapMiB: config ? (config.swapMiB ?? 0) : null,
    rootfsBytes: size ?? usage.maxDiskBytes ?? null,
    usage: {
      cpu: usage.cpu ?? null,
      memoryBytes: usage.memoryBytes ?? null,
      diskBytes: usage.diskBytes ?? null,
    },
    uptimeSeconds: guest.uptimeSeconds ?? null,
    addresses,
    pending: actual?.pending ?? [],
    pool: guest.pool,
    lock: config?.lock ?? guest.lock,
    fleet: actual?.ownership?.fleet,
    key: actual?.ownership?.key,
    group: actual?.ownership?.group ?? taggedGroup(actual?.live.tags ?? guest.tags),
    student: actual?.ownership?.student,
    lastReset: actual && recordsOf(actual).reset,
    expires: actual?.ownership?.expires,
    ...(actual ? marksOf(actual) : {}),
  }) as ListedContainer;
}

/** Reads only what may be meant: owned containers, because of their keys, and what names and filters leave over. */
async function observeSelection(context: EngineContext, selection: Selection): Promise<ClusterSnapshot> {
  const { names, filters = {} } = selection;
  const isPlainId = names.length > 0 && names.every((name) => /^[1-9]\d{2,8}$/.test(name));
  const wantsOwner = (filters.fleets?.length ?? 0) + (filters.groups?.length ?? 0) > 0;
  if (isPlainId && !wantsOwner) return observe(context, { vmids: names.map(Number) });
  const byOwner = wantsOwner || names.some((name) => !/^\d+$/.test(name));
  return observe(context, { all: true, narrow: narrowing(selection), byOwner });
}

/** Tells which guests of the cluster may be meant, before their owners are known. */
function narrowing(selection: Selection): (guest: GuestSummary, mayBeOwned: boolean) => boolean {
  const { names, filters = {} } = selection;
  const { fleets, groups = [], ...cheap } = filters;
  const passes = filterMatcher(cheap);
  const isOfGroup = filterMatcher({ groups });
  // where somebody took the tag of the group away, the ownership line knows it
  const mayBeOfGroup = (guest: GuestSummary, mayBeOwned: boolean): boolean =>
    isOfGroup(guest) || (mayBeOwned && !hasGroupTag(guest));
  const isPossible = (guest: GuestSummary, mayBeOwned: boolean): boolean => {
    if (mayBeOwned || isNameless(guest)) return true;
    if (fleets !== undefined && fleets.length > 0) return false;
    return names.length === 0 || names.some((name) => isNamed(guest, name));
  };
  return (guest, mayBeOwned) =>
    passes(guest) && mayBeOfGroup(guest, mayBeOwned) && isPossible(guest, mayBeOwned);
}

const hasGroupTag = ({ tags }: GuestSummary): boolean =>
  tags.some((tag) => tag.toLowerCase().startsWith(groupTag('')));

function isNamed(guest: GuestSummary, name: string): boolean {
  try {
    return resolveSelection([guest], [name]).length > 0;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

function selectable(snapshot: ClusterSnapshot): SelectableGuest[] {
  return snapshot.guests.map((guest) => snapshot.containers.get(guest.vmid) ?? guest);
}

/**
 * Rows of `list`.
 *
 * @param context - client, clock, limits, events.
 * @param selection - names and filters; empty: all containers.
 * @param options.addresses - ask running containers for their addresses.
 * @returns rows in order of vmid; a container that cannot be read has nulls.
 * @throws UsageError as {@link resolveSelection} does.
 */
export async function listContainers(
  context: EngineContext,
  selection: Selection,
  options: ListOptions = {},
): Promise<ListDocument> {
  const snapshot = await observeSelection(context, selection);
  const guests = resolveSelection(selectable(snapshot), selection.names, selection.filters);
  const containers = await mapBounded(context.limits.requests, guests, async (guest) => {
    const asks = options.addresses === true && guest.status === 'running';
    const interfaces = asks ? await readInterfaces(context, guest.node, guest.vmid) : [];
    return toRow(guest, snapshot.containers.get(guest.vmid), usableAddresses(interfaces));
  });
  return { format: 'pvefleet.list/1', containers };
}

/**
 * Finds and reads the containers that a command means.
 *
 * @param selection - names and filters; empty: all containers.
 * @returns containers in full.
 * @throws UsageError as {@link resolveSelection} does, and for a container that cannot be read.
 */
export async function selectContainers(context: EngineContext, selection: Selection): Promise<Selected> {
  const snapshot = await observeSelection(context, selection);
  const guests = resolveSelection(selectable(snapshot), selection.names, selection.filters);
  const containers = guests.map((guest) => {
    const container = snapshot.containers.get(guest.vmid);
    if (container) return container;
    throw new UsageError(`container ${guest.vmid} on ${guest.node} cannot be read`, {
      hint: 'is its node online?',
    });
  });
  return { containers, snapshot };
}

/** Pending values by key; null where the key will be unset. */
function pendingValues(
  pending: readonly string[],
  next: Readonly<Record<string, string>>,
): Record<string, string | null> {
  return Object.fromEntries(pending.map((key) => [key, next[key] ?? null]));
}

const recentTasks = 10;

/**
 * One container in full, with its recent tasks and addresses.
 *
 * @param vmid - the container.
 * @returns the document.
 * @throws UsageError when there is none, or it cannot be read.
 */
export async function showContainer(context: EngineContext, vmid: Vmid): Promise<ShowDocument> {
  const { containers } = await selectContainers(context, { names: [String(vmid)] });
  const container = containers[0] as ActualContainer;
  const { node } = container;
  const [raw, interfaces, { tasks }] = await Promise.all([
    readRawConfig(context, node, vmid),
    container.status === 'running' ? readInterfaces(context, node, vmid) : [],
    listTasks(context, { node, vmid, limit: recentTasks }),
  ]);
  return {
    format: 'pvefleet.show/1',
    container: toRow(container, container, usableAddresses(interfaces)),
    config: { current: raw.live, pending: pendingValues(raw.pending, raw.next) },
    digest: raw.digest,
    interfaces,
    tasks,
  };
}

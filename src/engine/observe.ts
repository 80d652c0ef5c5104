/** Cluster → ClusterSnapshot. Reads only, bounded in parallel; one request per container that matters and a few more. */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { CodecError } from '../codec/codec-error.ts';
import type { ActualContainer, ClusterSnapshot, GuestSummary, StorageInfo } from '../domain/actual.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import { ownershipTag } from '../domain/field-row.ts';
import { matchFleet } from '../domain/match.ts';
import { containersToRead } from '../domain/scope.ts';
import { messageOf } from '../util/errors.ts';
import { readClusterFacts } from './cluster-facts.ts';
import type { EngineContext } from './context.ts';
import { countRequests, type RequestCounter } from './count-requests.ts';
import { isGone } from './failures.ts';
import { mapBounded } from './parallel.ts';
import { readContainer } from './read-container.ts';
import { decodeResources, decodeStorages, type Resources, withLiveState } from './resources.ts';
import { readTemplates } from './template-store.ts';

/** What is to be read in full. Members add up. */
export interface ObserveScope {
  /** The containers that this fleet owns or names, the storages and templates that it needs. */
  readonly fleet?: DesiredFleet;
  /** The containers that the fleet of this name owns. */
  readonly fleetName?: string;
  readonly vmids?: readonly Vmid[];
  /** Every container of the cluster … */
  readonly all?: boolean;
  /** … or, of those, the ones that this accepts. */
  readonly narrow?: (guest: GuestSummary) => boolean;
  /** All template archives of all nodes, and the catalogue. */
  readonly templates?: boolean;
  /** Containers of the fleet may be made anew, so their templates are needed although they exist. */
  readonly recreate?: boolean;
}

/** Rows that could be read, and the nodes that could not be asked. */
interface Containers {
  readonly guests: readonly GuestSummary[];
  readonly containers: ReadonlyMap<Vmid, ActualContainer>;
}

function wantedVmids(scope: ObserveScope, guests: readonly GuestSummary[]): ReadonlySet<Vmid> {
  const containers = guests.filter((guest) => guest.type === 'lxc');
  const owned =
    scope.fleetName === undefined ? [] : containers.filter((guest) => guest.tags.includes(ownershipTag));
  return new Set([
    ...(scope.vmids ?? []),
    ...owned.map((guest) => guest.vmid),
    ...(scope.all ? containers.filter(scope.narrow ?? (() => true)) : []).map((guest) => guest.vmid),
    ...(scope.fleet ? containersToRead(scope.fleet, guests) : []),
  ]);
}

function warn(context: EngineContext, code: string, message: string, hint?: string): void {
  const diagnostic = { severity: 'warning' as const, code, message };
  context.emit({ type: 'notice', diagnostic: hint === undefined ? diagnostic : { ...diagnostic, hint } });
}

/** Whether the answer came from our node, and the one behind it did not answer. */
function isNodeDown(error: unknown): error is PveConnectionError {
  return error instanceof PveConnectionError && error.status !== undefined;
}

/** One look at the present state of all containers of a node; nothing when the node does not answer. */
async function readLiveStates(
  context: EngineContext,
  nodes: readonly string[],
): Promise<{ states: Map<Vmid, Parameters<typeof withLiveState>[1]>; down: Set<string> }> {
  const down = new Set<string>();
  const states = new Map<Vmid, Parameters<typeof withLiveState>[1]>();
  await mapBounded(context.limits.requests, nodes, async (node) => {
    try {
      for (const row of await context.pve.get('/nodes/{node}/lxc', { node }, { signal: context.signal })) {
        states.set(Number(row.vmid), row);
      }
    } catch (error) {
      if (!isNodeDown(error)) throw error;
      down.add(node);
    }
  });
  return { states, down };
}

/** What reading one container gave. */
type Reading = ActualContainer | 'gone' | 'unreadable';

async function readOne(context: EngineContext, guest: GuestSummary): Promise<Reading> {
  try {
    return await readContainer(context, guest);
  } catch (error) {
    if (isGone(error)) return 'gone';
    const skippable = isNodeDown(error) || error instanceof CodecError;
    // PVE: pve-container LXC.pm, delete_read_restricted_options — a config with `env` is refused as a whole to some
    if (!skippable && !(error instanceof PveError && error.status === 403)) throw error;
    warn(context, 'CONTAINER_UNREADABLE', `container ${guest.vmid} on ${guest.node}: ${messageOf(error)}`);
    return 'unreadable';
  }
}

async function readAll(context: EngineContext, guests: readonly GuestSummary[]): Promise<Map<Vmid, Reading>> {
  const step = Math.max(1, Math.ceil(guests.length / 50));
  let done = 0;
  const readings = await mapBounded(context.limits.requests, guests, async (guest) => {
    const reading = await readOne(context, guest);
    done += 1;
    if (done % step === 0 || done === guests.length) {
      context.emit({ type: 'observe.progress', done, total: guests.length });
    }
    return [guest.vmid, reading] as const;
  });
  return new Map(readings);
}

/**
 * Those that were gone may have moved to another node between the two reads: the list is read once more, and only what
 * it no longer has is absent.
 */
async function findMoved(
  context: EngineContext,
  gone: readonly Vmid[],
): Promise<Map<Vmid, { guest: GuestSummary; reading: Reading }>> {
  const rows = await context.pve.get('/cluster/resources', {}, { signal: context.signal });
  const still = decodeResources(rows).guests.filter((guest) => gone.includes(guest.vmid));
  const readings = await readAll(context, still);
  return new Map(still.map((guest) => [guest.vmid, { guest, reading: readings.get(guest.vmid) ?? 'gone' }]));
}

async function readContainers(
  context: EngineContext,
  resources: Resources,
  wanted: ReadonlySet<Vmid>,
): Promise<Containers> {
  const chosen = resources.guests.filter((guest) => guest.type === 'lxc' && wanted.has(guest.vmid));
  const offline = new Set(resources.nodes.filter((node) => !node.online).map((node) => node.node));
  const nodes = [...new Set(chosen.map((guest) => guest.node))].filter((node) => !offline.has(node));
  const { states, down } = await readLiveStates(context, nodes);
  for (const node of [...new Set(chosen.map((guest) => guest.node))].sort()) {
    if (!offline.has(node) && !down.has(node)) continue;
    const ids = chosen.filter((guest) => guest.node === node).map((guest) => guest.vmid);
    const hint = 'bring the node back, or leave these containers out with --exclude';
    warn(context, 'NODE_OFFLINE', `node ${node} does not answer; not read: ${ids.join(', ')}`, hint);
  }
  const present = new Map(
    resources.guests.map((guest) => [guest.vmid, withLiveState(guest, states.get(guest.vmid))]),
  );
  const reachable = chosen.filter((guest) => !offline.has(guest.node) && !down.has(guest.node));
  const readings = await readAll(
    context,
    reachable.map((guest) => present.get(guest.vmid) ?? guest),
  );
  const gone = [...readings].filter(([, reading]) => reading === 'gone').map(([vmid]) => vmid);
  const moved = gone.length === 0 ? new Map<Vmid, never>() : await findMoved(context, gone);
  for (const vmid of gone) {
    const found: { guest: GuestSummary; reading: Reading } | undefined = moved.get(vmid);
    if (!found || found.reading === 'gone') present.delete(vmid);
    else {
      present.set(vmid, found.guest);
      readings.set(vmid, found.reading);
    }
  }
  const containers = [...readings].filter(
    (entry): entry is [Vmid, ActualContainer] => typeof entry[1] === 'object',
  );
  return {
    guests: [...present.values()],
    containers: new Map(containers.toSorted(([a], [b]) => a - b)),
  };
}

/** Storages that a fleet names on each node. */
function namedStorages(fleet: DesiredFleet): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const { node, rootfs, mounts, templateStorage, template } of fleet.containers) {
    const named = [
      rootfs.storage,
      templateStorage,
      /^([^:/]+):vztmpl\//.exec(template)?.[1],
      ...Object.values(mounts ?? {}).map((mount) => mount.storage),
    ];
    const set = names.get(node) ?? new Set<string>();
    for (const name of named) if (name !== undefined) set.add(name);
    names.set(node, set);
  }
  return names;
}

/**
 * The list of all resources has the storages too, but only those that the account may audit, and as of some seconds ago.
 * Where that is not enough for the fleet, its nodes are asked.
 */
async function readStorages(
  context: EngineContext,
  resources: Resources,
  fleet: DesiredFleet,
): Promise<readonly StorageInfo[]> {
  const online = new Set(resources.nodes.filter((node) => node.online).map((node) => node.node));
  const unclear = [...namedStorages(fleet)].filter(([node, names]) => {
    const known = resources.storages.filter((storage) => storage.node === node);
    const isKnown = (name: string): boolean =>
      known.some(({ storage, active, content }) => storage === name && active && content.length > 0);
    const takesTemplates = known.some(({ active, content }) => active && content.includes('vztmpl'));
    return online.has(node) && !([...names].every(isKnown) && takesTemplates);
  });
  const asked = new Set(unclear.map(([node]) => node));
  const answers = await mapBounded(context.limits.requests, [...asked], async (node) => {
    const rows = await context.pve
      .get('/nodes/{node}/storage', { node }, { signal: context.signal })
      .catch((error: unknown) => {
        if (!isNodeDown(error)) throw error;
        warn(context, 'NODE_OFFLINE', `node ${node} does not answer; its storages were not read`);
        asked.delete(node);
        return [];
      });
    return decodeStorages(node, rows);
  });
  return [...resources.storages.filter(({ node }) => !asked.has(node)), ...answers.flat()];
}

async function readSnapshot(context: EngineContext, scope: ObserveScope): Promise<ClusterSnapshot> {
  const rows = await context.pve.get('/cluster/resources', {}, { signal: context.signal });
  const resources = decodeResources(rows);
  const { fleet } = scope;
  const [{ guests, containers }, storages, facts] = await Promise.all([
    readContainers(context, resources, wantedVmids(scope, resources.guests)),
    fleet ? readStorages(context, resources, fleet) : resources.storages,
    readClusterFacts(context, fleet !== undefined),
  ]);
  const snapshot: ClusterSnapshot = {
    nodes: resources.nodes,
    storages,
    guests,
    containers,
    templates: [],
    catalogue: [],
    pools: resources.pools,
    ...facts,
  };
  if (scope.templates) return { ...snapshot, ...(await readTemplates(context, snapshot, 'all')) };
  if (!fleet) return snapshot;
  const fresh = matchFleet(fleet, snapshot).matches.filter(
    ({ actual, refusals }) => refusals.length === 0 && (!actual || scope.recreate),
  );
  const wanted = fresh.map(({ desired }) => desired);
  return wanted.length === 0
    ? snapshot
    : { ...snapshot, ...(await readTemplates(context, snapshot, wanted, fleet.aliases)) };
}

/**
 * Reads the cluster.
 *
 * @param context - client, clock, limits, events.
 * @param scope - which containers, storages and templates to read in full; the list of guests is always complete.
 * @returns the snapshot that plans are made from. A container that vanishes meanwhile is absent; one that cannot be read
 *   (its node is offline) is in `guests` but not in `containers`, and a notice event says so.
 * @throws PveError when the cluster cannot be read.
 */
export async function observe(context: EngineContext, scope: ObserveScope): Promise<ClusterSnapshot> {
  const startedAt = context.clock.now();
  const counter: RequestCounter = { requests: 0 };
  context.emit({ type: 'observe.start' });
  const counted = { ...context, pve: countRequests(context.pve, counter) };
  const snapshot = await readSnapshot(counted, scope);
  context.emit({
    type: 'observe.done',
    containers: snapshot.containers.size,
    requests: counter.requests,
    ms: context.clock.now() - startedAt,
  });
  return snapshot;
}

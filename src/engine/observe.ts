/** Cluster → ClusterSnapshot. Reads only, bounded in parallel; one request per container that matters and a few more. */
import type { ClusterSnapshot, GuestSummary } from '../domain/actual.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import { ownershipTag } from '../domain/field-row.ts';
import { matchFleet } from '../domain/match.ts';
import { anyNode, placeFleet } from '../domain/placement.ts';
import { containersToRead } from '../domain/scope.ts';
import { type ClusterFacts, readClusterFacts } from './cluster-facts.ts';
import type { EngineContext } from './context.ts';
import { countRequests, type RequestCounter } from './count-requests.ts';
import { type AccessScope, readAccess, readLeftAccess } from './lab/observe-access.ts';
import { readBridges } from './observe-bridges.ts';
import { readContainers } from './observe-containers.ts';
import { readExtras } from './observe-extras.ts';
import { readSources } from './observe-sources.ts';
import { readStorages } from './observe-storages.ts';
import { settleOwnTasks } from './own-tasks.ts';
import { decodeResources, type Resources } from './resources.ts';
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
  readonly narrow?: (guest: GuestSummary, mayBeOwned: boolean, mayLackTag: boolean) => boolean;
  /** `narrow` depends on whether a guest may be owned. */
  readonly byOwner?: boolean;
  /** … or on whether it may be boosted or frozen without having the tag. */
  readonly byMark?: boolean;
  /** All template archives of all nodes, and the catalogue. */
  readonly templates?: boolean;
  /** Containers of the fleet may be made anew, so their templates are needed although they exist. */
  readonly recreate?: boolean;
  /** Users, pools, roles and rights as well, for this fleet; those of `fleet` are read where it has accounts, or had. */
  readonly access?: AccessScope;
  /** The same, where its containers are of students: then it has accounts, or had. */
  readonly accounts?: boolean;
  /** Wait first for tasks that an earlier run of ours has left running on these containers. */
  readonly settled?: boolean;
}

function wantedVmids(
  scope: ObserveScope,
  guests: readonly GuestSummary[],
  { ownTag, mayLackTags = false }: ClusterFacts,
): ReadonlySet<Vmid> {
  const containers = guests.filter((guest) => guest.type === 'lxc');
  const mayBeOwned = (guest: GuestSummary): boolean =>
    ownTag !== undefined || guest.tags.includes(ownershipTag);
  const owned = scope.fleetName === undefined ? [] : containers.filter(mayBeOwned);
  const { narrow = () => true } = scope;
  return new Set([
    ...(scope.vmids ?? []),
    ...owned.map((guest) => guest.vmid),
    ...(scope.all ? containers.filter((guest) => narrow(guest, mayBeOwned(guest), mayLackTags)) : []).map(
      (guest) => guest.vmid,
    ),
    ...(scope.fleet ? containersToRead(scope.fleet, guests, ownTag) : []),
  ]);
}

/** The list of everything, and the facts; the list once more when tasks of an earlier run had to end first. */
async function readResources(
  context: EngineContext,
  scope: ObserveScope,
): Promise<{ resources: Resources; facts: ClusterFacts; vmids: ReadonlySet<Vmid> }> {
  const read = async (): Promise<Resources> =>
    decodeResources(await context.pve.get('/cluster/resources', {}, { signal: context.signal }));
  const isAbout = scope.fleet !== undefined || scope.fleetName !== undefined || (scope.byOwner ?? false);
  const wanted = isAbout ? 'all' : scope.byMark ? 'tags' : 'none';
  const [resources, facts] = await Promise.all([read(), readClusterFacts(context, wanted)]);
  const vmids = wantedVmids(scope, resources.guests, facts);
  const isStale = scope.settled && (await settleOwnTasks(context, resources.guests, vmids));
  if (!isStale) return { resources, facts, vmids };
  const settled = await read();
  return { resources: settled, facts, vmids: wantedVmids(scope, settled.guests, facts) };
}

/** Accounts that are there although the file has none (any more): looked for where there is or was a roster. */
async function readForgotten(
  context: EngineContext,
  { fleet, fleetName, accounts }: ObserveScope,
  { guests, containers }: Pick<ClusterSnapshot, 'guests' | 'containers'>,
): Promise<ClusterSnapshot['access']> {
  const name = fleet?.name ?? (accounts ? fleetName : undefined);
  if (name === undefined) return undefined;
  const hasStudents =
    fleet?.students !== undefined ||
    [...containers.values()].some(
      ({ ownership }) => ownership?.fleet === name && ownership.student !== undefined,
    );
  return hasStudents ? readLeftAccess(context, name, guests) : undefined;
}

async function readSnapshot(context: EngineContext, scope: ObserveScope): Promise<ClusterSnapshot> {
  const { resources, facts, vmids } = await readResources(context, scope);
  const { fleet } = scope;
  const accessOf = fleet?.accounts ? fleet : scope.access;
  const [{ guests, containers }, storages, known] = await Promise.all([
    readContainers(context, resources, vmids),
    fleet ? readStorages(context, resources, fleet) : resources.storages,
    accessOf && readAccess(context, accessOf, resources.guests),
  ]);
  const access = accessOf ? known : await readForgotten(context, scope, { guests, containers });
  const snapshot: ClusterSnapshot = {
    nodes: resources.nodes,
    storages,
    guests,
    containers,
    templates: [],
    catalogue: [],
    pools: resources.pools,
    ...(access ? { access } : {}),
    ...facts,
  };
  if (scope.templates) return { ...snapshot, ...(await readTemplates(context, snapshot, 'all')) };
  if (!fleet) return snapshot;
  const complete = { ...snapshot, ...(await readBridges(context, fleet, snapshot)) };
  const placed = placeFleet(fleet, complete).fleet;
  const { clones, sources } = await readSources(context, complete, placed, scope.recreate ?? false);
  const whole = { ...complete, ...(await readExtras(context, complete, placed, clones)), sources };
  const fresh = matchFleet(placed, whole).matches.filter(
    ({ desired, actual, refusals }) =>
      desired.node !== anyNode && refusals.length === 0 && (!actual || scope.recreate),
  );
  const wanted = fresh.flatMap(({ desired }) => (desired.from ? [] : [desired]));
  return wanted.length === 0 ? whole : { ...whole, ...(await readTemplates(context, whole, wanted, fleet)) };
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

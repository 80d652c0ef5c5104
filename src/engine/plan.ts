/** Observation + pure planning. Changes nothing. */
import { decodeBoolean } from '../codec/scalar.ts';
import type { ActualContainer, ClusterSnapshot } from '../domain/actual.ts';
import { resolveTemplate } from '../domain/appliance.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import { baselinesToAsk } from '../domain/lab/baseline.ts';
import { placeFleet } from '../domain/placement.ts';
import type { Plan, Policy } from '../domain/plan.ts';
import { planDownload } from '../domain/plan-download.ts';
import { planDestroy, planFleet } from '../domain/plan-fleet.ts';
import { planResizes, type ResizeChange, type ResizeRequest } from '../domain/plan-resize.ts';
import { planVerb, type Verb, type VerbOptions } from '../domain/plan-verb.ts';
import { keyFilter } from '../domain/scope.ts';
import { isSafeguard } from '../domain/snapshot-first.ts';
import { UsageError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { planWithFiles } from './local-files.ts';
import { withLocalTrees } from './local-tree.ts';
import { observe } from './observe.ts';
import { mapBounded } from './parallel.ts';
import { preflight } from './preflight.ts';
import { readSnapshots } from './read-snapshots.ts';

export type { ResizeChange, ResizeRequest } from '../domain/plan-resize.ts';
export type { Verb, VerbOptions } from '../domain/plan-verb.ts';

/** A plan and the observation it was made from. */
export interface Planned {
  readonly plan: Plan;
  readonly snapshot: ClusterSnapshot;
}

/** Where a template goes, and what its name may mean. */
export interface DownloadTarget {
  /** Default: the first online node. */
  readonly node?: string;
  /** Default: the first storage of the node that takes templates. */
  readonly storage?: string;
  readonly aliases?: NonNullable<DesiredFleet['aliases']>;
}

/** Judges a plan by the rights of the account, and announces it. */
export async function ready(context: EngineContext, made: Plan, snapshot: ClusterSnapshot): Promise<Planned> {
  const plan = await preflight(context, made, snapshot);
  context.emit({ type: 'plan.ready', plan });
  return { plan, snapshot };
}

/** Asks about the snapshots of the containers that a draft of the plan would snapshot, and of no others. */
async function withSnapshotFacts(
  context: EngineContext,
  policy: Policy,
  snapshot: ClusterSnapshot,
  plan: (snapshot: ClusterSnapshot) => Plan,
): Promise<ClusterSnapshot> {
  if (!policy.snapshotFirst) return snapshot;
  const draft = plan(snapshot);
  const wanted = draft.actions.filter(isSafeguard);
  const facts = await mapBounded(context.limits.requests, wanted, async ({ target }) => {
    const { node, vmid = 0 } = target;
    const path = '/nodes/{node}/lxc/{vmid}/feature';
    const params = { node, vmid, feature: 'snapshot' } as const;
    const { hasFeature } = await context.pve.get(path, params, { signal: context.signal });
    const isPossible = decodeBoolean(hasFeature) ?? false;
    const taken = isPossible ? await readSnapshots(context, { node, vmid }) : [];
    const names = taken.map(({ name }) => name);
    return [vmid, { isPossible, names }] as const;
  });
  return { ...snapshot, snapshots: new Map(facts) };
}

/** Asks for the snapshots of the containers that may lack their baseline, and of no others. */
async function withBaselineNames(
  context: EngineContext,
  fleet: DesiredFleet,
  policy: Policy,
  snapshot: ClusterSnapshot,
): Promise<ClusterSnapshot> {
  const asked = baselinesToAsk(placeFleet(fleet, snapshot).fleet, snapshot, keyFilter(policy));
  if (asked.length === 0) return snapshot;
  const names = await mapBounded(context.limits.requests, containersOf(snapshot, asked), async (one) => {
    const taken = await readSnapshots(context, one);
    return [one.vmid, taken.map(({ name }) => name)] as const;
  });
  return { ...snapshot, snapshotNames: new Map(names) };
}

/**
 * Plan of `apply -f`.
 *
 * @param context - client, clock, limits, events.
 * @param file - the fleet file.
 * @param given - what the user allows; its `now` is the present unless it says otherwise.
 * @returns the plan, with refusals where something is not allowed; emits `plan.ready`.
 * @throws PveError when the cluster cannot be read.
 */
export async function makePlan(context: EngineContext, file: DesiredFleet, given: Policy): Promise<Planned> {
  const policy: Policy = { now: context.clock.now(), ...given };
  const isMeant = keyFilter(policy);
  const fleet = await withLocalTrees(file, ({ key }) => isMeant(key));
  const observed = await observe(context, { fleet, recreate: policy.allow.recreate, settled: true });
  const named = await withBaselineNames(context, fleet, policy, observed);
  const snapshot = await withSnapshotFacts(context, policy, named, (draft) =>
    planFleet(fleet, draft, policy),
  );
  const plan = await planWithFiles(
    fleet,
    (read) => planFleet(read, snapshot, policy),
    (made) => made,
  );
  return ready(context, plan, snapshot);
}

/**
 * Plan of `destroy -f`.
 *
 * @param fleetName - everything that this fleet owns is to be removed.
 * @param options.accounts - its users, pools and rights as well; those of a fleet of students go in any case.
 * @returns the plan; containers that could not be read are not in it, and a notice event says so.
 */
export async function makeDestroyPlan(
  context: EngineContext,
  fleetName: string,
  policy: Policy,
  options: { readonly accounts?: boolean } = {},
): Promise<Planned> {
  const snapshot = await observe(context, {
    fleetName,
    settled: true,
    ...(options.accounts ? { access: { name: fleetName } } : { accounts: true }),
  });
  return ready(context, planDestroy(fleetName, snapshot, policy), snapshot);
}

/**
 * The containers behind ids.
 *
 * @throws UsageError for an id that is no container, or one that could not be read.
 */
export function containersOf(snapshot: ClusterSnapshot, vmids: readonly Vmid[]): ActualContainer[] {
  return vmids.map((vmid) => {
    const container = snapshot.containers.get(vmid);
    if (container) return container;
    const guest = snapshot.guests.find((one) => one.vmid === vmid);
    if (guest?.type === 'qemu') throw new UsageError(`${vmid} is a virtual machine, not a container`);
    throw new UsageError(
      guest ? `container ${vmid} on ${guest.node} cannot be read` : `there is no container ${vmid}`,
      guest ? { hint: 'is its node online?' } : { hint: 'see what there is: pvefleet list' },
    );
  });
}

/**
 * Plan of `start`, `stop`, … for existing containers, found with `selectContainers` of list.ts.
 *
 * @param vmids - containers, owned or not.
 * @throws UsageError for an id that is no container.
 */
export async function makeVerbPlan(
  context: EngineContext,
  verb: Verb,
  vmids: readonly Vmid[],
  policy: Policy,
  options: VerbOptions = {},
): Promise<Planned> {
  const observed = await observe(context, { vmids });
  const containers = containersOf(observed, vmids);
  const plan = (cluster: ClusterSnapshot): Plan =>
    planVerb(verb, containers, policy, { ...options, cluster });
  const snapshot = await withSnapshotFacts(context, policy, observed, plan);
  return ready(context, plan(snapshot), snapshot);
}

/**
 * Plan of a resize of one container, for good.
 *
 * @param vmid - one container, owned or not.
 * @param change - new limits.
 * @throws UsageError for an id that is no container.
 */
export function makeResizePlan(
  context: EngineContext,
  vmid: Vmid,
  change: ResizeChange,
  policy: Policy,
): Promise<Planned> {
  return makeResizesPlan(context, [vmid], { change }, policy);
}

/**
 * Plan of `resize`: of one or several containers, for good or for a time.
 *
 * @param vmids - containers, owned or not.
 * @param request - new limits and how long, or the end of that.
 * @param policy - what is allowed.
 * @throws UsageError for an id that is no container.
 */
export async function makeResizesPlan(
  context: EngineContext,
  vmids: readonly Vmid[],
  request: ResizeRequest,
  policy: Policy,
): Promise<Planned> {
  const observed = await observe(context, { vmids });
  const containers = containersOf(observed, vmids);
  const plan = (cluster: ClusterSnapshot): Plan => planResizes(containers, request, policy, cluster);
  const snapshot = await withSnapshotFacts(context, policy, observed, plan);
  return ready(context, plan(snapshot), snapshot);
}

/**
 * The node that fetches an archive.
 *
 * @param wanted - default: the first online one.
 * @throws UsageError when it is not there or not online.
 */
export function downloadNode(snapshot: ClusterSnapshot, wanted: string | undefined): string {
  const node = wanted ?? snapshot.nodes.find(({ online }) => online)?.node;
  if (node !== undefined && snapshot.nodes.some((one) => one.node === node && one.online)) return node;
  throw new UsageError(node === undefined ? 'no node is online' : `there is no online node '${node}'`, {
    hint: `nodes: ${snapshot.nodes.map((one) => one.node).join(', ')}`,
  });
}

/**
 * Plan of `template download`.
 *
 * @param wanted - file name of the catalogue, package, or short name such as `debian-13`.
 * @param target - node and storage.
 * @returns a plan of one download.
 * @throws UsageError for a name that the catalogue does not have, and for a node or storage that cannot take it.
 */
export async function makeDownloadPlan(
  context: EngineContext,
  wanted: string,
  target: DownloadTarget = {},
): Promise<Planned> {
  const snapshot = await observe(context, { templates: true });
  const node = downloadNode(snapshot, target.node);
  const place = target.storage === undefined ? { node } : { node, storage: target.storage };
  // what is stored already does not count: the newest of the catalogue is asked for
  const sources = { storages: snapshot.storages, templates: [], catalogue: snapshot.catalogue };
  const choice = resolveTemplate(wanted, place, sources, target.aliases);
  if (choice.kind !== 'download') {
    const diagnostic = choice.kind === 'missing' ? choice.diagnostic : undefined;
    throw new UsageError(diagnostic?.message ?? `no template '${wanted}' in the catalogue`, {
      code: diagnostic?.code ?? 'TEMPLATE_NOT_FOUND',
      hint: diagnostic?.hint ?? 'see what there is: pvefleet template list --available',
    });
  }
  const entry = snapshot.catalogue.find(({ template }) => template === choice.template);
  const plan = planDownload(entry ?? { template: choice.template }, choice.node, choice.storage);
  return ready(context, plan, snapshot);
}

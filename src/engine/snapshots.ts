/** Snapshots: what there is, and the plans that take, restore and delete them. Observation and pure planning. */
import { decodeBoolean } from '../codec/scalar.ts';
import type { ActualContainer } from '../domain/actual.ts';
import type { Policy } from '../domain/plan.ts';
import { type CloneOptions, planClone } from '../domain/plan-clone.ts';
import {
  planSnapshot,
  type SnapshotInfo,
  type SnapshotState,
  type SnapshotVerb,
} from '../domain/plan-snapshot.ts';
import type { EngineContext } from './context.ts';
import { observe } from './observe.ts';
import { mapBounded } from './parallel.ts';
import { containersOf, type Planned, ready } from './plan.ts';
import { readSnapshots } from './read-snapshots.ts';

/** The document `pvefleet.snapshots/1`. */
export interface SnapshotsDocument {
  readonly format: 'pvefleet.snapshots/1';
  readonly containers: readonly {
    readonly vmid: number;
    readonly name: string;
    readonly node: string;
    /** Oldest first. */
    readonly snapshots: readonly (Omit<SnapshotInfo, 'takenAt'> & { readonly takenAt?: string })[];
  }[];
}

/**
 * Lists snapshots.
 *
 * @param containers - whose.
 * @returns the document, in order of vmid.
 */
export async function listSnapshots(
  context: EngineContext,
  containers: readonly ActualContainer[],
): Promise<SnapshotsDocument> {
  const listed = await mapBounded(context.limits.requests, containers, async (container) => {
    const snapshots = await readSnapshots(context, container);
    return {
      vmid: container.vmid,
      name: container.name ?? `CT${container.vmid}`,
      node: container.node,
      snapshots: snapshots.map(({ takenAt, ...rest }) => ({
        ...rest,
        ...(takenAt === undefined ? {} : { takenAt: new Date(takenAt * 1_000).toISOString() }),
      })),
    };
  });
  return { format: 'pvefleet.snapshots/1', containers: listed };
}

async function stateOf(
  context: EngineContext,
  container: Pick<ActualContainer, 'vmid' | 'node'>,
  isAsked: boolean,
): Promise<SnapshotState> {
  const { node, vmid } = container;
  const snapshots = await readSnapshots(context, container);
  if (!isAsked) return { snapshots };
  const path = '/nodes/{node}/lxc/{vmid}/feature';
  const answer = await context.pve.get(path, { node, vmid, feature: 'snapshot' }, { signal: context.signal });
  return { snapshots, isPossible: decodeBoolean(answer.hasFeature) ?? false };
}

/**
 * Reads the snapshots of containers.
 *
 * @param containers - whose.
 * @param isAsked - ask as well whether they can be snapshotted.
 * @returns what is known, by vmid.
 */
export async function readSnapshotStates(
  context: EngineContext,
  containers: readonly ActualContainer[],
  isAsked: boolean,
): Promise<Map<number, SnapshotState>> {
  const states = await mapBounded(
    context.limits.requests,
    containers,
    async (container) => [container.vmid, await stateOf(context, container, isAsked)] as const,
  );
  return new Map(states);
}

/**
 * Plan of `snapshot create`, `rollback` and `delete`.
 *
 * @param vmids - containers, owned or not.
 * @param step - what to do.
 * @throws UsageError for an id that is no container.
 */
export async function makeSnapshotPlan(
  context: EngineContext,
  vmids: readonly number[],
  step: { readonly verb: SnapshotVerb; readonly name: string; readonly description?: string },
  policy: Policy,
): Promise<Planned> {
  const snapshot = await observe(context, { vmids });
  const containers = containersOf(snapshot, vmids);
  const states = await readSnapshotStates(context, containers, step.verb === 'create');
  const request = { ...step, states, storages: snapshot.storages };
  return ready(context, planSnapshot(containers, request, policy), snapshot);
}

/**
 * Plan of `clone`.
 *
 * @param vmid - the container to copy.
 * @param options - how.
 * @throws UsageError for an id that is no container.
 */
export async function makeClonePlan(
  context: EngineContext,
  vmid: number,
  options: CloneOptions,
): Promise<Planned> {
  const snapshot = await observe(context, { vmids: [vmid] });
  const [source] = containersOf(snapshot, [vmid]);
  return ready(context, planClone(source as ActualContainer, options, snapshot), snapshot);
}

/** Cluster → ClusterSnapshot. Reads only, bounded in parallel; one request per container that matters and a few more. */
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

/** What is to be read in full. Members add up. */
export interface ObserveScope {
  /** The containers that this fleet owns or names, the storages and templates that it needs. */
  readonly fleet?: DesiredFleet;
  /** The containers that the fleet of this name owns. */
  readonly fleetName?: string;
  readonly vmids?: readonly Vmid[];
  /** Every container of the cluster. */
  readonly all?: boolean;
  /** All template archives of all nodes, and the catalogue. */
  readonly templates?: boolean;
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
  void context;
  void scope;
  throw new InternalError('not written yet');
}

/** Observation + pure planning. Changes nothing. */
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import type { Plan, Policy } from '../domain/plan.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

/** A plan and the observation it was made from. */
export interface Planned {
  readonly plan: Plan;
  readonly snapshot: ClusterSnapshot;
}

/** Single steps on existing containers. */
export type Verb = 'start' | 'stop' | 'shutdown' | 'restart' | 'delete';

/** Options of a single step. */
export interface VerbOptions {
  readonly timeoutSeconds?: number;
  readonly force?: boolean;
  readonly purge?: boolean;
}

/** New limits of one container; absent: kept. */
export interface ResizeChange {
  readonly memoryMiB?: number;
  readonly swapMiB?: number;
  readonly cores?: number;
  readonly cpuLimit?: number;
  readonly cpuUnits?: number;
  readonly rootfsBytes?: number;
}

/** Plan of `apply -f`. */
export async function makePlan(
  context: EngineContext,
  fleet: DesiredFleet,
  policy: Policy,
): Promise<Planned> {
  void [context, fleet, policy];
  throw new InternalError('not written yet');
}

/** Plan of `destroy -f`: removes what the fleet of this name owns. */
export async function makeDestroyPlan(
  context: EngineContext,
  fleetName: string,
  policy: Policy,
): Promise<Planned> {
  void [context, fleetName, policy];
  throw new InternalError('not written yet');
}

/** Plan of `start`, `stop`, … for existing containers, found with `selectContainers` of list.ts. */
export async function makeVerbPlan(
  context: EngineContext,
  verb: Verb,
  vmids: readonly Vmid[],
  policy: Policy,
  options: VerbOptions = {},
): Promise<Planned> {
  void [context, verb, vmids, policy, options];
  throw new InternalError('not written yet');
}

/** Plan of `resize`. */
export async function makeResizePlan(
  context: EngineContext,
  vmid: Vmid,
  change: ResizeChange,
  policy: Policy,
): Promise<Planned> {
  void [context, vmid, change, policy];
  throw new InternalError('not written yet');
}

/** Where a template goes. */
export interface DownloadTarget {
  /** Default: the only, else the first online node. */
  readonly node?: string;
  /** Default: the first storage of the node that takes templates. */
  readonly storage?: string;
}

/** Plan of `template download`: `wanted` is a file name of the catalogue, a package, or an alias such as `debian-13`. */
export async function makeDownloadPlan(
  context: EngineContext,
  wanted: string,
  target: DownloadTarget = {},
): Promise<Planned> {
  void [context, wanted, target];
  throw new InternalError('not written yet');
}

/** `list`, `show`, and finding the containers that a command means. Reads only. */
import type { ActualContainer, ClusterSnapshot } from '../domain/actual.ts';
import type { Vmid } from '../domain/desired.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import type { Selection } from './selection.ts';
import type { TaskSummary } from './tasks.ts';

export { resolveSelection } from './selection.ts';

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
}

/** The document `pvefleet.list/1`. */
export interface ListDocument {
  readonly format: 'pvefleet.list/1';
  readonly containers: readonly ListedContainer[];
}

/** One interface of a running container, as the kernel has it. */
export interface InterfaceInfo {
  readonly name: string;
  readonly mac?: string;
  /** With prefix length, link-local ones included. */
  readonly addresses: readonly string[];
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

/** Rows of `list`. */
export async function listContainers(
  context: EngineContext,
  selection: Selection,
  options: ListOptions = {},
): Promise<ListDocument> {
  void [context, selection, options];
  throw new InternalError('not written yet');
}

/** One container in full, with its recent tasks and addresses. */
export async function showContainer(context: EngineContext, vmid: Vmid): Promise<ShowDocument> {
  void [context, vmid];
  throw new InternalError('not written yet');
}

/** What a selection found. */
export interface Selected {
  readonly containers: readonly ActualContainer[];
  readonly snapshot: ClusterSnapshot;
}

/** Finds and reads the containers that a command means; throws UsageError as resolveSelection does. */
export async function selectContainers(context: EngineContext, selection: Selection): Promise<Selected> {
  void [context, selection];
  throw new InternalError('not written yet');
}

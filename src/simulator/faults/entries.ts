/**
 * Fault schedules as plain JSON: what an entry may say, and the check of schedules that people wrote. No behaviour here;
 * carried out by ../faults.ts and its neighbours.
 */

/** A request as faults see it. */
export interface FaultSubject {
  readonly method: string;
  readonly path: string;
  /** Path template, or the path where there is none. */
  readonly template: string;
}

/** When a fault of a request strikes. */
export interface RequestWhen {
  readonly method?: string;
  /** Path below `/api2/json`, or a path template of the schema; `*` stands for anything. */
  readonly path?: string;
  /** Lets that many matching requests pass first. */
  readonly skip?: number;
  /** How often it strikes; default once, with a probability without end. */
  readonly times?: number;
  /** Chance of each matching request, above 0 and up to 1; drawn from the random seed. */
  readonly probability?: number;
}

/** When a fault of a task strikes. */
export interface TaskWhen {
  /** Task type, for example `vzcreate`. */
  readonly type?: string;
  /** Task id, usually a VMID. */
  readonly id?: string | number;
  readonly skip?: number;
  readonly times?: number;
  readonly probability?: number;
}

/** When a lock is not to be had. */
export interface LockWhen {
  /** Name of the lock, `*` stands for anything: `*pve-config-101.lock`, `*storage-local-lvm`. */
  readonly lock?: string;
  readonly skip?: number;
  readonly times?: number;
  readonly probability?: number;
}

/**
 * When something is the case for a while: from a time on, or from the first request that matches; without either, at once.
 */
interface PeriodWhen extends RequestWhen {
  /** Simulated ms after the schedule was set. */
  readonly afterMs?: number;
  /** Simulated ms until it is over. */
  readonly forMs?: number;
  /** How many requests it lasts. */
  readonly forRequests?: number;
}

/** What a person changes in a container. */
export interface ConfigEdit {
  /** Default: the container of the request that matched. */
  readonly vmid?: number;
  readonly set?: Readonly<Record<string, string | number | boolean>>;
  readonly delete?: readonly string[];
}

/** One entry of a schedule. */
export type FaultEntry =
  /** The answer comes later. */
  | (RequestWhen & { readonly fault: 'latency'; readonly ms: number })
  /** The connection breaks before (default) or after the request has had its effect. */
  | (RequestWhen & { readonly fault: 'drop'; readonly when?: 'before' | 'after' })
  /** Another answer before (default) or after the effect. Reason and delay follow from 401, 595 and 596 by themselves. */
  | (RequestWhen & {
      readonly fault: 'answer';
      readonly status: number;
      readonly reason?: string;
      readonly when?: 'before' | 'after';
      readonly ms?: number;
    })
  /** Somebody changes a container right after (default) or before a request, as root@pam. */
  | (RequestWhen & ConfigEdit & { readonly fault: 'edit'; readonly when?: 'before' | 'after' })
  /** A task dies: in the midst of its work and clears up (default), or before it does anything at all. */
  | (TaskWhen & {
      readonly fault: 'task-failure';
      readonly text?: string;
      readonly when?: 'before' | 'during';
    })
  /** A task does its work and warns. */
  | (TaskWhen & { readonly fault: 'task-warning'; readonly text?: string })
  /** Somebody else holds a lock until the waiting is over. */
  | (LockWhen & { readonly fault: 'lock-timeout' })
  /** A storage has no room, or only so much. */
  | (PeriodWhen & {
      readonly fault: 'full-storage';
      readonly storage: string;
      readonly freeBytes?: number;
    })
  /** A node cannot be reached; its guests run on. */
  | (PeriodWhen & { readonly fault: 'node-loss'; readonly node: string })
  /** The cluster has no majority and cannot write. */
  | (PeriodWhen & { readonly fault: 'quorum-loss' });

export type FaultKind = FaultEntry['fault'];

/** Those that last. */
export type PeriodEntry = Extract<
  FaultEntry,
  PeriodWhen & { fault: 'full-storage' | 'node-loss' | 'quorum-loss' }
>;

/** A plan: data that says completely what will be sent, in which order, and why. No closures, no times, no secrets. */
import type { ApiRequest } from '../schema/request.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ContainerKey, DesiredReady, ProvisionStep, Vmid } from './desired.ts';
import type { DriftState } from './drift.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * When a change takes effect. `live`: at once; `restart`: stored now, in force after the next start; `recreate`: only in
 * a new container; `forbidden`: impossible.
 */
export type Effect = 'live' | 'restart' | 'recreate' | 'forbidden';

/** One field of one container. */
export interface FieldChange {
  /** Id of the field table (domain/fields.ts), for example `memory`, `nets.eth0`, `mounts./data`. */
  readonly field: string;
  /** Values as a person writes them in a fleet file; null: unset. */
  readonly from: JsonValue;
  readonly to: JsonValue;
  readonly effect: Effect;
  /** Live, but the host brings it about only some seconds later, so that it is not proved at once. */
  readonly settles?: 'later';
  /** Who alone may make it, whatever rights an account has. */
  readonly needs?: 'root@pam';
}

/** What is done about students' accounts; see domain/lab. None of it is about a container. */
export type AccountKind =
  | 'role.create'
  | 'role.update'
  | 'role.delete'
  | 'user.create'
  | 'user.update'
  | 'user.password'
  | 'user.delete'
  | 'pool.create'
  | 'pool.update'
  | 'pool.remove-member'
  | 'pool.delete'
  | 'acl.grant'
  | 'acl.revoke';

export type ActionKind =
  | AccountKind
  | 'template.download'
  | 'template.upload'
  | 'container.create'
  | 'container.configure'
  | 'container.resize-disk'
  | 'container.start'
  | 'container.shutdown'
  | 'container.stop'
  | 'container.reboot'
  | 'container.destroy'
  | 'container.clone'
  | 'container.restore'
  | 'container.template'
  | 'container.migrate'
  | 'container.move-volume'
  | 'container.provision'
  | 'container.ready'
  | 'snapshot.create'
  | 'snapshot.rollback'
  | 'snapshot.delete'
  | 'ha.add'
  | 'ha.update'
  | 'ha.remove'
  | 'firewall.options'
  | 'firewall.rule'
  | 'access.acl'
  | 'template.delete';

/** Kinds of actions that make a container. */
export const makingKinds: ReadonlySet<ActionKind> = new Set([
  'container.create',
  'container.clone',
  'container.restore',
]);

export type Risk = 'safe' | 'disruptive' | 'destructive';

/** What must still be true when the action is carried out. */
export type Precondition =
  | { readonly kind: 'none' }
  /** The container's config is unchanged; sent as `digest`. A later action of the same container uses the newest digest. */
  | { readonly kind: 'digest'; readonly digest: string }
  /** What an account step was planned from is unchanged; see domain/lab/account-facts. Looked at in saved plans. */
  | { readonly kind: 'access'; readonly digest: string }
  /** The id is free. `flexible`: another one of the range may be taken when somebody was faster. */
  | { readonly kind: 'vmid-free'; readonly flexible: boolean; readonly from: Vmid; readonly to: Vmid };

/** What an action does inside its container, once the request has opened its console. */
export type InsideWork =
  | {
      readonly kind: 'provision';
      /** Position of the step in the file, from 1, and how many there are. */
      readonly position: number;
      readonly of: number;
      readonly digest: string;
      readonly step: ProvisionStep;
      /** Digests of all steps in the order of the file. */
      readonly digests: readonly string[];
    }
  | ({ readonly kind: 'ready' } & DesiredReady);

/** One request to the API, with what it is for. */
export interface Action {
  /** Stable and readable: `web01/create`, `web01/configure:live`, `template/pve1/local/debian-13…`. */
  readonly id: string;
  readonly kind: ActionKind;
  readonly target: { readonly key: ContainerKey; readonly vmid?: Vmid; readonly node: string };
  readonly request: ApiRequest;
  /** Absent: the request is all of it. */
  readonly inside?: InsideWork;
  /** `task`: the answer is a UPID to wait for. */
  readonly completes: 'now' | 'task';
  readonly changes: readonly FieldChange[];
  readonly risk: Risk;
  /** Why, in a few words: `not there yet`, `memory differs`, `left the fleet file`. */
  readonly reason: string;
  /** Why an existing container is changed; absent: for another reason, or it was never applied. */
  readonly cause?: DriftState;
  readonly precondition: Precondition;
  readonly dependsOn: readonly string[];
  /** Actions that must have ended before, whatever became of them. */
  readonly follows?: readonly string[];
}

/** A change that cannot be carried out, or not without a permission that was not given. */
export interface Refusal {
  readonly key: ContainerKey;
  readonly vmid?: Vmid;
  /** Permission that would lift it; absent: nothing does. */
  readonly needs?: 'destroy' | 'recreate' | 'restart' | 'max-destroy';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly changes: readonly FieldChange[];
  /** Commands that lift it, for a root shell on a node. */
  readonly commands?: readonly string[];
}

export interface PlanSummary {
  readonly create: number;
  readonly update: number;
  readonly destroy: number;
  readonly unchanged: number;
  /** Users of students; present when there is something to do about accounts. */
  readonly accounts?: {
    readonly create: number;
    readonly update: number;
    readonly remove: number;
  };
}

/** How one container is set back. */
export interface PlannedReset {
  readonly key: ContainerKey;
  readonly vmid: Vmid;
  readonly node: string;
  readonly strategy: 'rollback' | 'reclone' | 'rebuild';
  readonly why: string;
  /** About how long, in seconds. */
  readonly seconds: number;
}

/** The document `pvefleet.plan/1`; `id` is the digest of everything else. */
export interface Plan {
  readonly format: 'pvefleet.plan/1';
  readonly fleet: string;
  readonly id: string;
  readonly actions: readonly Action[];
  readonly inSync: readonly ContainerKey[];
  /** Non-empty: apply refuses the whole plan with exit code 6. */
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
  readonly summary: PlanSummary;
  /** Of a reset: which container by what, and about how long all of it takes, in seconds. */
  readonly reset?: { readonly containers: readonly PlannedReset[]; readonly seconds: number };
}

/** What the user allows. */
export interface Policy {
  readonly allow: { readonly destroy: boolean; readonly recreate: boolean; readonly restart: boolean };
  /** Destructions at most; Infinity when `--allow destroy` is given without `--max-destroy`. */
  readonly maxDestroy: number;
  /** Remove owned containers that are not in the file. False for single-container commands. */
  readonly prune: boolean;
  /** Globs over keys; empty: all. */
  readonly target: readonly string[];
  readonly exclude: readonly string[];
  /** A snapshot before changes of existing containers that are more than new limits. */
  readonly snapshotFirst?: boolean;
  /** Time, ms since the epoch, for what the file or a container has until then; absent: nothing has run out. */
  readonly now?: number;
}

/** What one apply knows that its plan could not: ids chosen anew, digests after our own writes, tasks under way. */
import type { Action, Plan } from '../domain/plan.ts';
import type { Place } from './scheduler.ts';
import type { Shells } from './shells.ts';
import type { TaskWatch } from './task-watch.ts';

/** Mutable, lives as long as one apply. */
export interface RunState {
  /** Ids that this run uses or has chosen; never chosen again. */
  readonly taken: Set<number>;
  /** Newest digest by vmid, after a write of ours. */
  readonly digests: Map<number, string>;
  /** Newest digest of the firewall rules by vmid, after a write of ours. */
  readonly ruleDigests: Map<number, string>;
  /** Every task that this run has waited for. */
  readonly followed: Set<string>;
  /** Tasks that run on the server, by action. */
  readonly running: Map<string, string>;
  /** Waits for tasks together with others; absent: each by itself. */
  watch?: TaskWatch;
  /** Shells inside containers, shared by the actions of each. */
  shells?: Shells;
  /** The place of each action in its rooms, while it runs. */
  readonly places: Map<string, Place>;
  /** Actions of which an answer was lost, so that a failure later does not say that nothing happened. */
  readonly lost: Set<string>;
  /** Why new passwords could not be proved, as far as it was told. */
  readonly unproved: Set<string>;
  /** The tag of ownership was refused; nothing is sent with it any more. */
  isTagless?: boolean;
  /** Tags of boosts and freezes that were refused, by action; what the notes tell is enough. */
  readonly leftTags: Map<string, ReadonlySet<string>>;
  /** The same for tags that tell of the end of a container, which its notes tell too. */
  hasNoEndTags?: boolean;
  /** Keys of containers that were destroyed or rolled back, and are to be brought up again whatever comes in between. */
  readonly begun: Set<string>;
  /** Reason why nothing new may start; set once. */
  stop?: string;
  /** The id under which the container of an action exists or will exist. */
  vmidOf(action: Action): number | undefined;
  /** The id that stands for a planned one, which another one may have replaced. */
  idNow(planned: number): number;
  /** Another id was taken for the container of this action. */
  replaceVmid(action: Action, vmid: number): void;
}

/**
 * Starts a run.
 *
 * @param plan - its ids are taken from the start, so that a lost race does not steal one from a sibling.
 * @returns the state, empty but for the ids.
 */
export function createRunState(plan: Plan): RunState {
  const replaced = new Map<string, number>();
  const ids = new Map<number, number>();
  const keyOf = (action: Action): string => `${action.target.key} ${action.target.vmid}`;
  return {
    taken: new Set(plan.actions.flatMap(({ target }) => (target.vmid === undefined ? [] : [target.vmid]))),
    digests: new Map(),
    ruleDigests: new Map(),
    running: new Map(),
    places: new Map(),
    begun: new Set(),
    followed: new Set(),
    lost: new Set(),
    leftTags: new Map(),
    unproved: new Set(),
    vmidOf: (action) => replaced.get(keyOf(action)) ?? action.target.vmid,
    idNow: (planned) => ids.get(planned) ?? planned,
    replaceVmid(action, vmid) {
      this.taken.add(vmid);
      if (action.target.vmid !== undefined) ids.set(action.target.vmid, vmid);
      replaced.set(keyOf(action), vmid);
    },
  };
}

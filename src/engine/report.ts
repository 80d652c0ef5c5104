/** Results of a run, as data. */
import type { ErrorDocument } from '../util/errors.ts';

export type ActionResult =
  | 'ok'
  | 'warnings'
  | 'unchanged'
  | 'diverged'
  | 'failed'
  | 'skipped'
  | 'indeterminate';

export interface ActionReport {
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly vmid?: number;
  readonly node: string;
  readonly result: ActionResult;
  readonly upid?: string;
  readonly ms: number;
  readonly warnings?: number;
  /** Why it failed, was skipped or diverged. */
  readonly error?: ErrorDocument;
  /** Last lines of a failed task's log. */
  readonly log?: readonly string[];
}

/** The document `pvefleet.apply/1`. */
export interface ApplyReport {
  readonly format: 'pvefleet.apply/1';
  readonly fleet: string;
  readonly planId: string;
  readonly actions: readonly ActionReport[];
  readonly summary: Readonly<Record<ActionResult, number>>;
  /** Tasks that still run on the server although pvefleet stopped waiting. */
  readonly runningUpids: readonly string[];
  readonly interrupted: boolean;
  readonly ms: number;
}

/**
 * Puts the reports of runs that followed each other into one.
 *
 * @returns all actions, in order; the plan is that of the first run that had something to do.
 */
export function joinReports(first: ApplyReport, second: ApplyReport): ApplyReport {
  const results = Object.keys(first.summary) as ActionResult[];
  const summary = Object.fromEntries(
    results.map((result) => [result, first.summary[result] + second.summary[result]]),
  ) as Record<ActionResult, number>;
  return {
    ...first,
    planId: first.actions.length > 0 ? first.planId : second.planId,
    actions: [...first.actions, ...second.actions],
    summary,
    runningUpids: [...first.runningUpids, ...second.runningUpids],
    interrupted: first.interrupted || second.interrupted,
    ms: first.ms + second.ms,
  };
}

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

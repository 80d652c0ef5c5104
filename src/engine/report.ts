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

/** One field that is not as the file says. */
export interface Finding {
  readonly key: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly field: string;
  readonly state: 'diverged' | 'pending' | 'missing' | 'unexpected' | 'unowned';
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The document `pvefleet.verify/1`. */
export interface VerifyReport {
  readonly format: 'pvefleet.verify/1';
  readonly fleet: string;
  readonly converged: boolean;
  readonly containers: readonly {
    readonly key: string;
    readonly vmid?: number;
    readonly node?: string;
    readonly state: 'applied' | 'pending' | 'diverged' | 'missing';
  }[];
  readonly findings: readonly Finding[];
  readonly summary: {
    readonly applied: number;
    readonly pending: number;
    readonly diverged: number;
    readonly missing: number;
    readonly unexpected: number;
  };
}

/** Carries out a plan: refuses first, then schedules, and reports what happened. The only way in which anything is changed. */
import type { Plan } from '../domain/plan.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import type { ApplyReport } from './report.ts';

/** How to carry out a plan. */
export interface ApplyOptions {
  /** Start nothing new after the first failure. */
  readonly failFast?: boolean;
}

/**
 * Carries out a plan that was made just now.
 *
 * @returns what became of each action; failures and interruptions are in the report, see {@link assertApplied}.
 * @throws PlanRefusedError before anything is written, when the plan has refusals.
 */
export async function applyPlan(
  context: EngineContext,
  plan: Plan,
  options: ApplyOptions = {},
): Promise<ApplyReport> {
  void [context, plan, options];
  throw new InternalError('not written yet');
}

/**
 * Carries out a plan that was saved earlier: observes anew and checks every precondition first.
 *
 * @throws PlanRefusedError when digests or free ids are no longer as the plan says; lists the stale actions.
 */
export async function applySavedPlan(
  context: EngineContext,
  plan: Plan,
  options: ApplyOptions = {},
): Promise<ApplyReport> {
  void [context, plan, options];
  throw new InternalError('not written yet');
}

/**
 * Turns a report into an exit: returns when all went well.
 *
 * @throws CancelledError when the run was interrupted; ApplyError when an action failed, diverged or was skipped.
 */
export function assertApplied(report: ApplyReport): void {
  void report;
  throw new InternalError('not written yet');
}

/** The engine's own failures: a plan that may not be carried out, a run that did not succeed, a run that was interrupted. */
import { isAboutRights } from '../domain/judge-rights.ts';
import type { Refusal } from '../domain/plan.ts';
import { PvefleetError } from '../util/errors.ts';
import type { ActionReport, ApplyReport } from './report.ts';

/** An action of a saved plan whose precondition no longer holds. */
export interface StaleAction {
  readonly id: string;
  readonly key: string;
  readonly vmid?: number;
  /** What has changed since the plan was made. */
  readonly reason: string;
}

/** What {@link PlanRefusedError} is given. */
export interface PlanRefusal {
  readonly fleet: string;
  readonly refusals?: readonly Refusal[];
  readonly stale?: readonly StaleAction[];
  readonly message?: string;
  readonly hint?: string;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** Whether nothing but the rights of the account stands against a plan. */
function lacksRights({ refusals = [], stale = [] }: PlanRefusal): boolean {
  return stale.length === 0 && refusals.length > 0 && refusals.every(isAboutRights);
}

/** All commands that grant what is missing, each once. */
function rightsHint(refusals: readonly Refusal[]): string | undefined {
  const commands = [...new Set(refusals.flatMap((one) => one.commands ?? []))];
  // roles are made before they are given
  commands.sort((a, b) => Number(b.includes(' role ')) - Number(a.includes(' role ')));
  return commands.length > 0 ? `on a node as root: ${commands.join(' && ')}` : refusals[0]?.hint;
}

/**
 * The plan is not carried out at all; nothing has been written. Where only rights are missing, that is the same as a
 * refusal by the server itself: exit code 4 and code `RIGHTS_MISSING`.
 */
export class PlanRefusedError extends PvefleetError {
  override readonly code: 'PLAN_REFUSED' | 'RIGHTS_MISSING';
  override readonly exitCode: 4 | 6;
  readonly refusals: readonly Refusal[];
  readonly stale: readonly StaleAction[];

  constructor(refusal: PlanRefusal) {
    const { fleet, refusals = [], stale = [] } = refusal;
    const first = refusals[0]?.message ?? stale[0]?.reason;
    const what =
      stale.length > 0
        ? `the plan of ${fleet} is stale: ${count(stale.length, 'action no longer fits', 'actions no longer fit')}`
        : `the plan of ${fleet} is refused for ${count(refusals.length, 'reason', 'reasons')}`;
    const needs = [...new Set(refusals.map((one) => one.needs).filter((need) => need !== undefined))];
    const lift = needs.filter((need) => need !== 'max-destroy').join(',');
    const hint =
      refusal.hint ??
      (stale.length > 0
        ? 'make a new plan and look at it before applying'
        : lift !== '' && refusals.every((one) => one.needs !== undefined)
          ? `allow it with --allow ${lift} if that is what you want`
          : lacksRights(refusal)
            ? rightsHint(refusals)
            : refusals[0]?.hint);
    super(refusal.message ?? (first === undefined ? what : `${what}: ${first}`), {
      hint,
      details: { refusals, stale },
    });
    this.code = lacksRights(refusal) ? 'RIGHTS_MISSING' : 'PLAN_REFUSED';
    this.exitCode = lacksRights(refusal) ? 4 : 6;
    this.refusals = refusals;
    this.stale = stale;
  }
}

function failedActions(report: ApplyReport): readonly ActionReport[] {
  return report.actions.filter((action) => ['failed', 'diverged', 'indeterminate'].includes(action.result));
}

/** Some actions failed, diverged or were skipped; the report says which. */
export class ApplyError extends PvefleetError {
  override readonly code = 'APPLY_FAILED';
  override readonly exitCode = 5;
  readonly report: ApplyReport;

  constructor(report: ApplyReport) {
    const failed = failedActions(report);
    const first = failed.find((action) => action.error !== undefined);
    const because = first?.error === undefined ? '' : `; first: ${first.id}: ${first.error.message}`;
    const skipped = report.summary.skipped > 0 ? `, ${report.summary.skipped} skipped` : '';
    super(`${failed.length} of ${report.actions.length} actions did not succeed${skipped}${because}`, {
      hint: first?.error?.hint ?? 'apply again: what is done stays done, and the rest is planned anew',
      details: { planId: report.planId, failed: failed.map((action) => action.id) },
    });
    this.report = report;
  }
}

/** The user interrupted. `draining`: what was running has ended; `detached`: tasks may still run on the server. */
export class CancelledError extends PvefleetError {
  override readonly code = 'CANCELLED';
  override readonly exitCode = 130;
  readonly stage: 'draining' | 'detached';
  readonly runningUpids: readonly string[];
  readonly report?: ApplyReport;

  constructor(
    stage: 'draining' | 'detached',
    options: { readonly runningUpids?: readonly string[]; readonly report?: ApplyReport } = {},
  ) {
    const running = options.runningUpids ?? [];
    super(
      running.length > 0
        ? `interrupted; ${count(running.length, 'task still runs', 'tasks still run')} on the server`
        : 'interrupted',
      {
        hint:
          running.length > 0
            ? `follow it with: pvefleet task wait '${running[0]}'`
            : 'apply again to finish what was left out',
        details: { stage, runningUpids: running },
      },
    );
    this.stage = stage;
    this.runningUpids = running;
    if (options.report) this.report = options.report;
  }
}

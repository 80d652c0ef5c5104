/** One action and its report: carried out, proved, and every failure turned into data. Never rejects. */
import { TaskFailedError } from '../api/errors/task-error.ts';
import { isAccountAction } from '../domain/lab/account-actions.ts';
import type { Action, FieldChange } from '../domain/plan.ts';
import { describeWork } from '../domain/provision.ts';
import type { ErrorDocument } from '../util/errors.ts';
import { carryOut } from './carry-out.ts';
import type { EngineContext } from './context.ts';
import { describeFailure, IndeterminateError, InterruptedError, StepFailedError } from './failures.ts';
import { doingOf, type Outcome } from './follow-task.ts';
import { workInside } from './inside.ts';
import { isPasswordRefused } from './lab/prove-password.ts';
import { settleCredentials } from './lab/use-credentials.ts';
import { leftBehind } from './left-behind.ts';
import { stateBefore, unprovedChanges } from './prove.ts';
import type { ActionReport, ActionResult } from './report.ts';
import type { RunState } from './run-state.ts';

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function diverged(what: string, changes: readonly FieldChange[]): ErrorDocument {
  const list = changes.map(({ field, from, to }) => `${field} should be ${show(from)}, is ${show(to)}`);
  return {
    format: 'pvefleet.error/1',
    code: 'DIVERGED',
    message: `${what}: done, but not as planned: ${list.join('; ')}`,
    hint: 'make a new plan; it shows what is left to do',
    details: { changes },
  };
}

/** What becomes of the report besides who and how long. */
type Ending = Partial<Omit<ActionReport, 'id' | 'kind' | 'key' | 'node' | 'ms'>> & {
  readonly result: ActionResult;
  /** Planned changes that are not there. */
  readonly unproved?: readonly FieldChange[];
};

function endingOf(outcome: Outcome): Ending {
  const upid = outcome.upid === undefined ? {} : { upid: outcome.upid };
  return outcome.result === 'warnings'
    ? { result: 'warnings', warnings: outcome.count, log: outcome.log, ...upid }
    : { result: outcome.result, ...upid };
}

function failureOf(error: unknown, upid: string | undefined): Ending {
  const known = upid === undefined ? {} : { upid };
  const base = { ...known, error: describeFailure(error) };
  if (error instanceof InterruptedError) return { result: 'skipped', error: base.error };
  if (error instanceof TaskFailedError)
    return { ...base, result: 'failed', upid: error.upid, log: error.log };
  if (error instanceof StepFailedError) return { ...base, result: 'failed', log: error.log };
  return { ...base, result: error instanceof IndeterminateError ? 'indeterminate' : 'failed' };
}

async function proved(
  context: EngineContext,
  run: RunState,
  action: Action,
  before: Awaited<ReturnType<typeof stateBefore>>,
  outcome: Outcome,
): Promise<Ending> {
  const ending = endingOf(outcome);
  const doing = doingOf(action, run.vmidOf(action));
  const missing = await unprovedChanges(context, run, action, before, outcome.upid).catch(
    (cause: unknown) => {
      throw new IndeterminateError(`done, but the result could not be read back (${doing})`, {
        cause,
        hint: 'look at the cluster with: pvefleet verify, or plan again',
      });
    },
  );
  return missing.length === 0
    ? ending
    : { ...ending, result: 'diverged', error: diverged(doing, missing), unproved: missing };
}

async function endOf(context: EngineContext, run: RunState, action: Action): Promise<Ending> {
  let upid: string | undefined;
  try {
    const before = await stateBefore(context, run, action);
    const outcome = await (action.inside ? workInside : carryOut)(context, run, action);
    upid = outcome.upid;
    return await proved(context, run, action, before, outcome);
  } catch (error) {
    if (context.signal.aborted && !(error instanceof IndeterminateError)) {
      return failureOf(new InterruptedError(), upid);
    }
    const ending = failureOf(error, upid ?? run.running.get(action.id));
    const hint = await leftBehind(context, action, run.vmidOf(action), error);
    return hint === undefined || ending.error === undefined
      ? ending
      : { ...ending, error: { ...ending.error, hint } };
  }
}

/**
 * Runs one action.
 *
 * @param run - state of the apply; gains ids, digests and running tasks.
 * @returns its report, also for failures.
 */
export async function runAction(
  context: EngineContext,
  run: RunState,
  action: Action,
): Promise<ActionReport> {
  const { id, kind, target } = action;
  const startedAt = context.clock.now();
  const planned = run.vmidOf(action);
  context.emit({
    type: 'action.start',
    id,
    kind,
    key: target.key,
    node: target.node,
    ...(planned === undefined ? {} : { vmid: planned }),
    ...(action.inside ? { detail: describeWork(action.inside) } : {}),
  });
  const ending = await endOf(context, run, action);
  if (isAccountAction(action))
    await settleCredentials(
      context,
      action,
      run.lost.has(action.id) && ending.result === 'failed' ? 'indeterminate' : ending.result,
      isPasswordRefused(ending.unproved ?? []),
    );
  const vmid = run.vmidOf(action);
  const { unproved: _unproved, ...told } = ending;
  return {
    id,
    kind,
    key: target.key,
    node: target.node,
    ms: context.clock.now() - startedAt,
    ...(vmid === undefined ? {} : { vmid }),
    ...told,
  };
}

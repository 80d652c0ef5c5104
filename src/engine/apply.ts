/** Carries out a plan: refuses first, then schedules, and reports what happened. The only way in which anything is changed. */
import { isAboutRights } from '../domain/judge-rights.ts';
import { isAccountAction } from '../domain/lab/account-actions.ts';
import { needsMembers } from '../domain/lab/account-facts.ts';
import type { Action, Plan } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { countBy } from './count-by.ts';
import { ApplyError, CancelledError, PlanRefusedError, type StaleAction } from './errors.ts';
import { classOf } from './follow-task.ts';
import { staleActions } from './freshness.ts';
import { staleCopies } from './local-tree.ts';
import { observe } from './observe.ts';
import { preflight } from './preflight.ts';
import { checkSecrets } from './prepare-request.ts';
import type { ActionReport, ActionResult, ApplyReport } from './report.ts';
import { requestText } from './request-text.ts';
import { roomsOf } from './rooms.ts';
import { runAction } from './run-action.ts';
import { createRunState, type RunState } from './run-state.ts';
import { type Job, runJobs } from './scheduler.ts';
import { sharedStorages } from './shared-storages.ts';
import { createShells } from './shells.ts';
import { leftOut } from './stale.ts';
import { createTaskWatch } from './task-watch.ts';
import { type Waves, wavesOf } from './waves.ts';

/** How to carry out a plan. */
export interface ApplyOptions extends Waves {
  /** Start nothing new after the first failure. */
  readonly failFast?: boolean;
}

/** How to carry out a plan that was saved earlier. */
export interface ApplySavedOptions extends ApplyOptions {
  /** Leave out the containers that have changed since, and go on with the others. */
  readonly skipStale?: boolean;
}

const results: readonly ActionResult[] = [
  'ok',
  'warnings',
  'unchanged',
  'diverged',
  'failed',
  'skipped',
  'indeterminate',
];
/** After these, what depends on the action is not tried. A divergence is reported, but the server did accept the work. */
const blocking: ReadonlySet<ActionResult> = new Set(['failed', 'skipped', 'indeterminate']);
/** After these a container is not what it was: what is planned for it is carried out even when nothing new is begun. */
const losing: ReadonlySet<string> = new Set(['container.destroy', 'snapshot.rollback']);
const interruptedCode = 'INTERRUPTED';
const staleCode = 'PLAN_STALE';

function skipped(run: RunState, action: Action, because: string, code = 'SKIPPED'): ActionReport {
  const vmid = run.vmidOf(action);
  const isInterrupt = because === interruptedCode;
  return {
    id: action.id,
    kind: action.kind,
    key: action.target.key,
    node: action.target.node,
    result: 'skipped',
    ms: 0,
    ...(vmid === undefined ? {} : { vmid }),
    error: {
      format: 'pvefleet.error/1',
      code: isInterrupt ? interruptedCode : code,
      message: isInterrupt ? 'not tried: interrupted' : `not tried: ${because}`,
    },
  };
}

function announce(context: EngineContext, report: ActionReport): ActionReport {
  const { id, result, ms, upid, error } = report;
  context.emit({
    type: 'action.done',
    id,
    result,
    ms,
    ...(upid === undefined ? {} : { upid }),
    ...(error === undefined ? {} : { message: error.message }),
  });
  return report;
}

interface ActionJob extends Job {
  readonly action: Action;
}

/** Waits between two waves; an interruption ends that. */
async function pauseBefore(context: EngineContext, wave: number, { pauseMs = 0 }: Waves): Promise<void> {
  if (pauseMs === 0) return;
  const message = `wave ${wave + 1} starts in ${Math.round(pauseMs / 1_000)} s`;
  context.emit({ type: 'notice', diagnostic: { severity: 'info', code: 'WAVE_PAUSE', message } });
  const ending = AbortSignal.any([context.signal, context.drain]);
  try {
    await context.clock.sleep(pauseMs, ending);
  } catch (error) {
    if (!ending.aborted) throw error;
  }
}

async function runPlan(
  context: EngineContext,
  plan: Plan,
  run: RunState,
  options: ApplyOptions,
  left: ReadonlyMap<string, string>,
): Promise<ActionReport[]> {
  const going = plan.actions.filter(({ id }) => !left.has(id));
  const shared = await sharedStorages(context, plan);
  const waves = wavesOf(going, options);
  const isCanary = (id: string): boolean => (options.canary ?? 0) > 0 && waves.get(id) === 0;
  const jobs = going.map((action): ActionJob => {
    const rooms = roomsOf(action, context.limits, shared);
    const { id, dependsOn, follows = [] } = action;
    return { id, dependsOn, follows, rooms, class: classOf(action), wave: waves.get(id) ?? 0, action };
  });
  const reports = plan.actions.flatMap((action) => {
    const reason = left.get(action.id);
    return reason === undefined ? [] : [announce(context, skipped(run, action, reason, staleCode))];
  });
  let failed: string | undefined;
  /** Keys of containers whose losing step has been started; when it fails, what depends on it is skipped for that. */
  const losers = new Set<string>();
  const done = await runJobs(jobs, {
    now: () => context.clock.now(),
    run: async (job, place) => {
      if (losing.has(job.action.kind)) losers.add(job.action.target.key);
      run.places.set(job.id, place);
      const report = await runAction(context, run, job.action);
      run.places.delete(job.id);
      if (options.failFast && blocking.has(report.result)) failed ??= `${report.id} did not succeed`;
      if (isCanary(job.id) && (blocking.has(report.result) || report.result === 'diverged'))
        failed ??= `${report.id}, the canary, did not succeed`;
      if (losing.has(report.kind) && !blocking.has(report.result)) run.begun.add(report.key);
      return announce(context, report);
    },
    hasFailed: (report: ActionReport) => blocking.has(report.result),
    skip: (job, because) => announce(context, skipped(run, job.action, because)),
    stopped: ({ action }) => {
      if (context.signal.aborted) return interruptedCode;
      if (run.stop !== undefined || losers.has(action.target.key)) return run.stop;
      return context.drain.aborted ? interruptedCode : failed;
    },
    beforeWave: (wave) => pauseBefore(context, wave, options),
  });
  const byId = new Map([...reports, ...done].map((report) => [report.id, report]));
  return plan.actions.flatMap(({ id }) => byId.get(id) ?? []);
}

/** Whether the user's interruption left something undone or unknown. */
function wasInterrupted(context: EngineContext, actions: readonly ActionReport[]): boolean {
  if (!context.drain.aborted && !context.signal.aborted) return false;
  return actions.some(
    ({ result, error }) =>
      (result === 'skipped' && error?.code === interruptedCode) ||
      (result === 'indeterminate' && context.signal.aborted),
  );
}

/**
 * Carries out a plan that was made just now.
 *
 * @param context - client, clock, signals, limits, events.
 * @param plan - as planning made it.
 * @param options.failFast - start nothing new after the first failure.
 * @returns what became of each action, in plan order; failures and interruptions are in the report, see
 *   {@link assertApplied}.
 * @throws PlanRefusedError when the plan has refusals, UsageError when a secret cannot be resolved; both before anything
 *   is written.
 */
export async function applyPlan(
  context: EngineContext,
  plan: Plan,
  options: ApplyOptions = {},
): Promise<ApplyReport> {
  return carryOutPlan(context, plan, options, new Map());
}

async function carryOutPlan(
  context: EngineContext,
  plan: Plan,
  options: ApplyOptions,
  left: ReadonlyMap<string, string>,
): Promise<ApplyReport> {
  if (plan.refusals.length > 0) {
    throw new PlanRefusedError({ fleet: plan.fleet, refusals: plan.refusals });
  }
  await checkSecrets(context, { ...plan, actions: plan.actions.filter(({ id }) => !left.has(id)) });
  const startedAt = context.clock.now();
  const run = createRunState(plan);
  run.watch = createTaskWatch(context);
  run.shells = createShells(context, plan);
  const actions = await runPlan(context, plan, run, options, left);
  await run.shells.close();
  return {
    format: 'pvefleet.apply/1',
    fleet: plan.fleet,
    planId: plan.id,
    actions,
    summary: countBy(results, actions, ({ result }) => result),
    runningUpids: [...run.running.values()],
    interrupted: wasInterrupted(context, actions),
    ms: context.clock.now() - startedAt,
  };
}

/**
 * Carries out a plan that was saved earlier: observes anew and checks every precondition first.
 *
 * @param context - as for {@link applyPlan}.
 * @param saved - from a plan file.
 * @param options.failFast - as for {@link applyPlan}.
 * @param options.skipStale - go on without the containers that no longer fit; they are `skipped` in the report, with the
 *   code PLAN_STALE.
 * @returns the report.
 * @throws PlanRefusedError when digests, free ids or files that are copied are no longer as the plan says; lists the stale actions. With
 *   `skipStale` only when nothing would be left. Also when this account may not do what the plan wants, as it need not be
 *   the one that made it.
 */
export async function applySavedPlan(
  context: EngineContext,
  saved: Plan,
  options: ApplySavedOptions = {},
): Promise<ApplyReport> {
  // whoever made the plan may have had fewer rights than the account that carries it out
  const lasting = saved.refusals.filter((refusal) => !isAboutRights(refusal));
  if (lasting.length > 0) throw new PlanRefusedError({ fleet: saved.fleet, refusals: lasting });
  const plan: Plan = { ...saved, refusals: [] };
  const vmids = plan.actions.flatMap(({ target }) => (target.vmid === undefined ? [] : [target.vmid]));
  const snapshot = await observe(context, {
    fleetName: plan.fleet,
    vmids: [...new Set(vmids)],
    settled: true,
    ...(plan.actions.some(isAccountAction) ? { access: { name: plan.fleet, emptied: poolsToGo(plan) } } : {}),
  });
  const stale = [...staleActions(plan, snapshot), ...(await staleCopies(plan))];
  const left = leftOut(plan, stale);
  if (stale.length > 0 && !(options.skipStale && left.size < plan.actions.length))
    throw new PlanRefusedError({ fleet: plan.fleet, stale });
  const going: Plan = { ...plan, actions: plan.actions.filter(({ id }) => !left.has(id)) };
  const { refusals } = await preflight(context, going, snapshot);
  if (refusals.length > 0) throw new PlanRefusedError({ fleet: plan.fleet, refusals });
  return carryOutPlan(context, plan, options, left);
}

/** Pools whose members matter. */
function poolsToGo({ actions }: Plan): ReadonlySet<string> {
  return new Set(actions.filter(needsMembers).map(({ request }) => requestText(request, 'poolid') ?? ''));
}

/** The steps that were left out because a saved plan was stale. */
function staleSteps(report: ApplyReport): StaleAction[] {
  return report.actions.flatMap(({ id, key, vmid, error }) =>
    error?.code === staleCode
      ? [{ id, key, reason: error.message, ...(vmid === undefined ? {} : { vmid }) }]
      : [],
  );
}

/**
 * Turns a report into an exit: returns when all went well.
 *
 * @param report - of {@link applyPlan}.
 * @throws CancelledError when the run was interrupted; ApplyError when an action failed, diverged or was skipped;
 *   PlanRefusedError when all went well but for what was left out because it was stale.
 */
export function assertApplied(report: ApplyReport): void {
  if (report.interrupted) {
    const { runningUpids } = report;
    throw new CancelledError(runningUpids.length > 0 ? 'detached' : 'draining', { runningUpids, report });
  }
  const { failed, diverged, skipped: left, indeterminate } = report.summary;
  const stale = staleSteps(report);
  if (stale.length > 0 && failed + diverged + indeterminate === 0 && left === stale.length) {
    const keys = [...new Set(stale.map(({ key }) => key))].join(', ');
    throw new PlanRefusedError({
      fleet: report.fleet,
      stale,
      message: `the plan of ${report.fleet} is stale in part: ${keys} left out, the rest is done`,
    });
  }
  if (failed + diverged + left + indeterminate > 0) throw new ApplyError(report);
}

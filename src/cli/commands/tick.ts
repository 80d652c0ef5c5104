/**
 * `tick`: what of schedules, boosts and expiries is due, for cron and timers. Asks nothing, is silent when nothing is due, and
 * goes on with the others where something stands against one container.
 */
import type { DesiredFleet } from '../../domain/desired.ts';
import type { TickPlan } from '../../domain/lab/plan-tick.ts';
import type { Plan, Refusal } from '../../domain/plan.ts';
import { applyPlan, assertApplied } from '../../engine/apply.ts';
import type { EngineContext } from '../../engine/context.ts';
import { PlanRefusedError } from '../../engine/errors.ts';
import { makeTickPlan, type TickRequest } from '../../engine/lab/tick.ts';
import { type ApplyReport, joinReports } from '../../engine/report.ts';
import { renderPlan } from '../../render/plan.ts';
import { renderApply, renderVerify } from '../../render/report.ts';
import type { Style } from '../../render/style.ts';
import { renderDue } from '../../render/tick.ts';
import type { ExitCode } from '../../util/errors.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { carryOutResets, type ResetOutcome } from '../tick-resets.ts';
import { tickTime } from '../tick-time.ts';
import { wavesFlags } from '../waves.ts';

const due = (plan: Plan, style: Style): string => `${renderDue(plan, style)}\n${renderPlan(plan, style)}`;

/** Warnings are told also when nothing is done; everything else only beside what is done. */
function tell(runtime: Runtime, { plan }: TickPlan): void {
  const { output } = runtime;
  if (output.format !== 'human') return;
  if (plan.actions.length > 0 || plan.refusals.length > 0) {
    output.say(due(plan, output.errorStyle));
    return;
  }
  for (const { severity, code, message } of plan.notices)
    if (severity === 'warning') output.tell(message);
    else if (code === 'RESET_DUE') output.say(message);
}

function carryOut(runtime: Runtime, context: EngineContext, tick: TickPlan): Promise<ApplyReport> {
  const waves = { ...tick.waves, ...wavesFlags(runtime.options) };
  const how = { failFast: runtime.options.failFast === true, ...waves };
  tell(runtime, tick);
  return runtime.interrupts.whileApplying(() => applyPlan(context, tick.plan, how));
}

/** What a tick has done, all in all. */
interface Done {
  readonly report: ApplyReport;
  readonly left: readonly Refusal[];
  readonly reset?: ResetOutcome;
}

/** What is due, then the resets among it, then what waited for those. */
async function carryOutAll(runtime: Runtime, context: EngineContext, request: TickRequest): Promise<Done> {
  const { fleet, now, policy } = request;
  const first = await makeTickPlan(context, request);
  const report = await carryOut(runtime, context, first);
  if (!fleet || first.resets.length === 0 || report.interrupted) return { report, left: first.left };
  const waves = { ...first.waves, ...wavesFlags(runtime.options) };
  const unready = new Set(
    report.actions.flatMap(({ key, result }) =>
      ['ok', 'unchanged', 'warnings'].includes(result) ? [] : [key],
    ),
  );
  // what could not be stopped or kept first is not reset, either
  const keys = first.resets.filter((key) => !unready.has(key));
  if (keys.length === 0) return { report, left: first.left };
  const reset = await carryOutResets(runtime, context, { fleet, keys, policy, now, waves });
  const left = [...first.left, ...reset.left];
  if (!('report' in reset)) return { report, left };
  const both = joinReports(report, reset.report);
  if (reset.report.interrupted) return { report: both, left, reset };
  const last = await makeTickPlan(context, request);
  const rest = await carryOut(runtime, context, last);
  return { report: joinReports(both, rest), left, reset };
}

/** 5 or 130 for what went wrong, 6 for what was left out. */
function exitCode(runtime: Runtime, { report, left, reset }: Done): ExitCode {
  try {
    assertApplied(report);
  } catch (error) {
    runtime.output.error(error);
    return exitCodeOf(error);
  }
  const { diverged = 0, missing = 0 } = reset?.proof?.summary ?? {};
  if (diverged + missing > 0) {
    runtime.output.tell('The cluster is not as planned although every step succeeded; see above.');
    return 5;
  }
  return left.length === 0 ? 0 : new PlanRefusedError({ fleet: report.fleet, refusals: left }).exitCode;
}

function showPlan(runtime: Runtime, tick: TickPlan): ExitCode {
  const { plan, left, resets } = tick;
  const isIdle = plan.actions.length === 0 && plan.refusals.length === 0;
  runtime.output.result(plan, (style) => (isIdle ? '' : due(plan, style)));
  if (isIdle) tell(runtime, tick);
  const refusals = [...plan.refusals, ...left];
  if (refusals.length > 0) return new PlanRefusedError({ fleet: plan.fleet, refusals }).exitCode;
  return runtime.options.detailedExitcode && !(isIdle && resets.length === 0) ? 7 : 0;
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output } = runtime;
  const fleet: DesiredFleet | undefined =
    options.file === undefined ? undefined : (await readFleet(runtime, options)).fleet;
  const now = tickTime(options.at, runtime.clock.now(), fleet);
  const context = await runtime.connect();
  const request: TickRequest = { now, policy: policyOf(options, false), ...(fleet ? { fleet } : {}) };
  if (options.dryRun) return showPlan(runtime, await makeTickPlan(context, request));
  const done = await carryOutAll(runtime, context, request);
  const { report, reset } = done;
  context.emit({ type: 'run.done', report });
  const proof = reset?.proof;
  const document = proof ? { ...report, verify: proof } : report;
  output.result(document, (style) =>
    report.actions.length === 0 ? '' : renderApply(report, style) + (proof ? renderVerify(proof, style) : ''),
  );
  for (const { message } of reset?.left ?? [])
    if (output.format === 'human') output.tell(`left out: ${message}`);
  return exitCode(runtime, done);
}

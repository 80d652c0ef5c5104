/**
 * `tick`: what of schedules, boosts and expiries is due, for cron and timers. Asks nothing, is silent when nothing is due, and
 * goes on with the others where something stands against one container.
 */
import type { DesiredFleet } from '../../domain/desired.ts';
import type { TickPlan } from '../../domain/lab/plan-tick.ts';
import type { Plan } from '../../domain/plan.ts';
import { applyPlan, assertApplied } from '../../engine/apply.ts';
import type { EngineContext } from '../../engine/context.ts';
import { PlanRefusedError } from '../../engine/errors.ts';
import { makeTickPlan, type TickRequest } from '../../engine/lab/tick.ts';
import type { ApplyReport } from '../../engine/report.ts';
import { renderPlan } from '../../render/plan.ts';
import { renderApply } from '../../render/report.ts';
import type { Style } from '../../render/style.ts';
import { renderDue } from '../../render/tick.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { ownZone, parseWhen } from '../../util/zone.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { wavesFlags } from '../waves.ts';

/** The time that the tick is for; the zone of a time that does not say is that of this machine. */
function timeOf(options: Options, now: number): number {
  if (options.at === undefined) return now;
  const at = parseWhen(options.at, now, ownZone());
  if (at !== undefined) return at;
  throw new UsageError(`--at: '${options.at}' is no time`, {
    hint: 'write for example 2026-11-23T08:00, 2026-11-23T08:00+01:00 or 16:00',
  });
}

const due = (plan: Plan, style: Style): string => `${renderDue(plan, style)}\n${renderPlan(plan, style)}`;

/** Warnings are told also when nothing is done; everything else only beside what is done. */
function tell(runtime: Runtime, { plan, left }: TickPlan): void {
  const { output } = runtime;
  if (output.format !== 'human') return;
  if (plan.actions.length > 0 || plan.refusals.length > 0) {
    output.say(due(plan, output.errorStyle));
    return;
  }
  const known = new Set(left.map(({ message }) => `left out: ${message}`));
  for (const { severity, message } of plan.notices)
    if (severity === 'warning' || known.has(message)) output.tell(message);
}

async function carryOut(runtime: Runtime, context: EngineContext, tick: TickPlan): Promise<ApplyReport> {
  const waves = { ...tick.waves, ...wavesFlags(runtime.options) };
  const how = { failFast: runtime.options.failFast === true, ...waves };
  return runtime.interrupts.whileApplying(() => applyPlan(context, tick.plan, how));
}

/** 5 or 130 for what went wrong, 6 for what was left out. */
function exitCode(runtime: Runtime, report: ApplyReport, { left, plan }: TickPlan): ExitCode {
  try {
    assertApplied(report);
  } catch (error) {
    runtime.output.error(error);
    return exitCodeOf(error);
  }
  return left.length === 0 ? 0 : new PlanRefusedError({ fleet: plan.fleet, refusals: left }).exitCode;
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output } = runtime;
  const now = timeOf(options, runtime.clock.now());
  const fleet: DesiredFleet | undefined =
    options.file === undefined ? undefined : (await readFleet(runtime, options)).fleet;
  const context = await runtime.connect();
  const request: TickRequest = { now, policy: policyOf(options, false), ...(fleet ? { fleet } : {}) };
  const tick = await makeTickPlan(context, request);
  const { plan, left } = tick;
  const isIdle = plan.actions.length === 0 && plan.refusals.length === 0;
  if (options.dryRun) {
    output.result(plan, (style) => (isIdle ? '' : due(plan, style)));
    if (isIdle) tell(runtime, tick);
    if (plan.refusals.length + left.length > 0)
      return new PlanRefusedError({ fleet: plan.fleet, refusals: [...plan.refusals, ...left] }).exitCode;
    return options.detailedExitcode && !isIdle ? 7 : 0;
  }
  tell(runtime, tick);
  const report = await carryOut(runtime, context, tick);
  context.emit({ type: 'run.done', report });
  output.result(report, (style) => (isIdle ? '' : renderApply(report, style)));
  return exitCode(runtime, report, tick);
}

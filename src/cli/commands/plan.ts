/** `plan`: what apply would do. Changes nothing. */
import type { Plan } from '../../domain/plan.ts';
import { PlanRefusedError } from '../../engine/errors.ts';
import { makePlan } from '../../engine/plan.ts';
import { writePlanFile } from '../../engine/plan-file.ts';
import { renderPlan } from '../../render/plan.ts';
import type { ExitCode } from '../../util/errors.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { toolName } from '../version.ts';

function exitCode(plan: Plan, detailed: boolean): ExitCode {
  if (plan.refusals.length > 0)
    return new PlanRefusedError({ fleet: plan.fleet, refusals: plan.refusals }).exitCode;
  return detailed && plan.actions.length > 0 ? 7 : 0;
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output } = runtime;
  const { fleet, file } = await readFleet(runtime, options);
  const context = await runtime.connect();
  const { plan } = await makePlan(context, fleet, policyOf(options, true));
  if (options.save !== undefined) {
    await writePlanFile(runtime.path(options.save), plan, {
      createdAt: new Date(runtime.clock.now()).toISOString(),
      tool: toolName(),
      endpoint: context.pve.url,
      ...(file === '-' ? {} : { source: runtime.path(file) }),
    });
  }
  output.result(plan, (style) => renderPlan(plan, style));
  if (options.save !== undefined)
    output.say(`Saved to ${options.save}; carry it out with: pvefleet apply --plan ${options.save}`);
  return exitCode(plan, options.detailedExitcode === true);
}

/** `plan`: what apply would do. Changes nothing. */
import type { Plan } from '../../domain/plan.ts';
import { readIdentity } from '../../engine/cluster-identity.ts';
import { PlanRefusedError } from '../../engine/errors.ts';
import { makePlan } from '../../engine/plan.ts';
import { writePlanFile } from '../../engine/plan-file.ts';
import { renderPlanJunit } from '../../render/junit.ts';
import { renderPlan, renderPlanMarkdown } from '../../render/plan.ts';
import type { ExitCode } from '../../util/errors.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { sayUnlocked } from '../lock-file.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { toolName } from '../version.ts';

/** Refusals that a permission would lift are no failure of a plan that changes nothing; apply asks for them. */
export function exitCodeOfPlan(plan: Plan, detailed: boolean): ExitCode {
  const hard = plan.refusals.filter(({ needs }) => needs === undefined);
  if (hard.length > 0) return new PlanRefusedError({ fleet: plan.fleet, refusals: hard }).exitCode;
  return detailed && plan.actions.length > 0 ? 7 : 0;
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output } = runtime;
  const { fleet, file } = await readFleet(runtime, options);
  sayUnlocked(runtime, fleet, file);
  const context = await runtime.connect();
  const { plan } = await makePlan(context, fleet, policyOf(options, true));
  if (options.save !== undefined) {
    await writePlanFile(runtime.path(options.save), plan, {
      tool: toolName(),
      endpoint: context.pve.url,
      cluster: await readIdentity(context),
      ...(file === '-' ? {} : { source: runtime.path(file) }),
    });
  }
  output.result(plan, (style) => renderPlan(plan, style), {
    markdown: () => renderPlanMarkdown(plan),
    junit: () => renderPlanJunit(plan),
  });
  if (options.save !== undefined)
    output.say(`Saved to ${options.save}; carry it out with: pvefleet apply --plan ${options.save}`);
  return exitCodeOfPlan(plan, options.detailedExitcode === true);
}

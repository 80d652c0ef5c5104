/** `destroy -f FILE`: removes the containers that the fleet owns, those too that are no longer in the file. */
import { makeDestroyPlan } from '../../engine/plan.ts';
import type { ExitCode } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { fleet } = await readFleet(runtime, options);
  const context = await runtime.connect();
  return carryOut(runtime, context, {
    plan: async (policy) =>
      (await makeDestroyPlan(context, fleet.name, policy, { accounts: fleet.students !== undefined })).plan,
    policy: policyOf(options, true),
    name: fleet.name,
    confirm: 'always',
    nothing: `Nothing to do: fleet ${fleet.name} owns no container${fleet.students === undefined ? '' : ' and no account'}.`,
  });
}

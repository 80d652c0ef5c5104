/** `apply -f FILE` and `apply --plan FILE`: plan, confirm, carry out, verify. */
import { assertSameCluster } from '../../engine/cluster-identity.ts';
import { makePlan } from '../../engine/plan.ts';
import { readPlanFile } from '../../engine/plan-file.ts';
import { verify } from '../../engine/verify.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { assertSheet, needingSheet, withSheet } from '../credentials.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { sayUnlocked } from '../lock-file.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { verifyScope } from '../verify-scope.ts';

const nothing = 'Nothing to do: everything is as the file says.';

async function applySaved(path: string, runtime: Runtime): Promise<ExitCode> {
  const { plan, meta } = await readPlanFile(runtime.path(path));
  const context = await runtime.connect();
  await assertSameCluster(context, { ...meta, fleet: plan.fleet });
  // Nodes of one cluster have several URLs, so another one is no reason to refuse.
  if (meta.endpoint !== '' && meta.endpoint !== context.pve.url)
    runtime.output.say(`The plan was made at ${meta.endpoint}; it is carried out at ${context.pve.url}.`);
  return withSheet(runtime, context, { name: plan.fleet }, (connected) =>
    carryOut(runtime, connected, {
      plan: async () => {
        assertSheet(runtime, plan);
        return plan;
      },
      name: plan.fleet,
      // Whoever saved the plan has seen it; destructions still want --allow or the name.
      confirm: 'never',
      saved: true,
      nothing: 'Nothing to do: the plan is empty.',
    }),
  );
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  if (options.plan !== undefined) {
    const other = (['file', 'target', 'exclude'] as const).find((flag) => options[flag] !== undefined);
    if (other !== undefined) throw new UsageError(`--${other} and --plan exclude each other`);
    if (options.snapshotFirst)
      throw new UsageError('--snapshot-first and --plan exclude each other', {
        hint: 'give it to pvefleet plan --save; the snapshots are part of the plan then',
      });
    return applySaved(options.plan, runtime);
  }
  if (options.skipStale)
    throw new UsageError('--skip-stale is for saved plans', {
      hint: 'give one with --plan, or leave it out',
    });
  const { fleet, file } = await readFleet(runtime, options);
  sayUnlocked(runtime, fleet, file);
  const context = await runtime.connect();
  return withSheet(runtime, context, fleet, (connected) =>
    carryOut(runtime, connected, {
      plan: async (policy) => needingSheet(runtime, (await makePlan(connected, fleet, policy)).plan),
      policy: policyOf(options, true),
      name: fleet.name,
      confirm: 'always',
      asksRestart: fleet.containers.some(({ restart }) => restart === 'ask'),
      prove: async () => verifyScope(await verify(connected, fleet), options),
      nothing,
    }),
  );
}

/** `accounts list`, `rotate` and `remove` of a fleet's students, by login, glob or group. */
import {
  type AccountSelection,
  listAccounts,
  makeAccountRemovalPlan,
  makeRotatePlan,
} from '../../engine/lab/accounts.ts';
import { renderAccounts } from '../../render/accounts.ts';
import type { ExitCode } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { needingSheet, withSheet } from '../credentials.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ command, args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { fleet } = await readFleet(runtime, options);
  const context = await runtime.connect();
  const { group } = options;
  const selection: AccountSelection = { logins: args, ...(group === undefined ? {} : { groups: group }) };
  if (command === 'accounts list') {
    const document = await listAccounts(context, fleet, selection);
    runtime.output.result(document, (style) => renderAccounts(document, style));
    return 0;
  }
  const isRotation = command === 'accounts rotate';
  const make = isRotation ? makeRotatePlan : makeAccountRemovalPlan;
  return withSheet(runtime, context, fleet, (connected) =>
    carryOut(runtime, connected, {
      plan: async (policy) => needingSheet(runtime, (await make(connected, fleet, selection, policy)).plan),
      policy: policyOf(options, true),
      name: fleet.name,
      confirm: 'always',
      ...(isRotation ? {} : { loss: 'removes the accounts of' }),
      nothing: isRotation ? 'Nothing to do: nobody is meant.' : 'Nothing to do: there are no such accounts.',
    }),
  );
}

/** `template download`: from the catalogue to a storage; the server checks the checksum. */
import { makeDownloadPlan } from '../../engine/plan.ts';
import type { ExitCode } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { readAliases } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const context = await runtime.connect();
  const wanted = args[0] as string;
  const aliases = Object.entries(await readAliases()).map(([alias, pattern]) => [alias, { pattern }]);
  const target = {
    aliases: Object.fromEntries(aliases) as Record<string, { pattern: string }>,
    ...(options.node === undefined ? {} : { node: options.node }),
    ...(options.storage === undefined ? {} : { storage: options.storage }),
  };
  return carryOut(runtime, context, {
    plan: async () => (await makeDownloadPlan(context, wanted, target)).plan,
    name: wanted,
    confirm: 'disruptive',
    nothing: `Nothing to do: ${wanted} is there already.`,
  });
}

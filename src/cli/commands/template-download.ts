/** `template download`: from the catalogue, a URL or a registry to a storage; the server checks the checksum. */
import { makeDownloadPlan } from '../../engine/plan.ts';
import { makeFetchPlan } from '../../engine/plan-fetch.ts';
import type { ExitCode } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { readAliases } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { fetchTarget, sourceOf } from '../template-names.ts';

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const other = sourceOf(args[0], options);
  const context = await runtime.connect();
  if (other) {
    const { file, source } = other;
    return carryOut(runtime, context, {
      plan: async () => (await makeFetchPlan(context, file, source, fetchTarget(options))).plan,
      name: file,
      confirm: 'disruptive',
      nothing: `Nothing to do: ${file} is there already.`,
    });
  }
  const wanted = args[0] as string;
  const aliases = Object.entries(await readAliases()).map(([alias, pattern]) => [alias, { pattern }]);
  const target = {
    aliases: Object.fromEntries(aliases) as Record<string, { pattern: string }>,
    ...fetchTarget(options),
  };
  return carryOut(runtime, context, {
    plan: async () => (await makeDownloadPlan(context, wanted, target)).plan,
    name: wanted,
    confirm: 'disruptive',
    nothing: `Nothing to do: ${wanted} is there already.`,
  });
}

/** `clone NAME NEWNAME`: a copy of one container that belongs to no fleet. */
import { selectContainers } from '../../engine/list.ts';
import { makeClonePlan } from '../../engine/snapshots.ts';
import { validHostname } from '../../prompts/container.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne } from '../selection.ts';

type CloneOptions = Parameters<typeof makeClonePlan>[2];

function optionsOf(name: string, options: Options): CloneOptions {
  const { vmid, node, storage, pool, full, start, snapshot } = options;
  const given = { vmid, node, storage, pool, full, start, snapshot };
  return {
    name,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const [source = '', name = ''] = args;
  const valid = validHostname(name);
  if (valid !== true) throw new UsageError(`'${name}' is no host name`, { hint: valid });
  const context = await runtime.connect();
  const { containers } = await selectContainers(context, { names: [source] });
  const { vmid } = onlyOne(containers, source);
  return carryOut(runtime, context, {
    plan: async () => (await makeClonePlan(context, vmid, optionsOf(name, options))).plan,
    name,
    confirm: 'disruptive',
    nothing: `Nothing to do: ${name} is there already.`,
  });
}

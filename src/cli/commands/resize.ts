/** `resize NAME`: new limits and a larger root disk, without restart where the server can do it. */
import { selectContainers } from '../../engine/list.ts';
import { makeResizePlan, type ResizeChange } from '../../engine/plan.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne } from '../selection.ts';
import { bytesFlag, mebibytesFlag } from '../sizes.ts';

function changeOf(options: Options): ResizeChange {
  const { memory, swap, cores, cpuLimit, cpuUnits, rootfs } = options;
  return {
    ...(memory === undefined ? {} : { memoryMiB: mebibytesFlag('--memory', memory) }),
    ...(swap === undefined ? {} : { swapMiB: mebibytesFlag('--swap', swap) }),
    ...(cores === undefined ? {} : { cores }),
    ...(cpuLimit === undefined ? {} : { cpuLimit }),
    ...(cpuUnits === undefined ? {} : { cpuUnits }),
    ...(rootfs === undefined ? {} : { rootfsBytes: bytesFlag('--rootfs', rootfs) }),
  };
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const change = changeOf(options);
  if (Object.keys(change).length === 0) {
    throw new UsageError('resize was not told what to change', {
      hint: 'give at least one of --memory, --swap, --cores, --cpu-limit, --cpu-units, --rootfs',
    });
  }
  const context = await runtime.connect();
  const name = args[0] as string;
  const { containers } = await selectContainers(context, { names: [name] });
  const { vmid } = onlyOne(containers, name);
  return carryOut(runtime, context, {
    plan: async (policy) => (await makeResizePlan(context, vmid, change, policy)).plan,
    name,
    confirm: 'disruptive',
    nothing: `Nothing to do: ${name} has these limits already.`,
  });
}

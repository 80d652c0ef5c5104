/**
 * `resize NAME…`: new limits and a larger root disk, without restart where the server can do it; with `--for` or `--until`
 * only for a time.
 */
import { selectContainers } from '../../engine/list.ts';
import { makeResizesPlan, type ResizeChange, type ResizeRequest } from '../../engine/plan.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { ownZone, parseWhen } from '../../util/zone.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne, selectionOf, someOf } from '../selection.ts';
import { bytesFlag, mebibytesFlag } from '../sizes.ts';
import { durationFlag } from '../waves.ts';

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

/** When a boost ends; undefined: it is none. */
function endOf(options: Options, now: number): number | undefined {
  const { for: span, until } = options;
  if (span !== undefined && until !== undefined) throw new UsageError('--for and --until exclude each other');
  if (span !== undefined) return now + durationFlag('--for', span);
  if (until === undefined) return undefined;
  const at = parseWhen(until, now, ownZone());
  if (at === undefined)
    throw new UsageError(`--until: '${until}' is no time`, {
      hint: 'write for example 16:00, 2026-11-23T16:00 or 2026-11-23T16:00+01:00',
    });
  if (at <= now) throw new UsageError(`--until: ${until} is over`, { hint: 'give a time that is to come' });
  return at;
}

function requestOf(options: Options, now: number): ResizeRequest {
  const change = changeOf(options);
  const until = endOf(options, now);
  const isEmpty = Object.keys(change).length === 0;
  if (options.endBoost) {
    if (!isEmpty || until !== undefined)
      throw new UsageError('--end-boost goes back to what was before; it takes no limits and no time');
    return { endBoost: true };
  }
  if (isEmpty)
    throw new UsageError('resize was not told what to change', {
      hint: 'give at least one of --memory, --swap, --cores, --cpu-limit, --cpu-units, --rootfs',
    });
  if (until !== undefined && change.rootfsBytes !== undefined)
    throw new UsageError('a disk never shrinks, so it cannot grow for a time only', {
      hint: 'leave out --rootfs, or --for and --until',
    });
  return until === undefined ? { change } : { change, until };
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const request = requestOf(options, runtime.clock.now());
  const selection = selectionOf(args, options);
  if (selection.names.length === 0 && selection.filters === undefined)
    throw new UsageError('resize was not told which containers', {
      hint: "give names, vmids or globs, or --tag, --node, --pool, --fleet, --group: pvefleet resize 'web*'",
    });
  const context = await runtime.connect();
  const { containers } = await selectContainers(context, selection);
  const [name] = args;
  if (args.length === 1 && selection.filters === undefined && name !== undefined && !/[*?{]/.test(name))
    onlyOne(containers, name);
  someOf(containers, 'resize');
  const names = containers.map((one) => one.name ?? String(one.vmid));
  const [first = ''] = names;
  const isOne = names.length === 1;
  return carryOut(runtime, context, {
    plan: async (policy) =>
      (
        await makeResizesPlan(
          context,
          containers.map(({ vmid }) => vmid),
          request,
          policy,
        )
      ).plan,
    name: isOne ? first : String(names.length),
    confirm: 'disruptive',
    nothing:
      'endBoost' in request
        ? `Nothing to do: ${isOne ? `${first} has` : `the ${names.length} containers have`} no limits for a time.`
        : `Nothing to do: ${isOne ? `${first} has` : `all ${names.length} containers have`} these limits already.`,
  });
}

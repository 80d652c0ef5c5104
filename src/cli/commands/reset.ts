/**
 * `reset -f FILE [SELECTION…]`: containers of a fleet back to their baseline, with the file on top; `reset NAME…`: back to
 * the baseline snapshot, without a file.
 */
import type { DesiredFleet } from '../../domain/desired.ts';
import type { ResetPlan } from '../../domain/lab/plan-reset.ts';
import type { Policy } from '../../domain/plan.ts';
import type { EngineContext } from '../../engine/context.ts';
import { makeResetPlan, makeRollbackPlan, proveReset, type ResetOptions } from '../../engine/lab/reset.ts';
import { resetRecordIn, underRecord } from '../../engine/lab/reset-record.ts';
import { selectContainers } from '../../engine/list.ts';
import { renderPlan } from '../../render/plan.ts';
import { checkSnapshotName } from '../../spec/extra-formats.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import { policyOf } from '../policy.ts';
import { resetRecordPath } from '../reset-record-path.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf } from '../selection.ts';
import { exitCodeOfPlan } from './plan.ts';

/** Makes the plan anew, as often as it is asked for. */
type Planner = (policy: Policy) => Promise<ResetPlan>;

function checkOptions(names: readonly string[], options: Options): void {
  const { file, all, snapshot } = options;
  const filters = [options.tag, options.group, options.node, options.pool, options.fleet, options.target];
  const isNarrowed = names.length > 0 || filters.some((one) => one !== undefined);
  if (all && (names.length > 0 || options.target !== undefined))
    throw new UsageError('--all and names exclude each other', { hint: '--exclude leaves containers out' });
  if (file === undefined && all)
    throw new UsageError('--all needs a fleet file', { hint: 'add -f FILE, or select with --fleet' });
  if (
    file === undefined &&
    options.strategy !== undefined &&
    !['auto', 'rollback'].includes(options.strategy)
  )
    throw new UsageError(`a reset by ${options.strategy} needs a fleet file`, {
      hint: 'add -f FILE: only it tells how the container is made again',
    });
  if (!isNarrowed && !all)
    throw new UsageError('reset was not told which containers', {
      hint: "give names or globs ('student-*'), --group, --tag, --node or --pool; with -f also --all",
    });
  const problem = snapshot === undefined ? undefined : checkSnapshotName(snapshot);
  if (problem)
    throw new UsageError(problem.message, problem.hint === undefined ? {} : { hint: problem.hint });
}

function ofFleet(
  context: EngineContext,
  fleet: DesiredFleet,
  names: readonly string[],
  options: Options,
  how: ResetOptions,
): Planner {
  const selection = {
    names: [...names, ...(options.target ?? [])],
    ...(options.group === undefined ? {} : { groups: options.group }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(options.node === undefined ? {} : { nodes: [options.node] }),
    ...(options.pool === undefined ? {} : { pools: [options.pool] }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
  };
  return (policy) => makeResetPlan(context, fleet, selection, how, policy);
}

async function ofContainers(
  context: EngineContext,
  names: readonly string[],
  options: Options,
  how: ResetOptions,
): Promise<Planner> {
  const wanted = [...names, ...(options.target ?? [])];
  const { containers } = await selectContainers(context, selectionOf(wanted, options));
  const vmids = containers
    .filter(({ isTemplate }) => !isTemplate || wanted.length > 0)
    .map(({ vmid }) => vmid);
  if (vmids.length === 0)
    throw new UsageError('the selection means no container', { hint: 'see what there is: pvefleet list' });
  return (policy) => makeRollbackPlan(context, vmids, how, policy);
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  checkOptions(args, options);
  const { output, host } = runtime;
  const fleet = options.file === undefined ? undefined : (await readFleet(runtime, options)).fleet;
  if (fleet && options.fleet !== undefined && options.fleet !== fleet.name)
    throw new UsageError(`the file is of fleet ${fleet.name}, not of ${options.fleet}`);
  const context = await runtime.connect();
  const record = resetRecordIn(resetRecordPath(host, context.pve.url, fleet?.name ?? ''));
  const how: ResetOptions = {
    unfinished: await record.read(),
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
  };
  const planner = fleet
    ? ofFleet(context, fleet, args, options, how)
    : await ofContainers(context, args, options, how);
  // no limit of its own: every container of a reset loses what was done in it
  const policy = { ...policyOf(options, false), maxDestroy: options.maxDestroy ?? Number.POSITIVE_INFINITY };
  if (options.dryRun) {
    const { plan } = await planner(policy);
    output.result(plan, (style) => renderPlan(plan, style));
    return exitCodeOfPlan(plan, options.detailedExitcode === true);
  }
  let made: ResetPlan | undefined;
  const chosen = (): ResetPlan => made as ResetPlan;
  return carryOut(runtime, context, {
    plan: async (allowed) => {
      made = await planner(allowed);
      return made.plan;
    },
    policy,
    name: ({ reset }) => {
      const keys = (reset?.containers ?? []).map(({ key }) => key);
      return keys.length === 1 ? (keys[0] as string) : String(keys.length);
    },
    confirm: 'always',
    loss: 'resets',
    around: (apply) => underRecord(record, chosen().kept, apply),
    prove: () => proveReset(context, fleet, chosen()),
    nothing: 'Nothing to reset.',
  });
}

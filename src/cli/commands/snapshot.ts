/** `snapshot list`, `create`, `rollback` and `delete` of containers, by name, glob or filter. */
import type { ActualContainer } from '../../domain/actual.ts';
import type { SnapshotVerb } from '../../domain/plan-snapshot.ts';
import { selectContainers } from '../../engine/list.ts';
import { listSnapshots, makeSnapshotPlan } from '../../engine/snapshots.ts';
import { renderSnapshots } from '../../render/snapshots.ts';
import { checkSnapshotName } from '../../spec/extra-formats.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf, someOf } from '../selection.ts';

/** Name of a snapshot that was given none: `snap-20260131-174500`. */
function nameOfNow(runtime: Runtime): string {
  const now = new Date(runtime.clock.now()).toISOString();
  return `snap-${now.slice(0, 10).replaceAll('-', '')}-${now.slice(11, 19).replaceAll(':', '')}`;
}

function nameOf({ options }: Invocation, verb: SnapshotVerb, runtime: Runtime): string {
  const name = options.snapshot ?? (verb === 'create' ? nameOfNow(runtime) : undefined);
  if (name === undefined) {
    throw new UsageError(`snapshot ${verb} was not told which snapshot`, {
      hint: 'give --snapshot NAME; see what there is: pvefleet snapshot list',
    });
  }
  const problem = checkSnapshotName(name);
  if (problem)
    throw new UsageError(problem.message, problem.hint === undefined ? {} : { hint: problem.hint });
  return name;
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { args, options, command } = invocation;
  const verb = command.split(' ').at(-1) as SnapshotVerb | 'list';
  const selection = selectionOf(args, options);
  const isNamed = selection.names.length > 0 || selection.filters !== undefined;
  if (verb !== 'list' && !isNamed) {
    throw new UsageError(`${command} was not told which containers`, {
      hint: `give names, vmids or globs, or --tag, --node, --pool, --fleet, --group: pvefleet ${command} 'web*'`,
    });
  }
  const name = verb === 'list' ? '' : nameOf(invocation, verb, runtime);
  const context = await runtime.connect();
  const { containers } = await selectContainers(context, selection);
  if (verb === 'list') {
    const document = await listSnapshots(context, containers);
    runtime.output.result(document, (style) => renderSnapshots(document, style));
    return 0;
  }
  someOf(containers, command);
  const label = (one: ActualContainer): string => one.name ?? String(one.vmid);
  const [only] = containers;
  const { description } = options;
  const step = { verb, name, ...(description === undefined ? {} : { description }) };
  return carryOut(runtime, context, {
    plan: async (policy) =>
      (
        await makeSnapshotPlan(
          context,
          containers.map(({ vmid }) => vmid),
          step,
          policy,
        )
      ).plan,
    name: containers.length === 1 && only ? label(only) : String(containers.length),
    confirm: verb === 'create' ? 'disruptive' : 'always',
    ...(verb === 'create' ? {} : { loss: verb === 'rollback' ? 'rolls back' : 'deletes a snapshot of' }),
    nothing: 'Nothing to do.',
  });
}

/** `start`, `stop`, `shutdown`, `restart` and `delete` of existing containers, by name, glob or filter. */
import type { ActualContainer } from '../../domain/actual.ts';
import type { EngineContext } from '../../engine/context.ts';
import { selectContainers } from '../../engine/list.ts';
import { observe } from '../../engine/observe.ts';
import { makeVerbPlan, type Verb } from '../../engine/plan.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf, someOf } from '../selection.ts';

const already: Readonly<Record<Verb, string>> = {
  start: 'running',
  stop: 'stopped',
  shutdown: 'stopped',
  restart: 'restarted',
  delete: 'gone',
};

async function select(
  { args, options, command }: Invocation,
  runtime: Runtime,
  context: EngineContext,
): Promise<readonly ActualContainer[]> {
  const selection = selectionOf(args, options);
  const named = selection.names.length > 0 || Object.keys(selection.filters ?? {}).length > 0;
  if (named) return someOf((await selectContainers(context, selection)).containers, command);
  if (!runtime.interactive) {
    throw new UsageError(`${command} was not told which containers`, {
      code: 'NO_TERMINAL',
      hint: `give names, vmids or globs, or --tag, --node, --pool, --fleet, --group: pvefleet ${command} 'web*'`,
    });
  }
  const { askContainers } = await import('../../prompts/select-containers.ts');
  const { guests } = await observe(context, {});
  const vmids = await askContainers(await runtime.prompts(), `Which containers to ${command}?`, guests);
  return (await selectContainers(context, { names: vmids.map(String) })).containers;
}

const nameOf = (container: ActualContainer): string => container.name ?? String(container.vmid);

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { options } = invocation;
  const verb = invocation.command as Verb;
  const context = await runtime.connect();
  const containers = await select(invocation, runtime, context);
  const [only] = containers;
  const names = containers.map(nameOf).join(', ');
  return carryOut(runtime, context, {
    plan: async (policy) =>
      (
        await makeVerbPlan(
          context,
          verb,
          containers.map((container) => container.vmid),
          policy,
          {
            ...(options.timeout === undefined ? {} : { timeoutSeconds: options.timeout }),
            ...(options.force === undefined ? {} : { force: options.force }),
            ...(options.purge === undefined ? {} : { purge: options.purge }),
          },
        )
      ).plan,
    name: containers.length === 1 && only ? nameOf(only) : String(containers.length),
    confirm: verb === 'delete' ? 'always' : 'disruptive',
    nothing: `Nothing to do: ${names} ${containers.length === 1 ? 'is' : 'are'} ${already[verb]} already.`,
  });
}

/** `dependsOn` between containers → dependencies between their actions: up in order, down in reverse order. */
import type { ContainerPlan } from './assemble.ts';
import type { ContainerKey, DesiredContainer } from './desired.ts';
import { findCycle } from './order.ts';
import type { Action, ActionKind, Refusal } from './plan.ts';
import { refusal } from './refusal.ts';

const up: ReadonlySet<ActionKind> = new Set(['container.start', 'container.reboot']);
const down: ReadonlySet<ActionKind> = new Set(['container.shutdown']);

/** A rest for the sake of a baseline is over before anybody else is let go on. */
const isRest = ({ id }: Action): boolean => id.endsWith('/shutdown:baseline');

function idOf(plan: ContainerPlan | undefined, kinds: ReadonlySet<ActionKind>): string | undefined {
  return plan?.actions.find((action) => kinds.has(action.kind) && !isRest(action))?.id;
}

/** The start after which a container stays up. */
function lastStart(plan: ContainerPlan | undefined): string | undefined {
  return plan?.actions.findLast(({ kind }) => up.has(kind))?.id;
}

/**
 * Looks for containers that wait for each other.
 *
 * @param containers - the containers of the file.
 * @returns one refusal for the first circle, or undefined.
 */
export function dependencyCycle(containers: readonly DesiredContainer[]): Refusal | undefined {
  const cycle = findCycle(new Map(containers.map(({ key, dependsOn }) => [key, dependsOn ?? []])));
  if (!cycle) return undefined;
  const [first = ''] = cycle;
  return refusal(
    { key: first },
    {
      code: 'DEPENDENCY_CYCLE',
      message: `its dependsOn leads back to itself: ${[...cycle, first].join(' → ')}`,
      hint: 'remove one of these dependencies',
    },
  );
}

/**
 * Adds the dependencies between containers; those without an action in this plan hold nobody up.
 *
 * @param plans - parts of the plan.
 * @param containers - the containers of the file, free of circles.
 * @returns the parts with their actions linked.
 */
export function linkContainers(
  plans: readonly ContainerPlan[],
  containers: readonly DesiredContainer[],
): ContainerPlan[] {
  const planOf = new Map<ContainerKey, ContainerPlan>(plans.map((plan) => [plan.key, plan]));
  const more = new Map<string, string[]>();
  const link = (id: string | undefined, before: string | undefined): void => {
    if (id === undefined || before === undefined) return;
    const list = more.get(id);
    if (list) list.push(before);
    else more.set(id, [before]);
  };
  for (const { key, dependsOn } of containers)
    for (const other of new Set(dependsOn)) {
      link(idOf(planOf.get(key), up), lastStart(planOf.get(other)));
      link(idOf(planOf.get(other), down), idOf(planOf.get(key), down));
    }
  if (more.size === 0) return [...plans];
  const linked = (action: Action): Action => {
    const added = more.get(action.id);
    return added ? { ...action, dependsOn: [...action.dependsOn, ...added.sort()] } : action;
  };
  return plans.map((plan) => ({ ...plan, actions: plan.actions.map(linked) }));
}

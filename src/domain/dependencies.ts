/** `dependsOn` between containers → dependencies between their actions: up in order, down in reverse order. */
import type { ActualContainer } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import type { ContainerKey, DesiredContainer } from './desired.ts';
import type { Match } from './match.ts';
import { findCycle } from './order.ts';
import type { Action, ActionKind, Refusal } from './plan.ts';
import { readyAction } from './plan-inside.ts';
import { refusal } from './refusal.ts';

/** What needs the containers that it depends on. */
const up: ReadonlySet<ActionKind> = new Set(['container.start', 'container.reboot', 'container.provision']);
/** What others need of it. */
const upAndReady: ReadonlySet<ActionKind> = new Set([...up, 'container.ready']);
const down: ReadonlySet<ActionKind> = new Set(['container.shutdown']);

/** A rest for the sake of a baseline is over before anybody else is let go on. */
const isRest = ({ id }: Action): boolean => id.endsWith('/shutdown:baseline');

function firstOf(plan: ContainerPlan | undefined, kinds: ReadonlySet<ActionKind>): string | undefined {
  return plan?.actions.find((action) => kinds.has(action.kind) && !isRest(action))?.id;
}

function lastOf(plan: ContainerPlan | undefined, kinds: ReadonlySet<ActionKind>): string | undefined {
  return plan?.actions.findLast(({ kind }) => kinds.has(kind))?.id;
}

/** Whether a container runs, with nothing in its part of the plan that would change that or wait for it. */
const runsUntouched = (plan: ContainerPlan, actual: ActualContainer | undefined): boolean =>
  actual?.status === 'running' &&
  plan.outcome !== 'refused' &&
  firstOf(plan, upAndReady) === undefined &&
  firstOf(plan, down) === undefined;

/**
 * Lets containers that run already be looked at where others are about to need them: an earlier apply may have ended before
 * they were ready.
 *
 * @param plans - parts of the plan.
 * @param matches - the containers of the file that are meant.
 * @returns the parts, with a wait where one is needed; it makes no change of them.
 */
export function withAwaited(plans: readonly ContainerPlan[], matches: readonly Match[]): ContainerPlan[] {
  const planOf = new Map<ContainerKey, ContainerPlan>(plans.map((plan) => [plan.key, plan]));
  const needed = new Set(
    matches.flatMap(({ desired: { key, dependsOn = [] } }) =>
      firstOf(planOf.get(key), up) ? dependsOn : [],
    ),
  );
  const matchOf = new Map(matches.map((match) => [match.desired.key, match]));
  return plans.map((plan) => {
    const { desired, actual } = matchOf.get(plan.key) ?? {};
    if (!desired?.ready || !actual || !needed.has(plan.key) || !runsUntouched(plan, actual)) return plan;
    const target = { key: plan.key, vmid: actual.vmid, node: actual.node };
    const last = plan.actions.slice(-1).map(({ id }) => id);
    return { ...plan, actions: [...plan.actions, readyAction(target, desired.ready, last)] };
  });
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
      link(firstOf(planOf.get(key), up), lastOf(planOf.get(other), upAndReady));
      link(firstOf(planOf.get(other), down), firstOf(planOf.get(key), down));
    }
  if (more.size === 0) return [...plans];
  const linked = (action: Action): Action => {
    const added = more.get(action.id);
    return added ? { ...action, dependsOn: [...action.dependsOn, ...added.sort()] } : action;
  };
  return plans.map((plan) => ({ ...plan, actions: plan.actions.map(linked) }));
}

/** In which order containers go: templates after everything that may be a linked clone of them. Pure. */
import type { ActualContainer } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import type { Action } from './plan.ts';

const destroyOf = ({ actions }: ContainerPlan): string[] =>
  actions.flatMap(({ kind, id }) => (kind === 'container.destroy' ? [id] : []));

/**
 * Lets templates be destroyed when all others have been, whatever became of those: the server itself refuses to destroy a
 * template that still has linked clones. Of several templates the youngest goes first, because it may be made from another.
 *
 * @param plans - removals.
 * @param containers - what they are about.
 */
export function templatesLast(
  plans: readonly ContainerPlan[],
  containers: readonly ActualContainer[],
): ContainerPlan[] {
  const templates = new Set(containers.filter((one) => one.isTemplate).map(({ vmid }) => vmid));
  const vmidOf = ({ actions }: ContainerPlan): number => actions[0]?.target.vmid ?? 0;
  const isTemplate = (plan: ContainerPlan): boolean => templates.has(vmidOf(plan));
  const queue = plans.filter(isTemplate).sort((a, b) => vmidOf(b) - vmidOf(a));
  const clones = plans.filter((plan) => !isTemplate(plan)).flatMap(destroyOf);
  const before = new Map(
    queue.map((plan, index) => [plan, [...clones, ...queue.slice(0, index).flatMap(destroyOf)]] as const),
  );
  return plans.map((plan) => {
    const follows = before.get(plan) ?? [];
    if (follows.length === 0) return plan;
    const wait = (action: Action): Action =>
      action.kind === 'container.destroy' ? { ...action, follows } : action;
    return { ...plan, actions: plan.actions.map(wait) };
  });
}

/** Parts → plan: order, summary, id. The id is the digest of everything else, so equal plans have equal ids. */
import type { LxcConfig } from '../codec/lxc-config.ts';
import { digestOf } from '../util/canonical-json.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualFirewall } from './actual.ts';
import type { TemplateChoice } from './appliance.ts';
import type { ContainerKey } from './desired.ts';
import { orderActions } from './order.ts';
import type { Action, Plan, PlanSummary, Refusal } from './plan.ts';

/** What is planned for one container. */
export interface ContainerPlan {
  readonly key: ContainerKey;
  /** `recreate` counts as a destruction and a creation; `refused`: nothing is planned for it. */
  readonly outcome: 'create' | 'update' | 'recreate' | 'destroy' | 'unchanged' | 'refused';
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
  /** Nothing to do now, but values wait for a restart. */
  readonly isWaiting?: boolean;
  /** What its clone is made from: waits for it where it is of the same fleet, and inherits its firewall. */
  readonly origin?: { readonly key?: ContainerKey; readonly firewall?: ActualFirewall };
  /** The template that its creation needs. */
  readonly template?: TemplateChoice;
  /** The config that a copy ends with; the names of its volumes are not known yet. */
  readonly config?: LxcConfig;
}

/** Everything a plan is made of. */
export interface PlanParts {
  readonly fleet: string;
  readonly containers: readonly ContainerPlan[];
  /** Actions that belong to no container, such as downloads. */
  readonly shared?: readonly Action[];
  readonly refusals?: readonly Refusal[];
  /** Of a reset; its actions are ordered container by container. */
  readonly reset?: Plan['reset'];
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
  naturalCompare(a.key, b.key);

function summarise(containers: readonly ContainerPlan[]): PlanSummary {
  const count = (...outcomes: ContainerPlan['outcome'][]): number =>
    containers.filter(({ outcome }) => outcomes.includes(outcome)).length;
  return {
    create: count('create', 'recreate'),
    update: count('update'),
    destroy: count('destroy', 'recreate'),
    unchanged: count('unchanged'),
  };
}

/**
 * Puts a plan together.
 *
 * @param parts - what is planned for each container, in any order.
 * @returns the plan; the same parts give the same bytes.
 */
export function assemblePlan({ fleet, containers, shared = [], refusals = [], reset }: PlanParts): Plan {
  const sorted = [...containers].sort(byKey);
  const actions = [...shared, ...sorted.flatMap((container) => container.actions)];
  const body: Omit<Plan, 'id'> = {
    format: 'pvefleet.plan/1',
    fleet,
    actions: orderActions(actions, reset ? 'container' : 'kind'),
    inSync: sorted
      .filter(({ outcome, isWaiting }) => outcome === 'unchanged' && !isWaiting)
      .map(({ key }) => key),
    refusals: [...sorted.flatMap((container) => container.refusals), ...refusals],
    notices: sorted.flatMap(({ notices }) => notices),
    summary: summarise(sorted),
    ...(reset ? { reset } : {}),
  };
  return { ...body, id: digestOf(body) };
}

/**
 * Adds what was found after a plan was made.
 *
 * @param plan - the plan.
 * @param more - refusals and notices to add.
 * @returns the plan with a new id; the same plan when there is nothing to add.
 */
export function extendPlan(plan: Plan, more: Partial<Pick<Plan, 'refusals' | 'notices'>>): Plan {
  const { refusals = [], notices = [] } = more;
  if (refusals.length === 0 && notices.length === 0) return plan;
  const { id: _id, ...rest } = plan;
  const body = {
    ...rest,
    refusals: [...plan.refusals, ...refusals],
    notices: [...plan.notices, ...notices],
  };
  return { ...body, id: digestOf(body) };
}

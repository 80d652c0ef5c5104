/** A container with everything around it and inside it: what every plan that makes or changes one ends with. Pure. */
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import type { DesiredContainer } from './desired.ts';
import { withExtras } from './plan-extras.ts';
import { withInside } from './plan-inside.ts';
import { labelRootOnly } from './root-only.ts';

/**
 * Adds HA and firewall, then provisioning and readiness. What is to hold a complete container, such as a baseline, comes after.
 *
 * @param snapshot - the cluster.
 * @param desired - the container of the file; what its steps copy has been read.
 * @param actual - what it stands for; undefined: it is new.
 * @param plan - its part of the plan so far.
 * @returns the part with the further actions.
 */
export function completeContainer(
  snapshot: ClusterSnapshot,
  desired: DesiredContainer,
  actual: ActualContainer | undefined,
  plan: ContainerPlan,
): ContainerPlan {
  const whole = withInside(desired, actual, withExtras(snapshot, desired, actual, plan));
  return { ...whole, actions: labelRootOnly(whole.actions, actual) };
}

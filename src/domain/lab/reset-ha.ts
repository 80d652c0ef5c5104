/** A container that HA manages, while it is rolled back: the HA manager would start what somebody else has stopped. Pure. */
import { build, type Target } from '../actions.ts';
import type { HaResource } from '../actual.ts';
import type { DesiredContainer } from '../desired.ts';
import type { Action } from '../plan.ts';

function tellHa(
  target: Target,
  name: string,
  states: readonly [from: string, to: string],
  step: { readonly reason: string; readonly after?: readonly string[] },
): Action {
  const [from, to] = states;
  return build(
    'ha.update',
    `${target.key}/${name}`,
    target,
    {
      method: 'PUT',
      path: '/cluster/ha/resources/{sid}',
      params: { sid: `ct:${target.vmid}`, state: to },
    },
    { ...step, changes: [{ field: 'ha.state', from, to, effect: 'live' }] },
    { completes: 'now' },
  );
}

/** PVE: pve-ha-manager — in the state `ignored` all calls go to the container itself. */
export const handsOff = (target: Target, { state }: HaResource): Action =>
  tellHa(target, 'ha:ignored', [state, 'ignored'], { reason: 'HA must not start it in between' });

/** Back to the state of before. */
export const handsOn = (target: Target, { state }: HaResource, after: readonly string[]): Action =>
  tellHa(target, 'ha', ['ignored', state], { reason: 'as it was before', after });

/** The HA settings that it has in the end; those of before where the file says nothing about them. */
export function finalHa(desired: DesiredContainer, ha: HaResource | undefined): DesiredContainer['ha'] {
  if (desired.ha === null || !ha) return desired.ha;
  const states = ['started', 'stopped', 'disabled', 'ignored'] as const;
  const state = desired.ha?.state ?? states.find((one) => one === ha.state);
  const isDerived = desired.ha !== undefined && desired.power !== 'unmanaged';
  return isDerived || state === undefined ? (desired.ha ?? {}) : { ...desired.ha, state };
}

/**
 * Steps inside a container that is down and stays down, as a schedule leaves it overnight: up for their time, and down again.
 * Else a class would find a container in the morning that was never provisioned. Pure.
 */
import { shutdownAction, type Target } from '../actions.ts';
import type { DesiredContainer } from '../desired.ts';
import type { Action } from '../plan.ts';

/**
 * Tells whether a container has to be started only for its steps.
 *
 * @param desired - as it is to be now; where the file says `stopped`, its steps wait until it says something else.
 * @param isUp - it is to run afterwards.
 * @param isDue - there are steps to be run.
 */
export function wakesUp(desired: DesiredContainer, isUp: boolean, isDue: boolean): boolean {
  return isDue && !isUp && desired.power === 'unmanaged' && !desired.ha && !desired.isTemplate;
}

/**
 * Lets a container go down again when everything else is done.
 *
 * @param actions - its part of the plan.
 */
export function downAgain(target: Target, actions: readonly Action[]): Action[] {
  const awaited = new Set(actions.flatMap(({ dependsOn }) => dependsOn));
  const after = actions.filter(({ id }) => !awaited.has(id)).map(({ id }) => id);
  const down = shutdownAction(target, { reason: 'as it was before', after });
  return [...actions, { ...down, id: `${target.key}/shutdown:as-before`, risk: 'safe' }];
}

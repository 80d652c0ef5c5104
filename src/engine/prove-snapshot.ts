/** Read-back of snapshots. */
import type { Action, FieldChange } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { readSnapshots } from './read-snapshots.ts';
import { requestText } from './request-text.ts';

/** Whether an action is about a snapshot. */
export const isSnapshot = ({ kind }: Action): boolean => kind.startsWith('snapshot.');

/**
 * Looks whether a snapshot is as an action leaves it.
 *
 * @returns the change that is not there, or none.
 */
export async function unprovedSnapshot(
  context: EngineContext,
  action: Action,
  vmid: number,
): Promise<FieldChange[]> {
  const name = requestText(action.request, 'snapname') ?? '';
  const found = (await readSnapshots(context, { node: action.target.node, vmid })).find(
    (one) => one.name === name,
  );
  const isThere = {
    'snapshot.create': found !== undefined,
    'snapshot.delete': found === undefined,
    'snapshot.rollback': found?.isCurrent ?? false,
  }[action.kind as 'snapshot.create'];
  if (isThere) return [];
  const to = action.kind === 'snapshot.delete' ? null : name;
  return [{ field: 'snapshot', from: to, to: found ? found.name : null, effect: 'live' }];
}

/** What an action does inside its container: with the container's shell, which it gives back when nothing follows. */
import type { Action } from '../domain/plan.ts';
import { invariant } from '../util/assert.ts';
import type { EngineContext } from './context.ts';
import type { Outcome } from './follow-task.ts';
import { provision } from './provision.ts';
import { awaitReady } from './ready.ts';
import type { RunState } from './run-state.ts';

/**
 * Carries out an action that works inside a container.
 *
 * @param run - holds the shells.
 * @param action - with its work.
 * @returns how it ended, when it did not fail.
 * @throws StepFailedError when the work did not succeed; IndeterminateError when that cannot be told; errors of the console
 *   when nothing was begun.
 */
export async function workInside(context: EngineContext, run: RunState, action: Action): Promise<Outcome> {
  const { id, inside, target } = action;
  const vmid = run.vmidOf(action);
  const { shells } = run;
  invariant(inside !== undefined && vmid !== undefined && shells !== undefined, `${id} does nothing inside`);
  let isDone = false;
  try {
    const shell = (): ReturnType<typeof shells.of> => shells.of(id, target.node, vmid);
    const outcome =
      inside.kind === 'provision'
        ? await provision(context, shell(), action, inside, vmid)
        : await awaitReady(context, shell, action, inside, vmid);
    isDone = true;
    return outcome;
  } finally {
    await shells.ended(id, vmid, !isDone);
  }
}

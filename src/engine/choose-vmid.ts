/** Another id when somebody was faster. */

import { splitDescription } from '../codec/description.ts';
import type { Vmid } from '../domain/desired.ts';
import type { Action } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { InterruptedError, isGone, StalePlanError } from './failures.ts';
import { readRawConfig } from './read-container.ts';
import { decodeResources } from './resources.ts';
import type { RunState } from './run-state.ts';

/** How long to wait for somebody else's creation to end. */
const settleMs = 60_000;

/** Whose container an id is, as far as a create action is concerned. */
export type Occupant = 'nobody' | 'unfinished' | 'ours' | 'same-key' | 'other';

/**
 * Looks at the container under an id.
 *
 * `ours`: it has exactly the ownership line that this action sends, so an earlier attempt of this action made it.
 * `same-key`: another run made the same container of the same fleet. `unfinished`: its creation still runs.
 *
 * @param node - where to look.
 * @returns what was found.
 */
export async function occupantOf(
  context: EngineContext,
  action: Action,
  node: string,
  vmid: Vmid,
): Promise<Occupant> {
  const raw = await readRawConfig(context, node, vmid).catch((error: unknown) => {
    if (isGone(error)) return undefined;
    throw error;
  });
  if (!raw) return 'nobody';
  if (raw.live['lock'] === 'create') return 'unfinished';
  const { description } = action.request.params;
  const sent = typeof description === 'string' ? splitDescription(description).ownership : undefined;
  const found = splitDescription(raw.live['description'] ?? '').ownership;
  if (!sent || !found || sent.fleet !== found.fleet || sent.key !== found.key) return 'other';
  return sent.specDigest === found.specDigest ? 'ours' : 'same-key';
}

/** Whose container it is can be told only when its creation has ended: the marker is written last. */
async function settledOccupant(
  context: EngineContext,
  action: Action,
  node: string,
  vmid: Vmid,
): Promise<Occupant> {
  const giveUpAt = context.clock.now() + settleMs;
  for (;;) {
    const occupant = await occupantOf(context, action, node, vmid);
    if (occupant !== 'unfinished' || context.clock.now() >= giveUpAt) return occupant;
    const ending = AbortSignal.any([context.signal, context.drain]);
    await context.clock.sleep(2_000, ending).catch((error: unknown) => {
      throw ending.aborted ? new InterruptedError() : error;
    });
  }
}

/**
 * Chooses the next free id for a create action whose id was taken meanwhile, and remembers it for the actions that
 * follow.
 *
 * @returns the new id.
 * @throws StalePlanError when the taken id is the very container that is to be made, or no id of the range is free.
 */
export async function chooseNextVmid(context: EngineContext, run: RunState, action: Action): Promise<Vmid> {
  const lost = run.vmidOf(action);
  if (action.precondition.kind !== 'vmid-free' || lost === undefined) {
    throw new StalePlanError(`${action.id} has no range of ids to choose from`);
  }
  const { from, to } = action.precondition;
  const rows = await context.pve.get('/cluster/resources', {}, { signal: context.signal });
  const { guests } = decodeResources(rows);
  const taker = guests.find((guest) => guest.vmid === lost);
  if (taker?.type === 'lxc') {
    const occupant = await settledOccupant(context, action, taker.node, lost);
    if (occupant === 'ours' || occupant === 'same-key') {
      throw new StalePlanError(
        `CT ${lost} on ${taker.node} is already ${action.target.key} of this fleet: somebody else applied it meanwhile`,
        { hint: 'make a new plan' },
      );
    }
  }
  const used = new Set(guests.map((guest) => guest.vmid));
  for (let vmid = from; vmid <= to; vmid++) {
    if (vmid === lost || used.has(vmid) || run.taken.has(vmid)) continue;
    run.replaceVmid(action, vmid);
    context.emit({ type: 'action.vmid', id: action.id, from: lost, to: vmid });
    return vmid;
  }
  throw new StalePlanError(`no id between ${from} and ${to} is free any more`, {
    hint: 'widen the vmids range of the fleet file',
  });
}

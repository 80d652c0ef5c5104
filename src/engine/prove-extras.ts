/** Read-back of HA and firewall settings, and the digest that the next change of a rule list must carry. */
import { readExtra } from '../domain/extras.ts';
import type { Action, FieldChange } from '../domain/plan.ts';
import { deepEqual } from '../util/compare.ts';
import type { EngineContext } from './context.ts';
import { readFirewall, readHaResources } from './observe-extras.ts';
import type { RunState } from './run-state.ts';

/** Whether an action is about HA or the firewall. */
export const isExtra = ({ kind }: Action): boolean => /^(?:ha|firewall)\./.test(kind);

/**
 * Compares the planned changes of such an action with what is there.
 *
 * @param run - remembers the digest of the rules; absent: nothing is remembered.
 * @returns changes that are not there; from: wanted, to: found.
 */
export async function unprovedExtras(
  context: EngineContext,
  action: Action,
  vmid: number,
  run?: RunState,
): Promise<FieldChange[]> {
  const isHa = action.kind.startsWith('ha.');
  const ha = isHa ? (await readHaResources(context)).get(vmid) : undefined;
  const firewall = isHa ? undefined : await readFirewall(context, action.target.node, vmid);
  const digest = firewall?.rules[0]?.['digest'];
  if (run && !isHa) {
    if (typeof digest === 'string') run.ruleDigests.set(vmid, digest);
    else run.ruleDigests.delete(vmid);
  }
  const actual = { ...(ha ? { ha } : {}), ...(firewall ? { firewall } : {}) };
  return action.changes.flatMap((change): FieldChange[] => {
    const found = readExtra(change.field, actual);
    const isThere =
      change.field === 'ha' && change.to !== null ? found !== null : deepEqual(found, change.to);
    return isThere ? [] : [{ ...change, from: change.to, to: found }];
  });
}

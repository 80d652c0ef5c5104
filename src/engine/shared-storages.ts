/** Storages whose lock is one for the whole cluster. Asked only where it matters: for plans that allocate from several nodes. */
import { PveError } from '../api/errors/pve-error.ts';
import type { Plan } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { decodeResources } from './resources.ts';
import { allocatesOn } from './rooms.ts';

/**
 * Names the storages of a plan that are shared.
 *
 * @param plan - what is to be carried out.
 * @returns names; those that cannot be told count as shared, because the stricter limit does no harm.
 */
export async function sharedStorages(context: EngineContext, plan: Plan): Promise<ReadonlySet<string>> {
  const nodes = new Map<string, Set<string>>();
  for (const action of plan.actions)
    for (const storage of allocatesOn(action))
      nodes.set(storage, (nodes.get(storage) ?? new Set()).add(action.target.node));
  const several = [...nodes].filter(([, on]) => on.size > 1).map(([storage]) => storage);
  if (several.length === 0) return new Set();
  try {
    const rows = await context.pve.get('/cluster/resources', { type: 'storage' }, { signal: context.signal });
    const own = decodeResources(rows).storages.filter(({ shared }) => !shared);
    const local = new Set(own.map(({ storage }) => storage));
    return new Set(several.filter((storage) => !local.has(storage)));
  } catch (error) {
    // an interrupt is met by the scheduler, and what cannot be read now may be later
    if (!(error instanceof PveError || context.signal.aborted)) throw error;
    return new Set(several);
  }
}

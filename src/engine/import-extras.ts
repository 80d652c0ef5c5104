/** HA resources and firewalls of containers that are to be described: one request for all, and two for each. Reads only. */
import { PveError } from '../api/errors/pve-error.ts';
import type { ActualContainer, ActualFirewall, HaResource } from '../domain/actual.ts';
import type { Vmid } from '../domain/desired.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { EngineContext } from './context.ts';
import { isGone } from './failures.ts';
import { readFirewall, readHaResources } from './observe-extras.ts';
import { mapBounded } from './parallel.ts';

/** What is there beside the configs. */
export interface Extras {
  readonly haResources: ReadonlyMap<Vmid, HaResource>;
  readonly firewalls: ReadonlyMap<Vmid, ActualFirewall>;
}

const refused = (error: unknown): error is PveError => error instanceof PveError && error.status === 403;

/**
 * Reads HA and firewall of containers; what the account may not see is told and left out.
 *
 * @param containers - those that are to be described.
 * @param notices - gains what could not be read.
 * @throws PveError when the cluster cannot be read.
 */
export async function readExtrasOf(
  context: EngineContext,
  containers: readonly ActualContainer[],
  notices: Diagnostic[],
): Promise<Extras> {
  const haResources = await readHaResources(context).catch((error: unknown) => {
    if (!refused(error)) throw error;
    notices.push({
      severity: 'warning',
      code: 'HA_UNREADABLE',
      message: `what is managed by HA is not in the file: ${error.message}`,
      hint: 'it stays as it is; to have it described, let the account read it (Sys.Audit on /)',
    });
    return new Map<Vmid, HaResource>();
  });
  const firewalls = await mapBounded(context.limits.requests, containers, async ({ node, vmid }) => {
    try {
      return [[vmid, await readFirewall(context, node, vmid)] as const];
    } catch (error) {
      // gone meanwhile, or moved: the plan that proves the file tells
      if (isGone(error)) return [];
      throw error;
    }
  });
  return { haResources, firewalls: new Map(firewalls.flat()) };
}

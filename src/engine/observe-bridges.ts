/** The bridges of the nodes that a container may be placed on. Reads only, and only where a node is to be chosen. */
import { PveError } from '../api/errors/pve-error.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import { matchFleet } from '../domain/match.ts';
import { anyNode } from '../domain/placement.ts';
import type { EngineContext } from './context.ts';
import { isNodeDown, warn } from './notices.ts';
import { mapBounded } from './parallel.ts';

/**
 * Reads bridges.
 *
 * @param fleet - the file.
 * @param snapshot - nodes and containers.
 * @returns bridges by node; a node that does not tell is absent. Nothing at all when every container has a node.
 */
export async function readBridges(
  context: EngineContext,
  fleet: DesiredFleet,
  snapshot: ClusterSnapshot,
): Promise<Pick<ClusterSnapshot, 'bridges'>> {
  const open = fleet.containers.filter(({ node, nets }) => node === anyNode && nets !== undefined);
  if (open.length === 0) return {};
  const fresh = new Set(
    matchFleet(fleet, snapshot).matches.flatMap((one) => (one.actual ? [] : one.desired.key)),
  );
  const unplaced = open.filter(({ key }) => fresh.has(key));
  const online = snapshot.nodes.filter((node) => node.online).map(({ node }) => node);
  const candidates = online.filter((node) =>
    unplaced.some(({ placement }) => placement?.nodes?.includes(node) ?? true),
  );
  if (candidates.length === 0) return {};
  const bridges = new Map<string, readonly string[]>();
  await mapBounded(context.limits.requests, candidates, async (node) => {
    try {
      const rows = await context.pve.get(
        '/nodes/{node}/network',
        { node, type: 'any_bridge' },
        { signal: context.signal },
      );
      bridges.set(
        node,
        rows.map(({ iface }) => iface),
      );
    } catch (error) {
      const isRefused = error instanceof PveError && error.status === 403;
      if (!isRefused && !isNodeDown(error)) throw error;
      warn(context, 'BRIDGES_UNKNOWN', `the bridges of ${node} could not be read; they do not count`);
    }
  });
  return { bridges };
}

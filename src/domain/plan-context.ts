/** What planning one container needs besides the container, made from file, cluster and policy. Pure. */
import { naturalCompare } from '../util/compare.ts';
import type { ClusterSnapshot, StorageInfo } from './actual.ts';
import type { DesiredFleet } from './desired.ts';
import { createResolver } from './downloads.ts';
import type { Match } from './match.ts';
import type { Policy } from './plan.ts';
import { planCopy } from './plan-copy.ts';
import type { PlanContext } from './plan-new.ts';

function storagesByNode(snapshot: ClusterSnapshot): Map<string, StorageInfo[]> {
  const byNode = new Map<string, StorageInfo[]>();
  for (const storage of snapshot.storages) {
    const list = byNode.get(storage.node);
    if (list) list.push(storage);
    else byNode.set(storage.node, [storage]);
  }
  for (const list of byNode.values()) list.sort((a, b) => naturalCompare(a.storage, b.storage));
  return byNode;
}

/**
 * Puts the context of planning together.
 *
 * @param fleet - the file, placed.
 * @param snapshot - the cluster.
 * @param policy - what the user allows.
 * @param matches - all containers of the file.
 */
export function createPlanContext(
  fleet: DesiredFleet,
  snapshot: ClusterSnapshot,
  policy: Policy,
  matches: readonly Match[],
): PlanContext {
  return {
    fleet,
    policy,
    snapshot,
    nodes: new Map(
      [...snapshot.nodes].sort((a, b) => naturalCompare(a.node, b.node)).map((node) => [node.node, node]),
    ),
    storages: storagesByNode(snapshot),
    template: createResolver(fleet, snapshot),
    matches: new Map(matches.map((match) => [match.desired.key, match])),
    copy: planCopy,
  };
}

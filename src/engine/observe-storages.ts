/** The storages that a fleet needs, from what is known already or from its nodes. Reads only. */
import type { StorageInfo } from '../domain/actual.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import { anyNode } from '../domain/placement.ts';
import type { EngineContext } from './context.ts';
import { isNodeDown, warn } from './notices.ts';
import { mapBounded } from './parallel.ts';
import { decodeStorages, type Resources } from './resources.ts';

/** Storages that a fleet names on each node; a container without a node names them on every one that it may come to. */
function namedStorages(fleet: DesiredFleet, nodes: readonly string[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const { node: wanted, placement, rootfs, mounts, templateStorage, template } of fleet.containers) {
    const named = [
      rootfs.storage,
      templateStorage,
      /^([^:/]+):vztmpl\//.exec(template)?.[1],
      ...Object.values(mounts ?? {}).map((mount) => mount.storage),
    ];
    for (const node of wanted === anyNode ? (placement?.nodes ?? nodes) : [wanted]) {
      const set = names.get(node) ?? new Set<string>();
      for (const name of named) if (name !== undefined) set.add(name);
      names.set(node, set);
    }
  }
  return names;
}

/**
 * The list of all resources has the storages too, but only those that the account may audit, and as of some seconds ago.
 * Where that is not enough for the fleet, its nodes are asked.
 *
 * @param resources - the list of all resources.
 * @param fleet - whose storages matter.
 * @returns storages of all nodes; exact for those of the fleet.
 */
export async function readStorages(
  context: EngineContext,
  resources: Resources,
  fleet: DesiredFleet,
): Promise<readonly StorageInfo[]> {
  const online = new Set(resources.nodes.filter((node) => node.online).map((node) => node.node));
  const unclear = [...namedStorages(fleet, [...online])].filter(([node, names]) => {
    const known = resources.storages.filter((storage) => storage.node === node);
    const isKnown = (name: string): boolean =>
      known.some(({ storage, active, content }) => storage === name && active && content.length > 0);
    const takesTemplates = known.some(({ active, content }) => active && content.includes('vztmpl'));
    return online.has(node) && !([...names].every(isKnown) && takesTemplates);
  });
  const asked = new Set(unclear.map(([node]) => node));
  const answers = await mapBounded(context.limits.requests, [...asked], async (node) => {
    const rows = await context.pve
      .get('/nodes/{node}/storage', { node }, { signal: context.signal })
      .catch((error: unknown) => {
        if (!isNodeDown(error)) throw error;
        warn(context, 'NODE_OFFLINE', `node ${node} does not answer; its storages were not read`);
        asked.delete(node);
        return [];
      });
    return decodeStorages(node, rows);
  });
  return [...resources.storages.filter(({ node }) => !asked.has(node)), ...answers.flat()];
}

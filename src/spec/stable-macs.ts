/** `mac: stable` → the MAC address that follows from fleet, container and interface. */
import { stableMac } from '../domain/lab/mac.ts';
import { type Instance, instanceOf } from './expand.ts';
import { locate, type MapTree, mapMember, replaceAt } from './tree.ts';

/**
 * Replaces the word by the address.
 *
 * @param instance - a container, expanded.
 * @param fleet - name of the fleet.
 * @returns the same container; its addresses know where the word stands.
 */
export function withStableMacs(instance: Instance, fleet: string): Instance {
  const names = [...(mapMember(instance.tree, 'nets')?.entries.keys() ?? [])].filter((name) => {
    const { tree, complete } = locate(instance.tree, ['nets', name, 'mac']);
    return complete && tree.kind === 'scalar' && tree.value === 'stable';
  });
  if (names.length === 0) return instance;
  const tree = names.reduce<MapTree>(
    (current, name) =>
      replaceAt(current, ['nets', name, 'mac'], ({ place }) => {
        const mac = stableMac(fleet, instance.key, name);
        return { kind: 'scalar', value: mac, text: mac, place };
      }) as MapTree,
    instance.tree,
  );
  return { ...instance, ...instanceOf(instance.key, instance.place, tree) };
}

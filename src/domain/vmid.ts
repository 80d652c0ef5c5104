/** Deterministic allocation of container ids: the smallest free ones, in natural order of the keys. */
import { naturalCompare } from '../util/compare.ts';
import type { ContainerKey, DesiredContainer, DesiredFleet, Vmid } from './desired.ts';

/**
 * Gives ids to new containers.
 *
 * @param fleet - range, and the fixed ids of all containers of the file, which are reserved.
 * @param fresh - the containers that do not exist yet.
 * @param used - ids of all guests of the cluster, virtual machines included.
 * @returns id by key; without an entry where the range has no free id left.
 */
export function allocateVmids(
  fleet: Pick<DesiredFleet, 'vmids' | 'containers'>,
  fresh: readonly DesiredContainer[],
  used: Iterable<Vmid>,
): Map<ContainerKey, Vmid> {
  const taken = new Set<Vmid>(used);
  for (const { vmid } of fleet.containers) if (vmid !== 'auto') taken.add(vmid);
  const given = new Map<ContainerKey, Vmid>();
  let next = fleet.vmids.from;
  for (const { key, vmid } of [...fresh].sort((a, b) => naturalCompare(a.key, b.key))) {
    if (vmid !== 'auto') {
      given.set(key, vmid);
      continue;
    }
    while (taken.has(next)) next += 1;
    if (next > fleet.vmids.to) continue;
    given.set(key, next);
    next += 1;
  }
  return given;
}

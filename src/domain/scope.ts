/** Which containers matter: for reading before a plan, and for `--target` and `--exclude`. */
import { globMatcher } from '../util/glob.ts';
import type { ClusterSnapshot, GuestSummary } from './actual.ts';
import type { ContainerKey, DesiredFleet, Vmid } from './desired.ts';
import { ownershipTag } from './field-row.ts';
import type { Policy } from './plan.ts';

/**
 * Whether the cluster's list knows the name of a container. Proxmox VE: it lags behind by up to ten seconds, and a
 * container that is being created is called `CT` and its id.
 *
 * @param guest - a row of the cluster's list.
 */
export function isNameless({ name, vmid }: Pick<GuestSummary, 'name' | 'vmid'>): boolean {
  return name === undefined || name === `CT${vmid}`;
}

/**
 * Names the containers that must be read in full before a plan.
 *
 * @param fleet - the file.
 * @param guests - all guests of the cluster.
 * @param ownTag - whether the tag tells all owned ones; where it does not, all containers are named.
 * @returns vmids, ascending: those with the ownership tag, with a vmid of the file, or with a host name of the file; sources
 *   of clones; and those whose name the cluster does not know yet, because somebody may have removed the tag of a fresh
 *   one.
 */
export function containersToRead(
  fleet: DesiredFleet,
  guests: readonly GuestSummary[],
  ownTag?: ClusterSnapshot['ownTag'],
): Vmid[] {
  const sources = fleet.containers.flatMap(({ from }) => (from && 'clone' in from ? [from.clone] : []));
  const vmids = new Set([...fleet.containers.map(({ vmid }) => vmid), ...sources.map(Number)]);
  const names = new Set([
    ...fleet.containers.flatMap(({ hostname, renamedFrom }) => [
      hostname,
      ...(renamedFrom ? [renamedFrom] : []),
    ]),
    ...sources,
  ]);
  return guests
    .filter((guest) => {
      const { type, vmid, name = '', tags } = guest;
      if (type !== 'lxc') return false;
      if (ownTag !== undefined) return true;
      return tags.includes(ownershipTag) || vmids.has(vmid) || names.has(name) || isNameless(guest);
    })
    .map(({ vmid }) => vmid)
    .sort((a, b) => a - b);
}

/**
 * Compiles `--target` and `--exclude`.
 *
 * @param policy - globs over keys; no target: all.
 * @returns whether a key is meant.
 */
export function keyFilter({
  target,
  exclude,
}: Pick<Policy, 'target' | 'exclude'>): (key: ContainerKey) => boolean {
  const wanted = target.map(globMatcher);
  const unwanted = exclude.map(globMatcher);
  return (key) =>
    (wanted.length === 0 || wanted.some((matches) => matches(key))) &&
    !unwanted.some((matches) => matches(key));
}

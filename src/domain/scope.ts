/** Which containers matter: for reading before a plan, and for `--target` and `--exclude`. */
import { globMatcher } from '../util/glob.ts';
import type { GuestSummary } from './actual.ts';
import type { ContainerKey, DesiredFleet, Vmid } from './desired.ts';
import { ownershipTag } from './field-row.ts';
import type { Policy } from './plan.ts';

/**
 * Names the containers that must be read in full before a plan.
 *
 * @param fleet - the file.
 * @param guests - all guests of the cluster.
 * @returns vmids, ascending: those with the ownership tag, with a vmid or a host name of the file, and sources of clones.
 */
export function containersToRead(fleet: DesiredFleet, guests: readonly GuestSummary[]): Vmid[] {
  const sources = fleet.containers.flatMap(({ from }) => (from && 'clone' in from ? [from.clone] : []));
  const vmids = new Set([...fleet.containers.map(({ vmid }) => vmid), ...sources.map(Number)]);
  const names = new Set([...fleet.containers.map(({ hostname }) => hostname), ...sources]);
  return guests
    .filter(
      ({ type, vmid, name, tags }) =>
        type === 'lxc' &&
        (tags.includes(ownershipTag) || vmids.has(vmid) || (name !== undefined && names.has(name))),
    )
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

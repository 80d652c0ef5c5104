/** Which container of the cluster is which container of the file; who may be touched, and who may not. */
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualContainer, ClusterSnapshot, GuestSummary, Ownership } from './actual.ts';
import type { DesiredContainer, DesiredFleet, Vmid } from './desired.ts';
import { buildIndex, type Identified, type Index, identify, ownedBy, refuse } from './identify.ts';
import { chooseValues } from './lab/choose.ts';
import { ownerName } from './ownership.ts';
import type { Refusal } from './plan.ts';
import { renameNotices } from './rename.ts';
import { allocateVmids } from './vmid.ts';

/** One container of the file and what it stands for. */
export interface Match {
  readonly desired: DesiredContainer;
  /** Found or allocated; absent when there is neither. */
  readonly vmid?: Vmid;
  /** Absent: it is to be created, unless there are refusals. */
  readonly actual?: ActualContainer;
  /** Line whose records go on, where it is not that of `actual`. */
  readonly line?: Ownership;
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

/** The whole fleet, matched. */
export interface Matching {
  /** In natural order of keys. */
  readonly matches: readonly Match[];
  /** Containers that this fleet owns and the file does not have, in order of vmid. */
  readonly orphans: readonly ActualContainer[];
}

/** Keys, old keys and vmids that stand twice in the file; the first in order keeps them. */
function duplicates(containers: readonly DesiredContainer[]): Map<DesiredContainer, Refusal> {
  const refusals = new Map<DesiredContainer, Refusal>();
  const keys = new Set<string>();
  const vmids = new Map<Vmid, string>();
  const renamed = new Map<string, string>();
  for (const desired of containers) {
    const { key, vmid, renamedFrom = '' } = desired;
    const heir = renamed.get(renamedFrom);
    const holder = vmid === 'auto' ? undefined : vmids.get(vmid);
    if (keys.has(key))
      refusals.set(
        desired,
        refuse(
          desired,
          undefined,
          'KEY_DUPLICATE',
          'stands twice in the fleet',
          'give each container its own key',
        ),
      );
    else if (holder !== undefined && vmid !== 'auto')
      refusals.set(
        desired,
        refuse(
          desired,
          vmid,
          'VMID_DUPLICATE',
          `has the vmid of ${holder}`,
          'give each container its own vmid',
        ),
      );
    else if (heir !== undefined)
      refusals.set(
        desired,
        refuse(
          desired,
          undefined,
          'RENAME_DUPLICATE',
          `${renamedFrom} was renamed to ${heir} already`,
          'remove renamedFrom from one of them',
        ),
      );
    if (renamedFrom !== '' && heir === undefined) renamed.set(renamedFrom, key);
    keys.add(key);
    if (vmid !== 'auto' && holder === undefined) vmids.set(vmid, key);
  }
  return refusals;
}

function noticesOf(
  index: Index,
  match: Match,
  namesakes: ReadonlyMap<string, readonly GuestSummary[]>,
): Diagnostic[] {
  const { desired, actual } = match;
  const notices: Diagnostic[] = renameNotices(desired, actual);
  const others = actual ? [] : (namesakes.get(desired.hostname) ?? []);
  for (const other of others)
    notices.push({
      severity: 'warning',
      code: 'NAME_IN_USE',
      message: `${desired.key}: container ${other.vmid} on ${other.node} has the host name ${desired.hostname} already`,
    });
  for (const copy of index.owned.get(desired.key) ?? [])
    if (actual && copy.vmid !== actual.vmid)
      notices.push({
        severity: 'warning',
        code: 'OWNERSHIP_COPIED',
        message: `container ${copy.vmid} says that it is ${ownerName({ fleet: index.fleet, key: desired.key })} too; it is left alone`,
        hint: 'remove the pvefleet line from its notes',
      });
  return notices;
}

/**
 * Finds the container of each key: by ownership line, else by vmid.
 *
 * @param fleet - the file.
 * @param snapshot - the cluster.
 * @returns matches for all containers of the file, with vmids allocated where they are new, and what the fleet owns besides.
 */
export function matchFleet(fleet: DesiredFleet, snapshot: ClusterSnapshot): Matching {
  const index = buildIndex(fleet, snapshot);
  const containers = [...fleet.containers].sort(
    (a, b) => naturalCompare(a.key, b.key) || naturalCompare(String(a.vmid), String(b.vmid)),
  );
  const twice = duplicates(containers);
  const identified = containers.map((desired): readonly [DesiredContainer, Identified] => {
    const twin = twice.get(desired);
    return [desired, twin ? { refusal: twin } : identify(index, desired)];
  });
  const fresh = identified
    .filter(([, { actual, refusal }]) => !actual && !refusal)
    .map(([desired]) => desired);
  const vmids = allocateVmids(fleet, fresh, index.guests.keys());
  const namesakes = groupByName(snapshot.guests);
  const chosen = chooseValues(
    identified.map(([desired, { actual, refusal }]) => ({
      desired,
      ...(actual ? { actual } : {}),
      isRefused: refusal !== undefined,
    })),
    snapshot,
  );
  const matches = identified.map(([written, { actual, refusal }], at): Match => {
    const {
      desired,
      refusals: unmet,
      notices,
    } = chosen[at] ?? { desired: written, refusals: [], notices: [] };
    const vmid = actual?.vmid ?? vmids.get(desired.key);
    const exhausted =
      vmid === undefined && !refusal
        ? refuse(
            desired,
            undefined,
            'VMID_RANGE_EXHAUSTED',
            `no vmid from ${fleet.vmids.from} to ${fleet.vmids.to} is free`,
            'widen vmids in the fleet file',
          )
        : undefined;
    const match: Match = {
      desired,
      ...(vmid === undefined || refusal ? {} : { vmid }),
      ...(actual ? { actual } : {}),
      refusals: [refusal, exhausted, ...unmet].filter((one) => one !== undefined),
      notices: [],
    };
    return { ...match, notices: refusal ? [] : [...noticesOf(index, match, namesakes), ...notices] };
  });
  const taken = new Set(matches.flatMap(({ actual }) => (actual ? [actual.vmid] : [])));
  const orphans = ownedBy(fleet.name, snapshot).filter(
    ({ vmid, ownership }) => !taken.has(vmid) && !index.keys.has(ownership?.key ?? ''),
  );
  return { matches, orphans };
}

function groupByName(guests: readonly GuestSummary[]): Map<string, GuestSummary[]> {
  const groups = new Map<string, GuestSummary[]>();
  for (const guest of guests) {
    if (guest.name === undefined || guest.type !== 'lxc') continue;
    const group = groups.get(guest.name);
    if (group) group.push(guest);
    else groups.set(guest.name, [guest]);
  }
  for (const group of groups.values()) group.sort((a, b) => a.vmid - b.vmid);
  return groups;
}

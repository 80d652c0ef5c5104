/** Whether a container of the cluster is a certain one of the file, and whether it may be touched. */
import type { ActualContainer, ClusterSnapshot, GuestSummary } from './actual.ts';
import type { DesiredContainer, DesiredFleet, Vmid } from './desired.ts';
import { ownershipTag } from './field-row.ts';
import { ownerName } from './ownership.ts';
import type { Refusal } from './plan.ts';
import { refusal } from './refusal.ts';

/** What was found: a container, a reason against it, or nothing: it is new. */
export interface Identified {
  readonly actual?: ActualContainer;
  readonly refusal?: Refusal;
}

/** A refusal about a container of the file. */
export const refuse = (
  { key }: DesiredContainer,
  vmid: Vmid | undefined,
  code: string,
  message: string,
  hint: string,
): Refusal => refusal({ key, vmid }, { code, message, hint });

/** The cluster, ordered for finding containers. */
export interface Index {
  readonly fleet: string;
  readonly keys: ReadonlySet<string>;
  /** Ids that the file gives to its containers. */
  readonly fixed: ReadonlySet<Vmid>;
  readonly guests: ReadonlyMap<Vmid, GuestSummary>;
  readonly containers: ReadonlyMap<Vmid, ActualContainer>;
  readonly owned: ReadonlyMap<string, readonly ActualContainer[]>;
  /** Containers that may be owned and could not be read, by host name. */
  readonly unreadable: ReadonlyMap<string, GuestSummary>;
  /** One of them whose name is not known, and that has an id of the range. PVE: names of an offline node are forgotten. */
  readonly nameless?: GuestSummary;
}

/** All containers that a fleet owns, in order of vmid. */
export function ownedBy(fleet: string, snapshot: Pick<ClusterSnapshot, 'containers'>): ActualContainer[] {
  return [...snapshot.containers.values()]
    .filter((container) => container.ownership?.fleet === fleet)
    .sort((a, b) => a.vmid - b.vmid);
}

function byVmid(index: Index, desired: DesiredContainer, vmid: Vmid): Identified {
  const guest = index.guests.get(vmid);
  const actual = index.containers.get(vmid);
  const no = (code: string, message: string, hint: string): Identified => ({
    refusal: refuse(desired, vmid, code, message, hint),
  });
  if (!guest && !actual) return {};
  if (guest?.type === 'qemu')
    return no('VMID_TAKEN', `vmid ${vmid} belongs to a virtual machine`, 'choose another vmid');
  if (!actual)
    return no(
      'CONTAINER_UNREADABLE',
      `container ${vmid} exists on ${guest?.node ?? 'a node'} but cannot be read`,
      'is its node online, and may this account see it (VM.Audit)?',
    );
  const owner = actual.ownership;
  if (owner?.fleet === index.fleet) {
    // a key that was renamed in the file keeps its container; one that both names claim does not
    return owner.key === desired.key || !index.keys.has(owner.key)
      ? { actual }
      : no('VMID_TAKEN', `vmid ${vmid} is ${owner.key} of this fleet`, 'give each container its own vmid');
  }
  if (owner)
    return no(
      'FOREIGN_CONTAINER',
      `container ${vmid} belongs to ${ownerName(owner)}`,
      'choose another vmid, or remove the ownership line from its notes first',
    );
  if (actual.lock === 'create')
    return no(
      'CONTAINER_LOCKED',
      `container ${vmid} is being created`,
      'wait until its creation has ended; one that failed and could not clear up is removed by root with pct unlock and pct destroy',
    );
  if (desired.adopt) return { actual };
  return no(
    'FOREIGN_CONTAINER',
    `container ${vmid} (${actual.name ?? 'without a name'}) exists and is not managed by pvefleet`,
    'write adopt: true to take it over, or choose another vmid',
  );
}

/** Containers that carry its key; those of its old key when there are none, unless they are somebody else's now. */
function ownedAs(
  { owned, keys, fixed }: Index,
  { key, renamedFrom }: DesiredContainer,
): readonly ActualContainer[] {
  const own = owned.get(key) ?? [];
  if (own.length > 0 || renamedFrom === undefined || keys.has(renamedFrom)) return own;
  return (owned.get(renamedFrom) ?? []).filter(({ vmid }) => !fixed.has(vmid));
}

/**
 * Finds the container that a container of the file stands for: by ownership line, else by vmid.
 *
 * @param index - the cluster.
 * @param desired - the container of the file.
 * @returns {@link Identified}.
 */
export function identify(index: Index, desired: DesiredContainer): Identified {
  const owned = ownedAs(index, desired);
  const { vmid } = desired;
  if (vmid === 'auto') {
    if (owned.length === 1) return { actual: owned[0] as ActualContainer };
    if (owned.length > 1)
      return {
        refusal: refuse(
          desired,
          undefined,
          'OWNERSHIP_AMBIGUOUS',
          `containers ${owned.map((one) => one.vmid).join(' and ')} both say that they are it`,
          'a clone copies the notes: remove the pvefleet line from the notes of the wrong one, or write its vmid',
        ),
      };
    const hidden =
      index.unreadable.get(desired.hostname) ??
      index.unreadable.get(desired.renamedFrom ?? desired.hostname) ??
      index.nameless;
    if (!hidden) return {};
    return {
      refusal: refuse(
        desired,
        hidden.vmid,
        'CONTAINER_UNREADABLE',
        `container ${hidden.vmid} on ${hidden.node} may be it, but cannot be read`,
        'bring its node back, leave this container out with --exclude, or write a vmid for a new one',
      ),
    };
  }
  const elsewhere = owned.find((one) => one.vmid !== vmid);
  const there = byVmid(index, desired, vmid);
  if (elsewhere && !owned.some((one) => one.vmid === vmid) && !there.refusal)
    return {
      refusal: refuse(
        desired,
        elsewhere.vmid,
        'VMID_CHANGED',
        `it exists as ${elsewhere.vmid}, and the file says ${vmid}; a vmid cannot be changed`,
        `write vmid: ${elsewhere.vmid}, or give the new container another key`,
      ),
    };
  return there;
}

/**
 * Orders the cluster for {@link identify}.
 *
 * @returns the index.
 */
export function buildIndex(fleet: DesiredFleet, snapshot: ClusterSnapshot): Index {
  const owned = new Map<string, ActualContainer[]>();
  for (const container of ownedBy(fleet.name, snapshot)) {
    const key = (container.ownership as { key: string }).key;
    const same = owned.get(key);
    if (same) same.push(container);
    else owned.set(key, [container]);
  }
  const hidden = snapshot.guests.filter(
    (guest) =>
      guest.type === 'lxc' &&
      (snapshot.ownTag !== undefined || guest.tags.includes(ownershipTag)) &&
      !snapshot.containers.has(guest.vmid),
  );
  const { from, to } = fleet.vmids;
  const nameless = hidden.find(({ name, vmid }) => name === undefined && vmid >= from && vmid <= to);
  return {
    ...(nameless ? { nameless } : {}),
    fleet: fleet.name,
    keys: new Set(fleet.containers.map((desired) => desired.key)),
    fixed: new Set(fleet.containers.flatMap(({ vmid }) => (vmid === 'auto' ? [] : [vmid]))),
    guests: new Map(snapshot.guests.map((guest) => [guest.vmid, guest])),
    containers: snapshot.containers,
    owned,
    unreadable: new Map(hidden.flatMap((guest) => (guest.name === undefined ? [] : [[guest.name, guest]]))),
  };
}

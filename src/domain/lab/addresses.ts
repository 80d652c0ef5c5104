/**
 * Chooses addresses from pools when planning. A container keeps the address that it has, as long as its pool still holds
 * it and nobody else has it; a new one gets the first that no container known to the snapshot and no line of the file has.
 * So nobody else's address changes when somebody comes or goes, and no state is kept anywhere but in the cluster.
 */
import { naturalCompare } from '../../util/compare.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import type { ActualContainer, ClusterSnapshot } from '../actual.ts';
import type { DesiredContainer, DesiredNet } from '../desired.ts';
import { ownershipTag } from '../field-row.ts';
import type { Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import { firstFree, isInPool, type OpenPool, openPool, readAddress, spellAddress } from './address-pool.ts';

/** A container of the file and what it stands for. */
export interface Claimant {
  readonly desired: DesiredContainer;
  readonly actual?: ActualContainer;
  /** Nothing is chosen for it, because it cannot be planned. */
  readonly isRefused: boolean;
}

/** What was chosen for one container. */
export interface Assignment {
  /** The container with its addresses. */
  readonly nets: Readonly<Record<string, DesiredNet>>;
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

const families = [
  { ip: 'ip', pool: 'ipPool', gateway: 'gateway' },
  { ip: 'ip6', pool: 'ip6Pool', gateway: 'gateway6' },
] as const;
type Key = (typeof families)[number]['ip'];

/** Who has an address: the file, or a container. */
type Owner = 'file' | number;

/** Addresses that are in use, by the network that they are in: equal ones of networks that do not meet do no harm. */
class Uses {
  readonly #owners = new Map<string, Map<bigint, Set<Owner>>>();

  static #network(net: { bridge?: string | undefined; vlan?: number | null | undefined }): string {
    return JSON.stringify([net.bridge ?? null, net.vlan ?? null]);
  }

  add(
    net: { bridge?: string | undefined; vlan?: number | null | undefined },
    text: string | null | undefined,
    owner: Owner,
  ): void {
    const address = readAddress(text?.split('/')[0] ?? '');
    if (!address) return;
    const network = Uses.#network(net);
    const addresses = this.#owners.get(network) ?? new Map<bigint, Set<Owner>>();
    this.#owners.set(network, addresses);
    addresses.set(address.value, (addresses.get(address.value) ?? new Set()).add(owner));
  }

  /** Whether somebody else than the owner has it. */
  isTaken(net: DesiredNet, value: bigint, owner?: Owner): boolean {
    const owners = this.#owners.get(Uses.#network(net))?.get(value);
    return owners !== undefined && (owners.size > 1 || owner === undefined || !owners.has(owner));
  }

  /** One owner will get another one. */
  release(net: DesiredNet, value: bigint, owner: Owner): void {
    this.#owners.get(Uses.#network(net))?.get(value)?.delete(owner);
  }
}

/** One address to be chosen. */
interface Slot {
  readonly claimant: Claimant;
  readonly name: string;
  readonly net: DesiredNet;
  readonly key: Key;
  readonly pool: OpenPool;
}

function slotsOf(claimants: readonly Claimant[]): Slot[] {
  return claimants.flatMap((claimant) =>
    claimant.isRefused
      ? []
      : Object.entries(claimant.desired.nets ?? {})
          .sort(([a], [b]) => naturalCompare(a, b))
          .flatMap(([name, net]) =>
            families.flatMap(({ ip, pool: key }) => {
              const pool = net[key] && openPool(net[key]);
              return pool ? [{ claimant, name, net, key: ip, pool }] : [];
            }),
          ),
  );
}

/** Everything that is in use: what the file writes down, and what the containers of the snapshot have. */
function usesOf(claimants: readonly Claimant[], snapshot: Pick<ClusterSnapshot, 'containers'>): Uses {
  const uses = new Uses();
  for (const { desired } of claimants)
    for (const net of Object.values(desired.nets ?? {}))
      for (const { ip, pool, gateway } of families) {
        if (!net[pool]) uses.add(net, net[ip], 'file');
        uses.add(net, net[gateway], 'file');
      }
  for (const { vmid, live, next } of snapshot.containers.values())
    for (const net of [...Object.values(live.nets), ...Object.values(next.nets)]) {
      uses.add({ bridge: net.bridge, vlan: net.tag }, net.ip, vmid);
      uses.add({ bridge: net.bridge, vlan: net.tag }, net.ip6, vmid);
    }
  return uses;
}

const netOf = (actual: ActualContainer, name: string): { ip?: string; ip6?: string } | undefined =>
  Object.values(actual.next.nets).find((net) => net.name === name);

/** The address that the container has, when it may keep it; spelled as the server does. */
function kept({ claimant, name, net, key, pool }: Slot, uses: Uses): string | undefined {
  const { actual } = claimant;
  const text = actual && netOf(actual, name)?.[key];
  const [address = '', prefix] = text?.split('/') ?? [];
  const found = readAddress(address);
  if (!actual || text === undefined || found?.family !== pool.family) return undefined;
  if (!isInPool(pool, found.value)) return undefined;
  if (uses.isTaken(net, found.value, actual.vmid)) return undefined;
  return Number(prefix) === pool.prefix ? text : `${address}/${pool.prefix}`;
}

/** Of two containers of the fleet with one address the first in order keeps it, unless the file gives it to somebody. */
function settleTwins(slots: readonly Slot[], uses: Uses): void {
  const seen = new Map<string, number>();
  for (const { claimant, name, net, key, pool } of slots) {
    const { actual } = claimant;
    const found = actual && readAddress(netOf(actual, name)?.[key]?.split('/')[0] ?? '');
    if (!actual || !found || !isInPool(pool, found.value)) continue;
    const id = JSON.stringify([net.bridge, net.vlan ?? null, String(found.value)]);
    const first = seen.get(id);
    if (first === undefined) seen.set(id, actual.vmid);
    else if (first !== actual.vmid) uses.release(net, found.value, actual.vmid);
  }
}

function exhausted({ claimant, name, net, key, pool }: Slot): Refusal {
  const written = net[key === 'ip' ? 'ipPool' : 'ip6Pool'];
  const text = written?.range ?? spellAddress(pool.family, pool.first);
  return refusal(
    { key: claimant.desired.key, ...(claimant.actual ? { vmid: claimant.actual.vmid } : {}) },
    {
      code: 'ADDRESS_POOL_EXHAUSTED',
      message: `no address of ${text} is free for ${name}`,
      hint: 'widen the range in the fleet file, or let containers that left it be destroyed first',
    },
  );
}

/** Containers of fleets whose addresses nobody can tell. */
function hiddenNotice(key: string, snapshot: ClusterSnapshot): Diagnostic[] {
  const hidden = snapshot.guests.filter(
    ({ type, vmid, tags }) => type === 'lxc' && tags.includes(ownershipTag) && !snapshot.containers.has(vmid),
  );
  if (hidden.length === 0) return [];
  const names = hidden.slice(0, 3).map(({ vmid, node }) => `${vmid} on ${node}`);
  const more = hidden.length > 3 ? ` and ${hidden.length - 3} more` : '';
  return [
    {
      severity: 'warning',
      code: 'ADDRESS_UNCERTAIN',
      message: `${key}: its new address may belong to a container that cannot be read: ${names.join(', ')}${more}`,
      hint: 'bring its node back first',
    },
  ];
}

/**
 * Chooses the addresses of all containers that want one of a pool.
 *
 * @param claimants - the whole fleet, in natural order of keys.
 * @param snapshot - the cluster.
 * @returns by container of the file, what was chosen for it; containers without a pool are not in it.
 */
export function assignAddresses(
  claimants: readonly Claimant[],
  snapshot: ClusterSnapshot,
): ReadonlyMap<DesiredContainer, Assignment> {
  const slots = slotsOf(claimants);
  if (slots.length === 0) return new Map();
  const uses = usesOf(claimants, snapshot);
  settleTwins(slots, uses);
  const chosen = new Map<Slot, string>();
  for (const slot of slots) {
    const text = kept(slot, uses);
    if (text === undefined) continue;
    chosen.set(slot, text);
    // on another bridge than before it is not known yet
    uses.add(slot.net, text, slot.claimant.actual?.vmid ?? 'file');
  }
  // pools are walked once: what was taken before stays taken
  const reached = new Map<string, bigint>();
  for (const slot of slots) {
    if (chosen.has(slot)) continue;
    const { net, pool, claimant } = slot;
    const { range, prefix, exclude } = net[slot.key === 'ip' ? 'ipPool' : 'ip6Pool'] ?? {};
    const id = JSON.stringify([net.bridge, net.vlan ?? null, range, prefix, exclude ?? null]);
    const value = firstFree(pool, (one) => uses.isTaken(net, one), reached.get(id));
    if (value === undefined) continue;
    const text = spellAddress(pool.family, value);
    reached.set(id, value);
    uses.add(net, text, claimant.actual?.vmid ?? 'file');
    chosen.set(slot, `${text}/${pool.prefix}`);
  }
  const assignments = new Map<DesiredContainer, Assignment>();
  for (const slot of slots) {
    const { desired, actual } = slot.claimant;
    const before = assignments.get(desired);
    const nets = before?.nets ?? desired.nets ?? {};
    const text = chosen.get(slot);
    const isNew = text !== undefined && !actual;
    assignments.set(desired, {
      nets:
        text === undefined
          ? nets
          : { ...nets, [slot.name]: { ...(nets[slot.name] as DesiredNet), [slot.key]: text } },
      refusals: [...(before?.refusals ?? []), ...(text === undefined ? [exhausted(slot)] : [])],
      notices: before?.notices.length ? before.notices : isNew ? hiddenNotice(desired.key, snapshot) : [],
    });
  }
  return assignments;
}

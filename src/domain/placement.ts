/**
 * Chooses nodes for new containers whose node is `auto`. Containers that exist stay where they are. Pure and
 * deterministic: the same file and cluster in any order give the same nodes.
 */
import { MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ClusterSnapshot, StorageInfo } from './actual.ts';
import { allowedBytes, limitsOnNodes, type StorageSpace, storageSpaces } from './capacity-facts.ts';
import type { DesiredCapacity, DesiredContainer, DesiredFleet } from './desired.ts';
import { matchFleet } from './match.ts';
import type { Refusal } from './plan.ts';
import { refusal } from './refusal.ts';

/** Stands for a node that is yet to be chosen. */
export const anyNode = 'auto';

/** A fleet whose containers all have a node, but for those that no node can take. */
export interface PlacedFleet {
  readonly fleet: DesiredFleet;
  /** By key; those containers have no node. */
  readonly refusals: ReadonlyMap<string, Refusal>;
  readonly notices: readonly Diagnostic[];
}

/** A node as it fills up. */
interface Room {
  readonly node: string;
  readonly maxBytes: number | undefined;
  /** Promised to running guests, or used, whichever is more; grows. */
  bytes: number;
  /** Containers of this fleet. */
  own: number;
  /** Guests of all kinds. */
  guests: number;
  readonly groups: Map<string, number>;
  readonly spaces: ReadonlyMap<string, Space>;
  readonly storages: readonly StorageInfo[];
  readonly bridges: readonly string[] | undefined;
  /** On any node. One that no node shows may be hidden from this account, which says nothing about the nodes. */
  readonly seenBridges: ReadonlySet<string>;
}

/** Free space, shared by all nodes that have the storage. */
interface Space extends StorageSpace {
  left: number;
}

/** Memory that it takes when it runs; a stopped one may be started some day. */
const demandOf = ({ compute }: DesiredContainer): number => (compute.memoryMiB ?? 512) * MiB;

/** Volumes that a creation makes. */
function volumesOf({ rootfs, mounts }: DesiredContainer): { storage: string; bytes: number }[] {
  return [rootfs, ...Object.values(mounts ?? {})].flatMap(({ storage, sizeBytes = 0 }) =>
    storage === undefined ? [] : [{ storage, bytes: sizeBytes }],
  );
}

function roomsOf(snapshot: ClusterSnapshot, capacity: DesiredCapacity): Map<string, Room> {
  const limits = limitsOnNodes(snapshot);
  const spaces = new Map<string, Space>();
  for (const [key, space] of storageSpaces(snapshot.storages))
    spaces.set(key, { ...space, left: allowedBytes(space, capacity) ?? Number.POSITIVE_INFINITY });
  const online = snapshot.nodes.filter((node) => node.online);
  const seenBridges = new Set([...(snapshot.bridges?.values() ?? [])].flat());
  return new Map(
    online.map((info): [string, Room] => {
      const { node } = info;
      const storages = snapshot.storages.filter((one) => one.node === node);
      const own = storages.flatMap(({ storage, shared }): [string, Space][] => {
        const space = spaces.get(shared ? storage : `${storage}@${node}`);
        return space ? [[storage, space]] : [];
      });
      return [
        node,
        {
          node,
          maxBytes: info.maxMemoryBytes,
          bytes: Math.max(limits.get(node) ?? 0, info.memoryBytes ?? 0),
          own: 0,
          guests: snapshot.guests.filter((guest) => guest.node === node).length,
          groups: new Map(),
          spaces: new Map(own),
          storages,
          bridges: snapshot.bridges?.get(node),
          seenBridges,
        },
      ];
    }),
  );
}

function occupy(room: Room, desired: DesiredContainer): void {
  room.own += 1;
  for (const group of desired.placement?.antiAffinity ?? [])
    room.groups.set(group, (room.groups.get(group) ?? 0) + 1);
}

/** What a node lacks for good; empty: it can take the container. */
function obstacles(room: Room, desired: DesiredContainer): string[] {
  const lacks: string[] = [];
  const has = (name: string, content: string): boolean =>
    // nothing is known of its storages: the server will tell
    room.storages.length === 0 ||
    room.storages.some((one) => one.storage === name && one.active && one.content.includes(content));
  for (const { storage } of volumesOf(desired))
    if (!has(storage, 'rootdir')) lacks.push(`no storage ${storage} for containers`);
  const { templateStorage, nets } = desired;
  if (templateStorage !== undefined && !has(templateStorage, 'vztmpl'))
    lacks.push(`no storage ${templateStorage} for templates`);
  for (const { bridge } of Object.values(nets ?? {}))
    if (room.seenBridges.has(bridge) && room.bridges?.includes(bridge) === false)
      lacks.push(`no bridge ${bridge}`);
  return [...new Set(lacks)];
}

/** How well a node suits, compared member by member; less is better. */
type Rank = readonly number[];

function rankOf(room: Room, desired: DesiredContainer, memoryFactor: number): Rank {
  const bytes = room.bytes + demandOf(desired);
  const isFull = room.maxBytes !== undefined && bytes > room.maxBytes * memoryFactor;
  const wanted = new Map<Space, number>();
  for (const { storage, bytes: size } of volumesOf(desired)) {
    const space = room.spaces.get(storage);
    if (space) wanted.set(space, (wanted.get(space) ?? 0) + size);
  }
  const isShort = [...wanted].some(([space, size]) => size > space.left);
  const together = (desired.placement?.antiAffinity ?? []).reduce(
    (sum, group) => sum + (room.groups.get(group) ?? 0),
    0,
  );
  const load = room.maxBytes === undefined ? 0 : bytes / room.maxBytes;
  const fill: Rank = [load, room.own, room.guests];
  const order = desired.placement?.strategy === 'pack' ? fill.map((value) => -value) : fill;
  return [isShort ? 1 : 0, isFull ? 1 : 0, together, ...order];
}

function compareRanks(a: Rank, b: Rank): number {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index < 0 ? 0 : (a[index] as number) - (b[index] as number);
}

function take(room: Room, desired: DesiredContainer): void {
  room.bytes += demandOf(desired);
  room.guests += 1;
  occupy(room, desired);
  for (const { storage, bytes } of volumesOf(desired)) {
    const space = room.spaces.get(storage);
    if (space) space.left -= bytes;
  }
}

/** Why no node will do. */
function nowhere(desired: DesiredContainer, rooms: ReadonlyMap<string, Room>): Refusal {
  const { key, placement } = desired;
  const names = placement?.nodes ?? [...rooms.keys()].sort(naturalCompare);
  const reasons = names.map((name) => {
    const room = rooms.get(name);
    return `${name}: ${room ? obstacles(room, desired).join(', ') : 'unknown or offline'}`;
  });
  return refusal(
    { key },
    {
      code: 'PLACEMENT_IMPOSSIBLE',
      message: `no node can take it (${reasons.join('; ') || 'no node is online'})`,
      hint: 'correct storages and bridges, widen placement.nodes, or write a node',
    },
  );
}

/**
 * Gives every container of a fleet a node.
 *
 * Large containers are placed first, those of one size in natural order of their keys. Nodes that lack a storage or a
 * bridge are left out; of the others those with room come first, then those with the fewest members of the container's
 * anti-affinity groups, then the strategy decides, at last the name.
 *
 * @param fleet - the file.
 * @param snapshot - nodes, storages, guests and bridges; what is not known speaks against no node.
 * @returns the fleet with nodes, and what stands against some of them.
 */
export function placeFleet(fleet: DesiredFleet, snapshot: ClusterSnapshot): PlacedFleet {
  if (fleet.containers.every(({ node }) => node !== anyNode))
    return { fleet, refusals: new Map(), notices: [] };
  const rooms = roomsOf(snapshot, fleet.capacity ?? {});
  const nodes = new Map<string, string>();
  const fresh: DesiredContainer[] = [];
  for (const { desired, actual, refusals } of matchFleet(fleet, snapshot).matches) {
    const node = actual?.node ?? desired.node;
    if (!actual && desired.node === anyNode && refusals.length === 0) fresh.push(desired);
    else if (actual) nodes.set(desired.key, node);
    const room = rooms.get(node);
    if (!room || refusals.length > 0) continue;
    if (actual) occupy(room, desired);
    else take(room, desired);
  }
  const factor = fleet.capacity?.memoryOvercommit ?? 1;
  const refusals = new Map<string, Refusal>();
  fresh.sort((a, b) => demandOf(b) - demandOf(a) || naturalCompare(a.key, b.key));
  for (const desired of fresh) {
    const [best] = [...rooms.values()]
      .filter(({ node }) => desired.placement?.nodes?.includes(node) ?? true)
      .filter((room) => obstacles(room, desired).length === 0)
      .map((room) => ({ room, rank: rankOf(room, desired, factor) }))
      .sort((a, b) => compareRanks(a.rank, b.rank) || naturalCompare(a.room.node, b.room.node));
    if (best) {
      take(best.room, desired);
      nodes.set(desired.key, best.room.node);
    } else refusals.set(desired.key, nowhere(desired, rooms));
  }
  const containers = fleet.containers.map((desired) => {
    const node = desired.node === anyNode ? nodes.get(desired.key) : undefined;
    return node === undefined ? desired : { ...desired, node };
  });
  const isNew = new Set(fresh.map(({ key }) => key));
  return { fleet: { ...fleet, containers }, refusals, notices: crowded(rooms, containers, isNew) };
}

/** Groups that have more members than nodes to keep them apart. */
function crowded(
  rooms: ReadonlyMap<string, Room>,
  containers: readonly DesiredContainer[],
  isNew: ReadonlySet<string>,
): Diagnostic[] {
  const concerned = containers.filter(({ key }) => isNew.has(key));
  const groups = new Set(concerned.flatMap(({ placement }) => placement?.antiAffinity ?? []));
  return [...groups].sort(naturalCompare).flatMap((group): Diagnostic[] => {
    const counts = [...rooms.values()].flatMap(({ node, groups: members }) => {
      const count = members.get(group) ?? 0;
      return count > 1 ? [`${count} on ${node}`] : [];
    });
    return counts.length === 0
      ? []
      : [
          {
            severity: 'warning',
            code: 'ANTI_AFFINITY',
            message: `members of ${group} share nodes: ${counts.sort(naturalCompare).join(', ')}`,
            hint: 'there are fewer suitable nodes than members',
          },
        ];
  });
}

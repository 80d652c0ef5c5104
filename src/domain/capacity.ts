/**
 * Admission: does what a plan asks of memory and storages fit, before anything is created? Memory limits beyond the memory
 * of a node are warned of; a plan is refused when the file sets a factor and it is passed. New volumes beyond the free
 * space are warned of on thin storages, refused on others, and refused everywhere beyond a factor of the file. Pure.
 */
import { humanSize, MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ClusterSnapshot } from './actual.ts';
import { takingsOf } from './capacity-disks.ts';
import { allowedBytes, limitsOnNodes, type StorageSpace, storageSpaces } from './capacity-facts.ts';
import type { DesiredCapacity, Vmid } from './desired.ts';
import { type Action, makingKinds, type Refusal } from './plan.ts';

/** What a plan asks of one node's memory or one storage, and what is there. */
export interface Demand {
  readonly kind: 'memory' | 'storage';
  /** `pve1`, `shared` or `local-lvm@pve1`. */
  readonly place: string;
  readonly wantedBytes: number;
  /** What is left, not below 0. */
  readonly freeBytes: number;
  /** Containers that want something, and how many of them get it, in natural order of their keys. */
  readonly containers: number;
  readonly fitting: number;
  readonly verdict: 'fits' | 'warning' | 'refused';
}

/** What a container asks of a place. */
interface Part {
  readonly key: string;
  readonly bytes: number;
}
type Parts = Map<string, Part[]>;

/** PVE: they take space as it is written, so that more can be promised than there is. */
const thinTypes: ReadonlySet<string> = new Set(['lvmthin', 'zfspool', 'rbd', 'btrfs', 'unknown']);

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : undefined;

/** A container before the plan and after its last action. */
interface Memory {
  readonly key: string;
  node: string;
  /** Bytes that count on its node already. */
  before: number;
  limitMiB: number;
  isRunning: boolean;
}

/** Limit that a copy has until it is configured, in MiB. */
function copiedLimit(
  { request }: Action,
  { containers, sources }: ClusterSnapshot,
  limitOf: (vmid: Vmid) => number | undefined,
): number {
  const { params } = request;
  const backup = sources?.get(String(params['ostemplate']));
  if (backup) return numberOf(backup['memory']) ?? 512;
  const source = numberOf(params['vmid']) ?? 0;
  return limitOf(source) ?? containers.get(source)?.next.memoryMiB ?? 512;
}

function memoryParts(actions: readonly Action[], snapshot: ClusterSnapshot): Parts {
  const { containers } = snapshot;
  const touched = new Map<Vmid, Memory>();
  const memoryOf = ({ key, node }: Action['target'], vmid: Vmid): Memory => {
    const actual = containers.get(vmid);
    const limitMiB = actual?.next.memoryMiB ?? 512;
    const isRunning = actual?.status === 'running';
    // what runs counts among the node's guests with the limit that is in force
    const inForce = actual?.usage.maxMemoryBytes ?? (actual?.live.memoryMiB ?? 512) * MiB;
    const before = isRunning ? inForce : 0;
    const memory = touched.get(vmid) ?? { key, node, before, limitMiB, isRunning };
    touched.set(vmid, memory);
    return memory;
  };
  for (const action of actions) {
    const { kind, request, target } = action;
    if (target.vmid === undefined) continue;
    const limit = numberOf(request.params['memory']);
    const memory = memoryOf(target, target.vmid);
    if (kind === 'container.create') Object.assign(memory, { isRunning: false, limitMiB: limit ?? 512 });
    if (kind === 'container.clone' || kind === 'container.restore') {
      const limitMiB = copiedLimit(action, snapshot, (vmid) => touched.get(vmid)?.limitMiB);
      Object.assign(memory, { isRunning: false, limitMiB });
    }
    if (kind === 'container.migrate')
      Object.assign(memory, { node: String(request.params['target']), before: 0 });
    if (kind === 'container.configure' && limit !== undefined) memory.limitMiB = limit;
    if (kind === 'container.start' || kind === 'container.reboot') memory.isRunning = true;
  }
  const parts: Parts = new Map();
  for (const { key, node, before, limitMiB, isRunning } of touched.values()) {
    const bytes = isRunning ? limitMiB * MiB - before : 0;
    if (bytes > 0) add(parts, node, { key, bytes });
  }
  return parts;
}

function add(parts: Parts, place: string, part: Part): void {
  const list = parts.get(place);
  if (list) list.push(part);
  else parts.set(place, [part]);
}

function storageParts(
  actions: readonly Action[],
  snapshot: ClusterSnapshot,
  spaces: ReadonlyMap<string, StorageSpace>,
): Parts {
  const sums = new Map<string, Part & { readonly place: string }>();
  // only a container that is made again gets back what its destruction frees: the others may be destroyed too late
  const made = new Set(actions.filter(({ kind }) => makingKinds.has(kind)).map(({ target }) => target.vmid));
  for (const { action, node, storage, bytes } of takingsOf(actions, snapshot)) {
    const { key, vmid } = action.target;
    if (action.kind === 'container.destroy' && !made.has(vmid)) continue;
    const place = spaces.has(storage) ? storage : `${storage}@${node}`;
    const id = JSON.stringify([place, key]);
    sums.set(id, { place, key, bytes: (sums.get(id)?.bytes ?? 0) + bytes });
  }
  const parts: Parts = new Map();
  for (const { place, ...part } of sums.values()) if (part.bytes > 0) add(parts, place, part);
  return parts;
}

function demandOf(
  kind: Demand['kind'],
  place: string,
  parts: readonly Part[],
  free: number,
  judge: (wantedBytes: number) => Demand['verdict'],
): Demand {
  const sorted = [...parts].sort((a, b) => naturalCompare(a.key, b.key));
  let left = Math.max(0, free);
  const freeBytes = left;
  let fitting = 0;
  for (const { bytes } of sorted) {
    if (bytes > left) continue;
    left -= bytes;
    fitting += 1;
  }
  const wantedBytes = sorted.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    kind,
    place,
    wantedBytes,
    freeBytes,
    containers: sorted.length,
    fitting,
    verdict: judge(wantedBytes),
  };
}

/**
 * Compares what a plan asks for with what is there.
 *
 * @param actions - of the plan.
 * @param snapshot - the cluster that it was made from.
 * @param capacity - factors of the file.
 * @returns one row per node and storage that is asked for something and whose size is known, in natural order.
 */
export function demandsOf(
  actions: readonly Action[],
  snapshot: ClusterSnapshot,
  capacity: DesiredCapacity = {},
): Demand[] {
  const limits = limitsOnNodes(snapshot);
  const { memoryOvercommit, storageOvercommit } = capacity;
  const memory = [...memoryParts(actions, snapshot)].flatMap(([node, parts]): Demand[] => {
    const info = snapshot.nodes.find((one) => one.node === node);
    const max = info?.maxMemoryBytes;
    if (max === undefined) return [];
    const promised = Math.max(limits.get(node) ?? 0, info?.memoryBytes ?? 0);
    const allowed = max * (memoryOvercommit ?? 1);
    return [
      demandOf('memory', node, parts, allowed - promised, (wanted) => {
        if (promised + wanted <= allowed) return 'fits';
        return memoryOvercommit === undefined ? 'warning' : 'refused';
      }),
    ];
  });
  const spaces = storageSpaces(snapshot.storages);
  const storage = [...storageParts(actions, snapshot, spaces)].flatMap(([place, parts]): Demand[] => {
    const space = spaces.get(place);
    const allowed = space && allowedBytes(space, capacity);
    if (!space || allowed === undefined) return [];
    return [
      demandOf('storage', place, parts, allowed, (wanted) => {
        if (wanted <= allowed) return 'fits';
        return thinTypes.has(space.type) && storageOvercommit === undefined ? 'warning' : 'refused';
      }),
    ];
  });
  return [...memory, ...storage].sort(
    (a, b) => naturalCompare(a.kind, b.kind) || naturalCompare(a.place, b.place),
  );
}

/** `27 of 30 fit on local-lvm@pve1: 12GiB are missing (240GiB wanted, 228GiB left)`. */
function describeDemand({ kind, place, wantedBytes, freeBytes, containers, fitting }: Demand): string {
  const where = kind === 'memory' ? `into the memory of ${place}` : `on ${place}`;
  const amounts = `(${humanSize(wantedBytes)} wanted, ${humanSize(freeBytes)} left)`;
  return `${fitting} of ${containers} fit ${where}: ${humanSize(wantedBytes - freeBytes)} are missing ${amounts}`;
}

const hints: Readonly<Record<Demand['kind'], Readonly<Record<'warning' | 'refused', string>>>> = {
  memory: {
    warning:
      'limits may be overcommitted, but not be used up all at once; lower them, or set capacity.memoryOvercommit',
    refused: 'lower memory, use another node, or raise capacity.memoryOvercommit',
  },
  storage: {
    warning: 'thin volumes fit until they are filled; free space, or set capacity.storageOvercommit',
    refused: 'free space, use another storage or node, or make the volumes smaller',
  },
};

/**
 * Says what of a plan does not fit.
 *
 * @param fleet - name for the refusals.
 * @param demands - of {@link demandsOf}.
 * @returns refusals with code `CAPACITY`, and notices `MEMORY_OVERCOMMIT` and `STORAGE_OVERCOMMIT`.
 */
export function judgeCapacity(
  fleet: string,
  demands: readonly Demand[],
): { readonly refusals: readonly Refusal[]; readonly notices: readonly Diagnostic[] } {
  const refusals: Refusal[] = [];
  const notices: Diagnostic[] = [];
  for (const demand of demands) {
    const { kind, verdict } = demand;
    if (verdict === 'fits') continue;
    const message = describeDemand(demand);
    const hint = hints[kind][verdict];
    if (verdict === 'refused') refusals.push({ key: fleet, code: 'CAPACITY', message, hint, changes: [] });
    else notices.push({ severity: 'warning', code: `${kind.toUpperCase()}_OVERCOMMIT`, message, hint });
  }
  return { refusals, notices };
}

/** What the steps of a plan take of storages, disk by disk. Pure; which of it fits is judged in capacity.ts. */
import type { ClusterSnapshot } from './actual.ts';
import { volumeOfDisk } from './config-rights.ts';
import type { Vmid } from './desired.ts';
import type { Action, ActionKind } from './plan.ts';
import { readVolume } from './spelling.ts';

/** Space that a step takes, or gives back when it is negative. */
export interface Taking {
  readonly action: Action;
  readonly node: string;
  readonly storage: string;
  readonly bytes: number;
}

interface Disk {
  readonly storage: string;
  readonly bytes: number;
}
type Disks = Map<string, Disk>;
type Taken = Omit<Taking, 'action'>;

/** A step, and the disks of all containers as the steps before have left them. */
interface Step {
  readonly action: Action;
  readonly params: Readonly<Record<string, string>>;
  readonly vmid: Vmid;
  readonly disksOf: (vmid: Vmid) => Disks;
  readonly snapshot: ClusterSnapshot;
}

const isDisk = (key: string): boolean => /^(?:rootfs|mp\d+)$/.test(key);
const sizePattern = /^(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?$/;

/** Bytes of a size as the API writes it. */
function sizeOf(text: string): number | undefined {
  const [, number, unit = ''] = sizePattern.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * 1024 ** ' KMGT'.indexOf(unit || ' ');
}

const taken = ({ action }: Step, disks: Iterable<Disk>, sign = 1): Taken[] =>
  [...disks].map(({ storage, bytes }) => ({ node: action.target.node, storage, bytes: sign * bytes }));

/** Disks that are to be made, as the config keys of a request write them. */
function newDisks({ params }: Step): Disks {
  return new Map(
    Object.entries(params).flatMap(([key, value]): [string, Disk][] => {
      if (!isDisk(key)) return [];
      const { storage, newBytes } = readVolume(volumeOfDisk(key, value));
      return storage === undefined || newBytes === undefined ? [] : [[key, { storage, bytes: newBytes }]];
    }),
  );
}

function make(step: Step): Taken[] {
  const fresh = newDisks(step);
  const disks = step.disksOf(step.vmid);
  for (const [key, disk] of fresh) disks.set(key, disk);
  return taken(step, fresh.values());
}

/** Disks of a config that was read as the API gives it, all on one storage. */
function disksOfConfig(config: Readonly<Record<string, string>>, goal: string | undefined): Disks {
  return new Map(
    Object.entries(config).flatMap(([key, value]): [string, Disk][] => {
      const bytes = isDisk(key) ? sizeOf(/(?:^|,)size=([^,]+)/.exec(value)?.[1] ?? '') : undefined;
      const storage = goal ?? readVolume(value.split(',')[0] ?? '').storage;
      return bytes === undefined || storage === undefined ? [] : [[key, { storage, bytes }]];
    }),
  );
}

function restore(step: Step): Taken[] {
  const { params, snapshot, vmid, disksOf } = step;
  const config = snapshot.sources?.get(params['ostemplate'] ?? '') ?? {};
  const given = newDisks(step);
  const disks = given.size > 0 ? given : disksOfConfig(config, params['storage']);
  for (const [key, disk] of disks) disksOf(vmid).set(key, disk);
  return taken(step, disks.values());
}

function clone(step: Step): Taken[] {
  const { params, disksOf, vmid } = step;
  const copies = [...disksOf(Number(params['vmid']))].map(([key, disk]): [string, Disk] => [
    key,
    { ...disk, storage: params['storage'] ?? disk.storage },
  ]);
  for (const [key, disk] of copies) disksOf(vmid).set(key, disk);
  // PVE: a linked clone takes space only for what is written to it later
  return params['full'] === 'false' ? [] : taken(step, new Map(copies).values());
}

function grow(step: Step): Taken[] {
  const { params, disksOf, vmid } = step;
  const disks = disksOf(vmid);
  const key = params['disk'] ?? '';
  const disk = disks.get(key);
  const bytes = sizeOf(params['size'] ?? '');
  if (!disk || bytes === undefined) return [];
  disks.set(key, { ...disk, bytes });
  return taken(step, [{ ...disk, bytes: bytes - disk.bytes }]);
}

function move(step: Step): Taken[] {
  const { params, disksOf, vmid } = step;
  const { volume = '', storage } = params;
  const disk = disksOf(vmid).get(volume);
  if (!disk || storage === undefined) return [];
  disksOf(vmid).set(volume, { ...disk, storage });
  const freed = params['delete'] === 'true' ? taken(step, [disk], -1) : [];
  return [...taken(step, [{ ...disk, storage }]), ...freed];
}

function migrate(step: Step): Taken[] {
  const { params, disksOf, vmid, snapshot } = step;
  const pairs = new Map(
    (params['target-storage'] ?? '').split(',').map((pair) => pair.split(':') as [string, string]),
  );
  const shared = new Set(snapshot.storages.filter((one) => one.shared).map(({ storage }) => storage));
  const disks = disksOf(vmid);
  return [...disks].flatMap(([key, disk]): Taken[] => {
    if (shared.has(disk.storage)) return [];
    const storage = pairs.get(disk.storage) ?? disk.storage;
    disks.set(key, { ...disk, storage });
    return [{ node: params['target'] ?? '', storage, bytes: disk.bytes }, ...taken(step, [disk], -1)];
  });
}

function destroy(step: Step): Taken[] {
  const disks = step.disksOf(step.vmid);
  const freed = taken(step, disks.values(), -1);
  disks.clear();
  return freed;
}

const rules: Readonly<Partial<Record<ActionKind, (step: Step) => Taken[]>>> = {
  'container.create': make,
  'container.configure': make,
  'container.clone': clone,
  'container.restore': restore,
  'container.resize-disk': grow,
  'container.move-volume': move,
  'container.migrate': migrate,
  'container.destroy': destroy,
};

function textsOf(params: Action['request']['params']): Record<string, string> {
  const texts = Object.entries(params).filter(([, value]) => typeof value !== 'object');
  return Object.fromEntries(texts.map(([key, value]) => [key, String(value)]));
}

/**
 * Follows the disks of all containers through a plan.
 *
 * @param actions - of the plan, in their order.
 * @param snapshot - the cluster that it was made from.
 * @returns what each step takes and gives back; nothing for disks whose size is not known.
 */
export function takingsOf(actions: readonly Action[], snapshot: ClusterSnapshot): Taking[] {
  const known = new Map<Vmid, Disks>();
  const disksOf = (vmid: Vmid): Disks => {
    const found = known.get(vmid);
    if (found) return found;
    const actual = snapshot.containers.get(vmid);
    const live = { ...(actual?.live.rootfs ? { rootfs: actual.live.rootfs } : {}), ...actual?.live.mounts };
    const disks: Disks = new Map(
      Object.entries(live).flatMap(([key, { volume, size = 0 }]): [string, Disk][] => {
        const { storage } = readVolume(volume);
        return storage === undefined ? [] : [[key, { storage, bytes: size }]];
      }),
    );
    known.set(vmid, disks);
    return disks;
  };
  return actions.flatMap((action) => {
    const { vmid } = action.target;
    const rule = rules[action.kind];
    if (vmid === undefined || !rule) return [];
    const params = textsOf(action.request.params);
    return rule({ action, params, vmid, disksOf, snapshot }).map((one) => ({ ...one, action }));
  });
}

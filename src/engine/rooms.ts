/** Which limits an action counts against. */
import { isAccountAction } from '../domain/lab/account-actions.ts';
import type { Action, ActionKind } from '../domain/plan.ts';
import type { Limits } from './context.ts';
import { requestText } from './request-text.ts';
import type { Room } from './scheduler.ts';

/** `storage:8` or `storage:0.5`: a volume to be made; `storage:vm-101-disk-0` is one that is there. */
const newVolume = /^(?:volume=)?([^:,=]+):\d+(?:\.\d+)?(?:,|$)/;

/** Actions whose volumes all go to the storage that they name. */
const allocatesWhole: ReadonlySet<ActionKind> = new Set([
  'container.move-volume',
  'container.clone',
  'container.restore',
]);

/**
 * The storages on which an action allocates volumes.
 *
 * @param action - any action.
 * @returns storage names, each once.
 */
export function allocatesOn(action: Action): string[] {
  if (allocatesWhole.has(action.kind)) {
    const storage = requestText(action.request, 'storage');
    return storage === undefined ? [] : [storage];
  }
  if (action.kind !== 'container.create' && action.kind !== 'container.configure') return [];
  const storages = Object.entries(action.request.params).flatMap(([key, value]) => {
    if (!/^(?:rootfs|mp\d+)$/.test(key) || typeof value !== 'string') return [];
    const storage = newVolume.exec(value)?.[1];
    return storage === undefined ? [] : [storage];
  });
  return [...new Set(storages)];
}

/** The container that an action clones; undefined: none. */
function cloneSourceOf({ request }: Action): string | undefined {
  return request.path.endsWith('/lxc/{vmid}/clone') ? String(request.params['vmid']) : undefined;
}

/** Allocations wait for the lock of their storage one after another: that a few do keeps the storage busy. */
const allocationSlack = 4;

/** Lines of a task's log that come when its volumes are there and the lock of the storage is free again. */
const allocatedLine = /^(?:extracting archive|Detected|restoring|recovering|merging)/;

/** Whether a line of the log of a task that makes a container says that the storage is done with it. */
export function isAllocated(line: string): boolean {
  return allocatedLine.test(line);
}

/** Whether a room is one of those for allocations. */
export function isAllocation(room: string): boolean {
  return room.startsWith('allocate ');
}

const storageLock = /pve-storage-([^' ]+)|'storage-([^']+)'/;

/**
 * Where there were too many at once.
 *
 * @param reason - the server's words about a lock or a time-out.
 * @returns whether a room is concerned; locks of single containers concern none.
 */
export function isCongested(reason: string): (room: string) => boolean {
  const lock = storageLock.exec(reason);
  const storage = lock?.[1] ?? lock?.[2];
  if (storage !== undefined) return (room) => isAllocation(room) && room.endsWith(` ${storage}`);
  if (/CT is locked|pve-config-/.test(reason)) return () => false;
  return (room) => room.startsWith('node ');
}

/**
 * The limits of an action.
 *
 * @param action - any action.
 * @param limits - how much may be under way at once.
 * @param shared - storages whose locks are those of the whole cluster.
 * @returns rooms that must all have a place free; one container is never worked on twice at a time.
 */
export function roomsOf(action: Action, limits: Limits, shared: ReadonlySet<string> = new Set()): Room[] {
  const { node, key, vmid } = action.target;
  // what goes on inside takes minutes and little of the server, so it must not keep others from theirs
  if (action.inside)
    return [
      { name: 'inside', limit: limits.consoles },
      { name: `inside ${node}`, limit: limits.consolesPerNode },
      { name: `container ${key} ${vmid}`, limit: 1 },
    ];
  const storage = requestText(action.request, 'storage');
  const source = cloneSourceOf(action);
  // PVE: all of these are written under the lock of one file, user.cfg
  if (isAccountAction(action))
    return [
      { name: 'all', limit: limits.actions },
      { name: 'accounts', limit: 2 },
    ];
  return [
    { name: 'all', limit: limits.actions },
    {
      name: `node ${node}`,
      limit: limits.actionsPerNode,
      most: Math.max(limits.actionsPerNode, limits.mostPerNode),
    },
    // PVE: the source of a clone carries `lock: disk` until the copy is done, and a second one is refused
    ...(source === undefined ? [] : [{ name: `source ${source}`, limit: 1 }]),
    ...(action.kind.startsWith('template.')
      ? [{ name: `download ${node} ${storage}`, limit: limits.downloadsPerStorage }]
      : [{ name: `container ${key} ${vmid}`, limit: 1 }]),
    // PVE: the source of a clone is locked until its copy is made
    ...(action.kind === 'container.clone'
      ? [{ name: `clone ${action.request.params['vmid']}`, limit: 1 }]
      : []),
    ...allocatesOn(action).map((name) => ({
      name: `allocate ${shared.has(name) ? '*' : node} ${name}`,
      limit: limits.allocationsPerStorage,
      most: Math.max(limits.allocationsPerStorage, limits.mostPerStorage),
      slack: allocationSlack,
    })),
  ];
}

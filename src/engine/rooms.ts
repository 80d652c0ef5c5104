/** Which limits an action counts against. */
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

/**
 * The limits of an action.
 *
 * @param action - any action.
 * @param limits - how much may be under way at once.
 * @returns rooms that must all have a place free; one container is never worked on twice at a time.
 */
export function roomsOf(action: Action, limits: Limits): Room[] {
  const { node, key, vmid } = action.target;
  const storage = requestText(action.request, 'storage');
  return [
    { name: 'all', limit: limits.actions },
    { name: `node ${node}`, limit: limits.actionsPerNode },
    ...(action.kind.startsWith('template.')
      ? [{ name: `download ${node} ${storage}`, limit: limits.downloadsPerStorage }]
      : [{ name: `container ${key} ${vmid}`, limit: 1 }]),
    // PVE: the source of a clone is locked until its copy is made
    ...(action.kind === 'container.clone'
      ? [{ name: `clone ${action.request.params['vmid']}`, limit: 1 }]
      : []),
    ...allocatesOn(action).map((name) => ({
      name: `allocate ${node} ${name}`,
      limit: limits.allocationsPerStorage,
    })),
  ];
}

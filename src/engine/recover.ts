/**
 * After a connection was lost while a write was under way: find out whether it happened. A write is never repeated before
 * that, and a container is never created twice.
 */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import type { Returns } from '../api/types.ts';
import { decodeNumber } from '../codec/scalar.ts';
import { readBack } from '../domain/converge.ts';
import { fetchedFile, fetchesTemplate } from '../domain/fetch-template.ts';
import { isAccountAction } from '../domain/lab/account-actions.ts';
import { type Action, type ActionKind, makingKinds } from '../domain/plan.ts';
import { occupantOf } from './choose-vmid.ts';
import type { EngineContext } from './context.ts';
import {
  asActual,
  destinationOf,
  exists,
  hasVolume,
  poolWanted,
  powerAfter,
  readNode,
  readPool,
  readStatus,
  volumeOf,
} from './effects.ts';
import { IndeterminateError } from './failures.ts';
import { isAcl, unprovedAcls } from './lab/acls.ts';
import { isAccountDone } from './lab/prove-accounts.ts';
import { beganAfter } from './node-clock.ts';
import { isOurs } from './own-tasks.ts';
import type { ReadyRequest } from './prepare-request.ts';
import { isExtra, unprovedExtras } from './prove-extras.ts';
import { isSnapshot, unprovedSnapshot } from './prove-snapshot.ts';
import { readRawConfig } from './read-container.ts';

type TaskRow = Returns<'GET', '/nodes/{node}/tasks'>[number];

/** What was found. */
export type Verdict =
  /** It happened, or happens now: go on with this task, or without one. */
  | { readonly kind: 'happened'; readonly upid?: string }
  /** No trace of it; the request may be sent again. */
  | { readonly kind: 'resend' }
  /** Cannot be told, and repeating it could do harm. */
  | { readonly kind: 'unknown' };

const taskTypes: Readonly<Record<ActionKind, readonly string[]>> = {
  'role.create': [],
  'role.update': [],
  'role.delete': [],
  'user.create': [],
  'user.update': [],
  'user.password': [],
  'user.delete': [],
  'pool.create': [],
  'pool.update': [],
  'pool.remove-member': [],
  'pool.delete': [],
  'acl.grant': [],
  'acl.revoke': [],
  'template.download': ['download', 'ociregistrypull'],
  'template.upload': ['imgcopy'],
  'template.delete': ['imgdel'],
  'container.create': ['vzcreate'],
  'container.configure': [],
  'container.resize-disk': ['resize'],
  'container.start': ['vzstart', 'hastart'],
  'container.shutdown': ['vzshutdown', 'hastop'],
  'container.stop': ['vzstop', 'hastop'],
  'container.reboot': ['vzreboot'],
  'container.destroy': ['vzdestroy'],
  'container.clone': ['vzclone'],
  'container.restore': ['vzrestore'],
  'container.template': ['vztemplate'],
  'container.migrate': ['vzmigrate', 'hamigrate'],
  'container.move-volume': ['move_volume'],
  'container.provision': [],
  'container.ready': [],
  'snapshot.create': ['vzsnapshot'],
  'snapshot.rollback': ['vzrollback'],
  'snapshot.delete': ['vzdelsnapshot'],
  'ha.add': [],
  'ha.update': [],
  'ha.remove': [],
  'firewall.options': [],
  'firewall.rule': [],
  'access.acl': [],
};

/** What would do harm when it is done twice. */
const unrepeatable: ReadonlySet<ActionKind> = new Set([
  'container.reboot',
  'firewall.rule',
  'snapshot.rollback',
]);

/** Waits between looks, in milliseconds; a node that is busy answers within some seconds. */
const looks = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;

/** What the lost request was about. */
export interface LostRequest {
  readonly action: Action;
  readonly request: ReadyRequest;
  readonly vmid: number | undefined;
  /** Milliseconds since the epoch, on our clock. */
  readonly sentAt: number;
  /** Tasks that belong to earlier requests of this run. */
  readonly followed?: ReadonlySet<string>;
}

function isRunning(row: TaskRow): boolean {
  return row.endtime === undefined || row.status === 'RUNNING';
}

async function newestTask(context: EngineContext, lost: LostRequest): Promise<TaskRow | undefined> {
  const { action } = lost;
  // a clone's task is one of its source, on the node of its source
  const isClone = action.kind === 'container.clone';
  const vmid = isClone ? Number(lost.request.params['vmid']) : lost.vmid;
  const types = taskTypes[action.kind];
  if (types.length === 0) return undefined;
  const node = isClone ? String(lost.request.params['node']) : action.target.node;
  const only = types.length === 1 ? { typefilter: types[0] as string } : {};
  const rows = await context.pve.get(
    '/nodes/{node}/tasks',
    { node, source: 'all', limit: 50, ...only, ...(vmid === undefined ? {} : { vmid }) },
    { signal: context.signal },
  );
  // PVE: an upload's task has an empty id
  const id = vmid ?? (action.kind === 'template.upload' ? '' : fetchedFile(lost.request));
  return rows
    .filter((row) => types.includes(row.type) && (id === undefined || row.id === String(id)))
    .filter((row) => isOurs(context, row.user))
    .toSorted((a, b) => Number(b.starttime) - Number(a.starttime))[0];
}

/** Whether the effect is there already. */
async function isDone(context: EngineContext, lost: LostRequest): Promise<boolean> {
  const { action, request, vmid, sentAt } = lost;
  const { node } = action.target;
  const volume = volumeOf(action);
  if (volume) {
    const there = await hasVolume(context, volume.node, volume.storage, volume.volid);
    return fetchesTemplate(action) ? there : !there;
  }
  if (isAccountAction(action)) return isAccountDone(context, { ...action, request });
  if (vmid === undefined) return false;
  if (makingKinds.has(action.kind)) return (await occupantOf(context, action, node, vmid)) === 'ours';
  if (action.kind === 'container.destroy') return !(await exists(context, node, vmid));
  const pool = poolWanted(action);
  if (pool !== undefined) return ((await readPool(context, vmid)) ?? null) === pool;
  if (isSnapshot(action))
    return !unrepeatable.has(action.kind) && (await unprovedSnapshot(context, action, vmid)).length === 0;
  if (isAcl(action)) return (await unprovedAcls(context, action, vmid)).length === 0;
  // a step of a list of rules leaves no trace of its own; only the last one can be told by the whole list
  if (isExtra(action))
    return action.changes.length > 0 && (await unprovedExtras(context, action, vmid)).length === 0;
  const destination = destinationOf(action);
  if (destination !== undefined) return (await readNode(context, vmid)) === destination;
  const power = powerAfter(action);
  if (power !== undefined) {
    const status = await readStatus(context, node, vmid);
    if (action.kind !== 'container.reboot') return status.status === power;
    const uptimeMs = (decodeNumber(status.uptime) ?? Number.POSITIVE_INFINITY) * 1_000;
    return status.status === 'running' && uptimeMs <= context.clock.now() - sentAt;
  }
  const raw = await readRawConfig(context, node, vmid);
  const changed = request.params['digest'] === undefined || raw.digest !== request.params['digest'];
  return changed && readBack(action, asActual(action, vmid, raw, undefined)).length === 0;
}

/** Somebody else may clone the same source; our own clone is there as soon as its task runs. */
async function isOurCopy(context: EngineContext, { action, vmid }: LostRequest): Promise<boolean> {
  if (action.kind !== 'container.clone' || vmid === undefined) return true;
  const node = String(action.request.params['node']);
  return (await occupantOf(context, action, node, vmid)) !== 'nobody';
}

/** How long a task may take to appear in the list, in milliseconds. */
const appearMs = 15_000;

/**
 * Prepares to find the task of a request whose answer does not name it. Proxmox VE: POST …/template.
 *
 * @returns a function that gives the UPID after the request was accepted; undefined for requests that answer with it.
 */
export async function watchTasks(
  context: EngineContext,
  lost: LostRequest,
): Promise<(() => Promise<string>) | undefined> {
  if (lost.action.kind !== 'container.template') return undefined;
  const before = (await newestTask(context, lost))?.upid;
  return async () => {
    const giveUpAt = context.clock.now() + appearMs;
    for (;;) {
      const upid = (await newestTask(context, lost))?.upid;
      if (upid !== undefined && upid !== before) return upid;
      if (context.clock.now() >= giveUpAt)
        throw new IndeterminateError(`its task cannot be found (${lost.action.id})`);
      await context.clock.sleep(500, context.signal);
    }
  };
}

/** Kinds whose task has the id of the very container that is made: nobody else means it. A clone's has that of its source. */
const ownTask: ReadonlySet<ActionKind> = new Set(['container.create', 'container.restore']);

const isFailed = (row: TaskRow): boolean =>
  !isRunning(row) && row.status !== 'OK' && !row.status?.startsWith('WARNINGS');

/**
 * Whether a task is that of the lost request, and has failed: how it failed says whether to try again.
 *
 * @param older - tasks that are not; gets this one if it is not.
 */
async function isOurFailure(
  context: EngineContext,
  { action, sentAt }: LostRequest,
  task: TaskRow,
  older: Set<string>,
): Promise<boolean> {
  if (!ownTask.has(action.kind) || !isFailed(task) || older.has(task.upid)) return false;
  if (await beganAfter(context, action.target.node, Number(task.starttime), sentAt)) return true;
  older.add(task.upid);
  return false;
}

async function look(
  context: EngineContext,
  lost: LostRequest,
  older: Set<string>,
): Promise<Verdict | undefined> {
  const task = await newestTask(context, lost);
  if (task && isRunning(task) && (await isOurCopy(context, lost)))
    return { kind: 'happened', upid: task.upid };
  if (!(await isDone(context, lost)))
    return task && (await isOurFailure(context, lost, task, older))
      ? { kind: 'happened', upid: task.upid }
      : undefined;
  // a finished creation of a container that carries our marker is ours: its log may hold warnings
  return task && makingKinds.has(lost.action.kind)
    ? { kind: 'happened', upid: task.upid }
    : { kind: 'happened' };
}

/**
 * Looks for the traces of a request whose answer was lost.
 *
 * @param lost - the request.
 * @param because - what the connection error said, for events.
 * @returns whether it happened; looks again for half a minute before it says no.
 * @throws PveError when the cluster cannot be asked.
 */
export async function recover(context: EngineContext, lost: LostRequest, because: string): Promise<Verdict> {
  const older = new Set(lost.followed);
  for (const [index, inMs] of looks.entries()) {
    context.emit({ type: 'retry', id: lost.action.id, attempt: index + 1, inMs, because });
    await context.clock.sleep(inMs, context.signal);
    try {
      const verdict = await look(context, lost, older);
      if (verdict) return verdict;
    } catch (error) {
      // the connection is still down: look again, but say so when it stays down
      if (!(error instanceof PveConnectionError) || index === looks.length - 1) throw error;
    }
  }
  return unrepeatable.has(lost.action.kind) ? { kind: 'unknown' } : { kind: 'resend' };
}

/** Tasks of a node: list, status, log, stopping (contract lxc-endpoints §K, behaviours §8). */
import { type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import { refreshBroadcast } from '../model/resources.ts';
import type { SimTask } from '../model/state.ts';

const upidPattern =
  /^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s/]+:[^:\s/]*:([^:\s/]+):$/;

/** Finished tasks that the list still knows: two index files of some 1000 lines each. */
const archiveLength = 2000;

/**
 * Splits an owner into user and token.
 *
 * @param owner - `user@realm` or `user@realm!token`.
 */
export function splitOwner(owner: string): { user: string; tokenid?: string } {
  const at = owner.indexOf('!');
  return at < 0 ? { user: owner } : { user: owner.slice(0, at), tokenid: owner.slice(at + 1) };
}

/**
 * Whether a task is the caller's: a user owns the tasks of its tokens as well, a token only its own.
 *
 * @param context - request.
 * @param owner - `user@realm` or `user@realm!token`.
 */
export function owns(context: HandlerContext, owner: string): boolean {
  return context.auth.tokenid === undefined
    ? splitOwner(owner).user === context.auth.userid
    : owner === context.auth.authid;
}

/** Owner of a UPID; the caller must own it or have the right. The check comes before the question whether it exists. */
function upidOf(context: HandlerContext): { upid: string; owner: string } {
  const upid = context.text('upid') ?? '';
  const match = upidPattern.exec(upid) ?? paramError({ upid: 'unable to parse worker upid' });
  return { upid, owner: match[2] as string };
}

/** A task of the path's node; the files of others are elsewhere. */
function taskHere(context: HandlerContext, upid: string): SimTask | undefined {
  const task = Object.hasOwn(context.state.tasks, upid) ? context.state.tasks[upid] : undefined;
  return task?.node === nodeOf(context).name ? task : undefined;
}

function taskOf(context: HandlerContext, privilege: string): SimTask {
  const { upid, owner } = upidOf(context);
  const task = taskHere(context, upid);
  const found = task ?? paramError({ upid: 'no such task' });
  if (!owns(context, owner)) context.need(`/nodes/${nodeOf(context).name}`, [privilege]);
  return found;
}

function basics(task: SimTask): Record<string, unknown> {
  const { upid, node, pid, pstart, starttime, type, id } = task;
  return { upid, node, pid, pstart, starttime, type, id };
}

/** A row of finished tasks; running ones come from another file and keep the owner in one piece (conformance 07). */
function row(task: SimTask): Record<string, unknown> {
  return task.status === 'running'
    ? { ...basics(task), user: task.user, status: 'RUNNING', saved: '0' }
    : { ...basics(task), ...splitOwner(task.user), status: task.exitstatus, endtime: task.endtime };
}

function statusType(task: SimTask): string {
  if (task.status === 'running' || task.exitstatus === undefined) return 'unknown';
  if (task.exitstatus === 'unexpected status') return 'unknown';
  if (task.exitstatus === 'OK') return 'ok';
  return task.exitstatus.startsWith('WARNINGS: ') ? 'warning' : 'error';
}

/** Which tasks the list wants; each row of the table is one filter. */
function wanted(context: HandlerContext): (task: SimTask) => boolean {
  const user = context.text('userfilter')?.toLowerCase();
  const type = context.text('typefilter');
  const vmid = context.text('vmid');
  const statuses = context.text('statusfilter')?.split(/[\s,;]+/);
  const since = context.number('since');
  const until = context.number('until');
  const filters: ((task: SimTask) => boolean)[] = [];
  if (user !== undefined) filters.push((task) => task.user.toLowerCase().includes(user));
  if (type !== undefined) filters.push((task) => task.type === type);
  if (vmid !== undefined) filters.push((task) => task.id === vmid);
  if (since !== undefined) filters.push((task) => task.starttime >= since);
  if (until !== undefined) filters.push((task) => task.starttime <= until);
  if (statuses !== undefined) filters.push((task) => statuses.includes(statusType(task)));
  if (context.flag('errors') === true)
    filters.push((task) => task.status === 'running' || !['ok', 'warning'].includes(statusType(task)));
  return (task) => filters.every((filter) => filter(task));
}

function listTasks(context: HandlerContext): unknown {
  const node = nodeOf(context).name;
  const source = context.text('source') ?? 'archive';
  const auditor = context.has(`/nodes/${node}`, ['Sys.Audit']);
  const fits = wanted(context);
  const visible = Object.values(context.state.tasks)
    .filter((task) => task.node === node && (auditor || owns(context, task.user)) && fits(task))
    .reverse();
  const running = source === 'archive' ? [] : visible.filter((task) => task.status === 'running');
  // Finished tasks are listed by their end: a line is added to the index when a task ends.
  const finished =
    source === 'active'
      ? []
      : visible
          .filter((task) => task.status === 'stopped')
          .toSorted((a, b) => (b.endtime ?? 0) - (a.endtime ?? 0) || b.starttime - a.starttime)
          .slice(0, archiveLength);
  const all = [...running, ...finished];
  const start = context.number('start') ?? 0;
  const limit = context.number('limit') ?? 50;
  if (all.length > 0) context.extra('total', all.length);
  return all.slice(start, start + limit).map(row);
}

function taskStatus(context: HandlerContext): unknown {
  refreshBroadcast(context.state, context.clock.now());
  const task = taskOf(context, 'Sys.Audit');
  return {
    ...basics(task),
    ...splitOwner(task.user),
    status: task.status,
    ...(task.status === 'stopped' ? { exitstatus: task.exitstatus } : {}),
  };
}

function taskLog(context: HandlerContext): unknown {
  const { upid, owner } = upidOf(context);
  if (!owns(context, owner)) context.need(`/nodes/${nodeOf(context).name}`, ['Sys.Audit']);
  const task = taskHere(context, upid);
  if (context.flag('download') === true) {
    const found = task ?? paramError({ upid: 'no such task' });
    context.sendText('text/plain', found.log.map((line) => `${line}\n`).join(''));
    return null;
  }
  if (!task) {
    context.extra('total', 1);
    return [{ n: 1, t: 'unable to open file - No such file or directory' }];
  }
  // The interface needs at least one line.
  const lines = (task.log.length > 0 ? task.log : ['no content']).map((t, index) => ({ n: index + 1, t }));
  const start = context.number('start') ?? 0;
  const limit = context.number('limit') ?? 50;
  context.extra('total', lines.length);
  return lines.slice(start, limit === 0 ? undefined : start + limit);
}

async function stopTask(context: HandlerContext): Promise<null> {
  await context.stopTask(taskOf(context, 'Sys.Modify').upid);
  return null;
}

export const tasksHandlers: HandlerTable = {
  'GET /nodes/{node}/tasks': listTasks,
  'GET /nodes/{node}/tasks/{upid}': () => [{ name: 'log' }, { name: 'status' }],
  'DELETE /nodes/{node}/tasks/{upid}': stopTask,
  'GET /nodes/{node}/tasks/{upid}/status': taskStatus,
  'GET /nodes/{node}/tasks/{upid}/log': taskLog,
};

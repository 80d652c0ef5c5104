/** The answer to a request → the end of the task behind it, with its log as events. */
import { TaskFailedError } from '../api/errors/task-error.ts';
import type { TaskOutcome } from '../api/types.ts';
import { isUpid } from '../codec/upid.ts';
import type { Action, ActionKind } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { IndeterminateError } from './failures.ts';
import { requestText } from './request-text.ts';
import { allocatesOn, isAllocated, isAllocation } from './rooms.ts';
import type { RunState } from './run-state.ts';

/** What an action came to, when it did not fail. */
export type Outcome =
  | { readonly result: 'ok' | 'unchanged'; readonly upid?: string }
  | {
      readonly result: 'warnings';
      readonly upid: string;
      readonly count: number;
      readonly log: readonly string[];
    };

const verbs: Readonly<Record<ActionKind, string>> = {
  'role.create': 'create the role of',
  'role.update': 'change the role of',
  'role.delete': 'remove the role of',
  'user.create': 'create the account of',
  'user.update': 'change the account of',
  'user.password': 'set a new password for',
  'user.delete': 'remove the account of',
  'pool.create': 'create the pool of',
  'pool.update': 'change the pool of',
  'pool.remove-member': 'empty the pool of',
  'pool.delete': 'remove the pool of',
  'acl.grant': 'grant rights to',
  'acl.revoke': 'take rights from',
  'template.download': 'download template',
  'template.upload': 'upload template',
  'template.delete': 'delete template',
  'container.create': 'create',
  'container.configure': 'configure',
  'container.resize-disk': 'resize a disk of',
  'container.start': 'start',
  'container.shutdown': 'shut down',
  'container.stop': 'stop',
  'container.reboot': 'restart',
  'container.destroy': 'destroy',
  'container.clone': 'clone',
  'container.restore': 'restore',
  'container.template': 'make a template of',
  'container.migrate': 'migrate',
  'container.move-volume': 'move a disk of',
  'container.provision': 'provision',
  'container.ready': 'wait for',
  'snapshot.create': 'take a snapshot of',
  'snapshot.rollback': 'roll back',
  'snapshot.delete': 'delete a snapshot of',
  'ha.add': 'add to HA',
  'ha.update': 'change the HA settings of',
  'ha.remove': 'take out of HA',
  'firewall.options': 'change the firewall of',
  'firewall.rule': 'change the firewall of',
  'access.acl': 'give rights on',
};

/**
 * Verb and object of an action, for messages.
 *
 * @param vmid - id under which the container exists now.
 * @returns for example `create web01 (CT 101)`.
 */
export function doingOf(action: Action, vmid: number | undefined): string {
  const { key } = action.target;
  const object = vmid === undefined ? key : key === String(vmid) ? `CT ${vmid}` : `${key} (CT ${vmid})`;
  return `${verbs[action.kind]} ${object}`;
}

/**
 * Percentage in a line of a download's log, for example `32768K ........ ........ 25% 98.1M 1s`.
 *
 * @returns 0 to 100, or undefined.
 */
export function percentOf(line: string): number | undefined {
  const last = [...line.matchAll(/(?:^|\s)(\d{1,3}(?:\.\d+)?)%/g)].at(-1)?.[1];
  const percent = last === undefined ? Number.NaN : Number(last);
  return percent <= 100 ? percent : undefined;
}

// PVE: pve-common Tools.pm, download of a file that is there with the right checksum
const alreadyThere = /no need to download|already exists? with correct checksum/i;

/** Tasks of the same class take about as long. */
export function classOf({ kind, request }: Action): string {
  return `${kind} ${request.path} ${requestText(request, 'ostemplate') ?? ''}`;
}

/** Waits together with the tasks of other actions; makes room for them once the storage is done with this one. */
function watched(
  context: EngineContext,
  run: RunState,
  action: Action,
  upid: string,
  onLog: (line: string) => void,
): Promise<TaskOutcome> {
  if (!run.watch) return context.pve.waitTask(upid, { signal: context.signal, onLog });
  const place = run.places.get(action.id);
  let isAllocating = place !== undefined && allocatesOn(action).length > 0;
  return run.watch.wait({
    upid,
    kind: classOf(action),
    isTelling: () => isAllocating,
    onLog: (line) => {
      if (isAllocating && isAllocated(line)) {
        isAllocating = false;
        place?.leave(isAllocation);
      }
      onLog(line);
    },
  });
}

/**
 * Waits for the task that a request started.
 *
 * @param answer - result of the request: a UPID, or anything else when there is no task.
 * @returns how it ended.
 * @throws TaskFailedError with the last lines of the log; IndeterminateError when the waiting ended before the task.
 */
export async function followTask(
  context: EngineContext,
  run: RunState,
  action: Action,
  answer: unknown,
): Promise<Outcome> {
  if (!isUpid(answer)) return { result: 'ok' };
  const upid = answer;
  const { id } = action;
  run.running.set(id, upid);
  run.followed.add(upid);
  context.emit({ type: 'task.start', id, upid });
  let percent = -1;
  let unchanged = false;
  const onLog = (line: string): void => {
    context.emit({ type: 'task.log', id, line });
    if (action.kind !== 'template.download') return;
    if (alreadyThere.test(line)) unchanged = true;
    const now = percentOf(line);
    if (now === undefined || now === percent) return;
    percent = now;
    context.emit({ type: 'task.progress', id, percent });
  };
  const outcome = await watched(context, run, action, upid, onLog).catch((cause: unknown) => {
    // the task stays in run.running: it may go on, and the report must say so
    const why = context.signal.aborted ? 'stopped waiting' : 'lost sight of the task';
    throw new IndeterminateError(`${why} (${doingOf(action, run.vmidOf(action))})`, { upid, cause });
  });
  run.running.delete(id);
  if (outcome.state === 'failed') {
    const doing = doingOf(action, run.vmidOf(action));
    throw new TaskFailedError({ upid, doing, exitStatus: outcome.exitStatus, log: outcome.log });
  }
  if (outcome.state === 'warnings')
    return { result: 'warnings', upid, count: outcome.count, log: outcome.log };
  return { result: unchanged ? 'unchanged' : 'ok', upid };
}

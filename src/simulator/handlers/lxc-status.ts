/** State of containers, and the verbs that change it (pve-container API2/LXC/Status.pm). */
import { die, type HandlerContext, type HandlerTable, paramError, type SimWorker } from '../context.ts';
import { guestStatus } from '../model/guest-status.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimContainer } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import {
  checkLock,
  checkQuorum,
  findContainer,
  lockConfig,
  needContainer,
  skipLock,
  vmidOf,
} from './lxc-common.ts';
import { haStatus, isHaManaged, requestHaState } from './lxc-ha.ts';
import { bootContainer, haltContainer, killContainer, startTask } from './lxc-runtime.ts';

const defaultTimeoutSeconds = 60;
const verbs = ['current', 'start', 'stop', 'shutdown', 'reboot', 'migrate'];

/** Refuses when the container is not running; an unknown one is not running either. */
function needRunning(context: HandlerContext, what = 'CT'): void {
  const vmid = vmidOf(context);
  if (!findContainer(context, vmid)?.runtime) die(`${what} ${vmid} not running`);
}

function needStopped(context: HandlerContext): void {
  const vmid = vmidOf(context);
  if (findContainer(context, vmid)?.runtime) die(`CT ${vmid} already running`);
}

/** Starts a task that works on the container under its config lock. */
function forkLocked(
  context: HandlerContext,
  type: string,
  work: (worker: SimWorker, container: SimContainer) => Promise<void>,
): string {
  const vmid = vmidOf(context);
  return context.fork(type, String(vmid), nodeOf(context).name, (worker) =>
    lockConfig(context, vmid, () => work(worker, needContainer(context, vmid)), { worker }),
  );
}

function start(context: HandlerContext): string {
  const skiplock = skipLock(context);
  const vmid = vmidOf(context);
  const node = nodeOf(context).name;
  needStopped(context);
  checkQuorum(context);
  if (isHaManaged(context.state, vmid)) return requestHaState(context, vmid, node, 'started');
  return context.fork('vzstart', String(vmid), node, (worker) => startTask(context, worker, vmid, skiplock));
}

/** Stops running vzshutdown tasks of the container that the caller may stop. */
function overrule(context: HandlerContext, worker: SimWorker, vmid: number): Promise<unknown> {
  const { userid } = context.auth;
  const tasks = Object.values(context.state.tasks).filter(
    (task) =>
      task.type === 'vzshutdown' &&
      task.id === String(vmid) &&
      task.status === 'running' &&
      (task.user.split('!')[0] === userid || context.has(`/nodes/${task.node}`, ['Sys.Modify'])),
  );
  if (tasks.length > 0)
    worker.log(`overruled vzshutdown tasks: ${tasks.map((task) => task.upid).join(', ')}`);
  return Promise.all(tasks.map((task) => context.stopTask(task.upid)));
}

function stop(context: HandlerContext): string {
  const skiplock = skipLock(context);
  const vmid = vmidOf(context);
  const node = nodeOf(context).name;
  const overruling = context.flag('overrule-shutdown') ?? false;
  needRunning(context);
  if (isHaManaged(context.state, vmid)) {
    if (overruling) paramError({ 'overrule-shutdown': 'Not applicable for HA resources.' });
    return requestHaState(context, vmid, node, 'stopped');
  }
  return context.fork('vzstop', String(vmid), node, async (worker) => {
    // The killed task holds the lock until it is gone, which is why this one waits for it.
    const overruled = overruling ? overrule(context, worker, vmid) : undefined;
    await lockConfig(
      context,
      vmid,
      async () => {
        const container = needContainer(context, vmid);
        if (!skiplock && container.config['lock'] !== 'mounted') checkLock(container);
        await killContainer(context, worker, container);
      },
      { worker },
    );
    await overruled;
  });
}

function shutdown(context: HandlerContext): string {
  const vmid = vmidOf(context);
  needRunning(context);
  if (isHaManaged(context.state, vmid)) return requestHaState(context, vmid, nodeOf(context).name, 'stopped');
  const timeoutMs = (context.number('timeout') ?? defaultTimeoutSeconds) * 1000;
  const kill = context.flag('forceStop') ?? false;
  return forkLocked(context, 'vzshutdown', async (worker, container) => {
    checkLock(container);
    await haltContainer(context, worker, container, { timeoutMs, kill });
  });
}

function reboot(context: HandlerContext): string {
  // The text says VM, for containers too.
  needRunning(context, 'VM');
  const timeoutMs = (context.number('timeout') ?? defaultTimeoutSeconds) * 1000;
  return forkLocked(context, 'vzreboot', async (worker, container) => {
    if (!container.runtime) return;
    await haltContainer(context, worker, container, { timeoutMs, kill: true });
    await bootContainer(context, worker, container);
  });
}

/** lxc-checkpoint needs criu, which no node has. */
async function failCheckpoint(worker: SimWorker, vmid: number, restore: boolean): Promise<never> {
  await worker.sleep(durations.checkpoint);
  const source = `lxc-checkpoint: ${vmid}: ../src/lxc`;
  worker.log(
    `${source}/criu.c: criu_version_ok: 767 No such file or directory - execing criu failed, is it installed?`,
  );
  worker.log(
    restore
      ? `${source}/tools/lxc_checkpoint.c: restore_finalize: 203 Restoring ${vmid} failed`
      : `${source}/tools/lxc_checkpoint.c: checkpoint: 182 Checkpointing ${vmid} failed`,
  );
  const flags = restore ? '-r --foreground' : '-s';
  return die(`command 'lxc-checkpoint -n ${vmid} ${flags} -D /var/lib/vz/dump' failed: exit code 1`);
}

function suspend(context: HandlerContext): string {
  needRunning(context);
  return forkLocked(context, 'vzsuspend', async (worker, container) => {
    checkLock(container);
    await failCheckpoint(worker, container.vmid, false);
  });
}

function resume(context: HandlerContext): string {
  needStopped(context);
  const vmid = vmidOf(context);
  return context.fork('vzresume', String(vmid), nodeOf(context).name, (worker) =>
    failCheckpoint(worker, vmid, true),
  );
}

export const lxcStatusHandlers: HandlerTable = {
  'GET /nodes/{node}/lxc/{vmid}/status': (context) => {
    needContainer(context);
    return verbs.map((subdir) => ({ subdir }));
  },
  'GET /nodes/{node}/lxc/{vmid}/status/current': (context) => {
    const container = needContainer(context);
    const status = guestStatus(context.state, container, context.clock.now());
    return { ...status, ha: haStatus(context.state, container.vmid) };
  },
  'POST /nodes/{node}/lxc/{vmid}/status/start': start,
  'POST /nodes/{node}/lxc/{vmid}/status/stop': stop,
  'POST /nodes/{node}/lxc/{vmid}/status/shutdown': shutdown,
  'POST /nodes/{node}/lxc/{vmid}/status/reboot': reboot,
  'POST /nodes/{node}/lxc/{vmid}/status/suspend': suspend,
  'POST /nodes/{node}/lxc/{vmid}/status/resume': resume,
};

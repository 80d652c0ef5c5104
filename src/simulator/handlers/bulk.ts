/**
 * Actions on many guests: startall, stopall, suspendall and migrateall of a node, and the bulk actions of the cluster
 * (PVE::API2::Nodes, PVE::API2::Cluster::BulkAction::Guest). Each guest gets a task of its own.
 */
import {
  die,
  forbidden,
  type HandlerContext,
  type HandlerTable,
  paramError,
  type SimWorker,
} from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { localNode, nodeOf } from '../model/nodes.ts';
import type { Guest } from '../model/resources.ts';
import {
  guestsInOrder,
  isRunning,
  kindOf,
  type Ordered,
  type Round,
  runRound,
  startsAtBoot,
} from './bulk-run.ts';
import { callHandler } from './call-handler.ts';
import { lxcMigrateHandlers } from './lxc-migrate.ts';
import { lxcStatusHandlers } from './lxc-status.ts';

/** Calls a container's verb. Machines have no behaviour; they just change their state. */
async function act(
  context: HandlerContext,
  guest: Guest,
  verb: 'start' | 'shutdown',
  params: Readonly<Record<string, number>> = {},
): Promise<string | undefined> {
  if (guest.type === 'qemu') {
    guest.vm.status = verb === 'start' ? 'running' : 'stopped';
    return undefined;
  }
  const { node, vmid } = guest;
  const key = `POST /nodes/{node}/lxc/{vmid}/status/${verb}`;
  return String(await callHandler(lxcStatusHandlers, key, context, { node, vmid, ...params }));
}

function vmidsOf(context: HandlerContext): number[] {
  return splitList(context.text('vms') ?? '').map(Number);
}

/** The right is needed on each guest named, or on everything. */
function needOnAll(context: HandlerContext, vmids: readonly number[], privilege: string): void {
  if (vmids.length === 0 && !context.has('/', [privilege])) forbidden(`/, ${privilege}`);
  for (const vmid of vmids) context.need(`/vms/${vmid}`, [privilege]);
}

function maxWorkers(context: HandlerContext, fallback: number): number {
  const configured = context.state.options['max_workers'];
  return (
    context.number('max-workers') ??
    context.number('maxworkers') ??
    (configured === undefined ? fallback : Number(configured))
  );
}

async function waitUp(worker: SimWorker, { up }: Ordered): Promise<void> {
  if (up === 0) return;
  worker.log(`Waiting for ${up} seconds (startup delay)`);
  await worker.sleep(up * 1000);
}

function startRound(
  context: HandlerContext,
  worker: SimWorker,
  guests: readonly Ordered[],
  workers: number,
): Round {
  return {
    guests,
    maxWorkers: workers,
    start: async ({ guest }) => {
      worker.log(`Starting ${kindOf(guest)} ${guest.vmid}`);
      return act(context, guest, 'start');
    },
    failed: ({ guest }, text) => worker.warn(`Starting ${kindOf(guest)} ${guest.vmid} failed: ${text}`),
    done: (entry) => waitUp(worker, entry),
  };
}

function stopRound(
  context: HandlerContext,
  worker: SimWorker,
  guests: readonly Ordered[],
  workers: number,
): Round {
  const force = context.flag('force-stop') === false ? 0 : 1;
  return {
    // Backwards: what started last halts first.
    guests: guests.toReversed(),
    maxWorkers: workers,
    start: async ({ guest, down }) => {
      const timeout = down ?? context.number('timeout') ?? 180;
      worker.log(`Stopping ${kindOf(guest)} ${guest.vmid} (timeout = ${timeout} seconds)`);
      return act(context, guest, 'shutdown', { timeout, forceStop: force });
    },
    failed: ({ guest }, text) => worker.warn(`Stopping ${kindOf(guest)} ${guest.vmid} failed: ${text}`),
  };
}

function startAll(context: HandlerContext): string {
  const vmids = vmidsOf(context);
  needOnAll(context, vmids, 'VM.PowerMgmt');
  const node = nodeOf(context).name;
  const all = context.flag('force') === true;
  const workers = maxWorkers(context, 1);
  return context.fork('startall', '', node, async (worker) => {
    const guests = guestsInOrder(context, node, vmids).filter(
      ({ guest }) => !isRunning(guest) && (all || startsAtBoot(guest)),
    );
    await runRound(context, worker, startRound(context, worker, guests, workers));
  });
}

function stopAll(context: HandlerContext): string {
  const vmids = vmidsOf(context);
  needOnAll(context, vmids, 'VM.PowerMgmt');
  const node = nodeOf(context);
  const workers = maxWorkers(context, node.maxCpu);
  return context.fork('stopall', '', node.name, async (worker) => {
    const guests = guestsInOrder(context, node.name, vmids).filter(({ guest }) => isRunning(guest));
    await runRound(context, worker, stopRound(context, worker, guests, workers));
  });
}

/** Only machines can be suspended. */
function suspend(
  context: HandlerContext,
  type: string,
  node: string | undefined,
  vmids: readonly number[],
): string {
  needOnAll(context, vmids, 'VM.PowerMgmt');
  return context.fork(type, '', node ?? localNode(context.state).name, async (worker) => {
    for (const { guest } of guestsInOrder(context, node, vmids).toReversed()) {
      if (guest.type === 'lxc') worker.log(`Skipping CT ${guest.vmid}, only VMs can be suspended`);
      else guest.vm.status = 'stopped';
    }
    await worker.sleep(100);
  });
}

function migrate(
  context: HandlerContext,
  type: string,
  from: string | undefined,
  vmids: readonly number[],
): string {
  needOnAll(context, vmids, 'VM.Migrate');
  const target = context.text('target') ?? '';
  if (target === from) paramError({ target: 'target is local node.' });
  if (!context.state.nodes[target]) paramError({ target: `no such cluster node '${target}'` });
  const workers = maxWorkers(context, 1);
  return context.fork(type, '', from ?? localNode(context.state).name, async (worker) => {
    const guests = guestsInOrder(context, from, vmids).filter(({ guest }) => guest.node !== target);
    const failures = await runRound(context, worker, {
      guests,
      maxWorkers: workers,
      start: async ({ guest }) => {
        worker.log(`Migrating ${kindOf(guest)} ${guest.vmid}`);
        const { node, vmid } = guest;
        if (guest.type === 'qemu') {
          guest.vm.node = target;
          return undefined;
        }
        // Containers cannot move while they run; they are restarted.
        const how = isRunning(guest) ? { restart: 1 } : {};
        const key = 'POST /nodes/{node}/lxc/{vmid}/migrate';
        return String(await callHandler(lxcMigrateHandlers, key, context, { node, vmid, target, ...how }));
      },
      failed: ({ guest }, text) => worker.warn(`Migrating ${kindOf(guest)} ${guest.vmid} failed: ${text}`),
    });
    if (type === 'bulk-migrate') refuseFailures('migrate', failures);
  });
}

function refuseFailures(verb: string, failures: readonly number[]): void {
  if (failures.length > 0) die(`Some guests failed to ${verb}: ${failures.join(', ')}`);
}

function announce(worker: SimWorker, vmids: readonly number[], what: string): void {
  worker.log(vmids.length > 0 ? `${what} guests: ${vmids.join(', ')}` : `${what} all guests`);
}

function bulkStart(context: HandlerContext): string {
  const vmids = vmidsOf(context);
  needOnAll(context, vmids, 'VM.PowerMgmt');
  const workers = maxWorkers(context, 4);
  return context.fork('bulk-start', '', localNode(context.state).name, async (worker) => {
    announce(worker, vmids, 'Starting');
    const guests = guestsInOrder(context, undefined, vmids);
    for (const { guest } of guests)
      if (isRunning(guest)) worker.warn(`Skipping ${kindOf(guest)} ${guest.vmid}, already running.`);
    const stopped = guests.filter(({ guest }) => !isRunning(guest));
    refuseFailures('start', await runRound(context, worker, startRound(context, worker, stopped, workers)));
  });
}

function bulkShutdown(context: HandlerContext): string {
  const vmids = vmidsOf(context);
  needOnAll(context, vmids, 'VM.PowerMgmt');
  const workers = maxWorkers(context, 4);
  return context.fork('bulk-shutdown', '', localNode(context.state).name, async (worker) => {
    announce(worker, vmids, 'Shutting down');
    const guests = guestsInOrder(context, undefined, vmids);
    for (const { guest } of guests)
      if (!isRunning(guest)) worker.warn(`Skipping ${kindOf(guest)} ${guest.vmid}, not running.`);
    const running = guests.filter(({ guest }) => isRunning(guest));
    refuseFailures('shutdown', await runRound(context, worker, stopRound(context, worker, running, workers)));
  });
}

/** Bulk actions of a node. */
export const bulkNodeHandlers: HandlerTable = {
  'POST /nodes/{node}/startall': startAll,
  'POST /nodes/{node}/stopall': stopAll,
  'POST /nodes/{node}/suspendall': (context) =>
    suspend(context, 'suspendall', nodeOf(context).name, vmidsOf(context)),
  'POST /nodes/{node}/migrateall': (context) =>
    migrate(context, 'migrateall', nodeOf(context).name, vmidsOf(context)),
};

/** Bulk actions of the cluster. */
export const bulkGuestHandlers: HandlerTable = {
  'POST /cluster/bulk-action/guest/start': bulkStart,
  'POST /cluster/bulk-action/guest/shutdown': bulkShutdown,
  'POST /cluster/bulk-action/guest/suspend': (context) =>
    suspend(context, 'bulk-suspend', undefined, vmidsOf(context)),
  'POST /cluster/bulk-action/guest/migrate': (context) =>
    migrate(context, 'bulk-migrate', undefined, vmidsOf(context)),
};

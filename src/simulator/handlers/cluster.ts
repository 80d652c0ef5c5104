/** The cluster as a whole: version, resources, next id, options, status, tasks, log (contract lxc-endpoints §J). */
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { allowedTags, decodeOption, nextIdRange, shownOptions } from '../model/cluster-options.ts';
import { splitList } from '../model/datacenter.ts';
import { localNode } from '../model/nodes.ts';
import {
  allGuests,
  guestOf,
  guestRow,
  liveGuestKeys,
  nodeRow,
  refreshBroadcast,
  storageResource,
} from '../model/resources.ts';
import { isEnabled } from '../model/storage-config.ts';
import { bulkGuestHandlers } from './bulk.ts';
import { directory } from './directory.ts';
import { owns, splitOwner } from './tasks.ts';

/** Finished tasks per node that the nodes tell each other. */
const sharedTasks = 25;

const index = [
  'acme',
  'backup',
  'backup-info',
  'bulk-action',
  'ceph',
  'config',
  'firewall',
  'ha',
  'jobs',
  'log',
  'mapping',
  'metrics',
  'notifications',
  'nextid',
  'options',
  'qemu',
  'replication',
  'resources',
  'status',
  'tasks',
  'sdn',
];

function poolRows(context: HandlerContext): unknown[] {
  return Object.keys(context.state.pools)
    .filter((pool) => context.has(`/pool/${pool}`, ['Pool.Audit', 'Pool.Allocate'], { any: true }))
    .map((pool) => ({ id: `/pool/${pool}`, pool, type: 'pool' }));
}

function guestRows(context: HandlerContext): unknown[] {
  const { state } = context;
  return allGuests(state)
    .filter((guest) => context.has(`/vms/${guest.vmid}`, ['VM.Audit']))
    .map((guest) => ({ ...guestRow(state, guest), ...liveGuestKeys(state, guest) }));
}

function nodeRows(context: HandlerContext): unknown[] {
  const { state } = context;
  return Object.values(state.nodes).map((node) => ({
    ...nodeRow(state, node, context.clock.now(), context.has(`/nodes/${node.name}`, ['Sys.Audit'])),
    'cgroup-mode': 1,
  }));
}

function storageRows(context: HandlerContext): unknown[] {
  const { state } = context;
  return Object.values(state.storages)
    .filter((entry) => context.has(`/storage/${entry.storage}`, ['Datastore.Audit']))
    .flatMap((entry) =>
      Object.keys(state.nodes)
        .filter((node) => isEnabled(entry, node))
        .map((node) => storageResource(state, entry, node)),
    );
}

/** Plain bridges live in one zone that every node has. */
function networkRows(context: HandlerContext): unknown[] {
  if (!context.has('/sdn/zones/localnetwork', ['SDN.Audit'])) return [];
  return Object.values(context.state.nodes)
    .filter((node) => node.status === 'online')
    .map((node) => ({
      id: `network/${node.name}/zone/localnetwork`,
      type: 'network',
      network: 'localnetwork',
      'network-type': 'zone',
      node: node.name,
      status: 'ok',
    }));
}

/** Kinds of rows by the value of `type` that asks for them; pools are shown only among all. */
const kinds: readonly (readonly [type: string, rows: (context: HandlerContext) => unknown[]])[] = [
  ['pool', poolRows],
  ['vm', guestRows],
  ['node', nodeRows],
  ['storage', storageRows],
  ['sdn', networkRows],
];

function resources(context: HandlerContext): unknown {
  refreshBroadcast(context.state, context.clock.now());
  const wanted = context.text('type');
  return kinds
    .filter(([type]) => wanted === undefined || wanted === type)
    .flatMap(([, rows]) => rows(context));
}

function nextId(context: HandlerContext): string {
  const { state } = context;
  const vmid = context.text('vmid');
  if (vmid !== undefined) {
    if (guestOf(state, Number(vmid))) paramError({ vmid: `VM ${vmid} already exists` });
    return vmid;
  }
  const { lower, upper } = nextIdRange(state);
  for (let id = lower; id < upper; id++) if (!guestOf(state, id)) return String(id);
  return die(`unable to get any free VMID in range [${lower}, ${upper}]`);
}

function status(context: HandlerContext): unknown {
  const { state } = context;
  const local = localNode(state);
  const nodes = Object.values(state.nodes).map((node) => ({
    type: 'node',
    id: `node/${node.name}`,
    name: node.name,
    ip: node.ip,
    local: node === local ? 1 : 0,
    online: node.status === 'online' ? 1 : 0,
    nodeid: state.clusterName === null ? 0 : node.nodeid,
    level: '',
  }));
  if (state.clusterName === null) return nodes;
  return [
    {
      type: 'cluster',
      id: 'cluster',
      name: state.clusterName,
      nodes: nodes.length,
      quorate: state.quorate ? 1 : 0,
      version: nodes.length,
    },
    ...nodes,
  ];
}

function tasks(context: HandlerContext): unknown {
  const { state } = context;
  const all = context.has('/', ['Sys.Audit']);
  const newest = Object.values(state.tasks).toReversed();
  return Object.keys(state.nodes)
    .flatMap((node) => {
      const own = newest.filter((task) => task.node === node);
      const finished = own
        .filter((task) => task.status === 'stopped')
        .toSorted((a, b) => (b.endtime ?? 0) - (a.endtime ?? 0));
      return [...own.filter((task) => task.status === 'running'), ...finished.slice(0, sharedTasks)];
    })
    .filter((task) => all || owns(context, task.user))
    .map(({ upid, node, starttime, type, id, user, ...task }) => ({
      upid,
      node,
      starttime,
      type,
      id,
      ...splitOwner(user),
      ...(task.status === 'running'
        ? { saved: '0' }
        : { saved: '1', endtime: task.endtime, status: task.exitstatus }),
    }));
}

/** Options that everybody may see. */
const publicOptions = ['console', 'tag-style', 'consent-text'];

function readOptions(context: HandlerContext): unknown {
  const { state } = context;
  const options = shownOptions(state);
  const shown = context.has('/', ['Sys.Audit'])
    ? options
    : Object.fromEntries(Object.entries(options).filter(([key]) => publicOptions.includes(key)));
  const tags = allowedTags(state, context.has('/', ['Sys.Modify']), (vmid) =>
    context.has(`/vms/${vmid}`, ['VM.Audit']),
  );
  return { ...shown, 'allowed-tags': tags };
}

async function changeOptions(context: HandlerContext): Promise<null> {
  const { state, operation, params } = context;
  await context.withLock('file-datacenter_cfg', 10_000, () => {
    for (const key of Object.keys(params)) {
      const text = key === 'delete' ? undefined : context.text(key);
      if (text !== undefined) state.options[key] = decodeOption(operation, key, text);
    }
    for (const key of splitList(context.text('delete') ?? '')) delete state.options[key];
  });
  return null;
}

/** The log of the cluster: what the daemons say of tasks, newest first. */
function log(context: HandlerContext): unknown {
  const all = context.has('/', ['Sys.Syslog']);
  const entries = Object.values(context.state.tasks)
    .filter((task) => all || owns(context, task.user))
    .flatMap((task) => {
      const { starttime, endtime = starttime, exitstatus = '' } = task;
      const begin = { task, time: starttime, pri: 6, msg: `starting task ${task.upid}` };
      if (task.status === 'running') return [begin];
      const pri = /^(OK|WARNINGS: \d+)$/.test(exitstatus) ? 6 : 3;
      return [begin, { task, time: endtime, pri, msg: `end task ${task.upid} ${exitstatus}` }];
    })
    .toSorted((a, b) => a.time - b.time);
  return entries
    .map(({ task, time, pri, msg }, position) => ({
      uid: String(position + 1),
      id: `${position + 1}:${task.node}`,
      time,
      node: task.node,
      pid: task.pid,
      pri,
      tag: 'pvedaemon',
      user: task.user,
      msg,
    }))
    .toReversed()
    .slice(0, context.number('max') ?? 50);
}

export const clusterHandlers: HandlerTable = {
  'GET /version': (context) => ({ ...context.state.version }),
  'GET /cluster': () => index.map((name) => ({ name })),
  'GET /cluster/resources': resources,
  'GET /cluster/nextid': nextId,
  'GET /cluster/status': status,
  'GET /cluster/tasks': tasks,
  'GET /cluster/options': readOptions,
  'PUT /cluster/options': changeOptions,
  'GET /cluster/log': log,
  'GET /cluster/bulk-action': directory('/cluster/bulk-action'),
  'GET /cluster/bulk-action/guest': directory('/cluster/bulk-action/guest'),
  ...bulkGuestHandlers,
};

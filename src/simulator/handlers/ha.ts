/**
 * High availability as far as containers see it: resources, groups and what the manager says. What a requested state does
 * to a container is the business of the container's handlers; the manager here is always up to date.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import { die, type HandlerContext, type HandlerTable, SimError } from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { removeFromRules } from '../model/ha-rules.ts';
import { localNode } from '../model/nodes.ts';
import { guestOf } from '../model/resources.ts';
import type { SimState } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { withParams } from './call-handler.ts';
import { directory } from './directory.ts';
import { actOnHaState } from './lxc-ha.ts';

type Entry = Record<string, unknown>;

const digestOf = (entries: Readonly<Record<string, Entry>>): string =>
  createHash('sha1').update(canonicalJson(entries)).digest('hex');

/** Turns `100` or `ct:100` into the full id. */
export function serviceId(state: SimState, text: string): { sid: string; type: string; vmid: number } {
  const match = /^(?:(ct|vm):)?(\d+)$/.exec(text) ?? die(`unable to parse service id '${text}'`);
  const vmid = Number(match[2]);
  const found = guestOf(state, vmid);
  const type =
    match[1] ?? (found?.type === 'qemu' ? 'vm' : found ? 'ct' : die(`unable to get VMID '${text}'`));
  return { sid: `${type}:${vmid}`, type, vmid };
}

function changing<T>(context: HandlerContext, what: string, change: () => T): Promise<T> {
  return context.withLock('domain-ha', 10_000, () => {
    try {
      return change();
    } catch (error) {
      if (error instanceof SimError && error.status === 500) die(`${what}: ${error.message}`);
      throw error;
    }
  });
}

/** Settings of a resource; numbers are kept as numbers, as the config file's parser gives them. */
const settings = ['state', 'group', 'comment', 'max_restart', 'max_relocate', 'failback', 'auto-rebalance'];
const numeric = new Set(['max_restart', 'max_relocate', 'failback', 'auto-rebalance']);

function given(context: HandlerContext): Entry {
  const entries = settings.flatMap((key): [string, unknown][] => {
    const value = context.text(key);
    return value === undefined ? [] : [[key, numeric.has(key) ? Number(value) : value]];
  });
  const entry = Object.fromEntries(entries);
  if (entry['state'] === 'enabled') entry['state'] = 'started';
  return entry;
}

/** Groups became rules with Proxmox VE 9. */
function refuseGroup(entry: Entry): void {
  if (entry['group'] !== undefined) die("invalid parameter 'group': ha groups have been migrated to rules");
}

function resourceRow(state: SimState, sid: string, entry: Entry): Entry {
  return { ...entry, sid, type: sid.slice(0, 2), digest: digestOf(state.haResources) };
}

function listResources(context: HandlerContext): unknown {
  const { state } = context;
  const type = context.text('type');
  return Object.entries(state.haResources)
    .filter(([sid]) => type === undefined || sid.startsWith(`${type}:`))
    .map(([sid, entry]) => resourceRow(state, sid, entry));
}

function readResource(context: HandlerContext): unknown {
  const { state } = context;
  const { sid } = serviceId(state, context.text('sid') ?? '');
  return resourceRow(state, sid, state.haResources[sid] ?? die(`no such resource '${sid}'`));
}

async function createResource(context: HandlerContext): Promise<null> {
  const { state } = context;
  if (!state.quorate) die('cluster not ready - no quorum?');
  const { sid, type, vmid } = serviceId(state, context.text('sid') ?? '');
  const wanted = context.text('type');
  if (wanted !== undefined && wanted !== type) die('types does not match');
  if (!guestOf(state, vmid)) die(`resource '${sid}' does not exist in cluster`);
  const entry = given(context);
  refuseGroup(entry);
  await changing(context, 'create resource failed', () => {
    if (state.haResources[sid]) die(`resource ID '${sid}' already defined`);
    state.haResources[sid] = entry;
  });
  haManagerActs(context, sid);
  return null;
}

async function updateResource(context: HandlerContext): Promise<null> {
  const { state } = context;
  const { sid, type } = serviceId(state, context.text('sid') ?? '');
  const wanted = context.text('type');
  if (wanted !== undefined && wanted !== type) die('types does not match');
  const entry = given(context);
  refuseGroup(entry);
  const digest = context.text('digest');
  await changing(context, 'update resource failed', () => {
    if (digest !== undefined && digest !== digestOf(state.haResources))
      die('detected modified configuration - file changed by other user? Try again.');
    const known = state.haResources[sid] ?? die(`no such resource '${sid}'`);
    Object.assign(known, entry);
    for (const key of splitList(context.text('delete') ?? '')) {
      if (!settings.includes(key)) die(`no such option '${key}'`);
      delete known[key];
    }
  });
  haManagerActs(context, sid);
  return null;
}

async function deleteResource(context: HandlerContext): Promise<null> {
  const { state } = context;
  const { sid } = serviceId(state, context.text('sid') ?? '');
  if (!state.haResources[sid]) die(`cannot delete service '${sid}', not HA managed!`);
  await changing(context, 'delete resource failed', () => {
    delete state.haResources[sid];
    if (context.flag('purge') ?? true) removeFromRules(state, sid);
  });
  return null;
}

/** The manager acts in its next round, with its own view of where the container is. */
function haManagerActs(context: HandlerContext, sid: string): void {
  const vmid = Number(sid.slice(3));
  const node = guestOf(context.state, vmid)?.node;
  if (node === undefined || !sid.startsWith('ct:')) return;
  const there = withParams(context, { node, vmid });
  void context.clock.sleep(durations.haCycle).then(() => actOnHaState(there, vmid, node));
}

/** State of a service as the manager sees it: what was asked for, or what the guest still is. */
export function serviceState(state: SimState, sid: string, entry: Entry): string {
  const wanted = entry['state'] ?? 'started';
  const guest = guestOf(state, Number(sid.slice(3)));
  const running = guest?.type === 'lxc' ? guest.container.runtime !== null : guest?.vm.status === 'running';
  if (wanted === 'ignored') return 'ignored';
  if (wanted === 'started') return running ? 'started' : 'starting';
  return running ? 'stopping' : wanted === 'disabled' ? 'disabled' : 'stopped';
}

function managerRows(context: HandlerContext): unknown[] {
  const { state } = context;
  const seconds = context.seconds();
  const when = new Date(seconds * 1000).toUTCString();
  const busy = Object.keys(state.haResources).length > 0;
  const local = localNode(state).name;
  if (state.clusterName === null && !busy)
    return [
      {
        id: 'fencing',
        type: 'fencing',
        node: local,
        status: 'standby (CRM watchdog standby)',
        'armed-state': 'standby',
      },
    ];
  return [
    {
      id: 'master',
      type: 'master',
      node: local,
      status: `${local} (${busy ? 'active' : 'idle'}, ${when})`,
      timestamp: seconds,
    },
    ...Object.values(state.nodes).map((node) => ({
      id: `lrm:${node.name}`,
      type: 'lrm',
      node: node.name,
      status: `${node.name} (${node.status === 'online' ? (busy ? 'active' : 'idle') : 'old timestamp - dead?'}, ${when})`,
      timestamp: seconds,
    })),
  ];
}

function current(context: HandlerContext): unknown {
  const { state } = context;
  const local = localNode(state).name;
  return [
    {
      id: 'quorum',
      type: 'quorum',
      node: local,
      status: state.quorate ? 'OK' : `No quorum on node '${local}'!`,
      quorate: state.quorate ? 1 : 0,
    },
    ...managerRows(context),
    ...Object.entries(state.haResources).map(([sid, entry]) => {
      const node = guestOf(state, Number(sid.slice(3)))?.node ?? '---';
      const seen = serviceState(state, sid, entry);
      return {
        max_restart: 1,
        max_relocate: 1,
        failback: 1,
        ...entry,
        id: `service:${sid}`,
        type: 'service',
        sid,
        node,
        state: seen,
        crm_state: entry['state'] ?? 'started',
        request_state: entry['state'] ?? 'started',
        status: `${sid} (${node}, ${seen})`,
      };
    }),
  ];
}

function noGroups(): never {
  return die('ha groups have been migrated to rules');
}

export const haHandlers: HandlerTable = {
  'GET /cluster/ha': directory('/cluster/ha'),
  'GET /cluster/ha/status': directory('/cluster/ha/status'),
  'GET /cluster/ha/resources': listResources,
  'POST /cluster/ha/resources': createResource,
  'GET /cluster/ha/resources/{sid}': readResource,
  'PUT /cluster/ha/resources/{sid}': updateResource,
  'DELETE /cluster/ha/resources/{sid}': deleteResource,
  'GET /cluster/ha/status/current': current,
  'GET /cluster/ha/groups': () => [],
  'POST /cluster/ha/groups': noGroups,
  'GET /cluster/ha/groups/{group}': noGroups,
  'PUT /cluster/ha/groups/{group}': noGroups,
  'DELETE /cluster/ha/groups/{group}': noGroups,
};

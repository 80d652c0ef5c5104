/** Replication jobs of the cluster and their state on the nodes (pve-manager API2/ReplicationConfig.pm, Replication.pm). */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { nodeOf } from '../model/nodes.ts';
import {
  catchUp,
  jobParts,
  jobsOfGuest,
  nextSync,
  removeLater,
  replicationJobs,
  runJob,
} from '../model/replication.ts';
import { guestOf } from '../model/resources.ts';
import type { SimReplicationJob, SimState } from '../model/state.ts';
import { checkQuorum } from './lxc-common.ts';

const texts = ['target', 'schedule', 'comment', 'source', 'remove_job'];
const numbers = ['rate', 'disable'];

const digestOf = (state: SimState): string =>
  createHash('sha1')
    .update(canonicalJson(replicationJobs(state)))
    .digest('hex');

function given(context: HandlerContext): Record<string, string | number> {
  const result: Record<string, string | number> = {};
  for (const key of texts) {
    const value = context.text(key);
    if (value !== undefined) result[key] = value;
  }
  for (const key of numbers) {
    const value = context.number(key);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

/** Finds a job; whoever may not see the guest is refused. */
function needJob(context: HandlerContext, privilege = 'VM.Audit'): { id: string; job: SimReplicationJob } {
  catchUp(context.state, context.seconds());
  const id = context.text('id') ?? '';
  const job = replicationJobs(context.state)[id] ?? die(`no such replication job '${id}'`);
  context.need(`/vms/${jobParts(id).guest}`, [privilege]);
  return { id, job };
}

function row(id: string, job: SimReplicationJob): Record<string, unknown> {
  return { ...job.settings, ...jobParts(id), id, type: 'local' };
}

function visible(context: HandlerContext): [id: string, job: SimReplicationJob][] {
  catchUp(context.state, context.seconds());
  return Object.entries(replicationJobs(context.state)).filter(([id]) =>
    context.has(`/vms/${jobParts(id).guest}`, ['VM.Audit']),
  );
}

function create(context: HandlerContext): null {
  const { state } = context;
  const id = context.text('id') ?? '';
  const { guest } = jobParts(id);
  context.need(`/vms/${guest}`, ['VM.Replicate']);
  checkQuorum(context);
  const found = guestOf(state, guest) ?? die(`no such guest '${guest}'`);
  const settings = given(context);
  const target = String(settings['target']);
  if (!Object.hasOwn(state.nodes, target)) die(`no such cluster node '${target}'`);
  if (found.node === target) die(`guest '${guest}' is already on node '${target}'`);
  const jobs = replicationJobs(state);
  if (jobs[id]) die(`replication job '${id}' already exists`);
  const twin = jobsOfGuest(state, guest).find((other) => jobs[other]?.settings['target'] === target);
  if (twin !== undefined) die(`replication job for guest '${guest}' to target '${target}' already exists`);
  jobs[id] = { settings, createdAt: context.seconds(), failCount: 0, log: [] };
  return null;
}

function update(context: HandlerContext): null {
  const { state } = context;
  const { job } = needJob(context, 'VM.Replicate');
  const digest = context.text('digest');
  if (digest !== undefined && digest !== digestOf(state))
    die('detected modified configuration - file changed by other user? Try again.');
  const changed = { ...job.settings, ...given(context) };
  for (const key of splitList(context.text('delete') ?? '')) {
    if (key === 'target') die("unable to delete required option 'target'");
    delete changed[key];
  }
  job.settings = changed;
  return null;
}

function remove(context: HandlerContext): null {
  const { id, job } = needJob(context, 'VM.Replicate');
  if (context.flag('force')) delete replicationJobs(context.state)[id];
  else removeLater(job, context.flag('keep') ?? false, context.seconds());
  return null;
}

// ---- on the nodes ----

function statusRow(context: HandlerContext, id: string, job: SimReplicationJob): Record<string, unknown> {
  const { lastTry, lastSync, duration, failCount, error } = job;
  const guest = guestOf(context.state, jobParts(id).guest);
  return {
    ...row(id, job),
    source: guest?.node,
    vmtype: guest?.type,
    last_try: lastTry ?? 0,
    last_sync: lastSync ?? 0,
    fail_count: failCount,
    next_sync: nextSync(job, context.seconds()),
    ...(duration === undefined ? {} : { duration }),
    ...(error === undefined ? {} : { error }),
  };
}

/** Jobs are run by the node that the guest is on, and only that one knows of them. */
function isHere(context: HandlerContext, id: string): boolean {
  return guestOf(context.state, jobParts(id).guest)?.node === nodeOf(context).name;
}

function needJobHere(context: HandlerContext, privilege?: string): { id: string; job: SimReplicationJob } {
  const found = needJob(context, privilege);
  return isHere(context, found.id) ? found : die(`no such replication job '${found.id}'`);
}

function listStatus(context: HandlerContext): unknown {
  const guest = context.number('guest');
  return visible(context)
    .filter(([id]) => isHere(context, id) && (guest === undefined || jobParts(id).guest === guest))
    .map(([id, job]) => statusRow(context, id, job));
}

function readLog(context: HandlerContext): unknown {
  const { job } = needJobHere(context);
  const start = context.number('start') ?? 0;
  const limit = context.number('limit') ?? 50;
  const rows = job.log.map((t, index) => ({ n: index + 1, t }));
  context.extra('total', rows.length);
  return rows.slice(start, limit === 0 ? undefined : start + limit);
}

export const replicationHandlers: HandlerTable = {
  'GET /cluster/replication': (context) => visible(context).map(([id, job]) => row(id, job)),
  'POST /cluster/replication': create,
  'GET /cluster/replication/{id}': (context) => {
    const { id, job } = needJob(context);
    return { ...row(id, job), digest: digestOf(context.state) };
  },
  'PUT /cluster/replication/{id}': update,
  'DELETE /cluster/replication/{id}': remove,
  'GET /nodes/{node}/replication': listStatus,
  'GET /nodes/{node}/replication/{id}': () => ['schedule_now', 'log', 'status'].map((name) => ({ name })),
  'GET /nodes/{node}/replication/{id}/status': (context) => {
    const { id, job } = needJobHere(context);
    return statusRow(context, id, job);
  },
  'GET /nodes/{node}/replication/{id}/log': readLog,
  'POST /nodes/{node}/replication/{id}/schedule_now': (context) => {
    const { id, job } = needJobHere(context, 'VM.Replicate');
    runJob(context.state, id, job, context.seconds());
    return null;
  },
};

/**
 * Replication jobs: keeping copies of a guest's volumes on another node (PVE::ReplicationConfig, PVE::Replication). The
 * copies themselves take no room here; what is kept is whether and when a job ran. Jobs run when somebody looks: what was
 * due by then has happened.
 */
import { SimError } from '../context.ts';
import { mountsOf } from './lxc-config.ts';
import { newVolume, parseMount } from './property-values.ts';
import type { SimContainer, SimReplicationJob, SimState } from './state.ts';
import { isEnabled } from './storage-config.ts';
import { parseVolumeId } from './volume-names.ts';

const minuteSeconds = 60;
const defaultMinutes = 15;
/** How long a job takes that has something to send. */
const syncSeconds = 3.2;
/** A job that is to be removed goes with the next round of the scheduler. */
const removalSeconds = 60;

/**
 * The jobs, to be changed in place.
 *
 * @returns jobs by id.
 */
export function replicationJobs(state: SimState): Record<string, SimReplicationJob> {
  state.replication ??= {};
  return state.replication;
}

/** Guest and number of a job's id, `100-0`. */
export function jobParts(id: string): { guest: number; jobnum: number } {
  const [guest, jobnum] = id.split('-');
  return { guest: Number(guest), jobnum: Number(jobnum) };
}

/**
 * Ids of a guest's jobs.
 *
 * @param vmid - the guest.
 */
export function jobsOfGuest(state: SimState, vmid: number): string[] {
  return Object.keys(state.replication ?? {}).filter((id) => jobParts(id).guest === vmid);
}

/** ZFS alone sends what has changed since the last time. */
function canReplicate(state: SimState, storage: string): boolean {
  return state.storages[storage]?.type === 'zfspool';
}

/**
 * Refuses volumes that cannot be replicated for a container that is.
 *
 * @param set - config keys that a change sets.
 * @throws SimError 500.
 */
export function checkReplicatable(
  state: SimState,
  vmid: number,
  set: Readonly<Record<string, string>>,
): void {
  if (jobsOfGuest(state, vmid).length === 0) return;
  for (const [key, text] of Object.entries(set)) {
    if (key !== 'rootfs' && !/^mp\d+$/.test(key)) continue;
    const mount = parseMount(key, text);
    if (mount.kind !== 'volume' || mount.options['replicate'] === '0') continue;
    const storage = newVolume(mount.volume)?.storage ?? parseVolumeId(mount.volume)?.storage ?? '';
    if (!canReplicate(state, storage) && state.storages[storage]?.shared !== true)
      throw new SimError(500, 'cannot add non-replicatable volume to a replicated VM');
  }
}

/** Why the volumes of a container cannot be sent, if so. */
function obstacle(state: SimState, container: SimContainer, target: string): string | undefined {
  if (state.nodes[target]?.status !== 'online') return `unable to reach node '${target}'`;
  for (const [, mount] of mountsOf(container.config)) {
    if (mount.kind !== 'volume' || mount.options['replicate'] === '0') continue;
    const storage = parseVolumeId(mount.volume)?.storage ?? '';
    const entry = state.storages[storage];
    if (entry?.shared) continue;
    if (!entry || !canReplicate(state, storage))
      return `missing replicate feature on volume '${mount.volume}'`;
    if (!isEnabled(entry, target)) return `storage '${storage}' is not available on node '${target}'`;
  }
  return undefined;
}

/** Seconds between two runs. `*` + `/N` minutes are understood; any other calendar counts as the default. */
function periodSeconds(job: SimReplicationJob): number {
  const match = /^\*\/(\d+)$/.exec(String(job.settings['schedule'] ?? ''));
  return Math.max(1, Number(match?.[1] ?? defaultMinutes)) * minuteSeconds;
}

/**
 * When a job runs next.
 *
 * @param nowSeconds - seconds since the epoch.
 * @returns seconds since the epoch.
 */
export function nextSync(job: SimReplicationJob, nowSeconds: number): number {
  const period = periodSeconds(job);
  return (Math.floor(Math.max(nowSeconds, job.lastTry ?? 0) / period) + 1) * period;
}

/**
 * Runs a job.
 *
 * @param at - when, seconds since the epoch.
 */
export function runJob(state: SimState, id: string, job: SimReplicationJob, at: number): void {
  const container = state.containers[jobParts(id).guest];
  const time = new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const volids = mountsOf(container?.config ?? {}).flatMap(([, { kind, volume }]) =>
    kind === 'volume' ? [volume] : [],
  );
  job.log = [`${time} ${id}: start replication job`, `${time} ${id}: volumes => ${volids.join(',')}`];
  job.lastTry = at;
  const reason = container ? obstacle(state, container, String(job.settings['target'])) : undefined;
  if (reason === undefined) {
    job.lastSync = at;
    job.duration = syncSeconds;
    job.failCount = 0;
    delete job.error;
    job.log.push(`${time} ${id}: end replication job`);
  } else {
    job.failCount += 1;
    job.error = reason;
    job.log.push(`${time} ${id}: end replication job with error: ${reason}`);
  }
}

/**
 * Lets everything happen that was due: jobs run, jobs that were to be removed go.
 *
 * @param nowSeconds - seconds since the epoch.
 */
export function catchUp(state: SimState, nowSeconds: number): void {
  const jobs = replicationJobs(state);
  for (const [id, job] of Object.entries(jobs)) {
    const period = periodSeconds(job);
    const due = Math.floor(nowSeconds / period) * period;
    if (job.removeAt !== undefined && nowSeconds >= job.removeAt) delete jobs[id];
    else if (job.settings['disable'] !== 1 && due > Math.max(job.lastTry ?? 0, job.createdAt))
      runJob(state, id, job, due);
  }
}

/** Marks a job for removal by the scheduler. */
export function removeLater(job: SimReplicationJob, keep: boolean, nowSeconds: number): void {
  job.settings['remove_job'] = keep ? 'local' : 'full';
  job.removeAt = nowSeconds + removalSeconds;
}

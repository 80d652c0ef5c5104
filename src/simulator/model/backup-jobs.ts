/** Scheduled backup jobs of the cluster, kept in `state.backupJobs`. */
import { splitList } from './datacenter.ts';
import type { SimState } from './state.ts';

/** Settings of a job as they were sent; numbers where the API has integers and booleans. */
export type BackupJobSettings = Record<string, string | number>;

/**
 * The jobs, to be changed in place.
 *
 * @param state - cluster.
 * @returns settings by job id.
 */
export function backupJobs(state: SimState): Record<string, BackupJobSettings> {
  state.backupJobs ??= {};
  return state.backupJobs;
}

/**
 * Takes a guest out of all jobs that name it, as a purging destroy does. A job without guests goes too.
 *
 * @param state - cluster.
 * @param vmid - guest id.
 */
export function removeFromBackupJobs(state: SimState, vmid: number): void {
  const jobs = backupJobs(state);
  for (const [id, job] of Object.entries(jobs))
    for (const key of ['vmid', 'exclude']) {
      const named = splitList(String(job[key] ?? ''));
      if (!named.includes(String(vmid))) continue;
      const left = named.filter((other) => other !== String(vmid));
      if (left.length > 0) job[key] = left.join(',');
      else if (key === 'exclude') delete job[key];
      else delete jobs[id];
    }
}

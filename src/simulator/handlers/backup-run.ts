/**
 * What a vzdump task does, guest after guest, and what it logs (PVE::VZDump, PVE::VZDump::LXC; transcripts misc2.txt).
 * No handler itself.
 */
import { messageOf } from '../../util/errors.ts';
import { die, type HandlerContext, SimError, type SimWorker } from '../context.ts';
import { guestName } from '../model/guest-status.ts';
import { keptBackups, pruneRules } from '../model/prune.ts';
import type { SimContainer, SimStorage, SimVolume } from '../model/state.ts';
import { hasVolumeFeature } from '../model/volume-operations.ts';
import { freeVolume, listVolumes, usableStorage } from '../model/volumes.ts';
import {
  addAttributes,
  type BackupJob,
  logMounts,
  savedMounts,
  timeParts,
  writeArchive,
} from './backup-archive.ts';
import { checkLock, lockConfig, writeConfig } from './lxc-common.ts';
import { bootContainer, haltContainer } from './lxc-runtime.ts';

const twoDigits = (value: number): string => String(value).padStart(2, '0');

function longTime(ms: number): string {
  const { date, clock } = timeParts(ms);
  return `${date.join('-')} ${clock.join(':')}`;
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
}

/** The storage, or the reason why it cannot take backups. */
function targetStorage(context: HandlerContext, job: BackupJob): SimStorage {
  try {
    const storage = usableStorage(context.state, job.storage, job.node);
    if (!storage.content.includes('backup'))
      die(`can't use storage '${job.storage}' for backups - wrong content type`);
    if (storage.type === 'pbs') die('the simulator does not write to Proxmox Backup Servers');
    return storage;
  } catch (error) {
    if (!(error instanceof SimError)) throw error;
    return die(`could not get storage information for '${job.storage}': ${error.message}`);
  }
}

/** Parameters as the job's first line shows them. */
function commandLine(context: HandlerContext, job: BackupJob): string {
  const shown = ['storage', 'mode', 'compress', 'notes-template', 'protected', 'remove', 'prune-backups'];
  const options = shown.flatMap((key) => {
    const value = context.text(key);
    return value === undefined ? [] : [`--${key} ${/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value}'`}`];
  });
  return ['vzdump', ...job.guests, ...options].join(' ');
}

/**
 * Runs a vzdump job.
 *
 * @param worker - its task.
 * @param job - what to save, and where to.
 * @throws SimError 500 `job errors` when a guest could not be saved.
 */
export async function backupGuests(
  context: HandlerContext,
  worker: SimWorker,
  job: BackupJob,
): Promise<void> {
  const storage = targetStorage(context, job);
  const lockMs = (context.number('lockwait') ?? 180) * 60_000;
  await context.withLock('/var/run/vzdump.lock', lockMs, () => runJob(context, worker, job, storage), {
    onWait: () => worker.log('INFO: trying to get global lock - waiting...'),
    node: job.node,
    signal: worker.signal,
  });
}

async function runJob(
  context: HandlerContext,
  worker: SimWorker,
  job: BackupJob,
  storage: SimStorage,
): Promise<void> {
  worker.log(`INFO: starting new backup job: ${commandLine(context, job)}`);
  let failures = 0;
  for (const vmid of job.guests) {
    if (!context.has(`/vms/${vmid}`, ['VM.Backup'])) {
      if (!job.explicit) continue;
      context.need(`/vms/${vmid}`, ['VM.Backup']);
    }
    const began = context.clock.now();
    try {
      await backupGuest(context, worker, job, storage, vmid);
      worker.log(`INFO: Finished Backup of VM ${vmid} (${duration(context.clock.now() - began)})`);
      worker.log(`INFO: Backup finished at ${longTime(context.clock.now())}`);
    } catch (error) {
      if (worker.signal.aborted) throw error;
      failures += 1;
      worker.log(`ERROR: Backup of VM ${vmid} failed - ${messageOf(error)}`);
      worker.log(`INFO: Failed at ${longTime(context.clock.now())}`);
    }
  }
  worker.log(`INFO: Backup job finished ${failures === 0 ? 'successfully' : 'with errors'}`);
  if (failures > 0) die('job errors');
}

/** How a container is kept still: running ones on storages without snapshots are suspended instead. */
function usedMode(context: HandlerContext, worker: SimWorker, container: SimContainer): string {
  const wanted = context.text('mode') ?? 'snapshot';
  if (!container.runtime) return 'stop';
  if (wanted !== 'snapshot') return wanted;
  const canSnapshot = savedMounts(container).every(({ volid }) =>
    hasVolumeFeature(context.state, 'snapshot', volid),
  );
  if (canSnapshot) return wanted;
  worker.log('INFO: mode failure - some volumes do not support snapshots');
  worker.log("INFO: trying 'suspend' mode instead");
  return 'suspend';
}

async function backupGuest(
  context: HandlerContext,
  worker: SimWorker,
  job: BackupJob,
  storage: SimStorage,
  vmid: number,
): Promise<void> {
  const container = context.state.containers[vmid] ?? die(`unable to find VM '${vmid}'`);
  const began = context.clock.now();
  worker.log(`INFO: Starting Backup of VM ${vmid} (lxc)`);
  worker.log(`INFO: Backup started at ${longTime(began)}`);
  worker.log(`INFO: status = ${container.runtime ? 'running' : 'stopped'}`);
  const mode = usedMode(context, worker, container);
  worker.log(`INFO: backup mode: ${mode}`);
  worker.log('INFO: ionice priority: 7');
  worker.log(`INFO: CT Name: ${guestName(container)}`);
  logMounts(worker, container);
  await lockConfig(
    context,
    vmid,
    () => {
      checkLock(container);
      writeConfig(container, { lock: 'backup' });
    },
    { worker },
  );
  try {
    const wasRunning = container.runtime !== null;
    if (mode === 'stop' && wasRunning) await halt(context, worker, container);
    if (mode === 'suspend') worker.log('INFO: suspend vm');
    if (mode === 'snapshot') worker.log("INFO: create storage snapshot 'vzdump'");
    const volume = await writeArchive(context, worker, job, storage, container, began);
    if (mode === 'suspend') worker.log('INFO: resume vm');
    if (mode === 'snapshot') worker.log("INFO: cleanup temporary 'vzdump' snapshot");
    if (mode === 'stop' && wasRunning) await restart(context, worker, container);
    addAttributes(context, worker, container, volume);
    prune(context, worker, job, storage, container, volume);
  } finally {
    if (context.state.containers[vmid] === container) writeConfig(container, { lock: undefined });
  }
}

async function halt(context: HandlerContext, worker: SimWorker, container: SimContainer): Promise<void> {
  worker.log('INFO: stopping vm');
  const timeoutMs = (context.number('stopwait') ?? 10) * 60_000;
  await lockConfig(context, container.vmid, () =>
    haltContainer(context, worker, container, { timeoutMs, kill: true }),
  );
}

async function restart(context: HandlerContext, worker: SimWorker, container: SimContainer): Promise<void> {
  worker.log('INFO: restarting vm');
  await lockConfig(context, container.vmid, () => bootContainer(context, worker, container));
}

/** Removes older backups of the guest that the retention does not keep. */
function prune(
  context: HandlerContext,
  worker: SimWorker,
  job: BackupJob,
  storage: SimStorage,
  container: SimContainer,
  fresh: SimVolume,
): void {
  const text = context.text('prune-backups') ?? storage.options['prune-backups'];
  if (text === undefined || context.flag('remove') === false || pruneRules(text).all) return;
  worker.log(`INFO: prune older backups with retention: ${text.replaceAll(',', ', ')}`);
  const own = listVolumes(context.state, storage.storage, job.node).filter(
    (volume) => volume.content === 'backup' && volume.vmid === container.vmid,
  );
  const surplus = keptBackups(own, pruneRules(text)).filter(
    ({ volume, mark }) => mark === 'remove' && volume !== fresh,
  );
  for (const { volume } of surplus) {
    worker.log(`INFO: removing backup '${volume.volid}'`);
    freeVolume(context.state, job.node, volume.volid);
  }
  worker.log(`INFO: pruned ${surplus.length} backup(s) not covered by keep-retention policy`);
}

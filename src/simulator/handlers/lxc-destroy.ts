/** Destroying containers (pve-container API2/LXC.pm destroy_vm, LXC.pm destroy_lxc_container). */
import { die, type HandlerContext, type HandlerTable, type SimWorker } from '../context.ts';
import { removeFromBackupJobs } from '../model/backup-jobs.ts';
import { guestFirewall } from '../model/firewall.ts';
import { removeFromRules } from '../model/ha-rules.ts';
import { volumesOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { checkProtection } from '../model/prepare-change.ts';
import { jobsOfGuest, replicationJobs } from '../model/replication.ts';
import type { SimContainer, SimVolume } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { findVolume, freeVolume, linkedClones, storageConfig } from '../model/volumes.ts';
import { checkLock, checkWritable, lockConfig, needContainer, vmidOf } from './lxc-common.ts';
import { haSid } from './lxc-ha.ts';
import { killContainer } from './lxc-runtime.ts';

/** What is checked when the call comes, and again when its task has the lock. */
function checkRemovable(context: HandlerContext, container: SimContainer): void {
  const { vmid } = container;
  checkProtection(container.config, `can't remove CT ${vmid}`);
  checkLock(container);
  if (!context.flag('purge') && context.state.haResources[haSid(vmid)])
    die(`unable to remove CT ${vmid} - used in HA resources and purge parameter not set.`);
  const [job] = context.flag('purge') ? [] : jobsOfGuest(context.state, vmid);
  if (job !== undefined)
    die(`There is a replication job '${job}' for guest '${vmid}' - Please remove that first.`);
}

function refuseRunning(context: HandlerContext, container: SimContainer): void {
  if (container.runtime && !context.flag('force'))
    die(`unable to destroy CT ${container.vmid} - container is running`);
}

/** Volumes that belong to the container: named by its config, or, if asked for, merely called after it. */
function ownVolumes(context: HandlerContext, worker: SimWorker, container: SimContainer): SimVolume[] {
  const { state } = context;
  const { vmid, node } = container;
  const own = new Set<SimVolume>();
  for (const volid of volumesOf(container)) {
    const volume = findVolume(state, node, volid);
    if (volume?.vmid === vmid) own.add(volume);
    else if (volume) worker.log(`ignore deletion of '${volid}', CT ${vmid} isn't the owner!`);
  }
  if (context.flag('destroy-unreferenced-disks'))
    for (const volume of Object.values(state.volumes)) {
      const config = storageConfig(state, volume.storage);
      const here = volume.node === null || volume.node === node;
      const guestDisk = volume.content === 'rootdir' || volume.content === 'images';
      if (here && guestDisk && volume.vmid === vmid && !config.disabled && config.content.includes('rootdir'))
        own.add(volume);
    }
  return [...own];
}

function freeAll(context: HandlerContext, worker: SimWorker, container: SimContainer): void {
  const { state } = context;
  const volumes = ownVolumes(context, worker, container);
  const needed = volumes.find((volume) => linkedClones(state, volume).length > 0);
  if (needed) die(`base volume '${needed.volid}' is still in use by linked clones`);
  for (const volume of volumes) {
    freeVolume(state, container.node, volume.volid);
    if (['lvm', 'lvmthin'].includes(storageConfig(state, volume.storage).type))
      worker.log(
        `  Logical volume "${volume.volid.slice(volume.volid.indexOf(':') + 1)}" successfully removed.`,
      );
  }
}

/** Rights, pool membership and firewall always go; a purge takes backup jobs and HA along. */
function forget(context: HandlerContext, worker: SimWorker, vmid: number): void {
  const { state } = context;
  state.acls = state.acls.filter((acl) => acl.path !== `/vms/${vmid}`);
  for (const pool of Object.values(state.pools)) pool.vms = pool.vms.filter((member) => member !== vmid);
  delete state.firewall[guestFirewall(vmid)];
  if (!context.flag('purge')) return;
  worker.log(`purging CT ${vmid} from related configurations..`);
  removeFromBackupJobs(state, vmid);
  for (const job of jobsOfGuest(state, vmid)) delete replicationJobs(state)[job];
  if (!state.haResources[haSid(vmid)]) return;
  delete state.haResources[haSid(vmid)];
  removeFromRules(state, haSid(vmid));
  worker.log(`NOTE: removed CT ${vmid} from HA resource configuration.`);
}

async function destroy(context: HandlerContext, worker: SimWorker, vmid: number): Promise<void> {
  const container = needContainer(context, vmid);
  checkRemovable(context, container);
  refuseRunning(context, container);
  if (container.runtime) {
    worker.log(`forced to stop CT ${vmid} before destroying!`);
    await killContainer(context, worker, container);
  }
  checkWritable(context, container);
  freeAll(context, worker, container);
  container.config = { lock: 'destroyed' };
  container.pending = {};
  container.pendingDelete = {};
  container.snapshots = {};
  await worker.sleep(durations.destroy);
  forget(context, worker, vmid);
  delete context.state.containers[vmid];
}

export const lxcDestroyHandlers: HandlerTable = {
  'DELETE /nodes/{node}/lxc/{vmid}': (context) => {
    const vmid = vmidOf(context);
    const container = needContainer(context);
    checkRemovable(context, container);
    refuseRunning(context, container);
    return context.fork('vzdestroy', String(vmid), nodeOf(context).name, (worker) =>
      lockConfig(context, vmid, () => destroy(context, worker, vmid), { worker }),
    );
  },
};

/** Creating and restoring containers (pve-container API2/LXC.pm create_vm): the call and its task. */
import { die, type HandlerContext, type HandlerTable, SimError, type SimWorker } from '../context.ts';
import { createdRootfsGiB, createdSwapMiB, unsetMemoryMiB } from '../model/defaults.ts';
import { equip } from '../model/inside.ts';
import { commit, volumesOf } from '../model/lxc-config.ts';
import type { SimContainer } from '../model/state.ts';
import { findVolume, freeVolume } from '../model/volumes.ts';
import {
  addToPool,
  checkLock,
  checkVmidUnused,
  checkWritable,
  createLockMs,
  lockConfig,
  reserveContainer,
  writeConfig,
} from './lxc-common.ts';
import { type Creation, checkCreation } from './lxc-create-check.ts';
import { freeDisks, makeDisks } from './lxc-disks.ts';
import { haSid } from './lxc-ha.ts';
import { mergeBackup, readBackup } from './lxc-restore.ts';
import { startTask } from './lxc-runtime.ts';
import { makeTemplate } from './lxc-template.ts';
import { type NewConfig, unpackBackup, unpackTemplate } from './lxc-unpack.ts';

/** Makes the config file, with nothing but a lock; an existing one only gets the lock. */
async function reserve(context: HandlerContext, creation: Creation): Promise<SimContainer> {
  const { vmid, node, replaced, restore } = creation;
  const prefix = `unable to ${restore ? 'restore' : 'create'} CT ${vmid} -`;
  try {
    return await lockConfig(
      context,
      vmid,
      () => {
        if (!replaced) {
          checkVmidUnused(context.state, vmid);
          return reserveContainer(context, vmid, node);
        }
        checkLock(replaced);
        writeConfig(replaced, { lock: 'create' });
        return replaced;
      },
      { timeoutMs: createLockMs },
    );
  } catch (error) {
    if (error instanceof SimError) die(`${prefix} ${error.message}`);
    throw error;
  }
}

/** Removes what the new container replaces: the volumes of the old one. */
function destroyReplaced(context: HandlerContext, old: SimContainer): void {
  for (const volid of volumesOf(old))
    if (findVolume(context.state, old.node, volid)?.vmid === old.vmid)
      freeVolume(context.state, old.node, volid);
}

async function build(
  context: HandlerContext,
  worker: SimWorker,
  creation: Creation,
  container: SimContainer,
  made: string[],
): Promise<void> {
  const { vmid, node, restore, archive, storage, replaced } = creation;
  const ignoreErrors = context.flag('ignore-unpack-errors') ?? false;
  const backup = restore ? readBackup(context, worker, creation) : undefined;
  const unprivileged = creation.unprivileged ?? backup?.unprivileged ?? false;
  if (restore && !unprivileged && (!replaced || replaced.config['unprivileged'] === '1'))
    context.need('/', ['Sys.Modify']);
  const asked = Object.keys(creation.mounts).length > 0 ? creation.mounts : backup?.mounts;
  const target: NewConfig = {
    vmid,
    node,
    config: { ...creation.config, ...(unprivileged ? { unprivileged: '1' } : {}) },
    raw: [],
  };
  const disks = await makeDisks(
    context,
    worker,
    { vmid, node },
    asked ?? { rootfs: `${storage}:${createdRootfsGiB}` },
    made,
  );
  Object.assign(target.config, disks);
  if (replaced) destroyReplaced(context, replaced);
  const write = (): void => {
    checkWritable(context, container);
    container.raw = target.raw;
    container.snapshots = {};
    commit(container, { config: target.config, pending: {}, pendingDelete: {} });
  };
  if (backup) {
    await unpackBackup(context, worker, target, archive, { ignoreErrors });
    worker.log('merging backed-up and given configuration..');
    mergeBackup(context, target, backup);
  } else {
    await unpackTemplate(context, worker, target, archive, { ignoreErrors, onDetected: write });
  }
  target.config['hostname'] ??= `CT${vmid}`;
  target.config['memory'] ??= String(unsetMemoryMiB);
  target.config['swap'] ??= String(createdSwapMiB);
  Object.assign(target.config, backup?.delayedMounts);
  write();
  if (backup?.wasTemplate) {
    worker.log('Convert restored container to template...');
    makeTemplate(context, container);
  }
}

/** The task: builds the container, or leaves nothing of it. */
async function work(
  context: HandlerContext,
  worker: SimWorker,
  creation: Creation,
  container: SimContainer,
): Promise<void> {
  const { vmid, node, restore } = creation;
  const made: string[] = [];
  await lockConfig(
    context,
    vmid,
    async () => {
      try {
        await build(context, worker, creation, container, made);
      } catch (error) {
        freeDisks(context, node, made);
        // Nothing was touched before the first disk was made.
        if (creation.replaced && made.length === 0) writeConfig(container, { lock: undefined });
        // Without a majority the file cannot be removed either: the id stays taken, and locked.
        else if (context.state.quorate) delete context.state.containers[vmid];
        if (!(error instanceof SimError)) throw error;
        die(`unable to ${restore ? 'restore' : 'create'} CT ${vmid} - ${error.message}`);
      }
      if (!restore)
        equip(container, {
          password: context.text('password'),
          keys: context.text('ssh-public-keys'),
          seconds: context.seconds(),
        });
      addToPool(context.state, vmid, creation.pool);
    },
    { worker },
  );
  const start = context.flag('start') ?? false;
  if (start)
    context.fork('vzstart', String(vmid), node, (starter) => startTask(context, starter, vmid, false));
  if (context.flag('ha-managed')) {
    worker.log('Add as HA resource');
    context.state.haResources[haSid(vmid)] = { state: start ? 'started' : 'stopped' };
  }
}

export const lxcCreateHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc': async (context) => {
    const creation = checkCreation(context);
    const container = await reserve(context, creation);
    const type = creation.restore ? 'vzrestore' : 'vzcreate';
    return context.fork(type, String(creation.vmid), creation.node, (worker) =>
      work(context, worker, creation, container),
    );
  },
};

/** Cloning containers (pve-container API2/LXC.pm clone_vm). */
import { lxcNet } from '../../schema/generated/formats.gen.ts';
import {
  die,
  forbidden,
  type HandlerContext,
  type HandlerTable,
  SimError,
  type SimWorker,
} from '../context.ts';
import { isOfFamily } from '../model/defaults.ts';
import { guestFirewall } from '../model/firewall.ts';
import { copyInside } from '../model/inside.ts';
import { storedDescription } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { type Mount, parseMount, parseProperties, printMount } from '../model/property-values.ts';
import type { SimContainer } from '../model/state.ts';
import { copyMs, durations } from '../model/timing.ts';
import { parseVolumeId } from '../model/volume-names.ts';
import { copyVolume, hasVolumeFeature, linkVolume, needVolume } from '../model/volume-operations.ts';
import { contentBytes, freeVolume, storageConfig, usableStorage } from '../model/volumes.ts';
import { printPropertyString } from '../wire/property-string.ts';
import {
  addToPool,
  changeContext,
  checkLock,
  checkQuorum,
  checkVmidUnused,
  createLockMs,
  isTemplate,
  lockConfig,
  needContainer,
  reserveContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';
import { needSnapshot } from './lxc-config.ts';
import { lockStorage } from './lxc-disks.ts';
import { needBridgeAccess } from './lxc-rights.ts';

/** Keys of the source that a clone does not get. */
const notCopied = /^(unused\d+|lock|parent|template)$/;

/** A checked request. */
interface CloneJob {
  readonly source: SimContainer;
  readonly clone: SimContainer;
  readonly full: boolean;
  readonly snapshot: string | undefined;
  /** Target storage of a full clone; undefined: each volume stays on its own. */
  readonly storage: string | undefined;
  readonly target: string | undefined;
  readonly pool: string | undefined;
  readonly mounts: readonly (readonly [key: string, mount: Mount])[];
  readonly wasRunning: boolean;
}

/** The node that the clone goes to; undefined: it stays. */
function targetNode(context: HandlerContext): string | undefined {
  const target = context.text('target');
  if (target === undefined || target === nodeOf(context).name || target === 'localhost') return undefined;
  if (!Object.hasOwn(context.state.nodes, target)) die(`no such cluster node '${target}'`);
  return target;
}

function checkTargetStorage(context: HandlerContext, storage: string, target: string | undefined): void {
  const { state } = context;
  usableStorage(state, storage, nodeOf(context).name);
  if (target === undefined) return;
  if (!usableStorage(state, storage, target).shared) die(`can't clone to non-shared storage '${storage}'`);
}

/** Checks one volume of the source. */
function checkVolume(
  context: HandlerContext,
  job: Pick<CloneJob, 'source' | 'full' | 'snapshot' | 'storage'>,
  key: string,
  mount: Mount,
): { shared: boolean } {
  const { state } = context;
  if (mount.kind !== 'volume') die(`unable to clone mountpoint '${key}' (type ${mount.kind})`);
  const own = parseVolumeId(mount.volume)?.storage ?? die(`unable to parse volume ID '${mount.volume}'`);
  const storage = job.storage ?? own;
  const { shared } = storageConfig(state, storage);
  context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  if (job.full) {
    if (job.source.runtime && job.snapshot === undefined)
      die('Full clone of a running container is only possible from a snapshot');
  } else if (!hasVolumeFeature(state, 'clone', mount.volume, job.snapshot)) {
    die(`Linked clone feature for '${mount.volume}' is not available`);
  }
  return { shared };
}

/** Checks the source and fills the clone's config. */
function plan(context: HandlerContext, source: SimContainer, clone: SimContainer): CloneJob {
  const storage = context.text('storage');
  const snapshot = context.text('snapname');
  const target = targetNode(context);
  const full = context.flag('full') ?? !isTemplate(source);
  if (storage !== undefined && !full) die("parameter 'storage' not allowed for linked clones");
  const saved = snapshot === undefined ? undefined : needSnapshot(source, snapshot);
  const config: Readonly<Record<string, string>> = saved
    ? { ...saved.config, ...(saved.description === undefined ? {} : { description: saved.description }) }
    : source.config;
  const { newMac } = changeContext(context);
  const job = { source, full, snapshot, storage };
  const values: Record<string, string> = {};
  const mounts: [string, Mount][] = [];
  let allShared = true;
  for (const key of Object.keys(config).sort()) {
    const value = config[key] as string;
    if (notCopied.test(key)) continue;
    if (key === 'rootfs' || isOfFamily(key, 'mp')) {
      const mount = parseMount(key, value);
      allShared = checkVolume(context, job, key, mount).shared && allShared;
      mounts.push([key, mount]);
    } else if (isOfFamily(key, 'net')) {
      const net = { type: 'veth', ...parseProperties(lxcNet, value), hwaddr: newMac() };
      values[key] = printPropertyString(lxcNet, net);
      needBridgeAccess(context, value);
    } else {
      values[key] = value;
    }
  }
  if (target !== undefined && !allShared) die(`can't clone CT to node '${target}' (CT uses local storage)`);
  const hostname = context.text('hostname');
  const description = storedDescription(context.text('description') ?? '');
  writeConfig(clone, {
    ...values,
    lock: 'create',
    ...(hostname === undefined ? {} : { hostname }),
    ...(description === undefined ? {} : { description }),
  });
  clone.raw = structuredClone(source.raw);
  const rules = context.state.firewall[guestFirewall(source.vmid)];
  if (rules !== undefined) context.state.firewall[guestFirewall(clone.vmid)] = structuredClone(rules);
  return { ...job, clone, target, pool: context.text('pool'), mounts, wasRunning: source.runtime !== null };
}

async function copyOne(
  context: HandlerContext,
  worker: SimWorker,
  job: CloneJob,
  key: string,
  mount: Mount,
  made: string[],
): Promise<void> {
  const { state } = context;
  const { source, clone, full, storage, snapshot } = job;
  const volume = needVolume(state, source.node, mount.volume);
  const target = { vmid: clone.vmid, ctime: context.seconds() };
  if (full) {
    worker.log(`create full clone of mountpoint ${key} (${mount.volume})`);
    if (snapshot !== undefined && !hasVolumeFeature(state, 'copy', mount.volume, snapshot))
      die(`cannot mount subvol snapshots for storage type '${storageConfig(state, volume.storage).type}'`);
  } else {
    worker.log(`create linked clone of mount point ${key} (${mount.volume})`);
  }
  const goal = storage ?? volume.storage;
  const copy = await lockStorage(context, worker, { storage: goal, node: source.node }, async () => {
    const allocated = full
      ? copyVolume(state, source.node, volume, { ...target, storage: goal })
      : linkVolume(state, source.node, volume, target);
    made.push(allocated.volid);
    await worker.sleep(durations.allocate);
    return allocated;
  });
  await worker.sleep(full ? copyMs(contentBytes(volume)) : durations.linkedClone);
  writeConfig(clone, { [key]: printMount(key, { ...mount, volume: copy.volid, sizeBytes: copy.sizeBytes }) });
}

async function run(context: HandlerContext, worker: SimWorker, job: CloneJob): Promise<void> {
  const { state } = context;
  const { source, clone, mounts, pool, target } = job;
  worker.log(`creating a clone of container ${source.vmid} with ID ${clone.vmid}`);
  const made: string[] = [];
  try {
    if ((source.runtime !== null) !== job.wasRunning) die('unexpected state change');
    for (const [key, mount] of mounts) await copyOne(context, worker, job, key, mount, made);
    addToPool(state, clone.vmid, pool);
  } catch (error) {
    for (const volid of made) freeVolume(state, source.node, volid);
    delete state.containers[clone.vmid];
    delete state.firewall[guestFirewall(clone.vmid)];
    if (!(error instanceof SimError)) throw error;
    die(`clone failed: ${error.message}`);
  } finally {
    writeConfig(source, { lock: undefined });
  }
  copyInside((job.snapshot === undefined ? undefined : source.snapshots[job.snapshot]) ?? source, clone);
  writeConfig(clone, { lock: undefined });
  if (target !== undefined) clone.node = target;
}

/** Locks source and clone, checks, and starts the task; after a refusal nothing of it is left. */
async function startClone(context: HandlerContext): Promise<string> {
  const { state } = context;
  const vmid = vmidOf(context);
  const newid = context.number('newid') ?? die('no newid');
  const pool = context.text('pool');
  if (pool !== undefined && !Object.hasOwn(state.pools, pool)) forbidden(`pool '${pool}' does not exist`);
  const storage = context.text('storage');
  const target = targetNode(context);
  if (storage !== undefined) checkTargetStorage(context, storage, target);
  checkQuorum(context);
  const source = await lockConfig(context, vmid, () => {
    const found = needContainer(context);
    checkLock(found);
    writeConfig(found, { lock: 'disk' });
    return found;
  });
  let clone: SimContainer | undefined;
  let job: CloneJob;
  try {
    clone = await lockConfig(
      context,
      newid,
      () => {
        checkVmidUnused(state, newid);
        return reserveContainer(context, newid, source.node);
      },
      { timeoutMs: createLockMs },
    );
    job = plan(context, source, clone);
  } catch (error) {
    writeConfig(source, { lock: undefined });
    if (clone) {
      delete state.containers[newid];
      delete state.firewall[guestFirewall(newid)];
    }
    throw error;
  }
  return context.fork('vzclone', String(vmid), nodeOf(context).name, (worker) => run(context, worker, job));
}

export const lxcCloneHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/clone': startClone,
};

/**
 * Moving the volumes of a container to another storage or to another container
 * (pve-container API2/LXC.pm move_volume).
 */
import { die, type HandlerContext, type HandlerTable, paramError, type SimWorker } from '../context.ts';
import { applyRunning, applyStopped } from '../model/apply-changes.ts';
import { addUnused, commit, draftOf, usedBySnapshots } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { checkProtection, prepareChange } from '../model/prepare-change.ts';
import { type Mount, parseMount, printMount } from '../model/property-values.ts';
import type { SimContainer } from '../model/state.ts';
import { copyMs, durations } from '../model/timing.ts';
import { copyVolume, makeBase, needVolume, reassignVolume } from '../model/volume-operations.ts';
import { contentBytes, freeVolume, usableStorage } from '../model/volumes.ts';
import {
  changeContext,
  checkDigest,
  checkLock,
  checkWritable,
  isTemplate,
  lockConfig,
  needContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';
import { lockStorage } from './lxc-disks.ts';

const isUnused = (key: string): boolean => key.startsWith('unused');

/** Lines of rsync's statistics that do not depend on what was copied. */
function logCopy(worker: SimWorker, bytes: number): void {
  const text = bytes.toLocaleString('en-US');
  worker.log(`Total file size: ${text} bytes`);
  worker.log(`Total transferred file size: ${text} bytes`);
  worker.log(`Literal data: ${text} bytes`);
  worker.log('Matched data: 0 bytes');
  worker.log('');
  worker.log(`total size is ${text}  speedup is 1.00`);
}

/** Checks a move to another storage and marks the container as busy. */
function beginMove(context: HandlerContext, key: string): { container: SimContainer; mount: Mount } {
  const container = needContainer(context);
  checkLock(container);
  if (container.runtime) die('cannot move volumes of a running container');
  if (isUnused(key))
    die(`cannot move volume '${key}', only configured volumes can be moved to another storage`);
  const mount = parseMount(key, container.config[key]);
  if (context.flag('delete') && usedBySnapshots(container, mount.volume))
    die("you can't move a volume with snapshots and delete the source");
  checkDigest(container, context.text('digest'));
  checkWritable(context, container);
  writeConfig(container, { lock: 'disk' });
  return { container, mount };
}

async function moveToStorage(
  context: HandlerContext,
  worker: SimWorker,
  move: { container: SimContainer; mount: Mount; key: string; storage: string },
): Promise<void> {
  const { state } = context;
  const { container, mount, key, storage } = move;
  const { node, vmid } = container;
  try {
    if (mount.kind !== 'volume') die(`cannot copy volumes of type ${mount.kind}`);
    usableStorage(state, storage, node);
    const source = needVolume(state, node, mount.volume);
    const copied = await lockStorage(context, worker, { storage, node }, () =>
      copyVolume(state, node, source, { storage, vmid, ctime: context.seconds() }),
    );
    const bytes = contentBytes(source);
    try {
      await worker.sleep(copyMs(bytes));
    } catch (error) {
      freeVolume(state, node, copied.volid);
      throw error;
    }
    logCopy(worker, bytes);
    const target = isTemplate(container) ? makeBase(state, copied) : copied;
    const draft = draftOf(container);
    draft.config[key] = printMount(key, { ...mount, volume: target.volid, sizeBytes: target.sizeBytes });
    if (!context.flag('delete')) addUnused(draft.config, source.volid);
    commit(container, draft);
    if (context.flag('delete')) freeVolume(state, node, source.volid);
  } finally {
    writeConfig(container, { lock: undefined });
  }
}

/** A move to another container. */
interface Reassignment {
  readonly key: string;
  readonly targetVmid: number;
  readonly targetKey: string;
}

/** Checks a move to another container; checked again when the task has both locks. */
function checkReassignment(
  context: HandlerContext,
  { key, targetVmid, targetKey }: Reassignment,
): { source: SimContainer; target: SimContainer; mount: Mount } {
  const { containers } = context.state;
  const vmid = vmidOf(context);
  if (key === 'rootfs' || targetKey === 'rootfs') die("Cannot move to/from 'rootfs'");
  if (isUnused(key) && !isUnused(targetKey)) die('Moving an unused volume to a used one is not possible');
  const source = containers[vmid] ?? die(`could not find CT ${vmid}`);
  const target = containers[targetVmid] ?? die(`could not find CT ${targetVmid}`);
  if (source.node !== target.node)
    die(`Both containers need to be on the same node (${source.node} != ${target.node})`);
  checkLock(needContainer(context));
  checkLock(target);
  if (isTemplate(source) || isTemplate(target)) die("Can't move volumes from or to template CT");
  checkDigestOf(source, context.text('digest'));
  checkDigestOf(target, context.text('target-digest'));
  if (source.config[key] === undefined) die(`volume '${key}' for container '${vmid}' does not exist`);
  if (target.config[targetKey] !== undefined)
    die(`Target volume key '${targetKey}' is already in use for container '${targetVmid}'`);
  const mount = parseMount(key, source.config[key]);
  if (usedBySnapshots(source, mount.volume))
    die('Cannot move volume used by a snapshot to another container');
  if (mount.kind !== 'volume') die('Cannot move a bindmount or device mount to another container');
  if (source.runtime && !isUnused(key))
    die('Cannot move in-use volume while the source CT is running - detach or shutdown first');
  checkProtection(target.config, `cannot assign a volume to target CT ${targetVmid}`);
  return { source, target, mount };
}

function checkDigestOf(container: SimContainer, digest: string | undefined): void {
  try {
    checkDigest(container, digest);
  } catch (error) {
    die(`Container ${container.vmid}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Puts a volume into a container's config, the way a change of the config would. */
function attach(
  context: HandlerContext,
  worker: SimWorker,
  target: SimContainer,
  key: string,
  value: string,
): void {
  if (isUnused(key)) {
    writeConfig(target, { [key]: value });
    return;
  }
  const changes = changeContext(context);
  const draft = draftOf(target);
  const touched = prepareChange(changes, target, draft, { set: { [key]: value }, delete: [], revert: [] });
  const errors = target.runtime
    ? applyRunning(changes, target, draft, target.runtime, touched, () =>
        commit(target, structuredClone(draft)),
      )
    : applyStopped(changes, target, draft, touched);
  for (const text of Object.values(errors)) worker.warn(text.trimEnd());
  commit(target, draft);
}

async function reassign(context: HandlerContext, worker: SimWorker, wanted: Reassignment): Promise<void> {
  const { source, target, mount } = checkReassignment(context, wanted);
  const { key, targetVmid, targetKey } = wanted;
  worker.log(`moving volume '${key}' from container '${source.vmid}' to '${targetVmid}'`);
  await worker.sleep(durations.reassign);
  const volume = reassignVolume(
    context.state,
    source.node,
    needVolume(context.state, source.node, mount.volume),
    targetVmid,
  );
  worker.log(`removing volume '${key}' from container '${source.vmid}' config`);
  writeConfig(source, { [key]: undefined });
  const value = isUnused(targetKey)
    ? volume.volid
    : printMount(targetKey, { ...mount, volume: volume.volid });
  attach(context, worker, target, targetKey, value);
  worker.log(`target container '${targetVmid}' updated with '${targetKey}'`);
}

function startReassignment(context: HandlerContext, key: string, targetVmid: number): string {
  const vmid = vmidOf(context);
  const wanted: Reassignment = { key, targetVmid, targetKey: context.text('target-volume') ?? key };
  context.need(`/vms/${targetVmid}`, ['VM.Config.Disk']);
  const { mount } = checkReassignment(context, wanted);
  context.need(`/storage/${mount.volume.split(':')[0]}`, ['Datastore.AllocateSpace']);
  const id = `${vmid}-${key}>${targetVmid}-${wanted.targetKey}`;
  const run = (worker: SimWorker): Promise<void> => reassign(context, worker, wanted);
  return context.fork('move_volume', id, nodeOf(context).name, (worker) =>
    lockConfig(
      context,
      vmid,
      () =>
        targetVmid === vmid ? run(worker) : lockConfig(context, targetVmid, () => run(worker), { worker }),
      { worker },
    ),
  );
}

async function startMove(context: HandlerContext, key: string, storage: string): Promise<string> {
  const vmid = vmidOf(context);
  context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const { container, mount } = await lockConfig(context, vmid, () => beginMove(context, key));
  return context.fork('move_volume', String(vmid), nodeOf(context).name, (worker) =>
    moveToStorage(context, worker, { container, mount, key, storage }),
  );
}

export const lxcVolumesHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/move_volume': (context) => {
    const key = context.text('volume') ?? '';
    const storage = context.text('storage');
    const targetVmid = context.number('target-vmid');
    if (storage !== undefined && targetVmid !== undefined)
      die('either set storage or target-vmid, but not both');
    if (targetVmid !== undefined) return startReassignment(context, key, targetVmid);
    if (storage !== undefined) return startMove(context, key, storage);
    const text = "both 'storage' and 'target-vmid' missing, either needs to be set";
    return paramError({ storage: text, 'target-vmid': text });
  },
};

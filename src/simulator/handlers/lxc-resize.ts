/** Growing the disks of a container (pve-container API2/LXC.pm resize_vm). */
import { die, type HandlerContext, type HandlerTable, type SimWorker } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import { type Mount, parseMount, printMount } from '../model/property-values.ts';
import type { SimContainer, SimVolume } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { isFileStorage } from '../model/volume-names.ts';
import { growVolume, needVolume } from '../model/volume-operations.ts';
import { pathOfVolume, storageConfig } from '../model/volumes.ts';
import { parseSize } from '../wire/property-string.ts';
import {
  checkDigest,
  checkLock,
  checkWritable,
  lockConfig,
  needContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';
import { needConfigRights } from './lxc-rights.ts';

/** A checked request. */
interface Growth {
  readonly container: SimContainer;
  readonly key: string;
  readonly mount: Mount;
  readonly volume: SimVolume;
  readonly sizeBytes: number;
}

/** Checked before the task starts, and again when it has the lock. */
function check(context: HandlerContext): Growth {
  const container = needContainer(context);
  const { vmid, node, config } = container;
  const key = context.text('disk') ?? '';
  checkLock(container);
  // The parameter `disk` itself goes through the rights of config keys, among "all others".
  needConfigRights(context, {
    vmid,
    old: config,
    set: { disk: key },
    unprivileged: config['unprivileged'] === '1',
  });
  checkDigest(container, context.text('digest'));
  const mount = parseMount(key, config[key]);
  if (mount.kind !== 'volume') die(`unable to parse volume ID '${mount.volume}'`);
  const volume = needVolume(context.state, node, mount.volume);
  if (volume.vmid !== vmid) die(`can't resize mount point owned by another container (${volume.vmid})`);
  context.need(`/storage/${volume.storage}`, ['Datastore.AllocateSpace']);
  const text = context.text('size') ?? '';
  const amount = parseSize(text.replace(/^\+/, '')) ?? die('invalid size string');
  const sizeBytes = text.startsWith('+') ? volume.sizeBytes + amount : amount;
  if (sizeBytes < volume.sizeBytes) die('unable to shrink disk size');
  if (sizeBytes === volume.sizeBytes) die('disk is already at specified size');
  return { container, key, mount, volume, sizeBytes };
}

async function grow(context: HandlerContext, worker: SimWorker): Promise<void> {
  const { container, key, mount, volume, sizeBytes } = check(context);
  checkWritable(context, container);
  growVolume(context.state, container.node, volume, sizeBytes);
  writeConfig(container, { [key]: printMount(key, { ...mount, sizeBytes }) });
  if (volume.format !== 'raw') return;
  const files = isFileStorage(storageConfig(context.state, volume.storage).type);
  const path = pathOfVolume(context.state, volume.volid);
  worker.log(
    files ? 'Image resized.' : `  Logical volume ${path.replace('/dev/', '')} successfully resized.`,
  );
  if (!container.runtime) {
    worker.log('e2fsck 1.47.2 (1-Jan-2025)');
    worker.log('MMP interval is 10 seconds and total wait time is 42 seconds. Please wait...');
  }
  worker.log('resize2fs 1.47.2 (1-Jan-2025)');
  await worker.sleep(container.runtime ? durations.resizeRunning : durations.resizeStopped);
  const device = files && container.runtime ? '/dev/loop0' : path;
  worker.log(`The filesystem on ${device} is now ${Math.floor(sizeBytes / 4096)} (4k) blocks long.`);
}

export const lxcResizeHandlers: HandlerTable = {
  'PUT /nodes/{node}/lxc/{vmid}/resize': (context) => {
    const vmid = vmidOf(context);
    check(context);
    return context.fork('resize', String(vmid), nodeOf(context).name, (worker) =>
      lockConfig(context, vmid, () => grow(context, worker), { worker }),
    );
  },
};

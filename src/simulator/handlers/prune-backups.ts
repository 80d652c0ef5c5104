/** Pruning the backups of a storage by hand: a preview, and the deed. */
import type { HandlerContext, HandlerTable } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import { keptBackups, pruneRules } from '../model/prune.ts';
import type { SimVolume } from '../model/state.ts';
import { freeVolume, listVolumes, usableStorage } from '../model/volumes.ts';

/** Backups of the storage that a pruning is about. */
function prunable(context: HandlerContext): { node: string; marked: { volume: SimVolume; mark: string }[] } {
  const { state } = context;
  const node = nodeOf(context).name;
  const storage = usableStorage(state, context.text('storage') ?? '', node);
  const text = context.text('prune-backups') ?? storage.options['prune-backups'] ?? 'keep-all=1';
  const rules = pruneRules(text);
  const vmid = context.number('vmid');
  const type = context.text('type');
  const volumes = listVolumes(state, storage.storage, node).filter(
    (volume) =>
      volume.content === 'backup' &&
      (vmid === undefined || volume.vmid === vmid) &&
      (type === undefined || volume.volid.includes(`/vzdump-${type}-`)),
  );
  return { node, marked: keptBackups(volumes, rules) };
}

function previewPrune(context: HandlerContext): unknown {
  return prunable(context).marked.map(({ volume, mark }) => ({
    volid: volume.volid,
    ctime: volume.ctime,
    mark,
    type: /\/vzdump-(lxc|qemu)-/.exec(volume.volid)?.[1] ?? 'unknown',
    ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
  }));
}

function prune(context: HandlerContext): string {
  const storage = context.text('storage') ?? '';
  const vmid = context.text('vmid');
  // Allocate is enough for all; who may only back up one guest may prune that guest's backups.
  if (vmid === undefined || !context.has(`/vms/${vmid}`, ['VM.Backup']))
    context.need(`/storage/${storage}`, ['Datastore.Allocate']);
  else context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const { node, marked } = prunable(context);
  return context.fork(
    'prunebackups',
    vmid === undefined ? storage : `${vmid}@${storage}`,
    node,
    async (worker) => {
      await worker.sleep(100);
      for (const { volume, mark } of marked) {
        if (mark !== 'remove') continue;
        freeVolume(context.state, node, volume.volid);
        worker.log(`Removed volume '${volume.volid}'`);
      }
    },
  );
}

export const pruneHandlers: HandlerTable = {
  'GET /nodes/{node}/storage/{storage}/prunebackups': previewPrune,
  'DELETE /nodes/{node}/storage/{storage}/prunebackups': prune,
};

/** Volumes on storages: listing, allocation, attributes, deletion (contract lxc-endpoints §I, conformance 26 and 30). */
import { die, type HandlerContext, type HandlerTable, paramError, SimError } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimStorage, SimVolume } from '../model/state.ts';
import { mayAccessVolume, needVolumeAccess } from '../model/volume-access.ts';
import { isFileStorage, parseVolumeId, parseVolumeName, volumePath } from '../model/volume-names.ts';
import {
  allocateVolume,
  findVolume,
  freeVolume,
  listVolumes,
  storageConfig,
  usableStorage,
} from '../model/volumes.ts';
import { lockStorage } from './lxc-disks.ts';
import { pruneHandlers } from './prune-backups.ts';

/** Guest volumes count as `rootdir` while their owner is a container, else as `images`. */
function contentOf(context: HandlerContext, volume: SimVolume): string {
  if (volume.content !== 'rootdir' && volume.content !== 'images') return volume.content;
  return volume.vmid !== undefined && context.state.containers[volume.vmid] ? 'rootdir' : 'images';
}

/** A row of a listing; each kind of volume has keys of its own. */
function row(context: HandlerContext, storage: SimStorage, volume: SimVolume): Record<string, unknown> {
  const content = contentOf(context, volume);
  const { volid, format, sizeBytes: size, ctime, vmid } = volume;
  const basics = { volid, content, format, size, ctime };
  if (content === 'rootdir' || content === 'images')
    return {
      ...basics,
      ...(vmid === undefined ? {} : { vmid }),
      used: volume.usedBytes,
      ...(isFileStorage(storage.type)
        ? { parent: null }
        : volume.parent === undefined
          ? {}
          : { parent: parseVolumeId(volume.parent)?.name ?? volume.parent }),
    };
  if (content !== 'backup') return basics;
  const [firstNote] = volume.notes?.split('\n') ?? [];
  return {
    ...basics,
    ...(vmid === undefined ? {} : { vmid }),
    ...(volid.includes('/vzdump-') ? { subtype: volid.includes('/vzdump-lxc-') ? 'lxc' : 'qemu' } : {}),
    ...(firstNote ? { notes: firstNote } : {}),
    ...(volume.protected ? { protected: 1 } : {}),
  };
}

function list(context: HandlerContext): unknown {
  const { state } = context;
  const node = nodeOf(context).name;
  const storage = usableStorage(state, context.text('storage') ?? '', node);
  const content = context.text('content');
  const vmid = context.number('vmid');
  return listVolumes(state, storage.storage, node)
    .filter((volume) => {
      const kind = contentOf(context, volume);
      if (!storage.content.includes(kind) || (content !== undefined && kind !== content)) return false;
      return vmid === undefined || volume.vmid === vmid;
    })
    .filter((volume) => mayAccessVolume(context, volume))
    .toSorted((a, b) => (a.volid.toLowerCase() < b.volid.toLowerCase() ? -1 : 1))
    .map((volume) => row(context, storage, volume));
}

/** Size in bytes; without a suffix it is KiB. */
function sizeBytes(text: string): number {
  const match = /^(\d+)([MG]?)$/.exec(text) ?? paramError({ size: `unable to parse size '${text}'` });
  return Number(match[1]) * ({ '': 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[2] as '' | 'M' | 'G'] ?? 1024);
}

/** Refuses names that the storage type could not have made (alloc_image of the plugins). */
function checkName(storage: SimStorage, vmid: number, name: string, format: string): void {
  if (isFileStorage(storage.type)) {
    const match = /^(?:vm-|base-|subvol-)\d+-[^/\s]+\.(raw|qcow2|vmdk|subvol)$/.exec(name);
    if (!match) die(`unable to parse volume filename '${name}'`);
    if (match[1] !== format)
      die(`illegal name '${name}' - wrong extension for format ('${match[1]} != '${format}')`);
  } else if (!name.startsWith(`vm-${vmid}-`) && !name.startsWith(`subvol-${vmid}-`)) {
    die(`illegal name '${name}' - should be 'vm-${vmid}-*'`);
  }
}

function allocate(context: HandlerContext): Promise<string> {
  const { state } = context;
  const node = nodeOf(context).name;
  const storage = usableStorage(state, context.text('storage') ?? '', node);
  const name = context.text('filename') ?? '';
  const size = sizeBytes(context.text('size') ?? '');
  const given = context.text('format');
  const ending = /\.(raw|qcow2|vmdk|subvol)$/.exec(name)?.[1];
  if (given !== undefined && ending !== undefined && given !== ending)
    paramError({ format: `different storage formats (${given} != ${ending})` });
  const format = given ?? ending ?? (name.startsWith('subvol-') ? 'subvol' : 'raw');
  const vmid = context.number('vmid') ?? 0;
  checkName(storage, vmid, name, format);
  const place = { storage: storage.storage, node };
  const request = { ...place, vmid, name, format, sizeBytes: size };
  return lockStorage(
    context,
    undefined,
    place,
    () => allocateVolume(state, { ...request, ctime: context.seconds() }).volid,
  );
}

/** A volume that a path names, with or without its storage. */
interface Named {
  readonly volid: string;
  readonly storage: SimStorage;
  /** The part after the colon. */
  readonly name: string;
  readonly node: string;
}

function named(context: HandlerContext): Named {
  const storage = context.text('storage');
  const volume = context.text('volume') ?? '';
  const node = nodeOf(context).name;
  const volid = volume.includes(':') ? volume : `${storage}:${volume}`;
  const parsed = parseVolumeId(volid) ?? paramError({ volume: `unable to parse volume ID '${volume}'\n` });
  if (storage !== undefined && parsed.storage !== storage)
    paramError({ volume: `storage ID mismatch (${parsed.storage} != ${storage})\n` });
  const config = storageConfig(context.state, parsed.storage);
  if (!parseVolumeName(config.type, parsed.name))
    die(
      isFileStorage(config.type)
        ? `unable to parse directory volume name '${parsed.name}'`
        : `unable to parse ${config.type} volume name '${parsed.name}'`,
    );
  return { volid, storage: config, name: parsed.name, node };
}

function info(context: HandlerContext): unknown {
  const { volid, storage, name, node } = named(context);
  needVolumeAccess(context, volid);
  const volume =
    findVolume(context.state, node, volid) ?? die(`volume_size_info on '${volid}' failed - no format`);
  const round = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;
  const isGuest = volume.content === 'rootdir' || volume.content === 'images';
  return {
    path: volumePath(storage, name),
    // qemu-img sees other files as raw images: whole sectors, and whole blocks of the file system.
    size: isGuest ? volume.sizeBytes : round(volume.sizeBytes, 512),
    used: isGuest ? volume.usedBytes : round(volume.usedBytes, 4096),
    format: isGuest ? volume.format : 'raw',
    ...(volume.content === 'backup'
      ? { notes: volume.notes ?? '', protected: volume.protected ? 1 : 0 }
      : {}),
  };
}

function updateAttributes(context: HandlerContext): null {
  const { volid, storage, node } = named(context);
  needVolumeAccess(context, volid);
  const notes = context.text('notes');
  const isProtected = context.flag('protected');
  if (notes === undefined && isProtected === undefined) return null;
  const attribute = notes === undefined ? 'protected' : 'notes';
  if (!isFileStorage(storage.type) && storage.type !== 'pbs')
    die(`attribute '${attribute}' is not supported for storage type '${storage.type}'`);
  if (!volid.includes(':backup/')) die(`only backups support attribute '${attribute}'`);
  const volume = findVolume(context.state, node, volid) ?? die(`volume '${volid}' does not exist`);
  if (notes === '') delete volume.notes;
  else if (notes !== undefined) volume.notes = notes;
  if (isProtected === true) volume.protected = true;
  else if (isProtected === false) delete volume.protected;
  return null;
}

async function remove(context: HandlerContext): Promise<string | null> {
  const { state } = context;
  const { volid, storage, name, node } = named(context);
  const parsed = parseVolumeName(storage.type, name);
  const path = `/storage/${storage.storage}`;
  if (parsed?.content === 'backup' && parsed.vmid !== undefined) {
    context.need(path, ['Datastore.AllocateSpace']);
    context.need(`/vms/${parsed.vmid}`, ['VM.Backup']);
  } else context.need(path, ['Datastore.Allocate']);
  const owner = parsed?.vmid === undefined ? '' : `${parsed.vmid}@`;
  const upid = context.fork('imgdel', `${owner}${storage.storage}`, node, async (worker) => {
    await worker.sleep(100);
    usableStorage(state, storage.storage, node);
    const volume = findVolume(state, node, volid);
    if (volume?.protected) die(`cannot remove protected volume '${name}' on '${storage.storage}'`);
    if (!volume) {
      if (isFileStorage(storage.type)) worker.log(`disk image '${volumePath(storage, name)}' does not exist`);
      else if (storage.type !== 'zfspool') missingBlockVolume(storage, name);
    }
    freeVolume(state, node, volid);
    worker.log(`Removed volume '${volid}'`);
  });
  return waited(context, upid);
}

function missingBlockVolume(storage: SimStorage, name: string): never {
  const group = storage.options['vgname'] ?? storage.storage;
  if (storage.type === 'rbd') die(`rbd rm '${name}' error: rbd: delete error: (2) No such file or directory`);
  return die(`lvremove '${group}/${name}' error:   Failed to find logical volume "${group}/${name}"`);
}

/** With `delay` the answer waits for the task; null means that it went well in time. */
async function waited(context: HandlerContext, upid: string): Promise<string | null> {
  const task = context.state.tasks[upid];
  for (let left = (context.number('delay') ?? 0) * 10; left > 0 && task?.status === 'running'; left--)
    await context.clock.sleep(100);
  if (context.number('delay') === undefined || task === undefined || task.status === 'running') return upid;
  const status = task.exitstatus ?? 'unexpected status';
  if (status !== 'OK' && !status.startsWith('WARNINGS: ')) throw new SimError(500, status);
  return null;
}

export const contentHandlers: HandlerTable = {
  'GET /nodes/{node}/storage/{storage}/content': list,
  'POST /nodes/{node}/storage/{storage}/content': allocate,
  'GET /nodes/{node}/storage/{storage}/content/{volume}': info,
  'PUT /nodes/{node}/storage/{storage}/content/{volume}': updateAttributes,
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': remove,
  ...pruneHandlers,
};

/** Putting files on storages: templates, ISO images, disk images to import. No handler itself. */
import { die, type HandlerContext } from '../context.ts';
import { formatByName, volumeSums } from '../model/appliances.ts';
import type { SimStorage, SimVolume } from '../model/state.ts';
import { volumePath } from '../model/volume-names.ts';
import { addVolume, findVolume, storageUsage } from '../model/volumes.ts';

/** A file that is about to be put on a storage. */
export interface Destination {
  readonly storage: SimStorage;
  readonly node: string;
  readonly content: 'vztmpl' | 'iso' | 'import';
  readonly fileName: string;
  readonly volid: string;
  /** Where it lies on the node. */
  readonly path: string;
}

/**
 * Where a file goes.
 *
 * @param content - kind of file, which decides the folder.
 * @param fileName - clean name without folders.
 */
export function destination(
  storage: SimStorage,
  node: string,
  content: Destination['content'],
  fileName: string,
): Destination {
  const name = `${content}/${fileName}`;
  return {
    storage,
    node,
    content,
    fileName,
    volid: `${storage.storage}:${name}`,
    path: volumePath(storage, name),
  };
}

/** The file of this name that is there already. */
export function existing(context: HandlerContext, target: Destination): SimVolume | undefined {
  return findVolume(context.state, target.node, target.volid);
}

/** Check sums of a file of the same name, when there is one. */
export function presentSums(
  context: HandlerContext,
  target: Destination,
): { present?: Readonly<Record<string, string>> } {
  const volume = existing(context, target);
  return volume ? { present: volumeSums(volume, context.state.catalogue) } : {};
}

/**
 * Puts a complete file on its storage; one of the same name is replaced.
 *
 * @param meta - what is inside; see appliances.ts.
 * @throws SimError 500 when there is no room.
 */
export function store(
  context: HandlerContext,
  target: Destination,
  sizeBytes: number,
  meta: Record<string, unknown>,
): void {
  const { state } = context;
  const freed = existing(context, target)?.usedBytes ?? 0;
  if (sizeBytes > storageUsage(state, target.storage.storage, target.node).avail + freed)
    die(`unable to write '${target.path}' - No space left on device`);
  addVolume(state, {
    volid: target.volid,
    storage: target.storage.storage,
    node: target.storage.shared ? null : target.node,
    content: target.content,
    format: formatByName(target.content, target.fileName) ?? 'raw',
    sizeBytes,
    usedBytes: sizeBytes,
    ctime: context.seconds(),
    snapshots: [],
    meta,
  });
}

/** What the server makes of a file name: no folders, and no characters that could hurt (normalize_content_filename). */
export function cleanName(name: string): string {
  return name.replace(/^.*[/\\]/s, '').replaceAll(/[^a-zA-Z0-9_.-]/g, '_');
}

/** Templates from OCI registries (Proxmox VE 9.1 and later). */
import { createHash } from 'node:crypto';
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import type { ApplianceContent } from '../model/appliances.ts';
import { nodeOf } from '../model/nodes.ts';
import { usableStorage } from '../model/volumes.ts';
import { cleanName, destination, existing, store } from './file-store.ts';

/** Images of the simulated registry: the last part of their name → ostype and tags. Others have one tag, `latest`. */
const images: Readonly<Record<string, { readonly ostype: string; readonly tags: readonly string[] }>> = {
  alpine: { ostype: 'alpine', tags: ['3.20', '3.21', '3.22', 'edge', 'latest'] },
  debian: { ostype: 'debian', tags: ['12', '12-slim', '13', '13-slim', 'bookworm', 'latest', 'trixie'] },
  nginx: { ostype: 'debian', tags: ['1.28', '1.29', '1.29-alpine', 'latest', 'stable'] },
  postgres: { ostype: 'debian', tags: ['16', '17', '18', 'latest'] },
  redis: { ostype: 'debian', tags: ['7', '8', 'latest'] },
  ubuntu: { ostype: 'ubuntu', tags: ['22.04', '24.04', 'latest', 'noble'] },
};

/** Name of an image without registry, path and tag. */
function imageName(reference: string): string {
  return reference.replace(/^.*\//, '').replace(/:.*$/, '');
}

function pullImage(context: HandlerContext): string {
  const node = nodeOf(context).name;
  const storage = usableStorage(context.state, context.text('storage') ?? '', node);
  const reference = context.text('reference') ?? '';
  if (storage.path === undefined)
    die(`can't upload to storage type '${storage.type}', not a file based storage!`);
  if (!storage.content.includes('vztmpl'))
    die(`storage '${storage.storage}' is not configured for content-type 'vztmpl'`);
  const fileName = `${cleanName(context.text('filename') ?? reference)}.tar`;
  const target = destination(storage, node, 'vztmpl', fileName);
  if (existing(context, target)) die(`refusing to override existing file '${fileName}'`);
  return context.fork('ociregistrypull', fileName, node, async (worker) => {
    const digest = (part: string): string =>
      createHash('sha256').update(`${reference} ${part}`).digest('hex').slice(0, 12);
    const known = Object.hasOwn(images, imageName(reference)) ? images[imageName(reference)] : undefined;
    const tag = reference.slice(reference.lastIndexOf(':') + 1);
    if (!(known?.tags ?? ['latest']).includes(tag)) {
      worker.log(
        `time="${new Date(context.clock.now()).toISOString().slice(0, 19)}Z" level=fatal msg="initializing source docker://${reference}: reading manifest ${tag}: manifest unknown"`,
      );
      die(`command 'skopeo copy docker://${reference} oci-archive:${target.path}' failed: exit code 1`);
    }
    worker.log('Getting image source signatures');
    for (const part of ['layer 1', 'layer 2']) {
      await worker.sleep(600);
      worker.log(`Copying blob sha256:${digest(part)}`);
    }
    await worker.sleep(300);
    worker.log(`Copying config sha256:${digest('config')}`);
    worker.log('Writing manifest to image destination');
    const sizeBytes = (4 + (Number.parseInt(digest('size').slice(0, 4), 16) % 120)) * 1024 ** 2;
    const appliance: ApplianceContent = {
      ostype: known?.ostype ?? 'unmanaged',
      arch: 'amd64',
      unpackedBytes: sizeBytes * 3,
      oci: true,
    };
    store(context, target, sizeBytes, { appliance });
  });
}

function imageTags(context: HandlerContext): unknown {
  const name = imageName(context.text('reference') ?? '');
  return (Object.hasOwn(images, name) ? images[name]?.tags : undefined) ?? ['latest'];
}

export const ociHandlers: HandlerTable = {
  'POST /nodes/{node}/storage/{storage}/oci-registry-pull': pullImage,
  'GET /nodes/{node}/query-oci-repo-tags': imageTags,
};

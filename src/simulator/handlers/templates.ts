/**
 * Getting templates: the appliance catalogue, downloads from URLs, pulls from OCI registries, uploads
 * (contract lxc-endpoints §I, transport-auth §10, conformance 25).
 */
import { createHash } from 'node:crypto';
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import {
  type ApplianceContent,
  contentByName,
  formatByName,
  sumsOf,
  volumeSums,
} from '../model/appliances.ts';
import { download, lookUp } from '../model/downloads.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimStorage, SimVolume } from '../model/state.ts';
import { volumePath } from '../model/volume-names.ts';
import { addVolume, findVolume, storageUsage, usableStorage } from '../model/volumes.ts';

/** A file that is about to be put on a storage. */
interface Destination {
  readonly storage: SimStorage;
  readonly node: string;
  readonly content: 'vztmpl' | 'iso' | 'import';
  readonly fileName: string;
  readonly volid: string;
  /** Where it lies on the node. */
  readonly path: string;
}

function destination(
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

function existing(context: HandlerContext, target: Destination): SimVolume | undefined {
  return findVolume(context.state, target.node, target.volid);
}

/** Check sums of a file of the same name, when there is one. */
function presentSums(
  context: HandlerContext,
  target: Destination,
): { present?: Readonly<Record<string, string>> } {
  const volume = existing(context, target);
  return volume ? { present: volumeSums(volume, context.state.catalogue) } : {};
}

/** Puts a complete file on its storage; one of the same name is replaced. */
function store(
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
function cleanName(name: string): string {
  return name.replace(/^.*[/\\]/s, '').replaceAll(/[^a-zA-Z0-9_.-]/g, '_');
}

function listAppliances(context: HandlerContext): unknown {
  nodeOf(context);
  return context.state.catalogue.map(({ sizeBytes: _size, ...entry }) => ({ type: 'lxc', ...entry }));
}

function downloadAppliance(context: HandlerContext): string {
  const { state, clock } = context;
  const node = nodeOf(context).name;
  const template = context.text('template') ?? '';
  const entry =
    state.catalogue.find((other) => other.template === template) ??
    paramError({ template: 'no such template' });
  const storage = usableStorage(state, context.text('storage') ?? '', node);
  if (!storage.content.includes('vztmpl')) die(`storage '${storage.storage}' does not support templates`);
  const target = destination(storage, node, 'vztmpl', template);
  return context.fork('download', template, node, async (worker) => {
    const file = await download(worker, {
      url: entry.location,
      path: target.path,
      remote: lookUp(state.catalogue, entry.location),
      now: () => clock.now(),
      random: () => context.random(),
      sum: { algorithm: 'sha512', value: entry.sha512sum },
      ...presentSums(context, target),
    });
    if (file) store(context, target, file.sizeBytes, { sums: file.sums });
  });
}

/** Kind, storage and name of a file that a request brings; `refusal` is what the server says of other storages. */
function requested(
  context: HandlerContext,
  refusal: (storage: SimStorage, content: string) => string,
): Destination {
  const node = nodeOf(context).name;
  const storage = usableStorage(context.state, context.text('storage') ?? '', node);
  const content = (context.text('content') ?? 'vztmpl') as Destination['content'];
  if (storage.path === undefined)
    die(`can't upload to storage type '${storage.type}', not a file based storage!`);
  if (!storage.content.includes(content)) die(refusal(storage, content));
  const fileName = cleanName(context.text('filename') ?? '');
  if (formatByName(content, fileName) === undefined)
    paramError({
      filename: content === 'import' ? 'invalid filename or wrong extension' : 'wrong file extension',
    });
  return destination(storage, node, content, fileName);
}

function downloadUrl(context: HandlerContext): string {
  const { state, clock } = context;
  const url = context.text('url') ?? '';
  const target = requested(
    context,
    (storage, content) => `storage '${storage.storage}' is not configured for content-type '${content}'`,
  );
  const value = context.text('checksum');
  const algorithm = context.text('checksum-algorithm');
  const compression = context.text('compression');
  return context.fork('download', target.fileName, target.node, async (worker) => {
    if (compression !== undefined && target.content !== 'iso')
      die(`decompression not supported for ${target.content}`);
    const file = await download(worker, {
      url,
      path: target.path,
      remote: lookUp(state.catalogue, url),
      now: () => clock.now(),
      random: () => context.random(),
      ...(value === undefined || algorithm === undefined ? {} : { sum: { algorithm, value } }),
      ...presentSums(context, target),
    });
    if (!file) return;
    const origin = url.slice(url.lastIndexOf('/') + 1);
    store(context, target, file.sizeBytes, {
      sums: file.sums,
      ...(target.content === 'vztmpl' ? { appliance: contentByName(origin, file.sizeBytes) } : {}),
    });
  });
}

function upload(context: HandlerContext): string {
  const bytes = context.upload?.bytes ?? die('missing temporary file name');
  const target = requested(
    context,
    (storage, content) => `storage '${storage.storage}' does not support '${content}' content`,
  );
  const wanted = context.text('checksum');
  const algorithm = context.text('checksum-algorithm');
  const sums = sumsOf(bytes);
  const unique = createHash('md5').update(`${sums['md5']} ${context.random()}`).digest('hex');
  const temporary = `/var/tmp/pveupload-${unique}`;
  return context.fork('imgcopy', '', target.node, async (worker) => {
    worker.log(`starting file import from: ${temporary}`);
    if (algorithm !== undefined && wanted !== undefined) {
      const got = sums[algorithm] ?? '';
      if (got.toLowerCase() !== wanted.toLowerCase()) {
        worker.log('calculating checksum...');
        die(`checksum mismatch: got '${got}' != expect '${wanted}'`);
      }
      worker.log('calculating checksum...OK, checksum verified');
    }
    worker.log(`target node: ${target.node}`);
    worker.log(`target file: ${target.path}`);
    worker.log(`file size is: ${bytes.length}`);
    worker.log(`command: cp -- ${temporary} ${target.path}`);
    await worker.sleep(100);
    store(context, target, bytes.length, {
      sums,
      ...(target.content === 'vztmpl' ? { appliance: contentByName(target.fileName, bytes.length) } : {}),
    });
    worker.log('finished file import successfully');
  });
}

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

/** Reasons of LWP, which the server asks for the headers of a URL. */
const headFailures: Readonly<Record<string, string>> = {
  missing: '404 Not Found',
  refused: "500 Can't connect to HOST (Connection refused)",
  unresolved: "500 Can't connect to HOST (Name or service not known)",
};

function urlMetadata(context: HandlerContext): unknown {
  const url = context.text('url') ?? '';
  const remote = lookUp(context.state.catalogue, url);
  if (remote.outcome !== 'file') {
    const { hostname, port, protocol } = URL.canParse(url)
      ? new URL(url)
      : { hostname: url, port: '', protocol: '' };
    const host = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
    die(`invalid server response: '${headFailures[remote.outcome]?.replace('HOST', host)}'`);
  }
  const { sizeBytes, mimetype } = remote.file;
  return { filename: url.slice(url.lastIndexOf('/') + 1), size: sizeBytes, mimetype };
}

export const templatesHandlers: HandlerTable = {
  'GET /nodes/{node}/aplinfo': listAppliances,
  'POST /nodes/{node}/aplinfo': downloadAppliance,
  'POST /nodes/{node}/storage/{storage}/download-url': downloadUrl,
  'POST /nodes/{node}/storage/{storage}/upload': upload,
  'POST /nodes/{node}/storage/{storage}/oci-registry-pull': pullImage,
  'GET /nodes/{node}/query-oci-repo-tags': imageTags,
  'GET /nodes/{node}/query-url-metadata': urlMetadata,
};

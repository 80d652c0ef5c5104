/**
 * Getting templates and other files: the appliance catalogue, downloads from URLs, uploads (contract lxc-endpoints §I,
 * transport-auth §10, conformance 25).
 */
import { createHash } from 'node:crypto';
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { contentByName, formatByName, sumsOf } from '../model/appliances.ts';
import { download, lookUp } from '../model/downloads.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimStorage } from '../model/state.ts';
import { usableStorage } from '../model/volumes.ts';
import { cleanName, type Destination, destination, presentSums, store } from './file-store.ts';
import { ociHandlers } from './oci-images.ts';

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
  'GET /nodes/{node}/query-url-metadata': urlMetadata,
  ...ociHandlers,
};

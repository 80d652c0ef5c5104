/** Storages: configuration of the cluster, and their state on a node (contract lxc-endpoints §I, conformance 26). */
import { die, type HandlerContext, type HandlerTable, paramError, SimError } from '../context.ts';
import { localNode, nodeOf } from '../model/nodes.ts';
import { rrdTimes } from '../model/rrd.ts';
import type { SimStorage } from '../model/state.ts';
import {
  changeStorage,
  isEnabled,
  newStorage,
  storageDigest,
  storageFormats,
  storageInfo,
  storageRow,
} from '../model/storage-config.ts';
import { storageConfig } from '../model/volumes.ts';

const splitList = (text: string | undefined): string[] =>
  (text ?? '').split(/[\s,;]+/).filter((item) => item !== '');

const readers = ['Datastore.Audit', 'Datastore.AllocateSpace'];

function mayRead(context: HandlerContext, storage: string): boolean {
  return context.has(`/storage/${storage}`, readers, { any: true });
}

function listConfig(context: HandlerContext): unknown {
  const { state } = context;
  const type = context.text('type');
  const digest = storageDigest(state);
  return Object.values(state.storages)
    .filter((entry) => mayRead(context, entry.storage) && (type === undefined || entry.type === type))
    .map((entry) => storageRow(entry, digest));
}

function readConfig(context: HandlerContext): unknown {
  const { state } = context;
  return storageRow(storageConfig(state, context.text('storage') ?? ''), storageDigest(state));
}

/** Parameters that are settings of storage.cfg. */
function settingsOf(context: HandlerContext): Record<string, string> {
  const own = new Set(['storage', 'type', 'digest', 'delete']);
  const entries = Object.keys(context.params).flatMap((key): [string, string][] => {
    const value = own.has(key) ? undefined : context.text(key);
    return value === undefined || (key === 'nodes' && value === '') ? [] : [[key, value]];
  });
  return Object.fromEntries(entries);
}

/** Runs a change under the lock of storage.cfg; refusals get a prefix that tells what failed. */
function changing<T>(context: HandlerContext, what: string, change: () => T): Promise<T> {
  return context.withLock('file-storage_cfg', 10_000, () => {
    try {
      return change();
    } catch (error) {
      if (error instanceof SimError && error.status === 500) die(`${what}: ${error.message}`);
      throw error;
    }
  });
}

async function create(context: HandlerContext): Promise<unknown> {
  const { state } = context;
  const storage = context.text('storage') ?? '';
  const type = context.text('type') ?? '';
  const entry = newStorage(storage, type, settingsOf(context), localNode(state));
  await changing(context, 'create storage failed', () => {
    if (Object.hasOwn(state.storages, storage)) die(`storage ID '${storage}' already defined`);
    state.storages[storage] = entry;
  });
  return { storage, type };
}

async function update(context: HandlerContext): Promise<unknown> {
  const { state } = context;
  const storage = context.text('storage') ?? '';
  const digest = context.text('digest');
  const entry = await changing(context, 'update storage failed', () => {
    if (digest !== undefined && digest !== '' && digest !== storageDigest(state))
      die('detected modified configuration - file changed by other user? Try again.');
    const found = storageConfig(state, storage);
    changeStorage(found, settingsOf(context), splitList(context.text('delete')));
    return found;
  });
  return { storage, type: entry.type };
}

async function remove(context: HandlerContext): Promise<null> {
  const { state } = context;
  const storage = context.text('storage') ?? '';
  await changing(context, 'delete storage failed', () => {
    storageConfig(state, storage);
    if (Object.values(state.storages).some((other) => other.options['base']?.startsWith(`${storage}:`)))
      die("can't remove storage - storage is used as base of another storage");
    delete state.storages[storage];
  });
  // The files stay where they are; rights on the storage and its place in pools go.
  state.acls = state.acls.filter((acl) => acl.path !== `/storage/${storage}`);
  for (const pool of Object.values(state.pools))
    pool.storages = pool.storages.filter((other) => other !== storage);
  return null;
}

/** Storages that a content filter leaves: those switched on with one of these kinds. */
function withContent(entry: SimStorage, node: string, kinds: readonly string[]): boolean {
  if (kinds.length === 0) return true;
  return isEnabled(entry, node) && kinds.some((kind) => entry.content.includes(kind));
}

function listOnNode(context: HandlerContext): unknown {
  const { state } = context;
  const node = nodeOf(context).name;
  const target = context.text('target');
  const only = context.text('storage');
  const kinds = splitList(context.text('content'));
  const candidates = Object.values(state.storages).filter((entry) => withContent(entry, node, kinds));
  if (only !== undefined && !candidates.some((entry) => entry.storage === only))
    paramError({ storage: 'No such storage.' });
  return candidates
    .filter((entry) => (only === undefined || entry.storage === only) && mayRead(context, entry.storage))
    .filter((entry) => target === undefined || target === node || (entry.shared && isEnabled(entry, target)))
    .filter((entry) => context.flag('enabled') !== true || isEnabled(entry, node))
    .map((entry) => {
      const info = storageInfo(state, entry, node);
      const formats = storageFormats(entry);
      return {
        storage: entry.storage,
        ...info,
        ...(info.total > 0 ? { used_fraction: info.used / info.total } : {}),
        ...(context.flag('format') === true ? { formats: { supported: formats, default: formats[0] } } : {}),
      };
    });
}

function status(context: HandlerContext): unknown {
  const { state } = context;
  const storage = context.text('storage') ?? '';
  const entry = Object.hasOwn(state.storages, storage) ? state.storages[storage] : undefined;
  return storageInfo(state, entry ?? paramError({ storage: 'No such storage.' }), nodeOf(context).name);
}

const subdirs = [
  'content',
  'download-url',
  'file-restore',
  'identity',
  'import-metadata',
  'oci-registry-pull',
  'prunebackups',
  'rrd',
  'rrddata',
  'status',
  'upload',
];

function rrddata(context: HandlerContext): unknown {
  const { state } = context;
  const info = storageInfo(state, storageConfig(state, context.text('storage') ?? ''), nodeOf(context).name);
  const times = rrdTimes(context.text('timeframe') ?? 'hour', context.seconds());
  return times.map((time) => ({ time, ...(info.active ? { total: info.total, used: info.used } : {}) }));
}

export const storageHandlers: HandlerTable = {
  'GET /storage': listConfig,
  'POST /storage': create,
  'GET /storage/{storage}': readConfig,
  'PUT /storage/{storage}': update,
  'DELETE /storage/{storage}': remove,
  'GET /nodes/{node}/storage': listOnNode,
  'GET /nodes/{node}/storage/{storage}': () => subdirs.map((subdir) => ({ subdir })),
  'GET /nodes/{node}/storage/{storage}/status': status,
  'GET /nodes/{node}/storage/{storage}/rrddata': rrddata,
};

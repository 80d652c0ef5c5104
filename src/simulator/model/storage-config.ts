/**
 * storage.cfg: making and changing entries, how they are shown, and the state of a storage on a node.
 * Changes no volumes; those are volumes.ts.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import { die } from '../context.ts';
import { splitList } from './datacenter.ts';
import type { SimNode, SimState, SimStorage, StorageType } from './state.ts';
import { rulesOf } from './storage-types.ts';
import { storageUsage } from './volumes.ts';

const commonOptions = ['nodes', 'disable', 'content', 'bwlimit'];
/** Members of an entry; all other settings are kept in `options`. */
const members = new Set(['nodes', 'disable', 'content', 'shared', 'path']);
/** Settings that no answer shows. */
const secrets = new Set(['password', 'encryption-key', 'keyring', 'master-pubkey']);
/** Space of a storage that is not a part of the root file system, in bytes. */
const ownSpaceBytes = 512 * 1024 ** 3;

function contentList(type: string, text: string): string[] {
  const list = [...new Set(splitList(text))];
  const wrong = list.find((item) => !rulesOf(type).content.includes(item));
  if (wrong !== undefined) die(`storage does not support content type '${wrong}'`);
  if (list.includes('none') && list.length > 1) die("unable to combine 'none' with other content types");
  return list;
}

function checkSettings(type: string, settings: Readonly<Record<string, string>>, create: boolean): void {
  const { required, optional, fixed } = rulesOf(type);
  const known = new Set([...commonOptions, ...required, ...optional]);
  for (const key of Object.keys(settings).sort()) {
    if (!known.has(key)) die(`unexpected property '${key}'`);
    if (!create && fixed.includes(key)) die(`can't change value of fixed parameter '${key}'`);
  }
  const missing = create ? required.find((key) => settings[key] === undefined) : undefined;
  if (missing !== undefined) die(`missing value for required option '${missing}'`);
}

/**
 * Makes an entry of storage.cfg out of the parameters of `POST /storage`.
 *
 * @param storage - its id.
 * @param type - storage type.
 * @param settings - everything else, as sent.
 * @param node - the answering node; directories below `/` share its root file system.
 * @throws SimError 500 with the server's text when a setting is wrong or missing.
 */
export function newStorage(
  storage: string,
  type: string,
  settings: Readonly<Record<string, string>>,
  node: SimNode,
): SimStorage {
  const rule = rulesOf(type);
  checkSettings(type, settings, true);
  const path = settings['path'] ?? (rule.files ? `/mnt/pve/${storage}` : undefined);
  const local = type === 'dir';
  const entry: SimStorage = {
    storage,
    type: type as StorageType,
    content: [...rule.defaultContent],
    shared: rule.shared ?? false,
    disabled: false,
    ...(path === undefined ? {} : { path }),
    totalBytes: local ? node.rootBytes : ownSpaceBytes,
    baseUsedBytes: local ? Math.round(node.rootBytes * 0.1) : 0,
    options: {},
  };
  assign(entry, settings);
  return entry;
}

function assign(entry: SimStorage, settings: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(settings)) {
    if (key === 'content') entry.content = contentList(entry.type, value);
    else if (key === 'nodes') entry.nodes = splitList(value);
    else if (key === 'disable') entry.disabled = value === '1';
    else if (key === 'shared') entry.shared = value === '1';
    else if (key === 'path') entry.path = value;
    else entry.options[key] = value;
  }
}

/**
 * Changes an entry of storage.cfg, as `PUT /storage/{storage}` does. Nothing is changed when it throws.
 *
 * @param entry - the entry.
 * @param settings - new values.
 * @param remove - settings to take away.
 */
export function changeStorage(
  entry: SimStorage,
  settings: Readonly<Record<string, string>>,
  remove: readonly string[],
): void {
  const { required, optional, fixed } = rulesOf(entry.type);
  checkSettings(entry.type, settings, false);
  if (settings['content'] !== undefined) contentList(entry.type, settings['content']);
  for (const key of remove) {
    if (![...commonOptions, ...required, ...optional].includes(key)) die(`no such option '${key}'`);
    if (required.includes(key)) die(`unable to delete required option '${key}'`);
    if (fixed.includes(key)) die(`unable to delete fixed option '${key}'`);
    if (settings[key] !== undefined) die(`cannot set and delete property '${key}' at the same time!`);
  }
  for (const key of remove) unset(entry, key);
  assign(entry, settings);
}

function unset(entry: SimStorage, key: string): void {
  const rule = rulesOf(entry.type);
  if (key === 'content') entry.content = [...rule.defaultContent];
  else if (key === 'nodes') delete entry.nodes;
  else if (key === 'disable') entry.disabled = false;
  else if (key === 'shared') entry.shared = rule.shared ?? false;
  else if (!members.has(key)) delete entry.options[key];
}

/**
 * Digest of storage.cfg; changes with every change of any entry.
 *
 * @returns SHA-1, 40 hex digits.
 */
export function storageDigest(state: SimState): string {
  const settings = Object.values(state.storages).map(
    ({ totalBytes: _total, baseUsedBytes: _used, sizes: _sizes, freeAtMostBytes: _free, ...entry }) => entry,
  );
  return createHash('sha1').update(canonicalJson(settings)).digest('hex');
}

/**
 * An entry as `GET /storage` shows it; passwords and keys are left out.
 *
 * @param entry - the entry.
 * @param digest - digest of the file.
 */
export function storageRow(entry: SimStorage, digest: string): Record<string, unknown> {
  const options = Object.entries(entry.options).filter(([key]) => !secrets.has(key));
  return {
    ...Object.fromEntries(options),
    storage: entry.storage,
    type: entry.type,
    content: entry.content.join(','),
    ...(entry.path === undefined ? {} : { path: entry.path }),
    ...(entry.nodes === undefined ? {} : { nodes: entry.nodes.join(',') }),
    ...(entry.shared ? { shared: 1 } : {}),
    ...(entry.disabled ? { disable: 1 } : {}),
    digest,
  };
}

/**
 * Whether a node may use a storage: switched on, and not kept to other nodes.
 *
 * @param entry - entry of storage.cfg.
 * @param node - node name.
 */
export function isEnabled(entry: SimStorage, node: string): boolean {
  return !entry.disabled && (entry.nodes === undefined || entry.nodes.includes(node));
}

/** State of a storage on a node. */
export interface StorageInfo {
  readonly type: string;
  readonly content: string;
  readonly active: 0 | 1;
  readonly enabled: 0 | 1;
  readonly shared: 0 | 1;
  /** Bytes; 0 while not active. */
  readonly total: number;
  readonly used: number;
  readonly avail: number;
}

/**
 * State of a storage on a node, as `GET /nodes/{node}/storage/{storage}/status` shows it.
 *
 * @param state - cluster.
 * @param entry - entry of storage.cfg.
 * @param node - node name.
 */
export function storageInfo(state: SimState, entry: SimStorage, node: string): StorageInfo {
  const enabled = isEnabled(entry, node);
  const space = enabled ? storageUsage(state, entry.storage, node) : { total: 0, used: 0, avail: 0 };
  return {
    type: entry.type,
    content: entry.content.join(','),
    active: enabled ? 1 : 0,
    enabled: enabled ? 1 : 0,
    shared: entry.shared ? 1 : 0,
    ...space,
  };
}

/**
 * Formats of volumes that a storage type knows.
 *
 * @returns all of them, default first.
 */
export function storageFormats(entry: SimStorage): readonly string[] {
  return rulesOf(entry.type).formats;
}

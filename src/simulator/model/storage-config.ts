/**
 * storage.cfg: which settings each storage type takes, how an entry is shown, and who may use a volume.
 * Changes no volumes; those are volumes.ts.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import { die, type HandlerContext, SimError } from '../context.ts';
import type { SimNode, SimState, SimStorage, SimVolume, StorageType } from './state.ts';
import { parseVolumeId, parseVolumeName } from './volume-names.ts';
import { storageConfig, storageUsage } from './volumes.ts';

/** What storage.cfg knows of a type. */
interface TypeRules {
  readonly required: readonly string[];
  /** Settings beside the common ones. */
  readonly optional: readonly string[];
  /** Settings that only creation takes. */
  readonly fixed: readonly string[];
  readonly content: readonly string[];
  readonly defaultContent: readonly string[];
  /** Shared by its nature. */
  readonly shared?: true;
  /** Keeps files below a path. */
  readonly files?: true;
  /** Formats of volumes, default first. */
  readonly formats: readonly string[];
}

const fileContent = ['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets', 'import', 'none'];
const fileOptions = [
  'content-dirs',
  'create-base-path',
  'create-subdirs',
  'format',
  'max-protected-backups',
  'mkdir',
  'preallocation',
  'prune-backups',
  'snapshot-as-volume-chain',
];
const blockContent = ['images', 'rootdir', 'none'];

const rules: Readonly<Record<StorageType, TypeRules>> = {
  dir: {
    required: ['path'],
    optional: [...fileOptions, 'is_mountpoint', 'shared'],
    fixed: ['path'],
    content: fileContent,
    defaultContent: ['images'],
    files: true,
    formats: ['raw', 'qcow2', 'vmdk', 'subvol'],
  },
  btrfs: {
    required: ['path'],
    optional: [...fileOptions, 'is_mountpoint', 'nocow', 'shared'],
    fixed: ['path'],
    content: fileContent,
    defaultContent: ['images', 'rootdir'],
    files: true,
    formats: ['raw', 'subvol'],
  },
  nfs: {
    required: ['server', 'export'],
    optional: [...fileOptions, 'options', 'path'],
    fixed: ['server', 'export', 'path'],
    content: fileContent,
    defaultContent: ['images'],
    shared: true,
    files: true,
    formats: ['raw', 'qcow2', 'vmdk', 'subvol'],
  },
  cifs: {
    required: ['server', 'share'],
    optional: [...fileOptions, 'domain', 'options', 'password', 'path', 'smbversion', 'subdir', 'username'],
    fixed: ['server', 'share', 'path'],
    content: fileContent,
    defaultContent: ['images'],
    shared: true,
    files: true,
    formats: ['raw', 'qcow2', 'vmdk'],
  },
  lvm: {
    required: ['vgname'],
    optional: [
      'base',
      'saferemove',
      'saferemove-stepsize',
      'saferemove_throughput',
      'shared',
      'snapshot-as-volume-chain',
      'tagged_only',
    ],
    fixed: ['vgname', 'base'],
    content: blockContent,
    defaultContent: ['images', 'rootdir'],
    formats: ['raw'],
  },
  lvmthin: {
    required: ['vgname', 'thinpool'],
    optional: [],
    fixed: ['vgname', 'thinpool'],
    content: blockContent,
    defaultContent: ['images', 'rootdir'],
    formats: ['raw'],
  },
  zfspool: {
    required: ['pool'],
    optional: ['blocksize', 'mountpoint', 'sparse', 'zfs-base-path'],
    fixed: ['pool'],
    content: blockContent,
    defaultContent: ['images', 'rootdir'],
    formats: ['raw', 'subvol'],
  },
  rbd: {
    required: [],
    optional: ['data-pool', 'keyring', 'krbd', 'monhost', 'namespace', 'pool', 'username'],
    fixed: [],
    content: blockContent,
    defaultContent: ['images', 'rootdir'],
    shared: true,
    formats: ['raw'],
  },
  pbs: {
    required: ['server', 'datastore'],
    optional: [
      'encryption-key',
      'fingerprint',
      'master-pubkey',
      'max-protected-backups',
      'namespace',
      'password',
      'port',
      'prune-backups',
      'skip-cert-verification',
      'username',
    ],
    fixed: ['server', 'datastore'],
    content: ['backup', 'none'],
    defaultContent: ['backup'],
    shared: true,
    formats: ['pbs-ct'],
  },
};

const commonOptions = ['nodes', 'disable', 'content', 'bwlimit'];
/** Members of an entry; all other settings are kept in `options`. */
const members = new Set(['nodes', 'disable', 'content', 'shared', 'path']);
/** Settings that no answer shows. */
const secrets = new Set(['password', 'encryption-key', 'keyring', 'master-pubkey']);
/** Space of a storage that is not a part of the root file system, in bytes. */
const ownSpaceBytes = 512 * 1024 ** 3;

/**
 * Rules of a type.
 *
 * @throws SimError 501 for types that Proxmox VE has and the simulator has not.
 */
function rulesOf(type: string): TypeRules {
  const found = Object.hasOwn(rules, type) ? rules[type as StorageType] : undefined;
  if (!found) throw new SimError(501, `storage type '${type}' is not simulated`);
  return found;
}

function splitList(text: string): string[] {
  return text.split(/[\s,;]+/).filter((item) => item !== '');
}

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
    ({ totalBytes: _total, baseUsedBytes: _used, ...entry }) => entry,
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

/** A right that using a volume needs. */
type Need = readonly [path: string, privileges: readonly string[], any?: true];

/**
 * Rights that reading or attaching a volume needs.
 * Source: contract lxc-endpoints §I (an auditor sees no container volumes) and pve-storage's volume access check.
 */
function accessNeeds(
  context: HandlerContext,
  volid: string,
  forVmid: number | undefined,
): readonly Need[] | undefined {
  const parsed = parseVolumeId(volid);
  if (!parsed) return undefined;
  const name = parseVolumeName(storageConfig(context.state, parsed.storage).type, parsed.name);
  const path = `/storage/${parsed.storage}`;
  if (!name) return undefined;
  if (context.has(path, ['Datastore.Allocate'])) return [];
  if (['iso', 'vztmpl', 'import'].includes(name.content))
    return [[path, ['Datastore.AllocateSpace', 'Datastore.Audit'], true]];
  if (name.vmid === undefined) return undefined;
  if (forVmid === name.vmid) return [];
  const owner = `/vms/${name.vmid}`;
  if (name.content === 'backup')
    return [
      [path, ['Datastore.AllocateSpace']],
      [owner, ['VM.Backup']],
    ];
  return [
    [path, ['Datastore.Audit']],
    [owner, ['VM.Config.Disk']],
  ];
}

/**
 * Tells whether the caller may see and use a volume.
 *
 * @param context - request.
 * @param volume - the volume.
 */
export function mayAccessVolume(context: HandlerContext, volume: SimVolume): boolean {
  const needs = accessNeeds(context, volume.volid, undefined);
  return (
    needs?.every(([path, privileges, any]) => context.has(path, privileges, { any: any ?? false })) ?? false
  );
}

/**
 * Refuses a caller who may not use a volume.
 *
 * @param context - request.
 * @param volid - volume id; its storage must exist.
 * @param forVmid - guest that the volume is for; its own volumes need no further right.
 * @throws SimError 403 with the missing right, or 500 `missing privileges to access VOLID`.
 */
export function needVolumeAccess(context: HandlerContext, volid: string, forVmid?: number): void {
  const needs = accessNeeds(context, volid, forVmid) ?? die(`missing privileges to access ${volid}`);
  for (const [path, privileges, any] of needs) context.need(path, privileges, { any: any ?? false });
}

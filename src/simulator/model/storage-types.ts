/** Storage types: which settings each takes, which kinds of volumes it may hold. A table and its look-up. */
import { SimError } from '../context.ts';
import type { StorageType } from './state.ts';

/** What storage.cfg knows of a type. */
export interface TypeRules {
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

/**
 * Rules of a type.
 *
 * @throws SimError 501 for types that Proxmox VE has and the simulator has not.
 */
export function rulesOf(type: string): TypeRules {
  const found = Object.hasOwn(rules, type) ? rules[type as StorageType] : undefined;
  if (!found) throw new SimError(501, `storage type '${type}' is not simulated`);
  return found;
}

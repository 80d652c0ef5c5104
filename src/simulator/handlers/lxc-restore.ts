/** What a restore takes over from the backed-up config. No handler itself. */
import { lxcNet } from '../../schema/generated/formats.gen.ts';
import { die, type HandlerContext, type SimWorker } from '../context.ts';
import { backupContent } from '../model/appliances.ts';
import { mountsOf } from '../model/lxc-config.ts';
import { parseProperties, printMount } from '../model/property-values.ts';
import { needVolume } from '../model/volume-operations.ts';
import { printPropertyString } from '../wire/property-string.ts';
import { changeContext } from './lxc-common.ts';
import { needBridgeAccess } from './lxc-rights.ts';
import type { NewConfig } from './lxc-unpack.ts';

const GiB = 1024 ** 3;
/** Keys of the backup that are not taken over; disks are made anew. */
const ownKeys = /^(rootfs|mp\d+|unused\d+|unprivileged|parent|lock|template)$/;

/** A backup as the restore sees it. */
export interface RestoredBackup {
  readonly config: Readonly<Record<string, string>>;
  readonly raw: readonly (readonly [string, string])[];
  /** Disks of the same sizes on the target storage. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Bind and device mounts, which come back after unpacking. */
  readonly delayedMounts: Readonly<Record<string, string>>;
  readonly unprivileged: boolean;
  readonly wasTemplate: boolean;
}

/**
 * Reads a backup's config.
 *
 * @param request.storage - where its disks go.
 * @param request.config - values of the request, which win.
 * @throws SimError when the volume is missing or no backup of a container, or rights for its nets and mounts are.
 */
export function readBackup(
  context: HandlerContext,
  worker: SimWorker,
  request: { archive: string; node: string; storage: string; config: Readonly<Record<string, string>> },
): RestoredBackup {
  const { archive, node, storage } = request;
  worker.log(`recovering backed-up configuration from '${archive}'`);
  const volume = needVolume(context.state, node, archive);
  const saved = backupContent(volume) ?? die(`Could not find '/etc/vzdump/pct.conf' in '${archive}'`);
  for (const [key, value] of Object.entries(saved.config))
    if (/^net\d+$/.test(key) && request.config[key] === undefined) needBridgeAccess(context, value);
  const mounts: Record<string, string> = {};
  const delayedMounts: Record<string, string> = {};
  for (const [key, mount] of mountsOf(saved.config)) {
    if (mount.kind === 'volume') {
      const { sizeBytes = die(`unable to detect disk size - please specify ${key} (size)`) } = mount;
      const { kind, options } = mount;
      mounts[key] = printMount(key, { kind, options, volume: `${storage}:${sizeBytes / GiB}` });
      continue;
    }
    if (key === 'rootfs')
      die(`restoring rootfs to ${mount.kind} mount is only possible by specifying -rootfs manually!`);
    if (!context.auth.isRoot) die(`restoring '${key}' to ${mount.kind} mount is only possible for root`);
    delayedMounts[key] = printMount(key, mount);
  }
  return {
    config: saved.config,
    raw: saved.raw,
    mounts,
    delayedMounts,
    unprivileged: saved.config['unprivileged'] === '1',
    wasTemplate: saved.config['template'] === '1',
  };
}

/**
 * Takes over what the request does not set. Raw lines come back only for root@pam; `unique` gives new MAC addresses.
 */
export function mergeBackup(context: HandlerContext, target: NewConfig, backup: RestoredBackup): void {
  const { newMac } = changeContext(context);
  const unique = context.flag('unique') ?? false;
  for (const [key, value] of Object.entries(backup.config)) {
    if (ownKeys.test(key) || target.config[key] !== undefined) continue;
    if (key === 'hookscript' && !context.auth.isRoot) continue;
    target.config[key] =
      unique && /^net\d+$/.test(key)
        ? printPropertyString(lxcNet, { ...parseProperties(lxcNet, value), hwaddr: newMac() })
        : value;
  }
  if (context.auth.isRoot)
    target.raw.push(...backup.raw.map(([key, value]): [string, string] => [key, value]));
}

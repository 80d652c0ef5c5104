/**
 * The checks before a container is created or restored, in the server's order (pve-container API2/LXC.pm create_vm,
 * contract lxc-endpoints §A). No handler itself; changes nothing.
 */
import { die, forbidden, type HandlerContext, paramError } from '../context.ts';
import { applyStopped } from '../model/apply-changes.ts';
import { commit, draftOf, mountsOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { checkProtection, prepareChange } from '../model/prepare-change.ts';
import type { SimContainer } from '../model/state.ts';
import { parseVolumeId } from '../model/volume-names.ts';
import { usableStorage } from '../model/volumes.ts';
import { changeContext, checkQuorum, checkVmidUnused, findContainer, vmidOf } from './lxc-common.ts';
import { configValues } from './lxc-config.ts';
import { needConfigRights, needVolumeOf } from './lxc-rights.ts';

const mountKey = /^(rootfs|mp\d+)$/;
const publicKey =
  /^(?:[^\s#].*\s)?(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s+[A-Za-z0-9+/]+={0,2}(\s.*)?$/;

/** A checked request. */
export interface Creation {
  readonly vmid: number;
  readonly node: string;
  readonly restore: boolean;
  readonly archive: string;
  readonly storage: string;
  /** Values of rootfs and mpN; empty: the default disk, or those of the backup. */
  readonly mounts: Readonly<Record<string, string>>;
  /** All other keys, as they are to be stored. */
  readonly config: Readonly<Record<string, string>>;
  readonly unprivileged: boolean | undefined;
  readonly pool: string | undefined;
  /** The container that is overwritten. */
  readonly replaced: SimContainer | undefined;
}

/** `SSH public key validation error` for anything that is neither a key, a comment nor empty. */
function checkKeys(text: string | undefined): void {
  const lines = (text ?? '').split('\n').map((line) => line.trim());
  if (lines.some((line) => line !== '' && !line.startsWith('#') && !publicKey.test(line)))
    die('SSH public key validation error');
}

/** Whether the caller may make a container of this id at all. */
function needAllocate(context: HandlerContext, vmid: number, pool: string | undefined, over: boolean): void {
  const allowed =
    context.has(`/vms/${vmid}`, ['VM.Allocate']) ||
    (pool !== undefined && context.has(`/pool/${pool}`, ['VM.Allocate'])) ||
    (over && context.has(`/vms/${vmid}`, ['VM.Backup']));
  if (!allowed) forbidden();
}

function checkStorage(context: HandlerContext, storage: string, node: string): void {
  if (!usableStorage(context.state, storage, node).content.includes('rootdir'))
    paramError({ storage: `storage '${storage}' does not support container directories` });
  context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
}

function checkMounts(context: HandlerContext, mounts: Readonly<Record<string, string>>, node: string): void {
  for (const [, mount] of mountsOf(mounts)) {
    if (mount.kind !== 'volume') {
      if (!context.auth.isRoot) die('Only root can pass arbitrary filesystem paths.');
      continue;
    }
    const { storage } = parseVolumeId(mount.volume) ?? die(`unable to parse volume ID '${mount.volume}'`);
    checkStorage(context, storage, node);
  }
}

/** Runs the values that are no disks through the same checks as a change of the config. */
function checkedConfig(
  context: HandlerContext,
  target: { vmid: number; node: string },
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const blank: SimContainer = {
    ...target,
    config: {},
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: null,
    createdAtMs: context.clock.now(),
    raw: [],
  };
  const changes = changeContext(context);
  const draft = draftOf(blank);
  prepareChange(changes, blank, draft, { set: values, delete: [], revert: [] });
  applyStopped(changes, blank, draft);
  commit(blank, draft);
  return blank.config;
}

/**
 * All checks before the config file is made.
 *
 * @throws SimError for the first that fails.
 */
export function checkCreation(context: HandlerContext): Creation {
  checkQuorum(context);
  const { state } = context;
  const vmid = vmidOf(context);
  const node = nodeOf(context).name;
  const restore = context.flag('restore') ?? false;
  const unprivileged = context.flag('unprivileged') ?? (restore ? undefined : true);
  if (!restore && !unprivileged) context.need('/', ['Sys.Modify']);
  if (context.flag('ha-managed')) context.need('/', ['Sys.Console']);
  const own = findContainer(context, vmid);
  const replaced = restore && context.flag('force') ? own : undefined;
  if (replaced) {
    if (replaced.runtime) die("can't overwrite running container");
    checkProtection(replaced.config, `unable to restore CT ${vmid}`);
  } else {
    checkVmidUnused(state, vmid);
  }
  checkKeys(context.text('ssh-public-keys'));
  const pool = context.text('pool');
  if (pool !== undefined && !Object.hasOwn(state.pools, pool)) forbidden(`pool '${pool}' does not exist`);
  needAllocate(context, vmid, pool, replaced !== undefined);
  const { unprivileged: _, ...values } = configValues(context);
  const storage = context.text('storage') ?? 'local';
  needConfigRights(context, { vmid, pool, old: {}, set: values, unprivileged: unprivileged ?? false });
  const archive = context.text('ostemplate') ?? '';
  if (archive === '-') die('pipe requires cli environment');
  needVolumeOf(context, archive, restore ? 'backup' : 'vztmpl', vmid);
  const entries = Object.entries(values).filter(([key]) => !/^unused\d+$/.test(key));
  const mounts = Object.fromEntries(
    entries
      .filter(([key]) => mountKey.test(key))
      .map(([key, value]) => [key, /^\d+(\.\d+)?$/.test(value) ? `${storage}:${value}` : value]),
  );
  if (Object.keys(mounts).length > 0 && mounts['rootfs'] === undefined)
    die("mount points configured, but 'rootfs' not set - aborting");
  checkMounts(context, mounts, node);
  if (mounts['rootfs'] === undefined) checkStorage(context, storage, node);
  const others = Object.fromEntries(entries.filter(([key]) => !mountKey.test(key)));
  const config = checkedConfig(context, { vmid, node }, others);
  return { vmid, node, restore, archive, storage, mounts, config, unprivileged, pool, replaced };
}

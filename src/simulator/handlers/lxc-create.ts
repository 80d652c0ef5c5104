/**
 * Creating and restoring containers (pve-container API2/LXC.pm create_vm): the checks before the task, in the server's
 * order, and the task.
 */
import {
  die,
  forbidden,
  type HandlerContext,
  type HandlerTable,
  paramError,
  SimError,
  type SimWorker,
} from '../context.ts';
import { applyStopped, checkProtection, prepareChange } from '../model/apply-changes.ts';
import { createdRootfsGiB, createdSwapMiB, unsetMemoryMiB } from '../model/defaults.ts';
import { commit, draftOf, mountsOf, volumesOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimContainer } from '../model/state.ts';
import { parseVolumeId } from '../model/volume-names.ts';
import { findVolume, freeVolume, usableStorage } from '../model/volumes.ts';
import {
  addToPool,
  changeContext,
  checkLock,
  checkQuorum,
  checkVmidUnused,
  createLockMs,
  findContainer,
  lockConfig,
  reserveContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';
import { configValues } from './lxc-config.ts';
import { freeDisks, makeDisks } from './lxc-disks.ts';
import { haSid } from './lxc-ha.ts';
import { mergeBackup, readBackup } from './lxc-restore.ts';
import { needConfigRights, needVolumeOf } from './lxc-rights.ts';
import { startTask } from './lxc-runtime.ts';
import { makeTemplate } from './lxc-template.ts';
import { type NewConfig, unpackBackup, unpackTemplate } from './lxc-unpack.ts';

const mountKey = /^(rootfs|mp\d+)$/;
const publicKey =
  /^(?:[^\s#].*\s)?(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s+[A-Za-z0-9+/]+={0,2}(\s.*)?$/;

/** A checked request. */
interface Creation {
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

/** All checks before the config file is made. */
function check(context: HandlerContext): Creation {
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

/** Makes the config file, with nothing but a lock; an existing one only gets the lock. */
async function reserve(context: HandlerContext, creation: Creation): Promise<SimContainer> {
  const { vmid, node, replaced, restore } = creation;
  const prefix = `unable to ${restore ? 'restore' : 'create'} CT ${vmid} -`;
  try {
    return await lockConfig(
      context,
      vmid,
      () => {
        if (!replaced) {
          checkVmidUnused(context.state, vmid);
          return reserveContainer(context, vmid, node);
        }
        checkLock(replaced);
        writeConfig(replaced, { lock: 'create' });
        return replaced;
      },
      { timeoutMs: createLockMs },
    );
  } catch (error) {
    if (error instanceof SimError) die(`${prefix} ${error.message}`);
    throw error;
  }
}

/** Removes what the new container replaces: the volumes of the old one. */
function destroyReplaced(context: HandlerContext, old: SimContainer): void {
  for (const volid of volumesOf(old))
    if (findVolume(context.state, old.node, volid)?.vmid === old.vmid)
      freeVolume(context.state, old.node, volid);
}

async function build(
  context: HandlerContext,
  worker: SimWorker,
  creation: Creation,
  container: SimContainer,
  made: string[],
): Promise<void> {
  const { vmid, node, restore, archive, storage, replaced } = creation;
  const ignoreErrors = context.flag('ignore-unpack-errors') ?? false;
  const backup = restore ? readBackup(context, worker, creation) : undefined;
  const unprivileged = creation.unprivileged ?? backup?.unprivileged ?? false;
  if (restore && !unprivileged && (!replaced || replaced.config['unprivileged'] === '1'))
    context.need('/', ['Sys.Modify']);
  const asked = Object.keys(creation.mounts).length > 0 ? creation.mounts : backup?.mounts;
  const target: NewConfig = {
    vmid,
    node,
    config: { ...creation.config, ...(unprivileged ? { unprivileged: '1' } : {}) },
    raw: [],
  };
  const disks = await makeDisks(
    context,
    worker,
    { vmid, node },
    asked ?? { rootfs: `${storage}:${createdRootfsGiB}` },
    made,
  );
  Object.assign(target.config, disks);
  if (replaced) destroyReplaced(context, replaced);
  const write = (): void => {
    container.raw = target.raw;
    container.snapshots = {};
    commit(container, { config: target.config, pending: {}, pendingDelete: {} });
  };
  if (backup) {
    await unpackBackup(context, worker, target, archive, { ignoreErrors });
    worker.log('merging backed-up and given configuration..');
    mergeBackup(context, target, backup);
  } else {
    await unpackTemplate(context, worker, target, archive, { ignoreErrors, onDetected: write });
  }
  target.config['hostname'] ??= `CT${vmid}`;
  target.config['memory'] ??= String(unsetMemoryMiB);
  target.config['swap'] ??= String(createdSwapMiB);
  Object.assign(target.config, backup?.delayedMounts);
  write();
  if (backup?.wasTemplate) {
    worker.log('Convert restored container to template...');
    makeTemplate(context, container);
  }
}

/** The task: builds the container, or leaves nothing of it. */
async function work(
  context: HandlerContext,
  worker: SimWorker,
  creation: Creation,
  container: SimContainer,
): Promise<void> {
  const { vmid, node, restore } = creation;
  const made: string[] = [];
  await lockConfig(
    context,
    vmid,
    async () => {
      try {
        await build(context, worker, creation, container, made);
      } catch (error) {
        freeDisks(context, node, made);
        // Nothing was touched before the first disk was made.
        if (creation.replaced && made.length === 0) writeConfig(container, { lock: undefined });
        else delete context.state.containers[vmid];
        if (!(error instanceof SimError)) throw error;
        die(`unable to ${restore ? 'restore' : 'create'} CT ${vmid} - ${error.message}`);
      }
      addToPool(context.state, vmid, creation.pool);
    },
    { worker },
  );
  const start = context.flag('start') ?? false;
  if (start)
    context.fork('vzstart', String(vmid), node, (starter) => startTask(context, starter, vmid, false));
  if (context.flag('ha-managed')) {
    worker.log('Add as HA resource');
    context.state.haResources[haSid(vmid)] = { state: start ? 'started' : 'stopped' };
  }
}

export const lxcCreateHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc': async (context) => {
    const creation = check(context);
    const container = await reserve(context, creation);
    const type = creation.restore ? 'vzrestore' : 'vzcreate';
    return context.fork(type, String(creation.vmid), creation.node, (worker) =>
      work(context, worker, creation, container),
    );
  },
};

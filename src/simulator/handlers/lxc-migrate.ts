/**
 * Moving containers between nodes of the cluster (pve-container API2/LXC.pm migrate_vm, LXC/Migrate.pm).
 * Running ones are shut down, moved and started again; live migration of containers does not exist.
 */
import {
  die,
  type HandlerContext,
  type HandlerTable,
  paramError,
  SimError,
  type SimWorker,
} from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { companions, obstacles } from '../model/ha-rules.ts';
import { commit, draftOf, mountsOf, unusedOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { printMount } from '../model/property-values.ts';
import type { SimContainer, SimVolume } from '../model/state.ts';
import { copyMs, durations } from '../model/timing.ts';
import { copyVolume, needVolume } from '../model/volume-operations.ts';
import { addVolume, contentBytes, freeVolume, usableStorage, volumeKey } from '../model/volumes.ts';
import { withParams } from './call-handler.ts';
import { checkLock, checkQuorum, lockConfig, needContainer, vmidOf, writeConfig } from './lxc-common.ts';
import { haSid, isHaManaged } from './lxc-ha.ts';
import { bootContainer, haltContainer } from './lxc-runtime.ts';

const defaultTimeoutSeconds = 180;

/** Which storage the volumes of each storage go to. */
type StorageMap = (storage: string) => string;

/** Time as the logs of migrations have it. */
export function timestamp(context: HandlerContext): string {
  return new Date(context.clock.now()).toISOString().slice(0, 19).replace('T', ' ');
}

/** Reads `target-storage`: pairs, a single storage for all, or `1` for the same names. */
function storageMap(text: string | undefined): StorageMap {
  const entries = splitList(text ?? '1');
  const pairs = new Map(
    entries.filter((entry) => entry.includes(':')).map((entry) => entry.split(':') as [string, string]),
  );
  const single = entries.find((entry) => !entry.includes(':') && entry !== '1');
  return (storage) => pairs.get(storage) ?? single ?? storage;
}

function checkTargetStorages(context: HandlerContext, container: SimContainer, target: string): void {
  const text = context.text('target-storage');
  if (text === undefined) return;
  const map = storageMap(text);
  context.need(`/vms/${container.vmid}`, ['VM.Config.Disk']);
  for (const [, mount] of mountsOf(container.config)) {
    const storage = map(mount.volume.split(':')[0] ?? '');
    if (!usableStorage(context.state, storage, target).content.includes('rootdir'))
      die(`storage '${storage}' does not support CT rootdirs`);
    context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  }
}

/** A volume that has to be moved, under the keys that name it. */
interface LocalVolume {
  readonly volume: SimVolume;
  readonly storage: string;
}

/** Finds what lies on the node alone; shared storages only have to be there on the target. */
function localVolumes(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
  target: string,
): LocalVolume[] {
  const { state } = context;
  const map = storageMap(context.text('target-storage'));
  const found: LocalVolume[] = [];
  const add = (volid: string, where: string): void => {
    const volume = needVolume(state, container.node, volid);
    const storage = volume.node === null ? volume.storage : map(volume.storage);
    usableStorage(state, storage, target);
    if (volume.node === null) return;
    worker.log(`${timestamp(context)} found local volume '${volid}' (${where})`);
    const base = /[:/](base(?:vol)?-\d+-[^/]+)\//.exec(volid)?.[1];
    if (base !== undefined) die(`can't migrate local volume '${volid}': clone of '${base}'`);
    if (
      volume.snapshots.length > 0 &&
      !['zfspool', 'btrfs'].includes(state.storages[volume.storage]?.type ?? '')
    )
      die(`can't migrate local volume '${volid}': non-migratable snapshot exists`);
    found.push({ volume, storage });
  };
  for (const [key, mount] of mountsOf(container.config)) {
    if (mount.kind === 'volume') add(mount.volume, 'in current VM config');
    else if (mount.options['shared'] !== '1') die(`cannot migrate local ${mount.kind} mount point '${key}'`);
  }
  for (const [, volid] of unusedOf(container.config)) add(volid, 'unused');
  return found;
}

/** Moves one volume; another storage gives it another name. */
async function moveVolume(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
  { volume, storage }: LocalVolume,
  target: string,
): Promise<SimVolume> {
  const { state } = context;
  const bytes = contentBytes(volume);
  if (storage === volume.storage) {
    if (state.volumes[volumeKey(target, volume.volid)])
      die(`volume '${volume.volid}' already exists on node '${target}'`);
    await worker.sleep(copyMs(bytes));
    delete state.volumes[volumeKey(volume.node, volume.volid)];
    return addVolume(state, { ...volume, node: target });
  }
  const copy = copyVolume(state, target, volume, { storage, vmid: container.vmid, ctime: context.seconds() });
  await worker.sleep(copyMs(bytes));
  freeVolume(state, container.node, volume.volid);
  worker.log(`${timestamp(context)} volume '${volume.volid}' is '${copy.volid}' on the target`);
  return copy;
}

/** Replaces moved volumes in the config. */
function rename(container: SimContainer, names: ReadonlyMap<string, string>): void {
  const draft = draftOf(container);
  for (const [key, mount] of mountsOf(draft.config)) {
    const volume = names.get(mount.volume);
    if (volume !== undefined) draft.config[key] = printMount(key, { ...mount, volume });
  }
  for (const [key, volid] of unusedOf(draft.config)) {
    const volume = names.get(volid);
    if (volume !== undefined) draft.config[key] = volume;
  }
  commit(container, draft);
}

async function move(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
  target: string,
): Promise<void> {
  const { vmid } = container;
  const wasRunning = container.runtime !== null;
  if (wasRunning) {
    if (context.flag('online') && !context.flag('restart'))
      die('lxc live migration is currently not implemented');
    worker.log(`${timestamp(context)} shutdown CT ${vmid}`);
    const timeoutMs = (context.number('timeout') ?? defaultTimeoutSeconds) * 1000;
    await haltContainer(context, worker, container, { timeoutMs, kill: true });
  }
  const ip = context.state.nodes[target]?.ip ?? '';
  worker.log(`${timestamp(context)} starting migration of CT ${vmid} to node '${target}' (${ip})`);
  await worker.sleep(durations.migratePrepare);
  const names = new Map<string, string>();
  for (const local of localVolumes(context, worker, container, target)) {
    const from = local.volume.volid;
    names.set(from, (await moveVolume(context, worker, container, local, target)).volid);
  }
  rename(container, names);
  container.node = target;
  worker.log(`${timestamp(context)} start final cleanup`);
  await worker.sleep(durations.migrateFinish);
  writeConfig(container, { lock: undefined });
  if (!wasRunning) return;
  worker.log(`${timestamp(context)} start container on target node`);
  try {
    await bootContainer(context, worker, container);
  } catch (error) {
    if (!(error instanceof SimError)) throw error;
    worker.log(`${timestamp(context)} ERROR: ${error.message}`);
    worker.log(`${timestamp(context)} ERROR: migration finished with problems`);
    die('migration problems');
  }
}

async function migrate(
  context: HandlerContext,
  worker: SimWorker,
  vmid: number,
  target: string,
): Promise<void> {
  const startedAt = context.clock.now();
  const container = needContainer(context, vmid);
  try {
    await lockConfig(context, vmid, () => {
      checkLock(container);
      writeConfig(container, { lock: 'migrate' });
    });
  } catch (error) {
    if (!(error instanceof SimError)) throw error;
    worker.log(`${timestamp(context)} ERROR: migration aborted (duration 00:00:00): ${error.message}`);
    die('migration aborted');
  }
  try {
    await move(context, worker, container, target);
  } catch (error) {
    if (!(error instanceof SimError) || error.message === 'migration problems') throw error;
    worker.log(`${timestamp(context)} ERROR: ${error.message}`);
    worker.log(`${timestamp(context)} aborting phase 1 - cleanup resources`);
    worker.log(`${timestamp(context)} start final cleanup`);
    writeConfig(container, { lock: undefined });
    worker.log(
      `${timestamp(context)} ERROR: migration aborted (duration ${elapsed(context, startedAt)}): ${error.message}`,
    );
    die('migration aborted');
  }
  worker.log(
    `${timestamp(context)} migration finished successfully (duration ${elapsed(context, startedAt)})`,
  );
}

/** `HH:MM:SS` since a time in simulated ms. */
export function elapsed(context: HandlerContext, startedAt: number): string {
  return new Date(context.clock.now() - startedAt).toISOString().slice(11, 19);
}

/**
 * What the HA manager does in its next round with a container that shall move: running ones are restarted on the way.
 *
 * @param node - where it is.
 * @param target - where it shall go.
 */
export function moveInNextRound(context: HandlerContext, vmid: number, node: string, target: string): void {
  const there = withParams(context, { node, vmid, target, restart: 1 });
  void context.clock.sleep(durations.haCycle).then(() => {
    if (context.state.containers[vmid]?.node !== node || !context.state.haResources[haSid(vmid)]) return;
    context.fork('vzmigrate', String(vmid), node, (mover) => migrate(there, mover, vmid, target));
  });
}

/** Asks the HA manager, which moves the container in its next round. */
function migrateByHa(context: HandlerContext, vmid: number, node: string, target: string): string {
  return context.fork('hamigrate', String(vmid), node, async (worker) => {
    worker.log(`Requesting HA migration for CT ${vmid} to node ${target}`);
    await worker.sleep(durations.fail);
    moveInNextRound(context, vmid, node, target);
  });
}

function startMigration(context: HandlerContext): string {
  const { state } = context;
  const node = nodeOf(context).name;
  const target = context.text('target') ?? '';
  if (target === node) paramError({ target: 'target is local node.' });
  checkQuorum(context);
  if (!Object.hasOwn(state.nodes, target)) die(`no such cluster node '${target}'`);
  const vmid = vmidOf(context);
  const container = needContainer(context);
  if (container.runtime && !context.flag('online') && !context.flag('restart'))
    die("can't migrate running container without --online or --restart");
  checkTargetStorages(context, container, target);
  if (isHaManaged(state, vmid)) return migrateByHa(context, vmid, node, target);
  return context.fork('vzmigrate', String(vmid), node, (worker) => migrate(context, worker, vmid, target));
}

function preconditions(context: HandlerContext): unknown {
  const container = needContainer(context);
  const wanted = context.text('target');
  const others = Object.values(context.state.nodes)
    .filter(({ name, status }) => name !== container.node && status === 'online')
    .map(({ name }) => name);
  const sid = haSid(container.vmid);
  const managed = isHaManaged(context.state, container.vmid);
  const candidates = others.filter((name) => wanted === undefined || name === wanted);
  const blocked = candidates
    .map((name) => [name, managed ? obstacles(context.state, sid, name) : []] as const)
    .filter(([, found]) => found.length > 0);
  const refused = new Set(blocked.map(([name]) => name));
  return {
    running: container.runtime ? 1 : 0,
    'allowed-nodes': candidates.filter((name) => !refused.has(name)),
    'not-allowed-nodes': Object.fromEntries(
      blocked.map(([name, found]) => [name, { 'blocking-ha-resources': found }]),
    ),
    'dependent-ha-resources': managed ? companions(context.state, sid) : [],
  };
}

export const lxcMigrateHandlers: HandlerTable = {
  'GET /nodes/{node}/lxc/{vmid}/migrate': preconditions,
  'POST /nodes/{node}/lxc/{vmid}/migrate': startMigration,
};

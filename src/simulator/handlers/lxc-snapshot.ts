/**
 * Snapshots of containers (pve-container API2/LXC/Snapshot.pm, pve-guest-common AbstractConfig.pm).
 * The long part of each operation runs under a lock in the config, not under the file lock.
 */
import { die, type HandlerContext, type HandlerTable, type SimWorker } from '../context.ts';
import { configDigest } from '../model/digest.ts';
import { copyInside } from '../model/inside.ts';
import {
  addUnused,
  commit,
  draftOf,
  mountsOf,
  shownSnapshot,
  storedDescription,
} from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimContainer, SimSnapshot, SimVolume } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import {
  checkRollback,
  deleteVolumeSnapshot,
  hasVolumeFeature,
  needVolume,
  rollbackVolume,
  snapshotVolume,
} from '../model/volume-operations.ts';
import { findVolume } from '../model/volumes.ts';
import {
  checkLock,
  checkWritable,
  isTemplate,
  lockConfig,
  needContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';
import { needSnapshot } from './lxc-config.ts';
import { killContainer, startTask } from './lxc-runtime.ts';

const reservedNames = ['current', 'vzdump'];
/** Keys of the config that a snapshot does not keep. */
const notKept = /^(lock|description|parent|unused\d+)$/;

/** Volumes that a section names. */
function volumesIn(
  context: HandlerContext,
  node: string,
  config: Readonly<Record<string, string>>,
): SimVolume[] {
  return mountsOf(config)
    .filter(([, mount]) => mount.kind === 'volume')
    .map(([, mount]) => needVolume(context.state, node, mount.volume));
}

function forkSnapshot(
  context: HandlerContext,
  type: string,
  work: (worker: SimWorker, vmid: number) => Promise<void>,
): string {
  const vmid = vmidOf(context);
  return context.fork(type, String(vmid), nodeOf(context).name, (worker) => work(worker, vmid));
}

/** Enters the snapshot into the config. */
function prepare(context: HandlerContext, container: SimContainer, name: string): SimSnapshot {
  if (isTemplate(container)) die("you can't take a snapshot if it's a template");
  checkLock(container);
  if (Object.hasOwn(container.snapshots, name)) die(`snapshot name '${name}' already used`);
  const possible = mountsOf(container.config).every(([, mount]) =>
    hasVolumeFeature(context.state, 'snapshot', mount.volume),
  );
  if (!possible) die('snapshot feature is not available');
  // A snapshot of the same name that is gone may still be somebody's parent.
  for (const other of Object.values(container.snapshots)) if (other.parent === name) delete other.parent;
  const description = storedDescription(context.text('description') ?? '');
  const { parent } = container.config;
  const snapshot: SimSnapshot = {
    name,
    ...(parent === undefined ? {} : { parent }),
    ...(description === undefined ? {} : { description }),
    snaptime: context.seconds(),
    snapstate: 'prepare',
    config: Object.fromEntries(Object.entries(container.config).filter(([key]) => !notKept.test(key))),
  };
  checkWritable(context, container);
  copyInside(container, snapshot);
  container.snapshots[name] = snapshot;
  writeConfig(container, { lock: 'snapshot' });
  return snapshot;
}

async function create(context: HandlerContext, worker: SimWorker, vmid: number, name: string): Promise<void> {
  const lock = <T>(work: () => T): Promise<T> => lockConfig(context, vmid, work, { worker });
  const snapshot = await lock(() => prepare(context, needContainer(context, vmid), name));
  const container = needContainer(context, vmid);
  try {
    await worker.sleep(durations.snapshot);
    for (const volume of volumesIn(context, container.node, snapshot.config)) snapshotVolume(volume, name);
  } catch (error) {
    worker.log('snapshot create failed: starting cleanup');
    delete container.snapshots[name];
    writeConfig(container, { lock: undefined });
    throw error;
  }
  await lock(() => {
    delete snapshot.snapstate;
    writeConfig(container, { lock: undefined, parent: name });
  });
}

async function remove(context: HandlerContext, worker: SimWorker, vmid: number, name: string): Promise<void> {
  const force = context.flag('force') ?? false;
  const lock = <T>(work: () => T): Promise<T> => lockConfig(context, vmid, work, { worker });
  const container = needContainer(context, vmid);
  const snapshot = needSnapshot(container, name);
  await lock(() => {
    checkLock(container);
    if (isTemplate(container)) die("you can't delete a snapshot if vm is a template");
    checkWritable(context, container);
    snapshot.snapstate = 'delete';
    writeConfig(container, { lock: 'snapshot-delete' });
  });
  await worker.sleep(durations.deleteSnapshot);
  for (const [, mount] of mountsOf(snapshot.config)) {
    if (mount.kind !== 'volume') continue;
    const volume = findVolume(context.state, container.node, mount.volume);
    if (volume) deleteVolumeSnapshot(volume, name);
    else if (!force) die(`volume '${mount.volume}' does not exist`);
    else worker.log(`volume '${mount.volume}' does not exist`);
  }
  await lock(() => forget(container, snapshot));
}

/** Takes a snapshot out of the config: its children get its parent, volumes that nobody else names become unused. */
function forget(container: SimContainer, snapshot: SimSnapshot): void {
  const { name, parent } = snapshot;
  delete container.snapshots[name];
  for (const other of Object.values(container.snapshots)) {
    if (other.parent !== name) continue;
    if (parent === undefined) delete other.parent;
    else other.parent = parent;
  }
  const draft = draftOf(container);
  delete draft.config['lock'];
  if (draft.config['parent'] === name) {
    if (parent === undefined) delete draft.config['parent'];
    else draft.config['parent'] = parent;
  }
  for (const [, mount] of mountsOf(snapshot.config))
    if (mount.kind === 'volume') addUnused(draft.config, mount.volume);
  commit(container, draft);
}

async function rollback(
  context: HandlerContext,
  worker: SimWorker,
  vmid: number,
  name: string,
): Promise<void> {
  const lock = <T>(work: () => Promise<T> | T): Promise<T> => lockConfig(context, vmid, work, { worker });
  const container = needContainer(context, vmid);
  const volumes = await lock(async () => {
    if (isTemplate(container)) die("you can't rollback if vm is a template");
    const snapshot = needSnapshot(container, name);
    const named = volumesIn(context, container.node, snapshot.config);
    for (const volume of named) checkRollback(context.state, volume, name);
    if (snapshot.snapstate !== undefined)
      die(`unable to rollback to incomplete snapshot (snapstate = ${snapshot.snapstate})`);
    checkLock(container);
    checkWritable(context, container);
    await killContainer(context, worker, container);
    writeConfig(container, { lock: 'rollback' });
    return named;
  });
  await worker.sleep(durations.rollback);
  for (const volume of volumes) rollbackVolume(volume, name);
  await lock(() => restore(container, needSnapshot(container, name)));
  if (context.flag('start'))
    context.fork('vzstart', String(vmid), container.node, (starter) =>
      startTask(context, starter, vmid, false),
    );
}

/** Replaces the config by that of the snapshot; the description and unused volumes stay, pending changes do not. */
function restore(container: SimContainer, snapshot: SimSnapshot): void {
  const kept = Object.fromEntries(
    Object.entries(container.config).filter(([key]) => key === 'description' || /^unused\d+$/.test(key)),
  );
  const known = new Set(mountsOf(snapshot.config).map(([, mount]) => mount.volume));
  for (const [, mount] of mountsOf(container.config))
    if (mount.kind === 'volume' && !known.has(mount.volume)) addUnused(kept, mount.volume);
  const config = { ...kept, ...snapshot.config, parent: snapshot.name };
  commit(container, { config, pending: {}, pendingDelete: {} });
  copyInside(snapshot, container);
}

function rows(container: SimContainer): Record<string, unknown>[] {
  const { parent } = container.config;
  const listed = Object.values(container.snapshots).map((snapshot) => ({
    name: snapshot.name,
    snaptime: snapshot.snaptime,
    description: snapshot.description ?? '',
    ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }),
    ...(snapshot.snapstate === undefined ? {} : { snapstate: snapshot.snapstate }),
  }));
  const current = {
    name: 'current',
    description: 'You are here!',
    digest: configDigest(container),
    running: container.runtime ? 1 : 0,
    ...(parent === undefined ? {} : { parent }),
  };
  return [...listed, current];
}

const snapshotOf = (context: HandlerContext): string => context.text('snapname') ?? '';

export const lxcSnapshotHandlers: HandlerTable = {
  'GET /nodes/{node}/lxc/{vmid}/snapshot': (context) => rows(needContainer(context)),
  'POST /nodes/{node}/lxc/{vmid}/snapshot': (context) => {
    const name = snapshotOf(context);
    if (reservedNames.includes(name)) die(`unable to use snapshot name '${name}' (reserved name)`);
    return forkSnapshot(context, 'vzsnapshot', (worker, vmid) => create(context, worker, vmid, name));
  },
  'DELETE /nodes/{node}/lxc/{vmid}/snapshot/{snapname}': (context) =>
    forkSnapshot(context, 'vzdelsnapshot', (worker, vmid) =>
      remove(context, worker, vmid, snapshotOf(context)),
    ),
  'GET /nodes/{node}/lxc/{vmid}/snapshot/{snapname}': () => [{ cmd: 'rollback' }, { cmd: 'config' }],
  'POST /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback': (context) =>
    forkSnapshot(context, 'vzrollback', (worker, vmid) =>
      rollback(context, worker, vmid, snapshotOf(context)),
    ),
  'GET /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config': (context) =>
    shownSnapshot(needSnapshot(needContainer(context), snapshotOf(context))),
  'PUT /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config': async (context) => {
    await lockConfig(context, vmidOf(context), () => {
      const container = needContainer(context);
      checkLock(container);
      const snapshot = needSnapshot(container, snapshotOf(context));
      const text = context.text('description');
      if (text === undefined) return;
      const description = storedDescription(text);
      if (description === undefined) delete snapshot.description;
      else snapshot.description = description;
    });
    return null;
  },
};

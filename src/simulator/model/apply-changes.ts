/**
 * Carrying out changes of a container's config that wait in the pending section, stopped or running.
 * Follows pve-container LXC/Config.pm vmconfig_apply_pending and vmconfig_hotplug_pending, and LXC.pm update_net.
 */
import { lxcNet } from '../../schema/generated/formats.gen.ts';
import { die, SimError } from '../context.ts';
import { printPropertyString } from '../wire/property-string.ts';
import { isOfFamily, unsetCpuUnits } from './defaults.ts';
import { findBridge, needBridge } from './host.ts';
import { effectOfDelete, effectOfSet } from './hotplug.ts';
import { addUnused, cleanupPending, type Draft, volumeInUse } from './lxc-config.ts';
import type { ChangeContext } from './prepare-change.ts';
import { completeNet, newVolume, parseMount, printMount } from './property-values.ts';
import type { SimContainer, SimRuntime } from './state.ts';
import { parseVolumeId, parseVolumeName } from './volume-names.ts';
import { allocateVolume, findVolume, freeVolume, storageConfig } from './volumes.ts';

/** Texts by key of what could not be carried out. */
export type ApplyErrors = Record<string, string>;

/** Runs one step; a refusal becomes the text of its key. */
function attempt(errors: ApplyErrors, key: string, prefix: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof SimError)) throw error;
    errors[key] = `${prefix}${error.message}\n`;
  }
}

const selected = (keys: Readonly<Record<string, unknown>>, selection?: ReadonlySet<string>): string[] =>
  Object.keys(keys)
    .filter((key) => selection?.has(key) ?? true)
    .sort();

/** Destroys an unused volume, unless something still names it or it is somebody else's. */
function destroyUnused(context: ChangeContext, container: SimContainer, draft: Draft, key: string): void {
  const { volume: volid } = parseMount(key, draft.config[key]);
  const id = parseVolumeId(volid);
  if (!id || !Object.hasOwn(context.state.storages, id.storage)) return;
  if (volumeInUse(container, draft, volid)) return;
  const owner = parseVolumeName(storageConfig(context.state, id.storage).type, id.name)?.vmid;
  if (owner === container.vmid) freeVolume(context.state, container.node, volid);
}

/** The server notes the old volume in any case; writing the config drops the note when it is still mounted. */
function noteUnused(context: ChangeContext, draft: Draft, key: string, value: string): void {
  const mount = parseMount(key, value);
  const storage = mount.kind === 'volume' ? parseVolumeId(mount.volume)?.storage : undefined;
  if (storage !== undefined && Object.hasOwn(context.state.storages, storage))
    addUnused(draft.config, mount.volume);
}

/**
 * Makes or takes up the volume of a pending mount point, and notes the one it replaces as unused.
 * The pending value is rewritten with the real volume and its size.
 */
function applyMount(context: ChangeContext, container: SimContainer, draft: Draft, key: string): void {
  const { state } = context;
  const mount = parseMount(key, draft.pending[key]);
  const wanted = mount.kind === 'volume' ? newVolume(mount.volume) : undefined;
  const old = draft.config[key];
  if (wanted) {
    const volume = allocateVolume(state, {
      ...wanted,
      node: container.node,
      vmid: container.vmid,
      ctime: context.seconds(),
    });
    draft.pending[key] = printMount(key, {
      ...mount,
      volume: volume.volid,
      sizeBytes: volume.sizeBytes,
    });
  } else {
    const volume = mount.kind === 'volume' ? findVolume(state, container.node, mount.volume) : undefined;
    draft.pending[key] = printMount(key, volume ? { ...mount, sizeBytes: volume.sizeBytes } : mount);
  }
  if (old !== undefined) noteUnused(context, draft, key, old);
}

/**
 * Carries pending changes out on a stopped container.
 *
 * @param selection - only these keys; all when absent.
 * @returns texts of what failed; those keys stay pending.
 */
export function applyStopped(
  context: ChangeContext,
  container: SimContainer,
  draft: Draft,
  selection?: ReadonlySet<string>,
): ApplyErrors {
  const errors: ApplyErrors = {};
  const prefix = (key: string): string => `unable to apply pending change ${key} : `;
  for (const key of selected(draft.pendingDelete, selection)) {
    attempt(errors, key, prefix(key), () => {
      const value = draft.config[key];
      if (value !== undefined && isOfFamily(key, 'mp')) noteUnused(context, draft, key, value);
      if (value !== undefined && isOfFamily(key, 'unused')) destroyUnused(context, container, draft, key);
      delete draft.config[key];
      delete draft.pendingDelete[key];
    });
  }
  cleanupPending(draft);
  for (const key of selected(draft.pending, selection)) {
    attempt(errors, key, prefix(key), () => {
      if (isOfFamily(key, 'mp')) applyMount(context, container, draft, key);
      if (isOfFamily(key, 'net'))
        draft.pending[key] = printPropertyString(
          lxcNet,
          completeNet(draft.pending[key] ?? '', context.newMac),
        );
      draft.config[key] = draft.pending[key] as string;
      delete draft.pending[key];
    });
  }
  return errors;
}

/**
 * Carries changes out on a running container, as far as they can be.
 *
 * @param runtime - limits in force; changed at once, whatever becomes of the rest.
 * @param selection - only these keys.
 * @param write - writes the draft as it is; the network code does so in between.
 * @returns texts of what failed.
 */
export function applyRunning(
  context: ChangeContext,
  container: SimContainer,
  draft: Draft,
  runtime: SimRuntime,
  selection: ReadonlySet<string>,
  write: () => void,
): ApplyErrors {
  const errors: ApplyErrors = {};
  const prefix = (key: string): string => `unable to hotplug ${key}: `;
  const settle = (key: string, value: string): void => {
    draft.config[key] = value;
    delete draft.pending[key];
  };
  for (const key of selected(draft.pending, selection))
    if (effectOfSet(key, draft.config[key] !== undefined) === 'config')
      settle(key, draft.pending[key] as string);
  for (const key of selected(draft.pendingDelete, selection)) {
    if (effectOfDelete(key) === 'pending') continue;
    attempt(errors, key, prefix(key), () => {
      if (isOfFamily(key, 'unused')) destroyUnused(context, container, draft, key);
      setLimit(runtime, key, undefined);
      delete draft.config[key];
      delete draft.pendingDelete[key];
    });
  }
  for (const key of selected(draft.pending, selection)) {
    const effect = effectOfSet(key, draft.config[key] !== undefined);
    if (effect === 'pending') continue;
    attempt(errors, key, prefix(key), () => {
      if (effect === 'cgroup') setLimit(runtime, key, draft.pending[key]);
      if (isOfFamily(key, 'mp')) applyMount(context, container, draft, key);
      settle(
        key,
        effect === 'network'
          ? plugNet(context, container.node, draft, key, write)
          : (draft.pending[key] as string),
      );
    });
  }
  return errors;
}

/** Changes a limit of the running container; undefined: back to what applies without the key. */
function setLimit(runtime: SimRuntime, key: string, value: string | undefined): void {
  if (key === 'memory' && value !== undefined) runtime.memoryMiB = Number(value);
  if (key === 'swap') runtime.swapMiB = Number(value ?? 0);
  if (key === 'cpulimit') runtime.cpuLimit = value ?? '0';
  if (key === 'cpuunits') runtime.cpuUnits = Number(value ?? unsetCpuUnits);
}

/**
 * Plugs a new or changed interface of a running container.
 *
 * @returns the value as it is stored.
 * @throws SimError 500 when the bridge is missing. An interface that had to be made anew (other MAC address or name) is
 *   gone by then, and so it is in the config file, where the new value waits; with another bridge only, the old one stays.
 */
function plugNet(context: ChangeContext, node: string, draft: Draft, key: string, write: () => void): string {
  const net = completeNet(draft.pending[key] ?? '', context.newMac);
  const oldText = draft.config[key];
  const old = oldText === undefined ? undefined : completeNet(oldText, context.newMac);
  if (old && old['hwaddr'] === net['hwaddr'] && old['name'] === net['name']) {
    const replug = ['bridge', 'tag', 'firewall', 'link_down'].some((part) => old[part] !== net[part]);
    if (replug && net['link_down'] !== '1' && !findBridge(context.state, node, net['bridge']))
      die(`interface ${net['bridge'] ?? ''} does not exist\n`);
  } else {
    if (old) {
      delete draft.config[key];
      write();
    }
    needBridge(context.state, node, net['bridge']);
  }
  const value = printPropertyString(lxcNet, net);
  draft.config[key] = value;
  write();
  return value;
}

/** Reading and changing the config of a container (pve-container API2/LXC/Config.pm). */
import { die, type HandlerContext, type HandlerTable, paramError, SimError } from '../context.ts';
import { applyRunning, applyStopped } from '../model/apply-changes.ts';
import { splitList } from '../model/datacenter.ts';
import { configKeyType, isOfFamily } from '../model/defaults.ts';
import { configDigest } from '../model/digest.ts';
import { effectOfSet } from '../model/hotplug.ts';
import { commit, type Draft, draftOf, pendingRows, shownConfig, shownSnapshot } from '../model/lxc-config.ts';
import { type ConfigChange, checkLxcConfig, prepareChange } from '../model/prepare-change.ts';
import { newVolume, parseMount } from '../model/property-values.ts';
import { checkReplicatable } from '../model/replication.ts';
import type { SimContainer } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import {
  changeContext,
  checkDigest,
  checkLock,
  checkWritable,
  lockConfig,
  needContainer,
  vmidOf,
} from './lxc-common.ts';
import { lockStorage } from './lxc-disks.ts';
import { needConfigRights } from './lxc-rights.ts';

/** cgroup v2 knows weights from 1 to 10000; the value is clamped before anything else looks at it. */
function clampCpuUnits(value: string): string {
  return String(Math.min(10_000, Math.max(1, Number(value))));
}

/** The parameters of a request that are config keys, as text. */
export function configValues(context: HandlerContext): Record<string, string> {
  const values: Record<string, string> = {};
  for (const key of Object.keys(context.params)) {
    const value = configKeyType(key) === undefined ? undefined : context.text(key);
    if (value !== undefined) values[key] = key === 'cpuunits' ? clampCpuUnits(value) : value;
  }
  return values;
}

/** A list of keys; a repeated parameter is a list as well. */
function list(context: HandlerContext, name: string): string[] {
  const value = context.params[name];
  return Array.isArray(value)
    ? value.flatMap((item) => splitList(String(item)))
    : splitList(context.text(name) ?? '');
}

function readChange(context: HandlerContext): ConfigChange {
  const given = Object.keys(context.params).filter((key) => !['node', 'vmid', 'digest'].includes(key));
  if (given.length === 0) die('no options specified');
  return { set: configValues(context), delete: list(context, 'delete'), revert: list(context, 'revert') };
}

/** Refuses unknown keys, and keys that are to be set and taken away at once. */
function checkNames({ set, delete: remove, revert }: ConfigChange): void {
  for (const key of revert) {
    if (configKeyType(key) === undefined) paramError({ revert: `unknown option '${key}'` });
    if (set[key] !== undefined)
      paramError({ revert: `you can't use '-${key}' and '-revert ${key}' at the same time` });
  }
  for (const key of remove) {
    if (configKeyType(key) === undefined) paramError({ delete: `unknown option '${key}'` });
    if (set[key] !== undefined)
      paramError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    if (revert.includes(key))
      paramError({ delete: `you can't use '-delete ${key}' and '-revert ${key}' at the same time` });
  }
}

/** Keys of the change that make volumes now, with their storages. */
function newDisks(
  container: SimContainer,
  draft: Draft,
  touched: ReadonlySet<string>,
): { key: string; storage: string }[] {
  return Object.keys(draft.pending)
    .filter((key) => touched.has(key) && isOfFamily(key, 'mp'))
    .filter((key) => !container.runtime || effectOfSet(key, draft.config[key] !== undefined) !== 'pending')
    .flatMap((key) => {
      const mount = parseMount(key, draft.pending[key]);
      const request = mount.kind === 'volume' ? newVolume(mount.volume) : undefined;
      return request ? [{ key, storage: request.storage }] : [];
    });
}

/** Runs a change while holding the locks of the storages that it makes volumes on. */
async function underStorageLocks(
  context: HandlerContext,
  container: SimContainer,
  disks: readonly { key: string; storage: string }[],
  work: () => void,
): Promise<void> {
  const [first, ...others] = disks;
  if (!first) return work();
  const { key, storage } = first;
  const rest = others.filter((other) => other.storage !== storage);
  let held = false;
  const run = async (): Promise<void> => {
    held = true;
    await context.clock.sleep(durations.allocate);
    await underStorageLocks(context, container, rest, work);
  };
  const place = { storage, node: container.node };
  await lockStorage(context, undefined, place, run).catch((error: unknown) => {
    if (held || !(error instanceof SimError)) throw error;
    const what = container.runtime
      ? `unable to hotplug ${key}: `
      : `unable to apply pending change ${key} : `;
    return paramError({ [key]: `${what}${error.message}\n` });
  });
}

async function change(context: HandlerContext, wanted: ConfigChange): Promise<void> {
  const container = needContainer(context);
  checkLock(container);
  checkDigest(container, context.text('digest'));
  const rights = {
    vmid: container.vmid,
    old: container.config,
    unprivileged: container.config['unprivileged'] === '1',
  };
  needConfigRights(context, { ...rights, remove: wanted.delete });
  needConfigRights(context, { ...rights, remove: wanted.revert });
  checkNames(wanted);
  needConfigRights(context, { ...rights, set: wanted.set });
  checkWritable(context, container);
  checkReplicatable(context.state, container.vmid, wanted.set);
  const changes = changeContext(context);
  const draft = draftOf(container);
  const touched = prepareChange(changes, container, draft, wanted);
  const write = (): void => commit(container, structuredClone(draft));
  await underStorageLocks(context, container, newDisks(container, draft, touched), () => {
    const errors = container.runtime
      ? applyRunning(changes, container, draft, container.runtime, touched, write)
      : applyStopped(changes, container, draft, touched);
    // Nothing more is written after an error; what the network code wrote in between stays.
    if (Object.keys(errors).length > 0) paramError(errors);
    write();
  });
  // The file for LXC is made last: its errors come too late to keep the change from being written.
  checkLxcConfig(context.state, container);
}

/**
 * Only those with VM.Config.Options may see the environment. The server asks with the wrong argument, so that the whole
 * call is refused instead of the key being left out (contract lxc-endpoints §C).
 */
function checkRestrictedRead(context: HandlerContext, ...sections: Readonly<Record<string, string>>[]): void {
  if (sections.some((section) => section['env'] !== undefined))
    context.need(`/vms/${vmidOf(context)}`, ['VM.Config.Options']);
}

function getConfig(context: HandlerContext): unknown {
  const snapshot = context.text('snapshot');
  const current = context.flag('current') ?? false;
  if (snapshot !== undefined && current) {
    const text = "cannot use 'snapshot' parameter with 'current'";
    paramError({ snapshot: text, current: text });
  }
  const container = needContainer(context);
  if (snapshot !== undefined) {
    const found = needSnapshot(container, snapshot);
    checkRestrictedRead(context, found.config);
    return { ...shownSnapshot(found), digest: configDigest(container) };
  }
  checkRestrictedRead(context, container.config, ...(current ? [] : [container.pending]));
  return shownConfig(container, current);
}

/**
 * Finds a snapshot that must be there.
 *
 * @throws SimError 500 `snapshot 'x' does not exist`.
 */
export function needSnapshot(container: SimContainer, name: string): SimContainer['snapshots'][string] {
  const found = Object.hasOwn(container.snapshots, name) ? container.snapshots[name] : undefined;
  return found ?? die(`snapshot '${name}' does not exist`);
}

export const lxcConfigHandlers: HandlerTable = {
  'GET /nodes/{node}/lxc/{vmid}/config': getConfig,
  'PUT /nodes/{node}/lxc/{vmid}/config': async (context) => {
    const wanted = readChange(context);
    await lockConfig(context, vmidOf(context), () => change(context, wanted));
    return null;
  },
  'GET /nodes/{node}/lxc/{vmid}/pending': (context) => {
    const container = needContainer(context);
    checkRestrictedRead(context, container.config, container.pending);
    return pendingRows(container);
  },
};

/** Reading and changing the config of a container (pve-container API2/LXC/Config.pm). */
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { applyRunning, applyStopped } from '../model/apply-changes.ts';
import { splitList } from '../model/datacenter.ts';
import { configKeyType } from '../model/defaults.ts';
import { configDigest } from '../model/digest.ts';
import { commit, draftOf, pendingRows, shownConfig, shownSnapshot } from '../model/lxc-config.ts';
import { type ConfigChange, checkLxcConfig, prepareChange } from '../model/prepare-change.ts';
import type { SimContainer } from '../model/state.ts';
import { changeContext, checkDigest, checkLock, lockConfig, needContainer, vmidOf } from './lxc-common.ts';
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

function change(context: HandlerContext, wanted: ConfigChange): void {
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
  const changes = changeContext(context);
  const draft = draftOf(container);
  const touched = prepareChange(changes, container, draft, wanted);
  const write = (): void => commit(container, structuredClone(draft));
  const errors = container.runtime
    ? applyRunning(changes, container, draft, container.runtime, touched, write)
    : applyStopped(changes, container, draft, touched);
  // Nothing more is written after an error; what the network code wrote in between stays.
  if (Object.keys(errors).length > 0) paramError(errors);
  write();
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

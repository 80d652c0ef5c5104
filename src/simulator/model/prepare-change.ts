/**
 * Checking a change of a container's config and putting it into the pending section, and the checks that follow each
 * write. Follows pve-container LXC/Config.pm update_pct_config and LXC.pm update_lxc_config. Rights and locks are the
 * callers' business.
 */
import { lxcDevice, lxcNet } from '../../schema/generated/formats.gen.ts';
import { die } from '../context.ts';
import { splitList, storedTags } from './datacenter.ts';
import { isOfFamily } from './defaults.ts';
import { needBridge, needDevice } from './host.ts';
import { cleanupPending, type Draft } from './lxc-config.ts';
import { parseMount, parseProperties } from './property-values.ts';
import type { SimContainer, SimState } from './state.ts';
import { parseVolumeId, parseVolumeName } from './volume-names.ts';
import { findVolume, storageConfig } from './volumes.ts';

/** What a change needs to know of its surroundings. */
export interface ChangeContext {
  readonly state: SimState;
  /** Seconds since the epoch. */
  readonly seconds: () => number;
  /** Makes a MAC address. */
  readonly newMac: () => string;
}

/** A change as it is asked for. */
export interface ConfigChange {
  readonly set: Readonly<Record<string, string>>;
  readonly delete: readonly string[];
  readonly revert: readonly string[];
}

/**
 * Refuses while the container is protected.
 *
 * @throws SimError 500 `WHAT - protection mode enabled`.
 */
export function checkProtection(config: Readonly<Record<string, string>>, what: string): void {
  if (config['protection'] === '1') die(`${what} - protection mode enabled`);
}

/**
 * Checks a change and puts it into the pending section.
 *
 * @returns the keys that it is about.
 * @throws SimError 500 when the change is refused as a whole.
 */
export function prepareChange(
  context: ChangeContext,
  container: SimContainer,
  draft: Draft,
  change: ConfigChange,
): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const key of change.revert) {
    delete draft.pending[key];
    delete draft.pendingDelete[key];
  }
  for (const key of change.delete) {
    if (draft.config[key] === undefined && draft.pending[key] === undefined) continue;
    touched.add(key);
    if (['memory', 'rootfs', 'ostype'].includes(key)) die(`unable to delete required option '${key}'`);
    if (isOfFamily(key, 'mp') || isOfFamily(key, 'unused'))
      checkProtection(draft.config, `can't remove CT ${container.vmid} drive '${key}'`);
    if (key === 'unprivileged') die(`unable to delete read-only option: '${key}'`);
    draft.pendingDelete[key] = false;
  }
  for (const key of Object.keys(change.set).sort()) {
    touched.add(key);
    draft.pending[key] = acceptedValue(context, container, key, change.set[key] as string);
    delete draft.pendingDelete[key];
  }
  cleanupPending(draft);
  return touched;
}

/** Checks one new value against the rest of the cluster; gives it as it is to be stored. */
function acceptedValue(context: ChangeContext, container: SimContainer, key: string, value: string): string {
  const { state } = context;
  const { node, vmid, config } = container;
  if (key === 'rootfs' || isOfFamily(key, 'mp')) {
    checkProtection(config, `can't update CT ${vmid} drive '${key}'`);
    const mount = parseMount(key, value);
    if (mount.kind !== 'volume') return value;
    const { storage } = parseVolumeId(mount.volume) ?? die(`unable to parse volume ID '${mount.volume}'`);
    if (!storageConfig(state, storage).content.includes('rootdir'))
      die(`storage '${storage}' does not allow content type 'rootdir' (Container)`);
    return value;
  }
  if (isOfFamily(key, 'net')) {
    checkNet(state, node, key, value);
    return value;
  }
  if (isOfFamily(key, 'dev')) {
    const { path = '' } = parseProperties(lxcDevice, value);
    needDevice(path);
    return value;
  }
  if (key === 'hookscript') checkHookscript(state, node, value);
  if (key === 'nameserver' || key === 'searchdomain') return splitList(value).join(' ');
  if (key === 'tags') return storedTags(state, value);
  if (key === 'unprivileged') die(`unable to modify read-only option: '${key}'`);
  return value;
}

function checkNet(state: SimState, node: string, key: string, value: string): void {
  const net = parseProperties(lxcNet, value);
  if (net['mtu'] !== undefined) {
    const { mtu } = needBridge(state, node, net['bridge']);
    if (Number(net['mtu']) > mtu) die(`${key}: MTU size '${net['mtu']}' is bigger than bridge MTU '${mtu}'`);
  }
  if (net['link_down'] !== '1' && net['host-managed'] === '1' && net['ip6'] === 'auto')
    die(`${key}: SLAAC is not supported for host-managed network configuration.`);
}

function checkHookscript(state: SimState, node: string, volid: string): void {
  const id = parseVolumeId(volid) ?? die(`unable to parse volume ID '${volid}'`);
  const content = parseVolumeName(storageConfig(state, id.storage).type, id.name)?.content;
  if (content !== 'snippets') die(`'${volid}' is not in the snippets directory`);
  if (!findVolume(state, node, volid)) die(`script '${volid}' does not exist`);
}

/**
 * What the server checks whenever it writes the file that LXC itself reads: after each change of the config, and at
 * each start.
 *
 * @throws SimError 500 for the first net (by key) whose bridge is missing, and for missing devices.
 */
export function checkLxcConfig(state: SimState, container: SimContainer): void {
  const { config, node } = container;
  if (config['template'] === '1') return;
  for (const key of ['arch', 'ostype'])
    if (config[key] === undefined) die(`missing '${key}' - internal error`);
  for (const key of Object.keys(config).filter((name) => isOfFamily(name, 'dev')))
    needDevice(parseProperties(lxcDevice, config[key] ?? '')['path'] ?? '');
  if (config['rootfs'] === undefined) die("missing 'rootfs' configuration");
  for (const key of Object.keys(config)
    .filter((name) => isOfFamily(name, 'net'))
    .sort()) {
    const net = parseProperties(lxcNet, config[key] ?? '');
    needBridge(state, node, net['bridge']);
    checkNet(state, node, key, config[key] ?? '');
  }
}

/**
 * Rights that one config key of a container needs, and the keys that are for root@pam alone.
 * PVE: pve-container LXC.pm, check_ct_modify_config_perm. Pure; knows nothing of an account.
 */
import { decodeLxcConfig } from '../codec/lxc-config.ts';
import { readVolume } from './spelling.ts';

/** One privilege on one path. */
export interface Right {
  /** ACL path, for example `/vms/101`. */
  readonly path: string;
  readonly privilege: string;
  /** Where it is best granted instead; absent: on the path. */
  readonly grantAt?: string;
  /** The entries of the path itself will be gone by then. */
  readonly inherited?: true;
}

/** What is needed: all rights of one of the sets. */
export interface Need {
  /** The set to be granted first; none: only root@pam, logged in with its password, may do it. */
  readonly oneOf: readonly (readonly Right[])[];
  /** Wire key that the need comes from; absent: the call as such. */
  readonly wireKey?: string;
}

/** Tags that are not free to all. */
export interface TagRules {
  /** Any tag may be given. */
  readonly free: boolean;
  /** These may be, whatever the rest says. */
  readonly allowed: readonly string[];
  /** Only with Sys.Modify on `/`. */
  readonly registered: readonly string[];
}

/** The container that a key belongs to. */
export interface KeyContext {
  readonly vmid: number;
  /** Present value of the key; undefined: unset, or a new container. */
  readonly old: string | undefined;
  /** Value to be set; undefined: deleted or reverted. */
  readonly value: string | undefined;
  readonly unprivileged: boolean;
  /** Sets of rights of which one gives a privilege on this container. */
  readonly guest: (privilege: string) => Need['oneOf'];
  /** The same without the pool that it is about to join. */
  readonly itself: (privilege: string) => Need['oneOf'];
  readonly tagRules?: TagRules;
}

type Sets = Need['oneOf'];

/** One privilege on one path, as a need. */
export const right = (path: string, privilege: string): Sets => [[{ path, privilege }]];

/** Any of several privileges on one path. */
export const anyRight = (path: string, privileges: readonly string[]): Sets =>
  privileges.map((privilege) => [{ path, privilege }]);

const rootOnly: Sets = [];

/**
 * What using an existing volume needs.
 * PVE: pve-storage Storage.pm, check_volume_access.
 *
 * @param volid - `storage:name`.
 * @param kind - what it is used as.
 * @param vmid - container that it is used by; its own volumes need nothing more.
 * @returns sets of rights, or undefined where nothing is needed.
 */
export function volumeAccess(
  volid: string,
  kind: 'rootdir' | 'vztmpl' | 'backup',
  vmid?: number,
): Sets | undefined {
  const path = `/storage/${readVolume(volid).storage ?? ''}`;
  if (kind === 'vztmpl')
    return anyRight(path, ['Datastore.Audit', 'Datastore.AllocateSpace', 'Datastore.Allocate']);
  const owner = /(?:(?:vm|base|subvol|basevol)-|vzdump-lxc-)(\d+)-[^/]*$/.exec(volid)?.[1];
  if (owner === undefined) return right(path, 'Datastore.Allocate');
  if (Number(owner) === vmid) return undefined;
  const [onStorage, onGuest] =
    kind === 'backup' ? ['Datastore.AllocateSpace', 'VM.Backup'] : ['Datastore.Audit', 'VM.Config.Disk'];
  return [
    [
      { path, privilege: onStorage },
      { path: `/vms/${owner}`, privilege: onGuest },
    ],
    ...right(path, 'Datastore.Allocate'),
  ];
}

/**
 * Reads the volume of a disk key.
 *
 * @param key - `rootfs` or `mpN`.
 * @param value - its property string.
 */
export function volumeOfDisk(key: string, value: string): string {
  const { rootfs, mounts } = decodeLxcConfig({ [key]: value });
  return (key === 'rootfs' ? rootfs : mounts[key])?.volume ?? '';
}

function diskNeeds(key: string, { guest, value, vmid }: KeyContext): Sets[] {
  const needs = [guest('VM.Config.Disk')];
  if (value === undefined) return needs;
  const volume = volumeOfDisk(key, value);
  const { storage, newBytes } = readVolume(volume);
  if (storage === undefined) return [...needs, rootOnly];
  if (newBytes !== undefined) return [...needs, right(`/storage/${storage}`, 'Datastore.AllocateSpace')];
  const access = volumeAccess(volume, 'rootdir', vmid);
  return access ? [...needs, access] : needs;
}

/**
 * What using the bridge of an interface needs.
 *
 * @param net - value of a netN key.
 * @returns one need per bridge and VLAN.
 */
export function bridgeNeeds(net: string): Sets[] {
  const { bridge, tag, trunks } = decodeLxcConfig({ net0: net }).nets['net0'] ?? {};
  if (bridge === undefined) return [];
  const vlans = [...(tag === undefined ? [] : [String(tag)]), ...(trunks?.split(';') ?? [])];
  // a name other than vmbrN may be a virtual network of the SDN, and which zone that is in is not known here
  const zones = /^vmbr\d+$/.test(bridge) ? ['localnetwork'] : ['localnetwork', '*'];
  return (vlans.length === 0 ? [''] : vlans.map((vlan) => `/${vlan}`)).map((vlan) =>
    zones.map((zone) => [{ path: `/sdn/zones/${zone}/${bridge}${vlan}`, privilege: 'SDN.Use' }]),
  );
}

const bridgesOf = (...nets: (string | undefined)[]): Sets[] =>
  nets.flatMap((net) => (net === undefined ? [] : bridgeNeeds(net)));

const flagsOf = (text: string | undefined): Readonly<Record<string, unknown>> => ({
  ...(text === undefined ? {} : decodeLxcConfig({ features: text }).features),
});

function featureNeeds({ old, value, unprivileged, guest }: KeyContext): Sets[] {
  if (!unprivileged) return [rootOnly];
  const before = flagsOf(old);
  const after = flagsOf(value);
  const names = Object.keys({ ...before, ...after });
  const differing = names.filter((name) => before[name] !== after[name]);
  if (old !== undefined && value !== undefined) {
    // PVE: compared as written, so that an absent flag is not one that is off
    if (differing.some((name) => name !== 'nesting')) return [rootOnly];
    return differing.length > 0 ? [guest('VM.Allocate')] : [];
  }
  if (names.length === 0) return [];
  const isNestingOnly = names.length === 1 && (before['nesting'] ?? after['nesting']) === true;
  return [isNestingOnly ? guest('VM.Allocate') : rootOnly];
}

const tagsOf = (text: string | undefined): string[] => (text ?? '').split(/[\s,;]+/).filter(Boolean);

function tagNeeds({ old, value, itself, tagRules }: KeyContext): Sets[] {
  const needs = [itself('VM.Config.Options')];
  if (!tagRules) return needs;
  const before = tagsOf(old);
  const after = tagsOf(value);
  const changed = [...new Set([...before, ...after])].filter(
    (tag) => before.includes(tag) !== after.includes(tag),
  );
  const { free, allowed, registered } = tagRules;
  const isGuarded = (tag: string): boolean => !(free || allowed.includes(tag)) || registered.includes(tag);
  return changed.some(isGuarded) ? [...needs, right('/', 'Sys.Modify')] : needs;
}

const oneOf =
  (privilege: string) =>
  (_key: string, { guest }: KeyContext): Sets[] => [guest(privilege)];

/** The first row that fits counts. */
const rows: readonly (readonly [keys: RegExp, needs: (key: string, context: KeyContext) => Sets[]])[] = [
  [/^(?:cores|cpuunits|cpulimit)$/, oneOf('VM.Config.CPU')],
  [/^unused\d+$/, oneOf('VM.Config.Disk')],
  [/^(?:rootfs|mp\d+)$/, diskNeeds],
  [/^(?:memory|swap)$/, oneOf('VM.Config.Memory')],
  [/^net\d+$/, (_key, { guest, old, value }) => [guest('VM.Config.Network'), ...bridgesOf(old, value)]],
  [/^dev\d+$/, () => [rootOnly]],
  [/^(?:nameserver|searchdomain|hostname)$/, oneOf('VM.Config.Network')],
  [/^features$/, (_key, context) => featureNeeds(context)],
  [/^hookscript$/, () => [rootOnly]],
  [/^tags$/, (_key, context) => tagNeeds(context)],
  [/./, oneOf('VM.Config.Options')],
];

/**
 * What changing a key needs of an account other than root@pam.
 *
 * @param key - wire key, for example `net0`.
 * @param context - the container, and the values before and after.
 * @returns all that is needed.
 */
export function keyNeeds(key: string, context: KeyContext): Need[] {
  const [, needs] = rows.find(([keys]) => keys.test(key)) ?? [];
  return (needs?.(key, context) ?? []).map((sets) => ({ oneOf: sets, wireKey: key }));
}

/**
 * Rights that changing a container needs, per config key (pve-container LXC.pm check_ct_modify_config_perm, contract
 * lxc-endpoints §C). The rights of the call itself are checked before, from the schema.
 */
import { lxcFeatures, lxcNet } from '../../schema/generated/formats.gen.ts';
import { die, forbidden, type HandlerContext } from '../context.ts';
import { splitList, tagRules } from '../model/datacenter.ts';
import { newVolume, parseMount, parseProperties } from '../model/property-values.ts';
import { needVolumeAccess } from '../model/volume-access.ts';
import { parseVolumeId, parseVolumeName } from '../model/volume-names.ts';
import { storageConfig } from '../model/volumes.ts';

/** One key of a change. */
interface KeyChange {
  readonly context: HandlerContext;
  readonly vmid: number;
  readonly pool: string | undefined;
  readonly key: string;
  readonly old: string | undefined;
  /** Undefined: the key is deleted (or reverted). */
  readonly value: string | undefined;
  readonly unprivileged: boolean;
}

type Check = (change: KeyChange) => void;

/**
 * Needs rights on a container, or on the pool that it goes into.
 *
 * @param pool - pool of the request; undefined: none.
 */
function needOnGuest(
  context: HandlerContext,
  vmid: number,
  pool: string | undefined,
  privileges: readonly string[],
): void {
  if (pool !== undefined && context.has(`/pool/${pool}`, privileges)) return;
  context.need(`/vms/${vmid}`, privileges);
}

const right =
  (privilege: string): Check =>
  ({ context, vmid, pool }) =>
    needOnGuest(context, vmid, pool, [privilege]);

const never =
  (text: string): Check =>
  () =>
    forbidden(text);

/**
 * Needs the right to use a net's bridge.
 *
 * @param net - value of a netN key.
 */
export function needBridgeAccess(context: HandlerContext, net: string): void {
  const { bridge, tag, trunks } = parseProperties(lxcNet, net);
  if (bridge === undefined) return;
  const path = `/sdn/zones/localnetwork/${bridge}`;
  const vlans = [...(tag === undefined ? [] : [tag]), ...(trunks === undefined ? [] : trunks.split(';'))];
  if (vlans.length === 0) context.need(path, ['SDN.Use']);
  for (const vlan of vlans) context.need(`${path}/${vlan}`, ['SDN.Use']);
}

/**
 * Needs the right to use a volume, and that it is of the right kind.
 *
 * @param content - kind that it has to be.
 * @throws SimError 500 for a path instead of a volume, unless the caller is root@pam.
 */
export function needVolumeOf(
  context: HandlerContext,
  volid: string,
  content: 'vztmpl' | 'backup' | 'rootdir',
  vmid: number,
): void {
  const id = parseVolumeId(volid);
  if (!id) {
    if (context.auth.isRoot) return;
    die('Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 655.');
  }
  const name = parseVolumeName(storageConfig(context.state, id.storage).type, id.name);
  if (!name) die(`unable to parse volume name '${id.name}'`);
  if (name.content !== content) die(`unable to use volume ${volid} - content type needs to be '${content}'`);
  needVolumeAccess(context, volid, vmid);
}

const checkDisk: Check = ({ context, vmid, pool, key, value }) => {
  needOnGuest(context, vmid, pool, ['VM.Config.Disk']);
  if (value === undefined) return;
  const mount = parseMount(key, value);
  if (mount.kind !== 'volume') forbidden(`mount point type ${mount.kind} is only allowed for root@pam`);
  const wanted = newVolume(mount.volume);
  if (wanted) context.need(`/storage/${wanted.storage}`, ['Datastore.AllocateSpace']);
  // A bare number is a size on the default storage, but the check takes it for a path.
  else needVolumeOf(context, mount.volume, 'rootdir', vmid);
};

const checkNet: Check = ({ context, vmid, pool, old, value }) => {
  needOnGuest(context, vmid, pool, ['VM.Config.Network']);
  if (old !== undefined) needBridgeAccess(context, old);
  if (value !== undefined) needBridgeAccess(context, value);
};

/** Which feature flags a change is about. */
function changedFlags(
  old: string | undefined,
  value: string | undefined,
): { nesting: boolean; others: boolean } {
  const before = parseProperties(lxcFeatures, old ?? '');
  const after = parseProperties(lxcFeatures, value ?? '');
  if (old !== undefined && value !== undefined) {
    // Compared as written: an absent flag is not the same as one that is 0.
    const names = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
    return { nesting: names.includes('nesting'), others: names.some((name) => name !== 'nesting') };
  }
  // Without flags on one side only `nesting=1` alone counts as a matter of nesting.
  const flags = { ...before, ...after };
  const names = Object.keys(flags);
  const nesting = names.length === 1 && flags['nesting'] === '1';
  return { nesting, others: names.length > 0 && !nesting };
}

const checkFeatures: Check = ({ context, vmid, pool, old, value, unprivileged }) => {
  if (!unprivileged)
    forbidden('changing feature flags for privileged container is only allowed for root@pam');
  const { nesting, others } = changedFlags(old, value);
  if (others) forbidden('changing feature flags (except nesting) is only allowed for root@pam');
  if (nesting) needOnGuest(context, vmid, pool, ['VM.Allocate']);
};

const checkTags: Check = ({ context, vmid, old, value }) => {
  context.need(`/vms/${vmid}`, ['VM.Config.Options']);
  if (context.has('/', ['Sys.Modify'])) return;
  const rules = tagRules(context.state);
  const before = new Set(splitList(old ?? ''));
  const after = new Set(splitList(value ?? ''));
  const known = rules.existing ? tagsSeenBy(context) : new Set<string>();
  for (const tag of [...before, ...after]) {
    if (before.has(tag) === after.has(tag)) continue;
    const allowed = rules.free || rules.list.includes(tag) || known.has(tag);
    if (!allowed || rules.registered.includes(tag)) forbidden(`/, Sys.Modify for modifying tag '${tag}'`);
  }
};

function tagsSeenBy(context: HandlerContext): Set<string> {
  const containers = Object.values(context.state.containers);
  const seen = containers.filter(({ vmid }) => context.has(`/vms/${vmid}`, ['VM.Audit']));
  return new Set(seen.flatMap(({ config }) => splitList(config['tags'] ?? '')));
}

/** The first row that fits counts. */
const rows: readonly (readonly [keys: RegExp, check: Check])[] = [
  [/^(cores|cpuunits|cpulimit)$/, right('VM.Config.CPU')],
  [/^(rootfs|mp\d+|unused\d+)$/, checkDisk],
  [/^(memory|swap)$/, right('VM.Config.Memory')],
  [/^net\d+$/, checkNet],
  [/^dev\d+$/, never('configuring device passthrough is only allowed for root@pam')],
  [/^(nameserver|searchdomain|hostname)$/, right('VM.Config.Network')],
  [/^features$/, checkFeatures],
  [/^hookscript$/, never('changing the hookscript is only allowed for root@pam')],
  [/^tags$/, checkTags],
  [/./, right('VM.Config.Options')],
];

/**
 * Needs the rights for a change of a container's config. root@pam with a ticket needs none.
 *
 * @param change.old - the config as it is; empty for a new container.
 * @param change.set - new values.
 * @param change.remove - keys to be deleted or reverted.
 * @throws SimError 403 for the first key that the caller may not change.
 */
export function needConfigRights(
  context: HandlerContext,
  change: {
    readonly vmid: number;
    readonly pool?: string | undefined;
    readonly old: Readonly<Record<string, string>>;
    readonly set?: Readonly<Record<string, string>>;
    readonly remove?: readonly string[];
    readonly unprivileged: boolean;
  },
): void {
  if (context.auth.isRoot) return;
  const { vmid, pool, old, set = {}, remove = [], unprivileged } = change;
  const check = (key: string, value: string | undefined): void => {
    const row = rows.find(([keys]) => keys.test(key));
    row?.[1]({ context, vmid, pool, key, old: old[key], value, unprivileged });
  };
  for (const [key, value] of Object.entries(set)) check(key, value);
  for (const key of remove) check(key, undefined);
}

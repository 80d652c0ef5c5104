/** What a clone is made from: which container is meant, and the config that it will have when the clone is made. */
import { decodeLxcConfig, type LxcConfig } from '../codec/lxc-config.ts';
import { suggest } from '../util/suggest.ts';
import type { ActualContainer, ActualFirewall, ClusterSnapshot } from './actual.ts';
import { adopt } from './adopt.ts';
import type { DesiredContainer, DesiredSource } from './desired.ts';
import { firewallRows, ruleParameters } from './extras.ts';
import type { Match } from './match.ts';
import { newConfig } from './plan-create.ts';
import type { PlanContext } from './plan-new.ts';
import type { RefusalText } from './refusal.ts';
import { readVolume, unknownVolume } from './spelling.ts';

type Clone = Extract<DesiredSource, { readonly clone: string }>;

/** A source that was found. */
export interface CloneSource {
  /** When it is of the same fleet. */
  readonly match?: Match;
  readonly actual?: ActualContainer;
  readonly vmid: number;
  readonly node: string;
  /** Its name in messages. */
  readonly name: string;
  readonly isTemplate: boolean;
  /** It runs when the clone is made. */
  readonly runs: boolean;
}

/** The server's defaults of a new container, which are written into its config. */
const createdDefaults = { memoryMiB: 512, swapMiB: 512 };

/**
 * Finds the container that `from.clone` names: a key of the fleet, else a vmid, else a host name.
 *
 * @returns the source, or why there is none.
 */
export function findSource(context: PlanContext, { clone }: Clone): CloneSource | RefusalText {
  const match = context.matches.get(clone);
  if (match) {
    const { desired, actual, vmid } = match;
    if (vmid === undefined)
      return {
        code: 'CLONE_SOURCE_UNKNOWN',
        message: `its source ${clone} cannot be had`,
        hint: 'see what is said about it',
      };
    const runs =
      desired.power === 'running' || (desired.power === 'unmanaged' && actual?.status === 'running');
    return {
      match,
      ...(actual ? { actual } : {}),
      vmid,
      node: actual?.node ?? desired.node,
      name: clone,
      isTemplate: actual?.isTemplate || desired.isTemplate || false,
      runs,
    };
  }
  const all = [...context.snapshot.containers.values()];
  const named = all.filter(({ name, vmid }) => name === clone || String(vmid) === clone);
  const [found] = named;
  if (!found || named.length > 1) {
    const near = suggest(clone, [...context.matches.keys()]);
    return {
      code: 'CLONE_SOURCE_UNKNOWN',
      message: found
        ? `several containers are called ${clone}: ${named.map(({ vmid }) => vmid).join(', ')}`
        : `there is no container ${clone} to clone`,
      hint: near === undefined ? 'write a key of this fleet, a host name or a vmid' : `did you mean ${near}?`,
    };
  }
  const { vmid, node, isTemplate } = found;
  return { actual: found, vmid, node, name: clone, isTemplate, runs: found.status === 'running' };
}

/**
 * The config of a container of the file after its part of the plan.
 *
 * @param chain - keys on the way here, to find sources that lead back to themselves.
 * @returns the config; undefined when the chain of sources has no end or no start.
 */
function plannedConfig(
  context: PlanContext,
  { desired, actual }: Match,
  chain: readonly string[] = [],
): LxcConfig | undefined {
  if (chain.includes(desired.key)) return undefined;
  if (actual) return actual.status === 'stopped' ? adopt(desired, actual).config : actual.live;
  if (!desired.from) return { ...createdDefaults, ...newConfig(desired).config };
  const base = sourceConfig(context, desired, [...chain, desired.key]);
  return base && adopt(desired, { live: base, next: base }).config;
}

/**
 * The config that a copy starts with, as its source has it.
 *
 * @param desired - a container with `from`.
 * @returns the config; undefined when it cannot be known.
 */
export function sourceConfig(
  context: PlanContext,
  desired: DesiredContainer,
  chain: readonly string[] = [],
): LxcConfig | undefined {
  const { from } = desired;
  if (!from) return undefined;
  const { sources } = context.snapshot;
  if ('backup' in from) {
    const raw = sources?.get(from.backup);
    return raw && decodeLxcConfig(raw);
  }
  const source = findSource(context, from);
  if (!('vmid' in source)) return undefined;
  if (from.snapshot !== undefined) {
    const raw = sources?.get(`${source.vmid}/${from.snapshot}`);
    return raw && decodeLxcConfig(raw);
  }
  return source.match ? plannedConfig(context, source.match, chain) : source.actual?.live;
}

/**
 * What of a source's config a copy has, before its own is written.
 *
 * @param config - of the source.
 * @param storage - where all volumes go; undefined: each stays on its own.
 * @param isUnique - it gets MAC addresses of its own.
 * @returns the config; its volumes are not known yet.
 */
export function copiedConfig(config: LxcConfig, storage: string | undefined, isUnique: boolean): LxcConfig {
  const { template: _template, lock: _lock, rootfs, nets, mounts, ...kept } = config;
  const { parent: _parent, ...other } = config.other;
  const moved = <T extends { readonly volume: string; readonly size?: number }>(disk: T): T => {
    const { storage: own, newBytes } = readVolume(disk.volume);
    if (own === undefined) return disk;
    const size = disk.size ?? newBytes;
    const sized = size === undefined ? {} : { size };
    return { ...disk, ...sized, volume: `${storage ?? own}:${unknownVolume}` };
  };
  const map = <T>(items: Readonly<Record<string, T>>, change: (item: T) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(items).map(([key, item]) => [key, change(item)]));
  return {
    ...kept,
    ...(rootfs ? { rootfs: moved(rootfs) } : {}),
    mounts: map(mounts, moved),
    nets: isUnique ? map(nets, ({ hwaddr: _mac, ...net }) => net) : nets,
    unused: {},
    other,
  };
}

/** Storages on which a clone can share the blocks of its source (contract behaviours §5). */
const linkable: ReadonlySet<string> = new Set(['lvmthin', 'zfspool', 'rbd', 'btrfs']);

/**
 * What copies can be made on storages.
 *
 * @param node - where the source is.
 * @param storages - names.
 * @returns whether all can hold linked clones, and whether all nodes have all of them.
 */
export function storageFacts(
  snapshot: Pick<ClusterSnapshot, 'storages'>,
  node: string,
  storages: readonly string[],
): { readonly canLink: boolean; readonly isShared: boolean } {
  const infos = storages.map((name) =>
    snapshot.storages.find((one) => one.storage === name && one.node === node),
  );
  return {
    canLink: infos.every((info) => info !== undefined && linkable.has(info.type)),
    isShared: infos.every((info) => info?.shared ?? false),
  };
}

/** Storages of all volumes of a config. */
export function storagesOf({ rootfs, mounts }: LxcConfig): string[] {
  const disks = [...(rootfs ? [rootfs] : []), ...Object.values(mounts)];
  return [...new Set(disks.flatMap(({ volume }) => readVolume(volume).storage ?? []))];
}

/** The firewall that a clone gets from its source. */
export function inheritedFirewall(context: PlanContext, source: CloneSource): ActualFirewall {
  const found = context.snapshot.firewalls?.get(source.vmid);
  const wanted = source.match?.desired.firewall;
  const rules = wanted?.rules?.map(ruleParameters) ?? found?.rules ?? [];
  const options = { ...found?.options };
  for (const { name, key } of firewallRows) {
    const value = (wanted as Readonly<Record<string, string | boolean | null | undefined>> | undefined)?.[
      name
    ];
    if (value === null) delete options[key];
    else if (value !== undefined) options[key] = value;
  }
  // digests are those of the source's file
  return { options, rules: rules.map(({ digest: _digest, ...rule }) => rule) };
}

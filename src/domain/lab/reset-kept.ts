/**
 * What must be as before after a reset: taken from the container, or from the record of a reset that was not finished,
 * and put into what the file asks for where the file says nothing. Pure.
 */
import { splitDescription } from '../../codec/description.ts';
import type { LxcConfig } from '../../codec/lxc-config.ts';
import { decodeBoolean } from '../../codec/scalar.ts';
import { naturalCompare } from '../../util/compare.ts';
import type { ActualContainer, ActualFirewall, HaResource } from '../actual.ts';
import type { DesiredContainer, DesiredFirewall, DesiredHa, DesiredNet } from '../desired.ts';
import { firewallRows, readRule } from '../extras.ts';
import { entriesOf } from '../families.ts';
import { ownershipTag } from '../field-row.ts';
import { plainPath } from '../spelling.ts';
import { netRows, showSubkeys } from '../subkeys.ts';
import type { AclEntry, Kept, ResetFacts } from './reset-facts.ts';

/** Interfaces of a config by name, in the words of a fleet file; one that repeats a name is left out. */
export function netsOf(config: LxcConfig): Record<string, DesiredNet> {
  const shown = [...entriesOf('nets', config)].filter(([name, { key }]) => !name.endsWith(`@${key}`));
  return Object.fromEntries(
    shown.map(([name, { item }]) => [name, showSubkeys(netRows, item) as unknown as DesiredNet]),
  );
}

/** Volumes of a config by path. */
function volumesOf(config: LxcConfig): Record<string, string> {
  const mounts = Object.values(config.mounts).map(({ mp, volume }) => [plainPath(mp), volume] as const);
  return Object.fromEntries(mounts.filter(([, volume]) => !volume.startsWith('/')));
}

/** Volumes that are mounted now and that the baseline does not know. */
function volumesBeside(config: LxcConfig, baseline: LxcConfig | undefined): Record<string, string> {
  if (!baseline) return {};
  const known = new Set(Object.values(volumesOf(baseline)));
  return Object.fromEntries(Object.entries(volumesOf(config)).filter(([, volume]) => !known.has(volume)));
}

const withoutDigests = ({ options, rules }: ActualFirewall): ActualFirewall => ({
  options,
  rules: rules.map(({ digest: _digest, ...rule }) => rule),
});

const identityOf = ({ type, ugid, roleid }: AclEntry): string => `${type} ${ugid} ${roleid}`;

/** Entries of both lists, each once. */
function unite(first: readonly AclEntry[], second: readonly AclEntry[]): AclEntry[] {
  const all = new Map([...second, ...first].map((entry) => [identityOf(entry), entry]));
  return [...all].sort(([a], [b]) => naturalCompare(a, b)).map(([, entry]) => entry);
}

/**
 * Takes down what a container must keep.
 *
 * @param fleet - name of its fleet; empty for none.
 * @param key - its name in the plan.
 * @param actual - as it is; undefined: an unfinished reset has destroyed it.
 * @param facts - what else was read. The record of an unfinished reset counts more than what is there now.
 * @returns undefined where nothing is known.
 */
export function keptOf(
  fleet: string,
  key: string,
  actual: ActualContainer | undefined,
  vmid: number,
  facts: ResetFacts,
): Kept | undefined {
  const before = facts.unfinished.get(vmid);
  if (!actual) return before;
  const { text, ownership } = splitDescription(actual.next.description ?? '');
  const ha = before?.ha ?? facts.ha.get(vmid);
  const firewall = before?.firewall ?? facts.firewalls.get(vmid);
  const pool = actual.pool ?? before?.pool;
  const line = ownership ?? before?.line;
  return {
    fleet,
    key,
    vmid,
    node: actual.node,
    running: actual.status === 'running' || (before?.running ?? false),
    nets: { ...netsOf(actual.next), ...before?.nets },
    volumes: { ...volumesBeside(actual.next, facts.baselines.get(vmid)), ...before?.volumes },
    ...(pool === undefined ? {} : { pool }),
    tags: (actual.next.tags ?? []).filter((tag) => tag !== ownershipTag),
    notes: text,
    ...(line ? { line } : {}),
    acls: unite(before?.acls ?? [], facts.acls.get(vmid) ?? []),
    ...(ha ? { ha } : {}),
    ...(firewall ? { firewall: withoutDigests(firewall) } : {}),
  };
}

/** Settings of the HA manager in the words of a fleet file, without what is at its default. */
function haOf({ state, maxRestart, maxRelocate, failback, comment }: HaResource): DesiredHa {
  const known = ['started', 'stopped', 'disabled', 'ignored'] as const;
  const found = known.find((one) => one === state);
  return {
    ...(found === undefined ? {} : { state: found }),
    ...(maxRestart === 1 ? {} : { maxRestart }),
    ...(maxRelocate === 1 ? {} : { maxRelocate }),
    ...(failback ? {} : { failback }),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** A firewall in the words of a fleet file; undefined: nothing is set. */
function firewallOf({ options, rules }: ActualFirewall): DesiredFirewall | undefined {
  const set = firewallRows.flatMap(({ name, key, unset }) => {
    const value = options[key];
    if (value === undefined) return [];
    return [[name, typeof unset === 'boolean' ? (decodeBoolean(value) ?? unset) : value] as const];
  });
  if (set.length === 0 && rules.length === 0) return undefined;
  return { ...Object.fromEntries(set), ...(rules.length === 0 ? {} : { rules: rules.map(readRule) }) };
}

/** An interface of the file on top of the one that was there; an address that was chosen from a range stays chosen. */
function keptNet(net: DesiredNet, before: DesiredNet | undefined): DesiredNet {
  const { ip, ip6 } = before ?? {};
  return {
    ...before,
    ...net,
    ...(net.ipPool && ip != null ? { ip } : {}),
    ...(net.ip6Pool && ip6 != null ? { ip6 } : {}),
  };
}

/** Interfaces of the file, with everything that it does not say as it was. */
function keptNets(desired: DesiredContainer, kept: Kept): Readonly<Record<string, DesiredNet>> {
  if (!desired.nets) return kept.nets;
  const nets = Object.entries(desired.nets).map(
    ([name, net]) => [name, keptNet(net, kept.nets[name])] as const,
  );
  return Object.fromEntries(nets);
}

/**
 * What the file asks for, completed for a container that is made anew: what it says nothing about is as it was before.
 *
 * @param desired - the container of the file, on any node.
 * @param kept - what it had.
 * @returns the container with fixed id and node.
 */
export function withKept(desired: DesiredContainer, kept: Kept): DesiredContainer {
  const { options } = desired;
  const ha = desired.ha ?? (desired.ha === undefined && kept.ha ? haOf(kept.ha) : undefined);
  const firewall = desired.firewall ?? (kept.firewall && firewallOf(kept.firewall));
  const pool = desired.pool ?? kept.pool;
  return {
    ...desired,
    vmid: kept.vmid,
    node: kept.node,
    nets: keptNets(desired, kept),
    options: {
      ...options,
      tags: options.tags === undefined ? kept.tags : options.tags,
      description: options.description === undefined ? kept.notes || null : options.description,
    },
    ...(pool === undefined ? {} : { pool }),
    ...(ha ? { ha } : {}),
    ...(firewall ? { firewall } : {}),
    power: desired.power === 'unmanaged' && kept.running ? 'running' : desired.power,
  };
}

/**
 * What the file asks for, completed for a rollback: interfaces that the baseline does not have keep their MAC addresses,
 * and volumes that it does not know are mounted again instead of new ones.
 *
 * @param desired - the container of the file.
 * @param baseline - config that the rollback brings.
 * @param kept - what it had.
 */
export function withKeptBeside(desired: DesiredContainer, baseline: LxcConfig, kept: Kept): DesiredContainer {
  const old = netsOf(baseline);
  const known = volumesOf(baseline);
  const nets = Object.entries(desired.nets ?? {}).map(([name, net]) => {
    const mac = net.mac ?? (old[name] ? undefined : kept.nets[name]?.mac);
    return [name, mac === undefined ? net : { ...net, mac }] as const;
  });
  const mounts = Object.entries(desired.mounts ?? {}).map(([path, mount]) => {
    const volume = kept.volumes[plainPath(path)];
    if (volume === undefined || mount.source !== undefined || plainPath(path) in known)
      return [path, mount] as const;
    const { storage: _storage, sizeBytes: _size, ...rest } = mount;
    return [path, { ...rest, source: volume }] as const;
  });
  return {
    ...desired,
    ...(desired.nets ? { nets: Object.fromEntries(nets) } : {}),
    ...(desired.mounts ? { mounts: Object.fromEntries(mounts) } : {}),
  };
}

/** Entries that are to be there and are not. */
export function missingAcls(wanted: readonly AclEntry[], there: readonly AclEntry[]): AclEntry[] {
  const found = new Map(there.map((entry) => [identityOf(entry), entry]));
  return wanted.filter((entry) => found.get(identityOf(entry))?.propagate !== entry.propagate);
}

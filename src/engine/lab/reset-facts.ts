/** What a reset has to know beside the containers: snapshots, rights, HA, and of what is made anew the rest. Reads only. */

import { splitList } from '../../codec/list.ts';
import { decodeLxcConfig, type LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualContainer, ClusterSnapshot } from '../../domain/actual.ts';
import type { Vmid } from '../../domain/desired.ts';
import { type Kept, noFacts, type ResetFacts } from '../../domain/lab/reset-facts.ts';
import type { SnapshotInfo } from '../../domain/plan-snapshot.ts';
import type { EngineContext } from '../context.ts';
import { readFirewall, readHaResources } from '../observe-extras.ts';
import { mapBounded } from '../parallel.ts';
import { readSnapshots } from '../read-snapshots.ts';
import { readAcls } from './acls.ts';

/** What a section of a config has besides the config. */
const notConfig: ReadonlySet<string> = new Set(['description', 'digest', 'parent', 'snapstate', 'snaptime']);

async function readBaseline(
  context: EngineContext,
  { node, vmid }: ActualContainer,
  snapname: string,
): Promise<LxcConfig> {
  const path = '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config';
  const raw = await context.pve.get(path, { node, vmid, snapname }, { signal: context.signal });
  const entries = Object.entries(raw).filter(([key]) => !notConfig.has(key));
  return decodeLxcConfig(Object.fromEntries(entries));
}

/**
 * Reads what is needed to choose the strategies: two requests per container and two more.
 *
 * @param containers - those that are to be reset, and there.
 * @param snapshotOf - name of the baseline of each.
 * @param unfinished - what unfinished resets were to keep.
 */
export async function readResetFacts(
  context: EngineContext,
  containers: readonly ActualContainer[],
  snapshotOf: (container: ActualContainer) => string,
  unfinished: readonly Kept[],
): Promise<ResetFacts> {
  const read = await mapBounded(context.limits.requests, containers, async (container) => {
    const snapshots = await readSnapshots(context, container);
    const name = snapshotOf(container);
    const isThere = snapshots.some((one) => one.name === name);
    return {
      vmid: container.vmid,
      snapshots,
      baseline: isThere ? await readBaseline(context, container, name) : undefined,
    };
  });
  const hasHa = containers.some(({ haState }) => haState !== undefined);
  return {
    ...noFacts,
    snapshots: new Map(read.map(({ vmid, snapshots }): [Vmid, SnapshotInfo[]] => [vmid, snapshots])),
    baselines: new Map(
      read.flatMap(({ vmid, baseline }): [Vmid, LxcConfig][] => (baseline ? [[vmid, baseline]] : [])),
    ),
    acls: await readAcls(context),
    ha: hasHa ? await readHaResources(context) : new Map(),
    unfinished: new Map(unfinished.map((kept) => [kept.vmid, kept])),
  };
}

/** Guests with a replication job. */
async function readReplicated(context: EngineContext): Promise<Set<Vmid>> {
  const rows = await context.pve.get('/cluster/replication', {}, { signal: context.signal });
  return new Set(rows.map(({ guest }) => Number(guest)));
}

async function readFirewallObjects(
  context: EngineContext,
  { node, vmid }: ActualContainer,
): Promise<string[]> {
  const options = { signal: context.signal };
  const [aliases, sets] = await Promise.all([
    context.pve.get('/nodes/{node}/lxc/{vmid}/firewall/aliases', { node, vmid }, options),
    context.pve.get('/nodes/{node}/lxc/{vmid}/firewall/ipset', { node, vmid }, options),
  ]);
  return [...aliases.map(({ name }) => name), ...sets.map(({ name }) => `+${name}`)];
}

/**
 * Adds whether a replication job stands against making containers anew; one request.
 *
 * @param facts - as read before.
 */
export async function withReplication(context: EngineContext, facts: ResetFacts): Promise<ResetFacts> {
  return { ...facts, replicated: await readReplicated(context) };
}

/**
 * Adds what is needed to put containers back as they were that are made anew: four requests each.
 *
 * @param containers - those.
 */
export async function withFirewalls(
  context: EngineContext,
  facts: ResetFacts,
  containers: readonly ActualContainer[],
): Promise<ResetFacts> {
  const read = await mapBounded(context.limits.requests, containers, async (container) => ({
    vmid: container.vmid,
    firewall: await readFirewall(context, container.node, container.vmid),
    objects: await readFirewallObjects(context, container),
  }));
  return {
    ...facts,
    firewalls: new Map(read.map(({ vmid, firewall }) => [vmid, firewall])),
    firewallObjects: new Map(read.map(({ vmid, objects }) => [vmid, objects])),
  };
}

/** Adds the privileges of the roles that are to be given again; one request. */
export async function withRoles(context: EngineContext, snapshot: ClusterSnapshot): Promise<ClusterSnapshot> {
  const rows = await context.pve.get('/access/roles', {}, { signal: context.signal });
  return { ...snapshot, roles: new Map(rows.map(({ roleid, privs }) => [roleid, splitList(privs ?? '')])) };
}

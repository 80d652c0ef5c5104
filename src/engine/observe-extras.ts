/** HA resources and firewalls, only where a fleet manages them. Reads only. */
import type { Returns } from '../api/types.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import type { ActualFirewall, ClusterSnapshot, HaResource } from '../domain/actual.ts';
import type { DesiredFleet, Vmid } from '../domain/desired.ts';
import { matchFleet } from '../domain/match.ts';
import type { EngineContext } from './context.ts';
import { mapBounded } from './parallel.ts';

type HaRow = Returns<'GET', '/cluster/ha/resources'>[number];

function decodeHa(row: HaRow & Readonly<Record<string, unknown>>): HaResource {
  const { comment } = row;
  const state = typeof row['state'] === 'string' ? row['state'] : 'started';
  return {
    state: state === 'enabled' ? 'started' : state,
    maxRestart: decodeNumber(row['max_restart']) ?? 1,
    maxRelocate: decodeNumber(row['max_relocate']) ?? 1,
    failback: decodeBoolean(row['failback']) ?? true,
    ...(typeof comment === 'string' && comment !== '' ? { comment } : {}),
  };
}

/**
 * Reads the HA resources of all containers.
 *
 * @returns resources by vmid.
 * @throws PveError for an account that may not see them (Sys.Audit on /).
 */
export async function readHaResources(context: EngineContext): Promise<Map<Vmid, HaResource>> {
  const rows = await context.pve.get('/cluster/ha/resources', {}, { signal: context.signal });
  return new Map(
    rows.flatMap((row) => {
      const vmid = /^ct:(\d+)$/.exec(row.sid)?.[1];
      return vmid === undefined ? [] : [[Number(vmid), decodeHa(row)] as const];
    }),
  );
}

/**
 * Reads options and rules of a container's firewall.
 *
 * @throws PveError when the container is not on that node.
 */
export async function readFirewall(
  context: EngineContext,
  node: string,
  vmid: Vmid,
): Promise<ActualFirewall> {
  const options = { signal: context.signal };
  const [settings, rules] = await Promise.all([
    context.pve.get('/nodes/{node}/lxc/{vmid}/firewall/options', { node, vmid }, options),
    context.pve.get('/nodes/{node}/lxc/{vmid}/firewall/rules', { node, vmid }, options),
  ]);
  // the schema does not list the digest of the options, but it is there
  const { digest, ...set } = settings as Readonly<Record<string, string | number | boolean>>;
  const byPosition = rules.toSorted((a, b) => Number(a.pos) - Number(b.pos));
  return {
    options: set,
    rules: byPosition.map(({ pos: _pos, ...rule }) => rule as ActualFirewall['rules'][number]),
    ...(typeof digest === 'string' ? { optionsDigest: digest } : {}),
  };
}

/**
 * Reads what a fleet needs of both.
 *
 * @param snapshot - containers as observed.
 * @param fleet - whose containers matter.
 * @param sources - containers whose firewall a clone inherits, by vmid.
 * @returns the members of a snapshot; empty when the fleet manages neither.
 */
export async function readExtras(
  context: EngineContext,
  snapshot: ClusterSnapshot,
  fleet: DesiredFleet,
  sources: readonly Vmid[] = [],
): Promise<Pick<ClusterSnapshot, 'haResources' | 'firewalls'>> {
  const wantsHa = fleet.containers.some(({ ha }) => ha !== undefined);
  const haResources = wantsHa ? { haResources: await readHaResources(context) } : {};
  if (!fleet.containers.some(({ firewall }) => firewall !== undefined)) return haResources;
  const managed = matchFleet(fleet, snapshot).matches.flatMap(({ desired, actual }) =>
    actual && desired.firewall ? [actual.vmid] : [],
  );
  const read = [...new Set([...managed, ...sources])].flatMap((vmid) => snapshot.containers.get(vmid) ?? []);
  const firewalls = await mapBounded(
    context.limits.requests,
    read,
    async ({ node, vmid }) => [vmid, await readFirewall(context, node, vmid)] as const,
  );
  return { ...haResources, firewalls: new Map(firewalls) };
}

/** Reads containers in full, survives those that vanish, move or cannot be read, and tells which. Reads only. */
import { PveError } from '../api/errors/pve-error.ts';
import { CodecError } from '../codec/codec-error.ts';
import type { ActualContainer, GuestSummary } from '../domain/actual.ts';
import type { Vmid } from '../domain/desired.ts';
import { messageOf } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { isGone } from './failures.ts';
import { isNodeDown, warn } from './notices.ts';
import { mapBounded } from './parallel.ts';
import { readContainer } from './read-container.ts';
import { decodeResources, type Resources, withLiveState } from './resources.ts';

/** Rows that could be read, and the nodes that could not be asked. */
export interface Containers {
  readonly guests: readonly GuestSummary[];
  readonly containers: ReadonlyMap<Vmid, ActualContainer>;
}

/** One look at the present state of all containers of a node; nothing when the node does not answer. */
async function readLiveStates(
  context: EngineContext,
  nodes: readonly string[],
): Promise<{ states: Map<Vmid, Parameters<typeof withLiveState>[1]>; down: Set<string> }> {
  const down = new Set<string>();
  const states = new Map<Vmid, Parameters<typeof withLiveState>[1]>();
  await mapBounded(context.limits.requests, nodes, async (node) => {
    try {
      for (const row of await context.pve.get('/nodes/{node}/lxc', { node }, { signal: context.signal })) {
        states.set(Number(row.vmid), row);
      }
    } catch (error) {
      if (!isNodeDown(error)) throw error;
      down.add(node);
    }
  });
  return { states, down };
}

/** What reading one container gave. */
type Reading = ActualContainer | 'gone' | 'unreadable';

async function readOne(context: EngineContext, guest: GuestSummary): Promise<Reading> {
  try {
    return await readContainer(context, guest);
  } catch (error) {
    if (isGone(error)) return 'gone';
    const skippable = isNodeDown(error) || error instanceof CodecError;
    // PVE: pve-container LXC.pm, delete_read_restricted_options — a config with `env` is refused as a whole to some
    if (!skippable && !(error instanceof PveError && error.status === 403)) throw error;
    warn(context, 'CONTAINER_UNREADABLE', `container ${guest.vmid} on ${guest.node}: ${messageOf(error)}`);
    return 'unreadable';
  }
}

async function readAll(context: EngineContext, guests: readonly GuestSummary[]): Promise<Map<Vmid, Reading>> {
  const step = Math.max(1, Math.ceil(guests.length / 50));
  let done = 0;
  const readings = await mapBounded(context.limits.requests, guests, async (guest) => {
    const reading = await readOne(context, guest);
    done += 1;
    if (done % step === 0 || done === guests.length) {
      context.emit({ type: 'observe.progress', done, total: guests.length });
    }
    return [guest.vmid, reading] as const;
  });
  return new Map(readings);
}

/**
 * Those that were gone may have moved to another node between the two reads: the list is read once more, and only what
 * it no longer has is absent.
 */
async function findMoved(
  context: EngineContext,
  gone: readonly Vmid[],
): Promise<Map<Vmid, { guest: GuestSummary; reading: Reading }>> {
  const rows = await context.pve.get('/cluster/resources', {}, { signal: context.signal });
  const still = decodeResources(rows).guests.filter((guest) => gone.includes(guest.vmid));
  const readings = await readAll(context, still);
  return new Map(still.map((guest) => [guest.vmid, { guest, reading: readings.get(guest.vmid) ?? 'gone' }]));
}

/**
 * Reads containers.
 *
 * @param resources - the list of all resources.
 * @param wanted - which containers to read in full.
 * @returns all guests in their present state, and the containers that could be read.
 */
export async function readContainers(
  context: EngineContext,
  resources: Resources,
  wanted: ReadonlySet<Vmid>,
): Promise<Containers> {
  const chosen = resources.guests.filter((guest) => guest.type === 'lxc' && wanted.has(guest.vmid));
  const offline = new Set(resources.nodes.filter((node) => !node.online).map((node) => node.node));
  const nodes = [...new Set(chosen.map((guest) => guest.node))].filter((node) => !offline.has(node));
  const { states, down } = await readLiveStates(context, nodes);
  for (const node of [...new Set(chosen.map((guest) => guest.node))].sort()) {
    if (!offline.has(node) && !down.has(node)) continue;
    const ids = chosen.filter((guest) => guest.node === node).map((guest) => guest.vmid);
    const hint = 'bring the node back, or leave these containers out with --exclude';
    warn(context, 'NODE_OFFLINE', `node ${node} does not answer; not read: ${ids.join(', ')}`, hint);
  }
  const present = new Map(
    resources.guests.map((guest) => [guest.vmid, withLiveState(guest, states.get(guest.vmid))]),
  );
  const reachable = chosen.filter((guest) => !offline.has(guest.node) && !down.has(guest.node));
  const readings = await readAll(
    context,
    reachable.map((guest) => present.get(guest.vmid) ?? guest),
  );
  const gone = [...readings].filter(([, reading]) => reading === 'gone').map(([vmid]) => vmid);
  const moved = gone.length === 0 ? new Map<Vmid, never>() : await findMoved(context, gone);
  for (const vmid of gone) {
    const found: { guest: GuestSummary; reading: Reading } | undefined = moved.get(vmid);
    if (!found || found.reading === 'gone') present.delete(vmid);
    else {
      present.set(vmid, found.guest);
      readings.set(vmid, found.reading);
    }
  }
  const containers = [...readings].filter(
    (entry): entry is [Vmid, ActualContainer] => typeof entry[1] === 'object',
  );
  return {
    guests: [...present.values()],
    containers: new Map(containers.toSorted(([a], [b]) => a - b)),
  };
}

/** Configs that new containers start from: of snapshots and of backups. Reads only. */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { DesiredContainer, DesiredFleet, Vmid } from '../domain/desired.ts';
import { matchFleet } from '../domain/match.ts';
import type { EngineContext } from './context.ts';
import { mapBounded } from './parallel.ts';

/** What was read. */
export interface Sources {
  /** Containers that clones are made from. */
  readonly clones: readonly Vmid[];
  readonly sources: NonNullable<ClusterSnapshot['sources']>;
}

type Raw = Readonly<Record<string, string>>;

/**
 * Reads the text of a container's config file up to its first section.
 *
 * @returns values by key, as the API gives them.
 */
function parseConfigText(text: string): Raw {
  const config: Record<string, string> = {};
  const notes: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) break;
    const note = /^#(.*)$/.exec(line)?.[1];
    const [, key, value] = /^([a-z][a-z_0-9]*):\s*(.*)$/i.exec(line) ?? [];
    if (note !== undefined) notes.push(decodeNote(note));
    else if (key !== undefined && value !== undefined) config[key] = value;
  }
  return notes.length === 0 ? config : { ...config, description: notes.join('\n') };
}

/** PVE: a line of the notes is percent-encoded where it has to be. */
function decodeNote(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Undefined when the server refuses; the plan says so then. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof PveError && !(error instanceof PveConnectionError)) return undefined;
    throw error;
  });
}

async function readOne(
  context: EngineContext,
  snapshot: ClusterSnapshot,
  { from, node }: DesiredContainer,
  source: { readonly vmid: Vmid; readonly node: string } | undefined,
): Promise<[string, Raw] | undefined> {
  const options = { signal: context.signal };
  if (from && 'backup' in from) {
    const online = snapshot.nodes.some((one) => one.node === node && one.online);
    const call = { node, volume: from.backup };
    const text = online
      ? await orNothing(context.pve.get('/nodes/{node}/vzdump/extractconfig', call, options))
      : undefined;
    return text === undefined ? undefined : [from.backup, parseConfigText(text)];
  }
  if (from?.snapshot === undefined || !source) return undefined;
  const path = '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config';
  const raw = await orNothing(
    context.pve.get(path, { node: source.node, vmid: source.vmid, snapname: from.snapshot }, options),
  );
  if (!raw) return undefined;
  const values = Object.entries(raw).map(([key, value]): [string, string] => [key, String(value)]);
  return [`${source.vmid}/${from.snapshot}`, Object.fromEntries(values)];
}

/**
 * Reads what the copies of a fleet that are yet to be made start from.
 *
 * @param snapshot - containers as observed.
 * @param fleet - whose copies.
 * @param isRecreating - copies that exist may be made anew.
 * @returns sources by `VMID/SNAPSHOT` or volume id of the backup; what cannot be read is absent.
 */
export async function readSources(
  context: EngineContext,
  snapshot: ClusterSnapshot,
  fleet: DesiredFleet,
  isRecreating: boolean,
): Promise<Sources> {
  if (!fleet.containers.some(({ from }) => from !== undefined)) return { clones: [], sources: new Map() };
  const { matches } = matchFleet(fleet, snapshot);
  const copies = matches.filter(({ desired, actual }) => desired.from && (!actual || isRecreating));
  const known = [...snapshot.containers.values()];
  const find = ({ from }: DesiredContainer): (typeof known)[number] | undefined => {
    if (!from || 'backup' in from) return undefined;
    const own = matches.find(({ desired }) => desired.key === from.clone);
    return own
      ? own.actual
      : known.find(({ name, vmid }) => name === from.clone || String(vmid) === from.clone);
  };
  const clones = [...new Set(copies.flatMap(({ desired }) => find(desired)?.vmid ?? []))];
  // many clones of one source need it read once
  const distinct = new Map(
    copies.map(({ desired }) => [
      JSON.stringify([desired.from, 'backup' in (desired.from ?? {}) && desired.node]),
      desired,
    ]),
  );
  const read = await mapBounded(context.limits.requests, [...distinct.values()], (desired) =>
    readOne(context, snapshot, desired, find(desired)),
  );
  return { clones, sources: new Map(read.filter((one) => one !== undefined)) };
}

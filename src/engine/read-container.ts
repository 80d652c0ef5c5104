/**
 * One container in full, in one request: GET …/pending lists every key with the value in force, the value of the next
 * start, and the digest.
 */
import type { Returns } from '../api/types.ts';
import { splitDescription } from '../codec/description.ts';
import { decodeLxcConfig } from '../codec/lxc-config.ts';
import type { ActualContainer, GuestSummary } from '../domain/actual.ts';
import type { EngineContext } from './context.ts';

type PendingRow = Returns<'GET', '/nodes/{node}/lxc/{vmid}/pending'>[number];

/** The rows, sorted by what they mean; values as text. */
export interface RawConfig {
  /** In force. */
  readonly live: Readonly<Record<string, string>>;
  /** After the next start. */
  readonly next: Readonly<Record<string, string>>;
  /** Keys that wait for a restart. */
  readonly pending: readonly string[];
  readonly digest: string;
}

/**
 * Sorts the rows of GET …/pending.
 *
 * @param rows - one per key; `digest` is a row like the others.
 * @returns the config in force, that of the next start, and what differs.
 */
export function splitPending(rows: readonly PendingRow[]): RawConfig {
  const live: Record<string, string> = {};
  const next: Record<string, string> = {};
  const pending: string[] = [];
  let digest = '';
  for (const row of rows) {
    if (row.key === 'digest') {
      digest = String(row.value ?? '');
      continue;
    }
    const isDeleted = row.delete !== undefined && Number(row.delete) !== 0;
    if (row.value !== undefined) live[row.key] = String(row.value);
    if (row.pending !== undefined) next[row.key] = String(row.pending);
    else if (!isDeleted && row.value !== undefined) next[row.key] = String(row.value);
    if (isDeleted || row.pending !== undefined) pending.push(row.key);
  }
  return { live, next, pending: pending.sort(), digest };
}

/**
 * Reads the rows.
 *
 * @throws PveNotFoundError when the container is not on that node.
 */
export async function readRawConfig(context: EngineContext, node: string, vmid: number): Promise<RawConfig> {
  const options = { signal: context.signal };
  return splitPending(await context.pve.get('/nodes/{node}/lxc/{vmid}/pending', { node, vmid }, options));
}

/**
 * Decodes what was read.
 *
 * @param guest - state and place of the container.
 * @param raw - its config.
 * @returns the container in full.
 * @throws CodecError when a value has a form that is not known.
 */
export function toActual(guest: GuestSummary, raw: RawConfig): ActualContainer {
  const live = decodeLxcConfig(raw.live);
  const next = decodeLxcConfig(raw.next);
  // the description is written at once, never pending
  const { ownership } = splitDescription(live.description ?? '');
  return {
    ...guest,
    type: 'lxc',
    live,
    next,
    pending: raw.pending,
    digest: raw.digest,
    ...(ownership ? { ownership } : {}),
  };
}

/** Reads and decodes one container. */
export async function readContainer(context: EngineContext, guest: GuestSummary): Promise<ActualContainer> {
  return toActual(guest, await readRawConfig(context, guest.node, guest.vmid));
}

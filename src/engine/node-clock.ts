/** Compares times of a node with ours: their clocks may differ by any amount. Reads only. */
import { PveError } from '../api/errors/pve-error.ts';
import { decodeNumber } from '../codec/scalar.ts';
import type { EngineContext } from './context.ts';

/**
 * Tells whether something began on a node after an instant here, as far as whole seconds tell.
 *
 * @param node - on whose clock it began.
 * @param startedAt - seconds since the epoch, on the clock of the node, rounded down.
 * @param sentAt - ms since the epoch, on ours.
 * @returns false for what began before it, and where the account may not see the clock of the node; what began up to two
 *   seconds before it may count as after it.
 * @throws PveConnectionError when the node cannot be asked.
 */
export async function beganAfter(
  context: EngineContext,
  node: string,
  startedAt: number,
  sentAt: number,
): Promise<boolean> {
  const answer = await context.pve
    .get('/nodes/{node}/time', { node }, { signal: context.signal })
    .catch((error: unknown) => {
      if (error instanceof PveError && error.status !== undefined) return undefined;
      throw error;
    });
  const time = decodeNumber(answer?.time);
  if (time === undefined) return false;
  // rounded down there, and read before now: the earliest that the node's clock can have shown at that instant
  const earliest = time * 1_000 - (context.clock.now() - sentAt);
  return (startedAt + 1) * 1_000 > earliest;
}

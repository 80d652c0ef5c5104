/** A new observation compared with the file; never the apply's memory. */
import { type VerifyReport, verifyFleet } from '../domain/converge.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import type { EngineContext } from './context.ts';
import { withLocalTrees } from './local-tree.ts';
import { observe } from './observe.ts';

/**
 * Observes and compares; emits `verify.done`. Changes nothing.
 *
 * @param context - client, clock, limits, events.
 * @param file - the fleet file.
 * @returns what is as the file says, and what is not.
 * @throws PveError when the cluster cannot be read.
 */
export async function verify(context: EngineContext, file: DesiredFleet): Promise<VerifyReport> {
  const fleet = await withLocalTrees(file);
  const report = verifyFleet(fleet, await observe(context, { fleet }), context.clock.now());
  context.emit({ type: 'verify.done', report });
  return report;
}

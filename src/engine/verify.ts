/** A new observation compared with the file; never the apply's memory. */
import type { VerifyReport } from '../domain/converge.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

/** Observes and compares; emits `verify.done`. Changes nothing. */
export async function verify(context: EngineContext, fleet: DesiredFleet): Promise<VerifyReport> {
  void [context, fleet];
  throw new InternalError('not written yet');
}

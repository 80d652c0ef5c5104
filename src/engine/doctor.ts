/** `doctor`: can we work with this cluster, and with a fleet file: can this fleet be built here. Reads only. */
import type { DesiredFleet } from '../domain/desired.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

/** One finding. */
export interface DoctorCheck {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly hint?: string;
}

/** The document `pvefleet.doctor/1`. */
export interface DoctorDocument {
  readonly format: 'pvefleet.doctor/1';
  readonly url: string;
  /** No check failed. */
  readonly healthy: boolean;
  readonly checks: readonly DoctorCheck[];
  /** Commands that grant what is missing, for a root shell on a node. */
  readonly commands: readonly string[];
}

/** Options of {@link diagnose}. */
export interface DoctorOptions {
  readonly fleet?: DesiredFleet;
  /** `user@realm` or `user@realm!token`, for the `pveum` commands; default: `identity` of the context. */
  readonly identity?: string;
}

/** Looks at everything; a check that cannot be made is a finding, never an exception. */
export async function diagnose(context: EngineContext, options: DoctorOptions = {}): Promise<DoctorDocument> {
  void [context, options];
  throw new InternalError('not written yet');
}

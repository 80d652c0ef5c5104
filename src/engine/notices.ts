/** Things worth telling while the cluster is read, and the one failure that reading survives. */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import type { EngineContext } from './context.ts';

/** Tells a warning; what could not be read is left out, and reading goes on. */
export function warn(context: EngineContext, code: string, message: string, hint?: string): void {
  const diagnostic = { severity: 'warning' as const, code, message };
  context.emit({ type: 'notice', diagnostic: hint === undefined ? diagnostic : { ...diagnostic, hint } });
}

/** Whether the answer came from our node, and the one behind it did not answer. */
export function isNodeDown(error: unknown): error is PveConnectionError {
  return error instanceof PveConnectionError && error.status !== undefined;
}

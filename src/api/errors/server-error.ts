/** Any refusal without a class of its own. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** An answer with status 400 or above that no other class describes; the reason is the server's text. */
export class PveServerError extends PveError {
  override readonly code = 'PVE_SERVER';
  declare readonly status: number;

  constructor(options: PveErrorOptions & { readonly status: number }) {
    super(options);
  }
}

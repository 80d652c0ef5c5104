/** No answer, or none from the node that was asked. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** Refused, not resolvable, reset, timed out, or answered with 595, 596, 597 or 599 by the node in between. */
export class PveConnectionError extends PveError {
  override readonly code = 'PVE_CONNECTION';
  /** `no`: the server cannot have acted on the request; `maybe`: it may have. */
  readonly sent: 'no' | 'maybe';
  /** System error such as `ECONNREFUSED`, or the status as text. */
  readonly errno: string;

  constructor(options: PveErrorOptions & { readonly sent: 'no' | 'maybe'; readonly errno: string }) {
    const { sent, errno } = options;
    super({ ...options, details: { sent, errno, ...options.details } });
    this.sent = sent;
    this.errno = errno;
  }
}

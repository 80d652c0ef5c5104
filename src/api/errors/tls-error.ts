/** The server's certificate is not the one to trust, or there is no TLS at all. Nothing was sent. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** Unknown certificate, wrong fingerprint, wrong name, expired, or no TLS. */
export class PveTlsError extends PveError {
  override readonly code = 'PVE_TLS';
  /** Pinned SHA-256 fingerprints. */
  readonly expected?: readonly string[];
  /** SHA-256 fingerprint of the certificate that the server presented. */
  readonly actual?: string;

  constructor(
    options: PveErrorOptions & {
      readonly expected?: readonly string[] | undefined;
      readonly actual?: string | undefined;
    },
  ) {
    const { expected, actual } = options;
    super({
      ...options,
      details: { ...(expected ? { expected } : {}), ...(actual ? { actual } : {}), ...options.details },
    });
    if (expected) this.expected = expected;
    if (actual) this.actual = actual;
  }
}

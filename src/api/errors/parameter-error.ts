/** The server refuses a value. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** 400; the server's text by parameter. */
export class PveParameterError extends PveError {
  override readonly code = 'PVE_PARAMETER';
  readonly fields: Readonly<Record<string, string>>;

  constructor(options: PveErrorOptions & { readonly fields: Readonly<Record<string, string>> }) {
    super({ ...options, details: { fields: options.fields, ...options.details } });
    this.fields = options.fields;
  }
}

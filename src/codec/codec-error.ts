/** The one error of the codec: a text or value that does not fit its format. */
import { PvefleetError } from '../util/errors.ts';

/** A text that cannot be read, or a value that cannot be written; `key` names the part at fault. */
export class CodecError extends PvefleetError {
  override readonly code = 'CODEC';
  override readonly exitCode = 1;
  readonly key?: string;

  constructor(message: string, key?: string) {
    super(message, key === undefined ? {} : { details: { key } });
    if (key !== undefined) this.key = key;
  }
}

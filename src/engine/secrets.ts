/** Gives the value of a secret reference: `env:NAME`, `file:PATH`, `command:PROGRAM ARGS`. Values are never kept or shown. */
import { InternalError } from '../util/errors.ts';

/** Where references are looked up. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of `file:` start here; default: the working directory. */
  readonly baseDirectory?: string;
}

/**
 * Makes the `resolveSecret` of a context.
 *
 * @returns a function that throws UsageError (code SECRET_UNRESOLVED) when a reference gives no value.
 */
export function createSecretResolver(sources: SecretSources): (reference: string) => Promise<string> {
  void sources;
  throw new InternalError('not written yet');
}

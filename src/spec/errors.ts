/** The error of a file that is wrong; carries all findings and the texts for excerpts. */
import type { Diagnostic } from '../util/diagnostic.ts';
import { PvefleetError } from '../util/errors.ts';

/** A fleet file, blueprint or catalogue with errors. */
export class SpecError extends PvefleetError {
  override readonly code = 'SPEC_INVALID';
  override readonly exitCode = 3;
  readonly diagnostics: readonly Diagnostic[];
  /** Text by file name. */
  readonly sources: ReadonlyMap<string, string>;

  /**
   * @param diagnostics - all findings, at least one of them an error.
   * @param sources - texts of the files that the findings point into.
   */
  constructor(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string> = new Map()) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    const files = [...new Set(errors.flatMap(({ range }) => range?.file ?? []))];
    const what = errors.length === 1 ? '1 error' : `${errors.length} errors`;
    super(files.length === 0 ? what : `${what} in ${files.join(', ')}`, { details: { diagnostics } });
    this.diagnostics = diagnostics;
    this.sources = sources;
  }
}

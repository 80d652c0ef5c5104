/** Findings about input, as values: many per run, each with a place where there is one. */

/** A place in a text file; lines and columns count from 1, `end` is exclusive. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** One finding. `code` is stable and documented; `hint` tells what to do. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly range?: SourceRange;
  /** Further places that belong to it, for example the first use of a name that is used twice. */
  readonly related?: readonly { readonly message: string; readonly range: SourceRange }[];
}

/**
 * Writes a place as editors expect it.
 *
 * @returns `file:line:column`.
 */
export function formatPlace(range: SourceRange): string {
  return `${range.file}:${range.line}:${range.column}`;
}

/**
 * Tells whether any finding is an error.
 *
 * @returns true when at least one has severity `error`.
 */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

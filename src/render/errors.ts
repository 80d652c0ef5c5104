/** An error as text: what went wrong, where, what to do. */
import { type Diagnostic, formatPlace } from '../util/diagnostic.ts';
import { isPvefleetError, messageOf } from '../util/errors.ts';
import { redactText } from '../util/redact.ts';
import { renderDiagnostics } from './diagnostics.ts';
import type { Style } from './style.ts';
import { flow } from './wrap.ts';

interface WithDiagnostics {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources?: ReadonlyMap<string, string>;
}

const hasDiagnostics = (error: unknown): error is WithDiagnostics =>
  typeof error === 'object' && error !== null && 'diagnostics' in error && Array.isArray(error.diagnostics);

/**
 * Renders anything thrown.
 *
 * @param error - the error; those with diagnostics are shown finding by finding with source excerpts.
 * @param style - palette.
 * @param options.verbose - adds the stack of unexpected errors and the chain of causes.
 * @returns text that ends with a newline, free of secrets.
 */
export function renderError(error: unknown, style: Style, options: { verbose?: boolean } = {}): string {
  const lines: string[] = [];
  if (hasDiagnostics(error)) {
    lines.push(renderDiagnostics(error.diagnostics, error.sources ?? new Map(), style).trimEnd(), '');
  }
  const known = isPvefleetError(error);
  lines.push(flow(`${style.red('error:')} `, messageOf(error), style, { keepWords: true }));
  if (known && error.hint)
    lines.push(flow(`${style.dim('hint:')}  `, error.hint, style, { keepWords: true }));
  if (!known && error instanceof Error && error.stack)
    lines.push(
      style.dim(
        error.stack
          .split('\n')
          .slice(1, options.verbose ? 20 : 4)
          .join('\n'),
      ),
    );
  for (
    let cause = error instanceof Error ? error.cause : undefined, depth = 0;
    options.verbose && cause !== undefined && depth < 5;
    depth++
  ) {
    lines.push(flow(style.dim('caused by: '), style.dim(messageOf(cause)), style, { keepWords: true }));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return `${redactText(lines.join('\n'))}\n`;
}

/**
 * Renders one notice.
 *
 * @param diagnostic - a warning or a remark.
 * @param style - palette.
 * @returns text without a newline at the end.
 */
export function renderNotice(diagnostic: Diagnostic, style: Style): string {
  const color =
    diagnostic.severity === 'error'
      ? style.red
      : diagnostic.severity === 'warning'
        ? style.yellow
        : style.dim;
  const place = diagnostic.range ? `${formatPlace(diagnostic.range)}: ` : '';
  const hint = diagnostic.hint ? style.dim(` (${diagnostic.hint})`) : '';
  return flow(`${color(style.glyph.warn)} `, `${place}${diagnostic.message}${hint}`, style, {
    keepWords: true,
  });
}

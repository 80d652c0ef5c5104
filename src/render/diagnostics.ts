/** Findings as text: place, message, the line with a caret under it, what to do. Never shows what stands behind `password:`. */
import pc from 'picocolors';
import { type Diagnostic, formatPlace, type SourceRange } from '../util/diagnostic.ts';
import type { Style } from './style.ts';
import { displayWidth, flow, wrap } from './wrap.ts';

/** Columns of a source line that are shown at most. */
const widest = 100;

const secretValue =
  /(["']?\b[\w-]*(?:pass|pwd|secret|token)[\w-]*["']?\s*:\s*)(?!["']?\$\{|[{[])(?=\S)(.*)$/i;

/** A source line that can be printed: no tabs, no control characters, no secrets; columns stay where they are. */
function printable(line: string): string {
  return line
    .replace(secretValue, (_, key: string, value: string) => key + '*'.repeat(value.length))
    .replaceAll('\t', ' ')
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
}

/** The line of a range with carets under what is meant; long lines are cut around it. */
function excerpt(
  range: SourceRange,
  sources: ReadonlyMap<string, string>,
  room: number,
): { text: string; carets: string } | undefined {
  const source = sources.get(range.file)?.split(/\r?\n/)[range.line - 1];
  if (source === undefined) return undefined;
  const line = printable(source);
  const start = Math.min(range.column - 1, line.length);
  const end = range.endLine > range.line ? line.trimEnd().length : Math.min(range.endColumn - 1, line.length);
  const from = end <= room ? 0 : Math.max(0, start - Math.min(20, Math.floor(room / 4)));
  const to = Math.min(line.length, from + room);
  const [before, after] = [from > 0 ? '… ' : '', to < line.length ? ' …' : ''];
  const width = Math.max(1, displayWidth(line.slice(start, Math.min(end, to))));
  return {
    text: `${before}${line.slice(from, to)}${after}`.trimEnd(),
    carets: ' '.repeat(displayWidth(before + line.slice(from, start))) + '^'.repeat(width),
  };
}

/**
 * Renders findings, each with an excerpt of its source.
 *
 * @param diagnostics - in the order in which they shall appear.
 * @param sources - texts by file name; without its text a finding is shown by place only.
 * @param style - whether escape sequences may be written, and the terminal that lines are broken for.
 * @returns text that ends with a newline; empty when there are no findings.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  style: Pick<Style, 'color'> & Partial<Pick<Style, 'width' | 'isTerminal'>>,
): string {
  const { bold, dim, red, yellow, cyan } = pc.createColors(style.color);
  const paint = { error: red, warning: yellow, info: cyan };
  const gutter = Math.max(
    0,
    ...diagnostics.flatMap(({ range, related = [] }) =>
      [range, ...related.map((place) => place.range)].map((one) => String(one?.line ?? '').length),
    ),
  );
  const terminal = { width: style.width ?? widest, isTerminal: style.isTerminal === true };
  const room = terminal.isTerminal ? Math.min(widest, Math.max(20, terminal.width - gutter - 9)) : widest;
  const show = (range: SourceRange, color: (text: string) => string): string[] => {
    const found = excerpt(range, sources, room);
    if (!found) return [];
    return [
      `  ${dim(`${String(range.line).padStart(gutter)} |`)} ${found.text}`,
      `  ${' '.repeat(gutter)} ${dim('|')} ${color(found.carets)}`,
    ];
  };
  /** What goes on after the first line stands where the excerpt does. */
  const told = (text: string): string =>
    terminal.isTerminal && displayWidth(text) > terminal.width
      ? wrap(text, terminal.width - gutter - 5)
          .map((line, index) => (index === 0 ? line : ' '.repeat(gutter + 5) + line))
          .join('\n')
      : text;
  const blocks = diagnostics.map(({ severity, code, message, hint, range, related = [] }) => {
    const color = paint[severity];
    const place = range ? `${bold(formatPlace(range))}: ` : '';
    return [
      told(`${place}${color(`${severity}:`)} ${bold(message)} ${dim(`[${code}]`)}`),
      ...(range ? show(range, color) : []),
      ...(hint === undefined
        ? []
        : [flow(`  ${' '.repeat(gutter)} ${dim('=')} `, hint, terminal, { keepWords: true })]),
      ...related.flatMap((other) => [
        flow('  ', `${formatPlace(other.range)}: ${other.message}`, terminal),
        ...show(other.range, dim),
      ]),
    ].join('\n');
  });
  return blocks.map((block) => `${block}\n`).join('\n');
}

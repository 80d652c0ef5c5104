/** Findings as text: place, message, the line with a caret under it, what to do. Never shows what stands behind `password:`. */
import pc from 'picocolors';
import { type Diagnostic, formatPlace, type SourceRange } from '../util/diagnostic.ts';

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

/** East Asian wide characters and emoji take two columns of a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const columns = (text: string): number =>
  Array.from(text, (char): number => (/\p{M}/u.test(char) ? 0 : wide.test(char) ? 2 : 1)).reduce(
    (sum, width) => sum + width,
    0,
  );

/** The line of a range with carets under what is meant; long lines are cut around it. */
function excerpt(
  range: SourceRange,
  sources: ReadonlyMap<string, string>,
): { text: string; carets: string } | undefined {
  const source = sources.get(range.file)?.split(/\r?\n/)[range.line - 1];
  if (source === undefined) return undefined;
  const line = printable(source);
  const start = Math.min(range.column - 1, line.length);
  const end = range.endLine > range.line ? line.trimEnd().length : Math.min(range.endColumn - 1, line.length);
  const from = end <= widest ? 0 : Math.max(0, start - 20);
  const to = Math.min(line.length, from + widest);
  const [before, after] = [from > 0 ? '… ' : '', to < line.length ? ' …' : ''];
  const width = Math.max(1, columns(line.slice(start, Math.min(end, to))));
  return {
    text: `${before}${line.slice(from, to)}${after}`.trimEnd(),
    carets: ' '.repeat(columns(before + line.slice(from, start))) + '^'.repeat(width),
  };
}

/**
 * Renders findings, each with an excerpt of its source.
 *
 * @param diagnostics - in the order in which they shall appear.
 * @param sources - texts by file name; without its text a finding is shown by place only.
 * @param style - whether escape sequences may be written.
 * @returns text that ends with a newline; empty when there are no findings.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  style: { readonly color: boolean },
): string {
  const { bold, dim, red, yellow, cyan } = pc.createColors(style.color);
  const paint = { error: red, warning: yellow, info: cyan };
  const gutter = Math.max(
    0,
    ...diagnostics.flatMap(({ range, related = [] }) =>
      [range, ...related.map((place) => place.range)].map((one) => String(one?.line ?? '').length),
    ),
  );
  const show = (range: SourceRange, color: (text: string) => string): string[] => {
    const found = excerpt(range, sources);
    if (!found) return [];
    return [
      `  ${dim(`${String(range.line).padStart(gutter)} |`)} ${found.text}`,
      `  ${' '.repeat(gutter)} ${dim('|')} ${color(found.carets)}`,
    ];
  };
  const blocks = diagnostics.map(({ severity, code, message, hint, range, related = [] }) => {
    const color = paint[severity];
    const place = range ? `${bold(formatPlace(range))}: ` : '';
    return [
      `${place}${color(`${severity}:`)} ${bold(message)} ${dim(`[${code}]`)}`,
      ...(range ? show(range, color) : []),
      ...(hint === undefined ? [] : [`  ${' '.repeat(gutter)} ${dim('=')} ${hint}`]),
      ...related.flatMap((other) => [
        `  ${formatPlace(other.range)}: ${other.message}`,
        ...show(other.range, dim),
      ]),
    ].join('\n');
  });
  return blocks.map((block) => `${block}\n`).join('\n');
}

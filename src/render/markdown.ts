/** Reports as Markdown, for pull requests and job summaries. The plan's own is in plan.ts. */
import type { VerifyReport } from '../domain/converge.ts';
import type { JsonValue } from '../domain/plan.ts';
import type { ApplyReport } from '../engine/report.ts';
import { resultWords } from './progress.ts';
import { counted, showDuration, showValue } from './values.ts';

/**
 * Writes text so that it stays in its cell of a table and is shown as it is.
 *
 * @param text - any text.
 * @returns Markdown on one line.
 */
export function markdownCell(text: string): string {
  return text
    .replaceAll(/[\\|`*~[\]]|(?<!\w)_|_(?!\w)/g, '\\$&')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*\n\s*/g, ' ');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---').join('|')}|`, ...rows.map(line), ''];
}

const verifyRows = (report: VerifyReport): string[][] =>
  report.findings.map(({ key, vmid, node, field, state, expected, actual }) => [
    key,
    vmid === undefined ? '' : String(vmid),
    node ?? '',
    field,
    state,
    showValue(expected as JsonValue),
    showValue(actual as JsonValue),
  ]);

function verifyLines(report: VerifyReport): string[] {
  const { applied, pending, diverged, missing, unexpected, accounts = 0 } = report.summary;
  const counts = [
    `${applied} as the file says`,
    ...(pending > 0 ? [`${pending} waiting for a restart`] : []),
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(unexpected > 0 ? [`${unexpected} owned but not in the file`] : []),
    ...(accounts > 0 ? [`${counted(accounts, 'finding')} about accounts`] : []),
  ];
  return [
    `### Fleet \`${report.fleet}\`: ${report.converged ? 'verified' : 'drift'}, ${counts.join(', ')}`,
    '',
    ...table(['container', 'vmid', 'node', 'field', 'state', 'expected', 'found'], verifyRows(report)),
  ];
}

/**
 * Renders a verification.
 *
 * @param report - the report.
 * @returns Markdown that ends with a newline.
 */
export function renderVerifyMarkdown(report: VerifyReport): string {
  return `${verifyLines(report).join('\n').trimEnd()}\n`;
}

/**
 * Renders what an apply did.
 *
 * @param report - the report.
 * @param proof - the verification afterwards, where there was one.
 * @returns Markdown that ends with a newline.
 */
export function renderApplyMarkdown(report: ApplyReport, proof?: VerifyReport): string {
  const rows = report.actions.map(({ key, vmid, node, kind, result, ms, error }) => [
    key,
    vmid === undefined ? '' : String(vmid),
    node,
    kind,
    resultWords[result],
    showDuration(ms),
    error?.message ?? '',
  ]);
  const steps = counted(report.actions.length, 'step');
  const lines = [
    `### Fleet \`${report.fleet}\`: ${report.interrupted ? 'interrupted' : 'applied'}, ${steps} in ${showDuration(report.ms)}`,
    '',
    ...table(['container', 'vmid', 'node', 'action', 'result', 'time', 'why'], rows),
    ...(proof ? verifyLines(proof) : []),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

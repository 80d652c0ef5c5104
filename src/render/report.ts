/** Results of apply and verify as text. */
import type { VerifyReport } from '../domain/converge.ts';
import type { JsonValue } from '../domain/plan.ts';
import type { ActionReport, ActionResult, ApplyReport } from '../engine/report.ts';
import { resultWords } from './progress.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';
import { counted, differing, showDuration, showValue } from './values.ts';

function problem(action: ActionReport, style: Style): string[] {
  const color = action.result === 'failed' || action.result === 'diverged' ? style.red : style.yellow;
  const head = `${color(action.result === 'failed' ? style.glyph.fail : style.glyph.warn)} ${style.bold(action.id)}  ${resultWords[action.result]}${action.error ? `: ${action.error.message}` : ''}`;
  return [
    head,
    ...(action.log ?? []).map((line) => style.dim(`    ${line}`)),
    ...(action.error?.hint ? [`    ${action.error.hint}`] : []),
  ];
}

/** Names that are shown of steps with the same warnings. */
const shownSteps = 6;

/** The lines of a task's log that say what it warns of; its last ones when none is marked. */
function warningsIn(log: readonly string[]): string[] {
  const marked = log.filter((line) => /^\s*WARN/.test(line));
  const others = log.filter((line) => !line.startsWith('TASK '));
  return (marked.length > 0 ? marked : others.slice(-3)).map((line) => line.trim());
}

/** Steps that were done with warnings; those that warn of the same are told together. */
function warned(actions: readonly ActionReport[], style: Style): string[] {
  const groups = new Map<string, ActionReport[]>();
  for (const action of actions) {
    const text = warningsIn(action.log ?? []).join('\n');
    groups.set(text, [...(groups.get(text) ?? []), action]);
  }
  return [...groups].flatMap(([text, members]) => {
    const names = members.slice(0, shownSteps).map(({ id }) => id);
    const rest = members.length - names.length;
    const whom = `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
    return [
      `${style.yellow(style.glyph.warn)} ${style.bold(whom)}  ${resultWords.warnings}`,
      ...(text === '' ? [] : text.split('\n').map((line) => style.dim(`    ${line}`))),
    ];
  });
}

/**
 * Renders what an apply did: problems one by one, then the counts.
 *
 * @param report - the report.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderApply(report: ApplyReport, style: Style): string {
  const skipped = report.actions.filter((action) => action.result === 'skipped');
  const problems = report.actions.filter((a) => !['ok', 'unchanged', 'skipped'].includes(a.result));
  const lines = [
    ...warned(
      problems.filter(({ result }) => result === 'warnings'),
      style,
    ),
    ...problems.filter(({ result }) => result !== 'warnings').flatMap((action) => problem(action, style)),
  ];
  if (skipped.length > 0) {
    const because = new Map<string, number>();
    for (const action of skipped)
      because.set(
        action.error?.message ?? 'not started',
        (because.get(action.error?.message ?? 'not started') ?? 0) + 1,
      );
    for (const [reason, count] of because)
      lines.push(`${style.yellow(style.glyph.skip)} ${counted(count, 'step')} skipped: ${reason}`);
  }
  for (const upid of report.runningUpids) {
    lines.push(
      `${style.yellow(style.glyph.warn)} still running on the server: ${upid}`,
      style.dim(`    pvefleet task wait '${upid}'`),
    );
  }
  const counts = (Object.keys(resultWords) as ActionResult[]).filter(
    (result) => (report.summary[result] ?? 0) > 0,
  );
  const text = counts.map((result) => `${report.summary[result]} ${resultWords[result]}`).join(', ');
  const done = report.interrupted
    ? style.yellow('Interrupted')
    : problems.some((a) => a.result === 'failed' || a.result === 'diverged')
      ? style.red('Applied in part')
      : style.green('Applied');
  lines.push(`${done} in ${showDuration(report.ms)}: ${text === '' ? 'nothing to do' : text}.`);
  return `${lines.join('\n')}\n`;
}

const causes: Readonly<Record<NonNullable<VerifyReport['findings'][number]['cause']>, string>> = {
  'spec-changed': 'changed in the file',
  drifted: 'changed by somebody',
  'awaiting-restart': 'waiting for a restart',
};

/** Containers that are as they are because somebody wants it so for a time. */
function heldParts({ containers }: VerifyReport): string[] {
  const frozen = containers.filter(({ frozenSince }) => frozenSince !== undefined).length;
  const ends = containers.flatMap(({ boostedUntil }) => (boostedUntil === undefined ? [] : [boostedUntil]));
  const [first] = ends.toSorted();
  return [
    ...(frozen > 0 ? [`${frozen} frozen`] : []),
    ...(first === undefined
      ? []
      : [`${ends.length} boosted until ${first}${ends.length > 1 ? ' or later' : ''}`]),
  ];
}

/**
 * Renders what a verification found.
 *
 * @param report - the report.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderVerify(report: VerifyReport, style: Style): string {
  const { applied, pending, diverged, missing, unexpected } = report.summary;
  const rows = report.findings.map((finding) => [
    finding.state === 'pending' ? style.yellow('waits for restart') : style.red(finding.state),
    finding.key,
    finding.vmid === undefined ? '' : String(finding.vmid),
    finding.node ?? '',
    finding.field,
    ...differing(finding.expected as JsonValue, finding.actual as JsonValue).map(showValue),
    finding.cause === undefined ? '' : causes[finding.cause],
  ]);
  const titles = ['STATE', 'NAME', 'VMID', 'NODE', 'FIELD', 'EXPECTED', 'FOUND', 'WHY'];
  const table =
    rows.length === 0
      ? ''
      : `${renderTable(
          titles.map((title) => ({ title })),
          rows,
          style,
        )}\n`;
  const word = report.converged ? style.green('Verified') : style.red('Drift');
  const parts = [
    `${applied} as the file says`,
    ...(pending > 0 ? [`${pending} waiting for a restart`] : []),
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(unexpected > 0 ? [`${unexpected} owned but not in the file`] : []),
    ...heldParts(report),
  ];
  return `${table}${word}: ${parts.join(', ')}.\n`;
}

/** Results of apply and verify as text. */
import type { VerifyReport } from '../domain/converge.ts';
import type { JsonValue } from '../domain/plan.ts';
import type { ActionReport, ActionResult, ApplyReport } from '../engine/report.ts';
import { resultWords } from './progress.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { counted, differing, showDuration, showValue } from './values.ts';
import { flow } from './wrap.ts';

function problem(action: ActionReport, style: Style): string[] {
  const color = action.result === 'failed' || action.result === 'diverged' ? style.red : style.yellow;
  const sign = color(action.result === 'failed' ? style.glyph.fail : style.glyph.warn);
  const head = `${style.bold(action.id)}  ${resultWords[action.result]}${action.error ? `: ${action.error.message}` : ''}`;
  return [
    flow(`${sign} `, head, style, { keepWords: true }),
    ...(action.log ?? []).map((line) => logLine(line, style)),
  ];
}

const logLine = (line: string, style: Style): string =>
  flow('    ', style.dim(line), style, { keepWords: true });

/** What went wrong; advice that several have in common follows the last of them. */
function failed(actions: readonly ActionReport[], style: Style): string[] {
  return actions.flatMap((action, index) => {
    const hint = action.error?.hint;
    const isSaid = !hint || actions[index + 1]?.error?.hint === hint;
    return [...problem(action, style), ...(isSaid ? [] : [flow('    ', hint, style, { keepWords: true })])];
  });
}

/** Steps that were not tried. The reasons of many are the steps before them, which need no list. */
function skippedLines(actions: readonly ActionReport[], style: Style): string[] {
  const because = new Map<string, number>();
  for (const { error } of actions) {
    const reason = error?.message ?? 'not started';
    because.set(reason, (because.get(reason) ?? 0) + 1);
  }
  const sign = style.yellow(style.glyph.skip);
  const [first] = because.keys();
  if (because.size <= shownReasons)
    return [...because].map(([reason, count]) =>
      flow(`${sign} `, `${counted(count, 'step')} skipped: ${reason}`, style, { keepWords: true }),
    );
  const more = counted(because.size - 1, 'more such reason');
  return [flow(`${sign} `, `${counted(actions.length, 'step')} skipped: ${first} (and ${more})`, style)];
}

/** Reasons for which steps were skipped that are told one by one. */
const shownReasons = 3;

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
      flow(`${style.yellow(style.glyph.warn)} `, `${style.bold(whom)}  ${resultWords.warnings}`, style),
      ...(text === '' ? [] : text.split('\n').map((line) => logLine(line, style))),
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
    ...failed(
      problems.filter(({ result }) => result !== 'warnings'),
      style,
    ),
  ];
  lines.push(...skippedLines(skipped, style));
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
  lines.push(
    flow('', `${done} in ${showDuration(report.ms)}: ${text === '' ? 'nothing to do' : text}.`, style),
  );
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

const findingColumns: readonly Column[] = [
  { title: 'STATE' },
  { title: 'NAME' },
  { title: 'VMID' },
  { title: 'NODE' },
  { title: 'FIELD' },
  { title: 'EXPECTED', isBelow: true },
  { title: 'FOUND', isBelow: true },
  { title: 'WHY', isBelow: true },
];

/**
 * Renders what a verification found.
 *
 * @param report - the report.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderVerify(report: VerifyReport, style: Style): string {
  const { applied, pending, diverged, missing, unexpected, accounts = 0 } = report.summary;
  const rows = report.findings.map((finding) => [
    finding.state === 'pending' ? style.yellow('waits for restart') : style.red(finding.state),
    finding.key,
    finding.vmid === undefined ? '' : String(finding.vmid),
    finding.node ?? '',
    finding.field,
    ...differing(finding.expected as JsonValue, finding.actual as JsonValue).map(showValue),
    finding.cause === undefined ? '' : causes[finding.cause],
  ]);
  const table = rows.length === 0 ? '' : `${renderTable(findingColumns, rows, style)}\n`;
  const word = report.converged ? style.green('Verified') : style.red('Drift');
  const parts = [
    `${applied} as the file says`,
    ...(pending > 0 ? [`${pending} waiting for a restart`] : []),
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(unexpected > 0 ? [`${unexpected} owned but not in the file`] : []),
    ...heldParts(report),
    ...(accounts > 0 ? [`${counted(accounts, 'finding')} about accounts`] : []),
  ];
  return `${table}${flow('', `${word}: ${parts.join(', ')}.`, style)}\n`;
}

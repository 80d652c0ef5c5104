/** Results of `exec`, `cp` and `password` as text. */
import type { AccessDocument } from '../engine/inside/access.ts';
import type { CopyDocument } from '../engine/inside/copy.ts';
import type { ExecDocument, ExecResult } from '../engine/inside/exec.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { counted, showDuration } from './values.ts';

const columns: readonly Column[] = [
  { title: 'CONTAINER' },
  { title: 'VMID', align: 'right' },
  { title: 'NODE' },
  { title: 'RESULT' },
  { title: 'TIME', align: 'right' },
];

function resultCell(result: ExecResult, style: Style): string {
  const { exitCode, signal, timedOut, error } = result;
  if (exitCode === 0) return style.green(`${style.glyph.ok} done`);
  if (exitCode === null) return style.red(`${style.glyph.fail} ${error?.message ?? 'not run'}`);
  const why = timedOut ? ', time over' : signal === undefined ? '' : `, ${signal}`;
  return style.red(`${style.glyph.fail} exit code ${exitCode}${why}`);
}

/**
 * Renders what a command did in many containers.
 *
 * @param document - results.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderExec({ containers, summary }: ExecDocument, style: Style): string {
  const rows = containers.map((result) => [
    result.name,
    String(result.vmid),
    result.node,
    resultCell(result, style),
    showDuration(result.ms),
  ]);
  const parts = [
    `${summary.ok} done`,
    ...(summary.failed > 0 ? [`${summary.failed} failed`] : []),
    ...(summary.error > 0 ? [`${summary.error} not run`] : []),
  ];
  const hints = [...new Set(containers.flatMap(({ error }) => error?.hint ?? []))];
  return [
    `${renderTable(columns, rows, style)}`,
    ...hints.map((hint) => `${style.dim('hint:')}  ${hint}\n`),
    `${counted(containers.length, 'container')}: ${parts.join(', ')}.\n`,
  ].join('');
}

function size(bytes: number): string {
  if (bytes < 10_240) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/**
 * Renders what was copied.
 *
 * @param document - the copies.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderCopy(document: CopyDocument, style: Style): string {
  const { name, files, skipped, direction, ms } = document;
  const here = (path: string, isThere: boolean): string => (isThere ? `${name}:${path}` : path);
  const lines = files.map(
    ({ from, to, bytes }) =>
      `${here(from, direction === 'out')} ${style.glyph.arrow} ${here(to, direction === 'in')}  ${style.dim(size(bytes))}`,
  );
  const left = skipped.map(
    (path) => `${style.yellow(style.glyph.skip)} left out, no file, folder or link: ${path}`,
  );
  return `${[...lines, ...left, `Copied in ${showDuration(ms)}, checksums equal.`].join('\n')}\n`;
}

/**
 * Renders what was set.
 *
 * @param document - without secrets.
 * @returns text that ends with a newline.
 */
export function renderAccess({ name, user, passwordSet, keys }: AccessDocument): string {
  const lines = [
    ...(passwordSet ? [`Password of ${user} in ${name} set.`] : []),
    ...(keys
      ? [
          `SSH keys of ${user} in ${name}: ${keys.added} added${keys.present > 0 ? `, ${keys.present} there already` : ''}.`,
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** The findings of `doctor` as a checklist. */
import type { DoctorDocument } from '../engine/doctor.ts';
import type { Style } from './style.ts';
import { counted } from './values.ts';
import { flow } from './wrap.ts';

/**
 * Renders the checklist.
 *
 * @param document - findings and the commands that would mend them.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderDoctor(document: DoctorDocument, style: Style): string {
  const width = Math.max(0, ...document.checks.map((check) => check.name.length));
  const marks = {
    ok: style.green(style.glyph.ok),
    warn: style.yellow(style.glyph.warn),
    fail: style.red(style.glyph.fail),
  };
  const lines = document.checks.flatMap((check) => [
    flow(`${marks[check.status]} ${check.name.padEnd(width)}  `, check.message, style),
    ...(check.hint && check.status !== 'ok'
      ? [flow(' '.repeat(width + 4), style.dim(check.hint), style)]
      : []),
  ]);
  const commands =
    document.commands.length === 0
      ? []
      : ['', 'To grant what is missing, on a node as root:', ...document.commands.map((line) => `  ${line}`)];
  const failed = document.checks.filter((check) => check.status === 'fail').length;
  const warned = document.checks.filter((check) => check.status === 'warn').length;
  const closing =
    failed > 0
      ? style.red(counted(failed, 'problem'))
      : warned > 0
        ? style.yellow(counted(warned, 'warning'))
        : style.green('All well');
  return `${[...lines, ...commands, '', `${closing} at ${document.url}.`].join('\n')}\n`;
}

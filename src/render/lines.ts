/** The lasting line of an event, the same for live and plain output. */
import type { StampedEvent } from '../engine/events.ts';
import { redactText } from '../util/redact.ts';
import { renderNotice } from './errors.ts';
import { type Progress, resultWords } from './progress.ts';
import type { Style } from './style.ts';
import { showDuration } from './values.ts';
import { flow } from './wrap.ts';

function doneLine(
  event: Extract<StampedEvent, { type: 'action.done' }>,
  label: string,
  style: Style,
): string {
  const fine = event.result === 'ok' || event.result === 'unchanged';
  const bad = event.result === 'failed' || event.result === 'diverged';
  const glyph = fine
    ? style.green(style.glyph.ok)
    : bad
      ? style.red(style.glyph.fail)
      : style.yellow(style.glyph.warn);
  const word = event.result === 'ok' ? '' : ` ${resultWords[event.result]}`;
  const text = `${label}${word}${event.message ? `: ${event.message}` : ''} ${style.dim(showDuration(event.ms))}`;
  return flow(`${glyph} `, text, style, { keepWords: true });
}

const remark = (text: string, style: Style): string =>
  flow('  ', style.dim(text), style, { keepWords: true });

/**
 * Gives the line that stays on the screen for an event.
 *
 * @param event - the event.
 * @param progress - state before the event was taken into account.
 * @param style - palette.
 * @param verbose - also requests and task logs.
 * @returns text without a newline at the end, or `undefined` when the event leaves none.
 */
export function lastingLine(
  event: StampedEvent,
  progress: Progress,
  style: Style,
  verbose: boolean,
): string | undefined {
  switch (event.type) {
    case 'action.done':
      return event.result === 'skipped'
        ? undefined
        : doneLine(event, progress.active.get(event.id)?.label ?? event.id, style);
    case 'action.vmid':
      return remark(`${event.id}: vmid ${event.from} was taken meanwhile, using ${event.to}`, style);
    case 'retry':
      return remark(
        `${event.id ? `${event.id}: ` : ''}trying again in ${showDuration(event.inMs)}: ${redactText(event.because)}`,
        style,
      );
    case 'notice':
      return renderNotice(event.diagnostic, style);
    case 'cancel':
      return flow(
        '',
        style.yellow(
          event.stage === 'draining'
            ? 'Interrupted: nothing new is started, running steps are finished. Press Ctrl-C again to stop waiting.'
            : 'Stopped waiting; tasks on the server go on.',
        ),
        style,
      );
    case 'request':
      return verbose
        ? style.dim(
            `  ${event.method} ${event.path} ${event.status ?? redactText(event.error ?? '')} ${Math.round(event.ms)} ms`,
          )
        : undefined;
    case 'exec.start':
      return verbose ? remark(`${event.id}: run ${event.run}`, style) : undefined;
    case 'task.log':
      return verbose ? remark(`${event.id}: ${redactText(event.line)}`, style) : undefined;
    default:
      return undefined;
  }
}

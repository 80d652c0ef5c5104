/** Progress on a terminal: finished steps scroll away above, running ones are redrawn below. */
import { createLogUpdate } from 'log-update';
import { lastingLine } from './lines.ts';
import { type ActiveStep, advance, createProgress } from './progress.ts';
import type { Sink, SinkOptions } from './sink.ts';
import { clip, type Style } from './style.ts';
import { counted, showDuration } from './values.ts';

const frameMs = 100;
const shown = 8;

function bar(percent: number, style: Style): string {
  const cells = 20;
  const full = Math.round((Math.min(100, percent) / 100) * cells);
  return `${style.glyph.bar[0].repeat(full)}${style.dim(style.glyph.bar[1].repeat(cells - full))} ${String(Math.round(percent)).padStart(3)} %`;
}

function stepLine(step: ActiveStep, spinner: string, now: number, style: Style): string {
  const time = showDuration(Math.max(0, now - step.startedAtMs));
  const text = clip(step.label, style.width - (step.percent === undefined ? 16 : 46), style);
  const detail = step.percent === undefined ? '' : `  ${bar(step.percent, style)}`;
  return `${style.cyan(spinner)} ${text}${detail}  ${style.dim(time)}`;
}

/**
 * Builds the renderer for a terminal.
 *
 * @param options - writers, palette and clock.
 * @returns the sink.
 */
export function createLiveRenderer(options: SinkOptions): Sink {
  const { style, clock } = options;
  const progress = createProgress();
  const stream = {
    write: (text: string): boolean => {
      options.write(text);
      return true;
    },
    isTTY: true,
    columns: style.width,
    rows: 24,
  };
  const log = createLogUpdate(stream as unknown as NodeJS.WriteStream, { showCursor: true });
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const draw = (): void => {
    const spinner = style.glyph.spinner[frame % style.glyph.spinner.length] as string;
    const steps = [...progress.active.values()];
    const lines = steps.slice(0, shown).map((step) => stepLine(step, spinner, clock.now(), style));
    if (steps.length > shown) lines.push(style.dim(`  and ${counted(steps.length - shown, 'more step')}`));
    if (progress.observing && progress.observing.total > 0) {
      lines.push(
        `${style.cyan(spinner)} reading ${progress.observing.done} of ${counted(progress.observing.total, 'container')}`,
      );
    }
    if (progress.total > 0 && steps.length > 0)
      lines.push(style.dim(`  ${progress.done} of ${counted(progress.total, 'step')} done`));
    if (lines.length === 0) log.clear();
    else log(lines.join('\n'));
  };
  const tick = (): void => {
    frame += 1;
    draw();
  };
  const run = (): void => {
    const busy = progress.active.size > 0 || progress.observing !== undefined;
    if (busy && !timer) {
      timer = setInterval(tick, frameMs);
      timer.unref();
    } else if (!busy && timer) {
      clearInterval(timer);
      timer = undefined;
    }
  };
  const pause = (write: () => void): void => {
    log.clear();
    write();
    if (timer) draw();
  };
  return {
    sink: (event) => {
      const line = lastingLine(event, progress, style, options.verbose);
      advance(progress, event);
      if (line !== undefined) pause(() => options.write(`${line}\n`));
      run();
      if (!timer) log.clear();
    },
    pause,
    close: () => {
      if (timer) clearInterval(timer);
      timer = undefined;
      log.clear();
    },
  };
}

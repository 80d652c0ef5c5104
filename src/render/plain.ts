/** Progress where there is no terminal (CI, files): one line per finished step and a heartbeat while nothing ends. */
import { lastingLine } from './lines.ts';
import { advance, createProgress } from './progress.ts';
import type { Sink, SinkOptions } from './sink.ts';
import { counted, showDuration } from './values.ts';

const heartbeatMs = 10_000;

/**
 * Builds the renderer for anything but a terminal.
 *
 * @param options - writers, palette and clock.
 * @returns the sink.
 */
export function createPlainRenderer(options: SinkOptions): Sink {
  const { style, clock } = options;
  const progress = createProgress();
  let lastLineAtMs = clock.now();
  let timer: NodeJS.Timeout | undefined;
  const write = (line: string): void => {
    lastLineAtMs = clock.now();
    options.write(`${line}\n`);
  };
  const beat = (): void => {
    if (progress.active.size === 0 || clock.now() - lastLineAtMs < heartbeatMs) return;
    const [step] = progress.active.values();
    if (!step) return;
    const percent = step.percent === undefined ? '' : ` ${Math.round(step.percent)} %`;
    const more = progress.active.size > 1 ? ` and ${counted(progress.active.size - 1, 'more step')}` : '';
    write(
      `${style.dim('...')} ${step.label}${percent} (${showDuration(clock.now() - step.startedAtMs)})${more}; ${progress.done} of ${progress.total} done`,
    );
  };
  return {
    sink: (event) => {
      const line = lastingLine(event, progress, style, options.verbose);
      advance(progress, event);
      if (line !== undefined) write(line);
      if (progress.active.size > 0 && !timer) {
        timer = setInterval(beat, 1000);
        timer.unref();
      }
    },
    pause: (text) => text(),
    close: () => {
      if (timer) clearInterval(timer);
      timer = undefined;
    },
  };
}

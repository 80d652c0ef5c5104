/** Picks the renderer of a run's events: live on a terminal, plain lines elsewhere, NDJSON, or none. */
import type { EventSink } from '../engine/events.ts';
import type { Clock } from '../util/clock.ts';
import { redactValue } from '../util/redact.ts';
import { createPlainRenderer } from './plain.ts';
import type { Style } from './style.ts';

/** Where events go, and how the renderer is ended. */
export interface Sink {
  readonly sink: EventSink;
  /** Runs `write` with the live lines out of the way, so that other text does not mix with them. */
  readonly pause: (write: () => void) => void;
  /** Removes live lines and stops timers; may be called more than once. */
  readonly close: () => void;
}

export interface SinkOptions {
  readonly format: 'human' | 'json' | 'ndjson';
  readonly isTty: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly style: Style;
  /** Writes to stderr. */
  readonly write: (text: string) => void;
  /** Writes to stdout. */
  readonly writeOut: (text: string) => void;
  readonly clock: Clock;
}

/**
 * Builds the renderer of a run.
 *
 * @param options - format, terminal and writers.
 * @returns the sink.
 */
export async function createSink(options: SinkOptions): Promise<Sink> {
  const passThrough = (write: () => void): void => write();
  if (options.format === 'ndjson') {
    return {
      sink: (event) => options.writeOut(`${JSON.stringify(redactValue(event))}\n`),
      pause: passThrough,
      close: () => undefined,
    };
  }
  if (options.format === 'json' || options.quiet)
    return { sink: () => undefined, pause: passThrough, close: () => undefined };
  if (!options.isTty) return createPlainRenderer(options);
  const { createLiveRenderer } = await import('./live.ts');
  return createLiveRenderer(options);
}

/**
 * Sends each event to several sinks.
 *
 * @param sinks - receivers in order.
 * @returns one sink.
 */
export function tee(...sinks: readonly EventSink[]): EventSink {
  return (event) => {
    for (const sink of sinks) sink(event);
  };
}

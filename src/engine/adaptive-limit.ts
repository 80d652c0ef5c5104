/**
 * How many jobs may be in a room at once, learned while they run: one more after each success as long as that pays, half
 * as many after a time-out. Pure; knows nothing of what the jobs do.
 */

/** What is known before the first job. */
export interface LimitRange {
  /** Where to begin; at least 1. */
  readonly start: number;
  /** Never more than this. */
  readonly most: number;
  /**
   * A job that takes this many times as long as the quickest of its class did shows that the room is full enough: more at
   * once would only wait for each other.
   */
  readonly slack: number;
}

export interface AdaptiveLimit {
  /** Jobs at once, now. */
  readonly current: number;
  /**
   * A job has succeeded.
   *
   * @param job.kind - jobs of the same kind take about as long.
   * @param job.ms - how long it was in the room.
   * @param job.wasFull - whether the room was full; what is not used is not raised.
   */
  succeeded(job: { readonly kind: string; readonly ms: number; readonly wasFull: boolean }): void;
  /**
   * A job ran into a time-out. Those that were started before the last cut tell nothing new.
   *
   * @param startedAt - when the job started, in milliseconds.
   * @param now - the present, in milliseconds.
   */
  congested(startedAt: number, now: number): void;
}

/** Makes the limit of one room. */
export function createAdaptiveLimit({ start, most, slack }: LimitRange): AdaptiveLimit {
  const quickest = new Map<string, number>();
  let value = Math.min(start, most);
  /** Below it each success counts fully, as nothing has gone wrong there; above it growth is careful. */
  let careful = Number.POSITIVE_INFINITY;
  let cutAt = Number.NEGATIVE_INFINITY;
  return {
    get current() {
      return Math.floor(value);
    },
    succeeded({ kind, ms, wasFull }) {
      const best = Math.min(ms, quickest.get(kind) ?? ms);
      quickest.set(kind, best);
      if (!wasFull || ms > best * slack) return;
      value = Math.min(most, value + (value < careful ? 1 : 1 / value));
    },
    congested(startedAt, now) {
      if (startedAt < cutAt) return;
      cutAt = now;
      value = Math.max(1, value / 2);
      careful = value;
    },
  };
}

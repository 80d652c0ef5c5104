/**
 * When to look at a task next. Tasks of one kind take about as long, so the first look comes shortly before the last one
 * of the kind was over, and the next ones soon after another. Pure.
 */

/** Learns how long tasks take. */
export interface TaskPauses {
  /**
   * When to look next.
   *
   * @param kind - kind of task.
   * @param elapsedMs - since it began.
   * @returns pause in milliseconds.
   */
  next(kind: string, elapsedMs: number): number;
  /** A task of this kind has ended. */
  learn(kind: string, elapsedMs: number): void;
}

const unknownMs = 200;
const leastMs = 40;
const mostMs = 3_000;
/** The first look comes this much before the expected end, so that kinds that get quicker are noticed. */
const early = 0.93;
/** After that, and for kinds that are not known, this part of the time that has passed. */
const step = { known: 0.04, unknown: 0.25 } as const;

/** Starts without knowing anything. */
export function createTaskPauses(): TaskPauses {
  const expected = new Map<string, number>();
  return {
    next(kind, elapsedMs) {
      const known = expected.get(kind);
      if (known === undefined)
        return Math.round(Math.min(mostMs, Math.max(unknownMs, elapsedMs * step.unknown)));
      const untilFirst = known * early - elapsedMs;
      const pause = untilFirst > leastMs ? untilFirst : elapsedMs * step.known;
      // one that takes much longer than the others is asked as seldom as an unknown one
      const late = elapsedMs > known * 2 ? elapsedMs * step.unknown : pause;
      return Math.round(Math.min(mostMs, Math.max(leastMs, late)));
    },
    learn: (kind, elapsedMs) => void expected.set(kind, elapsedMs),
  };
}

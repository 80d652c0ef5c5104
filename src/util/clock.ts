/**
 * Time as a value. Nothing else in src may call Date.now, setTimeout or setInterval (render and cli excepted for
 * terminal animation), so that tests and the simulator run on a clock of their own.
 */

/** A source of time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Waits.
   *
   * @param ms - how long, in milliseconds.
   * @param signal - rejects with `signal.reason` when aborted.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

function sleepWith(start: (done: () => void) => () => void, signal?: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = start(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    sleepWith((done) => {
      const timer = setTimeout(done, ms);
      return () => clearTimeout(timer);
    }, signal),
};

/**
 * A clock that runs faster than the machine's: `sleep(1000)` with `speed` 20 takes 50 ms, and `now()` advances 20 s per
 * second. For demos.
 *
 * @param speed - how many simulated seconds pass per second; greater than 0.
 * @returns the clock, starting at the present.
 */
export function scaledClock(speed: number): Clock {
  const start = Date.now();
  return {
    now: () => Math.round(start + (Date.now() - start) * speed),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}

/** A clock that moves only when told to, or by itself whenever somebody sleeps. */
export interface ManualClock extends Clock {
  /** Moves time forward and wakes the sleepers whose time has come, in order. */
  advance(ms: number): Promise<void>;
}

/**
 * A clock for tests.
 *
 * @param options.start - first value of `now()`, ms since the epoch.
 * @param options.auto - when true (default), time jumps to the earliest sleeper as soon as the event loop has nothing
 *   else to do, so that no test ever waits.
 * @returns the clock.
 */
export function manualClock(options: { start?: number; auto?: boolean } = {}): ManualClock {
  const { start = Date.UTC(2026, 0, 1), auto = true } = options;
  let now = start;
  let sequence = 0;
  let scheduled = false;
  const sleepers: { at: number; order: number; wake: () => void }[] = [];

  const next = (): { at: number; order: number; wake: () => void } | undefined =>
    sleepers.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
  const wakeNext = (limit: number): boolean => {
    const sleeper = next();
    if (!sleeper || sleeper.at > limit) return false;
    sleepers.splice(sleepers.indexOf(sleeper), 1);
    now = Math.max(now, sleeper.at);
    sleeper.wake();
    return true;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const schedule = (): void => {
    if (!auto || scheduled) return;
    scheduled = true;
    // Two turns of the event loop: everything that can run without time passing has run by then.
    setImmediate(() =>
      setImmediate(() => {
        scheduled = false;
        if (wakeNext(Number.POSITIVE_INFINITY) && sleepers.length > 0) schedule();
      }),
    );
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      sleepWith((done) => {
        const sleeper = { at: now + Math.max(0, ms), order: sequence++, wake: done };
        sleepers.push(sleeper);
        schedule();
        return () => {
          const index = sleepers.indexOf(sleeper);
          if (index >= 0) sleepers.splice(index, 1);
        };
      }, signal),
    async advance(ms) {
      const target = now + ms;
      await settle();
      while (wakeNext(target)) await settle();
      now = Math.max(now, target);
    },
  };
}

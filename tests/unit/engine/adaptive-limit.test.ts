import { describe, expect, test } from 'vitest';
import { createAdaptiveLimit } from '../../../src/engine/adaptive-limit.ts';

const good = (
  limit: ReturnType<typeof createAdaptiveLimit>,
  times: number,
  ms = 100,
  wasFull = true,
): number => {
  for (let n = 0; n < times; n++) limit.succeeded({ kind: 'create', ms, wasFull });
  return limit.current;
};

describe('an adaptive limit', () => {
  test('grows with each success, up to its end', () => {
    const limit = createAdaptiveLimit({ start: 3, most: 6, slack: 2 });
    expect(limit.current).toBe(3);
    expect(good(limit, 1)).toBe(4);
    expect(good(limit, 10)).toBe(6);
  });

  test('never begins above its end', () => {
    expect(createAdaptiveLimit({ start: 9, most: 4, slack: 2 }).current).toBe(4);
  });

  test('does not grow where there was room', () => {
    expect(good(createAdaptiveLimit({ start: 3, most: 9, slack: 2 }), 5, 100, false)).toBe(3);
  });

  test('does not grow when jobs only wait for each other', () => {
    const limit = createAdaptiveLimit({ start: 3, most: 9, slack: 2 });
    expect(good(limit, 1, 100)).toBe(4);
    expect(good(limit, 5, 250)).toBe(4);
    expect(good(limit, 1, 150)).toBe(5);
  });

  test('compares only jobs of one kind', () => {
    const limit = createAdaptiveLimit({ start: 1, most: 9, slack: 2 });
    limit.succeeded({ kind: 'start', ms: 10, wasFull: true });
    limit.succeeded({ kind: 'create', ms: 9_000, wasFull: true });
    expect(limit.current).toBe(3);
  });

  test('is halved by a time-out, once for all that ran together, and then grows carefully', () => {
    const limit = createAdaptiveLimit({ start: 8, most: 20, slack: 2 });
    limit.congested(1_000, 5_000);
    expect(limit.current).toBe(4);
    limit.congested(2_000, 5_100);
    expect(limit.current).toBe(4);
    expect(good(limit, 3)).toBe(4);
    expect(good(limit, 2)).toBe(5);
    limit.congested(6_000, 9_000);
    expect(limit.current).toBe(2);
  });

  test('leaves at least one', () => {
    const limit = createAdaptiveLimit({ start: 1, most: 4, slack: 2 });
    limit.congested(0, 1);
    limit.congested(2, 3);
    expect(limit.current).toBe(1);
  });
});

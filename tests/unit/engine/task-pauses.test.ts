import { expect, test } from 'vitest';
import { createTaskPauses } from '../../../src/engine/task-pauses.ts';

/** Looks until a task of that length is over; when that was noticed, and how often it was looked. */
function follow(pauses: ReturnType<typeof createTaskPauses>, ms: number): { at: number; looks: number } {
  let at = 0;
  let looks = 0;
  do {
    at += pauses.next('create', at);
    looks += 1;
  } while (at < ms);
  pauses.learn('create', at);
  return { at, looks };
}

test.each([[300], [550], [5_000], [60_000]])(
  'tasks of %i ms are noticed late at first and soon afterwards',
  (ms) => {
    const pauses = createTaskPauses();
    expect(follow(pauses, ms).at).toBeLessThanOrEqual(Math.max(200, ms * 1.25) + 200);
    for (let n = 0; n < 10; n++) follow(pauses, ms);
    let late = 0;
    let looks = 0;
    for (let n = 0; n < 20; n++) {
      const seen = follow(pauses, ms);
      late += seen.at - ms;
      looks += seen.looks;
    }
    expect(late / 20 / ms).toBeLessThan(0.12);
    expect(looks / 20).toBeLessThan(ms > 50_000 ? 25 : 4);
  },
);

test('a task that takes much longer than the others is not asked more often than an unknown one', () => {
  const pauses = createTaskPauses();
  pauses.learn('create', 1_000);
  expect(follow(pauses, 60_000).looks).toBeLessThan(60);
});

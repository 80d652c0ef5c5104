import { describe, expect, test } from 'vitest';
import { type Job, type Place, type Room, runJobs } from '../../../src/engine/scheduler.ts';

const job = (id: string, dependsOn: readonly string[] = [], rooms: readonly Room[] = []): Job => ({
  id,
  dependsOn,
  rooms,
});

interface Run {
  readonly results: readonly string[];
  readonly started: readonly string[];
  readonly mostAtOnce: number;
}

/** Runs jobs that take one turn of the event loop each. */
async function run(
  jobs: readonly Job[],
  options: { failing?: readonly string[]; stopAfter?: number } = {},
): Promise<Run> {
  const started: string[] = [];
  let running = 0;
  let mostAtOnce = 0;
  const results = await runJobs(jobs, {
    run: async ({ id }): Promise<string> => {
      started.push(id);
      running += 1;
      mostAtOnce = Math.max(mostAtOnce, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return options.failing?.includes(id) ? 'failed' : 'ok';
    },
    hasFailed: (result) => result !== 'ok',
    skip: (_, because) => `skipped: ${because}`,
    stopped: () =>
      options.stopAfter !== undefined && started.length >= options.stopAfter ? 'enough' : undefined,
  });
  return { results, started, mostAtOnce };
}

const room = (name: string, limit: number): Room => ({ name, limit });

describe('runJobs', () => {
  test('runs a job after what it depends on, and gives results in plan order', async () => {
    const { started, results } = await run([job('c', ['b']), job('b', ['a']), job('a')]);
    expect(started).toEqual(['a', 'b', 'c']);
    expect(results).toEqual(['ok', 'ok', 'ok']);
  });

  test('takes a dependency on something outside the plan as done', async () => {
    expect((await run([job('a', ['gone'])])).results).toEqual(['ok']);
  });

  test('starts jobs in plan order and no more than there is room for', async () => {
    const jobs = ['a', 'b', 'c', 'd', 'e'].map((id) => job(id, [], [room('all', 2)]));
    const { started, mostAtOnce } = await run(jobs);
    expect(started).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(mostAtOnce).toBe(2);
  });

  test('a job that waits for its own room holds no place that another could use', async () => {
    const jobs = [
      job('a1', [], [room('all', 2), room('pve1', 1)]),
      job('a2', [], [room('all', 2), room('pve1', 1)]),
      job('b1', [], [room('all', 2), room('pve2', 1)]),
    ];
    const { started, mostAtOnce } = await run(jobs);
    expect(started).toEqual(['a1', 'b1', 'a2']);
    expect(mostAtOnce).toBe(2);
  });

  test('a job that follows another waits for its end, however that was', async () => {
    const follower = { ...job('b'), follows: ['a', 'gone'] };
    const { started, results } = await run([follower, job('a')], { failing: ['a'] });
    expect(started).toEqual(['a', 'b']);
    expect(results).toEqual(['ok', 'failed']);
  });

  test('a stop spares the jobs that must go on, and nothing that needs what was left out', async () => {
    const started: string[] = [];
    const results = await runJobs([job('needs', ['no']), job('first'), job('then', ['first']), job('no')], {
      run: async ({ id }): Promise<string> => {
        started.push(id);
        return 'ok';
      },
      hasFailed: (result) => result !== 'ok',
      skip: (_, because) => because,
      stopped: ({ id }) => (id === 'no' ? 'enough' : undefined),
    });
    expect(started).toEqual(['first', 'then']);
    expect(results).toEqual(['no did not succeed', 'ok', 'ok', 'enough']);
  });

  test('skips everything that depends on a failure, directly or not, and goes on with the rest', async () => {
    const jobs = [job('c', ['b']), job('a'), job('b', ['a']), job('other')];
    const { results, started } = await run(jobs, { failing: ['a'] });
    expect(results).toEqual(['skipped: b did not succeed', 'failed', 'skipped: a did not succeed', 'ok']);
    expect(started).toEqual(['a', 'other']);
  });

  test('starts nothing new once it is stopped', async () => {
    const jobs = ['a', 'b', 'c'].map((id) => job(id, [], [room('all', 1)]));
    expect((await run(jobs, { stopAfter: 1 })).results).toEqual(['ok', 'skipped: enough', 'skipped: enough']);
  });

  test('tells of jobs that wait for each other', async () => {
    await expect(run([job('a', ['b']), job('b', ['a'])])).rejects.toThrow('a, b');
  });

  test('ends at once without jobs', async () => {
    expect((await run([])).results).toEqual([]);
  });
});

describe('places', () => {
  const rooms: readonly Room[] = [room('all', 9), { name: 'lvm', limit: 1, most: 4 }];

  /** Runs jobs for as long as they say, in turns of the event loop; what they do with their place is up to the test. */
  async function within(
    count: number,
    act: (place: Place, id: string) => Promise<void>,
  ): Promise<{ most: number; order: string[] }> {
    let running = 0;
    let most = 0;
    const order: string[] = [];
    const jobs = Array.from({ length: count }, (_, index) => job(`j${index}`, [], rooms));
    await runJobs(jobs, {
      now: () => 0,
      run: async ({ id }, place) => {
        order.push(id);
        running += 1;
        most = Math.max(most, running);
        await act(place, id);
        running -= 1;
        return 'ok';
      },
      hasFailed: () => false,
      skip: () => 'skipped',
      stopped: () => undefined,
    });
    return { most, order };
  }
  const turns = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
  };

  test('a limit that may grow does, as jobs succeed', async () => {
    const { most } = await within(12, () => turns(1));
    expect(most).toBe(4);
  });

  test('a job that ran into a time-out there makes it smaller instead', async () => {
    const { most } = await within(12, async (place) => {
      place.congested((name) => name === 'lvm');
      await turns(1);
    });
    expect(most).toBe(1);
  });

  test('who leaves a room early makes place for the next, and goes on', async () => {
    const { most, order } = await within(6, async (place, id) => {
      if (id === 'j0') {
        await turns(1);
        place.leave((name) => name === 'lvm');
        await turns(20);
      } else await turns(1);
    });
    expect(most).toBeGreaterThan(1);
    expect(order).toHaveLength(6);
  });

  test('starts a wave when the one before has ended, failures included, and waits between them', async () => {
    const log: string[] = [];
    const waved = (id: string, wave: number, dependsOn: readonly string[] = []): Job => ({
      ...job(id, dependsOn),
      wave,
    });
    const results = await runJobs(
      [waved('a', 0), waved('b', 1), waved('a2', 0, ['a']), waved('c', 1), waved('d', 2, ['b'])],
      {
        run: async ({ id }): Promise<string> => {
          log.push(id);
          await new Promise((resolve) => setImmediate(resolve));
          log.push(`${id} ended`);
          return id === 'b' ? 'failed' : 'ok';
        },
        hasFailed: (result) => result !== 'ok',
        skip: (_, because) => `skipped: ${because}`,
        stopped: () => undefined,
        beforeWave: async (wave) => {
          await new Promise((resolve) => setImmediate(resolve));
          log.push(`wave ${wave}`);
        },
      },
    );
    expect(log).toEqual(['a', 'a ended', 'a2', 'a2 ended', 'wave 1', 'b', 'c', 'b ended', 'c ended']);
    expect(results).toEqual(['ok', 'failed', 'ok', 'ok', 'skipped: b did not succeed']);
  });

  test('opens no wave once it was stopped', async () => {
    let isStopped = false;
    const results = await runJobs([job('a'), { ...job('b'), wave: 1 }], {
      run: async (): Promise<string> => {
        isStopped = true;
        return 'ok';
      },
      hasFailed: (result) => result !== 'ok',
      skip: (_, because) => because,
      stopped: () => (isStopped ? 'enough' : undefined),
      beforeWave: () => Promise.reject(new Error('asked for a pause')),
    });
    expect(results).toEqual(['ok', 'enough']);
  });
});

import { describe, expect, test } from 'vitest';
import { createLocks } from '../../../src/simulator/model/locks.ts';
import { manualClock } from '../../../src/util/clock.ts';

const file = '/run/lock/lxc/pve-config-100.lock';

describe('locks', () => {
  test('let one in at a time, in order', async () => {
    const clock = manualClock();
    const locks = createLocks(clock, () => undefined);
    const order: string[] = [];
    const enter = (name: string): Promise<void> =>
      locks.run(file, 10_000, async () => {
        order.push(`${name} in`);
        await clock.sleep(100);
        order.push(`${name} out`);
      });
    await Promise.all([enter('a'), enter('b'), enter('c')]);
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  test('of different names do not know each other', async () => {
    const clock = manualClock();
    const locks = createLocks(clock, () => undefined);
    const started = clock.now();
    await Promise.all(['/a', '/b'].map((name) => locks.run(name, 0, () => clock.sleep(100))));
    expect(clock.now() - started).toBe(100);
  });

  test.each([
    [file, `can't lock file '${file}' - got timeout`],
    ['storage-nfs1', "cfs-lock 'storage-nfs1' error: got lock request timeout"],
  ])('of %s say so when they are not got in time', async (name, text) => {
    const clock = manualClock();
    const locks = createLocks(clock, () => undefined);
    const started = clock.now();
    const long = locks.run(name, 0, () => clock.sleep(60_000));
    await expect(locks.run(name, 10_000, () => 'never')).rejects.toMatchObject({
      status: 500,
      message: text,
    });
    expect(clock.now() - started).toBe(10_000);
    await long;
    expect(await locks.run(name, 0, () => 'free again')).toBe('free again');
  });

  test('are free again when the work fails', async () => {
    const locks = createLocks(manualClock(), () => undefined);
    await expect(locks.run(file, 0, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await locks.run(file, 0, () => 1)).toBe(1);
  });

  test('tell who has to wait, and stop waiting on demand', async () => {
    const clock = manualClock({ auto: false });
    let waits = 0;
    const locks = createLocks(clock, () => {
      waits += 1;
    });
    const holder = locks.run(file, 0, () => clock.sleep(1000));
    const stop = new AbortController();
    const told: string[] = [];
    const waiting = locks.run(file, 10_000, () => 'never', {
      onWait: () => told.push('trying to acquire lock...'),
      signal: stop.signal,
    });
    stop.abort(new Error('received interrupt'));
    await expect(waiting).rejects.toThrow('received interrupt');
    expect(told).toEqual(['trying to acquire lock...']);
    expect(waits).toBe(1);
    const next = locks.run(file, 10_000, () => 'next');
    await clock.advance(1000);
    await holder;
    expect(await next).toBe('next');
  });
});

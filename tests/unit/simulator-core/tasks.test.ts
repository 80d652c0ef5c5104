import { describe, expect, test } from 'vitest';
import { SimError, type SimWorker } from '../../../src/simulator/context.ts';
import { addNode, emptyState } from '../../../src/simulator/model/seed-parts.ts';
import type { SimState, SimTask } from '../../../src/simulator/model/state.ts';
import {
  createTaskRunner,
  endLostTasks,
  type TaskFault,
  type TaskRunner,
} from '../../../src/simulator/model/tasks.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';

interface Bench {
  readonly state: SimState;
  readonly clock: ManualClock;
  readonly runner: TaskRunner;
  /** Starts a worker as a request does. */
  start(work: (worker: SimWorker) => Promise<void>): SimTask;
  /** A request of somebody who looks. */
  look(): void;
}

function bench(options: { auto?: boolean; fault?: TaskFault } = {}): Bench {
  const clock = manualClock({ auto: options.auto ?? true });
  const state = emptyState(1);
  addNode(
    state,
    {
      name: 'pve1',
      ip: '10.0.0.1',
      nodeid: 1,
      maxCpu: 1,
      memoryBytes: 1,
      swapBytes: 0,
      rootBytes: 1,
      bridges: [],
    },
    clock.now(),
  );
  const runner = createTaskRunner({ state, clock, faultOf: () => options.fault });
  return {
    state,
    clock,
    runner,
    start(work) {
      const request = runner.requestBegins();
      const upid = runner.fork({ authid: 'root@pam!t1', request }, 'vztest', '100', 'pve1', work);
      runner.requestEnds(request);
      return state.tasks[upid] as SimTask;
    },
    look() {
      runner.requestEnds(runner.requestBegins());
    },
  };
}

describe('a worker', () => {
  test('has a UPID of its node, process, time, type, id and owner', () => {
    const { start, clock } = bench();
    const time = Math.floor(clock.now() / 1000)
      .toString(16)
      .toUpperCase()
      .padStart(8, '0');
    const { upid, user, type, id, status } = start(async () => undefined);
    expect(upid).toMatch(new RegExp(`^UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8}:${time}:vztest:100:root@pam!t1:$`));
    expect({ user, type, id, status }).toEqual({
      user: 'root@pam!t1',
      type: 'vztest',
      id: '100',
      status: 'running',
    });
  });

  test.each<[name: string, work: (worker: SimWorker) => Promise<void>, exitstatus: string, log: string[]]>([
    [
      'ends well',
      async (worker) => {
        worker.log('one');
        await worker.sleep(1000);
        worker.log('two');
      },
      'OK',
      ['one', 'two', 'TASK OK'],
    ],
    [
      'ends with warnings, which are counted',
      async (worker) => {
        worker.warn('first');
        worker.warn('second');
      },
      'WARNINGS: 2',
      ['WARN: first', 'WARN: second', 'TASK WARNINGS: 2'],
    ],
    [
      'dies; its text becomes one line',
      async () => {
        throw new SimError(500, 'first line\nsecond line\n');
      },
      'first line second line',
      ['TASK ERROR: first line second line'],
    ],
    [
      'dies of wrong parameters',
      async () => {
        throw new SimError(400, 'Parameter verification failed.', { size: 'too big' });
      },
      '400 Parameter verification failed. size: too big',
      ['TASK ERROR: 400 Parameter verification failed. size: too big'],
    ],
  ])('%s', async (_, work, exitstatus, log) => {
    const { start, runner } = bench();
    const task = start(work);
    await runner.settle();
    expect(task).toMatchObject({ status: 'stopped', exitstatus, log });
    expect(task.endtime).toBeGreaterThanOrEqual(task.starttime);
  });

  test('takes the time that it sleeps', async () => {
    const { start, runner } = bench();
    const task = start((worker) => worker.sleep(90_000));
    await runner.settle();
    expect((task.endtime ?? 0) - task.starttime).toBe(90);
  });

  test('a look that comes late costs it no time', async () => {
    const { start, look, clock, runner } = bench();
    const task = start(async (worker) => {
      await worker.sleep(1_000);
      await worker.sleep(9_000);
    });
    await clock.sleep(5_000);
    look();
    await runner.settle();
    expect((task.endtime ?? 0) - task.starttime).toBe(10);
  });

  test.each<[name: string, fault: TaskFault, did: boolean, exitstatus: string]>([
    ['can be made to fail before it has done anything', { fail: 'disk on fire' }, false, 'disk on fire'],
    ['can be made to warn', { warn: 'smells' }, true, 'WARNINGS: 1'],
  ])('%s', async (_, fault, did, exitstatus) => {
    const { start, runner } = bench({ fault });
    let done = false;
    const task = start(async (worker) => {
      await worker.sleep(100);
      done = true;
    });
    await runner.settle();
    expect(done).toBe(did);
    expect(task.exitstatus).toBe(exitstatus);
  });
});

describe('being seen', () => {
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  test('a task does not end, and does not go on, before a later request', async () => {
    const { start, look } = bench();
    const steps: string[] = [];
    const task = start(async (worker) => {
      await worker.sleep(5000);
      steps.push('after the sleep');
    });
    await turns(20);
    expect({ status: task.status, steps }).toEqual({ status: 'running', steps: [] });
    look();
    await turns(20);
    expect({ status: task.status, steps }).toEqual({ status: 'stopped', steps: ['after the sleep'] });
  });
  test('a request that had begun before counts for nothing', async () => {
    const { start, runner } = bench();
    const before = runner.requestBegins();
    const task = start(async () => undefined);
    runner.requestEnds(before);
    await turns(20);
    expect(task.status).toBe('running');
    await runner.settle();
  });
  test('a task that nobody asks about ends by itself', async () => {
    const { start } = bench();
    const task = start(async () => undefined);
    await expect.poll(() => task.status, { timeout: 5000, interval: 20 }).toBe('stopped');
  });
});

describe('stopping', () => {
  test('interrupts a sleep; the log says so', async () => {
    const { start, runner } = bench({ auto: false });
    const task = start((worker) => worker.sleep(60_000));
    await Promise.resolve();
    await runner.stop(task.upid);
    expect(task).toMatchObject({
      status: 'stopped',
      exitstatus: 'received interrupt',
      log: ['TASK ERROR: received interrupt'],
    });
  });
  test('lets the worker clear up, which may take time', async () => {
    const { start, runner, clock } = bench();
    const task = start(async (worker) => {
      try {
        await worker.sleep(3_600_000);
      } catch (error) {
        await worker.sleep(1000);
        worker.log('cleared up');
        throw new SimError(500, `unable to create CT 100 - ${(error as Error).message}`);
      }
    });
    await Promise.resolve();
    const asked = clock.now();
    await runner.stop(task.upid);
    expect(task.log).toEqual(['cleared up', 'TASK ERROR: unable to create CT 100 - received interrupt']);
    expect(clock.now() - asked).toBe(1000);
  });
  test('kills a worker that does not listen after 5 s', async () => {
    const { start, runner, clock } = bench();
    const task = start(() => new Promise(() => undefined));
    await Promise.resolve();
    const asked = clock.now();
    await runner.stop(task.upid);
    expect(clock.now() - asked).toBe(5000);
    expect(task).toMatchObject({ status: 'stopped', exitstatus: 'unexpected status', log: [] });
  });
  test('of one that dies hard takes the 5 s and leaves no TASK line', async () => {
    const { start, runner, clock } = bench();
    const last = "command 'lxc-stop -n 100 --nokill --timeout 60' failed: received interrupt";
    const task = start(async (worker) => {
      worker.diesHard(last);
      await worker.sleep(3_600_000);
    });
    await Promise.resolve();
    await Promise.resolve();
    const asked = clock.now();
    await runner.stop(task.upid);
    expect(clock.now() - asked).toBe(5000);
    expect(task).toMatchObject({ exitstatus: 'unexpected status', log: [last] });
  });
  test('of a finished or unknown task does nothing', async () => {
    const { start, runner } = bench();
    const task = start(async () => undefined);
    await runner.settle();
    await runner.stop(task.upid);
    await runner.stop('UPID:nope');
    expect(task.exitstatus).toBe('OK');
  });
});

test('tasks that ran when a state was saved ended unexpectedly', () => {
  const { state, start } = bench({ auto: false });
  const task = start((worker) => worker.sleep(1000));
  const loaded = structuredClone(state);
  endLostTasks(loaded, 1_800_000_000_000);
  expect(loaded.tasks[task.upid]).toMatchObject({
    status: 'stopped',
    exitstatus: 'unexpected status',
    endtime: 1_800_000_000,
  });
});

/** Many tasks, few questions. */
import { expect, test } from 'vitest';
import { createTaskWatch } from '../../../src/engine/task-watch.ts';
import { makeEngine, type TestEngine } from '../../support/engine.ts';

/** Starts creations that nobody waits for yet. */
async function begin(engine: TestEngine, count: number): Promise<string[]> {
  const volumes = Object.values(engine.simulator.state.volumes);
  const ostemplate = volumes.find(({ volid }) => volid.includes('debian'))?.volid ?? '';
  const upids: string[] = [];
  for (let n = 0; n < count; n++)
    upids.push(
      await engine.context.pve.post('/nodes/{node}/lxc', {
        node: 'pve1',
        vmid: 300 + n,
        ostemplate,
        rootfs: 'local-lvm:2',
        unprivileged: true,
        features: 'nesting=1',
      }),
    );
  return upids;
}

const count = (engine: TestEngine, request: string): number =>
  engine.requests().filter((line) => line === request).length;

test('two tasks are followed with their logs, the others share one list', async () => {
  const engine = makeEngine();
  const upids = await begin(engine, 12);
  const watch = createTaskWatch(engine.context);
  const logs = upids.map((): string[] => []);
  const outcomes = await Promise.all(
    upids.map((upid, n) => watch.wait({ upid, onLog: (line) => logs[n]?.push(line) })),
  );
  expect(outcomes.map(({ state }) => state)).toEqual(Array(12).fill('ok'));
  expect(logs.map((lines) => lines.at(-1))).toEqual(Array(12).fill('TASK OK'));
  expect(count(engine, 'GET /nodes/{node}/tasks')).toBeGreaterThan(0);
  const states = count(engine, 'GET /nodes/{node}/tasks/{upid}/status');
  // one for each that shares the list, and some for the two that do not
  expect(states).toBeGreaterThanOrEqual(12);
  expect(states).toBeLessThan(12 + 2 * 15);
});

test('a list that cannot be read is no reason to lose sight of tasks', async () => {
  const engine = makeEngine();
  const upids = await begin(engine, 5);
  const fault = { kind: 'answer', status: 500, reason: 'out of order' } as const;
  engine.simulator.faults.onRequest({ path: '/nodes/{node}/tasks', times: 3 }, fault);
  const watch = createTaskWatch(engine.context);
  const outcomes = await Promise.all(upids.map((upid) => watch.wait({ upid, onLog: () => undefined })));
  expect(outcomes.map(({ state }) => state)).toEqual(Array(5).fill('ok'));
});

test('how a task failed is told with its log', async () => {
  const engine = makeEngine();
  engine.simulator.faults.onTask({ type: 'vzcreate', id: '303' }, { fail: 'disk on fire', when: 'during' });
  const upids = await begin(engine, 5);
  const watch = createTaskWatch(engine.context);
  const outcomes = await Promise.all(upids.map((upid) => watch.wait({ upid, onLog: () => undefined })));
  expect(outcomes[3]).toMatchObject({
    state: 'failed',
    exitStatus: 'unable to create CT 303 - disk on fire',
  });
  expect(outcomes.filter(({ state }) => state === 'ok')).toHaveLength(4);
});

test('waiting ends with the signal, the tasks do not', async () => {
  const engine = makeEngine();
  const upids = await begin(engine, 5);
  const watch = createTaskWatch(engine.context);
  const waits = upids.map((upid) => watch.wait({ upid, onLog: () => undefined }));
  const results = Promise.allSettled(waits);
  await engine.clock.sleep(1_000);
  engine.detach.abort(new Error('stop'));
  expect((await results).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  await engine.simulator.settle();
  expect(Object.values(engine.simulator.state.tasks).map(({ exitstatus }) => exitstatus)).toEqual(
    Array(5).fill('OK'),
  );
});

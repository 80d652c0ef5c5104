/** A creation whose answer is lost and whose task fails: told at once from older failures, by the clock of the node. */
import { describe, expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const file = fleet([container('web', { vmid: 200, power: 'stopped' })]);
const post = { method: 'POST', path: '/nodes/{node}/lxc' };
/** Nobody answers until the task is over. */
const silence = { fault: 'drop', method: 'GET', path: '/nodes/{node}/tasks', times: 12 } as const;
const lock = "can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout";

/** The same engine on a machine whose clock is wrong. */
function skewed(engine: TestEngine, ms: number): TestEngine {
  const { clock } = engine.context;
  return { ...engine, context: { ...engine.context, clock: { ...clock, now: () => clock.now() + ms } } };
}
async function apply({ context, clock }: TestEngine) {
  const { plan } = await makePlan(context, file, policyOf());
  const startedAt = clock.now();
  const report = await applyPlan(context, plan);
  return { report, seconds: (clock.now() - startedAt) / 1_000 };
}
const creations = (engine: TestEngine): number =>
  Object.values(engine.simulator.state.tasks).filter(({ type }) => type === 'vzcreate').length;
const hour = 3_600_000;

describe.each([0, -hour, hour, 1_400])('with our clock %s ms ahead of the node', (skew) => {
  test('a lock that was not to be had is tried again at once', async () => {
    const engine = skewed(makeEngine(), skew);
    engine.simulator.faults.schedule([
      silence,
      { fault: 'drop', when: 'after', ...post },
      { fault: 'task-failure', type: 'vzcreate', text: lock },
    ]);
    const { report, seconds } = await apply(engine);
    expect(report.summary).toMatchObject({ ok: 1, failed: 0 });
    expect(creations(engine)).toBe(2);
    expect(seconds).toBeLessThan(20);
  });

  test('a real failure is reported with its cause, and not repeated', async () => {
    const engine = skewed(makeEngine(), skew);
    engine.simulator.faults.schedule([
      silence,
      { fault: 'drop', when: 'after', ...post },
      { fault: 'task-failure', type: 'vzcreate', text: 'unable to detect OS distribution' },
    ]);
    const { report, seconds } = await apply(engine);
    expect(report.actions[0]).toMatchObject({ result: 'failed', error: { code: 'TASK_FAILED' } });
    expect(report.actions[0]?.error?.message).toContain('unable to detect OS distribution');
    expect(creations(engine)).toBe(1);
    expect(seconds).toBeLessThan(20);
  });

  test('an older failure is not taken for ours', async () => {
    const engine = skewed(makeEngine(), skew);
    engine.simulator.faults.schedule([{ fault: 'task-failure', type: 'vzcreate', text: 'out of space' }]);
    expect((await apply(engine)).report.summary.failed).toBe(1);
    await engine.clock.advance(10_000);
    engine.simulator.faults.schedule([{ fault: 'drop', ...post }]);
    expect((await apply(engine)).report.summary).toMatchObject({ ok: 1, failed: 0 });
    expect(creations(engine)).toBe(2);
  });
});

test('one failure is met once, however soon the next answer is lost', async () => {
  const engine = makeEngine();
  engine.simulator.faults.schedule([
    silence,
    { fault: 'drop', when: 'after', ...post },
    { fault: 'drop', ...post },
    { fault: 'task-failure', type: 'vzcreate', text: lock },
  ]);
  expect((await apply(engine)).report.summary).toMatchObject({ ok: 1, failed: 0 });
  expect(creations(engine)).toBe(2);
});

test('without the right to see the clock it is looked for and sent again as before', async () => {
  const engine = makeEngine();
  engine.simulator.faults.schedule([
    silence,
    { fault: 'drop', when: 'after', ...post },
    { fault: 'task-failure', type: 'vzcreate', text: lock },
    {
      fault: 'answer',
      method: 'GET',
      path: '/nodes/{node}/time',
      status: 403,
      reason: 'Permission check failed',
      times: 99,
    },
  ]);
  const { report, seconds } = await apply(engine);
  expect(report.summary).toMatchObject({ ok: 1, failed: 0 });
  expect(seconds).toBeGreaterThan(30);
});

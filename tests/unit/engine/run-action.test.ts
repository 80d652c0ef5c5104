/** One action against a scripted server: what the simulator cannot easily be made to do. */
import { describe, expect, test } from 'vitest';
import { PveConflictError } from '../../../src/api/errors/conflict-error.ts';
import { PveConnectionError } from '../../../src/api/errors/connection-error.ts';
import { PveNotFoundError } from '../../../src/api/errors/not-found-error.ts';
import { PveServerError } from '../../../src/api/errors/server-error.ts';
import type { TaskOutcome } from '../../../src/api/types.ts';
import { joinDescription } from '../../../src/codec/description.ts';
import {
  configureAction,
  createAction,
  destroyAction,
  poolAction,
  rebootAction,
  resizeAction,
  startAction,
  stopAction,
} from '../../../src/domain/actions.ts';
import type { Action, Plan } from '../../../src/domain/plan.ts';
import { runAction } from '../../../src/engine/run-action.ts';
import { createRunState, type RunState } from '../../../src/engine/run-state.ts';
import { MiB } from '../../../src/util/bytes.ts';
import { type Fake, fake, pendingRows, type Script, upid } from './fake-pve.ts';

const target = { key: 'web01', vmid: 200, node: 'pve1' };
const guest = '/nodes/{node}/lxc/{vmid}';
const request = { method: 'POST', path: '/x', doing: 'do it' } as const;
const lost = (sent: 'no' | 'maybe' = 'maybe'): PveConnectionError =>
  new PveConnectionError({ request, reason: 'Connection timed out', sent, errno: '596', status: 596 });
const gone = (): PveNotFoundError =>
  new PveNotFoundError({ request, reason: 'does not exist', what: 'container', status: 500 });
const exists = (vmid: number): PveConflictError =>
  new PveConflictError({ request, reason: `CT ${vmid} already exists on node 'pve1'`, kind: 'exists' });
const owner = { fleet: 'lab', key: 'web01', specDigest: 'aa' };
const marked = (config: Record<string, string>, by = owner): Record<string, string> => ({
  ...config,
  description: joinDescription('', by),
});

const stateOf = (action: Action): RunState => createRunState({ actions: [action] } as unknown as Plan);
async function run(
  action: Action,
  script: Script,
): Promise<{ fake: Fake; state: RunState; report: Awaited<ReturnType<typeof runAction>> }> {
  const scripted = fake(script);
  const state = stateOf(action);
  return { fake: scripted, state, report: await runAction(scripted.context, state, action) };
}
const fail = (error: Error) => (): never => {
  throw error;
};

const memory = configureAction(target, 'live', { memory: 1024, swap: 0 }, 'd1', {
  reason: 'memory differs',
  changes: [{ field: 'memory', from: '512MiB', to: '1GiB', effect: 'live' }],
});
const create = (flexible = true): Action =>
  createAction(
    target,
    marked({ ostemplate: 'local:vztmpl/x', hostname: 'web01' }),
    { kind: 'vmid-free', flexible, from: 200, to: 202 },
    { reason: 'not there yet' },
  );

describe('configure', () => {
  const status = (more: object = {}) => ({
    status: 'running',
    uptime: 100,
    maxmem: 512 * MiB,
    maxswap: 0,
    cpus: 1,
    vmid: 200,
    ha: {},
    ...more,
  });

  test('sends the digest of the plan, and keeps the new one for later actions', async () => {
    const {
      fake: seen,
      state,
      report,
    } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: (_, call) =>
          call === 1 ? status() : status({ maxmem: 1024 * MiB, uptime: 101 }),
        [`PUT ${guest}/config`]: () => null,
        [`GET ${guest}/pending`]: () => pendingRows({ memory: '1024', swap: '0' }, 'd2'),
      },
    });
    expect(report).toMatchObject({ id: 'web01/configure:live', result: 'ok', vmid: 200 });
    expect(seen.calls.find(({ operation }) => operation.startsWith('PUT'))?.params).toMatchObject({
      digest: 'd1',
      memory: 1024,
    });
    expect(state.digests.get(200)).toBe('d2');
  });

  test.each([
    ['the config does not have it', { memory: '512', swap: '0' }, {}, 'memory'],
    [
      'the kernel does not have it',
      { memory: '1024', swap: '0' },
      { maxmem: 512 * MiB },
      'memory should be 1GiB, is 512MiB',
    ],
    [
      'the container was restarted',
      { memory: '1024', swap: '0' },
      { maxmem: 1024 * MiB, uptime: 1 },
      'uptime should be kept, is restarted',
    ],
    [
      'the container stopped',
      { memory: '1024', swap: '0' },
      { status: 'stopped' },
      'power should be running, is stopped',
    ],
  ])('is diverged when %s', async (_, config, after, message) => {
    const { report } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: (__, call) =>
          status(call === 1 ? {} : { maxmem: 1024 * MiB, ...after }),
        [`PUT ${guest}/config`]: () => null,
        [`GET ${guest}/pending`]: () => pendingRows(config, 'd2'),
      },
    });
    expect(report).toMatchObject({ result: 'diverged', error: { code: 'DIVERGED' } });
    expect(report.error?.message).toContain(message);
  });

  test('cores that are not redistributed yet are no divergence', async () => {
    const cores = configureAction(target, 'live', { cores: 4 }, 'd1', {
      reason: 'cores differ',
      changes: [{ field: 'cores', from: 1, to: 4, effect: 'live' }],
    });
    const { report } = await run(cores, {
      answers: {
        [`GET ${guest}/status/current`]: () => status({ cpus: 1 }),
        [`PUT ${guest}/config`]: () => null,
        [`GET ${guest}/pending`]: () => pendingRows({ cores: '4' }, 'd2'),
      },
    });
    expect(report.result).toBe('ok');
  });

  test('what cannot be read back is indeterminate, not ok', async () => {
    const { report } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: () => status(),
        [`PUT ${guest}/config`]: () => null,
        [`GET ${guest}/pending`]: fail(lost('no')),
      },
    });
    expect(report).toMatchObject({ result: 'indeterminate', error: { code: 'INDETERMINATE' } });
  });

  test('a lost answer is sent again only when the config is as before', async () => {
    const { fake: seen, report } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: (_, call) => status(call === 1 ? {} : { maxmem: 1024 * MiB }),
        [`PUT ${guest}/config`]: (_, call) => (call === 1 ? fail(lost())() : null),
        [`GET ${guest}/pending`]: (_, call) =>
          call <= 6
            ? pendingRows({ memory: '512', swap: '0' }, 'd1')
            : pendingRows({ memory: '1024', swap: '0' }, 'd2'),
      },
    });
    expect(report.result).toBe('ok');
    expect(seen.countOf(`PUT ${guest}/config`)).toBe(2);
  });

  test('stays indeterminate when the connection never comes back', async () => {
    const { report } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: () => status(),
        [`PUT ${guest}/config`]: fail(lost()),
        [`GET ${guest}/pending`]: fail(lost('no')),
      },
    });
    expect(report).toMatchObject({ result: 'indeterminate' });
  });

  test('a pool is proved by the list of resources', async () => {
    const action = poolAction(target, 'lab', 'join', { reason: 'pool differs' });
    const answers = (pool: string | undefined): Script['answers'] => ({
      'PUT /pools': () => null,
      'GET /cluster/resources': () => [{ id: 'lxc/200', type: 'lxc', vmid: 200, pool }],
    });
    expect((await run(action, { answers: answers('lab') })).report.result).toBe('ok');
    expect((await run(action, { answers: answers(undefined) })).report.result).toBe('diverged');
  });
});

describe('create', () => {
  const resources = (...vmids: number[]) =>
    vmids.map((vmid) => ({ id: `lxc/${vmid}`, type: 'lxc', vmid, node: 'pve1', status: 'running' }));

  test('fails when no id of the range is left', async () => {
    const { report } = await run(create(), {
      answers: {
        'POST /nodes/{node}/lxc': (params) => fail(exists(Number(params['vmid'])))(),
        'GET /cluster/resources': () => resources(200, 201, 202),
        [`GET ${guest}/pending`]: () => pendingRows({ hostname: 'x' }),
      },
    });
    expect(report).toMatchObject({ result: 'failed', error: { code: 'PLAN_STALE' } });
    expect(report.error?.message).toContain('no id between 200 and 202');
  });

  test('waits until the other creation has ended before it takes another id', async () => {
    const { fake: seen, report } = await run(create(), {
      answers: {
        'POST /nodes/{node}/lxc': ({ vmid }) =>
          vmid === 200 ? fail(exists(200))() : upid('vzcreate', Number(vmid)),
        'GET /cluster/resources': () => resources(200),
        [`GET ${guest}/pending`]: ({ vmid }, call) =>
          pendingRows(
            vmid === 201 ? marked({ hostname: 'web01' }) : call < 3 ? { lock: 'create' } : { hostname: 'x' },
          ),
      },
    });
    expect(report).toMatchObject({ result: 'ok', vmid: 201 });
    expect(seen.events.filter(({ type }) => type === 'action.vmid')).toHaveLength(1);
  });

  test('never takes a container of somebody else for its own after a lost answer', async () => {
    const { report } = await run(create(false), {
      answers: {
        'POST /nodes/{node}/lxc': (_, call) => fail(call === 1 ? lost() : exists(200))(),
        'GET /nodes/{node}/tasks': () => [],
        [`GET ${guest}/pending`]: () =>
          pendingRows(marked({ hostname: 'web01' }, { ...owner, fleet: 'theirs' })),
      },
    });
    expect(report).toMatchObject({ result: 'failed', error: { code: 'PVE_CONFLICT' } });
  });

  test('goes on with the task that runs after a lost answer, if it is ours', async () => {
    const ours = upid('vzcreate', 200);
    const row = { upid: ours, type: 'vzcreate', id: '200', starttime: 5, node: 'pve1', pid: 1, pstart: 1 };
    const { fake: seen, report } = await run(create(), {
      identity: 'root@pam',
      answers: {
        'POST /nodes/{node}/lxc': fail(lost()),
        'GET /nodes/{node}/tasks': () => [
          { ...row, upid: 'OTHER', user: 'them@pve', starttime: 9 },
          { ...row, user: 'root@pam' },
        ],
        [`GET ${guest}/pending`]: () => pendingRows(marked({ hostname: 'web01' })),
      },
    });
    expect(report).toMatchObject({ result: 'ok', upid: ours });
    expect(seen.countOf('POST /nodes/{node}/lxc')).toBe(1);
  });

  test('a task that met a lock is started again', async () => {
    const outcomes: TaskOutcome[] = [
      {
        upid: 'U',
        state: 'failed',
        exitStatus: "unable to create CT 200 - cfs-lock 'storage-nfs' error: got lock request timeout",
        log: [],
      },
      { upid: 'U', state: 'ok' },
    ];
    const { fake: seen, report } = await run(create(), {
      answers: {
        'POST /nodes/{node}/lxc': () => upid('vzcreate', 200),
        [`GET ${guest}/pending`]: () => pendingRows(marked({ hostname: 'web01' })),
      },
      tasks: (_, call) => outcomes[call - 1] as TaskOutcome,
    });
    expect(report.result).toBe('ok');
    expect(seen.countOf('POST /nodes/{node}/lxc')).toBe(2);
    expect(
      seen.events.some(
        (event) => event.type === 'retry' && event.because.includes('got lock request timeout'),
      ),
    ).toBe(true);
  });
});

describe('power and removal', () => {
  test('waits until the HA manager has done what its task only ordered', async () => {
    const { report, fake: seen } = await run(stopAction(target, { reason: 'asked for' }), {
      answers: {
        [`POST ${guest}/status/stop`]: () => upid('hastop', 200),
        [`GET ${guest}/status/current`]: (_, call) => ({ status: call < 4 ? 'running' : 'stopped' }),
        [`GET ${guest}/pending`]: () => pendingRows({ hostname: 'web01' }),
      },
    });
    expect(report.result).toBe('ok');
    expect(seen.countOf(`GET ${guest}/status/current`)).toBe(4);
  });

  test('a container that does not stay up is diverged', async () => {
    const { report } = await run(startAction(target, { reason: 'should be running' }), {
      answers: {
        [`POST ${guest}/status/start`]: () => upid('vzstart', 200),
        [`GET ${guest}/status/current`]: () => ({ status: 'stopped' }),
        [`GET ${guest}/pending`]: () => pendingRows({ hostname: 'web01' }),
      },
    });
    expect(report).toMatchObject({ result: 'diverged' });
    expect(report.error?.message).toContain('power should be running, is stopped');
  });

  test('a restart that leaves something waiting is diverged', async () => {
    const { report } = await run(rebootAction(target, { reason: 'nameserver waits' }), {
      answers: {
        [`POST ${guest}/status/reboot`]: () => upid('vzreboot', 200),
        [`GET ${guest}/status/current`]: () => ({ status: 'running', uptime: 1 }),
        [`GET ${guest}/pending`]: () => [...pendingRows({}), { key: 'nameserver', pending: '10.0.0.1' }],
      },
    });
    expect(report).toMatchObject({ result: 'diverged' });
    expect(report.error?.message).toContain('nameserver');
  });

  test('a restart whose answer is lost is never repeated', async () => {
    const { report, fake: seen } = await run(rebootAction(target, { reason: 'asked for' }), {
      answers: {
        [`POST ${guest}/status/reboot`]: fail(lost()),
        'GET /nodes/{node}/tasks': () => [],
        [`GET ${guest}/status/current`]: () => ({ status: 'running', uptime: 99_999 }),
      },
    });
    expect(report.result).toBe('indeterminate');
    expect(seen.countOf(`POST ${guest}/status/reboot`)).toBe(1);
  });

  const destroy = destroyAction(
    target,
    { reason: 'left the fleet file' },
    { purge: true, force: true, digest: 'd1' },
  );

  test('a container that is gone already counts as unchanged', async () => {
    const { report } = await run(destroy, {
      answers: {
        [`GET ${guest}/pending`]: (_, call) => (call === 1 ? pendingRows({}, 'd1') : fail(gone())()),
        [`DELETE ${guest}`]: fail(gone()),
        'GET /cluster/resources': () => [],
      },
    });
    expect(report.result).toBe('unchanged');
  });

  test('a container that has moved to another node is not gone', async () => {
    const { report } = await run(destroy, {
      answers: {
        [`GET ${guest}/pending`]: () => pendingRows({}, 'd1'),
        [`DELETE ${guest}`]: fail(gone()),
        'GET /cluster/resources': () => [{ id: 'lxc/200', type: 'lxc', vmid: 200, node: 'pve2' }],
      },
    });
    expect(report).toMatchObject({ result: 'failed', error: { code: 'PVE_NOT_FOUND' } });
  });

  test('a destroyed container that is still there is diverged', async () => {
    const { report } = await run(destroy, {
      answers: {
        [`GET ${guest}/pending`]: () => pendingRows({}, 'd1'),
        [`DELETE ${guest}`]: () => upid('vzdestroy', 200),
      },
    });
    expect(report.result).toBe('diverged');
  });

  test('a disk that has its size already counts as unchanged', async () => {
    const action = resizeAction(target, 'rootfs', '8G', 'd1', { reason: 'size differs' });
    const { report } = await run(action, {
      answers: {
        [`PUT ${guest}/resize`]: fail(
          new PveServerError({ request, reason: 'disk is already at specified size', status: 500 }),
        ),
        [`GET ${guest}/pending`]: () => pendingRows({ rootfs: 'local:200/vm-200-disk-0.raw,size=8G' }),
      },
    });
    expect(report.result).toBe('unchanged');
  });
});

describe('interrupts', () => {
  const locked = (): PveConflictError =>
    new PveConflictError({ request, reason: 'CT is locked (backup)', kind: 'locked', lock: 'backup' });

  test('an action that waits for a lock is left out, not failed', async () => {
    const { report } = await run(memory, {
      answers: {
        [`GET ${guest}/status/current`]: () => ({ status: 'stopped' }),
        [`PUT ${guest}/config`]: fail(locked()),
      },
      onEvent: (event, { drain }) => {
        if (event.type === 'retry') drain.abort(new Error('interrupted'));
      },
    });
    expect(report).toMatchObject({ result: 'skipped', error: { code: 'INTERRUPTED' } });
  });

  test('a request that is under way gets a moment to tell its task', async () => {
    let answer: (value: string) => void = () => undefined;
    const scripted = fake({
      answers: {
        'POST /nodes/{node}/lxc': () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      },
    });
    const state = stateOf(create());
    const running = runAction(scripted.context, state, create());
    await new Promise((resolve) => setImmediate(resolve));
    scripted.detach.abort(new Error('detached'));
    await Promise.resolve();
    answer(upid('vzcreate', 200));
    expect(await running).toMatchObject({ result: 'indeterminate', upid: upid('vzcreate', 200) });
    expect([...state.running.values()]).toEqual([upid('vzcreate', 200)]);
  });

  test('a request that never answers is indeterminate after that moment', async () => {
    const scripted = fake({ answers: { 'POST /nodes/{node}/lxc': () => new Promise(() => undefined) } });
    const running = runAction(scripted.context, stateOf(create()), create());
    await new Promise((resolve) => setImmediate(resolve));
    scripted.detach.abort(new Error('detached'));
    const report = await running;
    expect(report).toMatchObject({ result: 'indeterminate', vmid: 200 });
    expect(report.error?.hint).toContain('verify');
  });

  test('nothing is sent once the user has stopped waiting', async () => {
    const scripted = fake({
      answers: {
        [`GET ${guest}/status/current`]: () => {
          scripted.detach.abort(new Error('detached'));
          throw scripted.detach.signal.reason;
        },
      },
    });
    expect(await runAction(scripted.context, stateOf(memory), memory)).toMatchObject({ result: 'skipped' });
  });
});

/** Waiting for tasks on a clock that jumps. */
import { describe, expect, it } from 'vitest';
import { expectTask } from '../../../src/api/tasks.ts';
import type { WaitTaskOptions } from '../../../src/api/types.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { answer, clientOver, failure, fakeTransport, type Reply, refusal, refused, reset } from './fake.ts';

const upid = 'UPID:pve2:0001A2B3:00C0FFEE:6B0464E9:vzcreate:101:root@pam:';
const noSuchTask = refusal(400, 'Parameter verification failed.', { errors: { upid: 'no such task' } });

/** A task that logs a line per second and ends after a while; answers what a server would at that time. */
function task(options: {
  endsAfterMs: number;
  exitStatus?: string | undefined;
  lines?: readonly string[];
  override?: (path: string, elapsedMs: number) => Reply | undefined;
}) {
  const clock = manualClock();
  const startedAt = clock.now();
  const polls: number[] = [];
  const transport = fakeTransport((request) => {
    const elapsedMs = clock.now() - startedAt;
    const url = new URL(request.url);
    const over = options.override?.(url.pathname, elapsedMs);
    if (url.pathname.endsWith('/status')) polls.push(elapsedMs);
    if (over) return over;
    const ended = elapsedMs >= options.endsAfterMs;
    if (url.pathname.endsWith('/status')) {
      return answer({
        status: ended ? 'stopped' : 'running',
        ...(ended && options.exitStatus !== undefined ? { exitstatus: options.exitStatus } : {}),
      });
    }
    const all = options.lines ?? [];
    const written = ended ? all : all.slice(0, Math.floor(elapsedMs / 1000));
    const start = Number(url.searchParams.get('start') ?? 0);
    const limit = Number(url.searchParams.get('limit') ?? 50);
    const page = limit === 0 ? written.slice(start) : written.slice(start, start + limit);
    const rows = page.map((t, i) => ({ n: start + i + 1, t }));
    return answer(written.length === 0 && start === 0 ? [{ n: 1, t: 'no content' }] : rows);
  });
  const pve = clientOver(transport, { clock });
  return {
    clock,
    startedAt,
    polls,
    transport,
    wait: (wait: WaitTaskOptions = {}) => pve.waitTask(upid, wait),
  };
}

describe('outcomes', () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`);
  it.each<[string, string | undefined, object]>([
    ['OK', 'OK', { upid, state: 'ok' }],
    ['warnings', 'WARNINGS: 2', { upid, state: 'warnings', count: 2, log: lines.slice(-20) }],
    [
      'an error',
      'unable to create CT 101',
      { state: 'failed', exitStatus: 'unable to create CT 101', log: lines.slice(-20) },
    ],
    ['a killed worker', 'unexpected status', { state: 'failed', exitStatus: 'unexpected status' }],
    ['no exit status at all', undefined, { state: 'failed', exitStatus: 'unexpected status' }],
    ['something like OK', 'OK, almost', { state: 'failed' }],
    ['something like warnings', 'WARNINGS: many', { state: 'failed' }],
  ])('%s', async (_, exitStatus, want) => {
    expect(await task({ endsAfterMs: 100, exitStatus, lines }).wait()).toMatchObject(want);
  });

  it('a log that cannot be read does not hide the failure', async () => {
    const { wait } = task({
      endsAfterMs: 0,
      exitStatus: 'broken',
      override: (path) =>
        path.endsWith('/log') ? refusal(403, 'Permission check failed (/nodes/pve2, Sys.Audit)') : undefined,
    });
    expect(await wait()).toMatchObject({
      state: 'failed',
      exitStatus: 'broken',
      log: ['(the log cannot be read: Permission check failed (/nodes/pve2, Sys.Audit))'],
    });
  });

  it('success asks for no log', async () => {
    const { wait, transport } = task({ endsAfterMs: 0, exitStatus: 'OK' });
    await wait();
    expect(transport.lines().filter((line) => line.includes('/log'))).toEqual([]);
  });

  it('asks the node that is in the identifier, with the identifier as one segment', async () => {
    const { wait, transport } = task({ endsAfterMs: 0, exitStatus: 'OK' });
    await wait();
    expect(transport.lines()[0]).toBe(`GET /nodes/pve2/tasks/${encodeURIComponent(upid)}/status`);
  });
});

describe('polling', () => {
  it('begins quickly and becomes patient, never slower than 3 s', async () => {
    const { wait, polls } = task({ endsAfterMs: 20_000, exitStatus: 'OK' });
    await wait();
    const gaps = polls.map((at, i) => at - (polls[i - 1] ?? 0));
    expect(gaps.slice(0, 3)).toEqual([200, 500, 750]);
    expect(Math.max(...gaps)).toBe(3000);
    expect(gaps.toSorted((a, b) => a - b)).toEqual(gaps);
  });

  it('bears a task that is not known yet, but not for long', async () => {
    const soon = task({
      endsAfterMs: 1000,
      exitStatus: 'OK',
      override: (_, elapsedMs) => (elapsedMs < 1000 ? noSuchTask : undefined),
    });
    expect(await soon.wait()).toMatchObject({ state: 'ok' });
    const never = task({ endsAfterMs: 1000, override: () => noSuchTask });
    expect(await failure(never.wait())).toMatchObject({ code: 'PVE_NOT_FOUND', what: 'task' });
    expect(never.clock.now() - never.startedAt).toBeLessThan(10_000);
  });

  it('a task that was there and is gone is an error', async () => {
    const { wait } = task({
      endsAfterMs: 60_000,
      override: (_, elapsedMs) => (elapsedMs > 2000 ? noSuchTask : undefined),
    });
    expect(await failure(wait())).toMatchObject({ code: 'PVE_NOT_FOUND' });
  });

  it.each([2000, 60_000])('bears an API that is away for a while, after %d ms', async (fromMs) => {
    const { wait } = task({
      endsAfterMs: fromMs + 20_000,
      exitStatus: 'OK',
      override: (_, elapsedMs) => (elapsedMs > fromMs && elapsedMs < fromMs + 13_000 ? refused : undefined),
    });
    expect(await wait()).toMatchObject({ state: 'ok' });
  });

  it('but not for ever', async () => {
    const { wait, clock, startedAt } = task({
      endsAfterMs: 1e9,
      override: (_, elapsedMs) => (elapsedMs > 2000 ? reset : undefined),
    });
    expect(await failure(wait())).toMatchObject({ code: 'PVE_CONNECTION' });
    expect(clock.now() - startedAt).toBeLessThan(40_000);
  });

  it('an API that was never there is told at once', async () => {
    const { wait, clock, startedAt } = task({ endsAfterMs: 1e9, override: () => refused });
    expect(await failure(wait())).toMatchObject({ code: 'PVE_CONNECTION' });
    expect(clock.now() - startedAt).toBeLessThan(3000);
  });
});

describe('limits', () => {
  it('gives up after the time-out, and says how to go on', async () => {
    const { wait } = task({ endsAfterMs: 60_000 });
    const error = await failure<Error & { hint: string }>(wait({ timeoutMs: 5000 }));
    expect(error).toMatchObject({ code: 'TASK_TIMEOUT', exitCode: 5, upid, waitedMs: 5000 });
    expect(error.message).toBe('cannot create CT 101 on pve2 in time: the task still runs after 5 s');
    expect(error.hint).toContain(`pvefleet task wait '${upid}'`);
  });

  it('an end just before the time-out is seen', async () => {
    const { wait } = task({ endsAfterMs: 4999, exitStatus: 'OK' });
    expect(await wait({ timeoutMs: 5000 })).toMatchObject({ state: 'ok' });
  });

  it('an abort ends the waiting with its reason and sends nothing to stop the task', async () => {
    const controller = new AbortController();
    const { wait, transport } = task({
      endsAfterMs: 60_000,
      override: (_, elapsedMs) => {
        if (elapsedMs > 1000) controller.abort(new Error('enough'));
        return undefined;
      },
    });
    expect(await failure(wait({ signal: controller.signal }))).toBe(controller.signal.reason);
    expect(transport.lines().every((line) => line.startsWith('GET'))).toBe(true);
  });

  it('text that is no identifier is refused', async () => {
    expect(await failure(clientOver(fakeTransport([answer(null)])).waitTask('hello'))).toMatchObject({
      code: 'USAGE',
    });
  });
});

describe('the log', () => {
  const follow = async (lines: readonly string[], exitStatus = 'OK', endsAfterMs = 10_000) => {
    const seen: string[] = [];
    const outcome = await task({ endsAfterMs, exitStatus, lines }).wait({ onLog: (line) => seen.push(line) });
    return { seen, outcome };
  };

  it.each([
    ['a few lines', 8],
    ['no line', 0],
    ['exactly one page', 500],
    ['more than a page at once', 1234],
  ])('is passed on once and in order: %s', async (_, count) => {
    const lines = Array.from({ length: count }, (__, i) => `line ${i}`);
    expect((await follow(lines)).seen).toEqual(lines);
  });

  it('comes while the task runs', async () => {
    const times = new Set<number>();
    const { clock, startedAt, wait } = task({
      endsAfterMs: 8000,
      exitStatus: 'OK',
      lines: ['a', 'b', 'c', 'd', 'e'],
    });
    await wait({ onLog: () => times.add(clock.now() - startedAt) });
    expect(Math.min(...times)).toBeLessThan(3000);
    expect(times.size).toBeGreaterThan(1);
  });

  it('its end is part of a failure', async () => {
    const lines = Array.from({ length: 25 }, (_, i) => `line ${i}`);
    const { outcome } = await follow(lines, 'broken', 100);
    expect(outcome).toMatchObject({ state: 'failed', log: lines.slice(-20) });
  });
});

describe('expectTask', () => {
  it('gives success with and without warnings', () => {
    expect(expectTask({ upid, state: 'ok' })).toEqual({ upid, state: 'ok' });
    expect(expectTask({ upid, state: 'warnings', count: 1, log: [] })).toMatchObject({ count: 1 });
  });

  it('throws what failed, with the end of the log', () => {
    expect(() => expectTask({ upid, state: 'failed', exitStatus: 'no space', log: ['x', 'y'] })).toThrow(
      expect.objectContaining({
        code: 'TASK_FAILED',
        exitCode: 5,
        message: 'cannot create CT 101 on pve2: no space',
        upid,
        log: ['x', 'y'],
        details: { upid, exitStatus: 'no space', log: ['x', 'y'] },
      }),
    );
  });
});

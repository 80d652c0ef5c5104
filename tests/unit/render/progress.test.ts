import { describe, expect, it } from 'vitest';
import type { EngineEvent, StampedEvent } from '../../../src/engine/events.ts';
import { createSink, type SinkOptions, tee } from '../../../src/render/sink.ts';
import { createStyle } from '../../../src/render/style.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { plan } from './samples.ts';

interface Run {
  emit: (event: EngineEvent) => void;
  err: () => string;
  out: () => string;
  close: () => void;
}

async function setUp(options: Partial<SinkOptions> = {}): Promise<Run> {
  const written: string[] = [];
  const results: string[] = [];
  const clock = manualClock({ start: 0, auto: false });
  const renderer = await createSink({
    format: 'human',
    isTty: false,
    quiet: false,
    verbose: false,
    style: createStyle({ color: false }),
    write: (text) => written.push(text),
    writeOut: (text) => results.push(text),
    clock,
    ...options,
  });
  let seq = 0;
  return {
    emit: (event) => {
      seq += 1;
      renderer.sink({ ...event, seq, at: new Date(clock.now()).toISOString() });
    },
    err: () => written.join(''),
    out: () => results.join(''),
    close: renderer.close,
  };
}

const start: EngineEvent = {
  type: 'action.start',
  id: 'web01/create',
  kind: 'container.create',
  key: 'web01',
  vmid: 101,
  node: 'pve1',
};
const done: EngineEvent = { type: 'action.done', id: 'web01/create', result: 'ok', ms: 2100 };

describe('plain progress', () => {
  it('writes one line per finished step, to stderr only', async () => {
    const run = await setUp();
    run.emit({ type: 'plan.ready', plan });
    run.emit(start);
    run.emit({ type: 'task.log', id: 'web01/create', line: 'extracting archive' });
    run.emit(done);
    run.close();
    expect(run.err()).toBe('✔ create web01 (101) on pve1 2.1 s\n');
    expect(run.out()).toBe('');
  });

  it('tells of retries, moved ids, failures and interruption', async () => {
    const run = await setUp();
    run.emit(start);
    run.emit({ type: 'action.vmid', id: 'web01/create', from: 101, to: 102 });
    run.emit({
      type: 'retry',
      id: 'web01/create',
      attempt: 1,
      inMs: 1500,
      because: 'got timeout, PVEAuthCookie=PVE%3Aroot',
    });
    run.emit({ type: 'cancel', stage: 'draining' });
    run.emit({ type: 'action.done', id: 'web01/create', result: 'failed', ms: 90, message: 'no space' });
    run.close();
    expect(run.err()).toBe(`\
  web01/create: vmid 101 was taken meanwhile, using 102
  web01/create: trying again in 1.5 s: got timeout, PVEAuthCookie=********
Interrupted: nothing new is started, running steps are finished. Press Ctrl-C again to stop waiting.
✖ create web01 (101) on pve1 failed: no space 0.1 s
`);
  });

  it('shows requests and task logs only when asked', async () => {
    const run = await setUp({ verbose: true });
    run.emit({ type: 'request', method: 'GET', path: '/version', status: 200, ms: 12.4 });
    run.close();
    expect(run.err()).toBe('  GET /version 200 12 ms\n');
  });
});

describe('live progress', () => {
  it('draws running steps with a bar and removes them when it ends', async () => {
    const run = await setUp({ isTty: true });
    run.emit(start);
    run.emit({ type: 'task.progress', id: 'web01/create', percent: 50 });
    run.emit({ type: 'retry', id: 'web01/create', attempt: 1, inMs: 100, because: 'locked' });
    expect(run.err()).toContain('create web01 (101) on pve1');
    expect(run.err()).toContain('50 %');
    run.emit(done);
    run.close();
    expect(run.err().endsWith('✔ create web01 (101) on pve1 2.1 s\n')).toBe(true);
  });
});

describe('machine formats', () => {
  it('json writes no events, quiet writes no progress', async () => {
    for (const options of [{ format: 'json' }, { quiet: true }] as const) {
      const run = await setUp(options);
      run.emit(start);
      run.emit(done);
      run.close();
      expect(run.err() + run.out()).toBe('');
    }
  });

  it('ndjson writes each event as a line on stdout, without secrets', async () => {
    const run = await setUp({ format: 'ndjson' });
    const leaky = {
      type: 'notice',
      diagnostic: { severity: 'info', code: 'X', message: 'm', password: 'hunter2' },
    };
    run.emit(leaky as unknown as EngineEvent);
    run.emit(done);
    const lines = run
      .out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as StampedEvent);
    expect(lines.map((event) => [event.seq, event.type])).toEqual([
      [1, 'notice'],
      [2, 'action.done'],
    ]);
    expect(run.out()).not.toContain('hunter2');
    expect(run.err()).toBe('');
  });

  it('tee sends an event to several sinks', () => {
    const seen: string[] = [];
    tee(
      (event) => seen.push(`a ${event.type}`),
      (event) => seen.push(`b ${event.type}`),
    )({ ...done, seq: 1, at: '' });
    expect(seen).toEqual(['a action.done', 'b action.done']);
  });
});

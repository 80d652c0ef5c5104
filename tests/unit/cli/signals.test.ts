import { describe, expect, it } from 'vitest';
import { createInterrupts } from '../../../src/cli/signals.ts';
import { fakeHost } from '../../support/fake-host.ts';

describe('Ctrl-C while changes are under way', () => {
  it('first drains, then detaches, then leaves', async () => {
    const { host, kill, exits } = fakeHost();
    const interrupts = createInterrupts(host);
    const stages: string[] = [];
    interrupts.onStage((stage) => stages.push(stage));
    await interrupts.whileApplying(async () => {
      kill();
      expect([interrupts.drain.aborted, interrupts.signal.aborted]).toEqual([true, false]);
      kill();
      expect([interrupts.drain.aborted, interrupts.signal.aborted]).toEqual([true, true]);
      expect(exits).toEqual([]);
      kill();
    });
    expect(stages).toEqual(['draining', 'detached']);
    expect(exits).toEqual([130]);
  });

  it('is the same for SIGTERM and SIGHUP', async () => {
    const { host, kill } = fakeHost();
    const interrupts = createInterrupts(host);
    await interrupts.whileApplying(async () => {
      kill('SIGTERM');
      expect(interrupts.signal.aborted).toBe(false);
      kill('SIGHUP');
      expect(interrupts.signal.aborted).toBe(true);
    });
  });
});

describe('Ctrl-C elsewhere', () => {
  it('stops waiting at once with 130, and tells nobody about tasks', () => {
    const { host, kill, exits } = fakeHost();
    const interrupts = createInterrupts(host);
    const stages: string[] = [];
    interrupts.onStage((stage) => stages.push(stage));
    kill();
    expect(interrupts.signal.reason).toMatchObject({ code: 'CANCELLED', exitCode: 130 });
    expect(stages).toEqual([]);
    kill();
    expect(exits).toEqual([130]);
  });

  it('does nothing any more once the command has ended', () => {
    const { host, kill, exits } = fakeHost();
    const interrupts = createInterrupts(host);
    interrupts.dispose();
    kill();
    kill();
    expect(interrupts.signal.aborted).toBe(false);
    expect(exits).toEqual([]);
  });
});

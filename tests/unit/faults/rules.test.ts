/** When faults strike: counted, by chance, for a while. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFaults, type FaultEntry, type FaultSource } from '../../../src/simulator/faults.ts';
import { seedState } from '../../../src/simulator/model/seed.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';

/** A value for each of some requests. */
function each<T>(count: number, one: Bench, look: () => T): T[] {
  return Array.from({ length: count }, () => {
    one.ask();
    return look();
  });
}

interface Bench {
  readonly state: SimState;
  readonly clock: ManualClock;
  readonly faults: FaultSource;
  /** A request comes; tells what began and ended, and what struck. */
  ask(path?: string, method?: string): { told: string[]; struck: string[] };
}

function bench(entries: readonly FaultEntry[] = [], randomSeed = 1): Bench {
  const clock = manualClock();
  const state = seedState('cluster', 1, clock.now());
  const faults = createFaults({ state, clock, randomSeed });
  faults.schedule(entries);
  return {
    state,
    clock,
    faults,
    ask(path = '/version', method = 'GET') {
      const subject = { method, path, template: path };
      return { told: faults.tick(subject), struck: faults.requestFaults(subject).map(({ kind }) => kind) };
    },
  };
}

describe('counted', () => {
  test('skip lets pass, times strikes', () => {
    const { ask } = bench([{ fault: 'drop', skip: 2, times: 2 }]);
    expect([1, 2, 3, 4, 5, 6].map(() => ask().struck.length)).toEqual([0, 0, 1, 1, 0, 0]);
  });
  test('only matching requests count', () => {
    const { ask } = bench([{ fault: 'drop', method: 'PUT', path: '/nodes/*/lxc/*/config', skip: 1 }]);
    const config = '/nodes/pve1/lxc/101/config';
    const struck = [
      ask(config, 'PUT'),
      ask(config),
      ask('/version', 'PUT'),
      ask('/nodes/pve2/lxc/7/config', 'PUT'),
      ask(config, 'PUT'),
    ].map((one) => one.struck.length);
    expect(struck).toEqual([0, 0, 0, 1, 0]);
  });
  test('several strike one request, in their order', () => {
    const { ask } = bench([
      { fault: 'latency', ms: 5, times: 2 },
      { fault: 'answer', status: 596 },
      { fault: 'drop', skip: 1 },
    ]);
    expect(ask().struck).toEqual(['latency', 'answer']);
    expect(ask().struck).toEqual(['latency', 'drop']);
  });
  test('answers know their reasons and delays', () => {
    const { faults } = bench([401, 595, 596].map((status) => ({ fault: 'answer', status })));
    expect(faults.requestFaults({ method: 'GET', path: '/version', template: '/version' })).toEqual([
      { kind: 'answer', status: 401, reason: 'Authentication failed!', when: 'before', delayMs: 3000 },
      { kind: 'answer', status: 595, reason: 'No route to host', when: 'before', delayMs: 3000 },
      { kind: 'answer', status: 596, reason: 'Connection timed out', when: 'before', delayMs: 30_000 },
    ]);
  });
  test('tasks and locks too', () => {
    const { faults } = bench([
      { fault: 'task-failure', type: 'vzstart', id: 101, skip: 1 },
      { fault: 'task-warning', type: 'vzstart', text: 'smells' },
      { fault: 'lock-timeout', lock: '*pve-config-101.lock', times: 2 },
    ]);
    expect(faults.taskFault('vzstart', '101')).toEqual({ warn: 'smells' });
    expect(faults.taskFault('vzstart', '102')).toBeUndefined();
    expect(faults.taskFault('vzstart', '101')).toEqual({ fail: 'simulated failure', when: 'during' });
    const lock = '/run/lock/lxc/pve-config-101.lock';
    expect([lock, 'storage-shared', lock, lock].map((name) => faults.lockFault(name))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
  test('a schedule can be taken back as a whole', () => {
    const { faults, ask, state } = bench();
    const undo = faults.schedule([
      { fault: 'drop', times: 5 },
      { fault: 'node-loss', node: 'pve2' },
    ]);
    expect(ask()).toEqual({ told: ['node-loss pve2 begins'], struck: ['drop'] });
    undo();
    expect(state.nodes['pve2']?.status).toBe('online');
    expect(ask()).toEqual({ told: [], struck: [] });
  });
  test('a wrong schedule switches nothing on', () => {
    const { faults, ask } = bench();
    expect(() => faults.schedule([{ fault: 'drop' }, { fault: 'latency' } as FaultEntry])).toThrow(
      'faults[1].ms',
    );
    expect(ask().struck).toEqual([]);
  });
});

describe('by chance', () => {
  const pattern = (randomSeed: number, probability = 0.5, before: readonly FaultEntry[] = []): string => {
    const { ask } = bench([...before, { fault: 'drop', probability }], randomSeed);
    return Array.from({ length: 64 }, () => (ask().struck.includes('drop') ? 'x' : '.')).join('');
  };
  test('equal seeds and equal requests give equal faults; others give others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (seed) => {
        const [one, two] = [pattern(seed), pattern(seed)];
        expect(two).toBe(one);
      }),
      { seed: 1, numRuns: 20 },
    );
    expect(new Set([1, 2, 3, 4, 5].map((seed) => pattern(seed))).size).toBe(5);
  });
  test('about as often as told', () => {
    const hits = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => pattern(seed, 0.25)).join('');
    const share = hits.replaceAll('.', '').length / hits.length;
    expect(share).toBeGreaterThan(0.17);
    expect(share).toBeLessThan(0.33);
    expect(pattern(1, 1)).toBe('x'.repeat(64));
  });
  test('rules do not disturb each other', () => {
    const other: FaultEntry = { fault: 'latency', ms: 1, probability: 0.5, path: '/version' };
    const alone = pattern(9, 0.5, [{ ...other, path: '/nodes' }]);
    expect(pattern(9, 0.5, [other])).toBe(alone);
  });
  test('times bounds how often', () => {
    const { ask } = bench([{ fault: 'drop', probability: 0.9, times: 3 }]);
    expect(Array.from({ length: 50 }, () => ask().struck.length).filter(Boolean)).toHaveLength(3);
  });
});

describe('for a while', () => {
  const statuses = ({ state }: Bench): string =>
    Object.values(state.nodes)
      .map(({ status }) => (status === 'online' ? 'o' : '-'))
      .join('');
  test('a node is lost from the n-th request on and comes back after some more', () => {
    const one = bench([{ fault: 'node-loss', node: 'pve2', skip: 2, forRequests: 3 }]);
    const seen = Array.from({ length: 7 }, () => {
      const { told } = one.ask();
      return [statuses(one), ...told].join(' ');
    });
    expect(seen).toEqual([
      'ooo',
      'ooo',
      'o-o node-loss pve2 begins',
      'o-o',
      'o-o',
      'ooo node-loss pve2 ends',
      'ooo',
    ]);
  });
  test('or at a time, for a time', async () => {
    const one = bench([{ fault: 'node-loss', node: 'pve3', afterMs: 5000, forMs: 10_000 }]);
    const at: string[] = [];
    for (let second = 0; second <= 20; second += 5) {
      one.faults.tick();
      at.push(`${second}s ${statuses(one)}`);
      await one.clock.advance(5000);
    }
    expect(at).toEqual(['0s ooo', '5s oo-', '10s oo-', '15s ooo', '20s ooo']);
  });
  test('it may come again', () => {
    const one = bench([
      { fault: 'node-loss', node: 'pve2', path: '/version', skip: 0, times: 2, forRequests: 1 },
    ]);
    expect(each(4, one, () => statuses(one))).toEqual(['o-o', 'o-o', 'ooo', 'ooo']);
    expect(one.ask().told).toEqual([]);
  });
  test('without a majority of the nodes there is no quorum', () => {
    const one = bench([
      { fault: 'node-loss', node: 'pve2', forRequests: 3 },
      { fault: 'node-loss', node: 'pve3', skip: 1, forRequests: 1 },
    ]);
    expect(each(4, one, () => `${statuses(one)} ${one.state.quorate}`)).toEqual([
      'o-o true',
      'o-- false',
      'o-o true',
      'ooo true',
    ]);
  });
  test('quorum may be lost by itself', () => {
    const one = bench([{ fault: 'quorum-loss', skip: 1, forRequests: 1 }]);
    expect(each(3, one, () => one.state.quorate)).toEqual([true, false, true]);
  });
  test('a cluster that had none before has none after', () => {
    const one = bench();
    one.state.quorate = false;
    one.faults.schedule([{ fault: 'quorum-loss', forRequests: 1 }]);
    one.ask();
    one.ask();
    expect(one.state.quorate).toBe(false);
  });
  test('the tightest limit of a storage counts', () => {
    const one = bench([
      { fault: 'full-storage', storage: 'local-lvm', freeBytes: 4096, forRequests: 3 },
      { fault: 'full-storage', storage: 'local-lvm', skip: 1, forRequests: 1 },
    ]);
    const limits = each(4, one, () => one.state.storages['local-lvm']?.freeAtMostBytes);
    expect(limits).toEqual([4096, 0, 4096, undefined]);
    expect(one.state.storages['local-lvm']).not.toHaveProperty('freeAtMostBytes');
  });
  test('what lasts is not saved', () => {
    const one = bench([
      { fault: 'node-loss', node: 'pve2' },
      { fault: 'node-loss', node: 'pve3' },
      { fault: 'full-storage', storage: 'shared' },
    ]);
    const before = structuredClone(one.state);
    one.ask();
    const copy = structuredClone(one.state);
    expect(copy).not.toEqual(before);
    one.faults.removeFrom(copy);
    expect(copy).toEqual(before);
    one.faults.clear();
    expect(one.state).toEqual(before);
  });
});

import { describe, expect, test } from 'vitest';
import { createFaults } from '../../../src/simulator/faults.ts';
import { mergeHandlers } from '../../../src/simulator/handlers/index.ts';
import { type JournalEntry, maskParams, record } from '../../../src/simulator/journal.ts';
import { nextRandom, randomHex, randomUuid } from '../../../src/simulator/model/random.ts';

describe('random numbers', () => {
  test('depend on the state alone and move it on', () => {
    const [a, b] = [{ random: 5 }, { random: 5 }];
    const first = [nextRandom(a), nextRandom(a), randomHex(a, 8), randomUuid(a)];
    expect([nextRandom(b), nextRandom(b), randomHex(b, 8), randomUuid(b)]).toEqual(first);
    expect(a.random).toBe(b.random);
    expect(randomUuid({ random: 6 })).not.toBe(randomUuid({ random: 5 }));
  });
  test('lie between 0 and 1 and spread', () => {
    const state = { random: 1 };
    const numbers = Array.from({ length: 1000 }, () => nextRandom(state));
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
  });
  test('make UUIDs of version 4', () => {
    expect(randomUuid({ random: 1 })).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('the journal', () => {
  const entry = (seq: number): JournalEntry => ({
    seq,
    atMs: 0,
    method: 'GET',
    template: '/version',
    path: '/version',
    params: {},
    authid: '',
    status: 200,
    reason: 'OK',
    ms: 0,
  });
  test('keeps the newest entries', () => {
    const journal: JournalEntry[] = [];
    for (const seq of [1, 2, 3, 4]) record(journal, entry(seq), 3);
    expect(journal.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });
  test('masks secrets by name and in text', () => {
    const masked = maskParams({
      password: 'hunter22',
      value: '123456',
      memory: '512',
      description: 'PVEAPIToken=root@pam!t=1234-5678',
      delete: ['a', 'b'],
    });
    expect(JSON.stringify(masked)).not.toMatch(/hunter22|123456|1234-5678/);
    expect(masked).toMatchObject({ memory: '512', delete: ['a', 'b'] });
  });
});

describe('faults', () => {
  const request = { method: 'POST', path: '/nodes/pve1/lxc', template: '/nodes/{node}/lxc' };
  test.each<[name: string, match: { method?: string; path?: string }, hits: number]>([
    ['any request', {}, 1],
    ['by verb', { method: 'POST' }, 1],
    ['by another verb', { method: 'GET' }, 0],
    ['by path', { path: '/nodes/pve1/lxc' }, 1],
    ['by template', { path: '/nodes/{node}/lxc' }, 1],
    ['by pattern', { path: '/nodes/*/lxc' }, 1],
    ['by another path', { path: '/nodes/*/qemu' }, 0],
  ])('strike %s', (_, match, hits) => {
    const faults = createFaults();
    faults.onRequest(match, { kind: 'latency', ms: 1 });
    expect(faults.requestFaults(request)).toHaveLength(hits);
  });
  test('skip, strike as often as told, and go', () => {
    const faults = createFaults();
    faults.onRequest({ skip: 1, times: 2 }, { kind: 'latency', ms: 1 });
    expect([1, 2, 3, 4].map(() => faults.requestFaults(request).length)).toEqual([0, 1, 1, 0]);
  });
  test('can be taken back', () => {
    const faults = createFaults();
    const undo = faults.onRequest({}, { kind: 'latency', ms: 1 });
    faults.onTask({ type: 'vzcreate' }, { fail: 'x' });
    undo();
    expect(faults.requestFaults(request)).toEqual([]);
    faults.clear();
    expect(faults.taskFault('vzcreate', '100')).toBeUndefined();
  });
  test('of tasks are told apart by type and id', () => {
    const faults = createFaults();
    faults.onTask({ type: 'vzstart', id: '101' }, { fail: 'x' });
    expect(faults.taskFault('vzstart', '100')).toBeUndefined();
    expect(faults.taskFault('vzstop', '101')).toBeUndefined();
    expect(faults.taskFault('vzstart', '101')).toEqual({ fail: 'x' });
  });
});

describe('the handler table', () => {
  test('refuses two handlers for one operation', () => {
    const table = { 'GET /version': () => null };
    expect(() => mergeHandlers([table, table])).toThrow("two handlers for 'GET /version'");
  });
  test('refuses a handler for what the API does not have', () => {
    expect(() => mergeHandlers([{ 'GET /nope': () => null }])).toThrow(
      "'GET /nope', which the API does not have",
    );
  });
  test('lists the parts of plain directories by itself', () => {
    const table = mergeHandlers([]);
    const rows = table['GET /access']?.({} as never) as { subdir: string }[];
    expect(rows.map(({ subdir }) => subdir)).toEqual(
      expect.arrayContaining(['users', 'groups', 'ticket', 'acl']),
    );
  });
});

/** What a fault schedule may say, and how a wrong one is refused. */
import { describe, expect, test } from 'vitest';
import { checkFaults, readFaultFile } from '../../../src/simulator/faults/schedule.ts';
import { seedState } from '../../../src/simulator/model/seed.ts';
import { UsageError } from '../../../src/util/errors.ts';

const cluster = seedState('cluster', 1, 0);

function refusal(entries: unknown): UsageError {
  try {
    checkFaults(entries, cluster, 'faults.json');
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('accepted');
}

test.each<[name: string, entry: Record<string, unknown>]>([
  ['latency', { fault: 'latency', ms: 500, method: 'GET', path: '/cluster/resources', skip: 2, times: 3 }],
  ['a dropped connection', { fault: 'drop', when: 'after', path: '/nodes/*/lxc/*/config', probability: 0.2 }],
  ['an expired ticket', { fault: 'answer', status: 401, skip: 10 }],
  ['a node out of reach', { fault: 'answer', status: 595, path: '/nodes/pve2/*' }],
  ['any other answer', { fault: 'answer', status: 503, reason: 'Service Unavailable', ms: 10 }],
  ['a human', { fault: 'edit', vmid: 101, set: { memory: 2048, onboot: true }, delete: ['tags'] }],
  ['a human, on what is read', { fault: 'edit', path: '/nodes/{node}/lxc/{vmid}/pending', delete: ['tags'] }],
  [
    'a failing task',
    { fault: 'task-failure', type: 'vzcreate', id: 200, text: 'disk on fire', when: 'before' },
  ],
  ['a warning task', { fault: 'task-warning', type: 'vzstart', id: '200' }],
  ['a lock', { fault: 'lock-timeout', lock: '*pve-config-101.lock', times: 2 }],
  ['a full storage', { fault: 'full-storage', storage: 'local-lvm', freeBytes: 1024, forMs: 60_000 }],
  ['a lost node', { fault: 'node-loss', node: 'pve2', afterMs: 1000, forRequests: 5 }],
  ['lost quorum', { fault: 'quorum-loss', method: 'POST', path: '/nodes/*/lxc', skip: 1 }],
  ['a pattern with alternatives', { fault: 'drop', path: '/nodes/{pve1,pve2}/lxc' }],
  ['a pattern for everything below', { fault: 'drop', path: '/cluster/*' }],
  ['a volume', { fault: 'drop', path: '/nodes/pve1/storage/local/content/local:vztmpl/x.tar.zst' }],
  ['a pattern that begins anywhere', { fault: 'drop', path: '*/status/start' }],
])('%s is accepted', (_, entry) => {
  expect(checkFaults([entry], cluster)).toEqual([entry]);
});

test.each<[name: string, entry: unknown, message: string]>([
  ['a text', 'drop', 'faults[0]: must be an object, not "drop"'],
  ['an entry without fault', { ms: 3 }, 'faults[0].fault: is missing: one of latency, drop,'],
  ['an unknown fault', { fault: 'latencey' }, 'faults[0].fault: must be one of latency'],
  ['a suggestion', { fault: 'latencey' }, 'did you mean latency?'],
  [
    'an unknown key',
    { fault: 'drop', mehtod: 'GET' },
    'faults[0].mehtod: there is no such key; did you mean method?',
  ],
  [
    'a key of another fault',
    { fault: 'drop', storage: 'local' },
    'faults[0].storage: there is no such key; there are',
  ],
  ['a missing key', { fault: 'latency' }, 'faults[0].ms: is missing'],
  ['a wrong type', { fault: 'latency', ms: '5' }, 'faults[0].ms: must be a whole number from 0, not "5"'],
  ['never', { fault: 'drop', times: 0 }, 'faults[0].times: must be a whole number from 1, not 0'],
  ['a chance beyond 1', { fault: 'drop', probability: 2 }, 'faults[0].probability: must be a number above 0'],
  ['another method', { fault: 'drop', method: 'get' }, 'did you mean GET?'],
  ['a whole URL path', { fault: 'drop', path: '/api2/json/nodes' }, 'is meant without /api2/json'],
  ['a relative path', { fault: 'drop', path: 'nodes' }, 'must begin with /'],
  [
    'a path that the API has not',
    { fault: 'drop', path: '/nodes/*/lcx' },
    'no path of the API fits /nodes/*/lcx',
  ],
  ['a pattern that nothing fits', { fault: 'drop', path: '/nodes/*/lxc/*/confg' }, 'no path of the API fits'],
  ['a template that it has not', { fault: 'drop', path: '/nodes/{node}/lcx' }, 'no path of the API fits'],
  [
    'an answer of success',
    { fault: 'answer', status: 200 },
    'faults[0].status: must be a whole number from 400',
  ],
  [
    'an answer without reason',
    { fault: 'answer', status: 500 },
    'faults[0].reason: is missing; only 401, 595, 596',
  ],
  ['a reason of two lines', { fault: 'answer', status: 500, reason: 'a\nb' }, 'must be one line of text'],
  ['an edit of nothing', { fault: 'edit', vmid: 101 }, 'changes nothing: it needs set or delete'],
  ['an edit of nobody', { fault: 'edit', set: { cores: 1 } }, 'needs a vmid, or a path'],
  [
    'an edit of objects',
    { fault: 'edit', vmid: 101, set: { net0: {} } },
    'faults[0].set.net0: must be text, a number',
  ],
  [
    'an unknown node',
    { fault: 'node-loss', node: 'pve22' },
    'must be a node (pve1, pve2, pve3), not "pve22"; did you mean',
  ],
  ['an unknown storage', { fault: 'full-storage', storage: 'local-lmv' }, 'did you mean local-lvm?'],
  ['a list', [], 'faults[0]: must be an object'],
])('%s is refused', (_, entry, message) => {
  const error = refusal([entry]);
  expect(error.exitCode).toBe(2);
  expect(error.message).toContain('faults.json is no fault schedule:');
  expect(error.message).toContain(message);
});

describe('a refusal', () => {
  test('names every wrong entry', () => {
    const { message, details } = refusal([
      { fault: 'drop' },
      { fault: 'drop', wen: 'after' },
      { fault: 'latency', ms: -1, path: 'x' },
    ]);
    expect(message.split('\n')).toHaveLength(4);
    expect(message).toContain('faults[1].wen');
    expect(details).toMatchObject({
      findings: [{ path: 'faults[1].wen' }, { path: 'faults[2].ms' }, { path: 'faults[2].path' }],
    });
  });
  test('does not go on for pages', () => {
    const { message } = refusal(Array.from({ length: 50 }, () => ({ fault: 'x' })));
    expect(message).toContain('… and 42 more');
  });
  test.each([
    ['no list', {}, 'faults: must be a list, not {}'],
    ['nothing', null, 'faults: must be a list, not null'],
  ])('of %s', (_, entries, text) => {
    expect(refusal(entries).message).toContain(text);
  });
});

describe('a file with faults', () => {
  test('may name a random seed', () => {
    expect(readFaultFile({ faults: [], randomSeed: 7 }, 'f.json')).toEqual({ faults: [], randomSeed: 7 });
  });
  test.each<[name: string, value: unknown, text: string]>([
    ['a bare list', [{ fault: 'drop' }], 'must be an object'],
    ['a misspelt key', { fautls: [] }, 'did you mean faults?'],
    ['a wrong seed', { faults: [], randomSeed: -1 }, 'randomSeed: must be a whole number'],
  ])('that is %s is refused', (_, value, text) => {
    expect(() => readFaultFile(value, 'f.json')).toThrow(text);
  });
});

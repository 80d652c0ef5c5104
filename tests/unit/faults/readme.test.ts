/** The README's words about faults: its example is a seed, and its table knows every fault and every key. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkFaults } from '../../../src/simulator/faults/schedule.ts';
import { seedState } from '../../../src/simulator/model/seed.ts';
import { readSeed } from '../../../src/simulator/seed-file.ts';
import { UsageError } from '../../../src/util/errors.ts';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const section = readme.slice(readme.indexOf('## The simulated cluster'), readme.indexOf('## As a library'));

/** Keys that a kind of fault takes, as its refusal of another one names them. */
function keysOf(fault: string): string[] {
  try {
    checkFaults([{ fault, zzzzzzzzzz: 1 }], seedState('small', 1, 0));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const names = /there are (.*)/.exec(error.message)?.[1] ?? '';
    return names.split(', ').filter((name) => name !== 'fault');
  }
  return [];
}

test('the example is a sound seed', () => {
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(section) ?? [];
  const { seed, faults } = readSeed(JSON.parse(json), 'README.md', 0);
  expect(faults).toHaveLength(4);
  expect(seed.containers[101]?.config['hostname']).toBe('web01');
});

test('the table has every fault, and the text every key', () => {
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]).slice(1);
  expect(rows).toEqual([
    'latency',
    'drop',
    'answer',
    'edit',
    'task-failure',
    'task-warning',
    'lock-timeout',
    'full-storage',
    'node-loss',
    'quorum-loss',
  ]);
  for (const fault of rows) {
    const keys = keysOf(fault as string);
    expect(keys.length, fault).toBeGreaterThan(2);
    for (const key of keys) expect(section, `${fault}: ${key}`).toContain(`\`${key}\``);
  }
});

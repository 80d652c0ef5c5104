import { expect, test } from 'vitest';
import { type Waves, wavesOf } from '../../../src/engine/waves.ts';

const action = (id: string, dependsOn: readonly string[] = []) => ({
  id,
  target: { key: id.split('/')[0] as string, node: 'pve1' },
  dependsOn,
});
const actions = [
  action('ct10/start'),
  action('ct2/configure'),
  action('ct1/start'),
  action('ct2/start', ['ct2/configure']),
  action('ct3/start'),
];

test.each<[string, Waves, Record<string, number>]>([
  ['none: all at once', {}, { ct1: 0, ct2: 0, ct3: 0, ct10: 0 }],
  ['waves of two, in natural order', { wave: 2 }, { ct1: 0, ct2: 0, ct3: 1, ct10: 1 }],
  ['one by one', { wave: 1 }, { ct1: 0, ct2: 1, ct3: 2, ct10: 3 }],
  ['a canary, then the rest', { canary: 1 }, { ct1: 0, ct2: 1, ct3: 1, ct10: 1 }],
  ['a canary, then waves', { canary: 1, wave: 2 }, { ct1: 0, ct2: 1, ct3: 1, ct10: 2 }],
])('%s', (_, waves, want) => {
  const found = wavesOf(actions, waves);
  expect(Object.fromEntries(actions.map(({ id, target }) => [target.key, found.get(id)]))).toEqual(want);
  expect(found.get('ct2/configure')).toBe(found.get('ct2/start'));
});

test('nothing comes before what it depends on', () => {
  const list = [action('z/start'), action('a/start', ['z/start'])];
  expect([...wavesOf(list, { wave: 1 }).values()]).toEqual([1, 1]);
});

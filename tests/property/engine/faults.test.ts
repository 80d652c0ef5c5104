/** Whatever goes wrong in the cluster: after it ends, one more apply is enough. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scenarios } from './arbitraries.ts';
import { play } from './world.ts';

const timeoutMs = 120_000;

test('without trouble', async () => {
  await fc.assert(fc.asyncProperty(scenarios({ most: 3 }), play), { numRuns: 100, seed: 401 });
}, timeoutMs);

test('faults of requests and tasks', async () => {
  await fc.assert(fc.asyncProperty(scenarios({ most: 2, faults: true }), play), { numRuns: Number(process.env['RUNS'] ?? 500), seed: Number(process.env['SEED'] ?? 402) });
}, timeoutMs);

test('people at work', async () => {
  await fc.assert(fc.asyncProperty(scenarios({ most: 2, deeds: true }), play), { numRuns: Number(process.env['RUNS'] ?? 500), seed: Number(process.env['SEED'] ?? 403) });
}, timeoutMs);

test('interrupted', async () => {
  await fc.assert(fc.asyncProperty(scenarios({ most: 2, interruption: true }), play), { numRuns: Number(process.env['RUNS'] ?? 500), seed: Number(process.env['SEED'] ?? 404) });
}, timeoutMs);

test('everything at once', async () => {
  await fc.assert(fc.asyncProperty(scenarios({ most: 2, faults: true, deeds: true, interruption: true }), play), { numRuns: Number(process.env['RUNS'] ?? 500), seed: Number(process.env['SEED'] ?? 405) });
}, timeoutMs);

if (process.env['CASE'])
  test('one', async () => {
    await play(JSON.parse(process.env['CASE'] ?? ''));
  });

/** Whatever goes wrong in the cluster: after it has ended, one more apply is enough. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ScenarioShape, scenarios } from './arbitraries.ts';
import { play } from './world.ts';

const timeoutMs = 240_000;
/** Seconds of CPU, not minutes, because it is part of every run; PROPERTY_RUNS=20000 looks longer. */
const runs = Number(process.env['PROPERTY_RUNS'] ?? 450);

test.each<readonly [string, ScenarioShape, number]>([
  ['without trouble', { most: 3 }, 401],
  ['faults of requests and tasks', { most: 2, faults: true }, 402],
  ['people at work', { most: 2, deeds: true }, 403],
  ['interrupted', { most: 2, interruption: true }, 404],
  ['everything at once', { most: 2, faults: true, deeds: true, interruption: true }, 405],
])(
  '%s',
  async (_, shape, seed) => {
    expect.hasAssertions();
    await fc.assert(fc.asyncProperty(scenarios(shape), play), { numRuns: runs, seed });
  },
  timeoutMs,
);

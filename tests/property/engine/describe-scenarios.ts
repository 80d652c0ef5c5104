/** Random scenarios as tests, with fixed seeds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Scenario } from './arbitraries.ts';
import { play } from './world.ts';

/** One kind of scenario. */
interface Kind {
  readonly name: string;
  readonly scenarios: fc.Arbitrary<Scenario>;
  readonly runs: number;
  readonly seed: number;
}

const timeoutMs = 600_000;
/** For a longer look than each run of the tests takes: PROPERTY_FACTOR=20 PROPERTY_SEED=7. */
const factor = Number(process.env['PROPERTY_FACTOR'] ?? 1);
const otherSeed = Number(process.env['PROPERTY_SEED'] ?? 0);

/** Makes one test per kind. */
export function describeScenarios(kinds: readonly Kind[]): void {
  const named = kinds.map((kind) => [kind.name, kind] as const);
  test.each(named)(
    '%s',
    async (_, { scenarios, runs, seed }) => {
      expect.hasAssertions();
      await fc.assert(fc.asyncProperty(scenarios, play), {
        numRuns: Math.ceil(runs * factor),
        seed: seed + otherSeed,
      });
    },
    timeoutMs,
  );
}

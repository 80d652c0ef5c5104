/**
 * Seed files: a whole state (saved by `sim serve --state`, or exported from a live cluster), or a short recipe on top of a
 * named seed. Both may carry a fault schedule.
 */
import type { FaultEntry } from './faults/entries.ts';
import { checkFaults } from './faults/schedule.ts';
import { type SeedName, seedState } from './model/seed.ts';
import { addSeedContainers, type SeedContainer } from './model/seed-containers.ts';
import type { SimState } from './model/state.ts';
import { checkState, stateFormat } from './model/state-check.ts';
import {
  anything,
  type Finding,
  flag,
  name,
  objectOf,
  oneOf,
  recordOf,
  refuseFindings,
  scalar,
  whole,
} from './validate/shape.ts';

/** The seeds that have a name. */
export const seedNames: readonly SeedName[] = ['small', 'cluster', 'reference'];

/** A short seed file: a named seed and what is added to it. */
interface SeedRecipe {
  readonly base?: SeedName;
  readonly randomSeed?: number;
  readonly containers?: Readonly<Record<string, SeedContainer>>;
  readonly faults?: readonly FaultEntry[];
}

/** What a seed file gives to `createSimulator`. */
export interface ReadSeed {
  readonly seed: SimState;
  readonly randomSeed?: number;
  readonly faults: readonly FaultEntry[];
}

const recipe = objectOf({
  'base?': oneOf(seedNames),
  'randomSeed?': whole(0, 0xffff_ffff),
  'containers?': recordOf(
    objectOf({
      'node?': name,
      'running?': flag,
      'pool?': name,
      'config?': recordOf(
        scalar('text, a number, true or false', (value) =>
          ['string', 'number', 'boolean'].includes(typeof value),
        ),
      ),
    }),
    scalar('a guest id', (value) => typeof value === 'string' && /^[1-9]\d{2,8}$/.test(value)),
  ),
  'faults?': anything,
});

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readState(value: Record<string, unknown>, source: string): ReadSeed {
  const { faults = [], randomSeed, ...rest } = value;
  const seed = checkState(rest, source);
  const found: Finding[] = [];
  objectOf({ 'randomSeed?': whole(0, 0xffff_ffff) })(
    randomSeed === undefined ? {} : { randomSeed },
    '',
    found,
  );
  refuseFindings(`${source} holds no sound state of a simulated cluster`, found);
  return {
    seed,
    ...(randomSeed === undefined ? {} : { randomSeed: Number(randomSeed) }),
    faults: checkFaults(faults, seed, source),
  };
}

/**
 * Reads a seed file.
 *
 * @param value - its JSON.
 * @param source - its name, for messages.
 * @param nowMs - simulated time.
 * @returns a sound state and a sound schedule.
 * @throws UsageError that names what is wrong, and where.
 */
export function readSeed(value: unknown, source: string, nowMs: number): ReadSeed {
  if (isObject(value) && 'format' in value) return readState(value, source);
  const found: Finding[] = [];
  recipe(value, '', found);
  refuseFindings(
    `${source} is no seed`,
    found,
    `a seed is a state ("format": "${stateFormat}") or {"base": "cluster", "containers": …, "faults": …}`,
  );
  const { base = 'cluster', randomSeed, containers = {}, faults = [] } = value as SeedRecipe;
  const seed = seedState(base, randomSeed ?? 1, nowMs);
  addSeedContainers(seed, containers, nowMs, source);
  return {
    seed,
    ...(randomSeed === undefined ? {} : { randomSeed }),
    faults: checkFaults(faults, seed, source),
  };
}

/** Files of `sim serve`: seeds and saved states, fault schedules, the journal, and saving the state while it runs. */
import { openSync, writeSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FaultEntry, JournalEntry, SeedName, SimState } from '../simulator/index.ts';
import { systemClock } from '../util/clock.ts';
import { messageOf, UsageError } from '../util/errors.ts';
import { readInput, readOptional } from './files.ts';
import type { Runtime } from './runtime.ts';

/** What `createSimulator` begins with. */
export interface Beginning {
  readonly seed: SeedName | SimState;
  readonly faults: readonly FaultEntry[];
  readonly randomSeed?: number;
}

/** Reads a file as JSON. */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Finds what to begin with: the saved state where there is one, else the seed. The faults of a seed file count in any case.
 *
 * @param given.seed - a named seed or a file; default `cluster`.
 * @param given.state - the file in which the state is kept.
 * @param nowMs - simulated time.
 * @throws UsageError when a file is not what it should be.
 */
export async function readBeginning(
  runtime: Runtime,
  given: { readonly seed?: string | undefined; readonly state?: string | undefined },
  nowMs: number,
): Promise<Beginning> {
  const { readSeed, seedNames } = await import('../simulator/seed-file.ts');
  const { seed = 'cluster', state } = given;
  const saved = state === undefined ? undefined : await readOptional(runtime.path(state));
  const named = seedNames.find((name) => name === seed);
  const fromFile = named ? undefined : await readInput(runtime, seed, 'seed');
  const beginning = fromFile === undefined ? undefined : readSeed(parseJson(seed, fromFile), seed, nowMs);
  const kept =
    saved === undefined || state === undefined
      ? undefined
      : readSeed(parseJson(state, saved), state, nowMs).seed;
  return {
    faults: beginning?.faults ?? [],
    seed: kept ?? beginning?.seed ?? named ?? 'cluster',
    ...(beginning?.randomSeed === undefined ? {} : { randomSeed: beginning.randomSeed }),
  };
}

/**
 * Opens the journal, so that a bad path is told before anything happens.
 *
 * @param path - absolute path; what is there stays.
 * @param tell - called once when it cannot be written any more.
 * @returns writes one line for each request; secrets are masked already.
 * @throws UsageError when it cannot be written.
 */
export function openJournal(path: string, tell: (text: string) => void): (entry: JournalEntry) => void {
  let handle: number;
  try {
    handle = openSync(path, 'a', 0o600);
  } catch (error) {
    throw new UsageError(`cannot write the journal ${path}: ${messageOf(error)}`, { cause: error });
  }
  let broken = false;
  return (entry) => {
    if (broken) return;
    try {
      writeSync(handle, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      broken = true;
      tell(`The journal ${path} cannot be written any more: ${messageOf(error)}`);
    }
  };
}

/**
 * Replaces a file only when the new one is complete; what a killed process left half-written is written over. Readable by
 * the user alone: states hold the passwords and tokens of the toy.
 *
 * @param path - absolute path; missing folders are made.
 * @throws UsageError when it cannot be written.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(fresh, text, { mode: 0o600, flush: true });
    await rename(fresh, path);
  } catch (error) {
    throw new UsageError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Keeps a file up to date with the state. */
export interface StateKeeper {
  /** Writes whenever something has changed, until the signal aborts. */
  keep(signal: AbortSignal): Promise<void>;
  /** Writes now. */
  save(): Promise<void>;
}

/** How much a killed process can lose, in real ms. */
const saveEveryMs = 1000;

/**
 * Makes the keeper of a state.
 *
 * @param path - absolute path; replaced only by whole files.
 * @param state - gives what is to be written.
 * @param changes - a value that differs whenever the state may have changed.
 * @param tell - called when writing fails and when it works again.
 */
export function createStateKeeper(
  path: string,
  state: () => SimState,
  changes: () => unknown,
  tell: (text: string) => void,
): StateKeeper {
  let written: unknown;
  let failing = false;
  const save = async (): Promise<void> => {
    const version = changes();
    await writeWhole(path, `${JSON.stringify(state())}\n`);
    written = version;
  };
  return {
    save,
    async keep(signal) {
      while (!signal.aborted) {
        await systemClock.sleep(saveEveryMs, signal).catch(() => undefined); // aborted: the caller saves a last time
        if (signal.aborted || changes() === written) continue;
        try {
          await save();
          if (failing) tell('The state is saved again.');
          failing = false;
        } catch (error) {
          if (!failing) tell(`The state cannot be saved: ${messageOf(error)}`);
          failing = true;
        }
      }
    },
  };
}

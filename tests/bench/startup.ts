/** What `pvefleet --help` takes beyond an empty Node.js. */
import { spawnSync } from 'node:child_process';
import { ensureBuilt } from '../support/build.ts';
import { bin } from '../support/run-cli.ts';

/** Medians in ms. */
export interface StartUpCost {
  readonly emptyMs: number;
  readonly helpMs: number;
}

function once(args: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, args, { env: {}, stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - startedAt;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/**
 * Starts both in turn, so that what else the machine does hits both.
 *
 * @param times - how often.
 */
export async function measureStartUp(times: number): Promise<StartUpCost> {
  await ensureBuilt();
  const pairs = Array.from({ length: times }, () => [once(['-e', '0']), once([bin, '--help'])] as const);
  return {
    emptyMs: median(pairs.map(([empty]) => empty)),
    helpMs: median(pairs.map(([, help]) => help)),
  };
}

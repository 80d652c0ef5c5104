/** How many requests a second `sim serve` answers over HTTPS, and how long a lone one takes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LoadReport, loneReadMs, runLoad } from '../support/load-client.ts';
import { crowdedState } from '../support/load-state.ts';
import { startCluster, temporaryFolder } from '../support/run-cli.ts';

const connections = 200;

/** What the server showed. */
export interface ServingCost extends LoadReport {
  /** Median of a config read when nobody else asks, in ms. */
  readonly loneReadMs: number;
}

/**
 * Sends a crowd to the built command line.
 *
 * @param requests - how many requests.
 * @throws Error when an answer was lost or mixed up.
 */
export async function measureServing(requests: number): Promise<ServingCost> {
  const { state, ...known } = await crowdedState(connections, Date.now());
  const file = join(temporaryFolder(), 'state.json');
  writeFileSync(file, JSON.stringify(state));
  const cluster = await startCluster(['--seed', file, '--speed', '2']);
  try {
    const target = { ...known, ...cluster };
    const lone = await loneReadMs(target, 500);
    const report = await runLoad(target, { requests, connections, lives: 10 });
    if (report.problems.length > 0) throw new Error(report.problems.slice(0, 10).join('\n'));
    return { ...report, loneReadMs: lone };
  } finally {
    await cluster.stop();
  }
}

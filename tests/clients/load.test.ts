/**
 * The simulator under load: 10,000 mixed requests over 200 parallel connections to `sim serve`, over HTTPS. Nothing may be
 * lost or mixed up, and it has to be fast enough for suites and rehearsals with thousands of containers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadTarget, loneReadMs, runLoad } from '../support/load-client.ts';
import { crowdedState } from '../support/load-state.ts';
import { type Cluster, startCluster, temporaryFolder } from '../support/run-cli.ts';

const connections = 200;
const requests = 10_000;

/** Processor seconds that a process has used, where the system tells: the tests beside this one do not count then. */
function processorSeconds(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // user and system time in ticks of 10 ms
}

describe('sim serve under load', () => {
  let cluster: Cluster;
  let target: LoadTarget;
  beforeAll(async () => {
    const { state, ...known } = await crowdedState(connections, Date.now());
    const file = join(temporaryFolder(), 'state.json');
    writeFileSync(file, JSON.stringify(state));
    // Hardly faster than life: a lock is waited for in the cluster's own time, also while the machine is busy.
    cluster = await startCluster(['--seed', file, '--speed', '2']);
    target = { ...known, ...cluster };
  }, 180_000);
  afterAll(async () => {
    await cluster.stop();
  });

  it('answers a lone read of a config in less than 5 ms', async () => {
    // The tests beside this one can only make it slower: the best of three counts.
    const medians = [
      await loneReadMs(target, 200),
      await loneReadMs(target, 200),
      await loneReadMs(target, 200),
    ];
    expect(Math.min(...medians)).toBeLessThan(5);
  });

  it('loses and mixes up nothing, and is fast', { timeout: 120_000 }, async () => {
    const pid = cluster.child.pid as number;
    const before = processorSeconds(pid);
    const report = await runLoad(target, { requests, connections, lives: 10 });
    const after = processorSeconds(pid);
    expect(report.problems.slice(0, 10)).toEqual([]);
    expect(report.requests).toBeGreaterThanOrEqual(requests);
    expect(report.parallel).toBe(connections);
    expect(Object.keys(report.kinds)).toHaveLength(17);
    // Other tests share the processors with this one, and the crowd itself needs one: what the server has used counts.
    const used = before === undefined || after === undefined ? undefined : after - before;
    const perSecond = `${Math.round(report.perSecond)} requests a second`;
    const perProcessor =
      used === undefined ? '' : `, ${Math.round(report.requests / used)} per processor second`;
    process.stdout.write(
      `load: ${report.requests} requests, ${report.connections} connections: ${perSecond}${perProcessor}\n`,
    );
    // Some 1,900 per processor second, and 1,300 a second on two cores that others use too; a machine may be half as fast.
    expect(report.requests / (used ?? report.seconds)).toBeGreaterThan(700);
  });
});

/** The example fleets as a user applies them: built command line, HTTPS, and the simulator's journal as witness. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { ListDocument } from '../../../src/engine/list.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runCli } from '../../support/run-cli.ts';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../config/examples/${name}`, import.meta.url));

describe.each([
  ['minimal.yaml', 'small', 1],
  ['web-stack.yaml', 'cluster', 4],
  ['classroom.yaml', 'cluster', 30],
  ['demo.yaml', 'cluster', 12],
  ['lab.yaml', 'cluster', 2],
  ['provisioned.yaml', 'cluster', 2],
] as const)('%s', (name, seed, count) => {
  let cluster: HttpsSimulator;
  const cli = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(args, { env: { ...cluster.env, STUDENT_PASSWORD: 'correct horse' } });

  beforeAll(async () => {
    await ensureBuilt();
    cluster = await startHttpsSimulator(seed);
  });
  afterAll(() => cluster.close());

  it('is valid', async () => {
    expect(await cli('validate', '-f', example(name))).toMatchObject({ code: 0 });
    expect(cluster.simulator.journal).toHaveLength(0);
  });

  it('is applied: all containers run, unprivileged, owned by the fleet', { timeout: 60_000 }, async () => {
    const applied = await cli('apply', '-f', example(name), '--yes');
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    const list = await cli('list', '-o', 'json');
    const containers = list.json<ListDocument>().containers;
    expect(containers).toHaveLength(count);
    expect(new Set(containers.map((one) => one.status))).toEqual(new Set(['running']));
    expect(containers.every((one) => one.fleet !== undefined && one.tags.includes('pvefleet'))).toBe(true);
    const states = Object.values(cluster.simulator.state.containers);
    expect(new Set(states.map((one) => one.config['unprivileged']))).toEqual(new Set(['1']));
  });

  it('verifies, and a second apply sends no writing request', { timeout: 60_000 }, async () => {
    const verified = await cli('verify', '-f', example(name), '-o', 'json');
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.json<VerifyReport>().converged).toBe(true);
    expect(cluster.takeWrites().length).toBeGreaterThanOrEqual(count);
    const again = await cli('apply', '-f', example(name), '--yes');
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('is destroyed only with permission, and then wholly', { timeout: 60_000 }, async () => {
    expect(await cli('destroy', '-f', example(name), '--yes')).toMatchObject({ code: 6 });
    expect(cluster.takeWrites()).toEqual([]);
    const destroyed = await cli('destroy', '-f', example(name), '--yes', '--allow', 'destroy');
    expect(destroyed, destroyed.stderr).toMatchObject({ code: 0 });
    expect(cluster.simulator.state.containers).toEqual({});
    const volumes = Object.values(cluster.simulator.state.volumes).filter((one) => one.vmid !== undefined);
    expect(volumes).toEqual([]);
  });
});

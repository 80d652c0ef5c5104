/** `snapshot …` and `clone` through the built command line. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplyReport } from '../../../src/engine/report.ts';
import type { SnapshotsDocument } from '../../../src/engine/snapshots.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd, env: cluster.env });

async function done(...args: string[]): Promise<CliResult> {
  const result = await cli(...args, '--yes');
  expect(result.code, result.stdout + result.stderr).toBe(0);
  return result;
}

function create(name: string, vmid: number, ...more: string[]): Promise<CliResult> {
  const place = ['--node', 'pve1', '--template', 'alpine', '--bridge', 'vmbr0', '--rootfs', '1GiB'];
  return done('create', name, '--vmid', String(vmid), ...place, ...more);
}

const snapshots = async (...names: string[]): Promise<string[]> => {
  const result = await cli('snapshot', 'list', ...names, '-o', 'json');
  expect(result.code, result.stderr).toBe(0);
  return result
    .json<SnapshotsDocument>()
    .containers.flatMap((one) =>
      one.snapshots.map(({ name, isCurrent }) => `${one.name} ${name} ${isCurrent}`),
    );
};
const config = (vmid: number): Record<string, string> | undefined =>
  cluster.simulator.state.containers[vmid]?.config;

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster');
  await create('web01', 500, '--storage', 'local-lvm', '--memory', '256MiB');
  await create('flat', 501, '--storage', 'shared', '--no-start');
}, 180_000);
afterAll(() => cluster.close());

describe('snapshots', () => {
  it('are taken, listed, rolled back to and deleted', async () => {
    await done('snapshot', 'create', 'web01', '--snapshot', 'before', '--description', 'clean');
    expect(await snapshots('web01')).toEqual(['web01 before true']);
    expect((await cli('snapshot', 'list')).stdout).toMatch(
      /500 +web01 +before \(current\) +\d{4}-\d\d-\d\d .* clean/,
    );

    await done('resize', 'web01', '--memory', '512MiB');
    const refused = await cli('snapshot', 'rollback', 'web01', '--snapshot', 'before', '--yes');
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('settings included; it is stopped for that and started again');
    expect(config(500)?.['memory']).toBe('512');

    await done('snapshot', 'rollback', 'web01', '--snapshot', 'before', '--allow', 'destroy');
    expect(config(500)?.['memory']).toBe('256');
    expect(cluster.simulator.state.containers[500]?.runtime).not.toBeNull();

    expect((await cli('snapshot', 'delete', 'web01', '--snapshot', 'before', '--yes')).code).toBe(6);
    await done('snapshot', 'delete', 'web01', '--snapshot', 'before', '--allow', 'destroy');
    expect(await snapshots()).toEqual([]);
  });

  it('get a name when none is given', async () => {
    const result = await done(
      'snapshot',
      'create',
      '--tag',
      'pvefleet',
      '--node',
      'pve1',
      'web*',
      '-o',
      'json',
    );
    expect(result.json<ApplyReport>().summary).toMatchObject({ ok: 1 });
    const [name = ''] = await snapshots('web01');
    expect(name).toMatch(/^web01 snap-\d{8}-\d{6} true$/);
    const old = name.split(' ')[1] as string;
    await done('snapshot', 'delete', 'web01', '--snapshot', old, '--allow', 'destroy');
  });

  it.each([
    [
      ['create', 'flat', '--snapshot', 'x1'],
      6,
      'snapshot feature is not available, because of rootfs (shared is nfs)',
    ],
    [['rollback', 'web01', '--snapshot', 'nope'], 6, "snapshot 'nope' does not exist"],
    [['create', 'web01', '--snapshot', 'current'], 2, 'reserved'],
    [['create'], 2, 'which containers'],
    [['delete', 'web01'], 2, 'which snapshot'],
    [['create', 'web1'], 2, 'did you mean web01?'],
  ])('snapshot %j is refused before anything is written', async (args, code, text) => {
    cluster.takeWrites();
    const result = await cli('snapshot', ...args, '--yes');
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).toContain(text);
    expect(cluster.takeWrites()).toEqual([]);
  });
});

describe('clone', () => {
  it('makes a container of its own, which belongs to no fleet', async () => {
    const running = await cli('clone', 'web01', 'web02', '--yes');
    expect(running.code).toBe(6);
    expect(running.stderr).toContain('only be cloned from a snapshot');
    await done('clone', 'flat', 'copy', '--vmid', '610', '--start', '--pool', 'lab');
    expect(config(610)).toMatchObject({ hostname: 'copy' });
    expect(config(610)?.['tags'] ?? '').not.toContain('pvefleet');
    expect(config(610)?.['description'] ?? '').not.toContain('pvefleet fleet=');
    expect(cluster.simulator.state.containers[610]?.runtime).not.toBeNull();
    expect(cluster.simulator.state.pools['lab']?.vms).toContain(610);
  });

  it('goes to another node and storage', async () => {
    await done('clone', 'flat', 'far', '--vmid', '611', '--node', 'pve3');
    expect(cluster.simulator.state.containers[611]?.node).toBe('pve3');
    await done('clone', 'flat', 'local', '--vmid', '612', '--node', 'pve2', '--storage', 'local-lvm');
    expect(cluster.simulator.state.containers[612]?.node).toBe('pve2');
    expect(config(612)?.['rootfs']).toContain('local-lvm:');
  });

  it('comes from a snapshot of a running container', async () => {
    await done('snapshot', 'create', 'web01', '--snapshot', 'gold');
    await done('clone', 'web01', 'web03', '--snapshot', 'gold', '--vmid', '613');
    expect(config(613)).toMatchObject({ hostname: 'web03', memory: '256' });
  });

  it.each([
    [['web01', 'web_2'], 2, 'no host name'],
    [['nope', 'web09'], 2, "no container 'nope'"],
    [['flat', 'web09', '--vmid', '500'], 6, 'vmid 500 belongs to web01'],
    [['flat', 'web09', '--node', 'pve9'], 6, 'no online node pve9'],
  ])('clone %j is refused', async (args, code, text) => {
    const result = await cli('clone', ...args, '--yes');
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).toContain(text);
  });
});

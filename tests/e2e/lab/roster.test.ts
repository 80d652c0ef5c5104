/** A class from a roster through the built command line: who comes, goes or moves is all that is written about. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd, env: cluster.env });

const file = `version: 1
fleet: class
vmids: { from: 300, to: 399 }
defaults: { node: pve1, template: alpine, memory: 256MiB, swap: 0MiB, rootfs: { storage: local-lvm, size: 1GiB } }
students:
  roster: lists/students.csv
  nets: { eth0: { bridge: vmbr0, mac: stable } }
  groups:
    A: { nets: { eth0: { ip: { range: 10.1.1.0/28 } } } }
    B: { nets: { eth0: { ip: { range: 10.1.2.0/28 } } } }
`;
const roster = (...rows: string[]): void =>
  writeFileSync(join(cwd, 'lists', 'students.csv'), ['name,group', ...rows, ''].join('\n'));

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('small');
  mkdirSync(join(cwd, 'lists'));
  writeFileSync(join(cwd, 'class.yaml'), file);
}, 180_000);
afterAll(() => cluster.close());

const nets = (): Record<string, string> =>
  Object.fromEntries(
    Object.values(cluster.simulator.state.containers).map(({ config }) => [
      config['hostname'] ?? '',
      config['net0'] ?? '',
    ]),
  );

it('is applied, and then there is nothing to do', { timeout: 60_000 }, async () => {
  roster('Anna Huber,A', 'Ben Öz,A', 'Çelik Ay,B', 'Dana Eder,B');
  expect(await cli('apply', '-f', 'class.yaml', '--yes')).toMatchObject({ code: 0 });
  expect(nets()['student-ben-oez']).toMatch(/ip=10\.1\.1\.2\/28/);
  expect(await cli('verify', '-f', 'class.yaml')).toMatchObject({ code: 0 });
  expect((await cli('plan', '-f', 'class.yaml', '-o', 'json')).json<Plan>().actions).toEqual([]);
});

it('changes only who comes, goes or moves', { timeout: 60_000 }, async () => {
  const before = nets();
  cluster.takeWrites();
  roster('Dana Eder,B', 'Eva Neu,A', 'Anna Huber,B', 'Ben Öz,A');
  const plan = (await cli('plan', '-f', 'class.yaml', '--allow', 'destroy', '-o', 'json')).json<Plan>();
  expect(new Set(plan.actions.map(({ target }) => target.key))).toEqual(
    new Set(['student-eva-neu', 'student-anna-huber', 'student-celik-ay']),
  );
  const applied = await cli('apply', '-f', 'class.yaml', '--yes', '--allow', 'destroy');
  expect(applied, applied.stderr).toMatchObject({ code: 0 });
  const untouched = Object.values(cluster.simulator.state.containers)
    .filter(({ config }) => /ben-oez|dana-eder/.test(config['hostname'] ?? ''))
    .map(({ vmid }) => `/lxc/${vmid}`);
  expect(untouched).toHaveLength(2);
  for (const write of cluster.takeWrites()) for (const path of untouched) expect(write).not.toContain(path);
  const after = nets();
  expect(after['student-ben-oez']).toBe(before['student-ben-oez']);
  expect(after['student-dana-eder']).toBe(before['student-dana-eder']);
  expect(after['student-anna-huber']).toMatch(/ip=10\.1\.2\.3\/28/);
  expect(after['student-eva-neu']).toMatch(/ip=10\.1\.1\.3\/28/);
  expect(Object.keys(after).toSorted()).toEqual([
    'student-anna-huber',
    'student-ben-oez',
    'student-dana-eder',
    'student-eva-neu',
  ]);
});

it('tells what is wrong in the roster, with its place', async () => {
  roster('Anna Huber,A', 'Änna Huber,C');
  const { code, stdout, stderr } = await cli('validate', '-f', 'class.yaml');
  expect(code).toBe(3);
  expect(stdout + stderr).toContain('lists/students.csv:3:12: error: there is no group');
});

it('is imported as what it is, without its roster', async () => {
  roster('Dana Eder,B', 'Eva Neu,A', 'Anna Huber,B', 'Ben Öz,A');
  const { stdout, code } = await cli('import', '--fleet', 'class', 'student-eva-neu');
  expect(code).toBe(0);
  expect(stdout).toContain('10.1.1.3/28');
  expect(stdout).not.toContain('pvefleet fleet=');
});

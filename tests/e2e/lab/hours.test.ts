/** Groups, waves, boosts, freezes, ticks and lists through the built command line. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { ManifestDocument } from '../../../src/engine/lab/freeze.ts';
import type { ListDocument } from '../../../src/engine/list.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runHere } from '../../support/in-process.ts';
import { type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
const file = join(cwd, 'class.yaml');
let cluster: HttpsSimulator;
const cli = (...args: string[]): Promise<CliResult> => runHere(args, { cwd, env: cluster.env });
/** The same as a process of its own, as cron starts it. */
const cron = (...args: string[]): Promise<CliResult> => runCli(args, { cwd, env: cluster.env });

async function done(...args: string[]): Promise<CliResult> {
  const result = await cli(...args);
  expect(result.code, result.stdout + result.stderr).toBe(0);
  return result;
}

const yaml = (schedule: string, more = ''): string => `
version: 1
fleet: class
vmids: { from: 300, to: 320 }
schedule: ${schedule}
defaults:
  node: pve1
  template: alpine
  memory: 128MiB
  swap: 0MiB
  rootfs: { storage: local-lvm, size: 1GiB }
  nets: { eth0: { bridge: vmbr0, ip: dhcp } }
  ${more}
students:
  roster:
    - { name: Anna Berg, login: anna, group: 1 AHIF }
    - { name: Ben Adler, login: ben, group: 1 AHIF }
    - { name: Cleo Dorn, login: cleo, group: 1 BHIF }
`;
const state = (vmid: number) => cluster.simulator.state.containers[vmid];
const memory = (): (string | undefined)[] => [300, 301, 302].map((vmid) => state(vmid)?.config['memory']);
const running = (): number[] => [300, 301, 302].filter((vmid) => state(vmid)?.runtime != null);

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster', 200);
  writeFileSync(file, yaml('null'));
  await done('apply', '-f', file, '--yes');
}, 180_000);
afterAll(() => cluster.close());

describe('a group', () => {
  it('is selected by its name, in every command, and in waves', async () => {
    const listed = await done('list', '--group', '1 AHIF', '-o', 'json');
    expect(listed.json<ListDocument>().containers).toMatchObject([
      { name: 'student-anna', student: 'anna', group: '1 AHIF' },
      { name: 'student-ben', student: 'ben', group: '1 AHIF' },
    ]);
    await done('shutdown', '--group', '1 AHIF', '--wave', '1', '--pause', '1s');
    expect(running()).toEqual([302]);
    await done('start', '--group', '1-ahif', '--wave', '1');
    expect(running()).toEqual([300, 301, 302]);
    const unknown = await cli('start', '--group', '9Z');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('no container passes the filters');
    expect((await cli('start', '--group', '1 AHIF', '--pause', '1s')).code).toBe(2);
  });

  it('is listed as CSV, in the columns that are asked for, and as a table', async () => {
    const csv = await done(
      'list',
      '--group',
      '1 AHIF',
      '-o',
      'csv',
      '--columns',
      'name,group,student,memory',
    );
    expect(csv.stdout).toMatch(
      /^name,group,student,memoryMiB,memoryUsedBytes\r\nstudent-anna,1 AHIF,anna,128,\d+\r\nstudent-ben,1 AHIF,ben,128,\d+\r\n$/,
    );
    const table = await done('list', '--group', '1 AHIF');
    expect(table.stdout).toMatch(/GROUP +STUDENT/);
    expect(table.stdout).toMatch(/student-anna .* 1 AHIF +anna/);
    expect((await cli('list', '--columns', 'nam')).stderr).toContain('did you mean name?');
    expect((await cli('plan', '-f', file, '-o', 'csv')).code).toBe(2);
  });
});

describe('a boost', () => {
  it('is given to a group, canary first, seen by list and verify, kept by apply, and taken back', async () => {
    await done('resize', '--group', '1 AHIF', '--memory', '256MiB', '--for', '3h', '--canary', '1', '--yes');
    expect(memory()).toEqual(['256', '256', '128']);
    expect((await done('list', '--group', '1 AHIF')).stdout).toMatch(/boosted until \d{4}-/);
    const verified = await done('verify', '-f', file, '-o', 'json');
    expect(verified.json<VerifyReport>().containers.filter((one) => one.boostedUntil)).toHaveLength(2);
    expect((await done('verify', '-f', file)).stdout).toContain('2 boosted until');
    expect((await done('plan', '-f', file, '--detailed-exitcode')).stdout).toContain('until');
    expect((await done('tick')).stdout).toBe('');
    await done('resize', 'student-anna', '--end-boost', '--yes');
    expect(memory()).toEqual(['128', '256', '128']);
    const later = new Date(cluster.simulator.clock.now() + 4 * 3_600_000).toISOString().slice(0, 19);
    const ticked = await done('tick', '-f', file, '--at', `${later}Z`);
    expect(ticked.stderr).toContain('its boost is over');
    expect(memory()).toEqual(['128', '128', '128']);
    expect((await done('list', '-o', 'json')).stdout).not.toContain('boostedUntil');
  });

  it.each([
    [['student-anna', '--memory', '1GiB', '--for', 'ages'], "'ages' is no span of time"],
    [['student-anna', '--memory', '1GiB', '--until', 'yesterday'], "'yesterday' is no time"],
    [['student-anna', '--rootfs', '9GiB', '--for', '1h'], 'a disk never shrinks'],
    [['student-anna', '--end-boost', '--memory', '1GiB'], 'it takes no limits'],
    [['--memory', '1GiB'], 'resize was not told which containers'],
  ])('refuses %j', async (args, message) => {
    const result = await cli('resize', ...args);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
  });
});

describe('a freeze', () => {
  it('collects a group with a manifest, is respected, and undone', async () => {
    const json = join(cwd, 'freeze.json');
    const md = join(cwd, 'freeze.md');
    const where = ['--manifest', json, '--manifest', md];
    const result = await done(
      'freeze',
      '--group',
      '1 AHIF',
      '--stop',
      '--snapshot',
      'exam',
      ...where,
      '-o',
      'json',
    );
    const manifest = result.json<ManifestDocument>();
    expect(manifest.containers).toMatchObject([
      {
        name: 'student-anna',
        student: 'anna',
        group: '1 AHIF',
        result: 'frozen',
        snapshot: { name: 'exam' },
      },
      { name: 'student-ben', result: 'frozen' },
    ]);
    expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(manifest);
    expect(statSync(json).mode & 0o777).toBe(0o600);
    expect(readFileSync(md, 'utf8')).toContain('| anna | 1 AHIF | student-anna | 300 |');
    expect(running()).toEqual([302]);

    expect((await done('apply', '-f', file, '--yes')).stderr).not.toContain('student-anna/start');
    expect((await done('verify', '-f', file)).stdout).toContain('2 frozen');
    const refused = await cli('start', 'student-anna');
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('is frozen since');
    expect((await done('list', '--group', '1 AHIF')).stdout).toContain('frozen since');
    const again = await done('freeze', '--group', '1 AHIF', '--stop', '--snapshot', 'exam', '-o', 'markdown');
    expect(again.stdout).toMatch(/^# Frozen containers/);

    await done('unfreeze', '-f', file);
    expect(running()).toEqual([300, 301, 302]);
    expect((await done('plan', '-f', file, '--detailed-exitcode')).stderr).not.toContain('frozen');
    await done(
      'snapshot',
      'delete',
      '--group',
      '1 AHIF',
      '--snapshot',
      'exam',
      '--allow',
      'destroy',
      '--yes',
    );
  });
});

describe('tick', () => {
  const at = (hours: number): string => `2031-03-03T${String(hours).padStart(2, '0')}:02Z`;

  it('is silent when nothing is due, and carries out class times', async () => {
    writeFileSync(file, yaml('{ timezone: UTC, classes: [{ days: [mon], from: 08:00, to: 12:00 }] }'));
    const idle = await cron('tick', '-f', file, '--at', at(7));
    expect([idle.code, idle.stdout, idle.stderr]).toEqual([0, '', '']);
    const dry = await cli('tick', '-f', file, '--at', at(12), '--dry-run', '--detailed-exitcode');
    expect(dry.code).toBe(7);
    expect(dry.stdout).toContain('end of the class of Mon 2031-03-03 08:00');
    expect(running()).toHaveLength(3);
    const stopped = await done('tick', '-f', file, '--at', at(12), '-o', 'json');
    expect(stopped.json<ApplyReport>().summary).toMatchObject({ ok: 3 });
    expect(running()).toEqual([]);
    expect((await done('tick', '-f', file, '--at', at(12))).stdout).toBe('');
    await done('tick', '-f', file, '--at', at(8));
    expect(running()).toHaveLength(3);
  });

  it('resets a class after it, once, and starts it clean for the next one', async () => {
    const lesson = '{ days: [mon], from: 08:00, to: 12:00, after: [reset] }';
    writeFileSync(file, yaml(`{ timezone: UTC, classes: [${lesson}] }`, 'reset: { strategy: auto }'));
    await done('apply', '-f', file, '--yes');
    expect(Object.keys(state(300)?.snapshots ?? {})).toEqual(['baseline']);
    await done('api', 'PUT', '/nodes/pve1/lxc/300/config', 'onboot=1', 'nameserver=192.0.2.1');
    const result = await done('tick', '-f', file, '--at', at(12), '-o', 'json');
    expect(result.json<ApplyReport>().actions.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['container.shutdown', 'snapshot.rollback']),
    );
    expect(state(300)?.config['nameserver']).toBeUndefined();
    expect(running()).toEqual([]);
    const listed = (await done('list', 'student-anna', '-o', 'json')).json<ListDocument>();
    expect(listed.containers[0]?.lastReset).toMatch(/^2031-03-03T12:02:/);
    expect((await done('tick', '-f', file, '--at', at(12))).stdout).toBe('');
    await done('tick', '-f', file, '--at', at(8));
    expect(running()).toHaveLength(3);
  });

  it('goes on with the others, says what it left out, and exits 6', async () => {
    writeFileSync(file, yaml('{ timezone: UTC, actions: [{ do: stop, at: 18:00 }] }'));
    const anna = state(300);
    if (anna) anna.config['lock'] = 'backup';
    const result = await cron('tick', '-f', file, '--at', at(18));
    expect(result.code, result.stderr).toBe(6);
    expect(result.stderr).toContain('left out: student-anna: container 300 is locked (backup)');
    expect(running()).toEqual([300]);
    if (anna) delete anna.config['lock'];
  });

  it.each([
    [['--at', 'noon'], 2],
    [['-f', 'nowhere.yaml'], 2],
  ])('refuses %j', async (args, code) => {
    expect((await cli('tick', ...args)).code).toBe(code);
  });
});

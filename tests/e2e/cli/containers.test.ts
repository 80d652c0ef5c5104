/** Single steps through the built command line: create, list, show, resize, power, delete, templates, tasks, api. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListDocument, ShowDocument } from '../../../src/engine/list.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import type { TasksDocument } from '../../../src/engine/tasks.ts';
import type { TemplatesDocument } from '../../../src/engine/templates.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliOptions, type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;

function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(args, { cwd, ...options, env: { ...cluster.env, ...options.env } });
}

async function document<T>(...args: string[]): Promise<T> {
  const result = await cli([...args, '-o', 'json']);
  expect(result.code, result.stdout + result.stderr).toBe(0);
  return result.json<T>();
}

const names = async (...args: string[]): Promise<string[]> =>
  (await document<ListDocument>('list', ...args)).containers.map((one) => one.name);

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster');
}, 180_000);
afterAll(() => cluster.close());

describe('create', () => {
  it('says everything that is missing at once', async () => {
    const { code, stderr } = await cli(['create']);
    expect(code).toBe(2);
    for (const text of ['--name', '--template', '--node (pve1, pve2, pve3)']) expect(stderr).toContain(text);
    expect((await cli(['create', '-o', 'json'])).json()).toMatchObject({ code: 'NO_TERMINAL' });
  });

  it.each([
    [['create', 'web_01'], "'web_01' is no host name"],
    [['create', 'web01', '--memory', '1G'], 'did you mean 1GiB?'],
    [['create', 'web01', '--vmid', '7'], 'from 100'],
    [
      [
        'create',
        'web01',
        '--password-env',
        'NOT_SET',
        '--template',
        'alpine',
        '--node',
        'pve1',
        '--storage',
        'local-lvm',
        '--bridge',
        'vmbr0',
      ],
      'NOT_SET',
    ],
  ])('refuses %j before anything is sent', async (args, text) => {
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('makes containers as the flags say, running and unprivileged, and proves it', async () => {
    writeFileSync(
      join(cwd, 'id.pub'),
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxS9eK2dyTTm4Z5J8QGVVVk2sZ0g5mOQh6QvC6WQp1l me\n',
    );
    const place = ['--node', 'pve1', '--template', 'alpine', '--storage', 'local-lvm', '--bridge', 'vmbr0'];
    const first = await cli(
      [
        'create',
        'web01',
        ...place,
        '--memory',
        '256MiB',
        '--swap',
        '0MiB',
        '--cores',
        '2',
        '--rootfs',
        '2GiB',
        '--ip',
        '10.0.0.5/24',
        '--gateway',
        '10.0.0.1',
        '--tag',
        'edge,http',
        '--pool',
        'lab',
        '--nesting',
        '--password-env',
        'ROOT_PASSWORD',
        '--ssh-key-file',
        'id.pub',
        '--vmid',
        '500',
      ],
      { env: { ROOT_PASSWORD: 'hunter2-secret' } },
    );
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toContain('Verified');
    expect(first.stdout + first.stderr).not.toContain('hunter2-secret');
    const config = cluster.simulator.state.containers[500]?.config;
    expect(config).toMatchObject({
      hostname: 'web01',
      memory: '256',
      swap: '0',
      cores: '2',
      unprivileged: '1',
      features: 'nesting=1',
    });
    expect(config?.['net0']).toContain('ip=10.0.0.5/24');
    expect(cluster.simulator.state.pools['lab']?.vms).toEqual([500]);

    const second = await cli([
      'create',
      '--name',
      'db01',
      ...place,
      '--no-start',
      '--rootfs',
      '1GiB',
      '-o',
      'json',
    ]);
    expect(second.code, second.stdout).toBe(0);
    expect(second.json<ApplyReport>()).toMatchObject({ format: 'pvefleet.apply/1', summary: { ok: 1 } });
    const rows = (await document<ListDocument>('list')).containers;
    expect(rows.map(({ name, status }) => [name, status])).toEqual(
      expect.arrayContaining([
        ['web01', 'running'],
        ['db01', 'stopped'],
      ]),
    );
  });

  it('does not touch a container that is there already', async () => {
    cluster.takeWrites();
    const { code, stderr } = await cli([
      'create',
      'web01',
      '--node',
      'pve1',
      '--template',
      'alpine',
      '--storage',
      'local-lvm',
      '--bridge',
      'vmbr0',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("there is a container 'web01' already: 500 on pve1");
    const taken = await cli([
      'create',
      'web09',
      '--vmid',
      '500',
      '--node',
      'pve1',
      '--template',
      'alpine',
      '--storage',
      'local-lvm',
      '--bridge',
      'vmbr0',
    ]);
    expect(taken.code).toBe(2);
    expect(taken.stderr).toContain('leave out --vmid');
    expect(cluster.takeWrites()).toEqual([]);
  });
});

describe('list and show', () => {
  it('select by name, glob, vmid and filters', async () => {
    expect(await names()).toEqual(expect.arrayContaining(['web01', 'db01']));
    expect(await names('web*')).toEqual(['web01']);
    expect(await names('500')).toEqual(['web01']);
    expect(await names('--tag', 'edge')).toEqual(['web01']);
    expect(await names('--pool', 'lab')).toEqual(['web01']);
    expect(await names('--node', 'pve3')).toEqual([]);
  });

  it('suggest for a name that is not there', async () => {
    const { code, stderr } = await cli(['show', 'web02']);
    expect(code).toBe(2);
    expect(stderr).toContain('web01');
  });

  it('show one in full', async () => {
    const shown = await document<ShowDocument>('show', 'web01');
    expect(shown).toMatchObject({
      format: 'pvefleet.show/1',
      container: { vmid: 500, name: 'web01', node: 'pve1', status: 'running', cores: 2, memoryMiB: 256 },
      config: { current: { hostname: 'web01' } },
    });
    expect(shown.tasks.map((task) => task.type)).toContain('vzcreate');
    const { stdout } = await cli(['show', 'web01']);
    for (const text of ['web01', '256MiB', 'vzcreate']) expect(stdout).toContain(text);
  });

  it('list as a table on stdout, without escape sequences in a pipe', async () => {
    const { stdout, stderr } = await cli(['ls']);
    expect(stdout).toMatch(/VMID +NAME +NODE +STATUS/);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toBe('');
  });
});

describe('resize', () => {
  it('is live and proved', async () => {
    const before = cluster.simulator.state.containers[500]?.runtime;
    const { code, stdout, stderr } = await cli([
      'resize',
      'web01',
      '--memory',
      '1GiB',
      '--cores',
      '4',
      '--rootfs',
      '3GiB',
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Applied');
    const container = cluster.simulator.state.containers[500];
    expect(container?.config).toMatchObject({ memory: '1024', cores: '4' });
    expect(container?.config['rootfs']).toContain('size=3G');
    expect(container?.runtime?.pid).toBe(before?.pid);
  });

  it('has nothing to do the second time', async () => {
    cluster.takeWrites();
    const { code, stdout } = await cli(['resize', '500', '--memory', '1GiB']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Nothing to do: web01 has these limits already.\n' });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('refuses to shrink a disk', async () => {
    const { code, stderr } = await cli(['resize', 'web01', '--rootfs', '1GiB']);
    expect(code).toBe(6);
    expect(stderr).toContain('error: refused:');
    expect(cluster.takeWrites()).toEqual([]);
  });
});

describe('power', () => {
  const status = async (name: string): Promise<string | undefined> =>
    (await document<ListDocument>('list', name)).containers[0]?.status;

  it('starts, stops, shuts down and restarts', async () => {
    expect((await cli(['start', 'db01'])).code).toBe(0);
    expect(await status('db01')).toBe('running');
    expect((await cli(['restart', 'db01', '--timeout', '10'])).code).toBe(0);
    expect(await status('db01')).toBe('running');
    expect((await cli(['shutdown', 'db01', 'web01'])).code).toBe(0);
    expect(await status('web01')).toBe('stopped');
    expect((await cli(['start', 'web*', 'db01'])).code).toBe(0);
    expect((await cli(['stop', 'db01'])).code).toBe(0);
    expect(await status('db01')).toBe('stopped');
  });

  it('says what is so already', async () => {
    const { code, stdout } = await cli(['stop', 'db01']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Nothing to do: db01 is stopped already.\n' });
  });

  it('wants to know which', async () => {
    const { code, stderr } = await cli(['stop']);
    expect(code).toBe(2);
    expect(stderr).toContain('which containers');
  });
});

describe('templates', () => {
  it('lists what is there and what could be', async () => {
    const { templates } = await document<TemplatesDocument>('template', 'list');
    expect(templates.some((one) => one.volid.startsWith('local:vztmpl/debian-12'))).toBe(true);
    const catalogue = await document<{ entries: { template: string }[] }>('template', 'list', '--available');
    expect(catalogue.entries.some((one) => one.template.startsWith('debian-13'))).toBe(true);
  });

  it('downloads once, by alias', async () => {
    const first = await cli(['template', 'download', 'debian-13', '--node', 'pve2', '--storage', 'local']);
    expect(first.code, first.stderr).toBe(0);
    cluster.takeWrites();
    const second = await cli(['template', 'download', 'debian-13', '--node', 'pve2', '--storage', 'local']);
    expect(second).toMatchObject({ code: 0, stdout: 'Nothing to do: debian-13 is there already.\n' });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('deletes only with permission', async () => {
    const { templates } = await document<TemplatesDocument>(
      'template',
      'list',
      '--node',
      'pve2',
      '--storage',
      'local',
    );
    const volid = templates.find((one) => one.volid.includes('debian-13'))?.volid ?? '';
    expect((await cli(['template', 'delete', volid, '--node', 'pve2', '--yes'])).code).toBe(6);
    expect((await cli(['template', 'delete', volid, '--node', 'pve2', '--allow', 'destroy'])).code).toBe(0);
    const after = await document<TemplatesDocument>(
      'template',
      'list',
      '--node',
      'pve2',
      '--storage',
      'local',
    );
    expect(after.templates.map((one) => one.volid)).not.toContain(volid);
  });

  it('knows no template that is not in the catalogue', async () => {
    expect((await cli(['template', 'download', 'plan9'])).code).toBe(2);
  });
});

describe('tasks', () => {
  it('are listed, newest first, of one container or all', async () => {
    const { tasks } = await document<TasksDocument>('task', 'list', 'web01');
    expect(tasks.map((task) => task.type)).toContain('vzcreate');
    expect(new Set(tasks.map((task) => task.id))).toEqual(new Set(['500']));
    expect(
      (await document<TasksDocument>('task', 'list', '--limit', '1', '--node', 'pve1')).tasks,
    ).toHaveLength(1);
  });

  it('have a log and an outcome', async () => {
    const { tasks } = await document<TasksDocument>('task', 'list', 'web01');
    const upid = tasks.find((task) => task.type === 'vzcreate')?.upid ?? '';
    const log = await cli(['task', 'log', upid]);
    expect(log.code).toBe(0);
    expect(log.stdout).toContain('TASK OK');
    expect(await cli(['task', 'log', upid, '--follow'])).toMatchObject({ code: 0, stdout: log.stdout });
    expect(await cli(['task', 'wait', upid])).toMatchObject({ code: 0, stdout: 'The task ended well.\n' });
    expect(await document('task', 'wait', upid)).toMatchObject({ format: 'pvefleet.task/1', state: 'ok' });
  });

  it('that failed end with 5', async () => {
    cluster.simulator.faults.onTask({ type: 'vzstart' }, { fail: 'broken' });
    const upid = (
      await cli(['api', 'POST', '/nodes/pve1/lxc/{vmid}/status/start', `vmid=${await vmidOf('db01')}`])
    ).stdout.trim();
    const { code, stdout } = await cli(['task', 'wait', upid]);
    expect(code).toBe(5);
    expect(stdout).toContain('The task failed: broken');
  });

  it('need a UPID', async () => {
    expect((await cli(['task', 'log', 'nonsense'])).code).toBe(2);
  });
});

async function vmidOf(name: string): Promise<number | undefined> {
  return (await document<ListDocument>('list', name)).containers[0]?.vmid;
}

describe('api', () => {
  it('reads and writes', async () => {
    expect(JSON.parse((await cli(['api', 'GET', '/nodes/pve1/lxc/500/config'])).stdout)).toMatchObject({
      hostname: 'web01',
    });
    expect(await document('api', 'put', '/nodes/pve1/lxc/500/config', 'onboot=1')).toMatchObject({
      format: 'pvefleet.api/1',
      data: null,
    });
    expect(cluster.simulator.state.containers[500]?.config['onboot']).toBe('1');
  });

  it('waits for the task of a call when told to', async () => {
    const result = await cli([
      'api',
      'POST',
      `/nodes/pve1/lxc/${await vmidOf('db01')}/status/start`,
      '--wait',
      '-o',
      'json',
    ]);
    expect(result.code).toBe(0);
    expect(result.json()).toMatchObject({ data: expect.stringMatching(/^UPID:/), task: { state: 'ok' } });
  });

  it('says why a task failed that it waited for', async () => {
    cluster.simulator.faults.onTask({ type: 'vzstop' }, { fail: 'broken' });
    const { code, stderr } = await cli([
      'api',
      'POST',
      `/nodes/pve1/lxc/${await vmidOf('db01')}/status/stop`,
      '--wait',
    ]);
    expect(code).toBe(5);
    expect(stderr).toContain('The task failed: broken');
  });

  it('hands on what the server refuses, with its words', async () => {
    const { code, stderr } = await cli(['api', 'PUT', '/nodes/pve1/lxc/500/config', 'memory=lots']);
    expect(code).toBe(4);
    expect(stderr).toContain('memory');
    const json = await cli(['api', 'PUT', '/nodes/pve1/lxc/500/config', 'memory=lots', '-o', 'json']);
    expect(json.json()).toMatchObject({
      format: 'pvefleet.error/1',
      code: 'PVE_PARAMETER',
      details: { fields: { memory: expect.any(String) } },
    });
  });

  it('takes a secret from elsewhere and never shows a ticket', async () => {
    const { code, stdout, stderr } = await cli(
      [
        'api',
        'POST',
        '/access/ticket',
        'username=automation@pve',
        '--secret',
        'password=env:PW',
        '--verbose',
        '-o',
        'json',
      ],
      {
        env: {
          PW: 'automation-password',
          PVEFLEET_TOKEN_ID: undefined,
          PVEFLEET_TOKEN_SECRET: undefined,
          PVEFLEET_USERNAME: 'automation@pve',
          PVEFLEET_PASSWORD: 'automation-password',
        },
      },
    );
    expect(code, stdout).toBe(0);
    expect(stdout + stderr).not.toContain('automation-password');
    expect(stdout + stderr).not.toMatch(/PVE:automation@pve:[0-9A-F]{8}::[A-Za-z0-9+/]{20}/);
  });
});

describe('delete', () => {
  it('wants permission, then a confirmation, and a container that is stopped', async () => {
    cluster.takeWrites();
    expect((await cli(['delete', 'web01', '--yes'])).code).toBe(6);
    const running = await cli(['delete', 'web01', '--yes', '--allow', 'destroy']);
    expect(running.code).toBe(6);
    expect(running.stderr).toContain('is running');
    expect(running.stderr).toContain('--force');
    expect((await cli(['delete', 'web01', '--force', '--allow', 'destroy'])).code).toBe(2);
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('removes container and disk', async () => {
    const { code, stderr } = await cli(['rm', 'web01', '--force', '--yes', '--allow', 'destroy']);
    expect(code, stderr).toBe(0);
    expect(cluster.simulator.state.containers[500]).toBeUndefined();
    expect(Object.values(cluster.simulator.state.volumes).filter((volume) => volume.vmid === 500)).toEqual(
      [],
    );
  });
});

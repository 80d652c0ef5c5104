/** The main job through the built command line, over HTTPS: plan, apply, verify, destroy; exit codes, streams, documents. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliOptions, type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;

function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(args, { cwd, ...options, env: { ...cluster.env, ...options.env } });
}

interface Container {
  memory?: string;
  cores?: number;
  password?: string;
  dependsOn?: string[];
}

function fleet(containers: Record<string, Container>): string {
  return [
    'version: 1',
    'fleet: lab',
    'vmids: { from: 300, to: 399 }',
    'defaults:',
    '  node: pve1',
    '  template: alpine',
    '  memory: 256MiB',
    '  swap: 0MiB',
    '  cores: 1',
    '  rootfs: { storage: local-lvm, size: 1GiB }',
    '  nets: { eth0: { bridge: vmbr0, ip: dhcp } }',
    'containers:',
    ...Object.entries(containers).map(([name, keys]) => `  ${name}: ${JSON.stringify(keys)}`),
    '',
  ].join('\n');
}

function write(containers: Record<string, Container>): void {
  writeFileSync(join(cwd, 'fleet.yaml'), fleet(containers));
}

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('small');
}, 180_000);
afterAll(() => cluster.close());

// One story: each step builds upon the one before.
describe('a fleet', () => {
  it('is planned without a change; the plan is the result', async () => {
    write({ web01: {}, web02: { password: `\${env:ROOT_PASSWORD}` } });
    const { code, stdout } = await cli(['plan', '-f', 'fleet.yaml'], {
      env: { ROOT_PASSWORD: 'hunter2-secret' },
    });
    expect(code).toBe(0);
    expect(stdout).toContain('web01');
    expect(stdout).toContain('2 to create, 0 to change, 0 to destroy');
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('shows changes in the exit code only when asked to', async () => {
    expect((await cli(['plan', '-f', 'fleet.yaml', '--detailed-exitcode'])).code).toBe(7);
  });

  it('is planned as one document, without the secret', async () => {
    const { code, stdout, json } = await cli(['plan', '-f', '-', '-o', 'json'], {
      input: readFileSync(join(cwd, 'fleet.yaml'), 'utf8'),
      env: { ROOT_PASSWORD: 'hunter2-secret' },
    });
    expect(code).toBe(0);
    const plan = json<Plan>();
    expect(plan).toMatchObject({
      format: 'pvefleet.plan/1',
      fleet: 'lab',
      summary: { create: 2, destroy: 0 },
    });
    const create = plan.actions.find((action) => action.id === 'web02/create');
    expect(create?.request).toMatchObject({
      method: 'POST',
      path: '/nodes/{node}/lxc',
      params: { password: { $secret: 'env:ROOT_PASSWORD' } },
    });
    expect(stdout).not.toContain('hunter2-secret');
  });

  it('is not applied without a confirmation: no terminal, no --yes', async () => {
    const { code, stdout, stderr } = await cli(['apply', '-f', 'fleet.yaml']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('2 to create');
    expect(stderr).toContain('add --yes');
    expect((await cli(['apply', '-f', 'fleet.yaml', '-o', 'json'])).json()).toMatchObject({
      code: 'NO_TERMINAL',
    });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('names a secret that is missing before anything is made', async () => {
    const { code, stderr } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '--target', 'web02']);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toContain('ROOT_PASSWORD');
    expect(Object.keys(cluster.simulator.state.containers)).toEqual([]);
    cluster.takeWrites();
  });

  it('is applied and proved; the report is on stdout, plan and progress on stderr', {
    timeout: 60_000,
  }, async () => {
    const { code, stdout, stderr } = await cli(
      ['apply', '-f', 'fleet.yaml', '--yes', '--verbose', '--events-file', 'events.ndjson'],
      {
        env: { ROOT_PASSWORD: 'hunter2-secret' },
      },
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Applied');
    expect(stdout).toContain('Verified');
    expect(stdout).not.toContain('to create');
    expect(stderr).toContain('2 to create');
    const events = readFileSync(join(cwd, 'events.ndjson'), 'utf8');
    const types = events
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual(
      expect.arrayContaining(['observe.done', 'plan.ready', 'action.start', 'task.start', 'action.done']),
    );
    expect(stdout + stderr + events).not.toContain('hunter2-secret');
    expect(stdout + stderr + events).not.toContain(cluster.env['PVEFLEET_TOKEN_SECRET'] as string);
    expect(statSync(join(cwd, 'events.ndjson')).mode & 0o077).toBe(0);
    expect(Object.keys(cluster.simulator.state.containers)).toHaveLength(2);
    cluster.takeWrites();
  });

  it('has nothing to do the second time', async () => {
    const { code, stdout } = await cli(['apply', '-f', 'fleet.yaml', '--yes']);
    expect(code).toBe(0);
    expect(stdout).toContain('Nothing to do');
    expect((await cli(['plan', '-f', 'fleet.yaml', '--detailed-exitcode'])).code).toBe(0);
    expect((await cli(['verify', '-f', 'fleet.yaml'])).code).toBe(0);
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('asks for no confirmation when there is nothing to confirm', async () => {
    const { code, json } = await cli(['apply', '-f', 'fleet.yaml', '-o', 'json']);
    expect(code).toBe(0);
    expect(json()).toMatchObject({ format: 'pvefleet.apply/1', actions: [] });
  });

  it('tells drift with 7, of the containers that are meant', async () => {
    expect((await cli(['api', 'PUT', '/nodes/pve1/lxc/300/config', 'memory=128'])).code).toBe(0);
    const { code, stdout } = await cli(['verify', '-f', 'fleet.yaml']);
    expect(code).toBe(7);
    expect(stdout).toMatch(/diverged +web01 +300 +pve1 +memory +256MiB +128MiB/);
    const document = (await cli(['verify', '-f', 'fleet.yaml', '-o', 'json'])).json<VerifyReport>();
    expect(document).toMatchObject({
      format: 'pvefleet.verify/1',
      converged: false,
      summary: { applied: 1, diverged: 1 },
    });
    expect((await cli(['verify', '-f', 'fleet.yaml', '--target', 'web02'])).code).toBe(0);
    expect((await cli(['verify', '-f', 'fleet.yaml', '--exclude', 'web02'])).code).toBe(7);
    cluster.takeWrites();
  });

  it('is repaired from a saved plan, which is private and goes stale', async () => {
    const saved = await cli(['plan', '-f', 'fleet.yaml', '--save', 'plan.json']);
    expect(saved).toMatchObject({ code: 0 });
    expect(saved.stderr).toContain('pvefleet apply --plan plan.json');
    expect(statSync(join(cwd, 'plan.json')).mode & 0o077).toBe(0);
    const first = await cli(['apply', '--plan', 'plan.json', '-o', 'json']);
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(first.json<ApplyReport>()).toMatchObject({
      format: 'pvefleet.apply/1',
      fleet: 'lab',
      summary: { ok: 1 },
    });
    expect(cluster.takeWrites()).toHaveLength(1);
    const second = await cli(['apply', '--plan', 'plan.json', '--yes', '-o', 'json']);
    expect(second.code).toBe(6);
    expect(second.json()).toMatchObject({ format: 'pvefleet.error/1', code: 'PLAN_REFUSED' });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('refuses a plan file that somebody edited', async () => {
    const text = readFileSync(join(cwd, 'plan.json'), 'utf8');
    writeFileSync(
      join(cwd, 'edited.json'),
      text.replace('"memory":256', '"memory":999').replace('"memory": 256', '"memory": 999'),
    );
    const { code, stderr } = await cli(['apply', '--plan', 'edited.json', '--yes']);
    expect(code).toBe(6);
    expect(stderr).toContain('was edited after planning');
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('refuses a saved plan on another cluster, whatever is alike there', async () => {
    write({ web01: {}, web02: {}, web03: {} });
    await cli(['plan', '-f', 'fleet.yaml', '--save', 'plan.json']);
    const other = await startHttpsSimulator('small');
    try {
      const there = await cli(['apply', '--plan', 'plan.json', '--yes'], { env: other.env });
      expect(there.code).toBe(6);
      expect(there.stderr).toContain('was made for another cluster');
      expect(there.stderr).toContain(`connect to ${cluster.env['PVEFLEET_URL']}`);
      expect(other.takeWrites()).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('changes limits live', async () => {
    write({ web01: { memory: '512MiB' }, web02: {} });
    const { code, json, stdout } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'json']);
    expect(code, stdout).toBe(0);
    const report = json<ApplyReport & { verify: VerifyReport }>();
    expect(report).toMatchObject({ summary: { ok: 1, failed: 0 }, verify: { converged: true } });
    expect(cluster.takeWrites()).toHaveLength(1);
  });

  it('gives events line by line, the document last', async () => {
    write({ web01: { memory: '384MiB' }, web02: {} });
    const { code, stdout } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'ndjson']);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type?: string; format?: string });
    expect(lines.slice(0, -1).every((line) => typeof line.type === 'string')).toBe(true);
    expect(lines[0]).toMatchObject({ type: 'run.start', command: 'apply' });
    expect(lines.some((line) => line.type === 'run.done')).toBe(true);
    expect(lines.at(-1)).toMatchObject({ format: 'pvefleet.apply/1' });
    cluster.takeWrites();
  });

  it('does not destroy what left the file without permission', async () => {
    write({ web01: { memory: '384MiB' } });
    // A plan changes nothing: it shows the refusal and says with 7 that there are changes; apply refuses.
    for (const [args, exit] of [
      [['plan'], 0],
      [['plan', '--detailed-exitcode'], 7],
      [['apply', '--yes'], 6],
    ] as const) {
      const { code, stdout, stderr } = await cli([...args, '-f', 'fleet.yaml']);
      expect(code).toBe(exit);
      expect(stdout + stderr).toContain('--allow destroy');
    }
    const limited = await cli([
      'apply',
      '-f',
      'fleet.yaml',
      '--yes',
      '--allow',
      'destroy',
      '--max-destroy',
      '0',
      '-o',
      'json',
    ]);
    expect(limited.code).toBe(6);
    expect(limited.json()).toMatchObject({
      code: 'PLAN_REFUSED',
      details: { refusals: [expect.anything()] },
    });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('destroys it with permission', async () => {
    const { code, stderr } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '--allow', 'destroy']);
    expect(code, stderr).toBe(0);
    expect(Object.keys(cluster.simulator.state.containers)).toEqual(['300']);
    cluster.takeWrites();
  });

  it('takes its flags from the environment', async () => {
    write({ web01: { memory: '256MiB' } });
    const { code, stdout } = await cli(['apply', '-f', 'fleet.yaml'], {
      env: { PVEFLEET_YES: '1', PVEFLEET_OUTPUT: 'json' },
    });
    expect(code, stdout).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ format: 'pvefleet.apply/1' });
    cluster.takeWrites();
  });

  it('reports a failure with 5, with what did succeed and why the rest did not', async () => {
    write({ web01: { memory: '256MiB' }, bad01: {}, good01: {}, late01: { dependsOn: ['bad01'] } });
    cluster.simulator.faults.onTask({ type: 'vzstart', id: '301' }, { fail: 'no space left on device' });
    const { code, json, stdout } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'json']);
    expect(code, stdout).toBe(5);
    const report = json<ApplyReport>();
    expect(report.summary.failed).toBe(1);
    expect(report.actions.find((action) => action.id === 'bad01/start')).toMatchObject({
      result: 'failed',
      error: { format: 'pvefleet.error/1', message: expect.stringContaining('no space left on device') },
    });
    const late = report.actions.filter((action) => action.key === 'late01');
    expect(late.at(-1)).toMatchObject({
      result: 'skipped',
      error: { message: expect.stringContaining('bad01') },
    });
    expect(report.actions.find((action) => action.id === 'good01/start')).toMatchObject({ result: 'ok' });
  });

  it('goes on where it stopped', async () => {
    const { code, stdout, stderr } = await cli(['apply', '-f', 'fleet.yaml', '--yes']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Verified: 4 as the file says');
  });

  it('is destroyed only with permission', async () => {
    cluster.takeWrites();
    for (const args of [[], ['--yes']]) {
      const { code, stderr } = await cli(['destroy', '-f', 'fleet.yaml', ...args]);
      expect(code).toBe(6);
      expect(stderr).toContain('--allow destroy');
    }
    expect((await cli(['destroy', '-f', 'fleet.yaml', '--allow', 'destroy'])).code).toBe(2);
    expect(cluster.takeWrites()).toEqual([]);
    const { code } = await cli(['destroy', '-f', 'fleet.yaml', '--allow', 'destroy', '--yes']);
    expect(code).toBe(0);
    expect(cluster.simulator.state.containers).toEqual({});
    const again = await cli(['destroy', '-f', 'fleet.yaml', '--allow', 'destroy', '--yes']);
    expect(again).toMatchObject({ code: 0, stdout: 'Nothing to do: fleet lab owns no container.\n' });
  });

  it('is quiet when told to be', async () => {
    const { code, stdout, stderr } = await cli([
      'apply',
      '-f',
      'fleet.yaml',
      '--yes',
      '--quiet',
      '--target',
      'web01',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Applied');
    expect(existsSync(join(cwd, 'plan.json'))).toBe(true);
  });
});

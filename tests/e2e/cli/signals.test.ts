/** Ctrl-C through the built command line: finish what runs, then let go, and say how to find it again. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runCli, startCli, temporaryFolder } from '../../support/run-cli.ts';

let cluster: HttpsSimulator;
beforeAll(async () => {
  await ensureBuilt();
  // Time runs as it does outside, so that a creation takes long enough to be interrupted.
  cluster = await startHttpsSimulator('small', 1);
}, 180_000);
afterAll(() => cluster.close());

const cwd = temporaryFolder();
function write(name: string, count: number): string {
  const file = `${name}.yaml`;
  writeFileSync(
    join(cwd, file),
    [
      'version: 1',
      `fleet: ${name}`,
      'defaults: { node: pve1, template: alpine, rootfs: { storage: local-lvm, size: 1GiB } }',
      'containers:',
      `  ${name}: { count: ${count}, name: '${name}{nn}' }`,
      '',
    ].join('\n'),
  );
  return file;
}

it('the first finishes what runs, starts nothing more, and ends with 130', { timeout: 60_000 }, async () => {
  const { child, done, waitForStderr } = startCli(
    ['apply', '-f', write('first', 4), '--yes', '--parallel', '1', '--verbose'],
    { cwd, env: cluster.env },
  );
  await waitForStderr('POST /nodes/{node}/lxc ');
  child.kill('SIGINT');
  const { code, stdout, stderr } = await done;
  expect(code).toBe(130);
  expect(stderr).toContain('running steps are finished');
  expect(stdout).toContain('Interrupted');
  const made = Object.values(cluster.simulator.state.containers);
  expect(made.length).toBeGreaterThan(0);
  expect(made.length).toBeLessThan(4);
  expect(Object.values(cluster.simulator.state.tasks).filter((task) => task.status === 'running')).toEqual(
    [],
  );
});

it('the second lets go, and names the tasks that still run', { timeout: 60_000 }, async () => {
  const { child, done, waitForStderr } = startCli(
    ['apply', '-f', write('second', 1), '--yes', '--verbose', '-o', 'json', '--events-file', 'e.ndjson'],
    { cwd, env: cluster.env },
  );
  // With -o json nothing is shown on the way, so the simulator tells when the creation has begun.
  while (
    !Object.values(cluster.simulator.state.tasks).some(
      (task) => task.type === 'vzcreate' && task.status === 'running',
    )
  )
    await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGINT');
  await waitForStderr('Press Ctrl-C again');
  child.kill('SIGINT');
  const { code, stdout, json } = await done;
  expect(code).toBe(130);
  const report = json<ApplyReport>();
  expect(report, stdout).toMatchObject({ format: 'pvefleet.apply/1', interrupted: true });
  expect(report.runningUpids).toEqual([expect.stringMatching(/^UPID:pve1:.*:vzcreate:/)]);
  const wait = await runCli(['task', 'wait', report.runningUpids[0] as string], { cwd, env: cluster.env });
  expect(wait.code).toBe(0);
});

it('a command that changes nothing ends at once', { timeout: 30_000 }, async () => {
  const undo = cluster.simulator.faults.onRequest({ times: 9 }, { kind: 'latency', ms: 6_000 });
  const events = join(cwd, 'list.ndjson');
  const { child, done } = startCli(['list', '-o', 'json', '--events-file', events], {
    cwd,
    env: cluster.env,
  });
  while (!existsSync(events) || !readFileSync(events, 'utf8').includes('run.start'))
    await new Promise((resolve) => setTimeout(resolve, 20));
  const started = Date.now();
  child.kill('SIGINT');
  const { code, json } = await done;
  undo();
  expect(code).toBe(130);
  expect(json()).toMatchObject({ format: 'pvefleet.error/1', code: 'CANCELLED' });
  expect(Date.now() - started).toBeLessThan(5_000);
});

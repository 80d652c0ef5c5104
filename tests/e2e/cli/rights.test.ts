/** Missing rights through the built command line: the plan, the commands, the exit code, and a saved plan for somebody else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { ErrorDocument } from '../../../src/util/errors.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
const auditor = (): Record<string, string> => ({
  ...cluster.env,
  PVEFLEET_TOKEN_ID: 'auditor@pve!ro',
  PVEFLEET_TOKEN_SECRET: cluster.simulator.state.users['auditor@pve']?.tokens['ro']?.secret ?? '',
});

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster');
  writeFileSync(
    join(cwd, 'fleet.yaml'),
    `version: 1
fleet: lab
defaults: { node: auto, template: debian-12, memory: 256MiB, rootfs: { storage: local-lvm, size: 2GiB } }
containers: { web01: {}, web02: {}, web03: {} }
`,
  );
}, 180_000);
afterAll(() => cluster.close());

it('plan and apply end with 4 and say how to get the rights; nothing is written', async () => {
  const plan = await runCli(['plan', '-f', 'fleet.yaml', '--save', 'plan.json'], { cwd, env: auditor() });
  expect(plan.code).toBe(4);
  expect(plan.stdout).toContain('✖ auditor@pve!ro lacks Datastore.AllocateSpace on /storage/local-lvm');
  expect(plan.stdout).toContain('To grant what is missing, on a node as root:\n  pveum role add ');
  for (const node of ['pve1', 'pve2', 'pve3']) expect(plan.stdout).toContain(node);
  const apply = await runCli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'json'], { cwd, env: auditor() });
  expect(apply.code).toBe(4);
  expect(apply.json<ErrorDocument>()).toMatchObject({ format: 'pvefleet.error/1', code: 'RIGHTS_MISSING' });
  expect(cluster.takeWrites()).toEqual([]);
});

it('the plan that was saved is carried out by an account that may', { timeout: 60_000 }, async () => {
  const apply = await runCli(['apply', '--plan', 'plan.json', '--yes'], { cwd, env: cluster.env });
  expect(apply.stderr + apply.stdout).toContain('Applied');
  expect(apply.code).toBe(0);
  const { stdout } = await runCli(['plan', '-f', 'fleet.yaml', '-o', 'json'], { cwd, env: auditor() });
  expect(JSON.parse(stdout) as Plan).toMatchObject({ actions: [], refusals: [] });
  expect(
    Object.values(cluster.simulator.state.containers)
      .map(({ node }) => node)
      .sort(),
  ).toEqual(['pve1', 'pve2', 'pve3']);
});

/** `import` through the built command line: YAML on stdout, remarks on stderr, and the way back by plan and apply. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { ImportDocument } from '../../../src/engine/import.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
const cli = (...args: readonly string[]): Promise<CliResult> => runCli(args, { cwd, env: cluster.env });

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('cluster');
  for (const [name, vmid] of [
    ['web', 110],
    ['db', 111],
  ] as const) {
    const made = await cli(
      ...['api', 'POST', '/nodes/pve1/lxc', '--wait', `vmid=${vmid}`, `hostname=${name}`, 'tags=shop'],
      'ostemplate=local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst',
      ...['rootfs=local-lvm:4', 'net0=name=eth0,bridge=vmbr0,ip=dhcp', 'unprivileged=1', 'start=1'],
    );
    if (made.code !== 0) throw new Error(made.stderr);
  }
}, 180_000);
afterAll(() => cluster.close());

it('prints a file that plans to nothing but ownership, and to nothing once applied', async () => {
  const { code, stdout, stderr } = await cli('import', '--tag', 'shop', '--fleet', 'shop');
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('fleet: shop\n');
  writeFileSync(join(cwd, 'shop.yaml'), stdout);
  const plan = (await cli('plan', '-f', 'shop.yaml', '-o', 'json')).json<Plan>();
  expect(plan.actions.flatMap(({ changes }) => changes)).toEqual([
    { field: 'ownership', from: null, to: 'shop/db', effect: 'live' },
    { field: 'ownership', from: null, to: 'shop/web', effect: 'live' },
  ]);
  expect((await cli('apply', '-f', 'shop.yaml', '--yes')).code).toBe(0);
  expect((await cli('plan', '-f', 'shop.yaml', '--detailed-exitcode')).code).toBe(0);
  expect((await cli('verify', '-f', 'shop.yaml')).code).toBe(0);
});

it('gives one document as JSON, with what is to be known', async () => {
  const document = (await cli('import', 'web', '-o', 'json')).json<ImportDocument>();
  expect(document).toMatchObject({
    format: 'pvefleet.import/1',
    fleet: 'shop',
    containers: [{ key: 'web', adopt: false }],
    notices: [{ code: 'FLEET_INCOMPLETE' }],
  });
  const { stdout, stderr } = await cli('import', 'web');
  expect(stdout).toBe(document.yaml);
  expect(stderr).toContain('the fleet shop owns db, too');
});

it.each([
  [['import', 'web', '--fleet', 'other'], 6, 'belongs to another fleet than other'],
  [['import', 'nobody'], 2, "there is no container 'nobody'"],
  [['import', 'web', '--fleet', 'No Name'], 2, 'did you mean'],
])('%j is refused', async (args, code, text) => {
  const result = await cli(...args);
  expect(result).toMatchObject({ code, stdout: '' });
  expect(result.stderr).toContain(text);
});

it('takes a snapshot before a disk grows when asked for, also from a saved plan', async () => {
  const grown = (await cli('import', 'web', 'db')).stdout.replace('size: 4GiB', 'size: 5GiB');
  writeFileSync(join(cwd, 'grown.yaml'), grown);
  const twice = await cli('apply', '--plan', 'plan.json', '--snapshot-first');
  expect(twice).toMatchObject({ code: 2, stdout: '' });
  expect(twice.stderr).toContain('--snapshot-first and --plan exclude each other');
  const planned = await cli('plan', '-f', 'grown.yaml', '--snapshot-first', '--save', 'plan.json');
  expect(planned.stdout).toMatch(/snapshot before-[0-9a-f]{8} first/);
  const applied = await cli('apply', '--plan', 'plan.json', '--yes');
  expect(applied.code, applied.stderr).toBe(0);
  const { stdout } = await cli('api', 'GET', '/nodes/pve1/lxc/110/snapshot');
  expect(stdout).toMatch(/before-[0-9a-f]{8}/);
});

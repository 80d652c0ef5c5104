/** Own templates, the lock file, reports for CI and stale plans, through the built command line. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import type { LockDocument } from '../../../src/engine/template-lock.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliOptions, type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';
import { parseXml } from '../../support/xml.ts';

const cwd = temporaryFolder();
const newest = 'debian-13-standard_13.6-1_amd64.tar.zst';
const url = 'https://example.org/debian-12-web_1_amd64.tar.zst';
const sha256 = createHash('sha256').update(url).digest('hex');
const own = 'debian-12-own_1_amd64.tar.zst';
let cluster: HttpsSimulator;

const cli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { cwd, ...options, env: { ...cluster.env, ...options.env } });
const path = (name: string): string => join(cwd, name);
const stored = (): string[] =>
  Object.values(cluster.simulator.state.volumes)
    .filter(({ content }) => content === 'vztmpl')
    .map(({ volid }) => volid.replace(/^.*\//, ''));

function write(containers: Record<string, Record<string, unknown>>): void {
  const text = `version: 1
fleet: lab
vmids: { from: 300, to: 399 }
templates:
  web: { url: '${url}', checksum: 'sha256:${sha256}' }
  image: { oci: 'docker.io/library/alpine:3.22' }
  own: { file: './images/${own}' }
defaults: { node: pve1, template: debian-13, memory: 256MiB, swap: 0MiB, cores: 1, rootfs: { storage: local-lvm, size: 1GiB }, features: { nesting: true } }
containers:
${Object.entries(containers)
  .map(([name, keys]) => `  ${name}: ${JSON.stringify(keys)}`)
  .join('\n')}
`;
  writeFileSync(path('fleet.yaml'), text);
}

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('small');
  mkdirSync(path('images'));
  writeFileSync(path(`images/${own}`), 'x'.repeat(3_000_000));
}, 180_000);
afterAll(() => cluster.close());

// One story: each step builds upon the one before.
describe('templates of a fleet', () => {
  it('are pinned without a change of the cluster', async () => {
    write({ a: {}, b: { template: 'web' }, c: { template: 'own' } });
    const { code, json } = await cli(['template', 'lock', '-f', 'fleet.yaml', '-o', 'json']);
    expect(code).toBe(0);
    expect(json<LockDocument>()).toMatchObject({
      format: 'pvefleet.template-lock/1',
      fleet: 'lab',
      lock: 'templates.lock',
      written: true,
      kept: [],
      moves: [{ name: 'debian-13' }, { name: 'own' }, { name: 'web' }],
    });
    expect(cluster.takeWrites()).toEqual([]);
    expect(statSync(path('templates.lock')).mode & 0o777).toBe(0o644);
    const before = readFileSync(path('templates.lock'), 'utf8');
    const again = await cli(['template', 'lock', '-f', 'fleet.yaml']);
    expect(again.stdout).toBe('Nothing to do: templates.lock has 3 templates pinned.\n');
    rmSync(path('templates.lock'));
    await cli(['template', 'lock', '-f', 'fleet.yaml']);
    expect(readFileSync(path('templates.lock'), 'utf8')).toBe(before);
  });

  it('are fetched from everywhere by one apply', { timeout: 60_000 }, async () => {
    const { code, stderr, stdout } = await cli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'markdown']);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`upload ${path(`images/${own}`)} to local`);
    expect(stdout).toContain('### Fleet `lab`: applied, 9 steps in');
    expect(stdout).toContain(`| ${own} |  | pve1 | template.upload | done |`);
    expect(stdout).toContain('### Fleet `lab`: verified, 3 as the file says');
    expect(stored()).toEqual(expect.arrayContaining([newest, own, 'debian-12-web_1_amd64.tar.zst']));
    cluster.takeWrites();
  });

  it('that are not pinned yet are told', async () => {
    write({ a: {}, b: { template: 'web' }, c: { template: 'own' }, d: { template: 'image' } });
    const { code, stderr } = await cli(['plan', '-f', 'fleet.yaml']);
    expect(code).toBe(0);
    expect(stderr).toContain('Not in templates.lock: image; add with: pvefleet template lock -f fleet.yaml');
  });

  it('are refused when the catalogue has moved on, until they are upgraded', async () => {
    const lock = readFileSync(path('templates.lock'), 'utf8').replaceAll('13.6-1', '13.0-1');
    writeFileSync(path('templates.lock'), lock);
    write({ a: {}, b: { template: 'web' }, c: { template: 'own' }, e: {} });
    const refused = await cli(['plan', '-f', 'fleet.yaml', '-o', 'json']);
    expect(refused.code).toBe(6);
    expect(refused.json<Plan>().refusals).toMatchObject([{ key: 'e', code: 'TEMPLATE_LOCK_GONE' }]);
    const shown = await cli(['template', 'upgrade', '-f', 'fleet.yaml', '--detailed-exitcode']);
    expect(shown).toMatchObject({
      code: 7,
      stdout: expect.stringContaining(`debian-13-standard_13.0-1_amd64.tar.zst → ${newest}`),
    });
    expect(shown.stdout).toContain('for new containers: local on pve1 (there already)');
    expect(readFileSync(path('templates.lock'), 'utf8')).toBe(lock);
    const done = await cli(['template', 'upgrade', '-f', 'fleet.yaml', '--yes', 'debian-13']);
    expect(done).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Wrote templates.lock: 1 moved, 2 as before.'),
    });
    expect((await cli(['plan', '-f', 'fleet.yaml'])).code).toBe(0);
    expect((await cli(['template', 'upgrade', '-f', 'fleet.yaml', 'nope'])).code).toBe(2);
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('are an error where the lock file is damaged', async () => {
    const lock = readFileSync(path('templates.lock'), 'utf8');
    writeFileSync(path('templates.lock'), lock.replace('"file"', '"flie"'));
    for (const command of ['validate', 'plan']) {
      const { code, stdout, stderr } = await cli([command, '-f', 'fleet.yaml']);
      expect(code).toBe(3);
      expect(stdout + stderr).toMatch(/templates\.lock:\d+:\d+: error: the entry 'debian-13' is damaged/);
    }
    writeFileSync(path('templates.lock'), lock);
  });
});

describe('single downloads and uploads', () => {
  it.each([
    [['template', 'download', '--url', `${url}?2`, '--filename', 'by-flag.tar.zst'], 'by-flag.tar.zst'],
    [['template', 'download', 'https://example.org/by-operand.tar.gz'], 'by-operand.tar.gz'],
    [['template', 'download', '--oci', 'docker.io/library/debian:13'], 'debian_13.tar'],
    [['template', 'upload', `images/${own}`, '--filename', 'uploaded.tar.zst'], 'uploaded.tar.zst'],
  ])('%j', async (args, file) => {
    const first = await cli(args);
    expect(first.code, first.stderr).toBe(0);
    expect(stored()).toContain(file);
    cluster.takeWrites();
    const again = await cli(args);
    expect(again).toMatchObject({ code: 0, stdout: `Nothing to do: ${file} is there already.\n` });
    expect(cluster.takeWrites()).toEqual([]);
  });

  it('fails when the checksum is another', async () => {
    const args = ['template', 'download', '--url', `${url}?3`, '--filename', 'bad.tar', '--checksum'];
    const { code, json } = await cli([...args, `sha256:${'0'.repeat(64)}`, '-o', 'json']);
    expect(code).toBe(5);
    expect(json<ApplyReport>().actions[0]?.error?.message).toContain('checksum mismatch');
    expect(stored()).not.toContain('bad.tar');
  });

  it.each([
    [['template', 'download', 'debian-12', '--oci', 'alpine:3'], 'only one thing'],
    [['template', 'upload', 'images/nope.tar'], 'there is no such file'],
    [['template', 'lock'], 'no fleet file'],
  ])('refuses %j', async (args, text) => {
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe('reports', () => {
  it('of a plan, as Markdown and as JUnit', async () => {
    write({ a: { memory: '512MiB' }, b: { template: 'web' }, c: { template: 'own' }, e: {} });
    const markdown = await cli(['plan', '-f', 'fleet.yaml', '-o', 'markdown']);
    expect(markdown.code).toBe(0);
    expect(markdown.stdout).toContain('### Fleet `lab`: 1 to create, 1 to change');
    expect(markdown.stdout).toContain(
      '| a | 300 | pve1 | container.configure | memory | 256MiB → 512MiB | live |',
    );
    const junit = await cli(['plan', '-f', 'fleet.yaml'], { env: { PVEFLEET_OUTPUT: 'junit' } });
    expect(parseXml(junit.stdout).attributes).toMatchObject({ tests: '4', failures: '0' });
  });

  it('of a refused plan fail its containers', async () => {
    write({ a: {}, b: { template: 'web' } });
    // a plan changes nothing, and a permission would lift this refusal: only apply fails on it
    const { code, stdout } = await cli(['plan', '-f', 'fleet.yaml', '-o', 'junit']);
    expect(code).toBe(0);
    expect(parseXml(stdout).attributes).toMatchObject({ tests: '3', failures: '1' });
    const refused = await cli(['apply', '-f', 'fleet.yaml', '--yes', '-o', 'junit']);
    expect(refused.code).toBe(6);
    expect(parseXml(refused.stdout).attributes).toMatchObject({ failures: '1' });
    expect(refused.stderr).toContain('error:');
  });

  it('of drift', async () => {
    write({ a: { cores: 2 }, b: { template: 'web' }, c: { template: 'own' } });
    const { code, stdout } = await cli(['verify', '-f', 'fleet.yaml', '-o', 'junit']);
    expect(code).toBe(7);
    expect(parseXml(stdout).attributes).toMatchObject({
      name: 'pvefleet verify lab',
      tests: '3',
      failures: '1',
    });
    const markdown = await cli(['verify', '-f', 'fleet.yaml', '-o', 'markdown']);
    expect(markdown.stdout).toContain('| a | 300 | pve1 | cores | diverged | 2 | 1 |');
  });

  it('of a server that cannot be reached', async () => {
    const env = { PVEFLEET_URL: 'https://127.0.0.1:1' };
    const { code, stdout, stderr } = await cli(['plan', '-f', 'fleet.yaml', '-o', 'junit'], { env });
    expect(code).toBe(4);
    expect(stderr).toContain('error:');
    expect(parseXml(stdout).attributes).toMatchObject({ tests: '1', errors: '1' });
  });
});

describe('a saved plan', () => {
  const change = { memory: '384MiB' };

  it('has the same bytes as long as nothing has changed', async () => {
    write({ a: change, b: { ...change, template: 'web' }, c: { template: 'own' } });
    await cli(['plan', '-f', 'fleet.yaml', '--save', 'one.json']);
    await cli(['plan', '-f', 'fleet.yaml', '--save', 'two.json']);
    expect(readFileSync(path('two.json'), 'utf8')).toBe(readFileSync(path('one.json'), 'utf8'));
  });

  it('is refused when a container has changed since; --skip-stale does the rest and exits 6', async () => {
    const { containers } = cluster.simulator.state;
    if (containers[300]) containers[300].config['onboot'] = '1';
    cluster.takeWrites();
    const refused = await cli(['apply', '--plan', 'one.json', '--yes']);
    expect(refused.code).toBe(6);
    expect(cluster.takeWrites()).toEqual([]);
    const { code, stdout, stderr } = await cli(['apply', '--plan', 'one.json', '--yes', '--skip-stale']);
    expect(code).toBe(6);
    expect(stdout).toContain('CT 300 has changed');
    expect(stdout).toContain('1 done, 1 skipped');
    expect(stderr).toContain('a left out, the rest is done');
    expect([300, 301].map((vmid) => containers[vmid]?.config['memory'])).toEqual(['256', '384']);
  });

  it('is what --skip-stale is for', async () => {
    const { code, stderr } = await cli(['apply', '-f', 'fleet.yaml', '--skip-stale']);
    expect(code).toBe(2);
    expect(stderr).toContain('--skip-stale is for saved plans');
  });
});

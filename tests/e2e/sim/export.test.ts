/** What `sim export` prints, in each format, and what it says of what it had to leave out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimState } from '../../../src/simulator/index.ts';
import { fakeHost } from '../../support/fake-host.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runInProcess } from '../../support/in-process.ts';
import { temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
let cluster: HttpsSimulator;
beforeAll(async () => {
  cluster = await startHttpsSimulator('cluster', 100);
});
afterAll(() => cluster.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { host, stdout, stderr } = fakeHost({ cwd, env: { ...cluster.env, HOME: cwd, ...env } });
  const code = await runInProcess(['sim', 'export', ...args], host);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** A token that may see guests and nothing else. */
function weakToken(): Record<string, string> {
  const { state } = cluster.simulator;
  state.acls = state.acls.filter(({ ugid, path }) => ugid !== 'automation@pve!limited' || path !== '/');
  return {
    PVEFLEET_TOKEN_ID: 'automation@pve!limited',
    PVEFLEET_TOKEN_SECRET: state.users['automation@pve']?.tokens['limited']?.secret ?? '',
  };
}

it.each(['human', 'json', 'ndjson'])('prints the state where no file is named (%s)', async (format) => {
  const { code, stdout, stderr } = await run(['-o', format]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  const state = JSON.parse(format === 'ndjson' ? (lines.at(-1) ?? '') : stdout) as SimState;
  expect(state).toMatchObject({ format: 'pvefleet.sim-state/1', clusterName: 'lab' });
  // credentials are not masked: they are new, and the point of the file
  expect(state.users['root@pam']?.tokens['pvefleet']?.secret).toMatch(/^[0-9a-f-]{36}$/);
  expect(cluster.takeWrites()).toEqual([]);
});

it('says what it wrote into a file', async () => {
  const { stdout } = await run(['--output-file', 'deep/down/copy.json', '-o', 'json']);
  expect(JSON.parse(stdout)).toEqual({
    format: 'pvefleet.sim-export/1',
    file: 'deep/down/copy.json',
    nodes: 3,
    containers: 0,
    machines: 0,
    storages: 4,
    volumes: 2,
    notices: [],
  });
  const schemaOf = (name: string): object =>
    JSON.parse(
      readFileSync(new URL(`../../../config/schema/${name}.schema.json`, import.meta.url), 'utf8'),
    ) as object;
  const ajv = new Ajv2020({ strict: false }).addSchema(schemaOf('plan'));
  const accepts = ajv.compile(schemaOf('output'));
  expect(accepts(JSON.parse(stdout)), JSON.stringify(accepts.errors)).toBe(true);
  const state = JSON.parse(readFileSync(join(cwd, 'deep/down/copy.json'), 'utf8')) as SimState;
  expect(Object.keys(state.nodes)).toEqual(['pve1', 'pve2', 'pve3']);
});

describe('never leaves anything out in silence', () => {
  it.each([
    ['human', []],
    ['human', ['--quiet']],
    ['json', []],
    ['ndjson', ['--quiet']],
  ])('%s %j', async (format, flags) => {
    const { code, stderr } = await run(['-o', format, ...flags], weakToken());
    expect(code, stderr).toBe(0);
    for (const text of ['no Datastore.Audit on /storage', 'memory of pve1', 'SDN.Audit', 'Pool.Audit'])
      expect(stderr).toContain(text);
    expect(stderr.match(/no Datastore\.Audit/g)).toHaveLength(1);
  });
  it('also in the document about a file', async () => {
    const { stdout } = await run(['--output-file', 'weak.json', '-o', 'json'], weakToken());
    expect(JSON.parse(stdout)).toMatchObject({
      notices: expect.arrayContaining([expect.objectContaining({ code: 'EXPORT_FILTERED' })]),
    });
  });
});

it.each([
  ['no cluster', ['--output-file', 'none.json'], { PVEFLEET_URL: 'https://127.0.0.1:1' }, 4],
  ['a wrong token', [], { PVEFLEET_TOKEN_SECRET: '00000000-0000-4000-8000-000000000000' }, 4],
  ['a place that cannot be written', ['--output-file', '/dev/null/x.json'], {}, 2],
])('fails with %s', async (_, args, env, want) => {
  const { code, stdout, stderr } = await run(args, env as Record<string, string>);
  expect(code, stderr).toBe(want);
  expect(stdout).toBe('');
  expect(stderr).not.toBe('');
});

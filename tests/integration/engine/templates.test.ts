/** Templates from everywhere on the simulated cluster: what is sent, what is there afterwards, and that it is sent once. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { rightsOf } from '../../../src/domain/rights.ts';
import type { TemplateSource } from '../../../src/domain/template-source.ts';
import { applyPlan, applySavedPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { makeFetchPlan } from '../../../src/engine/plan-fetch.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { decideLock, writeLock } from '../../../src/engine/template-lock.ts';
import { verify } from '../../../src/engine/verify.ts';
import { parseLock } from '../../../src/spec/lock.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const newest = 'debian-13-standard_13.6-1_amd64.tar.zst';
const url = 'https://example.org/images/debian-12-web_1_amd64.tar.zst';
const content = 'not much of an archive';

let directory: string;
let own: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pvefleet-templates-'));
  own = join(directory, 'debian-12-own_1_amd64.tar.zst');
  await writeFile(own, content);
});

const fromUrl = (value = sha256(url)): TemplateSource => ({
  kind: 'url',
  url,
  checksum: { algorithm: 'sha256', value },
});
const fromRegistry: TemplateSource = { kind: 'oci', reference: 'docker.io/library/alpine:3.22' };
const fromHere = (): TemplateSource => ({ kind: 'file', path: './own', location: own });

function withSource(name: string, source: TemplateSource, keys = ['a']): DesiredFleet {
  const containers = keys.map((key) => container(key, { template: name, templateName: 'mine' }));
  return fleet(containers, { sources: { [name]: source } });
}

async function applied(engine: TestEngine, file: DesiredFleet): Promise<ApplyReport> {
  return applyPlan(engine.context, (await makePlan(engine.context, file, policyOf())).plan);
}

const volumes = (engine: TestEngine, name: string): string[] =>
  Object.values(engine.simulator.state.volumes)
    .filter(({ volid }) => volid.endsWith(`/${name}`))
    .map(({ volid, node }) => `${node} ${volid}`)
    .sort();

const fetches = (engine: TestEngine): string[] =>
  engine
    .requests({ writes: true })
    .filter((line) => /aplinfo|download-url|oci-registry-pull|upload/.test(line))
    .map((line) => line.replace(/^.*\//, ''));

describe('own templates', () => {
  test.each([
    ['a URL', 'debian-12-web_1_amd64.tar.zst', () => fromUrl(), 'download-url'],
    ['a registry', 'alpine_3.22.tar', () => fromRegistry, 'oci-registry-pull'],
    ['this machine', 'debian-12-own_1_amd64.tar.zst', fromHere, 'upload'],
  ])(
    'from %s are fetched once, made into containers, and never fetched again',
    async (_, name, source, call) => {
      const engine = makeEngine();
      const file = withSource(name, source(), ['a', 'b']);
      const report = await applied(engine, file);
      expect(report.summary).toMatchObject({ ok: 5, failed: 0 });
      expect(volumes(engine, name)).toEqual([`pve1 local:vztmpl/${name}`]);
      expect(fetches(engine)).toEqual([call]);
      expect(await verify(engine.context, file)).toMatchObject({ converged: true });
      await applied(engine, withSource(name, source(), ['a', 'b', 'c']));
      expect(fetches(engine)).toEqual([call]);
      expect(Object.keys(engine.simulator.state.containers)).toHaveLength(3);
    },
  );

  test('the catalogue is not even asked for them', async () => {
    const engine = makeEngine();
    await makePlan(engine.context, withSource('x.tar', fromUrl()), policyOf());
    expect(engine.requests()).not.toContain('GET /nodes/{node}/aplinfo');
  });

  test('go only to the nodes that need them', async () => {
    const engine = makeEngine();
    const name = 'debian-12-own_1_amd64.tar.zst';
    const on = (key: string, node: string) => container(key, { node, template: name });
    const file = fleet([on('a', 'pve2'), on('b', 'pve3'), container('c')], {
      sources: { [name]: fromHere() },
    });
    expect((await applied(engine, file)).summary).toMatchObject({ failed: 0, skipped: 0 });
    expect(volumes(engine, name)).toEqual([`pve2 local:vztmpl/${name}`, `pve3 local:vztmpl/${name}`]);
  });

  test('a wrong checksum fails the download and skips what needs it', async () => {
    const engine = makeEngine();
    const report = await applied(engine, withSource('debian-12-x.tar.zst', fromUrl('0'.repeat(64))));
    expect(report.summary).toMatchObject({ failed: 1, skipped: 2 });
    expect(report.actions[0]).toMatchObject({
      kind: 'template.download',
      result: 'failed',
      error: { message: expect.stringContaining('checksum mismatch') },
    });
    expect(volumes(engine, 'debian-12-x.tar.zst')).toEqual([]);
  });

  test('an upload tells its progress, and its task when the answer was lost', async () => {
    const engine = makeEngine();
    const path = '/nodes/{node}/storage/{storage}/upload';
    engine.simulator.faults.onRequest({ method: 'POST', path }, { kind: 'drop', when: 'after' });
    const report = await applied(engine, withSource('debian-12-x.tar.zst', fromHere()));
    expect(report.actions[0]).toMatchObject({ kind: 'template.upload', result: 'ok' });
    expect(fetches(engine)).toEqual(['upload']);
    expect(engine.eventsOf('task.progress').at(-1)).toMatchObject({
      id: 'template/pve1/local/debian-12-x.tar.zst',
      percent: 100,
    });
  });

  test.each([
    ['download-url', () => fromUrl()],
    ['oci-registry-pull', () => fromRegistry],
  ])('a lost answer to %s does not fetch twice', async (call, source) => {
    const engine = makeEngine();
    const path = `/nodes/{node}/storage/{storage}/${call}`;
    engine.simulator.faults.onRequest({ method: 'POST', path }, { kind: 'drop', when: 'after' });
    const report = await applied(engine, withSource('alpine_own.tar', source()));
    expect(report.summary).toMatchObject({ ok: 3, failed: 0 });
    expect(fetches(engine)).toEqual([call]);
  });

  test('an upload that never arrived is sent again', async () => {
    const engine = makeEngine();
    const path = '/nodes/{node}/storage/{storage}/upload';
    engine.simulator.faults.onRequest({ method: 'POST', path }, { kind: 'drop', when: 'before' });
    expect((await applied(engine, withSource('debian-12-x.tar.zst', fromHere()))).summary).toMatchObject({
      ok: 3,
    });
    expect(volumes(engine, 'debian-12-x.tar.zst')).toHaveLength(1);
  });

  test('a file that is not there is a refusal, but only when it is needed', async () => {
    const engine = makeEngine();
    await applied(engine, withSource('debian-12-x.tar.zst', fromHere()));
    await rm(own);
    const again = await makePlan(
      engine.context,
      withSource('debian-12-x.tar.zst', fromHere(), ['a', 'b']),
      policyOf(),
    );
    expect(again.plan.refusals).toEqual([]);
    const { plan } = await makePlan(
      engine.context,
      withSource('debian-12-y.tar.zst', fromHere(), ['a', 'c']),
      policyOf(),
    );
    expect(plan.refusals).toMatchObject([
      {
        key: 'c',
        code: 'TEMPLATE_FILE_UNREADABLE',
        message: expect.stringContaining('there is no such file'),
      },
    ]);
  });

  test('a file that has changed since the plan is not sent', async () => {
    const engine = makeEngine();
    const { plan } = await makePlan(
      engine.context,
      withSource('debian-12-x.tar.zst', fromHere()),
      policyOf(),
    );
    const [upload] = plan.actions;
    const sum = createHash('sha512').update(content).digest('hex');
    expect(upload?.request).toMatchObject({
      params: { checksum: sum, 'checksum-algorithm': 'sha512' },
      upload: { path: own, sizeBytes: content.length },
    });
    await writeFile(own, `${content}!`);
    const longer = await applySavedPlan(engine.context, plan);
    expect(longer.actions[0]).toMatchObject({ result: 'failed', error: { code: 'PLAN_STALE' } });
    expect(fetches(engine)).toEqual([]);
    await writeFile(own, content.toUpperCase());
    const other = await applySavedPlan(engine.context, plan);
    expect(other.actions[0]).toMatchObject({
      error: { message: expect.stringContaining('checksum mismatch') },
    });
    expect(volumes(engine, 'debian-12-x.tar.zst')).toEqual([]);
  });

  test('plans of the same file are the same, byte for byte', async () => {
    const id = async (): Promise<string> =>
      (await makePlan(makeEngine().context, withSource('debian-12-x.tar.zst', fromHere()), policyOf())).plan
        .id;
    expect(await id()).toBe(await id());
  });
});

test.each([
  ['a URL', () => fromUrl(), true],
  ['a registry', () => fromRegistry, true],
  ['this machine', fromHere, false],
])('templates from %s need their rights', async (_, source, network) => {
  const file = withSource('debian-12-x.tar', source());
  const { plan, snapshot } = await makePlan(makeEngine().context, file, policyOf());
  const rights = rightsOf(plan.actions, snapshot).flatMap(({ needs }) =>
    needs.flatMap(({ oneOf }) => oneOf.flat()),
  );
  const shown = rights.map(({ path, privilege }) => `${path} ${privilege}`);
  expect(shown).toContain('/storage/local Datastore.AllocateTemplate');
  expect(shown.includes('/nodes/pve1 Sys.AccessNetwork')).toBe(network);
});

describe('single fetches', () => {
  test('to a storage of choice, and nothing the second time', async () => {
    const engine = makeEngine();
    const target = { node: 'pve2', storage: 'local' };
    const fetch = async () =>
      applyPlan(engine.context, (await makeFetchPlan(engine.context, 'x.tar', fromHere(), target)).plan);
    expect((await fetch()).summary).toMatchObject({ ok: 1 });
    expect(volumes(engine, 'x.tar')).toEqual(['pve2 local:vztmpl/x.tar']);
    expect((await fetch()).summary).toMatchObject({ unchanged: 1 });
    expect(fetches(engine)).toEqual(['upload']);
  });

  test('are refused for what cannot be', async () => {
    const { context, simulator } = makeEngine();
    await expect(makeFetchPlan(context, 'x.tar', fromHere(), { node: 'nope' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("no online node 'nope'"),
    });
    await rm(own);
    await expect(makeFetchPlan(context, 'x.tar', fromHere())).rejects.toMatchObject({
      code: 'TEMPLATE_FILE_UNREADABLE',
    });
    simulator.state.version = { ...simulator.state.version, version: '9.0.3', release: '9.0' };
    await expect(makeFetchPlan(context, 'x.tar', fromRegistry)).rejects.toMatchObject({
      code: 'TEMPLATE_OCI_UNSUPPORTED',
    });
  });
});

describe('templates.lock', () => {
  const debian = (keys: Record<string, string>, more: Partial<DesiredFleet> = {}): DesiredFleet =>
    fleet(
      Object.entries(keys).map(([key, node]) =>
        container(key, { node, template: 'debian-13-standard_*', templateName: 'debian-13' }),
      ),
      more,
    );
  const read = async (path: string) => parseLock('templates.lock', await readFile(path, 'utf8')).lock;

  test('pins what a plan would take, with the checksum that the server verifies', async () => {
    const engine = makeEngine();
    const path = join(directory, 'templates.lock');
    const file = debian({ a: 'pve1', b: 'pve2' });
    const { moves } = await decideLock(engine.context, file, { kind: 'lock' });
    await writeLock(path, {}, moves);
    const entry = engine.simulator.state.catalogue.find(({ template }) => template === newest);
    expect(await read(path)).toEqual({
      'debian-13': { file: newest, sha512: entry?.sha512sum, source: 'catalogue' },
    });
    expect(engine.requests({ writes: true })).toEqual([]);
  });

  test('holds through the whole life: fetched where needed, gone, upgraded', async () => {
    const engine = makeEngine();
    const { state } = engine.simulator;
    const { moves } = await decideLock(engine.context, debian({ a: 'pve1' }), { kind: 'lock' });
    const lock = { 'debian-13': moves[0]?.to ?? { file: '', source: '' } };
    // the catalogue gets a newer one beside it
    const entry = state.catalogue.find(({ template }) => template === newest);
    if (!entry) throw new Error('the simulated catalogue has changed');
    const next = newest.replace('13.6-1', '13.7-1');
    state.catalogue.push({ ...entry, template: next, version: '13.7-1', sha512sum: 'f'.repeat(128) });
    await applied(engine, debian({ a: 'pve1' }, { lock }));
    expect(volumes(engine, newest)).toHaveLength(1);
    expect(volumes(engine, next)).toEqual([]);
    // and drops the old one: stored it still serves, elsewhere it cannot be had
    state.catalogue.splice(state.catalogue.indexOf(entry), 1);
    await applied(engine, debian({ a: 'pve1', b: 'pve1' }, { lock }));
    expect(Object.keys(state.containers)).toHaveLength(2);
    const { plan } = await makePlan(
      engine.context,
      debian({ a: 'pve1', b: 'pve1', c: 'pve2' }, { lock }),
      policyOf(),
    );
    expect(plan.refusals).toMatchObject([{ key: 'c', code: 'TEMPLATE_LOCK_GONE' }]);
    const all = debian({ a: 'pve1', b: 'pve1', c: 'pve2' }, { lock });
    const upgrade = await decideLock(engine.context, all, { kind: 'upgrade', names: [] });
    expect(upgrade.moves).toMatchObject([
      { name: 'debian-13', from: { file: newest }, to: { file: next, sha512: 'f'.repeat(128) } },
    ]);
    const path = join(directory, 'templates.lock');
    await writeLock(path, { ...lock, other: { file: 'x.tar', source: 'oci:x:1' } }, upgrade.moves);
    const upgraded = await read(path);
    expect(Object.keys(upgraded ?? {})).toEqual(['debian-13', 'other']);
    const after = await makePlan(
      engine.context,
      { ...all, ...(upgraded ? { lock: upgraded } : {}) },
      policyOf(),
    );
    expect(after.plan.refusals).toEqual([]);
    expect(after.plan.actions.map(({ id }) => id)).toEqual([
      `template/pve2/local/${next}`,
      'c/create',
      'c/start',
    ]);
  });

  test('pins files of this machine by their content', async () => {
    const engine = makeEngine();
    const file = withSource('debian-12-x.tar.zst', fromHere());
    const { moves } = await decideLock(engine.context, file, { kind: 'lock' });
    expect(moves).toMatchObject([
      { name: 'mine', to: { file: 'debian-12-x.tar.zst', source: 'file:./own' } },
    ]);
    const lock = { mine: moves[0]?.to ?? { file: '', source: '' } };
    await writeFile(own, 'something else');
    const { plan } = await makePlan(engine.context, { ...file, lock }, policyOf());
    expect(plan.refusals).toMatchObject([{ code: 'TEMPLATE_LOCK_DIFFERS' }]);
  });

  test('names must be those of the fleet', async () => {
    const { context } = makeEngine();
    const file = debian({ a: 'pve1' });
    await expect(decideLock(context, file, { kind: 'upgrade', names: ['debain-13'] })).rejects.toMatchObject({
      hint: 'did you mean debian-13?',
    });
    const unknown = fleet([container('a', { template: 'nope-1' })]);
    await expect(decideLock(context, unknown, { kind: 'lock' })).rejects.toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
    await expect(writeLock(join(directory, 'no/such/templates.lock'), {}, [])).rejects.toMatchObject({
      code: 'LOCK_UNWRITABLE',
    });
  });
});

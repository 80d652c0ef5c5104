import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan, applySavedPlan, assertApplied } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { readPlanFile, writePlanFile } from '../../../src/engine/plan-file.ts';
import { container, fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pvefleet-plan-'));
});

const meta = { tool: 'pvefleet 0.1.0', endpoint: 'https://pve1:8006' };

/** Plans, writes and reads back, as two commands would. */
async function saved(engine: TestEngine, file = fleet(many(2)), all = false): Promise<Plan> {
  const path = join(directory, 'plan.json');
  await writePlanFile(path, (await makePlan(engine.context, file, policyOf({ all }))).plan, meta);
  return (await readPlanFile(path)).plan;
}

test('a plan file gives back the plan, is private, and leaves nothing beside it', async () => {
  const engine = makeEngine();
  const { plan } = await makePlan(engine.context, fleet(many(2)), policyOf());
  const path = join(directory, 'plan.json');
  await writeFile(path, 'older', { mode: 0o644 });
  await writePlanFile(path, plan, meta);
  expect(await readPlanFile(path)).toEqual({
    format: 'pvefleet.plan-file/1',
    plan: JSON.parse(JSON.stringify(plan)),
    meta,
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(directory)).toEqual(['plan.json']);
});

test('the same file and cluster give the same bytes, whenever and in whatever order they were read', async () => {
  const bytes = async (name: string, containers: ReturnType<typeof many>): Promise<string> => {
    const engine = makeEngine();
    await engine.clock.sleep(name === 'a' ? 0 : 86_400_000);
    const { plan } = await makePlan(engine.context, fleet(containers), policyOf());
    await writePlanFile(join(directory, name), plan, name === 'a' ? meta : { ...meta });
    return readFile(join(directory, name), 'utf8');
  };
  const first = await bytes('a', many(4));
  expect(await bytes('b', many(4).reverse())).toBe(first);
  expect(first).not.toContain('createdAt');
  expect(await bytes('c', many(3))).not.toBe(first);
});

test('the plan document of plan -o json is accepted too', async () => {
  const engine = makeEngine();
  const { plan } = await makePlan(engine.context, fleet(many(1)), policyOf());
  const path = join(directory, 'plan.json');
  await writeFile(path, JSON.stringify(plan));
  expect((await readPlanFile(path)).plan.id).toBe(plan.id);
});

test.each([
  ['edited', (text: string) => text.replace('"memory": 512', '"memory": 9999'), 'PLAN_REFUSED'],
  ['no JSON', () => '{', 'PLAN_FILE_UNREADABLE'],
  ['something else', () => '{"format":"pvefleet.apply/1"}', 'PLAN_FILE_INVALID'],
] as const)('a plan file that is %s is refused', async (_, change, code) => {
  const engine = makeEngine();
  await saved(engine);
  const path = join(directory, 'plan.json');
  const before = await readFile(path, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(path, after);
  await expect(readPlanFile(path)).rejects.toMatchObject({ code });
});

test('a file that cannot be written leaves nothing behind', async () => {
  const { plan } = await makePlan(makeEngine().context, fleet(many(1)), policyOf());
  await expect(writePlanFile(join(directory, 'no/such/plan.json'), plan, meta)).rejects.toMatchObject({
    exitCode: 2,
  });
  expect(await readdir(directory)).toEqual([]);
});

test('a saved plan is carried out while it still fits', async () => {
  const engine = makeEngine();
  const plan = await saved(engine);
  expect((await applySavedPlan(engine.again().context, plan)).summary).toMatchObject({ ok: 4 });
});

test('a saved plan that was carried out already is stale', async () => {
  const engine = makeEngine();
  const plan = await saved(engine);
  await applySavedPlan(engine.context, plan);
  engine.simulator.journal.length = 0;
  await expect(applySavedPlan(engine.again().context, plan)).rejects.toMatchObject({
    code: 'PLAN_REFUSED',
    exitCode: 6,
    stale: [
      { id: 'ct1/create', reason: expect.stringContaining('exists already') },
      { id: 'ct2/create', reason: expect.stringContaining('exists already') },
    ],
  });
  expect(engine.requests({ writes: true })).toEqual([]);
});

test('a saved plan is stale when a container of it has changed, moved or gone', async () => {
  const engine = makeEngine();
  await applyPlan(engine.context, (await makePlan(engine.context, fleet(many(3)), policyOf())).plan);
  const plan = await saved(engine, fleet(many(3, { compute: { cores: 2, memoryMiB: 512, swapMiB: 256 } })));
  const { containers } = engine.simulator.state;
  if (containers[200]) containers[200].config['onboot'] = '1';
  if (containers[201]) containers[201].node = 'pve2';
  delete containers[202];
  engine.simulator.journal.length = 0;
  await expect(applySavedPlan(engine.again().context, plan)).rejects.toMatchObject({
    stale: [
      { key: 'ct1', reason: 'CT 200 has changed' },
      { key: 'ct2', reason: 'CT 201 has moved from pve1 to pve2' },
      { key: 'ct3', reason: 'CT 202 does not exist any more' },
    ],
  });
  expect(engine.requests({ writes: true })).toEqual([]);
});

test('a saved plan is stale when its fixed id has been taken, but not when another one may be chosen', async () => {
  const engine = makeEngine();
  const fixed = await saved(engine, fleet([container('web01', { vmid: 250 })]));
  const flexible = await saved(
    engine,
    fleet([container('web02', { vmid: 'auto' })], { vmids: { from: 250, to: 260 } }),
  );
  const theirs = fleet([container('x', { vmid: 250 })], { name: 'theirs' });
  await applyPlan(engine.context, (await makePlan(engine.context, theirs, policyOf())).plan);
  await expect(applySavedPlan(engine.context, fixed)).rejects.toMatchObject({
    stale: [{ id: 'web01/create', reason: 'id 250 is taken by x on pve1' }],
  });
  const report = await applySavedPlan(engine.context, flexible);
  expect(report.actions.map(({ vmid }) => vmid)).toEqual([251, 251]);
});

describe('with skipStale', () => {
  const more = { compute: { cores: 2, memoryMiB: 512, swapMiB: 256 } };
  const code = (error: unknown): unknown => (error as { exitCode?: unknown }).exitCode;
  const ending = (report: Parameters<typeof assertApplied>[0]): unknown => {
    try {
      assertApplied(report);
      return 0;
    } catch (error) {
      return code(error);
    }
  };

  test('the others go on, and the changed one is left alone and reported with exit code 6', async () => {
    const engine = makeEngine();
    await applyPlan(engine.context, (await makePlan(engine.context, fleet(many(3)), policyOf())).plan);
    const plan = await saved(engine, fleet(many(3, more)));
    const { containers } = engine.simulator.state;
    if (containers[201]) containers[201].config['onboot'] = '1';
    const report = await applySavedPlan(engine.again().context, plan, { skipStale: true });
    expect(report.actions.map(({ id, result, error }) => [id, result, error?.code])).toEqual([
      ['ct1/configure:live', 'ok', undefined],
      ['ct2/configure:live', 'skipped', 'PLAN_STALE'],
      ['ct3/configure:live', 'ok', undefined],
    ]);
    expect([200, 201, 202].map((vmid) => containers[vmid]?.config['cores'])).toEqual(['2', '1', '2']);
    expect(() => assertApplied(report)).toThrow(/ct2 left out, the rest is done/);
    expect(ending(report)).toBe(6);
  });

  test('what waits for a left out container is left out too, and a template that only it needs', async () => {
    const engine = makeEngine();
    const file = fleet([
      container('db', { vmid: 250, template: 'debian-13' }),
      container('web', { dependsOn: ['db'] }),
      container('other'),
    ]);
    const plan = await saved(engine, file);
    const theirs = fleet([container('x', { vmid: 250 })], { name: 'theirs' });
    await applyPlan(engine.context, (await makePlan(engine.context, theirs, policyOf())).plan);
    const report = await applySavedPlan(engine.context, plan, { skipStale: true });
    const left = report.actions.filter(({ error }) => error?.code === 'PLAN_STALE').map(({ id }) => id);
    expect(left).toEqual([
      expect.stringContaining('template/pve1/local/debian-13'),
      'db/create',
      'db/start',
      'web/start',
    ]);
    expect(report.summary).toMatchObject({ ok: 3, skipped: 4 });
  });

  test('a failure among the others ends with exit code 5', async () => {
    const engine = makeEngine();
    await applyPlan(engine.context, (await makePlan(engine.context, fleet(many(2)), policyOf())).plan);
    const plan = await saved(engine, fleet(many(2, more)));
    const { containers } = engine.simulator.state;
    if (containers[200]) containers[200].config['onboot'] = '1';
    const running = applySavedPlan(
      engine.again({
        onEvent: (event) => {
          if (event.type === 'action.start' && containers[201]) containers[201].config['lock'] = 'destroyed';
        },
      }).context,
      plan,
      { skipStale: true },
    );
    expect(ending(await running)).toBe(5);
  });

  test('nothing is done when nothing would be left', async () => {
    const engine = makeEngine();
    const plan = await saved(engine);
    await applySavedPlan(engine.context, plan);
    await expect(applySavedPlan(engine.context, plan, { skipStale: true })).rejects.toMatchObject({
      exitCode: 6,
    });
  });
});

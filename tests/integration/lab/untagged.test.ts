/** Boosts and freezes by an account that may not give their tags: the records in the notes do all that the tags do. */
import { describe, expect, test } from 'vitest';
import type { DesiredSchedule } from '../../../src/domain/lab/schedule.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeFreezePlan, makeUnfreezePlan, readManifest } from '../../../src/engine/lab/freeze.ts';
import { makeTickPlan } from '../../../src/engine/lab/tick.ts';
import { listContainers } from '../../../src/engine/list.ts';
import { makePlan, makeResizesPlan, type Planned, type ResizeRequest } from '../../../src/engine/plan.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { tagless } from '../../support/tagless.ts';

const hour = 3_600_000;
const ids = [200, 201];
const file = fleet([container('anna', { options: { onboot: true } }), container('ben')]);
const registered = { 'registered-tags': ['boosted', 'frozen'] };
const listed = { 'user-tag-access': { 'user-allow': 'list', 'user-allow-list': 'pvefleet' } };
const rules = [
  ['registered', registered, true],
  ['registered, without our having been told', registered, false],
  ['not listed', listed, true],
  ['not listed, without our having been told', listed, false],
  ['all kept to others', { ...registered, 'user-tag-access': { 'user-allow': 'none' } }, true],
] as const;

async function carryOut(engine: TestEngine, planned: Promise<Pick<Planned, 'plan'>>) {
  const { plan } = await planned;
  expect(plan.refusals).toEqual([]);
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
  return report;
}
async function makeClass(engine: TestEngine): Promise<TestEngine> {
  await carryOut(engine, makePlan(engine.context, file, policyOf()));
  return engine;
}
const resize = (engine: TestEngine, request: ResizeRequest, vmids: readonly number[] = ids) =>
  carryOut(engine, makeResizesPlan(engine.context, vmids, request, policyOf()));
const boost = (engine: TestEngine, vmids: readonly number[] = ids) =>
  resize(engine, { change: { memoryMiB: 2048 }, until: engine.clock.now() + 3 * hour }, vmids);
const freeze = (engine: TestEngine, stop = true) =>
  carryOut(engine, makeFreezePlan(engine.context, ids, { stop }, policyOf()));
const unfreeze = (engine: TestEngine) => carryOut(engine, makeUnfreezePlan(engine.context, ids));
const listing = async (engine: TestEngine) =>
  (await listContainers(engine.context, { names: [] })).containers.filter(({ vmid }) => ids.includes(vmid));
const config = (engine: TestEngine, vmid = 200): Readonly<Record<string, string>> =>
  engine.simulator.state.containers[vmid]?.config ?? {};
const isRunning = (engine: TestEngine): boolean => engine.simulator.state.containers[200]?.runtime != null;
const told = (engine: TestEngine): number =>
  engine.eventsOf('notice').filter(({ diagnostic }) => diagnostic.code === 'TAG_REFUSED').length;

describe.each(rules)('where the tags are %s', (_, options, audit) => {
  test('limits for a time are given, listed and taken back, by a tick without a file too', async () => {
    const engine = await makeClass(tagless(options, audit));
    await boost(engine);
    expect(config(engine)['memory']).toBe('2048');
    expect(config(engine)['tags'] ?? '').not.toContain('boosted');
    expect((await listing(engine)).every(({ boostedUntil }) => boostedUntil?.endsWith('Z'))).toBe(true);
    expect((await makePlan(engine.context, file, policyOf())).plan.actions).toEqual([]);
    await resize(engine, { endBoost: true }, [201]);
    expect(config(engine, 201)['memory']).toBe('512');
    await engine.clock.advance(4 * hour);
    // whoever ticks has to look for it
    for (const ticker of [engine, engine.again({})]) {
      const { plan } = await makeTickPlan(ticker.context, { now: engine.clock.now(), policy: policyOf() });
      expect(plan.actions.map(({ id }) => id)).toEqual(['anna/configure:live']);
    }
    await carryOut(
      engine,
      makeTickPlan(engine.context, { fleet: file, now: engine.clock.now(), policy: policyOf() }),
    );
    expect(config(engine)['memory']).toBe('512');
    expect(config(engine)['description']).not.toContain('boost=');
    expect((await listing(engine)).every(({ boostedUntil }) => boostedUntil === undefined)).toBe(true);
  });

  test('freezes hold until they are undone', async () => {
    const engine = await makeClass(tagless(options, audit));
    const before = config(engine);
    const report = await freeze(engine);
    // by an account that owns by its line alone the tags are not even tried
    expect(told(engine)).toBe('registered-tags' in options && 'user-tag-access' in options ? 0 : 1);
    expect(config(engine)).toMatchObject({ protection: '1', onboot: '0' });
    expect(config(engine)['tags'] ?? '').not.toContain('frozen');
    expect(isRunning(engine)).toBe(false);
    const manifest = await readManifest(engine.context, ids, undefined, report);
    expect(manifest.containers.map(({ result }) => result)).toEqual(['frozen', 'frozen']);
    expect((await listing(engine)).every(({ frozen }) => frozen?.endsWith('Z'))).toBe(true);
    expect((await freeze(engine)).actions).toEqual([]);
    const { plan } = await makePlan(engine.context, file, policyOf());
    expect(plan).toMatchObject({ actions: [], refusals: [] });
    await unfreeze(engine);
    expect(isRunning(engine)).toBe(true);
    expect({ ...config(engine), description: '' }).toEqual({ ...before, description: '' });
    expect(config(engine)['description']).not.toContain('frozen=since');
    expect((await listing(engine)).every(({ frozen }) => frozen === undefined)).toBe(true);
    expect((await unfreeze(engine)).actions).toEqual([]);
  });

  test('what somebody else did is undone, and the tags that stay are not believed', async () => {
    const root = await makeClass(makeEngine());
    await boost(root);
    await freeze(root);
    const engine = tagless(options, audit, root);
    await unfreeze(engine);
    expect(isRunning(engine)).toBe(true);
    expect(config(engine)['tags']).toContain('frozen');
    await resize(engine, { endBoost: true }, [201]);
    expect(config(engine, 201)).toMatchObject({ memory: '512' });
    await engine.clock.advance(4 * hour);
    await carryOut(engine, makePlan(engine.context, file, policyOf()));
    expect(config(engine)).toMatchObject({ memory: '512' });
    expect((await makePlan(engine.context, file, policyOf())).plan.actions).toEqual([]);
    expect((await unfreeze(engine)).actions).toEqual([]);
  });

  test('a timetable freezes as well', async () => {
    const engine = tagless(options, audit);
    const day = new Date(engine.clock.now()).toISOString().slice(0, 10);
    const schedule: DesiredSchedule = {
      zone: 'UTC',
      holidays: [],
      classes: [],
      actions: [{ do: 'freeze', day, minutes: 23 * 60, stop: true }],
      graceMs: hour,
    };
    const timed = fleet(file.containers.map((one) => ({ ...one, schedule })));
    await carryOut(engine, makePlan(engine.context, timed, policyOf()));
    await engine.clock.advance(Date.parse(`${day}T23:10:00Z`) - engine.clock.now());
    const tick = () =>
      makeTickPlan(engine.context, { fleet: timed, now: engine.clock.now(), policy: policyOf() });
    await carryOut(engine, tick());
    expect(config(engine)).toMatchObject({ protection: '1' });
    expect(isRunning(engine)).toBe(false);
    expect((await tick()).plan.actions).toEqual([]);
  });
});

describe('a container that no fleet owns', () => {
  test('is frozen and unfrozen without the tag, and no trace is left', async () => {
    const root = await makeClass(makeEngine());
    await root.context.pve.put('/nodes/{node}/lxc/{vmid}/config', {
      node: 'pve1',
      vmid: 200,
      delete: 'description,tags',
    });
    const engine = tagless(registered, true, root);
    await freeze(engine);
    expect(config(engine)['description']).toContain('frozen=');
    await unfreeze(engine);
    expect(config(engine)['description']).toBeUndefined();
    expect(config(engine)['tags']).toBeUndefined();
    // of a container that has the tag, it alone tells whether it still counts
    await root.context.pve.put('/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: 200, tags: 'old' });
    await freeze(engine);
    expect(config(engine)['tags']).toBe('old');
  });
});

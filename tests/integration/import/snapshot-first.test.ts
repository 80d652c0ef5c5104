/** `--snapshot-first`: a snapshot before risky changes, none before others, and no change where there can be none. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan, applySavedPlan } from '../../../src/engine/apply.ts';
import { makePlan, makeResizePlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { renderPlan } from '../../../src/render/plan.ts';
import { createStyle } from '../../../src/render/style.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, policyOf, type TestEngine } from '../../support/engine.ts';
import { rootEngine } from '../../support/root-engine.ts';
import { call } from '../../support/simulator.ts';

const careful = policyOf({ snapshotFirst: true });
const web = container('web');
const grown: DesiredContainer = { ...web, rootfs: { storage: 'local-lvm', sizeBytes: 6 * GiB } };
const shell: DesiredContainer = { ...web, options: { cmode: 'shell' } };
const nameOf = (one: DesiredContainer): string => `before-${specDigestOf(one).slice(0, 8)}`;
const idsOf = ({ actions }: Plan): string[] => actions.map(({ id }) => id);
const snapshotsOf = ({ simulator }: TestEngine): string[] =>
  Object.keys(simulator.state.containers[200]?.snapshots ?? {});

async function applied(one: DesiredContainer = web): Promise<TestEngine> {
  const engine = rootEngine();
  await carry(engine, (await planOf(engine, one)).plan);
  return engine;
}
const planOf = (
  { context }: TestEngine,
  one: DesiredContainer,
  policy = careful,
): ReturnType<typeof makePlan> => makePlan(context, fleet([one]), policy);

async function carry({ context }: TestEngine, plan: Plan): Promise<ApplyReport> {
  const report = await applyPlan(context, plan);
  expect(report.actions.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
  return report;
}

describe('a snapshot is taken', () => {
  const restart = policyOf({
    allow: { destroy: false, recreate: false, restart: true },
    snapshotFirst: true,
  });
  test.each<[string, DesiredContainer, string[], typeof careful]>([
    ['before a disk grows', grown, ['web/resize:rootfs'], careful],
    ['before what waits for a restart', shell, ['web/configure:restart'], careful],
    ['before a restart', shell, ['web/configure:restart', 'web/reboot'], restart],
    [
      'before a volume is added',
      { ...web, mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } } },
      ['web/configure:live'],
      careful,
    ],
  ])('%s', async (_, file, ids, policy) => {
    const engine = await applied();
    const { plan } = await planOf(engine, file, policy);
    const snapshot = `web/snapshot:${nameOf(file)}`;
    expect(idsOf(plan)).toEqual([snapshot, ...ids]);
    expect(plan.actions[0]).toMatchObject({ kind: 'snapshot.create', risk: 'safe', dependsOn: [] });
    expect(plan.actions[1]?.dependsOn).toEqual([snapshot]);
    await carry(engine, plan);
    expect(snapshotsOf(engine)).toEqual([nameOf(file)]);
    expect(engine.simulator.state.containers[200]?.snapshots[nameOf(file)]?.config).toMatchObject({
      rootfs: expect.stringContaining('size=4G') as string,
    });
    expect((await planOf(engine, file)).plan.actions).toEqual([]);
  });

  test('and people see it in the plan', async () => {
    const engine = await applied();
    const text = renderPlan(
      (await planOf(engine, grown)).plan,
      createStyle({ color: false, unicode: true, width: 120 }),
    );
    expect(text).toMatch(new RegExp(`~ web +200 +pve1 +snapshot ${nameOf(grown)} first`));
  });

  test('under a name of its own each time', async () => {
    const engine = await applied();
    const [one, three] = [1, 3].map((tty): DesiredContainer => ({ ...web, options: { tty } })) as [
      DesiredContainer,
      DesiredContainer,
    ];
    for (const file of [one, three, one]) await carry(engine, (await planOf(engine, file)).plan);
    expect(snapshotsOf(engine).toSorted()).toEqual(
      [nameOf(one), nameOf(three), `${nameOf(one)}-2`].toSorted(),
    );
  });

  test('and a saved plan with it is bound to the container as it was', async () => {
    const engine = await applied();
    const { plan } = await planOf(engine, grown);
    const path = '/nodes/pve1/lxc/200/config';
    await call(engine.simulator, { method: 'PUT', path, params: { cores: 3 } });
    await expect(applySavedPlan(engine.context, plan)).rejects.toMatchObject({ exitCode: 6 });
    const report = await applyPlan(engine.context, plan);
    expect(report.actions.map(({ result }) => result)).toEqual(['failed', 'skipped']);
    expect(snapshotsOf(engine)).toEqual([]);
    expect(engine.simulator.state.containers[200]?.config['rootfs']).toContain('size=4G');
  });

  test.each(['before', 'after'] as const)('once, also when the connection is lost %s it', async (when) => {
    const engine = await applied();
    const { plan } = await planOf(engine, grown);
    const request = { method: 'POST', path: '/nodes/{node}/lxc/{vmid}/snapshot' };
    engine.simulator.faults.onRequest(request, { kind: 'drop', when });
    await carry(engine, plan);
    expect(snapshotsOf(engine)).toEqual([nameOf(grown)]);
  });
});

describe('no snapshot is taken', () => {
  test.each<[string, DesiredContainer]>([
    ['before a new limit', { ...web, compute: { ...web.compute, memoryMiB: 1024 } }],
    ['before another name', { ...web, hostname: 'www' }],
    ['when nothing differs', web],
  ])('%s', async (_, file) => {
    const engine = await applied();
    const before = engine.requests().length;
    const { plan } = await planOf(engine, file);
    expect(plan.actions.filter(({ kind }) => kind === 'snapshot.create')).toEqual([]);
    expect(
      engine
        .requests()
        .slice(before)
        .filter((line) => line.includes('feature')),
    ).toEqual([]);
  });

  test('when it is not asked for, and nobody is asked whether it could be', async () => {
    const engine = await applied();
    const before = engine.requests().length;
    expect(idsOf((await planOf(engine, grown, policyOf())).plan)).toEqual(['web/resize:rootfs']);
    expect(
      engine
        .requests()
        .slice(before)
        .filter((line) => line.includes('feature')),
    ).toEqual([]);
  });
});

test('a container that cannot be snapshotted is refused, with the reason, and not touched', async () => {
  const bound: DesiredContainer = { ...web, mounts: { '/media': { source: '/srv/media' } } };
  const engine = await applied(bound);
  const { plan } = await planOf(engine, { ...bound, rootfs: grown.rootfs });
  expect(plan.refusals).toMatchObject([
    {
      code: 'SNAPSHOT_IMPOSSIBLE',
      message: 'web: container 200 cannot be snapshotted: /media is /srv/media of the host',
    },
  ]);
  const writes = engine.requests({ writes: true }).length;
  await expect(applyPlan(engine.context, plan)).rejects.toMatchObject({ exitCode: 6 });
  expect(engine.requests({ writes: true })).toHaveLength(writes);
});

describe('with moves', () => {
  const free = policyOf({
    allow: { destroy: true, recreate: false, restart: true },
    maxDestroy: 0,
    snapshotFirst: true,
  });
  const on = (storage: string, node = 'pve1'): DesiredContainer => ({
    ...web,
    node,
    rootfs: { storage, sizeBytes: 4 * GiB },
  });
  const nothingWritten = async (engine: TestEngine, plan: Plan): Promise<void> => {
    const writes = engine.requests({ writes: true }).length;
    await expect(applyPlan(engine.context, plan)).rejects.toMatchObject({ exitCode: 6 });
    expect(engine.requests({ writes: true })).toHaveLength(writes);
  };

  test('to another storage, the volume that the snapshot needs is kept', async () => {
    const engine = await applied();
    const { plan } = await planOf(engine, on('shared'), free);
    expect(idsOf(plan)).toEqual([
      `web/snapshot:${nameOf(on('shared'))}`,
      'web/shutdown',
      'web/move:rootfs',
      'web/start',
    ]);
    await carry(engine, plan);
    expect(engine.simulator.state.containers[200]?.config['unused0']).toContain('local-lvm:');
    expect((await planOf(engine, on('shared'), free)).plan.actions).toEqual([]);
  });

  test.each(['shared', 'local-zfs'])('to another node, together with its volumes on %s', async (storage) => {
    const engine = rootEngine();
    (engine.simulator.state.storages['shared'] as { type: string }).type = 'rbd';
    await carry(engine, (await planOf(engine, on(storage))).plan);
    const there = on(storage, 'pve2');
    const { plan } = await planOf(engine, there, free);
    expect(plan.refusals).toEqual([]);
    expect(idsOf(plan).slice(0, 2)).toEqual([`web/snapshot:${nameOf(there)}`, 'web/migrate']);
    await carry(engine, plan);
    expect(engine.simulator.state.containers[200]?.node).toBe('pve2');
    expect(snapshotsOf(engine)).toHaveLength(1);
    expect((await planOf(engine, there, free)).plan.actions).toEqual([]);
  });

  test('to another node, refused where a local volume could not come along', async () => {
    const engine = await applied();
    const { plan } = await planOf(engine, on('local-lvm', 'pve2'), free);
    expect(plan.refusals).toMatchObject([
      {
        code: 'SNAPSHOT_HOLDS',
        message:
          'web: a snapshot would keep container 200 on pve1: its root disk (local-lvm is lvmthin) cannot take it along',
        hint: expect.stringContaining('--snapshot-first') as string,
      },
    ]);
    await nothingWritten(engine, plan);
  });

  test('to another node, refused as well with the snapshots that are there', async () => {
    const engine = await applied();
    await carry(engine, (await planOf(engine, grown)).plan);
    const away = { ...grown, node: 'pve2' };
    const { plan } = await planOf(engine, away, { ...free, snapshotFirst: false });
    expect(plan.refusals).toMatchObject([
      { code: 'SNAPSHOT_HOLDS', message: expect.stringContaining('its snapshots would keep') as string },
    ]);
    await nothingWritten(engine, plan);
    expect((await planOf(engine, away, free)).plan.refusals).toHaveLength(1);
  });

  test('of a container that becomes a template, refused', async () => {
    const stopped: DesiredContainer = { ...web, power: 'stopped' };
    const engine = await applied(stopped);
    const { plan } = await planOf(
      engine,
      { ...stopped, ...{ rootfs: grown.rootfs, isTemplate: true } },
      free,
    );
    expect(plan.refusals).toMatchObject([
      {
        code: 'SNAPSHOT_HOLDS',
        message: 'web: a snapshot would keep container 200 from becoming a template',
      },
    ]);
    await nothingWritten(engine, plan);
  });
});

describe('with single steps', () => {
  test('before new limits and a larger disk', async () => {
    const engine = await applied();
    const change = { memoryMiB: 1024, rootfsBytes: 6 * GiB };
    const { plan } = await makeResizePlan(engine.context, 200, change, careful);
    const [first] = plan.actions;
    expect(first).toMatchObject({ kind: 'snapshot.create', reason: 'before memory and rootfs.size change' });
    expect(idsOf(plan).slice(1)).toEqual(['web/configure:live', 'web/resize:rootfs']);
    await carry(engine, plan);
    expect(snapshotsOf(engine)).toHaveLength(1);
  });

  test('before a restart of what runs', async () => {
    const engine = await applied();
    const again = await makeVerbPlan(engine.context, 'restart', [200], careful);
    expect(again.plan.actions.map(({ kind }) => kind)).toEqual(['snapshot.create', 'container.reboot']);
    await carry(engine, again.plan);
    const stop = await makeVerbPlan(engine.context, 'stop', [200], careful);
    await carry(engine, stop.plan);
    const start = await makeVerbPlan(engine.context, 'restart', [200], careful);
    expect(start.plan.actions.map(({ kind }) => kind)).toEqual(['container.start']);
    expect(snapshotsOf(engine)).toHaveLength(1);
  });

  test('refused where there can be none, and only asked where it is wanted', async () => {
    const engine = await applied({ ...web, mounts: { '/media': { source: '/srv/media' } } });
    const before = engine.requests().length;
    await makeResizePlan(engine.context, 200, { cores: 2 }, policyOf());
    expect(engine.requests().slice(before).join()).not.toContain('feature');
    const { plan } = await makeResizePlan(engine.context, 200, { cores: 2 }, careful);
    expect(plan.refusals).toMatchObject([{ code: 'SNAPSHOT_IMPOSSIBLE' }]);
    const none = await makeResizePlan(engine.context, 200, { cores: 1 }, careful);
    expect(none.plan.refusals).toEqual([]);
  });
});

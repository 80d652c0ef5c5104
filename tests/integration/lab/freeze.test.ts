/** Freezing a class at a deadline, and unfreezing it, on the simulated cluster. */
import { beforeEach, describe, expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import {
  type FreezeOptions,
  makeFreezePlan,
  makeUnfreezePlan,
  readManifest,
} from '../../../src/engine/lab/freeze.ts';
import { makeResetPlan } from '../../../src/engine/lab/reset.ts';
import { makePlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const file = fleet([
  container('anna', { options: { onboot: true } }),
  container('ben'),
  container('cleo', { power: 'stopped', options: { protection: true } }),
]);
const ids = [200, 201, 202];
let engine: TestEngine;

async function freeze(options: Partial<FreezeOptions> = {}, vmids = ids) {
  const how = { stop: false, ...options };
  const { plan } = await makeFreezePlan(engine.context, vmids, how, policyOf());
  return { plan, report: await applyPlan(engine.context, plan) };
}
const unfreeze = async () => {
  const { plan } = await makeUnfreezePlan(engine.context, ids);
  return applyPlan(engine.context, plan);
};
const state = (vmid: number) => {
  const { config, runtime } = engine.simulator.state.containers[vmid] ?? { config: {}, runtime: null };
  const { protection = '0', onboot = '0', tags = '' } = config as Record<string, string>;
  return { protection, onboot, tags, isRunning: runtime !== null };
};

beforeEach(async () => {
  engine = makeEngine();
  const { plan } = await makePlan(engine.context, file, policyOf());
  const { summary } = await applyPlan(engine.context, plan);
  if (summary.failed > 0) throw new Error('the class could not be made');
});

describe('freeze', () => {
  test('protects, stops and snapshots, and unfreeze brings back exactly what was before', async () => {
    const before = ids.map(state);
    const { report } = await freeze({ stop: true, snapshot: 'exam' });
    expect(report.summary).toMatchObject({ failed: 0, diverged: 0 });
    for (const vmid of ids) {
      expect(state(vmid)).toMatchObject({ protection: '1', onboot: '0', isRunning: false });
      expect(state(vmid).tags).toContain('frozen');
      expect(Object.keys(engine.simulator.state.containers[vmid]?.snapshots ?? {})).toEqual(['exam']);
    }
    expect((await unfreeze()).summary.failed).toBe(0);
    expect(ids.map(state)).toEqual(before);
    expect((await unfreeze()).actions).toEqual([]);
  });

  test('is left alone by apply and verify, refuses changes, and does not stand in the way of others', async () => {
    await freeze({ stop: true }, [200]);
    const other = fleet(file.containers.map((one) => ({ ...one, compute: { ...one.compute, cores: 2 } })));
    const { plan } = await makePlan(engine.context, other, policyOf());
    expect(plan.actions.map(({ id }) => id)).toEqual(['ben/configure:live', 'cleo/configure:live']);
    expect(plan.notices.map(({ code }) => code)).toContain('FROZEN');
    const report = await verify(engine.context, file);
    expect(report.converged).toBe(true);
    expect(report.containers.find(({ key }) => key === 'anna')?.frozenSince).toMatch(/Z$/);
    for (const verb of ['start', 'delete'] as const) {
      const refused = await makeVerbPlan(engine.context, verb, [200], policyOf({ all: true }));
      expect(refused.plan.refusals.map(({ code }) => code)).toEqual(['CONTAINER_FROZEN']);
    }
    const { plan: reset } = await makeResetPlan(
      engine.context,
      file,
      { names: ['anna'] },
      {},
      policyOf({ all: true }),
    );
    expect(reset.refusals).toMatchObject([
      { code: 'CONTAINER_FROZEN', hint: 'pvefleet unfreeze 200 makes it as it was before' },
    ]);
    const gone = fleet(file.containers.slice(1));
    const pruned = await makePlan(engine.context, gone, policyOf({ all: true }));
    expect(pruned.plan).toMatchObject({ actions: [], refusals: [] });
    expect(pruned.plan.notices.map(({ code }) => code)).toContain('FROZEN');
  });

  test('again does only what is left, and remembers what was before the first time', async () => {
    await freeze();
    expect(state(200)).toMatchObject({ protection: '1', onboot: '1', isRunning: true });
    expect((await freeze()).plan.actions).toEqual([]);
    const { plan } = await freeze({ stop: true, snapshot: 'late' }, [200]);
    expect(plan.actions.map(({ id }) => id)).toEqual([
      'anna/configure:live',
      'anna/shutdown',
      'anna/snapshot:create',
    ]);
    expect((await freeze({ stop: true, snapshot: 'late' }, [200])).plan.actions).toEqual([]);
    await unfreeze();
    expect(state(200)).toMatchObject({ protection: '0', onboot: '1', isRunning: true });
  });

  test('that was interrupted is finished by the next one', async () => {
    engine.simulator.faults.schedule([
      { fault: 'task-failure', type: 'vzshutdown', id: '200', text: 'no', when: 'before' },
    ]);
    const { report } = await freeze({ stop: true, snapshot: 'exam' });
    expect(report.actions.map(({ id, result }) => `${id} ${result}`)).toContain('anna/shutdown failed');
    const manifest = await readManifest(engine.context, ids, 'exam', report);
    expect(manifest.containers.map(({ name, result }) => `${name} ${result}`)).toEqual([
      'anna failed',
      'ben frozen',
      'cleo frozen',
    ]);
    expect(manifest.containers[0]?.snapshot).toBeUndefined();
    const again = await freeze({ stop: true, snapshot: 'exam' });
    expect(again.plan.actions.map(({ id }) => id)).toEqual(['anna/shutdown', 'anna/snapshot:create']);
    await unfreeze();
    expect(state(200).isRunning).toBe(true);
  });

  test('without stopping refuses what cannot be snapshotted, and with it goes on without', async () => {
    const plain = fleet([container('flat', { rootfs: { storage: 'shared', sizeBytes: 2 ** 30 } })], {
      name: 'plain',
    });
    const made = await makePlan(engine.context, plain, policyOf());
    await applyPlan(engine.context, made.plan);
    const vmids = [made.plan.actions.at(-1)?.target.vmid as number];
    const how = { stop: false, snapshot: 'exam' };
    const refused = await makeFreezePlan(engine.context, vmids, how, policyOf());
    expect(refused.plan.refusals.map(({ code }) => code)).toEqual(['SNAPSHOT_IMPOSSIBLE']);
    const { plan } = await freeze({ stop: true, snapshot: 'exam' }, vmids);
    expect(plan.notices).toMatchObject([{ code: 'SNAPSHOT_IMPOSSIBLE', severity: 'warning' }]);
    expect(state(vmids[0] as number)).toMatchObject({ protection: '1', isRunning: false });
  });

  test('the manifest tells who, when and what, and its digest follows from that', async () => {
    const { report } = await freeze({ stop: true, snapshot: 'exam' });
    const manifest = await readManifest(engine.context, ids, 'exam', report);
    expect(manifest).toMatchObject({
      format: 'pvefleet.manifest/1',
      snapshot: 'exam',
      by: 'root@pam!pvefleet',
    });
    expect(manifest.containers).toHaveLength(3);
    expect(manifest.containers[0]).toMatchObject({
      vmid: 200,
      name: 'anna',
      node: 'pve1',
      status: 'stopped',
      fleet: 'lab',
      key: 'anna',
      snapshot: { name: 'exam' },
      disks: [{ disk: 'rootfs', sizeBytes: 4 * 2 ** 30 }],
      result: 'frozen',
    });
    expect(manifest.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('of a container that no fleet owns leaves no trace once it is over', async () => {
    const { context } = engine;
    await context.pve.put('/nodes/{node}/lxc/{vmid}/config', {
      node: 'pve1',
      vmid: 201,
      description: 'mine',
      tags: 'old',
    });
    await freeze({}, [201]);
    expect(engine.simulator.state.containers[201]?.config['description']).toContain('frozen=');
    await unfreeze();
    expect(engine.simulator.state.containers[201]?.config).toMatchObject({
      description: 'mine\n',
      tags: 'old',
    });
  });
});

/** Why a container is not as the file says: the file, somebody, or a restart that is due. Each told by plan and verify. */
import { describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { renderPlan } from '../../../src/render/plan.ts';
import { renderVerify } from '../../../src/render/report.ts';
import { createStyle } from '../../../src/render/style.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { call, waitTask } from '../../support/simulator.ts';

const style = createStyle({ color: false, unicode: true, width: 120 });
const web = container('web');
const careful = policyOf();

/** A cluster on which the container was applied as it is above. */
async function applied(one: DesiredContainer = web): Promise<TestEngine> {
  const engine = makeEngine();
  await reach(engine, one);
  return engine;
}

async function reach({ context }: TestEngine, one: DesiredContainer): Promise<void> {
  const { plan } = await makePlan(context, fleet([one]), careful);
  const { actions } = await applyPlan(context, plan);
  expect(actions.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
}

async function byHand({ simulator }: TestEngine, params: Record<string, string | number>): Promise<void> {
  const answer = await call(simulator, { method: 'PUT', path: '/nodes/pve1/lxc/200/config', params });
  expect(answer.reason).toBe('OK');
}

const withMemory = (memoryMiB: number): DesiredContainer => ({
  ...web,
  compute: { ...web.compute, memoryMiB },
});

describe('plan and verify tell apart', () => {
  const cases: readonly [
    name: string,
    hand: Record<string, string | number> | undefined,
    file: DesiredContainer,
    cause: string,
    reason: string,
  ][] = [
    ['the file was changed', undefined, withMemory(1024), 'spec-changed', 'memory: changed in the file'],
    ['somebody changed it', { memory: 1024 }, web, 'drifted', 'memory: changed by somebody'],
    ['somebody unset a key', { delete: 'cores' }, web, 'drifted', 'cores: changed by somebody'],
  ];
  test.each(cases)('%s', async (_name, hand, file, cause, reason) => {
    const engine = await applied();
    if (hand) await byHand(engine, hand);
    const { plan } = await makePlan(engine.context, fleet([file]), careful);
    expect(plan.actions).toMatchObject([{ kind: 'container.configure', cause, reason }]);
    expect((await verify(engine.context, fleet([file]))).findings).toMatchObject([
      { state: 'diverged', cause },
    ]);
    await reach(engine, file);
    expect((await verify(engine.context, fleet([file]))).findings).toEqual([]);
  });

  test('people are told, too', async () => {
    const engine = await applied();
    await byHand(engine, { memory: 1024 });
    const { plan } = await makePlan(engine.context, fleet([web]), careful);
    expect(renderPlan(plan, style)).toContain('changed by somebody since the file was applied');
    const changed = (await makePlan(engine.context, fleet([withMemory(2048)]), careful)).plan;
    expect(renderPlan(changed, style)).not.toContain('somebody');
    const report = renderVerify(await verify(engine.context, fleet([web])), style);
    expect(report).toMatch(/diverged +web +200 +pve1 +memory +512MiB +1GiB +changed by somebody/);
  });

  test('a restart is due', async () => {
    const engine = await applied();
    const file: DesiredContainer = { ...web, options: { cmode: 'shell' } };
    await reach(engine, file);
    const { plan } = await makePlan(engine.context, fleet([file]), careful);
    expect(plan.actions).toEqual([]);
    expect(plan.notices).toMatchObject([{ code: 'RESTART_NEEDED' }]);
    const report = await verify(engine.context, fleet([file]));
    expect(report.findings).toMatchObject([{ field: 'cmode', state: 'pending', cause: 'awaiting-restart' }]);
    expect(renderVerify(report, style)).toContain('waiting for a restart');
    const allowed = policyOf({ allow: { destroy: false, recreate: false, restart: true } });
    expect((await makePlan(engine.context, fleet([file]), allowed)).plan.actions).toMatchObject([
      { kind: 'container.reboot', cause: 'awaiting-restart', reason: 'cmode: waiting for a restart' },
    ]);
  });

  test('drift and a restart that is due, at the same time', async () => {
    const engine = await applied();
    const file: DesiredContainer = { ...web, options: { cmode: 'shell' } };
    await reach(engine, file);
    await byHand(engine, { memory: 1024 });
    const { findings } = await verify(engine.context, fleet([file]));
    expect(findings).toMatchObject([
      { field: 'memory', cause: 'drifted' },
      { field: 'cmode', cause: 'awaiting-restart' },
    ]);
  });

  test('a container that is taken over was never applied, so there is no cause', async () => {
    const engine = await applied();
    const file: DesiredContainer = { ...withMemory(1024), vmid: 200, adopt: true };
    const { config } = engine.simulator.state.containers[200] as { config: Record<string, string> };
    delete config['description'];
    const { plan } = await makePlan(engine.context, fleet([file]), careful);
    expect(plan.actions).toMatchObject([{ reason: 'ownership and memory: taken over' }]);
    expect(plan.actions[0]).not.toHaveProperty('cause');
  });
});

test('taking over settings that are written but not compared is no change of the file', async () => {
  const engine = await applied();
  await byHand(engine, { memory: 1024 });
  const file: DesiredContainer = { ...web, restart: 'always', template: 'debian-13' };
  const { plan } = await makePlan(engine.context, fleet([file]), careful);
  expect(plan.actions).toMatchObject([{ cause: 'drifted' }]);
});

test('a container that was deleted by hand is created again, under its old id', async () => {
  const engine = await applied();
  const answer = await call(engine.simulator, {
    method: 'DELETE',
    path: '/nodes/pve1/lxc/200',
    params: { force: 1 },
  });
  await waitTask(engine.simulator, answer.data);
  const { plan } = await makePlan(engine.context, fleet([web]), careful);
  expect(plan.actions).toMatchObject([
    { kind: 'container.create', target: { vmid: 200 }, reason: 'not there yet' },
    { kind: 'container.start' },
  ]);
  await reach(engine, web);
  expect((await verify(engine.context, fleet([web]))).converged).toBe(true);
});

test('a container that was moved by hand or by HA is followed: changed where it is, and not made twice', async () => {
  const shared = container('web', { rootfs: { storage: 'shared', sizeBytes: 4 * 1024 ** 3 } });
  const engine = makeEngine();
  const storages = Object.values(engine.simulator.state.storages);
  const found = storages.find((one) => one.shared && one.content.includes('rootdir'));
  const file = { ...shared, rootfs: { ...shared.rootfs, storage: found?.storage ?? 'local-lvm' } };
  await reach(engine, file);
  const params = { target: 'pve2', restart: 1 };
  const moved = await call(engine.simulator, { method: 'POST', path: '/nodes/pve1/lxc/200/migrate', params });
  expect((await waitTask(engine.simulator, moved.data)).exitstatus).toBe('OK');
  expect(engine.simulator.state.containers[200]?.node).toBe('pve2');
  const { plan } = await makePlan(engine.context, fleet([file]), careful);
  expect(plan.actions).toEqual([]);
  const path = '/nodes/pve2/lxc/200/config';
  await call(engine.simulator, { method: 'PUT', path, params: { memory: 1024 } });
  await reach(engine, file);
  expect(engine.simulator.state.containers[200]).toMatchObject({ node: 'pve2', config: { memory: '512' } });
  expect((await verify(engine.context, fleet([file]))).converged).toBe(true);
});

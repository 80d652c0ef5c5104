import { beforeEach, expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { diagnose } from '../../../src/engine/doctor.ts';
import { makeDownloadPlan, makePlan, makeResizePlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import { deleteTemplate, listCatalogue, listTemplates } from '../../../src/engine/templates.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

let engine: TestEngine;
beforeEach(async () => {
  engine = makeEngine();
  const { plan } = await makePlan(engine.context, fleet([container('web01')]), policyOf());
  await applyPlan(engine.context, plan);
  engine.simulator.state.vms[150] = {
    vmid: 150,
    node: 'pve1',
    name: 'machine',
    status: 'running',
    config: {},
  };
});

test('resizes one running container without a fleet file', async () => {
  const change = { memoryMiB: 2048, cores: 3, rootfsBytes: 8 * GiB };
  const { plan } = await makeResizePlan(engine.context, 200, change, policyOf());
  expect((await applyPlan(engine.context, plan)).summary).toMatchObject({ failed: 0, diverged: 0 });
  const ct = engine.simulator.state.containers[200];
  expect(ct?.config).toMatchObject({
    memory: '2048',
    cores: '3',
    rootfs: expect.stringContaining('size=8G'),
  });
  expect(ct?.runtime?.memoryMiB).toBe(2048);
});

test.each(['shutdown', 'stop', 'restart', 'delete'] as const)('%s of one container', async (verb) => {
  const { plan } = await makeVerbPlan(engine.context, verb, [200], policyOf({ all: true }), { force: true });
  const report = await applyPlan(engine.context, plan);
  expect(report.summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
  const ct = engine.simulator.state.containers[200];
  expect(verb === 'delete' ? ct : ct?.runtime !== null).toEqual(
    verb === 'delete' ? undefined : verb === 'restart',
  );
});

test.each([
  ['nothing', 199, /no container 199/],
  ['a virtual machine', 150, /virtual machine/],
])('refuses an id that is %s', async (_, vmid, message) => {
  await expect(makeVerbPlan(engine.context, 'start', [vmid], policyOf())).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(message),
  });
});

test('refuses a node or storage that cannot take a template', async () => {
  const { context } = engine;
  await expect(makeDownloadPlan(context, 'debian-13', { node: 'pve9' })).rejects.toMatchObject({
    hint: expect.stringContaining('pve1'),
  });
  await expect(listTemplates(context, { node: 'pv1' })).rejects.toMatchObject({ hint: 'did you mean pve1?' });
  await expect(listTemplates(context, { storage: 'local-lvm' })).rejects.toMatchObject({
    hint: expect.stringContaining('local'),
  });
  await expect(listCatalogue(context, 'pve9')).rejects.toMatchObject({ exitCode: 2 });
  await expect(deleteTemplate(context, 'debian-12')).rejects.toMatchObject({
    hint: expect.stringContaining('vztmpl'),
  });
});

test('asks for the node when a local archive is on several', async () => {
  const { context } = engine;
  const { templates } = await listTemplates(context, { node: 'pve1', storage: 'local' });
  const volid = templates.find((one) => one.volid.includes('debian-12'))?.volid ?? '';
  const { plan } = await makeDownloadPlan(context, volid.slice('local:vztmpl/'.length), {
    node: 'pve2',
    storage: 'local',
  });
  await applyPlan(context, plan);
  await expect(deleteTemplate(context, volid)).rejects.toMatchObject({
    message: expect.stringMatching(/pve1, pve2/),
  });
  await deleteTemplate(context, volid, { node: 'pve2' });
  expect(
    (await listTemplates(context, { storage: 'local' })).templates.map(({ node }) => node),
  ).not.toContain('pve2');
});

test('a doctor tells of an offline node, lost quorum and a clock that is wrong', async () => {
  const { state } = engine.simulator;
  const pve3 = state.nodes['pve3'];
  if (pve3) pve3.status = 'offline';
  state.quorate = false;
  const late = { ...engine.context, clock: { ...engine.clock, now: () => engine.clock.now() + 600_000 } };
  const { checks, healthy } = await diagnose(late);
  expect(healthy).toBe(false);
  const found = new Map(checks.map(({ name, status }) => [name, status]));
  expect(found.get('quorum')).toBe('fail');
  expect(found.get('nodes')).toBe('warn');
  expect(found.get('clock pve1')).toBe('warn');
  expect([...found.keys()].some((name) => name.endsWith('pve3'))).toBe(false);
});

test('a sink that fails does not break the run', async () => {
  const broken = engine.again({
    onEvent: () => {
      throw new Error('the terminal is gone');
    },
  });
  const { plan } = await makePlan(
    broken.context,
    fleet([container('web01'), container('web02')]),
    policyOf(),
  );
  expect((await applyPlan(broken.context, plan)).summary).toMatchObject({ ok: 2 });
});

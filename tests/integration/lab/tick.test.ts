/** Ticks on the simulated cluster: a day of class, an exam, a boost and the end of term, without a state file. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import type { TickPlan } from '../../../src/domain/lab/plan-tick.ts';
import type { DesiredSchedule } from '../../../src/domain/lab/schedule.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeUnfreezePlan } from '../../../src/engine/lab/freeze.ts';
import { makeTickPlan } from '../../../src/engine/lab/tick.ts';
import { makePlan, makeResizesPlan, makeVerbPlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { tagless } from '../../support/tagless.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** A Thursday. */
const midnight = Date.UTC(2026, 0, 1);
const classes: DesiredSchedule['classes'] = [
  { days: [0, 1, 2, 3, 4, 5, 6], from: 8 * 60, to: 12 * 60, leadMs: 0, before: [], after: [] },
];
const schedule = (more: Partial<DesiredSchedule> = {}): DesiredSchedule => ({
  zone: 'UTC',
  holidays: [],
  classes: [],
  actions: [],
  graceMs: hour,
  ...more,
});
const fileOf = (given: DesiredSchedule, more: Partial<DesiredContainer> = {}): DesiredFleet =>
  fleet(['anna', 'ben', 'cleo'].map((key) => container(key, { schedule: given, ...more })));

let engine: TestEngine;
let file: DesiredFleet;

/** Moves the clock of the cluster to a time of day, or further. */
async function until(ms: number): Promise<void> {
  await engine.clock.advance(Math.max(0, midnight + ms - engine.clock.now()));
}
async function look(given: DesiredFleet | undefined = file): Promise<TickPlan> {
  const now = engine.clock.now();
  return makeTickPlan(engine.context, { now, policy: policyOf(), ...(given ? { fleet: given } : {}) });
}
async function tick(given?: DesiredFleet): Promise<string[]> {
  const { plan, waves } = await look(given ?? file);
  const report = await applyPlan(engine.context, plan, waves);
  expect(report.summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
  return plan.actions.map(({ id }) => id);
}
async function set(given: DesiredFleet): Promise<void> {
  file = given;
  const { plan } = await makePlan(engine.context, file, policyOf());
  expect((await applyPlan(engine.context, plan)).summary.failed).toBe(0);
}
async function by(verb: 'start' | 'stop', vmid: number): Promise<void> {
  const { plan } = await makeVerbPlan(engine.context, verb, [vmid], policyOf());
  expect((await applyPlan(engine.context, plan)).summary.ok).toBe(1);
}
const noteOf = (vmid: number): string => stateOf(vmid)?.config['description'] ?? '';
const stateOf = (vmid: number) => engine.simulator.state.containers[vmid];
const running = (): number[] => [200, 201, 202].filter((vmid) => stateOf(vmid)?.runtime != null);
const tagsOf = (vmid: number): string => stateOf(vmid)?.config['tags'] ?? '';

beforeEach(() => {
  engine = makeEngine();
});

describe('class times', () => {
  beforeEach(() => set(fileOf(schedule({ classes }))));

  test('stop and start a class, once each, and say nothing in between', async () => {
    expect(running()).toEqual([200, 201, 202]);
    await until(12 * hour + 60_000);
    expect(await tick()).toEqual(['anna/shutdown', 'ben/shutdown', 'cleo/shutdown']);
    expect(running()).toEqual([]);
    await until(12 * hour + 10 * 60_000);
    expect(await tick()).toEqual([]);
    await until(day + 8 * hour);
    expect(await tick()).toEqual(['anna/start', 'ben/start', 'cleo/start']);
    expect(running()).toEqual([200, 201, 202]);
    await until(day + 9 * hour);
    expect(await tick()).toEqual([]);
  });

  test('leave power to the schedule: apply and verify do not mind', async () => {
    await until(12 * hour);
    await tick();
    const { plan } = await makePlan(engine.context, file, policyOf());
    expect(plan).toMatchObject({ actions: [], refusals: [] });
    expect((await verify(engine.context, file)).converged).toBe(true);
  });

  test('do not fight a person who has stopped or started a container since', async () => {
    await until(12 * hour + 60_000);
    await tick();
    await by('start', 200);
    expect(await tick()).toEqual([]);
    await until(day + 8 * hour);
    await tick();
    await by('stop', 201);
    expect(await tick()).toEqual([]);
    expect(running()).toEqual([200, 202]);
  });

  test('catch up what was missed within the grace time, and leave out what is older', async () => {
    await until(12 * hour + 59 * 60_000);
    expect(await tick()).toHaveLength(3);
    await until(day + 9 * hour + 60_000);
    expect(await tick()).toEqual([]);
    expect(running()).toEqual([]);
  });

  test('an interrupted tick is finished by the next one', async () => {
    await until(12 * hour);
    engine.simulator.faults.schedule([
      { fault: 'task-failure', type: 'vzshutdown', id: '201', text: 'no', when: 'before' },
    ]);
    const { plan } = await look();
    expect((await applyPlan(engine.context, plan)).summary).toMatchObject({ ok: 2, failed: 1 });
    expect(await tick()).toEqual(['ben/shutdown']);
  });

  test('ask for little when nothing is due', async () => {
    await until(3 * hour);
    const before = engine.requests().length;
    expect(await tick()).toEqual([]);
    expect(
      engine
        .requests()
        .slice(before)
        .filter((one) => one.includes('{vmid}')),
    ).toEqual([]);
    expect(engine.requests().length - before).toBeLessThanOrEqual(4);
  });
});

describe('waves', () => {
  test('start one after another with a pause', async () => {
    await set(fileOf(schedule({ classes, wave: 1, pauseMs: 30_000 })));
    await until(12 * hour);
    await tick();
    const starts = Object.values(engine.simulator.state.tasks)
      .filter(({ type }) => type === 'vzshutdown')
      .map(({ starttime }) => starttime)
      .sort((a, b) => a - b);
    expect(starts).toHaveLength(3);
    expect((starts[1] as number) - (starts[0] as number)).toBeGreaterThanOrEqual(30);
    expect((starts[2] as number) - (starts[1] as number)).toBeGreaterThanOrEqual(30);
  });
});

describe('snapshots', () => {
  test('are taken once, told by their names, and old ones of their kind go', async () => {
    const action = {
      do: 'snapshot',
      days: [0, 1, 2, 3, 4, 5, 6],
      minutes: 180,
      name: 'daily',
      keep: 2,
    } as const;
    await set(fileOf(schedule({ actions: [action] })));
    const names = (): string[] => Object.keys(stateOf(200)?.snapshots ?? {}).sort();
    for (let days = 0; days < 4; days += 1) {
      await until(days * day + 3 * hour + 60_000);
      await tick();
      expect(await tick()).toEqual([]);
    }
    expect(names()).toEqual(['daily-20260103-0300', 'daily-20260104-0300']);
  });

  test('that cannot be taken are told, and the others are taken', async () => {
    const action = { do: 'snapshot', day: '2026-01-01', minutes: 180, name: 'once' } as const;
    const given = schedule({ actions: [action] });
    const flat = container('flat', { schedule: given, rootfs: { storage: 'shared', sizeBytes: 2 ** 30 } });
    await set(fleet([container('anna', { schedule: given }), flat]));
    await until(3 * hour);
    const { plan, left } = await look();
    expect(left.map(({ code }) => code)).toEqual(['SNAPSHOT_IMPOSSIBLE']);
    expect(plan.actions.map(({ id }) => id)).toEqual(['anna/snapshot:create']);
    expect(plan.notices).toMatchObject([{ severity: 'warning', code: 'SNAPSHOT_IMPOSSIBLE' }]);
  });
});

describe('a deadline', () => {
  const exam = { do: 'freeze', day: '2026-01-01', minutes: 16 * 60, stop: true, snapshot: 'exam' } as const;

  test('freezes once, and not again what a person has unfrozen', async () => {
    await set(fileOf(schedule({ actions: [exam] })));
    await until(16 * hour);
    expect(await tick()).toHaveLength(9);
    expect(running()).toEqual([]);
    expect(tagsOf(200)).toContain('frozen');
    expect(await tick()).toEqual([]);
    const { plan } = await makeUnfreezePlan(engine.context, [200]);
    await applyPlan(engine.context, plan);
    expect(running()).toEqual([200]);
    expect(await tick()).toEqual([]);
  });

  test('keeps frozen containers out of classes', async () => {
    await set(fileOf(schedule({ actions: [exam], classes })));
    await until(16 * hour);
    await tick();
    await until(day + 8 * hour);
    expect(await tick()).toEqual([]);
    expect(running()).toEqual([]);
  });
});

describe('boosts', () => {
  const memory = (vmid: number): string | undefined => stateOf(vmid)?.config['memory'];
  async function boost(vmids: readonly number[], span: number): Promise<void> {
    const request = { change: { memoryMiB: 2048 }, until: engine.clock.now() + span };
    const { plan } = await makeResizesPlan(engine.context, vmids, request, policyOf());
    expect((await applyPlan(engine.context, plan)).summary.failed).toBe(0);
  }

  test('end live when their time is over, those of nobody too, and leave others alone', async () => {
    await set(fileOf(schedule()));
    await engine.context.pve.put('/nodes/{node}/lxc/{vmid}/config', {
      node: 'pve1',
      vmid: 202,
      delete: 'description,tags',
    });
    await boost([200, 202], 3 * hour);
    expect([memory(200), memory(202)]).toEqual(['2048', '2048']);
    expect(
      (await makePlan(engine.context, fleet(file.containers.slice(0, 2)), policyOf())).plan.actions,
    ).toEqual([]);
    expect(await tick()).toEqual([]);
    await until(4 * hour);
    expect(await tick()).toEqual(['anna/configure:live', 'cleo/configure:live']);
    expect([memory(200), memory(202)]).toEqual(['512', '512']);
    expect(running()).toEqual([200, 201, 202]);
    expect([tagsOf(200), tagsOf(202)]).toEqual(['pvefleet', '']);
    expect(stateOf(202)?.config['description']).toBeUndefined();
    expect(await tick()).toEqual([]);
  });

  test('end without a file as well', async () => {
    await set(fileOf(schedule()));
    await boost([200], hour);
    await until(2 * hour);
    const { plan } = await makeTickPlan(engine.context, { now: engine.clock.now(), policy: policyOf() });
    expect(plan.actions.map(({ id }) => id)).toEqual(['anna/configure:live']);
  });
});

describe('the end of term', () => {
  const ending = (more: Partial<NonNullable<DesiredSchedule['expiry']>> = {}): DesiredSchedule =>
    schedule({
      expiry: { day: '2026-01-10', announceMs: 3 * day, onExpiry: 'remove', removeAfterMs: 2 * day, ...more },
    });

  test('is announced, comes, and takes containers away only after a while and with permission', async () => {
    await set(fileOf(ending()));
    expect(await tick()).toEqual([]);
    await until(8 * day);
    const { plan } = await look();
    expect(plan.notices.map(({ code }) => code)).toContain('EXPIRY_ANNOUNCED');
    expect(await tick()).toHaveLength(3);
    expect(tagsOf(200)).toBe('expires-2026-01-10;pvefleet');
    expect(await tick()).toEqual([]);
    expect(running()).toHaveLength(3);

    await until(10 * day);
    expect(await tick()).toHaveLength(6);
    expect(running()).toEqual([]);
    expect(tagsOf(200)).toBe('expired-2026-01-10;pvefleet');
    expect(await tick()).toEqual([]);
    const again = await makePlan(engine.context, file, policyOf());
    expect(again.plan.actions).toEqual([]);

    await until(12 * day);
    expect(await tick()).toEqual(['anna/destroy', 'ben/destroy', 'cleo/destroy']);
    const gone = await makePlan(engine.context, file, policyOf());
    expect(gone.plan).toMatchObject({ actions: [], refusals: [] });
    expect(gone.plan.notices.map(({ code }) => code)).toContain('EXPIRED');
    expect((await verify(engine.context, file)).converged).toBe(true);
  });

  test('removes nothing that was not stopped by an earlier tick, nor without permission', async () => {
    await set(fileOf(ending()));
    await until(20 * day);
    expect((await tick()).filter((id) => id.endsWith('destroy'))).toEqual([]);
    expect(await tick()).toHaveLength(3);
    engine = makeEngine();
    await set(fileOf(ending({ onExpiry: 'stop' })));
    await until(20 * day);
    await tick();
    expect(await tick()).toEqual([]);
    expect(Object.keys(engine.simulator.state.containers)).toContain('200');
  });

  test('is put off by another day in the file', async () => {
    await set(fileOf(ending()));
    await until(10 * day);
    await tick();
    expect(running()).toEqual([]);
    const later = fileOf(ending({ day: '2026-02-10' }));
    const { plan } = await makePlan(engine.context, later, policyOf());
    expect(plan.actions.map(({ id }) => id).filter((id) => id.startsWith('anna'))).toEqual([
      'anna/configure:live',
      'anna/start',
    ]);
    expect(plan.actions[0]).toMatchObject({ cause: 'spec-changed', reason: 'expires: changed in the file' });
    await set(later);
    expect(tagsOf(200)).toBe('pvefleet');
    expect(running()).toHaveLength(3);
    expect(await tick()).toEqual([]);
  });

  test.each([
    ['any tag is', { 'registered-tags': ['pvefleet'], 'user-tag-access': { 'user-allow': 'none' } }, true],
    ['its tag is', { 'user-tag-access': { 'user-allow': 'list', 'user-allow-list': 'pvefleet' } }, true],
    [
      'its tag is, without having been told,',
      { 'user-tag-access': { 'user-allow': 'list', 'user-allow-list': 'pvefleet' } },
      false,
    ],
  ] as const)('is told in the notes where %s not allowed', async (_, options, audit) => {
    engine = tagless(options, audit);
    await set(fileOf(ending()));
    expect(await tick()).toEqual([]);
    await until(8 * day);
    const { plan } = await look();
    expect(plan.refusals).toEqual([]);
    expect(plan.notices.map(({ code }) => code)).toContain('EXPIRY_ANNOUNCED');
    expect(await tick()).toHaveLength(3);
    expect(noteOf(200)).toContain(' told=expires-2026-01-10');
    expect(tagsOf(200)).not.toContain('expires');
    expect(await tick()).toEqual([]);
    expect((await makePlan(engine.context, file, policyOf())).plan.actions).toEqual([]);

    await until(10 * day);
    expect(await tick()).toHaveLength(6);
    expect(running()).toEqual([]);
    expect(await tick()).toEqual([]);
    const later = fileOf(ending({ day: '2026-01-20' }));
    await set(later);
    expect(noteOf(200)).not.toContain('told=');
    expect(running()).toHaveLength(3);
    await until(20 * day);
    await tick();
    await until(22 * day);
    expect(await tick()).toEqual(['anna/destroy', 'ben/destroy', 'cleo/destroy']);
  });

  test('leaves frozen containers where they are', async () => {
    const frozen = { do: 'freeze', day: '2026-01-05', minutes: 0, stop: false } as const;
    await set(fileOf({ ...ending(), actions: [frozen] }));
    await until(4 * day);
    await tick();
    await until(20 * day);
    expect(await tick()).toEqual([]);
    const { plan } = await look();
    expect(plan.notices.map(({ code }) => code)).toEqual(['FROZEN', 'FROZEN', 'FROZEN']);
  });
});

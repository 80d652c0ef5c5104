import { describe, expect, test } from 'vitest';
import { joinRecords } from '../../../../src/codec/description.ts';
import type { ActualContainer } from '../../../../src/domain/actual.ts';
import { verifyFleet } from '../../../../src/domain/converge.ts';
import { boostOf } from '../../../../src/domain/lab/boost.ts';
import { specDigestOf } from '../../../../src/domain/ownership.ts';
import { planFleet } from '../../../../src/domain/plan-fleet.ts';
import { endOfBoost, planResizes, type ResizeRequest } from '../../../../src/domain/plan-resize.ts';
import { MiB } from '../../../../src/util/bytes.ts';
import {
  type ActualOptions,
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../../support/builders.ts';

const until = Date.UTC(2026, 10, 23, 16);
const line = (records: string): string => joinRecords('', { boost: records });
const boosted = (more: ActualOptions = {}): ActualContainer =>
  actual('web', 101, {
    ...more,
    config: {
      memory: 2048,
      description: line('memory:512,swap:0@2026-11-23T16:00:00Z'),
      tags: 'boosted;mine',
      ...more.config,
    },
  });
const resize = (container: ActualContainer, request: ResizeRequest) =>
  planResizes([container], request, policyOf());
const paramsOf = (plan: ReturnType<typeof resize>) => actionOf(plan, 'web/configure:live').request.params;

describe('limits for a time', () => {
  test('are set in the call that records what was before, and when they end', () => {
    const plan = resize(actual('web', 101, { config: { tags: 'mine', description: 'notes' } }), {
      change: { memoryMiB: 2048, cores: 4 },
      until,
    });
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(paramsOf(plan)).toEqual({
      node: 'pve1',
      vmid: 101,
      memory: 2048,
      swap: 0,
      cores: 4,
      description: 'notes\n<!-- pvefleet boost=memory%3A512%2Ccores%3A1%402026-11-23T16%3A00%3A00Z -->',
      tags: 'mine;boosted',
      digest: 'digest-101',
    });
    expect(plan.notices).toEqual([]);
    expect(plan.actions[0]?.changes).toContainEqual({
      field: 'boost',
      from: null,
      to: 'until 2026-11-23T16:00:00Z',
      effect: 'live',
    });
  });

  test('stand in the ownership line of an owned container', () => {
    const plan = resize(actual('web', 101, { owner: {} }), { change: { memoryMiB: 2048 }, until });
    expect(paramsOf(plan)['description']).toBe(
      '<!-- pvefleet fleet=lab key=web spec=sha256:00 boost=memory%3A512%402026-11-23T16%3A00%3A00Z -->',
    );
    expect(paramsOf(plan)['tags']).toBe('pvefleet;boosted');
  });

  test('remember what was unset', () => {
    const { cores: _, ...config } = { cores: 1, cpulimit: 0 };
    const container = actual('web', 101, { config });
    const plan = resize(container, { change: { cpuLimit: 2, cpuUnits: 200 }, until });
    expect(String(paramsOf(plan)['description'])).toContain(encodeURIComponent('cpuLimit:-,cpuUnits:-@'));
  });

  test('that are there already need no boost', () => {
    const plan = resize(actual('web', 101), { change: { memoryMiB: 512, cpuLimit: 0 }, until });
    expect(plan).toMatchObject({ actions: [], inSync: ['web'] });
  });

  test('are prolonged, and remember what was before the first of them', () => {
    const later = until + 3_600_000;
    const plan = resize(boosted(), { change: { memoryMiB: 2048, cores: 2 }, until: later });
    expect(String(paramsOf(plan)['description'])).toContain(
      encodeURIComponent('memory:512,swap:0,cores:1@2026-11-23T17:00:00Z'),
    );
    const same = resize(boosted(), { change: { memoryMiB: 2048 }, until: later });
    expect(same.actions[0]?.changes).toEqual([
      {
        field: 'boost',
        from: 'until 2026-11-23T16:00:00Z',
        to: 'until 2026-11-23T17:00:00Z',
        effect: 'live',
      },
    ]);
  });

  test('become lasting when they are set for good', () => {
    const plan = resize(boosted(), { change: { memoryMiB: 4096 } });
    expect(String(paramsOf(plan)['description'])).toContain(encodeURIComponent('swap:0@'));
    const all = resize(boosted(), { change: { memoryMiB: 2048, swapMiB: 0 } });
    expect(paramsOf(all)).toMatchObject({ delete: 'description', tags: 'mine' });
  });

  test.each<[string, ActualOptions, string]>([
    ['locked', { lock: 'backup' }, 'CONTAINER_LOCKED'],
    [
      'frozen',
      {
        config: {
          tags: 'frozen',
          description: joinRecords('', { frozen: 'protection:0@2026-11-23T16:00:00Z' }),
        },
      },
      'CONTAINER_FROZEN',
    ],
  ])('are refused to one that is %s', (_, more, code) => {
    const plan = resize(actual('web', 101, more), { change: { memoryMiB: 2048 }, until });
    expect(refusedBy(plan)).toEqual([code]);
  });

  test('of many are told when the node has not that much', () => {
    const containers = [101, 102].map((vmid) => actual(`ct${vmid}`, vmid));
    const nodes = [{ node: 'pve1', online: true, memoryBytes: 0, maxMemoryBytes: 2048 * MiB }];
    const snapshot = snapshotOf(containers, { nodes });
    const plan = planResizes(containers, { change: { memoryMiB: 2048 }, until }, policyOf(), snapshot);
    expect(plan.notices.map(({ code }) => code)).toEqual(['MEMORY_OVERCOMMIT']);
  });
});

describe('the end of a boost', () => {
  test('brings back what was before', () => {
    const plan = resize(boosted(), { endBoost: true });
    expect(paramsOf(plan)).toEqual({
      node: 'pve1',
      vmid: 101,
      memory: 512,
      swap: 0,
      tags: 'mine',
      delete: 'description',
      digest: 'digest-101',
    });
  });

  test('brings what the file says by now', () => {
    const wish = desired('web', { compute: { memoryMiB: 1024, swapMiB: 0 } });
    const end = endOfBoost(boosted(), 'web', { desired: wish });
    expect(end).toMatchObject({ config: { memoryMiB: 1024 } });
  });

  test('waits while the memory is in use, and warns whoever does it by hand', () => {
    const busy = boosted({ usage: { memoryBytes: 900 * MiB } });
    const waiting = endOfBoost(busy, 'web', { whileFree: true });
    expect(waiting).toMatchObject({ notice: { code: 'BOOST_IN_USE', severity: 'warning' } });
    const byHand = resize(busy, { endBoost: true });
    expect(idsOf(byHand)).toEqual(['web/configure:live']);
    expect(byHand.notices).toMatchObject([{ code: 'MEMORY_BELOW_USAGE' }]);
  });

  test('of a stopped container does not wait', () => {
    const stopped = boosted({ status: 'stopped', usage: { memoryBytes: 900 * MiB } });
    expect(endOfBoost(stopped, 'web', { whileFree: true })).toHaveProperty('config');
  });

  test('does nothing where there is none, or none that can be read', () => {
    for (const container of [
      actual('web', 101),
      boosted({ config: { description: line('memory:lots@2026-11-23T16:00:00Z') } }),
    ]) {
      const plan = resize(container, { endBoost: true });
      expect(plan).toMatchObject({ actions: [], notices: [{ code: 'NOTHING_TO_DO' }] });
    }
  });
});

describe('the file of a boosted container', () => {
  const wish = desired('web', { compute: { cores: 1, memoryMiB: 512, swapMiB: 0 } });
  const specDigest = specDigestOf(wish);
  const record = 'memory:512,swap:0@2026-11-23T16:00:00Z';
  const owned = actual('web', 101, {
    config: { memory: 2048, tags: 'boosted' },
    owner: { node: 'pve1', specDigest, boost: record },
  });
  const snapshot = snapshotOf([owned]);
  const file = fleetOf([wish]);

  test('does not undo the boost before its end, and says so', () => {
    const plan = planFleet(file, snapshot, policyOf({ now: until - 1 }));
    expect(plan).toMatchObject({ actions: [], refusals: [], notices: [{ code: 'BOOSTED' }] });
    expect(verifyFleet(file, snapshot, until - 1)).toMatchObject({
      converged: true,
      containers: [{ key: 'web', state: 'applied', boostedUntil: '2026-11-23T16:00:00Z' }],
    });
  });

  test('changes everything else meanwhile, and keeps the record', () => {
    const other = fleetOf([{ ...wish, options: { onboot: true }, compute: { cores: 2, memoryMiB: 256 } }]);
    const plan = planFleet(other, snapshot, policyOf({ now: until - 1 }));
    const { params } = actionOf(plan, 'web/configure:live').request;
    expect(params).toMatchObject({ cores: 2, onboot: true });
    expect(params).not.toHaveProperty('memory');
    expect(String(params['description'])).toContain(encodeURIComponent(record));
    expect(params).not.toHaveProperty('tags');
  });

  test('ends the boost when its time is over and nobody else has done it', () => {
    const plan = planFleet(file, snapshot, policyOf({ now: until }));
    const { params } = actionOf(plan, 'web/configure:live').request;
    expect(params).toMatchObject({ memory: 512, tags: 'pvefleet' });
    expect(String(params['description'])).not.toContain('boost');
    expect(verifyFleet(file, snapshot, until).converged).toBe(false);
  });

  test('that does not manage the limits lets them go back to what they were', () => {
    const plan = planFleet(fleetOf([{ ...wish, compute: {} }]), snapshot, policyOf({ now: until }));
    expect(actionOf(plan, 'web/configure:live').request.params).toMatchObject({ memory: 512, swap: 0 });
  });
});

test('what is written can be read', () => {
  const until = Date.UTC(2026, 0, 1, 12, 30);
  const plan = planResizes(
    [actual('web', 101)],
    { change: { cpuLimit: 1.5, memoryMiB: 1024 }, until },
    policyOf(),
  );
  const sent = String(plan.actions[0]?.request.params['description']);
  const after = actual('web', 101, { config: { description: sent } });
  expect(boostOf(after)).toEqual({ until, former: { memoryMiB: 512, cpuLimit: null } });
});

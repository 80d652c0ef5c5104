import { describe, expect, test } from 'vitest';
import type { ClusterSnapshot } from '../../../src/domain/actual.ts';
import type { DesiredContainer, DesiredPlacement } from '../../../src/domain/desired.ts';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import { placeFleet } from '../../../src/domain/placement.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import {
  actual,
  debian,
  desired,
  fleetOf,
  machine,
  policyOf,
  snapshotOf,
  storage,
  stored,
} from '../../support/builders.ts';

const auto = (key: string, placement: Partial<DesiredPlacement> = {}, more: Partial<DesiredContainer> = {}) =>
  desired(key, { node: 'auto', placement: { strategy: 'spread', ...placement }, ...more });
const nodes = (...gib: readonly number[]): ClusterSnapshot['nodes'] =>
  gib.map((size, index) => ({
    node: `pve${index + 1}`,
    online: true,
    maxMemoryBytes: size * GiB,
    memoryBytes: 0,
  }));
const cluster = (
  more: Parameters<typeof snapshotOf>[1] = {},
  containers: Parameters<typeof snapshotOf>[0] = [],
) => snapshotOf(containers, { nodes: nodes(16, 16, 16), storages: [], ...more });
const placedOn = (containers: readonly DesiredContainer[], snapshot: ClusterSnapshot, more = {}) =>
  Object.fromEntries(
    placeFleet(fleetOf(containers, more), snapshot).fleet.containers.map(({ key, node }) => [key, node]),
  );
const gib = (memoryGiB: number) => ({ compute: { memoryMiB: memoryGiB * 1024, swapMiB: 0 } });

describe('strategies', () => {
  test('spread goes round the nodes', () => {
    expect(
      placedOn(
        ['a', 'b', 'c', 'd'].map((key) => auto(key)),
        cluster(),
      ),
    ).toEqual({
      a: 'pve1',
      b: 'pve2',
      c: 'pve3',
      d: 'pve1',
    });
  });

  test('spread looks at what is promised and used, relative to the size of the node', () => {
    const others = [machine(900, { usage: { maxMemoryBytes: 8 * GiB } })];
    const small = nodes(16, 4, 16).map((one) =>
      one.node === 'pve3' ? { ...one, memoryBytes: 6 * GiB } : one,
    );
    expect(
      placedOn(
        [auto('a', {}, gib(1)), auto('b', {}, gib(1)), auto('c', {}, gib(1))],
        cluster({ nodes: small, others }),
      ),
    ).toEqual({
      a: 'pve2',
      b: 'pve3',
      c: 'pve2',
    });
  });

  test('pack fills one node after the other', () => {
    const containers = ['a', 'b', 'c', 'd', 'e'].map((key) => auto(key, { strategy: 'pack' }, gib(6)));
    expect(placedOn(containers, cluster())).toEqual({
      a: 'pve1',
      b: 'pve1',
      c: 'pve2',
      d: 'pve2',
      e: 'pve3',
    });
  });

  test('an overcommit of the file makes more room', () => {
    const containers = ['a', 'b', 'c'].map((key) => auto(key, { strategy: 'pack' }, gib(6)));
    expect(placedOn(containers, cluster(), { capacity: { memoryOvercommit: 1.5 } })).toEqual({
      a: 'pve1',
      b: 'pve1',
      c: 'pve1',
    });
  });

  test('large ones come first', () => {
    const containers = [auto('a', {}, gib(2)), auto('b', {}, gib(12)), auto('c', {}, gib(10))];
    expect(placedOn(containers, cluster({ nodes: nodes(16, 12) }))).toEqual({
      b: 'pve1',
      c: 'pve2',
      a: 'pve1',
    });
  });
});

describe('what a node must have', () => {
  test('it is online and a candidate', () => {
    const down = nodes(16, 16, 16).map((one) => ({ ...one, online: one.node !== 'pve1' }));
    expect(placedOn([auto('a'), auto('b', { nodes: ['pve1', 'pve3'] })], cluster({ nodes: down }))).toEqual({
      a: 'pve2',
      b: 'pve3',
    });
  });

  test('the storages and bridges', () => {
    const storages = ['pve1', 'pve2', 'pve3'].flatMap((node) => [
      storage('local', node, { content: ['vztmpl'] }),
      ...(node === 'pve1' ? [] : [storage('local-lvm', node, { content: ['rootdir'] })]),
    ]);
    const bridges = new Map([
      ['pve2', ['vmbr0']],
      ['pve3', ['vmbr0', 'vmbr7']],
    ]);
    const net = { nets: { eth0: { bridge: 'vmbr7' } } };
    expect(placedOn([auto('a'), auto('b', {}, net)], cluster({ storages, bridges }))).toEqual({
      a: 'pve2',
      b: 'pve3',
    });
  });

  test('a bridge that no node shows says nothing', () => {
    const bridges = new Map([
      ['pve1', []],
      ['pve2', []],
    ]);
    expect(placedOn([auto('a', {}, { nets: { eth0: { bridge: 'vmbr0' } } })], cluster({ bridges }))).toEqual({
      a: 'pve1',
    });
  });

  test('free space, before all else', () => {
    const storages = ['pve1', 'pve2', 'pve3'].map((node, index) =>
      storage('local-lvm', node, { content: ['rootdir'], totalBytes: (index + 1) * 8 * GiB, usedBytes: 0 }),
    );
    expect(
      placedOn(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => auto(key)),
        cluster({ storages }),
      ),
    ).toEqual({
      a: 'pve1',
      b: 'pve2',
      c: 'pve3',
      d: 'pve2',
      e: 'pve3',
      f: 'pve3',
    });
  });

  test('no node will do: refused with the reasons, and the others are planned', () => {
    const storages = ['pve1', 'pve2'].flatMap((node) => [
      storage('local', node, { content: ['vztmpl'] }),
      storage('local-lvm', node, { content: ['rootdir'] }),
    ]);
    const snapshot = snapshotOf([], { nodes: nodes(16, 16), storages, templates: [stored(debian)] });
    const plan = planFleet(
      fleetOf([
        auto('a', { nodes: ['pve2', 'pve9'] }, { rootfs: { storage: 'fast', sizeBytes: GiB } }),
        auto('b'),
      ]),
      snapshot,
      policyOf(),
    );
    expect(plan.refusals).toMatchObject([
      {
        key: 'a',
        code: 'PLACEMENT_IMPOSSIBLE',
        message: 'a: no node can take it (pve2: no storage fast for containers; pve9: unknown or offline)',
      },
    ]);
    expect(plan.actions.map(({ id, target }) => `${id} ${target.node}`)).toEqual([
      'b/create pve1',
      'b/start pve1',
    ]);
  });
});

describe('groups', () => {
  test('members are kept apart as far as there are nodes, and more are told', () => {
    const containers = ['a', 'b', 'c', 'd'].map((key) =>
      auto(key, { strategy: 'pack', antiAffinity: ['db'] }, gib(1)),
    );
    expect(placedOn(containers, cluster())).toEqual({ a: 'pve1', b: 'pve2', c: 'pve3', d: 'pve1' });
    expect(placeFleet(fleetOf(containers), cluster()).notices).toMatchObject([
      { code: 'ANTI_AFFINITY', message: 'members of db share nodes: 2 on pve1' },
    ]);
  });

  test('members that exist count', () => {
    const there = actual('a', 101, { node: 'pve1', owner: {} });
    const pair = [auto('a', { antiAffinity: ['db'] }), auto('b', { strategy: 'pack', antiAffinity: ['db'] })];
    expect(placedOn(pair, cluster({}, [there]))).toEqual({ a: 'pve1', b: 'pve2' });
  });
});

test('a container that exists stays, and its node is no difference', () => {
  const there = actual('a', 101, { node: 'pve2', owner: {} });
  const file = fleetOf([auto('a')]);
  const snapshot = snapshotOf([there]);
  const plan = planFleet(file, snapshot, policyOf());
  expect(plan.actions).toEqual([]);
  expect(plan.notices).toEqual([]);
  const [placed] = placeFleet(file, snapshot).fleet.containers;
  expect(placed?.node).toBe('pve2');
  // the owner's line does not change with the node
  expect(specDigestOf(placed as DesiredContainer)).toBe(specDigestOf(auto('a')));
});

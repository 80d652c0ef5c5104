/** Placement: deterministic, never beyond what is there while there is room, and nothing that exists is moved. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ActualContainer, ClusterSnapshot } from '../../../src/domain/actual.ts';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { placeFleet } from '../../../src/domain/placement.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import {
  actual,
  debian,
  desired,
  fleetOf,
  policyOf,
  snapshotOf,
  storage,
  stored,
} from '../../support/builders.ts';

const strategy = fc.constantFrom('spread' as const, 'pack' as const);
const names = ['pve1', 'pve2', 'pve3', 'pve4'];

interface Case {
  readonly containers: readonly DesiredContainer[];
  readonly existing: readonly ActualContainer[];
  readonly snapshot: ClusterSnapshot;
}

function cases(memoryGiB: fc.Arbitrary<number>): fc.Arbitrary<Case> {
  const member = fc.record({
    memory: memoryGiB,
    strategy,
    nodes: fc.option(fc.subarray(names, { minLength: 1 }), { nil: undefined }),
    group: fc.option(fc.constantFrom('red', 'blue'), { nil: undefined }),
    on: fc.option(fc.constantFrom(...names), { nil: undefined, freq: 3 }),
  });
  return fc
    .record({
      members: fc.array(member, { minLength: 1, maxLength: 14 }),
      nodes: fc.array(
        fc.record({ memory: fc.integer({ min: 1, max: 24 }), free: fc.integer({ min: 0, max: 60 }) }),
        {
          minLength: 4,
          maxLength: 4,
        },
      ),
    })
    .map(({ members, nodes }) => {
      const containers = members.map(({ memory, strategy: how, nodes: only, group }, index) =>
        desired(`ct${index}`, {
          node: 'auto',
          placement: {
            strategy: how,
            ...(only ? { nodes: only } : {}),
            ...(group === undefined ? {} : { antiAffinity: [group] }),
          },
          compute: { memoryMiB: memory * 1024, swapMiB: 0, cores: 1 },
        }),
      );
      const existing = members.flatMap(({ memory, on }, index) =>
        on === undefined
          ? []
          : [
              actual(`ct${index}`, 150 + index, {
                node: on,
                owner: {},
                config: { memory: memory * 1024 },
                usage: { maxMemoryBytes: memory * GiB },
              }),
            ],
      );
      const snapshot = snapshotOf(existing, {
        nodes: nodes.map(({ memory }, index) => ({
          node: names[index] as string,
          online: true,
          maxMemoryBytes: memory * GiB,
          memoryBytes: 0,
        })),
        storages: nodes.flatMap(({ free }, index) => [
          storage('local', names[index] as string, { content: ['vztmpl'] }),
          storage('local-lvm', names[index] as string, {
            type: 'lvm',
            content: ['rootdir'],
            totalBytes: free * GiB + 1,
            usedBytes: 0,
          }),
        ]),
      });
      return { containers, existing, snapshot };
    });
}

const placed = ({ containers, snapshot }: Case) =>
  Object.fromEntries(
    placeFleet(fleetOf(containers), snapshot).fleet.containers.map(({ key, node }) => [key, node]),
  );
const shuffle = <T>(items: readonly T[], seed: number): T[] =>
  items
    .map((item, index) => ({ item, at: Math.sin((index + 1) * (seed + 1)) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);

test('the order of file and cluster does not matter', () => {
  fc.assert(
    fc.property(cases(fc.integer({ min: 1, max: 8 })), fc.nat(50), (one, seed) => {
      const { snapshot } = one;
      const mixed: ClusterSnapshot = {
        ...snapshot,
        nodes: shuffle(snapshot.nodes, seed),
        storages: shuffle(snapshot.storages, seed),
        guests: shuffle(snapshot.guests, seed),
      };
      expect(placed({ ...one, containers: shuffle(one.containers, seed), snapshot: mixed })).toEqual(
        placed(one),
      );
    }),
    { numRuns: 200, seed: 5 },
  );
});

test('what exists is never moved, and candidates are kept to', () => {
  fc.assert(
    fc.property(cases(fc.integer({ min: 1, max: 8 })), (one) => {
      const nodes = placed(one);
      const there = new Map(one.existing.map(({ name, node }) => [name, node]));
      for (const { key, placement } of one.containers) {
        if (there.has(key)) expect(nodes[key]).toBe(there.get(key));
        else expect(placement?.nodes ?? names).toContain(nodes[key]);
      }
      const { actions } = planFleet(fleetOf(one.containers), one.snapshot, policyOf());
      for (const { target } of actions) expect(target.node).toBe(nodes[target.key]);
    }),
    { numRuns: 200, seed: 6 },
  );
});

test('with containers of one size and all nodes open, nothing is beyond memory or space while there is room', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), cases(fc.constant(1)), strategy, (size, one, how) => {
      const containers = one.containers.map((desiredOne) => ({
        ...desiredOne,
        placement: { strategy: how },
        compute: { memoryMiB: size * 1024, swapMiB: 0 },
      }));
      const snapshot = { ...one.snapshot, guests: [], containers: new Map<number, never>() };
      const slots = snapshot.nodes.reduce((sum, { node, maxMemoryBytes = 0 }) => {
        const { totalBytes = 0 } =
          snapshot.storages.find((it) => it.node === node && it.storage === 'local-lvm') ?? {};
        return sum + Math.min(Math.floor(maxMemoryBytes / (size * GiB)), Math.floor(totalBytes / (8 * GiB)));
      }, 0);
      const templates = names.map((node) => stored(debian, { node }));
      const plan = planFleet(fleetOf(containers), { ...snapshot, templates }, policyOf());
      const codes = [...plan.refusals, ...plan.notices].map(({ code }) => code);
      const isWithin = !codes.some((code) => code === 'CAPACITY' || code === 'MEMORY_OVERCOMMIT');
      expect(isWithin).toBe(containers.length <= slots);
    }),
    { numRuns: 300, seed: 7 },
  );
});

/** The small parts: order, cycles, ids, drift, risk, filters, spellings. */
import { describe, expect, test } from 'vitest';
import { classifyDrift, nameSome, reasonFor } from '../../../src/domain/drift.ts';
import { findCycle, orderActions } from '../../../src/domain/order.ts';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import type { Action } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { keyFilter } from '../../../src/domain/scope.ts';
import {
  isSizeReached,
  plainPath,
  readVolume,
  spellBytes,
  spellNewVolume,
} from '../../../src/domain/spelling.ts';
import { allocateVmids } from '../../../src/domain/vmid.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { digestOf } from '../../../src/util/canonical-json.ts';
import { desired, fleetOf, policyOf, snapshotOf } from '../../support/builders.ts';

const action = (
  id: string,
  dependsOn: string[] = [],
  kind: Action['kind'] = 'container.start',
  node = 'pve1',
): Action => ({
  id,
  kind,
  target: { key: id, node },
  request: { method: 'POST', path: '/', params: {} },
  completes: 'task',
  changes: [],
  risk: 'safe',
  reason: '',
  precondition: { kind: 'none' },
  dependsOn,
});

describe('order', () => {
  const ids = (actions: readonly Action[]): string[] => orderActions(actions).map(({ id }) => id);

  test('dependencies first, then kind, node and key', () => {
    expect(
      ids([
        action('b10'),
        action('b2'),
        action('z', [], 'container.create'),
        action('c', [], 'container.start', 'pve0'),
        action('a', ['b10']),
        action('d', [], 'template.download'),
      ]),
    ).toEqual(['d', 'z', 'c', 'b2', 'b10', 'a']);
  });

  test('is the same for every order of the input', () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      action(`n${i}`, i % 3 === 0 && i > 0 ? [`n${i - 1}`, `n${i - 2}`] : []),
    );
    expect(ids([...many].reverse())).toEqual(ids(many));
    expect(ids(many)).toHaveLength(40);
  });

  test.each<[string, Action[], string]>([
    ['a circle', [action('a', ['b']), action('b', ['a'])], 'circle'],
    ['an unknown dependency', [action('a', ['b'])], 'not in the plan'],
    ['the same id twice', [action('a'), action('a')], 'same id'],
  ])('%s is a bug', (_, actions, message) => {
    expect(() => orderActions(actions)).toThrow(message);
  });

  test('nothing', () => {
    expect(orderActions([])).toEqual([]);
  });
});

test.each<[Record<string, string[]>, string[] | undefined]>([
  [{ a: ['b'], b: ['c'], c: [] }, undefined],
  [{ a: ['b'], b: ['c'], c: ['b'] }, ['b', 'c']],
  [{ a: ['a'] }, ['a']],
  [{ a: ['x'] }, undefined],
  [{ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, undefined],
  [{}, undefined],
])('circle in %j: %j', (edges, want) => {
  expect(findCycle(new Map(Object.entries(edges)))).toEqual(want);
});

test('ids go to new containers only; those with a fixed one keep it', () => {
  const fleet = fleetOf([desired('a'), desired('b', { vmid: 100 }), desired('c')], {
    vmids: { from: 100, to: 101 },
  });
  expect([...allocateVmids(fleet, fleet.containers, [])]).toEqual([
    ['a', 101],
    ['b', 100],
  ]);
});

describe('drift', () => {
  const facts = { recorded: 'x', wanted: 'x', differing: 0, pending: 0 };
  test.each([
    [facts, []],
    [{ ...facts, differing: 1 }, ['drifted']],
    [{ ...facts, differing: 1, wanted: 'y' }, ['spec-changed']],
    [{ ...facts, pending: 1 }, ['awaiting-restart']],
    [{ ...facts, differing: 1, pending: 1 }, ['drifted', 'awaiting-restart']],
    [{ ...facts, wanted: 'y' }, []],
  ])('%j', (given, want) => {
    expect(classifyDrift(given)).toEqual(want);
  });

  test('reasons', () => {
    expect(reasonFor(['a'], { ...facts, recorded: undefined, differing: 1 })).toBe('a: taken over');
    expect(reasonFor(['a', 'b'], { ...facts, differing: 2 })).toBe('a and b: changed by somebody');
  });

  test.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b', 'c', 'd'], 'a, b, c and d'],
    [['a', 'b', 'c', 'd', 'e'], 'a, b, c and 2 more'],
  ])('names %j', (names, want) => {
    expect(nameSome(names)).toBe(want);
  });
});

test.each<[string[], string[], string, boolean]>([
  [[], [], 'web', true],
  [['web*'], [], 'web1', true],
  [['web*'], [], 'db', false],
  [['web*'], ['*2'], 'web2', false],
  [[], ['db'], 'db', false],
])('target %j exclude %j: %s %s', (target, exclude, key, want) => {
  expect(keyFilter({ target, exclude })(key)).toBe(want);
});

describe('spelling', () => {
  test.each([
    ['local-lvm:8', { storage: 'local-lvm', newBytes: 8 * GiB }],
    ['local-lvm:0.5', { storage: 'local-lvm', newBytes: GiB / 2 }],
    ['local-lvm:vm-101-disk-0', { storage: 'local-lvm' }],
    ['local:101/vm-101-disk-0.raw', { storage: 'local' }],
    ['/srv/a:1', {}],
    ['8', {}],
  ])('volume %s', (volume, want) => {
    expect(readVolume(volume)).toEqual(want);
  });

  test('sizes', () => {
    expect([spellBytes(0), spellBytes(512 * MiB), spellBytes(1.5 * GiB)]).toEqual([
      '0MiB',
      '512MiB',
      '1.5GiB',
    ]);
    expect(spellNewVolume('a', 100 * MiB)).toBe('a:0.09765625');
    expect([
      isSizeReached(GiB, GiB),
      isSizeReached(GiB + 3 * MiB, GiB),
      isSizeReached(GiB + 4 * MiB, GiB),
      isSizeReached(GiB - 1, GiB),
    ]).toEqual([true, true, false, false]);
  });

  test.each([
    ['/a//b/', '/a/b'],
    ['/', '/'],
    ['/data', '/data'],
  ])('path %s', (path, want) => {
    expect(plainPath(path)).toBe(want);
  });
});

test('the digest of a container does not depend on its place in the file and on its vmid', () => {
  const place = { file: 'a', line: 1, column: 1, endLine: 2, endColumn: 1 };
  const one = desired('web');
  expect(specDigestOf({ ...one, vmid: 105, origin: place })).toBe(specDigestOf(one));
  expect(specDigestOf({ ...one, hostname: 'x' })).not.toBe(specDigestOf(one));
});

test('what only says how to create or change a container does not change its digest', () => {
  const one = desired('web', { adopt: true, restart: 'always', template: 'alpine', dependsOn: ['db'] });
  expect(specDigestOf(one)).toBe(specDigestOf(desired('web')));
});

test('the id of a plan is the digest of everything else', () => {
  const { id, ...rest } = planFleet(fleetOf([desired('web')]), snapshotOf(), policyOf());
  expect(id).toBe(digestOf(rest));
});

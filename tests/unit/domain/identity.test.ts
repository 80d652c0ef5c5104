/** Which container is meant, and which may not be touched. */
import { describe, expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import { planDestroy, planFleet } from '../../../src/domain/plan-fleet.ts';
import { containersToRead } from '../../../src/domain/scope.ts';
import {
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  machine,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';

const fixed = fleetOf([desired('web', { vmid: 101 })]);
const auto = fleetOf([desired('web')]);

describe('an owned container', () => {
  test('is found by its line, wherever it is and whatever its name', () => {
    const plan = planFleet(
      auto,
      snapshotOf([actual('renamed', 150, { owner: { key: 'web', node: 'pve1' }, node: 'pve2' })]),
      policyOf(),
    );
    expect(actionOf(plan, 'web/configure:live')).toMatchObject({
      target: { key: 'web', vmid: 150, node: 'pve2' },
      request: { params: { node: 'pve2', vmid: 150, hostname: 'web' } },
    });
    expect(plan.notices).toMatchObject([{ code: 'NODE_DIFFERS', severity: 'info' }]);
  });

  test('keeps its line when only the digest differs', () => {
    const plan = planFleet(
      auto,
      snapshotOf([actual('web', 150, { owner: { specDigest: 'ff' } })]),
      policyOf(),
    );
    expect(plan).toMatchObject({ actions: [], inSync: ['web'] });
  });

  test('has its line renewed along with another change', () => {
    const owned = actual('web', 150, {
      owner: { specDigest: 'ff' },
      config: { memory: 256, description: 'mine' },
    });
    const { request, reason, changes } = actionOf(
      planFleet(auto, snapshotOf([owned]), policyOf()),
      'web/configure:live',
    );
    const { text, ownership } = splitDescription(String(request.params['description']));
    expect(text).toBe('mine');
    expect(ownership?.specDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(reason).toBe('memory: changed in the file');
    expect(changes.map(({ field }) => field)).toEqual(['memory']);
  });

  test('gets a lost tag back', () => {
    const owned = actual('web', 150, { owner: {} });
    const untagged = { ...owned, live: { ...owned.live, tags: [] }, next: { ...owned.next, tags: [] } };
    const action = actionOf(planFleet(auto, snapshotOf([untagged]), policyOf()), 'web/configure:live');
    expect(action.changes).toMatchObject([{ field: 'ownership', to: 'lab/web' }]);
    expect(action.request.params['tags']).toBe('pvefleet');
  });

  test('whose values were changed by somebody is called drifted', () => {
    const first = planFleet(auto, snapshotOf(), policyOf());
    const line = String(actionOf(first, 'web/create').request.params['description']);
    const specDigest = splitDescription(line).ownership?.specDigest ?? '';
    const drifted = actual('web', 100, { owner: { specDigest }, config: { memory: 256, cores: 3 } });
    const plan = planFleet(auto, snapshotOf([drifted]), policyOf());
    expect(actionOf(plan, 'web/configure:live').reason).toBe('memory and cores: changed by somebody');
  });

  test('may get another key in the file when its vmid is fixed', () => {
    const plan = planFleet(
      fixed,
      snapshotOf([actual('old', 101, { owner: {} })]),
      policyOf({ maxDestroy: 9 }),
    );
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.actions[0]?.changes).toMatchObject([
      { field: 'ownership', from: 'lab/old', to: 'lab/web' },
      { field: 'hostname' },
    ]);
  });
});

describe('refusals', () => {
  test.each([
    ['a virtual machine has the vmid', snapshotOf([], { others: [machine(101)] }), 'VMID_TAKEN'],
    ['a container of nobody', snapshotOf([actual('web', 101)]), 'FOREIGN_CONTAINER'],
    [
      'a container of another fleet',
      snapshotOf([actual('web', 101, { owner: { fleet: 'other' } })]),
      'FOREIGN_CONTAINER',
    ],
    [
      'a container that is being created',
      snapshotOf([actual('web', 101, { lock: 'create' })]),
      'CONTAINER_LOCKED',
    ],
    [
      'a container that cannot be read',
      snapshotOf([], { others: [machine(101, { type: 'lxc', name: 'web' })] }),
      'CONTAINER_UNREADABLE',
    ],
    ['it exists with another vmid', snapshotOf([actual('web', 107, { owner: {} })]), 'VMID_CHANGED'],
  ])('%s', (_, snapshot, code) => {
    const plan = planFleet(fixed, snapshot, policyOf());
    expect(refusedBy(plan)).toEqual([code]);
    expect(plan.refusals[0]).toMatchObject({ key: 'web' });
    expect(plan.refusals[0]).not.toHaveProperty('needs');
    expect(plan.refusals[0]?.hint).toBeTruthy();
    expect(plan.actions).toEqual([]);
  });

  test('the vmid belongs to another container of the file', () => {
    const fleet = fleetOf([desired('web', { vmid: 101 }), desired('db')]);
    const plan = planFleet(fleet, snapshotOf([actual('db', 101, { owner: {} })]), policyOf());
    expect(plan.refusals).toMatchObject([{ key: 'web', code: 'VMID_TAKEN' }]);
  });

  test('a tagged container that cannot be read may be the one: no second one is made', () => {
    const hidden = machine(120, { type: 'lxc', name: 'web', tags: ['pvefleet'], node: 'pve2' });
    expect(refusedBy(planFleet(auto, snapshotOf([], { others: [hidden] }), policyOf()))).toEqual([
      'CONTAINER_UNREADABLE',
    ]);
  });

  test.each<[string, Parameters<typeof machine>[1], { ownTag?: 'unknown' }, string[]]>([
    ['tagged', { tags: ['pvefleet'] }, {}, ['CONTAINER_UNREADABLE']],
    ['without a tag, where all that are owned have it', {}, {}, []],
    ['without a tag, where that tells nothing', {}, { ownTag: 'unknown' }, ['CONTAINER_UNREADABLE']],
  ])('an unreadable container whose name is forgotten: %s', (_, more, cluster, codes) => {
    const { name: _name, ...hidden } = machine(120, { type: 'lxc', node: 'pve2', ...more });
    const { name: _other, ...far } = machine(9999, { type: 'lxc', node: 'pve2', ...more });
    const plan = planFleet(auto, { ...snapshotOf([], { others: [hidden] }), ...cluster }, policyOf());
    expect(refusedBy(plan)).toEqual(codes);
    const outside = planFleet(auto, { ...snapshotOf([], { others: [far] }), ...cluster }, policyOf());
    expect(refusedBy(outside)).toEqual([]);
  });

  test('keys and vmids that stand twice', () => {
    const twice = fleetOf([
      desired('a', { vmid: 101 }),
      desired('a', { vmid: 102 }),
      desired('b', { vmid: 101 }),
    ]);
    expect(refusedBy(planFleet(twice, snapshotOf(), policyOf()))).toEqual([
      'KEY_DUPLICATE',
      'VMID_DUPLICATE',
    ]);
  });

  test('two containers that say they are the same one', () => {
    const copies = snapshotOf([
      actual('web', 110, { owner: {} }),
      actual('copy', 111, { owner: { key: 'web' } }),
    ]);
    const all = policyOf({ allow: { destroy: true }, maxDestroy: 9 });
    expect(planFleet(auto, copies, all)).toMatchObject({
      actions: [],
      refusals: [{ code: 'OWNERSHIP_AMBIGUOUS' }],
    });
    expect(planFleet(fleetOf([]), copies, all)).toMatchObject({
      actions: [],
      refusals: [{ code: 'OWNERSHIP_AMBIGUOUS' }],
    });
    expect(planDestroy('lab', copies, all)).toMatchObject({
      actions: [],
      refusals: [{ code: 'OWNERSHIP_AMBIGUOUS' }],
    });
  });

  test('with a fixed vmid the copy is known and left alone', () => {
    const copies = snapshotOf([
      actual('web', 101, { owner: {} }),
      actual('copy', 111, { owner: { key: 'web' } }),
    ]);
    const plan = planFleet(fixed, copies, policyOf());
    expect(plan).toMatchObject({ actions: [], refusals: [], inSync: ['web'] });
    expect(plan.notices).toMatchObject([{ code: 'OWNERSHIP_COPIED' }]);
  });
});

describe('adoption', () => {
  const adopting = fleetOf([desired('web', { vmid: 101, adopt: true })]);

  test('writes line and tag, and nothing else where nothing else differs', () => {
    const found = actual('web', 101, {
      config: { tags: 'mine', description: 'my notes', net0: 'name=eth0,bridge=vmbr0' },
    });
    const plan = planFleet(adopting, snapshotOf([found]), policyOf());
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    const { request, changes, reason } = actionOf(plan, 'web/configure:live');
    expect(Object.keys(request.params).sort()).toEqual(['description', 'digest', 'node', 'tags', 'vmid']);
    expect(request.params).toMatchObject({ tags: 'mine;pvefleet', digest: 'digest-101' });
    expect(request.params['description']).toMatch(/^my notes\n<!-- pvefleet fleet=lab key=web /);
    expect(changes).toEqual([{ field: 'ownership', from: null, to: 'lab/web', effect: 'live' }]);
    expect(reason).toBe('ownership: taken over');
  });

  test('does not take what belongs to another fleet', () => {
    const plan = planFleet(
      adopting,
      snapshotOf([actual('web', 101, { owner: { fleet: 'other' } })]),
      policyOf(),
    );
    expect(refusedBy(plan)).toEqual(['FOREIGN_CONTAINER']);
  });

  test('never destroys what it takes over', () => {
    const found = actual('web', 101, { config: { unprivileged: 0 } });
    const plan = planFleet(
      adopting,
      snapshotOf([found]),
      policyOf({ allow: { recreate: true }, maxDestroy: 9 }),
    );
    expect(refusedBy(plan)).toContain('ADOPT_RECREATE');
  });

  test('creates it when there is none', () => {
    expect(idsOf(planFleet(adopting, snapshotOf(), policyOf()))).toEqual(['web/create', 'web/start']);
  });
});

test('a name that is in use is mentioned', () => {
  const plan = planFleet(auto, snapshotOf([actual('web', 180)]), policyOf());
  expect(plan.notices).toMatchObject([{ code: 'NAME_IN_USE' }]);
  expect(idsOf(plan)).toEqual(['web/create', 'web/start']);
});

test('containers to read: by tag, vmid and name; never machines', () => {
  const { guests } = snapshotOf(
    [actual('x', 140, { tags: ['pvefleet'] }), actual('web', 130), actual('y', 101), actual('z', 102)],
    { others: [machine(103, { tags: ['pvefleet'], name: 'web' })] },
  );
  expect(containersToRead(fixed, guests)).toEqual([101, 130, 140]);
});

describe('tags of the datacenter', () => {
  const fleet = fleetOf([desired('web', { options: { tags: ['Zeta', 'alpha'] } })]);
  const tagsOf = (tagStyle: { caseSensitive: boolean; keepOrder: boolean }): unknown =>
    actionOf(planFleet(fleet, snapshotOf([], { tagStyle }), policyOf()), 'web/create').request.params['tags'];

  test.each([
    [false, false, 'alpha;pvefleet;zeta'],
    [true, false, 'Zeta;alpha;pvefleet'],
    [false, true, 'zeta;alpha;pvefleet'],
  ])('case-sensitive %s, own order %s', (caseSensitive, keepOrder, want) => {
    expect(tagsOf({ caseSensitive, keepOrder })).toBe(want);
  });
});

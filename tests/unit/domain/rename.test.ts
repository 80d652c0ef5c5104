/** Keys that were renamed in the file: with the word for it, and without. */
import { describe, expect, test } from 'vitest';
import { verifyFleet } from '../../../src/domain/converge.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
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

const old = actual('old', 150, { owner: {} });
const renamed = desired('new', { renamedFrom: 'old' });
const codes = (plan: { readonly notices: readonly { code: string }[] }): string[] =>
  plan.notices.map(({ code }) => code);

describe('renamedFrom', () => {
  test('takes the container over, live, and destroys and creates nothing', () => {
    const plan = planFleet(fleetOf([renamed]), snapshotOf([old]), policyOf());
    expect(idsOf(plan)).toEqual(['new/configure:live']);
    expect(actionOf(plan, 'new/configure:live')).toMatchObject({
      target: { key: 'new', vmid: 150 },
      request: { params: { hostname: 'new', description: expect.stringContaining('key=new') as string } },
      reason: 'ownership and hostname: renamed from old',
      changes: [
        { field: 'ownership', from: 'lab/old', to: 'lab/new', effect: 'live' },
        { field: 'hostname', from: 'old', to: 'new', effect: 'live' },
      ],
    });
    expect(plan.refusals).toEqual([]);
    expect(plan.notices).toMatchObject([
      { code: 'RENAMED', hint: 'remove renamedFrom: old after the apply' },
    ]);
  });

  test('is found under its old host name without its tag, too', () => {
    const { tags: _tags, ...rest } = old;
    const guests = [{ ...rest, tags: [] }];
    expect(containersToRead(fleetOf([renamed]), guests)).toEqual([150]);
  });

  test.each([
    ['nothing is left to do', actual('new', 150, { owner: { key: 'new' } }), [], 'RENAME_DONE'],
    ['there is no such container', undefined, ['new/create', 'new/start'], 'RENAME_NOTHING'],
  ])('%s: that is said', (_, found, ids, code) => {
    const plan = planFleet(fleetOf([renamed]), snapshotOf(found ? [found] : []), policyOf());
    expect(idsOf(plan)).toEqual(ids);
    expect(codes(plan)).toEqual([code]);
  });

  test('the new one wins where both are there; the old one has left the file', () => {
    const plan = planFleet(
      fleetOf([renamed]),
      snapshotOf([old, actual('new', 151, { owner: { key: 'new' } })]),
      policyOf(),
    );
    expect(refusedBy(plan)).toEqual(['DESTROY_NOT_ALLOWED']);
    expect(plan.refusals[0]).toMatchObject({ key: 'old', vmid: 150 });
  });

  test.each([
    ['its old key is in the file', [renamed, desired('old')], ['new/create', 'new/start']],
    [
      'its container has a vmid of another one',
      [renamed, desired('z', { vmid: 150 })],
      ['new/create', 'new/start', 'z/configure:live'],
    ],
  ])('does not take a container when %s', (_, containers, ids) => {
    const plan = planFleet(fleetOf(containers), snapshotOf([old]), policyOf());
    expect(idsOf(plan).toSorted()).toEqual(ids);
  });

  test('two that want the same container: the first gets it, the other is refused', () => {
    const plan = planFleet(
      fleetOf([renamed, desired('newer', { renamedFrom: 'old' })]),
      snapshotOf([old]),
      policyOf(),
    );
    expect(refusedBy(plan)).toEqual(['RENAME_DUPLICATE']);
    expect(idsOf(plan)).toEqual(['new/configure:live']);
  });

  test('two containers with the old key, and one that cannot be read, are refused', () => {
    const twice = snapshotOf([old, actual('old', 151, { owner: {} })]);
    expect(refusedBy(planFleet(fleetOf([renamed]), twice, policyOf()))).toContain('OWNERSHIP_AMBIGUOUS');
    const hidden = snapshotOf([], {
      others: [machine(150, { type: 'lxc', name: 'old', tags: ['pvefleet'] })],
    });
    expect(refusedBy(planFleet(fleetOf([renamed]), hidden, policyOf()))).toEqual(['CONTAINER_UNREADABLE']);
  });

  test('does not take what belongs to another fleet', () => {
    const foreign = actual('old', 150, { owner: { fleet: 'other' } });
    const plan = planFleet(fleetOf([renamed]), snapshotOf([foreign]), policyOf());
    expect(idsOf(plan)).toEqual(['new/create', 'new/start']);
  });

  test('removing the line afterwards changes nothing', () => {
    const plan = planFleet(fleetOf([renamed]), snapshotOf([old]), policyOf());
    const { description, hostname } = actionOf(plan, 'new/configure:live').request.params as Record<
      string,
      string
    >;
    const after = actual('new', 150, {
      owner: { key: 'new', specDigest: /sha256:(\w+)/.exec(description ?? '')?.[1] ?? '' },
      config: { hostname: hostname ?? '' },
    });
    const drifted = { ...after, live: { ...after.live, cores: 3 }, next: { ...after.next, cores: 3 } };
    expect(verifyFleet(fleetOf([desired('new')]), snapshotOf([after])).converged).toBe(true);
    expect(verifyFleet(fleetOf([desired('new')]), snapshotOf([drifted])).findings).toMatchObject([
      { field: 'cores', cause: 'drifted' },
    ]);
  });
});

describe('a key that looks renamed', () => {
  const hintsOf = (
    created: readonly string[],
    there: readonly ReturnType<typeof actual>[],
    more = {},
  ): readonly string[] =>
    planFleet(fleetOf(created.map((key) => desired(key, more))), snapshotOf(there), policyOf())
      .notices.filter(({ code }) => code === 'MAYBE_RENAMED')
      .map(({ hint }) => hint ?? '');

  test('is mentioned', () => {
    expect(hintsOf(['new'], [old])).toEqual([
      'if it was renamed, write renamedFrom: old to keep the container',
    ]);
  });

  test.each<[string, Parameters<typeof hintsOf>]>([
    ['other settings', [['new'], [actual('old', 150, { owner: {}, config: { cores: 4 } })]]],
    ['a smaller disk', [['new'], [old], { rootfs: { storage: 'local-lvm', sizeBytes: 1024 ** 3 } }]],
    ['another node', [['new'], [old], { node: 'pve2' }]],
    ['another state', [['new'], [old], { power: 'stopped' }]],
    ['another pool', [['new'], [old], { pool: 'p' }]],
    ['a fixed id', [['new'], [old], { vmid: 160 }]],
    ['two to choose from', [['new'], [old, actual('older', 151, { owner: {} })]]],
    ['two that could be it', [['new', 'newer'], [old]]],
    ['nothing to be destroyed', [['new'], []]],
  ])('is not, with %s', (_, args) => {
    expect(hintsOf(...args)).toEqual([]);
  });

  test('several are told apart by what differs', () => {
    const plan = planFleet(
      fleetOf([desired('a2'), desired('b2', { compute: { cores: 4 } })]),
      snapshotOf([actual('a1', 150, { owner: {} }), actual('b1', 151, { owner: {}, config: { cores: 4 } })]),
      policyOf(),
    );
    const hints = plan.notices.filter(({ code }) => code === 'MAYBE_RENAMED').map(({ message }) => message);
    expect(hints).toEqual([
      'a2 is to be created just as a1 (150), which is to be destroyed',
      'b2 is to be created just as b1 (151), which is to be destroyed',
    ]);
  });
});

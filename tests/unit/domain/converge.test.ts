import { describe, expect, test } from 'vitest';
import { readBack, verifyFleet } from '../../../src/domain/converge.ts';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import type { Action, FieldChange } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import {
  type ActualOptions,
  actionOf,
  actual,
  desired,
  fleetOf,
  machine,
  policyOf,
  snapshotOf,
} from '../../support/builders.ts';

describe('the report', () => {
  const verify = (
    has: ActualOptions,
    wants: Partial<DesiredContainer> = {},
  ): ReturnType<typeof verifyFleet> =>
    verifyFleet(fleetOf([desired('web', wants)]), snapshotOf([actual('web', 101, { owner: {}, ...has })]));

  test('all is as the file says', () => {
    expect(verify({})).toEqual({
      format: 'pvefleet.verify/1',
      fleet: 'lab',
      converged: true,
      containers: [{ key: 'web', vmid: 101, node: 'pve1', state: 'applied' }],
      findings: [],
      summary: { applied: 1, pending: 0, diverged: 0, missing: 0, unexpected: 0 },
    });
  });

  test.each<[string, ActualOptions, Partial<DesiredContainer>, string, unknown, unknown]>([
    ['a limit', { config: { memory: 256 } }, {}, 'memory', '512MiB', '256MiB'],
    ['the power', { status: 'stopped' }, {}, 'power', 'running', 'stopped'],
    ['the pool', {}, { pool: 'lab' }, 'pool', 'lab', null],
    [
      'a disk that is too large',
      { config: { rootfs: 'local-lvm:v,size=9G' } },
      {},
      'rootfs.size',
      '8GiB',
      '9GiB',
    ],
    [
      'a disk that is too small',
      { config: { rootfs: 'local-lvm:v,size=4G' } },
      {},
      'rootfs.size',
      '8GiB',
      '4GiB',
    ],
    [
      'the storage',
      { config: { rootfs: 'local:v,size=8G' }, status: 'stopped' },
      { power: 'stopped' },
      'rootfs.storage',
      'local-lvm',
      'local',
    ],
    [
      'a net too many',
      { config: { net0: 'name=eth0,bridge=vmbr0' } },
      { nets: {} },
      'nets.eth0',
      null,
      { bridge: 'vmbr0' },
    ],
    ['a template', { isTemplate: true }, {}, 'isTemplate', false, true],
  ])('diverged: %s', (_, has, wants, field, expected, found) => {
    const report = verify(has, wants);
    expect(report.findings).toEqual([
      {
        ...{ key: 'web', vmid: 101, node: 'pve1', field, state: 'diverged', expected, actual: found },
        // what was applied last is another file here
        cause: 'spec-changed',
      },
    ]);
    expect(report).toMatchObject({
      converged: false,
      containers: [{ state: 'diverged' }],
      summary: { diverged: 1 },
    });
  });

  test('pending: stored, but not in force', () => {
    const report = verify({ nextConfig: { features: 'nesting=1', tty: 4 } }, { features: { nesting: true } });
    expect(report.findings).toMatchObject([
      { field: 'features', state: 'pending', expected: { nesting: true }, actual: null },
    ]);
    expect(report).toMatchObject({
      converged: false,
      containers: [{ state: 'pending' }],
      summary: { pending: 1 },
    });
  });

  test('pending sizes, nets and mounts that are not managed are not our business', () => {
    const nextConfig = { net0: 'name=eth0,bridge=vmbr0', mp0: '/srv,mp=/srv' };
    expect(verify({ nextConfig }, { rootfs: {} }).converged).toBe(true);
    expect(verify({ nextConfig }, { nets: { eth0: { bridge: 'vmbr0' } } }).findings).toMatchObject([
      { field: 'nets.eth0', state: 'pending' },
    ]);
  });

  test.each<[string, 'running' | 'stopped', 'running' | 'stopped', string]>([
    ['started', 'running', 'stopped', 'pending'],
    ['request_stop', 'stopped', 'running', 'pending'],
    ['stopped', 'running', 'stopped', 'diverged'],
    ['error', 'running', 'stopped', 'diverged'],
  ])('power under HA (%s) that should be %s', (haState, power, status, state) => {
    const report = verify({ status, haState }, { power });
    expect(report.findings).toMatchObject([{ field: 'power', state }]);
    expect(report.containers).toMatchObject([{ state }]);
  });

  test('power that is not managed does not matter', () => {
    expect(verify({ status: 'stopped' }, { power: 'unmanaged' }).converged).toBe(true);
  });

  test('missing: not there, or another guest in its place', () => {
    const fleet = fleetOf([desired('a'), desired('b', { vmid: 105 })]);
    const report = verifyFleet(fleet, snapshotOf([], { others: [machine(105)] }));
    expect(report.findings).toMatchObject([
      { key: 'a', state: 'missing', field: 'container', expected: 'a', actual: null },
      { key: 'b', vmid: 105, state: 'missing', actual: expect.stringContaining('virtual machine') },
    ]);
    expect(report.findings[0]).not.toHaveProperty('vmid');
    expect(report.summary).toMatchObject({ missing: 2 });
  });

  test('unowned: there, but not ours', () => {
    const fleet = fleetOf([desired('web', { vmid: 101 })]);
    const report = (options: ActualOptions): unknown =>
      verifyFleet(fleet, snapshotOf([actual('web', 101, options)]));
    const finding = { field: 'ownership', state: 'unowned', expected: 'lab/web', vmid: 101, node: 'pve1' };
    expect(report({})).toMatchObject({ converged: false, findings: [{ ...finding, actual: null }] });
    expect(report({ owner: { fleet: 'x' } })).toMatchObject({ findings: [{ ...finding, actual: 'x/web' }] });
    const adopting = fleetOf([desired('web', { vmid: 101, adopt: true })]);
    expect(verifyFleet(adopting, snapshotOf([actual('web', 101)]))).toMatchObject({
      findings: [finding],
      containers: [{ state: 'diverged' }],
    });
  });

  test('unexpected: owned, but not in the file', () => {
    const report = verifyFleet(fleetOf([]), snapshotOf([actual('old', 120, { owner: {} })]));
    expect(report).toMatchObject({
      converged: false,
      findings: [{ key: 'old', vmid: 120, state: 'unexpected', expected: null, actual: 'old' }],
      summary: { unexpected: 1 },
    });
  });
});

describe('reading back', () => {
  const change = (
    field: string,
    to: FieldChange['to'],
    effect: FieldChange['effect'] = 'live',
    from: FieldChange['from'] = null,
  ): FieldChange => ({
    field,
    from,
    to,
    effect,
  });
  const action = (changes: readonly FieldChange[], kind: Action['kind'] = 'container.configure'): Action => ({
    id: 'web/x',
    kind,
    target: { key: 'web', vmid: 101, node: 'pve1' },
    request: { method: 'PUT', path: '/x', params: {} },
    completes: 'now',
    changes,
    risk: 'safe',
    reason: '',
    precondition: { kind: 'none' },
    dependsOn: [],
  });
  const disk = 'local-lvm:vm-101-disk-1,mp=/data,size=1G';
  const web = actual('web', 101, {
    owner: {},
    config: {
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,type=veth',
      mp0: disk,
      mp1: '/srv,mp=/a.size',
    },
    nextConfig: { tty: 4 },
  });

  test.each<[string, FieldChange]>([
    ['a value', change('memory', '512MiB')],
    ['a value that waits', change('tty', 4, 'restart')],
    ['a net, with what the server adds', change('nets.eth0', { bridge: 'vmbr0' })],
    ['a net that is gone', change('nets.eth7', null)],
    ['a new mount', change('mounts./data', { storage: 'local-lvm', size: '1GiB' })],
    ['a grown mount', change('mounts./data.size', '1GiB')],
    ['a disk rounded up', change('rootfs.size', '8191MiB')],
    ['the storage', change('rootfs.storage', 'local-lvm')],
    ['a mount whose path ends like a size', change('mounts./a.size', { source: '/srv' })],
    ['the owner', change('ownership', 'lab/web')],
    ['what is no field of the config', change('power', 'running')],
  ])('is there: %s', (_, one) => {
    expect(readBack(action([one]), web)).toEqual([]);
  });

  test.each<[string, FieldChange, FieldChange['to']]>([
    ['a value', change('memory', '1GiB'), '512MiB'],
    ['a live value that waits instead', change('tty', 4), 2],
    [
      'a net with another bridge',
      change('nets.eth0', { bridge: 'vmbr1' }),
      { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' },
    ],
    [
      'a key that should be gone',
      change('nets.eth0', { bridge: 'vmbr0' }, 'live', { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' }),
      { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' },
    ],
    ['a net that is missing', change('nets.eth1', { bridge: 'vmbr0' }), null],
    ['a net that is still there', change('nets.eth0', null), { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' }],
    ['a disk that did not grow', change('rootfs.size', '16GiB'), '8GiB'],
    ['the size of a mount without one', change('mounts./nope.size', '1GiB'), null],
    ['another owner', change('ownership', 'lab/db'), 'lab/web'],
  ])('is not there: %s', (_, one, found) => {
    expect(readBack(action([one]), web)).toEqual([{ ...one, from: one.to, to: found }]);
  });

  test('a container without mark and root disk', () => {
    const { rootfs: _, description: __, ...bare } = web.live;
    const naked = { ...web, live: bare, next: bare };
    const missing = readBack(
      action([
        change('ownership', 'lab/web'),
        change('rootfs.size', '8GiB'),
        change('rootfs.storage', 'local-lvm'),
      ]),
      naked,
    );
    expect(missing.map(({ to }) => to)).toEqual([null, null, null]);
  });

  test('a creation is compared with what it will run with', () => {
    const plan = planFleet(
      fleetOf([
        desired('web', {
          nets: { eth0: { bridge: 'vmbr0' } },
          mounts: { '/data': { storage: 'local-lvm', sizeBytes: GiB } },
        }),
      ]),
      snapshotOf(),
      policyOf(),
    );
    const create = actionOf(plan, 'web/create');
    expect(readBack(create, { ...web, status: 'stopped' })).toEqual([]);
    expect(readBack(create, actual('web', 100)).map(({ field }) => field)).toEqual([
      'nets.eth0',
      'mounts./data',
    ]);
  });

  test('power actions and destructions have nothing to read', () => {
    expect(readBack(action([change('memory', '9GiB')], 'container.start'), web)).toEqual([]);
    expect(readBack(action([change('memory', '9GiB')], 'container.destroy'), web)).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import type { ClusterSnapshot } from '../../../src/domain/actual.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import type { DoctorCheck } from '../../../src/engine/doctor.ts';
import { judgeFleet } from '../../../src/engine/doctor-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { debian, desired, fleetOf, snapshotOf, storage, stored } from '../../support/builders.ts';
import { policyOf } from '../../support/engine.ts';

const local = storage('local', 'pve1', { content: ['vztmpl'] });
const lvm = (totalBytes: number): ClusterSnapshot['storages'] => [
  local,
  storage('local-lvm', 'pve1', { content: ['rootdir'], totalBytes, usedBytes: GiB }),
];

function judge(
  fleet: DesiredFleet,
  more: Partial<ClusterSnapshot> = {},
  bridges: readonly string[] = ['vmbr0'],
): readonly DoctorCheck[] {
  const snapshot = snapshotOf([], { templates: [stored(debian)], ...more });
  const plan = planFleet(fleet, snapshot, policyOf());
  const nodes = new Map([['pve1', { storages: snapshot.storages, bridges }]]);
  return judgeFleet({ fleet, plan, policy: policyOf(), snapshot, nodes, identity: 'root@pam' }).checks;
}

const net = (bridge: string) => ({ nets: { eth0: { bridge } } });

describe('judgeFleet', () => {
  test('a bridge that is missing is a failure that names who needs it', () => {
    const checks = judge(
      fleetOf([desired('a', net('vmbr9')), desired('b', net('vmbr9')), desired('c', net('vmbr0'))]),
    );
    expect(checks).toContainEqual(
      expect.objectContaining({
        name: 'fleet bridges',
        status: 'fail',
        message: expect.stringMatching(/vmbr9 on pve1.*a, b/),
      }),
    );
  });

  test('bridges that could not be read are not judged', () => {
    expect(judge(fleetOf([desired('a', net('vmbr9'))]), {}, [])).toContainEqual({
      name: 'fleet bridges',
      status: 'ok',
      message: 'all there',
    });
  });

  test.each([
    ['fits', 20 * GiB, 'ok', '16GiB of new volumes on local-lvm@pve1, 19GiB left'],
    [
      'does not fit',
      10 * GiB,
      'fail',
      '1 of 2 fit on local-lvm@pve1: 7GiB are missing (16GiB wanted, 9GiB left)',
    ],
  ] as const)('space that %s', (_, total, status, message) => {
    const checks = judge(fleetOf([desired('a'), desired('b')]), { storages: lvm(total) });
    expect(checks).toContainEqual(expect.objectContaining({ name: 'fleet space', status, message }));
  });

  test.each([
    ['enough', 4, 'ok'],
    ['too little', 1.5, 'warn'],
  ] as const)('memory of which there is %s counts only what is to run', (_, freeGiB, status) => {
    const compute = { memoryMiB: 1024, swapMiB: 0 };
    const fleet = fleetOf([
      desired('a', { compute }),
      desired('b', { compute }),
      desired('c', { compute, power: 'stopped' }),
    ]);
    const nodes = [{ node: 'pve1', online: true, memoryBytes: 2 * GiB, maxMemoryBytes: (2 + freeGiB) * GiB }];
    expect(judge(fleet, { nodes })).toContainEqual(
      expect.objectContaining({
        name: 'fleet memory',
        status,
        message: expect.stringContaining('2GiB '),
      }),
    );
  });

  test('what the plan refuses for good is a failure', () => {
    expect(judge(fleetOf([desired('a', { rootfs: { storage: 'nope', sizeBytes: GiB } })]))).toContainEqual(
      expect.objectContaining({ name: 'plan a', status: 'fail', message: expect.stringContaining('nope') }),
    );
  });
});

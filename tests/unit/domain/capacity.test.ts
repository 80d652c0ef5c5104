import { describe, expect, test } from 'vitest';
import type { ClusterSnapshot } from '../../../src/domain/actual.ts';
import type { DesiredCapacity, DesiredContainer } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { actual, desired, fleetOf, machine, policyOf, snapshotOf, storage } from '../../support/builders.ts';

const local = storage('local', 'pve1', { content: ['vztmpl'] });
const space = (type: string, freeGiB: number, more: Partial<ClusterSnapshot['storages'][number]> = {}) => [
  local,
  storage('local-lvm', 'pve1', {
    type,
    content: ['rootdir'],
    totalBytes: (freeGiB + 10) * GiB,
    usedBytes: 10 * GiB,
    ...more,
  }),
];
const thirty = Array.from({ length: 30 }, (_, index) => desired(`ct${index + 1}`));
const plan = (
  containers: readonly DesiredContainer[],
  snapshot: ClusterSnapshot,
  capacity?: DesiredCapacity,
): Plan =>
  planFleet(
    fleetOf(containers, capacity ? { capacity } : {}),
    snapshot,
    policyOf({ allow: { recreate: true }, maxDestroy: 9 }),
  );
const findings = ({ refusals, notices }: Plan): string[] => [
  ...refusals.map(({ code, message }) => `${code} ${message}`),
  ...notices
    .filter(({ code }) => code.endsWith('OVERCOMMIT'))
    .map(({ code, message }) => `${code} ${message}`),
];

describe('space', () => {
  const short = '27 of 30 fit on local-lvm@pve1: 24GiB are missing (240GiB wanted, 216GiB left)';
  test.each<[string, string, number, DesiredCapacity | undefined, string[]]>([
    ['enough', 'lvm', 240, undefined, []],
    ['thick', 'lvm', 216, undefined, [`CAPACITY ${short}`]],
    ['directory', 'dir', 216, undefined, [`CAPACITY ${short}`]],
    ['thin', 'lvmthin', 216, undefined, [`STORAGE_OVERCOMMIT ${short}`]],
    ['thin within the factor', 'lvmthin', 216, { storageOvercommit: 2 }, []],
    ['thin beyond the factor', 'zfspool', 108, { storageOvercommit: 2 }, [`CAPACITY ${short}`]],
    ['a directory within the factor', 'dir', 216, { storageOvercommit: 2 }, []],
    ['thick volumes know no factor', 'lvm', 216, { storageOvercommit: 2 }, [`CAPACITY ${short}`]],
  ])('%s', (_name, type, freeGiB, capacity, want) => {
    expect(findings(plan(thirty, snapshotOf([], { storages: space(type, freeGiB) }), capacity))).toEqual(
      want,
    );
  });

  test('that is not known is not judged', () => {
    const storages = [local, storage('local-lvm', 'pve1', { type: 'lvm', content: ['rootdir'] })];
    expect(findings(plan(thirty, snapshotOf([], { storages })))).toEqual([]);
  });

  test('of a shared storage is counted once for all nodes', () => {
    const on = (node: string) =>
      storage('san', node, { type: 'nfs', shared: true, totalBytes: 12 * GiB, usedBytes: 0 });
    const storages = [local, on('pve1'), on('pve2')];
    const rootfs = { storage: 'san', sizeBytes: 8 * GiB };
    const two = [desired('a', { rootfs }), desired('b', { rootfs, node: 'pve2' })];
    expect(findings(plan(two, snapshotOf([], { storages })))).toEqual([
      'CAPACITY 1 of 2 fit on san: 4GiB are missing (16GiB wanted, 12GiB left)',
    ]);
  });

  test('for a disk that grows, and a mount that is added', () => {
    const web = actual('a', 101, { owner: {} });
    const file = [
      desired('a', {
        rootfs: { storage: 'local-lvm', sizeBytes: 12 * GiB },
        mounts: { '/d': { storage: 'local-lvm', sizeBytes: 2 * GiB } },
      }),
    ];
    expect(findings(plan(file, snapshotOf([web], { storages: space('dir', 5) })))).toEqual([
      'CAPACITY 0 of 1 fit on local-lvm@pve1: 1GiB are missing (6GiB wanted, 5GiB left)',
    ]);
  });

  test('that a container gives back counts for its own new disks only', () => {
    const old = actual('a', 101, { owner: {}, config: { unprivileged: 0 } });
    expect(findings(plan([desired('a')], snapshotOf([old], { storages: space('dir', 1) })))).toEqual([]);
    expect(
      findings(
        plan(
          [desired('a', { rootfs: { storage: 'local-lvm', sizeBytes: 10 * GiB } })],
          snapshotOf([old], { storages: space('dir', 1) }),
        ),
      ),
    ).toEqual(['CAPACITY 0 of 1 fit on local-lvm@pve1: 1GiB are missing (2GiB wanted, 1GiB left)']);
  });
});

describe('space of copies and moves', () => {
  const golden = actual('golden', 150, { status: 'stopped' });
  const source = { clone: 'golden', full: true };
  const ten = Array.from({ length: 10 }, (_, index) =>
    desired(`ct${index + 1}`, { template: '', from: source }),
  );
  const two = (freeGiB: number) => [
    ...space('dir', 100),
    storage('slow', 'pve1', { type: 'dir', content: ['rootdir'], totalBytes: freeGiB * GiB, usedBytes: 0 }),
  ];

  test('a full clone takes what its source has', () => {
    expect(findings(plan(ten, snapshotOf([golden], { storages: space('dir', 40) })))).toEqual([
      'CAPACITY 5 of 10 fit on local-lvm@pve1: 40GiB are missing (80GiB wanted, 40GiB left)',
    ]);
  });

  test('a linked clone takes nothing yet', () => {
    const template = actual('golden', 150, { status: 'stopped', isTemplate: true, config: { template: 1 } });
    const linked = ten.map((one) => ({ ...one, from: { clone: 'golden', full: false } }));
    expect(findings(plan(linked, snapshotOf([template], { storages: space('lvmthin', 40) })))).toEqual([]);
  });

  test('a disk that goes to another storage needs room there', () => {
    const file = [desired('a', { rootfs: { storage: 'slow', sizeBytes: 8 * GiB }, restart: 'always' })];
    const web = actual('a', 101, { owner: {} });
    expect(findings(plan(file, snapshotOf([web], { storages: two(6) })))).toEqual([
      'CAPACITY 0 of 1 fit on slow@pve1: 2GiB are missing (8GiB wanted, 6GiB left)',
    ]);
    expect(findings(plan(file, snapshotOf([web], { storages: two(8) })))).toEqual([]);
  });

  test('a container that goes to another node needs disk and memory there', () => {
    const web = actual('a', 101, { owner: { node: 'pve1' } });
    const nodes = [
      { node: 'pve1', online: true, maxMemoryBytes: 8 * GiB, memoryBytes: GiB },
      { node: 'pve2', online: true, maxMemoryBytes: GiB / 4, memoryBytes: 0 },
    ];
    const storages = [
      ...space('dir', 100),
      storage('local-lvm', 'pve2', { type: 'dir', content: ['rootdir'], totalBytes: 5 * GiB, usedBytes: 0 }),
    ];
    const file = [desired('a', { node: 'pve2', restart: 'always' })];
    expect(findings(plan(file, snapshotOf([web], { nodes, storages })))).toEqual([
      'CAPACITY 0 of 1 fit on local-lvm@pve2: 3GiB are missing (8GiB wanted, 5GiB left)',
      'MEMORY_OVERCOMMIT 0 of 1 fit into the memory of pve2: 256MiB are missing (512MiB wanted, 256MiB left)',
    ]);
  });
});

describe('memory', () => {
  const node = (more: Partial<ClusterSnapshot['nodes'][number]> = {}) => [
    { node: 'pve1', online: true, maxMemoryBytes: 8 * GiB, memoryBytes: GiB, ...more },
  ];
  const big = { compute: { memoryMiB: 3072, swapMiB: 0 } };
  const vm = machine(900, { usage: { maxMemoryBytes: 4 * GiB } });
  const two = [desired('a', big), desired('b', big)];
  const over = '1 of 2 fit into the memory of pve1: 2GiB are missing (6GiB wanted, 4GiB left)';

  test.each<[string, DesiredCapacity | undefined, string[]]>([
    ['is a warning', undefined, [`MEMORY_OVERCOMMIT ${over}`]],
    ['is fine within the factor', { memoryOvercommit: 1.5 }, []],
    ['is refused beyond the factor', { memoryOvercommit: 1 }, [`CAPACITY ${over}`]],
  ])('limits beyond what a node has: %s', (_name, capacity, want) => {
    expect(findings(plan(two, snapshotOf([], { nodes: node(), others: [vm] }), capacity))).toEqual(want);
  });

  test.each<[string, Partial<DesiredContainer>[], ReturnType<typeof machine>[], string[]]>([
    ['what stays stopped does not count', [{ ...big, power: 'stopped' }, big], [vm], []],
    ['guests that are stopped do not count', [big, big], [{ ...vm, status: 'stopped' }], []],
    [
      'what is used counts where it is more than the limits that are known',
      [big, big],
      [],
      ['MEMORY_OVERCOMMIT 1 of 2 fit into the memory of pve1: 1GiB are missing (6GiB wanted, 5GiB left)'],
    ],
  ])('%s', (name, members, others, want) => {
    const containers = members.map((more, index) => desired(`ct${index}`, more));
    const nodes = name.startsWith('what is used') ? node({ memoryBytes: 3 * GiB }) : node();
    expect(findings(plan(containers, snapshotOf([], { nodes, others })))).toEqual(want);
  });

  test('growing counts by the difference, shrinking and what is there already not at all', () => {
    const running = actual('a', 101, { owner: {}, usage: { maxMemoryBytes: 512 * 1024 ** 2 } });
    const full = machine(900, { usage: { maxMemoryBytes: 8 * GiB } });
    const at = (memoryMiB: number) =>
      plan(
        [desired('a', { compute: { memoryMiB, swapMiB: 0 } })],
        snapshotOf([running], { nodes: node(), others: [full] }),
      );
    expect(findings(at(1024))).toEqual([
      'MEMORY_OVERCOMMIT 0 of 1 fit into the memory of pve1: 512MiB are missing (512MiB wanted, 0B left)',
    ]);
    expect(findings(at(256))).toEqual([]);
    expect(findings(at(512))).toEqual([]);
  });
});

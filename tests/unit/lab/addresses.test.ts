/** Addresses from ranges: kept where they are, first free where they are new, and refused where there is none. */
import { describe, expect, it, test } from 'vitest';
import type { ActualContainer } from '../../../src/domain/actual.ts';
import { verifyFleet } from '../../../src/domain/converge.ts';
import type { AddressPool, DesiredContainer, DesiredNet } from '../../../src/domain/desired.ts';
import {
  capacityOf,
  firstFree,
  openPool,
  readAddress,
  readRange,
  spellAddress,
} from '../../../src/domain/lab/address-pool.ts';
import { stableMac } from '../../../src/domain/lab/mac.ts';
import { matchFleet } from '../../../src/domain/match.ts';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import {
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';
import { summary } from '../spec/support.ts';
import { fleetWith, loadRoster } from './support.ts';

const pool: AddressPool = { range: '10.1.0.10-10.1.0.12', prefix: 24 };
const pooled = (
  key: string,
  net: Partial<DesiredNet> = {},
  more: Partial<DesiredContainer> = {},
): DesiredContainer => desired(key, { nets: { eth0: { bridge: 'vmbr0', ipPool: pool, ...net } }, ...more });
const owned = (key: string, vmid: number, net: string, more: object = {}): ActualContainer =>
  actual(key, vmid, {
    owner: {},
    config: { net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:${vmid % 100},type=veth,${net}` },
    ...more,
  });
const addresses = (containers: readonly DesiredContainer[], ...there: readonly ActualContainer[]): unknown =>
  Object.fromEntries(
    matchFleet(fleetOf(containers), snapshotOf(there)).matches.map(({ desired: { key, nets }, refusals }) => [
      key,
      refusals[0]?.code ?? nets?.['eth0']?.ip ?? nets?.['eth0']?.ip6,
    ]),
  );

describe('ranges', () => {
  test.each([
    ['10.1.0.10-10.1.0.12', '10.1.0.10', '10.1.0.12'],
    ['10.1.0.10 - 10.1.0.12', '10.1.0.10', '10.1.0.12'],
    ['10.1.0.77/30', '10.1.0.76', '10.1.0.79'],
    ['10.1.0.5', '10.1.0.5', '10.1.0.5'],
    ['fd00::ff-fd00::1:1', 'fd00::ff', 'fd00::1:1'],
    ['fd00:0:0:1::/64', 'fd00:0:0:1::', 'fd00::1:ffff:ffff:ffff:ffff'],
  ])('%s', (text, first, last) => {
    const range = readRange(text);
    expect(range && [range.first, range.last].map((value) => spellAddress(range.family, value))).toEqual([
      first,
      last,
    ]);
  });

  test.each([
    '',
    '10.1.0.12-10.1.0.10',
    '10.1.0.1-fd00::1',
    '10.1.0.0/33',
    '10.1.0-10.1.1',
    '10.1.0.0/24-10.1.1.0',
    'a-b',
    '10.1.0.1-10.1.0.2-10.1.0.3',
  ])('%s is none', (text) => {
    expect(readRange(text)).toBeUndefined();
  });

  test.each<[string, AddressPool, bigint, string | undefined]>([
    ['a stretch', pool, 3n, '10.1.0.10'],
    ['a network without its ends', { range: '10.1.0.0/29', prefix: 29 }, 6n, '10.1.0.1'],
    ['a part of a network', { range: '10.1.0.0-10.1.0.3', prefix: 24 }, 3n, '10.1.0.1'],
    [
      'exclusions that overlap',
      { range: '10.1.0.0/28', prefix: 28, exclude: ['10.1.0.1-10.1.0.5', '10.1.0.4/30'] },
      7n,
      '10.1.0.8',
    ],
    ['nothing', { range: '10.1.0.10', prefix: 24, exclude: ['10.1.0.0/24'] }, 0n, undefined],
    ['an IPv6 network', { range: 'fd00::/64', prefix: 64 }, 2n ** 64n - 1n, 'fd00::1'],
    ['a network of two', { range: '10.1.0.0/31', prefix: 31 }, 2n, '10.1.0.0'],
  ])('%s: capacity and first', (_, given, capacity, first) => {
    const open = openPool(given);
    if (!open) throw new Error('no range');
    expect(capacityOf(open, [])).toBe(capacity);
    const value = firstFree(open, () => false);
    expect(value === undefined ? undefined : spellAddress(open.family, value)).toBe(first);
  });

  it('have less room where others are', () => {
    const open = openPool(pool);
    const taken = ['10.1.0.11', '10.1.0.11', '10.9.9.9'].map((text) => readAddress(text)?.value ?? 0n);
    expect(open && capacityOf(open, taken)).toBe(2n);
  });
});

describe('choosing', () => {
  it('gives new containers the first free ones, in natural order', () => {
    expect(addresses([pooled('web10'), pooled('web2'), pooled('web1')])).toEqual({
      web1: '10.1.0.10/24',
      web2: '10.1.0.11/24',
      web10: '10.1.0.12/24',
    });
  });

  it('leaves those alone that are in the range', () => {
    const there = [owned('b', 101, 'ip=10.1.0.10/24'), owned('c', 102, 'ip=10.1.0.12/24')];
    expect(addresses([pooled('a'), pooled('b'), pooled('c')], ...there)).toEqual({
      a: '10.1.0.11/24',
      b: '10.1.0.10/24',
      c: '10.1.0.12/24',
    });
  });

  test.each<[string, string, ActualContainer[], DesiredContainer[]]>([
    ['it is outside', 'ip=10.1.0.9/24', [], []],
    ['it is excluded', 'ip=10.1.0.11/24', [], []],
    ['it is none', 'ip=dhcp', [], []],
    ['there is none', 'firewall=1', [], []],
    [
      'the file gives it to somebody',
      'ip=10.1.0.12/24',
      [],
      [desired('z', { nets: { eth0: { bridge: 'vmbr0', ip: '10.1.0.12/24' } } })],
    ],
    [
      'it is the gateway',
      'ip=10.1.0.12/24',
      [],
      [desired('z', { nets: { eth0: { bridge: 'vmbr0', ip: '10.1.0.99/24', gateway: '10.1.0.12' } } })],
    ],
    [
      'somebody else has it',
      'ip=10.1.0.12/24',
      [actual('other', 150, { config: { net0: 'name=eth0,bridge=vmbr0,ip=10.1.0.12/24' } })],
      [],
    ],
  ])('gives another one when %s', (_, net, others, more) => {
    const web = pooled('web', { ipPool: { ...pool, exclude: ['10.1.0.11'] } });
    expect(addresses([web, ...more], owned('web', 101, net), ...others)).toMatchObject({
      web: '10.1.0.10/24',
    });
  });

  it('lets the first of two with one address keep it', () => {
    const there = [owned('b', 101, 'ip=10.1.0.11/24'), owned('a', 102, 'ip=10.1.0.11/24')];
    expect(addresses([pooled('a'), pooled('b')], ...there)).toEqual({ a: '10.1.0.11/24', b: '10.1.0.10/24' });
  });

  it('takes an address of a container that is about to go only when it is gone', () => {
    const gone = owned('old', 101, 'ip=10.1.0.10/24');
    expect(addresses([pooled('new')], gone)).toEqual({ new: '10.1.0.11/24' });
  });

  it('does not mind equal addresses in networks that do not meet', () => {
    const there = owned('b', 101, 'ip=10.1.0.10/24,tag=7');
    expect(addresses([pooled('a'), pooled('b', { vlan: 7 })], there)).toEqual({
      a: '10.1.0.10/24',
      b: '10.1.0.10/24',
    });
  });

  it('does not give away what a container keeps on another bridge', () => {
    const there = owned('b', 101, 'ip=10.1.0.10/24');
    const both = [pooled('a', { bridge: 'vmbr1' }), pooled('b', { bridge: 'vmbr1' })];
    expect(addresses(both, there)).toEqual({ a: '10.1.0.11/24', b: '10.1.0.10/24' });
  });

  it('keeps the server’s spelling of an address, and changes a prefix', () => {
    const v6: DesiredNet = { bridge: 'vmbr0', ip6Pool: { range: 'fd00::/64', prefix: 64 } };
    const there = owned('a', 101, 'ip6=FD00:0::00a/64');
    expect(addresses([desired('a', { nets: { eth0: v6 } })], there)).toEqual({ a: 'FD00:0::00a/64' });
    expect(
      addresses([pooled('a', { ipPool: { ...pool, prefix: 16 } })], owned('a', 101, 'ip=10.1.0.12/24')),
    ).toEqual({
      a: '10.1.0.12/16',
    });
  });

  it('refuses who is too many', () => {
    const all = ['a', 'b', 'c', 'd'].map((key) => pooled(key));
    const plan = planFleet(fleetOf(all), snapshotOf(), policyOf());
    expect(refusedBy(plan)).toEqual(['ADDRESS_POOL_EXHAUSTED']);
    expect(plan.refusals[0]?.message).toBe('d: no address of 10.1.0.10-10.1.0.12 is free for eth0');
  });

  it('warns where a container cannot be read', () => {
    const { ownership: _, ...hidden } = owned('x', 120, 'ip=10.1.0.10/24', { node: 'pve2' });
    const plan = planFleet(fleetOf([pooled('a')]), snapshotOf([], { others: [hidden] }), policyOf());
    expect(plan.notices).toMatchObject([
      { code: 'ADDRESS_UNCERTAIN', message: expect.stringContaining('120 on pve2') as string },
    ]);
  });
});

describe('the plan', () => {
  it('shows and sends the chosen address, and the digest is that of the range', () => {
    const file = fleetOf([pooled('web')]);
    const plan = planFleet(file, snapshotOf(), policyOf());
    const { request, changes } = actionOf(plan, 'web/create');
    expect(request.params['net0']).toBe('name=eth0,bridge=vmbr0,ip=10.1.0.10/24');
    expect(changes).toContainEqual(
      expect.objectContaining({ field: 'nets.eth0', to: { bridge: 'vmbr0', ip: '10.1.0.10/24' } }),
    );
    const [digest] = file.containers.map(specDigestOf);
    expect(request.params['description']).toContain(`spec=sha256:${digest}`);
    expect(matchFleet(file, snapshotOf()).matches.map(({ desired: one }) => specDigestOf(one))).toEqual([
      digest,
    ]);
  });

  it('is empty afterwards, and the proof agrees', () => {
    const file = fleetOf([pooled('web')]);
    const [digest = ''] = file.containers.map(specDigestOf);
    const snapshot = snapshotOf([owned('web', 101, 'ip=10.1.0.11/24', { owner: { specDigest: digest } })]);
    expect(planFleet(file, snapshot, policyOf())).toMatchObject({
      actions: [],
      inSync: ['web'],
      notices: [],
    });
    expect(verifyFleet(file, snapshot)).toMatchObject({ converged: true });
  });

  it('suspects a rename although the address differs', () => {
    const plan = planFleet(
      fleetOf([pooled('new')]),
      snapshotOf([owned('old', 101, 'ip=10.1.0.10/24')]),
      policyOf({ allow: { destroy: true }, maxDestroy: 9 }),
    );
    expect(idsOf(plan)).toContain('new/create');
    expect(plan.notices).toMatchObject([{ code: 'MAYBE_RENAMED' }]);
  });

  it('warns of a MAC address that somebody else has', () => {
    const file = fleetOf([desired('web', { nets: { eth0: { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' } } })]);
    const other = actual('other', 150, {
      config: { net0: 'name=eth0,bridge=vmbr0,hwaddr=bc:24:11:00:00:01' },
    });
    expect(planFleet(file, snapshotOf([other]), policyOf()).notices).toMatchObject([{ code: 'MAC_IN_USE' }]);
  });
});

describe('the group of a student', () => {
  const anna = (group: string, options = {}): DesiredContainer =>
    desired('anna', { student: 'anna', group, options });

  it('is a tag beside those of others, and the line says it', () => {
    const there = actual('anna', 101, {
      owner: { student: 'anna', group: 'A' },
      config: { tags: 'mine;group-a' },
    });
    const plan = planFleet(fleetOf([anna('1 B')]), snapshotOf([there]), policyOf());
    const { request, changes } = actionOf(plan, 'anna/configure:live');
    expect(changes).toMatchObject([
      { field: 'student', from: 'anna (A)', to: 'anna (1 B)' },
      { field: 'tags', from: ['group-a', 'mine'], to: ['group-1-b', 'mine'] },
    ]);
    expect(request.params['tags']).toBe('group-1-b;mine;pvefleet');
    expect(request.params['description']).toMatch(/ student=anna group=1%20B -->$/);
  });

  it('is as it was when nothing changed, whatever tags somebody adds', () => {
    const there = actual('anna', 101, {
      owner: { student: 'anna', group: 'A' },
      config: { tags: 'group-a;mine' },
    });
    expect(planFleet(fleetOf([anna('A')]), snapshotOf([there]), policyOf()).actions).toEqual([]);
  });

  it('goes with the group', () => {
    const there = actual('anna', 101, {
      owner: { student: 'anna', group: 'A' },
      config: { tags: 'group-a;mine' },
    });
    const { group: _, ...alone } = anna('A');
    const { request } = actionOf(
      planFleet(fleetOf([alone]), snapshotOf([there]), policyOf()),
      'anna/configure:live',
    );
    expect(request.params['tags']).toBe('mine;pvefleet');
  });
});

describe('the file', () => {
  const students = (ip: string, more = ''): string =>
    `roster: students.csv\nnets: { eth0: { bridge: vmbr0, ip: ${ip}${more} } }`;
  const three = 'login\na\nb\nc\n';

  it('takes ranges, for each group another one', () => {
    const { containers } = fleetWith(
      `roster: students.csv
nets: { eth0: { bridge: vmbr0, ip: { range: 10.1.0.0/24, exclude: '10.1.0.5, 10.1.0.8/30' }, gateway: 10.1.0.1 } }
groups:
  B: { nets: { eth0: { ip: { range: 10.1.0.50-10.1.0.60, prefix: 24 } } } }
  C: { nets: { eth0: { ip: dhcp, gateway: null } } }
  A: {}`,
      'login,group,ip\na,A,\nb,B,\nc,C,\nd,A,10.1.0.99/24\n',
    );
    expect(containers.map(({ nets }) => nets?.['eth0'])).toEqual([
      {
        bridge: 'vmbr0',
        gateway: '10.1.0.1',
        ipPool: { range: '10.1.0.0/24', prefix: 24, exclude: ['10.1.0.5', '10.1.0.8/30'] },
      },
      { bridge: 'vmbr0', gateway: '10.1.0.1', ipPool: { range: '10.1.0.50-10.1.0.60', prefix: 24 } },
      { bridge: 'vmbr0', gateway: null, ip: 'dhcp' },
      { bridge: 'vmbr0', gateway: '10.1.0.1', ip: '10.1.0.99/24' },
    ]);
  });

  test.each<[string, string, string]>([
    [
      'a range that is too small',
      students('{ range: 10.1.0.1-10.1.0.2, prefix: 24 }'),
      '6:38-6:78 SPEC_ADDRESS_POOL',
    ],
    [
      'one that is too small for a gateway',
      students('{ range: 10.1.0.1-10.1.0.3, prefix: 24 }', ', gateway: 10.1.0.2'),
      '6:38-6:78 SPEC_ADDRESS_POOL',
    ],
    ['a range without prefix', students('{ range: 10.1.0.1-10.1.0.9 }'), '6:38-6:66 SPEC_MISSING'],
    ['a range that is none', students('{ range: 10.1.0, prefix: 24 }'), '6:47-6:53 SPEC_ADDRESS'],
    [
      'a range that ends before it begins',
      students('{ range: 10.1.0.9-10.1.0.1, prefix: 24 }'),
      '6:47-6:64 SPEC_ADDRESS',
    ],
    ['the other family', students("{ range: 'fd00::/64' }"), '6:47-6:58 SPEC_ADDRESS'],
    [
      'a range over several networks',
      students('{ range: 10.1.0.1-10.1.1.1, prefix: 24 }'),
      '6:74-6:76 SPEC_ADDRESS',
    ],
    ['an unknown key', students('{ range: 10.1.0.0/24, exlude: 10.1.0.1 }'), '6:68-6:76 SPEC_UNKNOWN_KEY'],
    [
      'an exclusion outside',
      students('{ range: 10.1.0.0/24, exclude: [10.1.1.1] }'),
      '6:70-6:78 SPEC_ADDRESS',
    ],
    [
      'a gateway of another network',
      students('{ range: 10.1.0.0/24 }', ', gateway: 10.2.0.1'),
      '6:71-6:79 SPEC_GATEWAY',
    ],
    ['no range', students('{ prefix: 24 }'), '6:38-6:52 SPEC_TYPE'],
  ])('tells of %s', (_, text, want) => {
    expect(summary(loadRoster(text, three))).toEqual([`fleet.yaml ${want}`]);
  });

  it('derives stable MAC addresses from who a container is', () => {
    const { containers } = fleetWith(students('dhcp, mac: stable'), three);
    const macs = containers.map(({ nets }) => nets?.['eth0']?.mac);
    expect(macs).toEqual(['a', 'b', 'c'].map((login) => stableMac('lab', `student-${login}`, 'eth0')));
    expect(new Set(macs).size).toBe(3);
    for (const mac of macs) expect(mac).toMatch(/^BC:24:11(:[0-9A-F]{2}){3}$/);
  });

  it('tells of a MAC address that clashes with a stable one', () => {
    const mac = stableMac('lab', 'student-a', 'eth0');
    const { diagnostics } = loadRoster(students('dhcp, mac: stable'), `login,mac\na,\nb,${mac}\n`);
    expect(diagnostics).toMatchObject([{ code: 'SPEC_DUPLICATE_MAC' }]);
  });
});

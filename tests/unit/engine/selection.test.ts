import { describe, expect, test } from 'vitest';
import {
  resolveSelection,
  type SelectableGuest,
  type SelectionFilters,
} from '../../../src/engine/selection.ts';

const guest = (vmid: number, name: string, more: Partial<SelectableGuest> = {}): SelectableGuest => ({
  vmid,
  type: 'lxc',
  node: 'pve1',
  name,
  status: 'running',
  isTemplate: false,
  tags: [],
  usage: {},
  ...more,
});
const owned = (vmid: number, name: string, fleet: string, key: string): SelectableGuest =>
  guest(vmid, name, { ownership: { fleet, key, specDigest: '0' }, tags: ['pvefleet'] });

const guests = [
  owned(103, 'host-b', 'lab', 'web01'),
  owned(101, 'student-01', 'lab', 'student-01'),
  owned(102, 'student-02', 'lab', 'student-02'),
  owned(104, 'web01', 'prod', 'front'),
  guest(105, 'loner', { node: 'pve2', pool: 'private', tags: ['old', 'Slow'] }),
  guest(106, '105'),
  guest(200, 'machine', { type: 'qemu' }),
];

describe('resolveSelection', () => {
  test.each<[string, string[], SelectionFilters, number[]]>([
    ['nothing: all containers', [], {}, [101, 102, 103, 104, 105, 106]],
    ['a vmid, even where it is a name', ['105'], {}, [105]],
    ['a host name', ['host-b'], {}, [103]],
    ['a fleet key', ['front'], {}, [104]],
    ['a glob over keys', ['student-*'], {}, [101, 102]],
    ['alternatives', ['student-0{1,2}'], {}, [101, 102]],
    ['names that overlap', ['student-*', '102', 'front'], {}, [101, 102, 104]],
    ['a name within a fleet', ['web01'], { fleets: ['prod'] }, [104]],
    ['fleets', [], { fleets: ['la*'] }, [101, 102, 103]],
    ['nodes', [], { nodes: ['pve2'] }, [105]],
    ['pools', [], { pools: ['priv*'] }, [105]],
    ['any of several tags', [], { tags: ['old', 'pvefleet'] }, [101, 102, 103, 104, 105]],
    ['all filters at once', [], { tags: ['old'], nodes: ['pve1'] }, []],
  ])('%s', (_, names, filters, want) => {
    expect(resolveSelection(guests, names, filters).map(({ vmid }) => vmid)).toEqual(want);
  });

  const grouped = [
    guest(301, 'anna', { tags: ['pvefleet', 'group-1-ahif'] }),
    owned(302, 'ben', 'lab', 'ben'),
    {
      ...owned(303, 'cleo', 'lab', 'cleo'),
      tags: ['pvefleet', 'group-1-ahif'],
      ownership: { fleet: 'lab', key: 'cleo', specDigest: '0', group: '1 BHIF' },
    },
    { ...owned(304, 'dora', 'lab', 'dora'), tags: ['pvefleet', 'Group-1-AHIF'] },
    guest(305, 'group-1-ahif'),
  ];
  test.each<[string, string[], number[]]>([
    ['as the roster writes it', ['1 AHIF'], [301, 304]],
    ['as the tag does', ['1-ahif'], [301, 304]],
    ['by the line where that says another one than the tag', ['1 BHIF'], [303]],
    ['by a glob', ['1-?hif'], [301, 303, 304]],
    ['one of several', ['1 AHIF', '1 BHIF'], [301, 303, 304]],
    ['that nobody is in', ['2 AHIF'], []],
  ])('finds a group %s', (_, groups, want) => {
    expect(resolveSelection(grouped, [], { groups }).map(({ vmid }) => vmid)).toEqual(want);
  });

  test.each<[string, string, SelectionFilters, object]>([
    ['ambiguous', 'web01', {}, { code: 'CONTAINER_AMBIGUOUS', details: { candidates: [103, 104] } }],
    ['misspelt', 'studnet-01', {}, { code: 'CONTAINER_UNKNOWN', hint: 'did you mean student-01?' }],
    ['a glob without match', 'teacher-*', {}, { code: 'CONTAINER_UNKNOWN' }],
    ['a virtual machine', '200', {}, { code: 'CONTAINER_UNKNOWN' }],
    [
      'hidden by a filter',
      'loner',
      { nodes: ['pve1'] },
      { message: "there is no container 'loner' within the given filters" },
    ],
  ])('refuses a name that is %s', (_, name, filters, want) => {
    expect(() => resolveSelection(guests, [name], filters)).toThrow(
      expect.objectContaining({ exitCode: 2, ...want }),
    );
  });
});

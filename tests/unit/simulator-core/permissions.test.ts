import { describe, expect, test } from 'vitest';
import {
  capabilities,
  effectivePermissions,
  isAclPath,
  missingPrivilege,
  normalizePath,
  privilegesOf,
  splitAuthId,
} from '../../../src/simulator/model/permissions.ts';
import { builtInRoles, privileges } from '../../../src/simulator/model/roles.ts';
import { addToken, addUser, emptyState } from '../../../src/simulator/model/seed-parts.ts';
import type { SimAcl, SimState } from '../../../src/simulator/model/state.ts';

/** A cluster with ann@pve (member of `staff`), her tokens, and the ACLs given as `PATH TYPE:WHO ROLE [here]`. */
function stateWith(...acls: string[]): SimState {
  const state = emptyState(1);
  state.groups['staff'] = { users: [] };
  const ann = addUser(state, { userid: 'ann@pve', groups: ['staff'] });
  addToken(state, ann, { tokenid: 'own' });
  addToken(state, ann, { tokenid: 'full', privsep: false });
  state.roles['Start'] = ['VM.PowerMgmt'];
  state.acls = acls.map((text): SimAcl => {
    const [path = '', who = '', roleid = '', here] = text.split(' ');
    const at = who.indexOf(':');
    const type = who.slice(0, at) as SimAcl['type'];
    return { path, type, ugid: who.slice(at + 1), roleid, propagate: here === undefined };
  });
  return state;
}
const on = (state: SimState, path: string, who = 'ann@pve'): string[] =>
  Object.keys(privilegesOf(state, who, path)).toSorted();

describe('ACLs', () => {
  test('a role reaches below its path', () => {
    const state = stateWith('/vms user:ann@pve Start');
    expect(on(state, '/vms/100')).toEqual(['VM.PowerMgmt']);
    expect(on(state, '/storage/local')).toEqual([]);
  });
  test('without propagation it holds on the path alone', () => {
    const state = stateWith('/vms user:ann@pve Start here');
    expect(on(state, '/vms')).toEqual(['VM.PowerMgmt']);
    expect(on(state, '/vms/100')).toEqual([]);
    expect(privilegesOf(state, 'ann@pve', '/vms')).toEqual({ 'VM.PowerMgmt': 0 });
  });
  test('a deeper entry replaces a shallower one', () => {
    const state = stateWith('/ user:ann@pve PVEAuditor', '/vms/100 user:ann@pve Start');
    expect(on(state, '/vms/100')).toEqual(['VM.PowerMgmt']);
    expect(on(state, '/vms/101')).toContain('VM.Audit');
  });
  test("on one path a user's entries beat those of groups", () => {
    const state = stateWith('/vms group:staff PVEAuditor', '/vms user:ann@pve Start');
    expect(on(state, '/vms')).toEqual(['VM.PowerMgmt']);
  });
  test('groups give roles to their members', () => {
    expect(on(stateWith('/vms group:staff Start'), '/vms/100')).toEqual(['VM.PowerMgmt']);
  });
  test('several roles on one path add up', () => {
    const state = stateWith('/vms user:ann@pve Start', '/vms user:ann@pve PVETemplateUser');
    expect(on(state, '/vms/100')).toEqual(['VM.Audit', 'VM.Clone', 'VM.PowerMgmt']);
  });
  test('NoAccess takes everything away', () => {
    const state = stateWith('/ user:ann@pve PVEAuditor', '/vms/100 user:ann@pve NoAccess');
    expect(on(state, '/vms/100')).toEqual([]);
    expect(on(state, '/vms/101')).toContain('VM.Audit');
  });
  test('members of a pool get the roles on the pool', () => {
    const state = stateWith('/pool/lab user:ann@pve Start');
    state.pools['lab'] = { poolid: 'lab', vms: [100], storages: ['local'] };
    expect(on(state, '/vms/100')).toEqual(['VM.PowerMgmt']);
    expect(on(state, '/storage/local')).toEqual(['VM.PowerMgmt']);
    expect(on(state, '/vms/101')).toEqual([]);
  });
  test('a role on a parent pool reaches into nested ones', () => {
    const state = stateWith('/pool/lab user:ann@pve Start');
    state.pools['lab/a'] = { poolid: 'lab/a', vms: [100], storages: [] };
    expect(on(state, '/vms/100')).toEqual(['VM.PowerMgmt']);
  });
});

describe('tokens', () => {
  test('without privilege separation have the rights of their user', () => {
    expect(on(stateWith('/vms user:ann@pve Start'), '/vms/100', 'ann@pve!full')).toEqual(['VM.PowerMgmt']);
  });
  test('with it have none at first', () => {
    expect(on(stateWith('/vms user:ann@pve Start'), '/vms/100', 'ann@pve!own')).toEqual([]);
  });
  test('with it have what both they and their user have', () => {
    const state = stateWith('/vms user:ann@pve PVEVMUser', '/vms/100 token:ann@pve!own PVEVMAdmin');
    expect(on(state, '/vms/100', 'ann@pve!own')).toEqual(builtInRoles['PVEVMUser']);
    expect(on(state, '/vms/101', 'ann@pve!own')).toEqual([]);
  });
  test('of root@pam have all privileges', () => {
    const state = stateWith();
    const root = addUser(state, { userid: 'root@pam' });
    addToken(state, root, { tokenid: 't1', privsep: false });
    expect(on(state, '/anything', 'root@pam!t1')).toEqual([...privileges].toSorted());
  });
  test('that do not exist have nothing', () => {
    expect(on(stateWith('/ user:ann@pve Administrator'), '/', 'ann@pve!gone')).toEqual([]);
  });
});

describe('what is missing', () => {
  test.each<[granted: Record<string, 0 | 1>, any: boolean, want: string | undefined]>([
    [{ A: 1, B: 0 }, false, undefined],
    [{ A: 1 }, false, 'B'],
    [{}, false, 'A'],
    [{ B: 0 }, true, undefined],
    [{}, true, 'A|B'],
  ])('%o, any: %s', (granted, any, want) => {
    expect(missingPrivilege(granted, ['A', 'B'], any)).toBe(want);
  });
});

describe('listings', () => {
  test('effective permissions leave out paths without privileges and name paths of ACLs and pool members', () => {
    const state = stateWith('/pool/lab user:ann@pve Start', '/vms/200 group:staff Start');
    state.pools['lab'] = { poolid: 'lab', vms: [100], storages: [] };
    expect(effectivePermissions(state, 'ann@pve')).toEqual({
      '/pool/lab': { 'VM.PowerMgmt': 1 },
      '/vms/100': { 'VM.PowerMgmt': 1 },
      '/vms/200': { 'VM.PowerMgmt': 1 },
    });
  });
  test('capabilities of somebody with rights on a pool show what the pool gives', () => {
    const state = stateWith('/pool/lab user:ann@pve PVEVMUser');
    const { vms, nodes } = capabilities(state, 'ann@pve');
    expect(vms).toMatchObject({ 'VM.PowerMgmt': 1, 'VM.Console': 1 });
    expect(nodes).toEqual({});
  });
});

describe('built-in roles', () => {
  test.each<[role: string, has: readonly string[], hasNot: readonly string[]]>([
    ['Administrator', ['Permissions.Modify', 'Sys.PowerMgmt', 'Realm.Allocate', 'Mapping.Modify'], []],
    ['NoAccess', [], ['VM.Audit']],
    [
      'PVEAdmin',
      ['VM.Allocate', 'Sys.Console', 'Datastore.Allocate'],
      [
        'Permissions.Modify',
        'Sys.Modify',
        'Sys.PowerMgmt',
        'Sys.Incoming',
        'Sys.AccessNetwork',
        'Realm.Allocate',
        'Mapping.Modify',
      ],
    ],
    ['PVEVMAdmin', ['VM.Config.Memory', 'VM.Console', 'VM.Audit'], ['Datastore.Audit']],
    ['PVEVMUser', ['VM.PowerMgmt', 'VM.Audit'], ['VM.Config.Memory', 'VM.Allocate']],
    ['PVEDatastoreUser', ['Datastore.AllocateSpace', 'Datastore.Audit'], ['Datastore.Allocate']],
    ['PVEMappingAdmin', ['Mapping.Modify', 'Mapping.Use'], ['Mapping.Nope']],
  ])('%s', (role, has, hasNot) => {
    const list = builtInRoles[role] ?? [];
    expect(list).toEqual(expect.arrayContaining([...has]));
    expect(list.filter((privilege) => hasNot.includes(privilege))).toEqual([]);
  });
  test('auditors have exactly the Audit privileges', () => {
    expect(builtInRoles['PVEAuditor']).toEqual(
      [...privileges].filter((name) => name.endsWith('Audit')).toSorted(),
    );
  });
});

describe('paths and ids', () => {
  test.each<[given: string, want: string | undefined]>([
    ['vms//100/', '/vms/100'],
    ['/', '/'],
    ['', undefined],
    ['/a b', undefined],
  ])('normalises %s', (given, want) => {
    expect(normalizePath(given)).toBe(want);
  });
  test('knows which paths take ACLs', () => {
    const good = [
      '/',
      '/vms',
      '/vms/100',
      '/pool/a/b/c',
      '/sdn/zones/localnetwork/vmbr0/12',
      '/access/groups/staff',
    ];
    const bad = ['/bad/path', '/vms/99', '/vms/abc', '/pool/a/b/c/d', '/nodes/a/b'];
    expect(good.filter(isAclPath)).toEqual(good);
    expect(bad.filter(isAclPath)).toEqual([]);
  });
  test('splits ids of users and tokens', () => {
    expect(splitAuthId('ann@pve')).toEqual({ userid: 'ann@pve' });
    expect(splitAuthId('ann@pve!t1')).toEqual({ userid: 'ann@pve', tokenid: 't1' });
    expect(splitAuthId('a!b@pve')).toEqual({ userid: 'a!b@pve' });
  });
});

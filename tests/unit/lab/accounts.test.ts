/** Accounts of students: what is created, kept and removed, and what of others is never touched. */
import { describe, expect, it, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import {
  type AccountChange,
  type AccountPlan,
  type ActualAccess,
  type OwnContainer,
  readMark,
  writeMark,
} from '../../../src/domain/lab/access.ts';
import { planPasswords, splitName } from '../../../src/domain/lab/account-users.ts';
import { planAccounts } from '../../../src/domain/lab/accounts.ts';
import { summary } from '../spec/support.ts';
import { fleetWith, loadRoster } from './support.ts';

const csv = 'name,login,email\nAnna Huber,anna,anna@x.example\nBen,ben,\n';
const fleetOf = (accounts: string, roster = csv): DesiredFleet =>
  fleetWith(`roster: students.csv\naccounts: ${accounts}`, roster);
const none: ActualAccess = { users: [], pools: [], roles: [], acls: [] };

const privileges = ['VM.Audit', 'VM.Console', 'VM.PowerMgmt'];
const role = { roleid: 'lab-student', privileges, isBuiltIn: false };
const user = (login: string, more: object = {}): ActualAccess['users'][number] => ({
  userid: `${login}@pve`,
  comment: writeMark({ fleet: 'lab', student: login }),
  firstname: login === 'anna' ? 'Anna' : 'Ben',
  ...(login === 'anna' ? { lastname: 'Huber', email: 'anna@x.example' } : {}),
  enable: true,
  expire: 0,
  ...more,
});
const pool = (login: string, more: object = {}): ActualAccess['pools'][number] => ({
  poolid: `lab-${login}`,
  comment: writeMark({ fleet: 'lab', student: login }),
  vmids: [],
  storages: [],
  ...more,
});
const acl = (login: string, more: object = {}): ActualAccess['acls'][number] => ({
  path: `/pool/lab-${login}`,
  type: 'user',
  ugid: `${login}@pve`,
  roleid: 'lab-student',
  propagate: true,
  ...more,
});
const done: ActualAccess = {
  users: [user('anna'), user('ben')],
  pools: [pool('anna'), pool('ben')],
  roles: [role],
  acls: [acl('anna'), acl('ben')],
};
const container = (key: string, vmid: number, leaves = false): OwnContainer => ({ key, vmid, leaves });
const idsOf = ({ changes }: AccountPlan): string[] => changes.map(({ id }) => id);
const codesOf = ({ refusals }: AccountPlan): string[] => refusals.map(({ code }) => code);
const change = (plan: AccountPlan, id: string): AccountChange => {
  const found = plan.changes.find((one) => one.id === id);
  if (!found) throw new Error(`no ${id} among ${idsOf(plan).join(', ')}`);
  return found;
};

describe('the file', () => {
  it('has sensible defaults', () => {
    const { accounts, students, containers } = fleetOf('{}');
    expect(accounts).toEqual({
      realm: 'pve',
      create: true,
      passwords: 'generated',
      role: { name: 'lab-student', privileges },
    });
    expect(students?.map(({ account }) => account)).toEqual([
      { userid: 'anna@pve', pool: 'lab-anna' },
      { userid: 'ben@pve', pool: 'lab-ben' },
    ]);
    expect(containers.map((one) => one.pool)).toEqual(['lab-anna', 'lab-ben']);
  });

  it('says everything else', () => {
    const { accounts, students, containers } = fleetOf(
      "{ realm: school, user: 's.{login}@{realm}', create: false, pool: null, role: PVEVMUser, expire: 2027-02-15, enable: false }",
    );
    expect(accounts).toEqual({
      realm: 'school',
      create: false,
      passwords: 'realm',
      role: { name: 'PVEVMUser' },
      expire: Date.UTC(2027, 1, 16) / 1000,
      enable: false,
    });
    expect(students?.[0]?.account).toEqual({ userid: 's.anna@school' });
    expect(containers.map((one) => one.pool)).toEqual([undefined, undefined]);
  });

  it('may nest the pools of a group', () => {
    const { students } = fleetOf(
      "{ pool: '{group}/{login}', role: { name: '{fleet}-x', privileges: [VM.Audit] } }",
      'login,group\nanna.h,1 A\n',
    );
    expect(students?.[0]?.account).toEqual({ userid: 'anna.h@pve', pool: '1-a/anna-h' });
  });

  test.each<[string, string, string]>([
    ['a role of Proxmox VE that cannot be made', '{ role: { name: PVEStudent } }', '6:29-6:39 SPEC_RESERVED'],
    ['a privilege that there is not', '{ role: { privileges: [VM.Consol] } }', '6:36-6:45 SPEC_VALUE'],
    ['one user for all', '{ user: student@pve }', '6:21-6:32 SPEC_NUMBERING'],
    ['a user of another realm', "{ realm: pam, user: '{login}@pve' }", '6:33-6:46 SPEC_ACCOUNTS'],
    ['one pool for all', '{ pool: all }', '6:21-6:24 SPEC_ACCOUNTS'],
    ['a day that there is not', '{ expire: 2027-02-30 }', '6:23-6:33 SPEC_VALUE'],
    ['an unknown key', '{ relm: pve }', '6:15-6:19 SPEC_UNKNOWN_KEY'],
    ['a pool of containers beside it', '{}\npool: mine', '7:3-7:7 SPEC_ACCOUNTS'],
  ])('tells of %s', (_, accounts, want) => {
    const { diagnostics } = loadRoster(`roster: students.csv\naccounts: ${accounts}`, csv);
    expect(summary({ diagnostics })).toEqual([`fleet.yaml ${want}`]);
  });
});

describe('marks', () => {
  it('are found among other words, and replaced', () => {
    const comment = 'Room 4 pvefleet fleet=lab student=anna, sits left';
    expect(readMark('pvefleet fleet=lab student=anna')).toEqual({ fleet: 'lab', student: 'anna' });
    expect(readMark('see pvefleet fleet=lab')).toEqual({ fleet: 'lab' });
    expect(readMark('a pvefleet fan')).toBeUndefined();
    expect(readMark(undefined)).toBeUndefined();
    expect(writeMark({ fleet: 'lab', student: 'eva' }, comment.replace(',', ''))).toBe(
      'Room 4 sits left pvefleet fleet=lab student=eva',
    );
  });
});

describe('a new class', () => {
  const plan = planAccounts(fleetOf('{ expire: 2027-02-15 }'), none, []);

  it('gets role, pools, users and rights, in that order', () => {
    expect(idsOf(plan)).toEqual([
      'role/lab-student/create',
      'pool/lab-anna/create',
      'pool/lab-ben/create',
      'user/anna@pve/create',
      'user/ben@pve/create',
      'acl/pool/lab-anna/anna@pve/grant',
      'acl/pool/lab-ben/ben@pve/grant',
    ]);
    expect(new Set(plan.changes.map(({ phase }) => phase))).toEqual(new Set(['before']));
    expect(change(plan, 'acl/pool/lab-anna/anna@pve/grant').dependsOn).toEqual([
      'role/lab-student/create',
      'user/anna@pve/create',
      'pool/lab-anna/create',
    ]);
  });

  it('is sent as the API has it, with a placeholder for each password', () => {
    expect(change(plan, 'role/lab-student/create').request).toEqual({
      method: 'POST',
      path: '/access/roles',
      params: { roleid: 'lab-student', privs: 'VM.Audit,VM.Console,VM.PowerMgmt' },
    });
    expect(change(plan, 'pool/lab-anna/create').request).toEqual({
      method: 'POST',
      path: '/pools',
      params: { poolid: 'lab-anna', comment: 'pvefleet fleet=lab student=anna' },
    });
    expect(change(plan, 'user/anna@pve/create').request).toEqual({
      method: 'POST',
      path: '/access/users',
      params: {
        userid: 'anna@pve',
        firstname: 'Anna',
        lastname: 'Huber',
        email: 'anna@x.example',
        expire: Date.UTC(2027, 1, 16) / 1000,
        comment: 'pvefleet fleet=lab student=anna',
        password: { $secret: 'generated:anna' },
      },
    });
    expect(change(plan, 'acl/pool/lab-anna/anna@pve/grant').request).toEqual({
      method: 'PUT',
      path: '/access/acl',
      params: { path: '/pool/lab-anna', users: 'anna@pve', roles: 'lab-student', propagate: true },
    });
  });
});

describe('a class that is there', () => {
  it('is left alone', () => {
    expect(planAccounts(fleetOf('{}'), done, [])).toEqual({ changes: [], refusals: [], notices: [] });
  });

  test.each<[string, string, Partial<ActualAccess>, object]>([
    [
      'a user',
      '{}',
      { users: [user('anna', { lastname: 'Old', email: 'x@y.z' }), user('ben')] },
      {
        id: 'user/anna@pve/update',
        request: {
          method: 'PUT',
          path: '/access/users/{userid}',
          params: { userid: 'anna@pve', lastname: 'Huber', email: 'anna@x.example' },
        },
      },
    ],
    [
      'the end',
      '{ expire: 2027-02-15 }',
      { users: [user('anna', { expire: 1_802_736_000 }), user('ben')] },
      { id: 'user/ben@pve/update', changes: [{ field: 'expire', from: 0, to: 1_802_736_000 }] },
    ],
    [
      'who may log in',
      '{ enable: false }',
      { users: [user('anna', { enable: false }), user('ben')] },
      { id: 'user/ben@pve/update', risk: 'disruptive' },
    ],
    [
      'a mark',
      '{}',
      { pools: [pool('anna', { comment: 'Room 4 pvefleet fleet=lab student=old' }), pool('ben')] },
      {
        id: 'pool/lab-anna/update',
        request: { params: { poolid: 'lab-anna', comment: 'Room 4 pvefleet fleet=lab student=anna' } },
      },
    ],
    [
      'the role',
      '{ role: { privileges: [VM.Audit] } }',
      {},
      {
        id: 'role/lab-student/update',
        request: { method: 'PUT', params: { roleid: 'lab-student', privs: 'VM.Audit' } },
      },
    ],
    [
      'a right that is gone',
      '{}',
      { acls: [acl('anna')] },
      { id: 'acl/pool/lab-ben/ben@pve/grant', dependsOn: [] },
    ],
    [
      'a right that does not reach far enough',
      '{}',
      { acls: [acl('anna'), acl('ben', { propagate: false })] },
      { id: 'acl/pool/lab-ben/ben@pve/grant' },
    ],
    [
      'a right of one on the pool of another',
      '{}',
      { acls: [...done.acls, acl('anna', { ugid: 'ben@pve' })] },
      {
        id: 'acl/pool/lab-anna/ben@pve/revoke',
        request: { params: { path: '/pool/lab-anna', users: 'ben@pve', roles: 'lab-student', delete: true } },
      },
    ],
  ])('has %s put in order, and nothing else', (_, accounts, more, want) => {
    const plan = planAccounts(fleetOf(accounts), { ...done, ...more }, []);
    expect(plan.refusals).toEqual([]);
    expect(plan.changes).toMatchObject([want]);
  });

  it('loses who left, and nobody else', () => {
    const plan = planAccounts(fleetOf('{}', 'name,login,email\nAnna Huber,anna,anna@x.example\n'), done, []);
    expect(idsOf(plan)).toEqual(['user/ben@pve/delete', 'pool/lab-ben/delete']);
    expect(plan.changes.map(({ phase, risk, student }) => [phase, risk, student])).toEqual([
      ['after', 'destructive', 'ben'],
      ['after', 'destructive', 'ben'],
    ]);
  });

  it('has a container that stays taken out of a pool that goes', () => {
    const actual = { ...done, pools: [pool('anna'), pool('ben', { vmids: [101, 102] })] };
    const own = [container('student-ben', 101, true), container('other', 102)];
    const plan = planAccounts(
      fleetOf('{}', 'name,login,email\nAnna Huber,anna,anna@x.example\n'),
      actual,
      own,
    );
    expect(change(plan, 'pool/lab-ben/remove-member').request.params).toEqual({
      poolid: 'lab-ben',
      vms: '102',
      delete: true,
    });
    expect(change(plan, 'pool/lab-ben/delete').dependsOn).toEqual(['pool/lab-ben/remove-member']);
  });

  it('is removed with the section, its role too where nothing else uses it', () => {
    const { accounts: _, ...fleet } = fleetOf('{}');
    expect(idsOf(planAccounts(fleet, done, []))).toEqual([
      'role/lab-student/delete',
      'user/anna@pve/delete',
      'user/ben@pve/delete',
      'pool/lab-anna/delete',
      'pool/lab-ben/delete',
    ]);
    const elsewhere = { ...done, acls: [...done.acls, acl('anna', { path: '/vms/900' })] };
    expect(idsOf(planAccounts(fleet, elsewhere, []))).not.toContain('role/lab-student/delete');
  });
});

describe('without pools', () => {
  const fleet = fleetOf('{ pool: null }');
  const own = [container('student-anna', 101), container('student-ben', 102)];

  it('rights are granted on each container, when it is there', () => {
    expect(planAccounts(fleet, { ...done, pools: [], acls: [] }, own.slice(0, 1)).changes).toMatchObject([
      { id: 'acl/vms/101/anna@pve/grant', phase: 'after' },
    ]);
  });

  it('only those of students are revoked', () => {
    const acls = [
      acl('anna', { path: '/vms/101' }),
      acl('ben', { path: '/vms/102' }),
      acl('ben', { path: '/vms/101' }),
      acl('teacher', { path: '/vms/101', roleid: 'PVEVMAdmin' }),
      acl('ben', { path: '/vms/900' }),
    ];
    expect(idsOf(planAccounts(fleet, { ...done, pools: [], acls }, own))).toEqual([
      'acl/vms/101/ben@pve/revoke',
    ]);
  });

  it('a role that others have by hand stays theirs', () => {
    const given = fleetOf('{ pool: null, role: PVEVMUser }');
    const acls = [
      acl('anna', { path: '/vms/101', roleid: 'PVEVMUser' }),
      acl('ben', { path: '/vms/102', roleid: 'PVEVMUser' }),
      acl('teacher', { path: '/vms/101', roleid: 'PVEVMUser' }),
    ];
    const roles = [{ roleid: 'PVEVMUser', privileges: [], isBuiltIn: true }];
    expect(planAccounts(given, { ...done, pools: [], acls, roles }, own).changes).toEqual([]);
  });
});

describe('what is not the fleet’s own', () => {
  test.each<[string, string, Partial<ActualAccess>, string]>([
    ['a user of somebody', '{}', { users: [user('anna', { comment: 'mine' }), user('ben')] }, 'USER_FOREIGN'],
    [
      'a user of another fleet',
      '{}',
      { users: [user('anna', { comment: 'pvefleet fleet=old student=anna' }), user('ben')] },
      'USER_FOREIGN',
    ],
    ['a pool of somebody', '{}', { pools: [pool('anna', { comment: 'mine' }), pool('ben')] }, 'POOL_FOREIGN'],
    [
      'a role that is used elsewhere',
      '{ role: { privileges: [VM.Audit] } }',
      { acls: [...done.acls, acl('x', { path: '/' })] },
      'ROLE_FOREIGN',
    ],
    [
      'a role of Proxmox VE',
      '{ role: { name: Mine } }',
      { roles: [role, { roleid: 'Mine', privileges: [], isBuiltIn: true }] },
      'ROLE_FOREIGN',
    ],
    ['a role that is missing', '{ role: Mine }', {}, 'ROLE_MISSING'],
    ['a user that is missing', '{ create: false }', { users: [user('anna')] }, 'USER_MISSING'],
    [
      'a pool with others in it',
      '{ create: false }',
      { pools: [pool('anna', { comment: '', vmids: [900] }), pool('ben')] },
      'POOL_SHARED',
    ],
    [
      'a realm that there is not',
      '{ realm: school, create: false }',
      {
        realms: ['pam', 'pve'],
        users: [user('anna', { userid: 'anna@school' }), user('ben', { userid: 'ben@school' })],
      },
      'REALM_UNKNOWN',
    ],
  ])('%s is refused', (_, accounts, more, code) => {
    expect(codesOf(planAccounts(fleetOf(accounts), { ...done, ...more }, []))).toEqual([code]);
  });

  it('is used as it is where nothing is to be created', () => {
    const actual = {
      ...done,
      users: [user('anna', { comment: 'mine', lastname: 'Other' }), user('ben', { comment: '' })],
    };
    expect(planAccounts(fleetOf('{ create: false }'), actual, []).changes).toEqual([]);
  });

  it('keeps a pool from being removed', () => {
    const actual = { ...done, pools: [pool('anna'), pool('ben', { vmids: [900], storages: ['nfs'] })] };
    const plan = planAccounts(
      fleetOf('{}', 'name,login,email\nAnna Huber,anna,anna@x.example\n'),
      actual,
      [],
    );
    expect(idsOf(plan)).toEqual(['user/ben@pve/delete']);
    expect(plan.notices).toMatchObject([
      { code: 'POOL_KEPT', message: expect.stringContaining('900, nfs') as string },
    ]);
  });

  it('is told where a student sees it', () => {
    const actual = { ...done, pools: [pool('anna', { vmids: [900] }), pool('ben')] };
    expect(planAccounts(fleetOf('{}'), actual, []).notices).toMatchObject([{ code: 'POOL_MEMBERS' }]);
  });
});

describe('passwords', () => {
  it('are set anew for users of the fleet only', () => {
    const { students = [] } = fleetOf('{}');
    const { changes, refusals } = planPasswords('lab', students, [
      user('anna'),
      user('ben', { comment: '' }),
    ]);
    expect(changes).toMatchObject([
      {
        id: 'user/anna@pve/password',
        request: {
          method: 'PUT',
          path: '/access/password',
          params: { userid: 'anna@pve', password: { $secret: 'generated:anna' } },
        },
      },
    ]);
    expect(refusals.map(({ code, message }) => [code, message])).toEqual([
      ['PASSWORD_FOREIGN', 'ben: the password of ben@pve is not ours to set'],
    ]);
  });
});

test.each([
  ['Anna Maria Huber', { firstname: 'Anna Maria', lastname: 'Huber' }],
  ['Huber, Anna Maria', { firstname: 'Anna Maria', lastname: 'Huber' }],
  ['Zoë', { firstname: 'Zoë' }],
])('the name %s is split', (name, want) => {
  expect(splitName(name)).toEqual(want);
});

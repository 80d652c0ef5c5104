import { describe, expect, test } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import {
  grantCommands,
  missingPrivileges,
  neededPrivileges,
  privilegesOn,
  rootOnlySettings,
} from '../../../src/engine/privileges.ts';
import { desired, fleetOf } from '../../support/builders.ts';

const noActions = { actions: [] } as unknown as Plan;

describe('privilegesOn', () => {
  const tree = {
    '/': { 'VM.Audit': 1, 'Sys.Modify': 0 },
    '/vms/100': { 'VM.Allocate': 0 },
    '/storage': { 'Datastore.Audit': 1 },
  };
  test.each([
    ['/', ['Sys.Modify', 'VM.Audit']],
    ['/vms', ['VM.Audit']],
    ['/vms/101', ['VM.Audit']],
    ['/vms/100', ['VM.Allocate']],
    ['/storage/local', ['Datastore.Audit']],
    ['/sdn/zones/localnetwork/vmbr0', ['VM.Audit']],
  ])('%s', (path, want) => {
    expect([...privilegesOn(tree, path)].sort()).toEqual(want);
  });
});

test('needs follow the file: guests or pool, storages, bridges with their tag, privileged containers', () => {
  const file = fleetOf([
    desired('a', {
      vmid: 101,
      nets: { eth0: { bridge: 'vmbr0', vlan: 7 } },
      mounts: { '/data': { storage: 'big' } },
    }),
    desired('b', { pool: 'lab', unprivileged: false }),
  ]);
  const needs = neededPrivileges(file, noActions);
  expect(needs.map(({ path }) => path)).toEqual([
    '/',
    '/pool/lab',
    '/sdn/zones/localnetwork/vmbr0/7',
    '/storage/big',
    '/storage/local-lvm',
    '/vms/101',
  ]);
  expect(
    missingPrivileges(needs, { '/': { 'Sys.Modify': 1, 'SDN.Use': 1 } }).map(({ path }) => path),
  ).not.toContain('/');
});

describe('grantCommands', () => {
  const needs = neededPrivileges(fleetOf([desired('a', { vmid: 101 })]), noActions);

  test('give the role to the token and its user, and once per path', () => {
    const missing = missingPrivileges(needs, {});
    expect(grantCommands(missing, 'ci@pve!t')).toEqual([
      "pveum role add FleetStorage --privs 'Datastore.AllocateSpace,Datastore.Audit'",
      expect.stringMatching(/^pveum role add FleetGuests --privs 'VM.Allocate,/),
      "pveum acl modify /storage/local-lvm --users 'ci@pve' --tokens 'ci@pve!t' --roles FleetStorage",
      "pveum acl modify /vms --users 'ci@pve' --tokens 'ci@pve!t' --roles FleetGuests",
    ]);
  });

  test('take nothing away that the account holds by inheritance', () => {
    const tree = {
      '/': {
        'VM.Console': 1,
        'VM.Audit': 1,
        'Sys.Audit': 1,
        'Datastore.AllocateSpace': 1,
        'Datastore.Audit': 1,
      },
    };
    const [role, ...rest] = grantCommands(missingPrivileges(needs, tree), 'ci@pve', tree);
    expect(role).toContain('VM.Console');
    expect(role).not.toContain('Sys.Audit');
    expect(rest).toEqual(["pveum acl modify /vms --users 'ci@pve' --roles FleetGuests"]);
  });
});

test('settings that only root@pam may make', () => {
  const file = fleetOf([
    desired('a', {
      features: { nesting: true, keyctl: true, fuse: false },
      mounts: { '/srv': { source: '/srv' }, '/d': { storage: 'x' } },
    }),
    desired('b', {
      unprivileged: false,
      features: { nesting: true },
      devices: { '/dev/fuse': {} },
      options: { hookscript: 'local:snippets/x' },
    }),
  ]);
  expect(rootOnlySettings(file)).toEqual([
    'a: features.keyctl',
    'a: mounts./srv',
    'b: features.nesting',
    'b: devices./dev/fuse',
    'b: hookscript',
  ]);
});

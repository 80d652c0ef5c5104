/**
 * The seed `reference`: the content of the cluster that the conformance scenarios were recorded on
 * (conformance/reference-cluster.md). Secrets and passwords are those of that document; they open nothing but this toy.
 */
import { catalogueEntry } from './appliances.ts';
import {
  addNode,
  addStorage,
  addTemplate,
  addToken,
  addUser,
  emptyState,
  fleetPrivileges,
  grant,
} from './seed-parts.ts';
import type { SimState } from './state.ts';

const rootBytes = 270_553_174_016;

function addPeople(state: SimState, nowMs: number): void {
  const root = addUser(state, {
    userid: 'root@pam',
    password: 'oracle-root-pw',
    comment: 'superuser',
    email: '',
  });
  addToken(state, root, {
    tokenid: 'oracle',
    secret: '11111111-1111-4111-8111-111111111111',
    privsep: false,
  });
  const automation = addUser(state, {
    userid: 'automation@pve',
    password: 'automation-pw',
    comment: 'API automation',
    email: '',
  });
  addToken(state, automation, { tokenid: 'ci', secret: '22222222-2222-4222-8222-222222222222' });
  addToken(state, automation, {
    tokenid: 'full',
    secret: '33333333-3333-4333-8333-333333333333',
    privsep: false,
  });
  addToken(state, automation, {
    tokenid: 'expired',
    secret: '55555555-5555-4555-8555-555555555555',
    privsep: false,
    expire: 1,
  });
  const auditor = addUser(state, { userid: 'auditor@pve', password: 'auditor-pw' });
  addToken(state, auditor, {
    tokenid: 'ro',
    secret: '44444444-4444-4444-8444-444444444444',
    privsep: false,
  });
  addUser(state, { userid: 'nobody@pve', password: 'nobody-pw' });
  addUser(state, { userid: 'disabled@pve', password: 'disabled-pw', enable: false });
  addUser(state, {
    userid: 'tfa@pve',
    password: 'tfa-user-pw',
    comment: 'needs TOTP',
    email: '',
    totpSecret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    totp: {
      id: '11111111-2222-3333-4444-555555555555',
      description: 'oracle',
      created: Math.floor(nowMs / 1000),
      enable: true,
    },
  });
  state.roles['LabOperator'] = fleetPrivileges.slice();
  grant(state, '/', 'user', 'automation@pve', 'LabOperator');
  grant(state, '/', 'user', 'auditor@pve', 'PVEAuditor');
  grant(state, '/', 'user', 'tfa@pve', 'PVEAuditor');
  grant(state, '/', 'token', 'automation@pve!ci', 'PVEAuditor');
  grant(state, '/vms', 'token', 'automation@pve!ci', 'LabOperator');
}

/**
 * Makes the reference cluster.
 *
 * @param randomSeed - where the random numbers begin.
 * @param nowMs - simulated time.
 */
export function seedReference(randomSeed: number, nowMs: number): SimState {
  const state = emptyState(randomSeed);
  addNode(
    state,
    {
      name: 'pve1',
      ip: '10.99.0.1',
      nodeid: 0,
      maxCpu: 2,
      memoryBytes: 25_276_502_016,
      swapBytes: 0,
      rootBytes,
      bridges: [{ iface: 'vmbr0', cidr: '10.99.0.1/24' }],
    },
    nowMs,
  );
  addStorage(state, {
    storage: 'local',
    type: 'dir',
    content: ['backup', 'images', 'iso', 'rootdir', 'snippets', 'vztmpl'],
    path: '/var/lib/vz',
    totalBytes: rootBytes,
    baseUsedBytes: 20 * 1024 ** 3,
  });
  addStorage(state, {
    storage: 'btrfs',
    type: 'btrfs',
    content: ['images', 'rootdir'],
    path: '/mnt/btrfs',
    totalBytes: 6_442_450_944,
  });
  state.catalogue.push(
    catalogueEntry({
      package: 'alpine-3.21-default',
      version: '20241217',
      os: 'alpine-3.21',
      sizeBytes: 906_932,
      location: 'system/alpine-3.21-default_20241217_amd64.tar.xz',
    }),
  );
  const local = { node: 'pve1', storage: 'local' };
  addTemplate(state, local, 'alpine-3.22-default_20250617_amd64.tar.xz', nowMs, 906_932);
  addTemplate(state, local, 'debian-12-standard_12.12-1_amd64.tar.zst', nowMs, 35_088_922);
  state.pools['lab'] = { poolid: 'lab', comment: 'lab pool', vms: [], storages: [] };
  addPeople(state, nowMs);
  return state;
}

/**
 * The clusters that a simulation can begin with: `small` for a first try, `cluster` for everything that needs several
 * nodes; `reference` is in seed-reference.ts.
 */

import {
  addNode,
  addRoot,
  addStorage,
  addTemplate,
  addToken,
  addUser,
  emptyState,
  fleetPrivileges,
  gibibyte,
  grant,
} from './seed-parts.ts';
import { seedReference } from './seed-reference.ts';
import type { SimState } from './state.ts';

export type SeedName = 'small' | 'cluster' | 'reference';

/** File names of the newest catalogue entries of these packages. */
function templatesOf(state: SimState, packages: readonly string[]): string[] {
  return packages.flatMap((name) => {
    const entries = state.catalogue.filter((entry) => entry.package === name);
    return entries.slice(-1).map((entry) => entry.template);
  });
}

/** Debian 12 and the newest Alpine; everything else must be downloaded. */
function newestAlpine(state: SimState): string {
  return (
    state.catalogue
      .map((entry) => entry.package)
      .filter((name) => name.startsWith('alpine-'))
      .at(-1) ?? 'alpine'
  );
}

function addLocalTemplates(state: SimState, nowMs: number): void {
  for (const template of templatesOf(state, ['debian-12-standard', newestAlpine(state)])) {
    addTemplate(state, { node: 'pve1', storage: 'local' }, template, nowMs);
  }
}

/** `local` and `local-lvm`, as the installer makes them. */
function addInstallerStorages(state: SimState): void {
  addStorage(state, {
    storage: 'local',
    type: 'dir',
    content: ['vztmpl', 'iso', 'backup', 'snippets'],
    path: '/var/lib/vz',
    totalBytes: 100 * gibibyte,
    baseUsedBytes: 6 * gibibyte,
  });
  addStorage(state, {
    storage: 'local-lvm',
    type: 'lvmthin',
    content: ['rootdir', 'images'],
    totalBytes: 800 * gibibyte,
    options: { thinpool: 'data', vgname: 'pve' },
  });
}

function seedSmall(randomSeed: number, nowMs: number): SimState {
  const state = emptyState(randomSeed);
  addNode(
    state,
    {
      name: 'pve1',
      ip: '192.168.10.11',
      nodeid: 0,
      maxCpu: 16,
      memoryBytes: 64 * gibibyte,
      swapBytes: 8 * gibibyte,
      rootBytes: 100 * gibibyte,
      bridges: [{ iface: 'vmbr0', cidr: '192.168.10.11/24', dhcp: '192.168.10.100/24' }],
    },
    nowMs,
  );
  addInstallerStorages(state);
  addLocalTemplates(state, nowMs);
  addRoot(state);
  return state;
}

function addPeople(state: SimState): void {
  state.roles['FleetOperator'] = fleetPrivileges.slice();
  state.groups['instructors'] = { comment: 'people who run the labs', users: [] };
  addRoot(state);
  const automation = addUser(state, {
    userid: 'automation@pve',
    password: 'automation-password',
    comment: 'API automation',
  });
  addToken(state, automation, { tokenid: 'fleet', privsep: false });
  addToken(state, automation, { tokenid: 'limited' });
  const auditor = addUser(state, { userid: 'auditor@pve', password: 'auditor-password' });
  addToken(state, auditor, { tokenid: 'ro', privsep: false });
  addUser(state, { userid: 'instructor@pve', password: 'instructor-password', groups: ['instructors'] });
  addUser(state, { userid: 'student@pve', password: 'student-password' });
  grant(state, '/', 'user', 'automation@pve', 'FleetOperator');
  grant(state, '/', 'token', 'automation@pve!limited', 'PVEAuditor');
  grant(state, '/vms', 'token', 'automation@pve!limited', 'FleetOperator');
  grant(state, '/', 'user', 'auditor@pve', 'PVEAuditor');
  grant(state, '/pool/lab', 'group', 'instructors', 'PVEVMAdmin');
}

function seedCluster(randomSeed: number, nowMs: number): SimState {
  const state = emptyState(randomSeed);
  state.clusterName = 'lab';
  for (const number of [1, 2, 3]) {
    addNode(
      state,
      {
        name: `pve${number}`,
        ip: `192.168.10.${10 + number}`,
        nodeid: number,
        maxCpu: 32,
        memoryBytes: 128 * gibibyte,
        swapBytes: 8 * gibibyte,
        rootBytes: 100 * gibibyte,
        bridges: [
          { iface: 'vmbr0', cidr: `192.168.10.${10 + number}/24`, dhcp: '192.168.10.100/24' },
          { iface: 'vmbr1' },
        ],
      },
      nowMs,
    );
  }
  addInstallerStorages(state);
  addStorage(state, {
    storage: 'shared',
    type: 'nfs',
    content: ['vztmpl', 'rootdir', 'images', 'backup'],
    shared: true,
    path: '/mnt/pve/shared',
    totalBytes: 4096 * gibibyte,
    baseUsedBytes: 120 * gibibyte,
    options: { export: '/export/pve', server: '192.168.10.5' },
  });
  addStorage(state, {
    storage: 'local-zfs',
    type: 'zfspool',
    content: ['rootdir', 'images'],
    nodes: ['pve1', 'pve2'],
    totalBytes: 1024 * gibibyte,
    options: { pool: 'rpool/data', sparse: '1' },
  });
  addLocalTemplates(state, nowMs);
  addPeople(state);
  state.pools['lab'] = { poolid: 'lab', comment: 'teaching', vms: [], storages: [] };
  state.pools['production'] = { poolid: 'production', comment: 'keep running', vms: [], storages: [] };
  return state;
}

const seeds: Readonly<Record<SeedName, (randomSeed: number, nowMs: number) => SimState>> = {
  small: seedSmall,
  cluster: seedCluster,
  reference: seedReference,
};

/**
 * Makes the state that a simulation begins with.
 *
 * @param name - which seed.
 * @param randomSeed - where the random numbers begin; equal seeds give equal passwords, tokens and addresses.
 * @param nowMs - simulated time.
 */
export function seedState(name: SeedName, randomSeed: number, nowMs: number): SimState {
  return seeds[name](randomSeed, nowMs);
}

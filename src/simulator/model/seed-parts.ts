/** Building blocks of the seeds: an empty cluster, nodes, storages, templates, users. Each is a fresh plain value. */
import { createHash } from 'node:crypto';
import { formatByName, officialCatalogue } from './appliances.ts';
import { randomHex, randomUuid } from './random.ts';
import type { SimNode, SimState, SimStorage, SimToken, SimUser, SimVolume } from './state.ts';

export const gibibyte: number = 1024 ** 3;

/** Upper-case hex pairs joined by colons, derived from a text. */
function fingerprintOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex').toUpperCase();
  return (hex.match(/../g) ?? []).join(':');
}

/**
 * A cluster without nodes, storages, guests and users, with the built-in realms and the public catalogue.
 *
 * @param randomSeed - where the random numbers begin.
 */
export function emptyState(randomSeed: number): SimState {
  const state: SimState = {
    format: 'pvefleet.sim-state/1',
    version: { version: '9.2.11', release: '9.2', repoid: '' },
    clusterName: null,
    quorate: true,
    options: { keyboard: 'en-us', mac_prefix: 'BC:24:11' },
    nodes: {},
    storages: {},
    volumes: {},
    containers: {},
    vms: {},
    tasks: {},
    users: {},
    groups: {},
    roles: {},
    acls: [],
    realms: {
      pam: { type: 'pam', comment: 'Linux PAM standard authentication' },
      pve: { type: 'pve', comment: 'Proxmox VE authentication server' },
    },
    pools: {},
    haResources: {},
    firewall: {},
    catalogue: officialCatalogue(),
    secret: '',
    random: randomSeed >>> 0,
    counters: { pid: 1000 },
  };
  state.version.repoid = randomHex(state, 16);
  state.secret = randomHex(state, 64);
  return state;
}

/** What differs from node to node. */
export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly nodeid: number;
  readonly maxCpu: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly rootBytes: number;
  readonly bridges: readonly { readonly iface: string; readonly cidr?: string; readonly dhcp?: string }[];
}

/**
 * Adds a node that has been up for a day.
 *
 * @param nowMs - simulated time.
 */
export function addNode(state: SimState, facts: NodeFacts, nowMs: number): SimNode {
  const { bridges, ...rest } = facts;
  const node: SimNode = {
    ...rest,
    status: 'online',
    bootedAtMs: nowMs - 86_400_000,
    sslFingerprint: fingerprintOf(`certificate of ${facts.name}`),
    bridges: bridges.map((bridge) => ({ type: 'bridge', mtu: 1500, ...bridge })),
  };
  state.nodes[node.name] = node;
  return node;
}

/** Adds an entry of storage.cfg. */
export function addStorage(
  state: SimState,
  storage: Pick<SimStorage, 'storage' | 'type' | 'content' | 'totalBytes'> & Partial<SimStorage>,
): void {
  state.storages[storage.storage] = {
    shared: false,
    disabled: false,
    baseUsedBytes: 0,
    options: {},
    ...storage,
  };
}

/**
 * Puts a template of the catalogue onto a storage.
 *
 * @param node - where it lies; null on a shared storage.
 * @param template - file name.
 * @param sizeBytes - default: the catalogue's size.
 */
export function addTemplate(
  state: SimState,
  where: { readonly node: string | null; readonly storage: string },
  template: string,
  nowMs: number,
  sizeBytes?: number,
): void {
  const size = sizeBytes ?? state.catalogue.find((entry) => entry.template === template)?.sizeBytes ?? 0;
  const volid = `${where.storage}:vztmpl/${template}`;
  const volume: SimVolume = {
    volid,
    storage: where.storage,
    node: where.node,
    content: 'vztmpl',
    format: formatByName('vztmpl', template) ?? 'tar',
    sizeBytes: size,
    usedBytes: size,
    ctime: Math.floor(nowMs / 1000) - 3600,
    snapshots: [],
  };
  state.volumes[`${where.node ?? '*'}|${volid}`] = volume;
}

/** Adds a user; without a password nobody can log in as it. */
export function addUser(state: SimState, user: Pick<SimUser, 'userid'> & Partial<SimUser>): SimUser {
  const added: SimUser = { enable: true, expire: 0, groups: [], tokens: {}, ...user };
  state.users[added.userid] = added;
  for (const group of added.groups) state.groups[group]?.users.push(added.userid);
  return added;
}

/** Adds a token to a user; without a secret a random one. */
export function addToken(
  state: SimState,
  user: SimUser,
  token: Pick<SimToken, 'tokenid'> & Partial<SimToken>,
): SimToken {
  const added: SimToken = { secret: token.secret ?? randomUuid(state), privsep: true, expire: 0, ...token };
  user.tokens[added.tokenid] = added;
  return added;
}

/** Gives a role on a path and everything below it. */
export function grant(
  state: SimState,
  path: string,
  type: 'user' | 'group' | 'token',
  ugid: string,
  roleid: string,
): void {
  state.acls.push({ path, type, ugid, roleid, propagate: true });
}

/** root@pam with a random password and a token that has all its rights. */
export function addRoot(state: SimState): void {
  const root = addUser(state, {
    userid: 'root@pam',
    password: randomHex(state, 20),
    comment: 'superuser',
    email: '',
  });
  addToken(state, root, { tokenid: 'pvefleet', privsep: false, comment: 'token of the simulated cluster' });
}

/** Rights that a tool such as ours needs to run a fleet, and no more. */
export const fleetPrivileges: readonly string[] = [
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Datastore.Audit',
  'Pool.Allocate',
  'Pool.Audit',
  'SDN.Audit',
  'SDN.Use',
  'Sys.Audit',
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Config.CPU',
  'VM.Config.Disk',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Console',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
];

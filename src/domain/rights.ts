/**
 * THE RIGHTS TABLE: which privileges on which paths each request of a plan needs, and what is for root@pam alone.
 * Sources: the permissions of the API schema, and the checks in the server's code (pve-container API2/LXC.pm and LXC.pm,
 * pve-manager API2/Pool.pm). Pure; knows nothing of an account.
 */
import { splitList } from '../codec/list.ts';
import { encodeLxcConfig } from '../codec/lxc-config.ts';
import type { ActualContainer } from './actual.ts';
import {
  anyRight,
  bridgeNeeds,
  keyNeeds,
  type Need,
  type Right,
  right,
  type TagRules,
  volumeAccess,
  volumeOfDisk,
} from './config-rights.ts';
import type { Vmid } from './desired.ts';
import { accountRights, giveOnPool, givesOnPool, rolesAfter } from './lab/account-needs.ts';
import type { Action } from './plan.ts';
import { readVolume } from './spelling.ts';

/** What is known of the cluster. */
export interface RightsFacts {
  readonly containers: ReadonlyMap<Vmid, ActualContainer>;
  readonly tagRules?: TagRules;
  /** Privileges by role; only where roles are to be given. */
  readonly roles?: ReadonlyMap<string, readonly string[]>;
}

/** What one action needs. */
export interface ActionNeeds {
  readonly action: Action;
  readonly needs: readonly Need[];
}

type Sets = Need['oneOf'];
type Texts = Readonly<Record<string, string>>;

/** A container as the actions before have left it. */
interface Guest {
  readonly config: Texts;
  /** Pool that it is about to be in, by an action of this plan. */
  readonly pool?: string;
  /** It was destroyed before, and its own ACL entries with it. */
  readonly isGone?: true;
}

/** Pools that the plan makes: rights on them cannot be granted before, so they are granted on all pools. */
const madePools = (actions: readonly Action[]): ReadonlySet<string> =>
  new Set(
    actions.flatMap(({ kind, request }) =>
      kind === 'pool.create' ? [String(request.params['poolid'])] : [],
    ),
  );

/** A request with what its rights depend on. */
interface Asked {
  readonly params: Texts;
  readonly vmid: Vmid;
  readonly known: (vmid: Vmid) => Guest;
  readonly facts: RightsFacts;
  /** Pools that the plan makes. */
  readonly fresh: ReadonlySet<string>;
}

type Rule = (asked: Asked) => readonly (Sets | Need)[];

const spell = (value: unknown): string =>
  typeof value === 'boolean' ? (value ? '1' : '0') : typeof value === 'object' ? '' : String(value);
const textsOf = (values: object): Texts =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(',') : spell(value),
    ]),
  );

/** A privilege on a container: by itself, or by the pool that it is in by then. */
function onGuest({ known, fresh }: Asked, vmid: Vmid, privilege: string, pool?: string): Sets {
  const { pool: joined, isGone } = known(vmid);
  const own: Right = { path: `/vms/${vmid}`, privilege, ...(isGone ? { inherited: true } : {}) };
  const inPool = pool ?? joined;
  if (inPool === undefined) return [[own]];
  const byPool: Right = { path: `/pool/${inPool}`, privilege };
  return [[fresh.has(inPool) ? { ...byPool, grantAt: '/pool' } : byPool], [own]];
}

const guest =
  (privilege: string): Rule =>
  (asked) => [onGuest(asked, asked.vmid, privilege)];

const allocateOn = (storage: string): Sets => right(`/storage/${storage}`, 'Datastore.AllocateSpace');

/** What pvefleet itself needs to read the result back. */
const audit: Rule = (asked) => [onGuest(asked, asked.vmid, 'VM.Audit', asked.params['pool'])];

function keysNeeds(asked: Asked, values: Texts, removed: readonly string[], pool?: string): Need[] {
  const { vmid, facts, known } = asked;
  const { config } = known(vmid);
  const isNew = pool !== undefined || asked.params['ostemplate'] !== undefined;
  const common = {
    vmid,
    unprivileged: (isNew ? (asked.params['unprivileged'] ?? '1') : config['unprivileged']) === '1',
    guest: (privilege: string) => onGuest(asked, vmid, privilege, pool),
    itself: (privilege: string) => onGuest(asked, vmid, privilege),
    ...(facts.tagRules ? { tagRules: facts.tagRules } : {}),
  };
  const need = (key: string, value: string | undefined): Need[] =>
    keyNeeds(key, { ...common, old: isNew ? undefined : config[key], value });
  return [
    ...Object.entries(values).flatMap(([key, value]) => need(key, value)),
    ...removed.flatMap((key) => need(key, undefined)),
  ];
}

/** Parameters of a creation that are no keys of the config. */
const notKeys: ReadonlySet<string> = new Set([
  'bwlimit',
  'force',
  'ha-managed',
  'ignore-unpack-errors',
  'node',
  'ostemplate',
  'password',
  'pool',
  'restore',
  'ssh-public-keys',
  'start',
  'storage',
  'unique',
  'unprivileged',
  'vmid',
]);
const isDisk = (key: string): boolean => /^(?:rootfs|mp\d+)$/.test(key);
const without = (params: Texts, names: ReadonlySet<string>): Texts =>
  Object.fromEntries(Object.entries(params).filter(([name]) => !names.has(name)));

const create: Rule = (asked) => {
  const { params, vmid } = asked;
  const pool = params['pool'];
  const values = without(params, notKeys);
  const isRestore = params['restore'] === '1';
  const archive = volumeAccess(params['ostemplate'] ?? '', isRestore ? 'backup' : 'vztmpl', vmid);
  const disks = Object.entries(values).filter(([key]) => isDisk(key));
  const storages = disks.flatMap(([key, value]) => readVolume(volumeOfDisk(key, value)).storage ?? []);
  if (disks.length === 0) storages.push(params['storage'] ?? 'local');
  return [
    ...(params['unprivileged'] === '0' ? [right('/', 'Sys.Modify')] : []),
    ...(params['ha-managed'] === '1' ? [right('/', 'Sys.Console')] : []),
    onGuest(asked, vmid, 'VM.Allocate', pool),
    ...keysNeeds(asked, values, [], pool),
    ...(archive ? [archive] : []),
    ...storages.map(allocateOn),
    ...audit(asked),
  ];
};

const configure: Rule = (asked) => {
  const { params, vmid } = asked;
  const removed = [params['delete'], params['revert']].flatMap((list) => splitList(list ?? ''));
  const values = without(params, new Set(['node', 'vmid', 'digest', 'delete', 'revert']));
  // PVE: the call itself wants one of these, whatever the key
  const kinds = ['Options', 'Network', 'Memory', 'CPU', 'Disk'];
  const any = kinds.flatMap((kind) => onGuest(asked, vmid, `VM.Config.${kind}`));
  return [...keysNeeds(asked, values, removed), any, ...audit(asked)];
};

const storageOfDisk = ({ known }: Asked, vmid: Vmid, key: string): string[] => {
  const value = known(vmid).config[key];
  const { storage } = value === undefined ? {} : readVolume(volumeOfDisk(key, value));
  return storage === undefined ? [] : [storage];
};

const resize: Rule = (asked) => [
  ...guest('VM.Config.Disk')(asked),
  // PVE: the parameter `disk` goes through the rights of config keys as well, among all others
  ...guest('VM.Config.Options')(asked),
  ...storageOfDisk(asked, asked.vmid, asked.params['disk'] ?? '').map(allocateOn),
  ...audit(asked),
];

const power: Rule = (asked) => [
  ...guest('VM.PowerMgmt')(asked),
  ...(asked.params['skiplock'] === '1' ? [{ oneOf: [], wireKey: 'skiplock' }] : []),
  ...audit(asked),
];

const clone: Rule = (asked) => {
  const { params, vmid, known } = asked;
  const newid = Number(params['newid']);
  const { config } = known(vmid);
  const disks = Object.keys(config).filter(isDisk);
  const storages = disks.flatMap((key) => params['storage'] ?? storageOfDisk(asked, vmid, key));
  const nets = Object.entries(config).filter(([key]) => /^net\d+$/.test(key));
  return [
    ...guest('VM.Clone')(asked),
    onGuest(asked, newid, 'VM.Allocate', params['pool']),
    ...storages.map(allocateOn),
    ...nets.flatMap(([, net]) => bridgeNeeds(net)),
    onGuest(asked, newid, 'VM.Audit', params['pool']),
  ];
};

const moveVolume: Rule = (asked) => {
  const { params, vmid } = asked;
  const target = params['target-vmid'];
  const storages =
    params['storage'] === undefined
      ? storageOfDisk(asked, vmid, params['volume'] ?? '')
      : [params['storage']];
  return [
    ...guest('VM.Config.Disk')(asked),
    ...(target === undefined ? [] : [onGuest(asked, Number(target), 'VM.Config.Disk')]),
    ...storages.map(allocateOn),
    ...audit(asked),
  ];
};

const migrate: Rule = (asked) => {
  const { params } = asked;
  const targets = splitList(params['target-storage'] ?? '').map((pair) => pair.split(':').at(-1) as string);
  return [
    ...guest('VM.Migrate')(asked),
    ...(targets.length > 0 ? guest('VM.Config.Disk')(asked) : []),
    ...targets.filter((storage) => storage !== '1').map(allocateOn),
    ...audit(asked),
  ];
};

/** Guests and storages that join or leave a pool. */
const poolMembers: Rule = ({ params, facts }) => {
  const pool = params['poolid'] ?? '';
  const vmids = splitList(params['vms'] ?? '');
  const left = vmids.flatMap((vmid) => {
    const from = facts.containers.get(Number(vmid))?.pool;
    return from === undefined || from === pool || params['allow-move'] !== '1' ? [] : [from];
  });
  const modify = (path: string, privilege: string): Sets => anyRight(path, [privilege, 'Permissions.Modify']);
  return [
    right(`/pool/${pool}`, 'Pool.Allocate'),
    ...vmids.map((vmid) => modify(`/vms/${vmid}`, 'VM.Allocate')),
    ...[...new Set(left)].map((name) => modify(`/pool/${name}`, 'Pool.Allocate')),
    ...splitList(params['storage'] ?? '').map((name) => modify(`/storage/${name}`, 'Datastore.Allocate')),
    ...vmids.map((vmid) => right(`/vms/${vmid}`, 'VM.Audit')),
  ];
};

/** What takes a template: the right to store it, and the one to look whether it is there. */
const storeTemplate: Rule = ({ params }) => {
  const path = `/storage/${params['storage']}`;
  return [
    right(path, 'Datastore.AllocateTemplate'),
    anyRight(path, ['Datastore.Audit', 'Datastore.AllocateSpace']),
  ];
};

const fetchTemplate: Rule = (asked) => {
  const system: Right[] = ['Sys.Audit', 'Sys.Modify'].map((privilege) => ({ path: '/', privilege }));
  return [...storeTemplate(asked), [...right(`/nodes/${asked.params['node']}`, 'Sys.AccessNetwork'), system]];
};

const pullImage: Rule = (asked) => [
  ...storeTemplate(asked),
  right(`/nodes/${asked.params['node']}`, 'Sys.AccessNetwork'),
];

const deleteVolume: Rule = ({ params }) => {
  const path = `/storage/${params['storage']}`;
  const owner = /vzdump-lxc-(\d+)-/.exec(params['volume'] ?? '')?.[1];
  return owner === undefined
    ? [right(path, 'Datastore.Allocate')]
    : [right(path, 'Datastore.AllocateSpace'), right(`/vms/${owner}`, 'VM.Backup')];
};

const backup: Rule = (asked) => [
  ...splitList(asked.params['vmid'] ?? '').map((vmid) => onGuest(asked, Number(vmid), 'VM.Backup')),
  ...(asked.params['storage'] === undefined ? [] : [allocateOn(asked.params['storage'])]),
];

/** PVE: who may make a container may give others on it what he has himself; more takes Permissions.Modify. */
const giveRole: Rule = (asked) => {
  const { params, facts } = asked;
  const vmid = Number(/^\/vms\/(\d+)$/.exec(params['path'] ?? '')?.[1]);
  const given = splitList(params['roles'] ?? '').flatMap((role) => facts.roles?.get(role) ?? []);
  const places = onGuest(asked, vmid, 'VM.Allocate').flat();
  return [
    places.flatMap((place) => [
      [{ ...place, privilege: 'Permissions.Modify' }],
      ['VM.Allocate', ...given].map((privilege) => ({ ...place, privilege })),
    ]),
  ];
};

const guestAndAudit =
  (...privileges: readonly string[]): Rule =>
  (asked) => [privileges.flatMap((one) => onGuest(asked, asked.vmid, one)), ...audit(asked)];

const lxc = '/nodes/{node}/lxc/{vmid}';
const content = '/nodes/{node}/storage/{storage}';
const onRoot =
  (privilege: string): Rule =>
  () => [right('/', privilege)];

/** By method and path template. What is not here is not judged beforehand. */
export const rightsTable: Readonly<Record<string, Rule>> = {
  'POST /nodes/{node}/lxc': create,
  [`DELETE ${lxc}`]: guest('VM.Allocate'),
  [`PUT ${lxc}/config`]: configure,
  [`PUT ${lxc}/resize`]: resize,
  [`POST ${lxc}/status/start`]: power,
  [`POST ${lxc}/status/stop`]: power,
  [`POST ${lxc}/status/shutdown`]: power,
  [`POST ${lxc}/status/reboot`]: power,
  [`POST ${lxc}/clone`]: clone,
  [`POST ${lxc}/template`]: guestAndAudit('VM.Allocate'),
  [`POST ${lxc}/move_volume`]: moveVolume,
  [`POST ${lxc}/migrate`]: migrate,
  [`POST ${lxc}/termproxy`]: guestAndAudit('VM.Console'),
  [`GET ${lxc}/interfaces`]: audit,
  [`POST ${lxc}/snapshot`]: guestAndAudit('VM.Snapshot'),
  [`DELETE ${lxc}/snapshot/{snapname}`]: guestAndAudit('VM.Snapshot'),
  [`PUT ${lxc}/snapshot/{snapname}/config`]: guestAndAudit('VM.Snapshot'),
  [`POST ${lxc}/snapshot/{snapname}/rollback`]: guestAndAudit('VM.Snapshot', 'VM.Snapshot.Rollback'),
  ...accountRights,
  'PUT /pools': poolMembers,
  'PUT /access/acl': (asked) => (givesOnPool(asked) ? giveOnPool(asked) : giveRole(asked)),
  'POST /cluster/ha/resources': onRoot('Sys.Console'),
  'PUT /cluster/ha/resources/{sid}': onRoot('Sys.Console'),
  'DELETE /cluster/ha/resources/{sid}': onRoot('Sys.Console'),
  'POST /nodes/{node}/aplinfo': storeTemplate,
  [`POST ${content}/upload`]: storeTemplate,
  [`POST ${content}/download-url`]: fetchTemplate,
  [`POST ${content}/oci-registry-pull`]: pullImage,
  [`DELETE ${content}/content/{volume}`]: deleteVolume,
  'POST /nodes/{node}/vzdump': backup,
};

/** Operations without permissions: for root@pam alone. Those that a fleet tool could come to use. */
const rootOnlyOperations: ReadonlySet<string> = new Set([
  `POST ${content}/content/{volume}`,
  'POST /nodes/{node}/execute',
]);

const firewall = /^(?:POST|PUT|DELETE) \/nodes\/\{node\}\/lxc\/\{vmid\}\/firewall\//;

/** A step inside is recorded in the ownership line. */
const provision: Rule = (asked) => [
  ...guest('VM.Console')(asked),
  ...guest('VM.Config.Options')(asked),
  ...audit(asked),
];

function ruleOf({ request: { method, path }, inside }: Action): Rule | undefined {
  const operation = `${method} ${path}`;
  if (inside?.kind === 'provision') return provision;
  if (rootOnlyOperations.has(operation)) return () => [{ oneOf: [], wireKey: path }];
  return firewall.test(operation) ? guestAndAudit('VM.Config.Network') : rightsTable[operation];
}

const keyOf = ({ oneOf, wireKey }: Need): string =>
  JSON.stringify([oneOf, oneOf.length === 0 ? wireKey : '']);

/** Remembers what an action leaves behind for those after it. */
function after(guests: Map<Vmid, Guest>, { request }: Action, params: Texts, known: Asked['known']): void {
  const operation = `${request.method} ${request.path}`;
  const vmid = Number(params['vmid']);
  const pool = params['pool'] === undefined ? {} : { pool: params['pool'] };
  if (operation === `DELETE ${lxc}`) guests.set(vmid, { config: {}, isGone: true });
  if (operation === 'POST /nodes/{node}/lxc') {
    const { isGone } = known(vmid);
    const config = { unprivileged: '1', ...without(params, notKeys), ...pick(params, 'unprivileged') };
    guests.set(vmid, { config, ...pool, ...(isGone ? { isGone } : {}) });
  }
  // rights that the pool which it leaves gave cannot be told from its own, so they count as if they stayed
  if (operation === 'PUT /pools' && params['delete'] !== '1' && params['poolid'] !== undefined)
    for (const id of splitList(params['vms'] ?? '').map(Number))
      guests.set(id, { ...known(id), pool: params['poolid'] });
  if (operation === `POST ${lxc}/clone`) {
    const newid = Number(params['newid']);
    const { isGone } = known(newid);
    guests.set(newid, { config: known(vmid).config, ...pool, ...(isGone ? { isGone } : {}) });
  }
}

const pick = (params: Texts, name: string): Texts =>
  params[name] === undefined ? {} : { [name]: params[name] };

/**
 * Lists what each action of a plan needs of an account other than root@pam.
 *
 * @param actions - in the order in which they depend on each other.
 * @param observed - containers as observed, the rules about tags, and roles.
 * @returns needs by action, each once; none where the table has no row.
 */
export function rightsOf(actions: readonly Action[], observed: RightsFacts): ActionNeeds[] {
  const { roles } = observed;
  const facts: RightsFacts = roles ? { ...observed, roles: rolesAfter(roles, actions) } : observed;
  const fresh = madePools(actions);
  const guests = new Map<Vmid, Guest>();
  const known = (vmid: Vmid): Guest => {
    const changed = guests.get(vmid);
    if (changed) return changed;
    const container = facts.containers.get(vmid);
    return { config: container ? textsOf(encodeLxcConfig(container.live)) : {} };
  };
  return actions.map((action) => {
    const params = textsOf(action.request.params);
    const vmid = Number(params['vmid'] ?? action.target.vmid);
    const found = ruleOf(action)?.({ params, vmid, known, facts, fresh }) ?? [];
    const needs = found.map((one): Need => ('oneOf' in one ? one : { oneOf: one }));
    after(guests, action, params, known);
    return { action, needs: [...new Map(needs.map((need) => [keyOf(need), need])).values()] };
  });
}

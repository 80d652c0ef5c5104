/** Which privileges a fleet needs, which of them an account has, and the commands that grant the rest. Pure. */
import { decodeBoolean } from '../codec/scalar.ts';
import type { DesiredContainer, DesiredFleet } from '../domain/desired.ts';
import { fetchesTemplate } from '../domain/fetch-template.ts';
import type { Plan } from '../domain/plan.ts';
import { naturalCompare } from '../util/compare.ts';
import { requestText } from './request-text.ts';

/** GET /access/permissions: ACL path → privilege → whether it holds for what is below. */
export type PermissionTree = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is needed on one ACL path. */
export interface Need {
  /** As it is checked, for example `/vms/101`. */
  readonly path: string;
  /** Where it is best granted, for example `/vms`. */
  readonly grantAt: string;
  readonly role: 'FleetGuests' | 'FleetStorage' | 'FleetNetwork' | 'FleetSystem';
  readonly privileges: readonly string[];
}

/** A need with the privileges that are not there. */
export interface Missing extends Need {
  readonly missing: readonly string[];
}

/** What it takes to make, change, start and remove containers. */
const guestPrivileges: readonly string[] = [
  'VM.Allocate',
  'VM.Audit',
  'VM.Config.CPU',
  'VM.Config.Disk',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.PowerMgmt',
];

function storagesOf({ rootfs, mounts }: DesiredContainer): string[] {
  return [rootfs.storage, ...Object.values(mounts ?? {}).map((mount) => mount.storage)].filter(
    (storage) => storage !== undefined,
  );
}

function needsOf(desired: DesiredContainer, vmid: number | undefined): Need[] {
  const { pool, nets, unprivileged } = desired;
  // PVE: pve-container API2/LXC.pm — for a new container the rights on its pool do as well
  const guests =
    pool === undefined
      ? {
          path: `/vms/${vmid ?? (desired.vmid === 'auto' ? '' : desired.vmid)}`.replace(/\/$/, ''),
          grantAt: '/vms',
        }
      : { path: `/pool/${pool}`, grantAt: `/pool/${pool}` };
  const storages = storagesOf(desired).map((storage): Need => {
    const path = `/storage/${storage}`;
    return {
      path,
      grantAt: path,
      role: 'FleetStorage',
      privileges: ['Datastore.AllocateSpace', 'Datastore.Audit'],
    };
  });
  const bridges = Object.values(nets ?? {}).map(({ bridge, vlan }): Need => {
    const zone = `/sdn/zones/localnetwork/${bridge}`;
    const path = vlan === undefined || vlan === null ? zone : `${zone}/${vlan}`;
    return { path, grantAt: zone, role: 'FleetNetwork', privileges: ['SDN.Use'] };
  });
  const system: Need[] = unprivileged
    ? []
    : [{ path: '/', grantAt: '/', role: 'FleetSystem', privileges: ['Sys.Modify'] }];
  return [
    { ...guests, role: 'FleetGuests', privileges: guestPrivileges },
    ...storages,
    ...bridges,
    ...system,
  ];
}

/**
 * What a fleet needs.
 *
 * @param fleet - the file.
 * @param plan - made from it; tells ids and downloads.
 * @returns needs, each path and role once.
 */
export function neededPrivileges(fleet: DesiredFleet, plan: Plan): Need[] {
  const vmids = new Map(plan.actions.map(({ target }) => [target.key, target.vmid]));
  const downloads = plan.actions.flatMap(({ kind, request }): Need[] => {
    const storage = requestText(request, 'storage');
    if (!fetchesTemplate({ kind }) || storage === undefined) return [];
    const path = `/storage/${storage}`;
    const privileges = ['Datastore.AllocateTemplate', 'Datastore.Audit'];
    const need: Need = { path, grantAt: path, role: 'FleetStorage', privileges };
    if (!/\/(?:download-url|oci-registry-pull)$/.test(request.path)) return [need];
    // PVE: what the node fetches from anywhere takes a right of its own
    const at = `/nodes/${requestText(request, 'node')}`;
    return [need, { path: at, grantAt: at, role: 'FleetSystem', privileges: ['Sys.AccessNetwork'] }];
  });
  const needs = [
    ...fleet.containers.flatMap((desired) => needsOf(desired, vmids.get(desired.key))),
    ...downloads,
  ];
  const merged = new Map<string, Need>();
  for (const need of needs) {
    const key = `${need.role} ${need.path}`;
    const known = merged.get(key);
    const privileges = [...new Set([...(known?.privileges ?? []), ...need.privileges])].sort();
    merged.set(key, { ...need, privileges });
  }
  return [...merged.values()].sort((a, b) => naturalCompare(a.path, b.path));
}

/**
 * Privileges that hold on a path. The tree has the paths that an ACL names; below them the privileges that propagate
 * hold.
 *
 * @param tree - of the account.
 * @param path - ACL path.
 * @returns names of privileges.
 */
export function privilegesOn(tree: PermissionTree, path: string): ReadonlySet<string> {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const entry = tree[at];
    if (entry) {
      const held = Object.entries(entry).filter(([, propagates]) => at === path || decodeBoolean(propagates));
      return new Set(held.map(([name]) => name));
    }
    if (at === '/') return new Set();
  }
}

/**
 * Compares needs with what an account has.
 *
 * @returns the needs that are not met, with what is missing.
 */
export function missingPrivileges(needs: readonly Need[], tree: PermissionTree): Missing[] {
  return needs.flatMap((need) => {
    const held = privilegesOn(tree, need.path);
    const missing = need.privileges.filter((privilege) => !held.has(privilege));
    return missing.length === 0 ? [] : [{ ...need, missing }];
  });
}

const families: Readonly<Record<Need['role'], string>> = {
  FleetGuests: 'VM.',
  FleetStorage: 'Datastore.',
  FleetNetwork: 'SDN.',
  FleetSystem: 'Sys.',
};

/**
 * PVE: roles on a path replace those inherited from above, so what the account holds there already must be part of the
 * new role, or the grant would take it away.
 */
function heldEverywhere(role: Need['role'], paths: Iterable<string>, tree: PermissionTree): string[] {
  const [first = new Set<string>(), ...rest] = [...paths].map((path) => privilegesOn(tree, path));
  return [...first].filter(
    (name) => name.startsWith(families[role]) && rest.every((privileges) => privileges.has(name)),
  );
}

/**
 * Commands for a root shell on a node that grant what is missing.
 *
 * @param missing - unmet needs.
 * @param identity - `user@realm` or `user@realm!token`. The rights of a token with privilege separation are those that
 *   its user has too, so both are given the role.
 * @param tree - what the account holds already.
 * @returns `pveum` commands in the order in which to run them.
 */
export function grantCommands(
  missing: readonly Missing[],
  identity: string,
  tree: PermissionTree = {},
): string[] {
  const [user = identity, token] = identity.split('!', 2);
  const whom = token === undefined ? `--users '${user}'` : `--users '${user}' --tokens '${identity}'`;
  const roles = [...new Set(missing.map(({ role }) => role))];
  const grants = roles.map((role) => {
    const needs = missing.filter((need) => need.role === role);
    const paths = [...new Set(needs.map(({ grantAt }) => grantAt))].sort(naturalCompare);
    const wanted = [...needs.flatMap(({ privileges }) => privileges), ...heldEverywhere(role, paths, tree)];
    return { role, paths, privileges: [...new Set(wanted)].sort() };
  });
  return [
    ...grants.map(({ role, privileges }) => `pveum role add ${role} --privs '${privileges.join(',')}'`),
    ...grants.flatMap(({ role, paths }) =>
      paths.map((path) => `pveum acl modify ${path} ${whom} --roles ${role}`),
    ),
  ];
}

/**
 * What only root@pam with a password may set, never a token.
 *
 * @param fleet - the file.
 * @returns key and field, for example `web01: features.keyctl`.
 */
export function rootOnlySettings(fleet: DesiredFleet): string[] {
  return fleet.containers.flatMap((desired) => {
    const { key, features, devices, mounts, options, unprivileged } = desired;
    const flags = Object.entries(features ?? {})
      .filter(
        ([name, value]) => value !== undefined && value !== false && (name !== 'nesting' || !unprivileged),
      )
      .map(([name]) => `features.${name}`);
    const binds = Object.entries(mounts ?? {})
      .filter(([, mount]) => mount.source?.startsWith('/'))
      .map(([path]) => `mounts.${path}`);
    const others = [
      ...Object.keys(devices ?? {}).map((path) => `devices.${path}`),
      ...(options.hookscript ? ['hookscript'] : []),
    ];
    return [...flags, ...binds, ...others].map((field) => `${key}: ${field}`);
  });
}

/**
 * Privileges and built-in roles of Proxmox VE 9.2, as facts (transport-auth §8; PVE::AccessControl). Data only, plus the
 * look-up of a role by name.
 */
import type { SimState } from './state.ts';

interface PrivilegeGroup {
  /** Only Administrator has these. */
  readonly root: readonly string[];
  readonly admin: readonly string[];
  readonly user: readonly string[];
  readonly audit: readonly string[];
}

/** `PVE<group>Admin` has admin, user and audit of its group, `PVE<group>User` (where it exists) user and audit. */
const groups: Readonly<Record<string, PrivilegeGroup>> = {
  VM: {
    root: [],
    admin: [
      'VM.Allocate',
      'VM.Clone',
      'VM.Config.CPU',
      'VM.Config.Disk',
      'VM.Config.HWType',
      'VM.Config.Memory',
      'VM.Config.Network',
      'VM.Config.Options',
      'VM.GuestAgent.FileRead',
      'VM.GuestAgent.FileSystemMgmt',
      'VM.GuestAgent.FileWrite',
      'VM.GuestAgent.Unrestricted',
      'VM.Migrate',
      'VM.Replicate',
      'VM.Snapshot',
      'VM.Snapshot.Rollback',
    ],
    user: ['VM.Backup', 'VM.Config.CDROM', 'VM.Config.Cloudinit', 'VM.Console', 'VM.PowerMgmt'],
    audit: ['VM.Audit', 'VM.GuestAgent.Audit'],
  },
  Sys: {
    root: ['Sys.AccessNetwork', 'Sys.Incoming', 'Sys.Modify', 'Sys.PowerMgmt'],
    admin: ['Sys.Console', 'Sys.Syslog'],
    user: [],
    audit: ['Sys.Audit'],
  },
  Datastore: {
    root: [],
    admin: ['Datastore.Allocate', 'Datastore.AllocateTemplate'],
    user: ['Datastore.AllocateSpace'],
    audit: ['Datastore.Audit'],
  },
  SDN: { root: [], admin: ['SDN.Allocate'], user: ['SDN.Use'], audit: ['SDN.Audit'] },
  User: {
    root: ['Realm.Allocate'],
    admin: ['Group.Allocate', 'Realm.AllocateUser', 'User.Modify'],
    user: [],
    audit: [],
  },
  Pool: { root: [], admin: ['Pool.Allocate'], user: [], audit: ['Pool.Audit'] },
  Mapping: { root: [], admin: ['Mapping.Modify'], user: ['Mapping.Use'], audit: ['Mapping.Audit'] },
};

const everything: readonly string[] = [
  ...new Set([
    'Permissions.Modify',
    ...Object.values(groups).flatMap(({ root, admin, user, audit }) => [
      ...root,
      ...admin,
      ...user,
      ...audit,
    ]),
  ]),
].sort();

/** All privileges that exist. */
export const privileges: ReadonlySet<string> = new Set(everything);

function builtIn(): Record<string, readonly string[]> {
  const all = Object.entries(groups);
  const roles: Record<string, readonly string[]> = {
    Administrator: everything,
    NoAccess: [],
    PVEAdmin: all
      .flatMap(([, { admin, user, audit }]) => [...admin, ...user, ...audit])
      .filter((privilege) => privilege !== 'Mapping.Modify'),
    PVEAuditor: all.flatMap(([, { audit }]) => audit),
    PVETemplateUser: ['VM.Audit', 'VM.Clone'],
    PVEPoolUser: ['Pool.Audit'],
  };
  for (const [name, { admin, user, audit }] of all) {
    roles[`PVE${name}Admin`] = [...admin, ...user, ...audit];
    if (user.length > 0) roles[`PVE${name}User`] = [...user, ...audit];
  }
  return Object.fromEntries(Object.entries(roles).map(([name, list]) => [name, list.toSorted()]));
}

/** Built-in roles; they can be neither changed nor deleted. */
export const builtInRoles: Readonly<Record<string, readonly string[]>> = builtIn();

/**
 * Privileges of a role.
 *
 * @param state - holder of the custom roles.
 * @param roleid - name of a built-in or custom role.
 * @returns its privileges, or `undefined` when there is no such role.
 */
export function roleOf(state: Pick<SimState, 'roles'>, roleid: string): readonly string[] | undefined {
  if (Object.hasOwn(builtInRoles, roleid)) return builtInRoles[roleid];
  return Object.hasOwn(state.roles, roleid) ? state.roles[roleid] : undefined;
}

/** Needs compared with what an account has → what is missing, the commands that grant it, and the refusals. Pure. */
import { deepEqual, naturalCompare } from '../util/compare.ts';
import type { Need, Right } from './config-rights.ts';
import { nameSome } from './drift.ts';
import { type PermissionTree, privilegesOn } from './permission-tree.ts';
import type { Action, Refusal } from './plan.ts';
import { refusal } from './refusal.ts';
import type { ActionNeeds } from './rights.ts';
import { fieldsOfKey } from './root-only.ts';
import { asObject } from './spelling.ts';

/** Who asks. */
export interface Account {
  /** `user@realm` or `user@realm!token`; absent: not known. */
  readonly identity?: string;
  readonly tree: PermissionTree;
}

/** What is missing where it is best granted. */
export interface MissingRights {
  /** Where to grant it, for example `/vms`. */
  readonly grantAt: string;
  readonly role: string;
  readonly privileges: readonly string[];
  /** As they are checked, for example `/vms/101`. */
  readonly paths: readonly string[];
  readonly actions: readonly Action[];
}

/** Something that only root@pam may do. */
interface RootOnly {
  readonly action: Action;
  readonly wireKeys: readonly string[];
}

/** The outcome of a comparison. */
export interface Judgement {
  readonly missing: readonly MissingRights[];
  readonly rootOnly: readonly RootOnly[];
}

/** Whether a refusal is about the account, and not about the plan: another account may carry it out. */
export const isAboutRights = ({ code }: Pick<Refusal, 'code'>): boolean =>
  code === 'RIGHTS_MISSING' || code === 'ROOT_ONLY' || code === 'LOGIN_NEEDED';

/** The account that everything is allowed to; its tokens are not it. */
export const isRoot = (identity: string | undefined): boolean => identity === 'root@pam';

const roles: readonly (readonly [prefix: string, role: string])[] = [
  ['VM.', 'FleetGuests'],
  ['Datastore.', 'FleetStorage'],
  ['SDN.', 'FleetNetwork'],
  ['Pool.', 'FleetPools'],
  ['User.', 'FleetAccounts'],
  ['Realm.', 'FleetAccounts'],
  ['', 'FleetSystem'],
];
const roleOf = (privilege: string): string =>
  roles.find(([prefix]) => privilege.startsWith(prefix))?.[1] as string;

/**
 * Ids of containers come and go, and a destruction takes the grants of the id along; so it is granted on all of them,
 * unless an id has entries of its own, which count instead of those above.
 */
function grantPath({ path, inherited, grantAt }: Right, tree: PermissionTree): string {
  if (tree[path] !== undefined && !inherited) return path;
  if (grantAt !== undefined) return grantAt;
  if (/^\/vms\/\d+$/.test(path)) return '/vms';
  // a zone that is not known is the one of plain bridges; a VLAN is granted with its bridge
  const bridge = /^(\/sdn\/zones\/)([^/]+)(\/[^/]+)/.exec(path);
  return bridge ? `${bridge[1]}${bridge[2] === '*' ? 'localnetwork' : bridge[2]}${bridge[3]}` : path;
}

/**
 * Compares needs with what an account has.
 *
 * @param needed - what each action needs.
 * @param account - whose rights.
 * @returns what is missing, grouped by role and path; nothing for root@pam itself.
 */
export function judgeRights(needed: readonly ActionNeeds[], { identity, tree }: Account): Judgement {
  if (isRoot(identity)) return { missing: [], rootOnly: [] };
  const held = new Map<string, ReadonlySet<string>>();
  const has = ({ path, privilege, inherited }: Right): boolean => {
    const key = `${path} ${inherited ?? false}`;
    const privileges = held.get(key) ?? privilegesOn(tree, path, { inherited: inherited ?? false });
    held.set(key, privileges);
    return privileges.has(privilege);
  };
  const isMet = ({ oneOf }: Need): boolean => oneOf.some((set) => set.every(has));
  const groups = new Map<string, { grantAt: string; role: string; rights: Right[]; actions: Set<Action> }>();
  const rootOnly: RootOnly[] = [];
  for (const { action, needs } of needed) {
    const wireKeys = needs.filter(({ oneOf }) => oneOf.length === 0).flatMap(({ wireKey = '' }) => [wireKey]);
    // without a name it cannot be told from root@pam, who may do that
    if (wireKeys.length > 0 && identity !== undefined) rootOnly.push({ action, wireKeys });
    for (const need of needs) {
      if (need.oneOf.length === 0 || isMet(need)) continue;
      for (const one of (need.oneOf[0] as readonly Right[]).filter((wanted) => !has(wanted))) {
        const [grantAt, role] = [grantPath(one, tree), roleOf(one.privilege)];
        const key = `${role} ${grantAt}`;
        const group = groups.get(key) ?? { grantAt, role, rights: [], actions: new Set() };
        group.rights.push(one);
        group.actions.add(action);
        groups.set(key, group);
      }
    }
  }
  const names = (list: readonly string[]): string[] => [...new Set(list)].sort(naturalCompare);
  const missing = [...groups.values()].map(({ grantAt, role, rights, actions }) => ({
    grantAt,
    role,
    privileges: names(rights.map(({ privilege }) => privilege)),
    paths: names(rights.map(({ path }) => path.replace('/*/', '/localnetwork/'))),
    actions: [...actions],
  }));
  return {
    missing: missing.sort((a, b) => naturalCompare(a.grantAt, b.grantAt) || naturalCompare(a.role, b.role)),
    rootOnly,
  };
}

/** Which privileges mean anything on a path and below it. */
const relevant: readonly (readonly [path: RegExp, privileges: RegExp])[] = [
  [/^\/vms/, /^(?:VM|Permissions)\./],
  [/^\/pool/, /^(?:Pool|VM|Datastore|Permissions)\./],
  [/^\/storage/, /^(?:Datastore|Permissions)\./],
  [/^\/sdn/, /^(?:SDN|Permissions)\./],
  [/^\/nodes/, /^(?:Sys|Permissions)\./],
];

/**
 * PVE: an entry on a path replaces what is inherited from above and what groups give there, so what the account holds
 * must be part of the new role, or the grant would take it away.
 */
function heldOn(path: string, tree: PermissionTree): string[] {
  const family = relevant.find(([pattern]) => pattern.test(path))?.[1] ?? /./;
  // below a path more may hold than on it, where its own entry does not propagate
  const held = [...privilegesOn(tree, path), ...privilegesOn(tree, `${path}/*`)];
  return held.filter((name) => family.test(name));
}

/** A role that is to be made, and where it is to be given. */
interface Grant {
  readonly role: string;
  readonly privileges: string;
  readonly path: string;
}

/** One role for each set of privileges, so that nothing is given where it is not needed. */
function grantsOf(missing: readonly MissingRights[], tree: PermissionTree): Grant[] {
  const paths = [...new Set(missing.map(({ grantAt }) => grantAt))].sort(naturalCompare);
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  return paths.map((path) => {
    const here = missing.filter(({ grantAt }) => grantAt === path);
    const wanted = [...here.flatMap(({ privileges }) => privileges), ...heldOn(path, tree)];
    const privileges = [...new Set(wanted)].sort().join(',');
    const base = here.length === 1 ? (here[0] as MissingRights).role : 'Fleet';
    const key = `${base} ${privileges}`;
    if (!names.has(key)) {
      const count = (counts.get(base) ?? 0) + 1;
      counts.set(base, count);
      names.set(key, count === 1 ? base : `${base}${count}`);
    }
    return { role: names.get(key) as string, privileges, path };
  });
}

function commandsOf(grants: readonly Grant[], identity = 'USER@REALM!TOKEN'): string[] {
  const [user = identity, token] = identity.split('!', 2);
  const whom = token === undefined ? `--users '${user}'` : `--users '${user}' --tokens '${identity}'`;
  const added = grants.map(({ role, privileges }) => `pveum role add ${role} --privs '${privileges}'`);
  return [
    ...new Set(added),
    ...grants.map(({ role, path }) => `pveum acl modify ${path} ${whom} --roles ${role}`),
  ];
}

/**
 * The fewest commands, for a root shell on a node, that grant what is missing.
 *
 * @param missing - of {@link judgeRights}.
 * @param account - the rights of a token with privilege separation are those that its user has too, so both are given
 *   the role.
 * @returns `pveum` commands in the order in which to run them.
 */
export function grantCommands(missing: readonly MissingRights[], { identity, tree }: Account): string[] {
  return commandsOf(grantsOf(missing, tree), identity);
}

const listed = (names: readonly string[]): string => nameSome(names, 8);

/**
 * Words a judgement as refusals.
 *
 * @param fleet - name of the plan's fleet; empty for single steps.
 * @param judgement - of {@link judgeRights}.
 * @param account - who lacks it.
 * @returns one refusal per path and role, and one per container for what is for root@pam alone.
 */
export function rightsRefusals(fleet: string, judgement: Judgement, account: Account): Refusal[] {
  const { missing, rootOnly } = judgement;
  const who = account.identity ?? 'this account';
  const grants = grantsOf(missing, account.tree);
  const lacking = missing.map((one): Refusal => {
    const keys = [...new Set(one.actions.map(({ target }) => target.key))];
    const [key = fleet] = keys.length === 1 || fleet === '' ? keys : [fleet];
    const commands = commandsOf(
      grants.filter(({ path }) => path === one.grantAt),
      account.identity,
    );
    return {
      key,
      code: 'RIGHTS_MISSING',
      message: `${who} lacks ${listed(one.privileges)} on ${nameSome(one.paths)}, needed for ${nameSome(one.actions.map(({ id }) => id))}`,
      hint: `on a node as root: ${commands.join(' && ')}`,
      changes: [],
      commands,
    };
  });
  return [...lacking, ...rootRefusals(rootOnly, account)];
}

/** Feature flags are one key to the server, but one line each to a reader. */
function flagsOf({ changes }: Action, field: string): string[] {
  const change = field === 'features' ? changes.find((one) => one.field === field) : undefined;
  const before = asObject(change?.from ?? null) ?? {};
  const after = asObject(change?.to ?? null) ?? {};
  const flags = Object.keys({ ...before, ...after }).filter((flag) => !deepEqual(before[flag], after[flag]));
  const others = flags.filter((flag) => flag !== 'nesting');
  return flags.length === 0
    ? [field]
    : (others.length > 0 ? others : flags).map((flag) => `${field}.${flag}`);
}

function rootRefusals(rootOnly: readonly RootOnly[], { identity = '' }: Account): Refusal[] {
  const byKey = new Map<string, RootOnly[]>();
  for (const one of rootOnly) {
    const { key } = one.action.target;
    byKey.set(key, [...(byKey.get(key) ?? []), one]);
  }
  return [...byKey].map(([key, list]): Refusal => {
    const fields = list.flatMap(({ action, wireKeys }) =>
      wireKeys.flatMap((wireKey) => fieldsOfKey(action, wireKey)).flatMap((field) => flagsOf(action, field)),
    );
    const changes = list.flatMap(({ action }) => action.changes.filter(({ needs }) => needs === 'root@pam'));
    const impossible = identity.includes('!') ? `impossible with the token ${identity}` : `not ${identity}`;
    const ids = nameSome(list.map(({ action }) => action.id));
    return refusal(
      { key, vmid: list[0]?.action.target.vmid },
      {
        code: 'ROOT_ONLY',
        message: `${listed([...new Set(fields)])} needs root@pam, ${impossible} (${ids})`,
        hint: 'log in with user and password: PVEFLEET_USERNAME=root@pam and PVEFLEET_PASSWORD; or leave it out of the file',
        changes,
      },
    );
  });
}

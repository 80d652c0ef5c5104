/**
 * What is to be done about accounts as actions of a fleet's plan, in their place among the actions of its containers: pools
 * before the containers that are made in them, rights on a container after it. Pure.
 */
import type { SecretPlaceholder } from '../../schema/request.ts';
import { digestOf } from '../../util/canonical-json.ts';
import { naturalCompare } from '../../util/compare.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import type { ActualContainer } from '../actual.ts';
import type { ContainerKey, DesiredFleet, Vmid } from '../desired.ts';
import { nameSome } from '../drift.ts';
import { orderActions } from '../order.ts';
import { type AccountKind, type Action, makingKinds, type Plan, type Policy, type Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import { keyFilter } from '../scope.ts';
import type { AccountChange, ActualAccess, OwnContainer } from './access.ts';
import { accountPrecondition } from './account-facts.ts';
import { poolCreation } from './account-pools.ts';
import { planAccounts } from './accounts.ts';

/** A container of the fleet that is there. */
export interface KnownContainer {
  readonly key: ContainerKey;
  readonly vmid: Vmid;
  /** Login of its student. */
  readonly student?: string;
}

/** What accounts are planned from. */
export interface AccountsRequest {
  /** Without accounts all that the fleet owns is removed. */
  readonly fleet: Pick<DesiredFleet, 'name' | 'accounts' | 'students'>;
  readonly access: ActualAccess;
  readonly containers: readonly KnownContainer[];
  readonly policy: Policy;
}

const isAbout = /^(?:role|user|pool|acl)\./;

/** Whether an action is about users, pools, roles or rights. */
export const isAccountAction = (action: Pick<Action, 'kind'>): action is Action & { kind: AccountKind } =>
  isAbout.test(action.kind);

const generated = 'generated:';

/** Whether a secret is made up when it is needed, and not looked up. */
export const isGenerated = ({ $secret }: SecretPlaceholder): boolean => $secret.startsWith(generated);

/**
 * Whose password an action makes up.
 *
 * @returns login of the student; undefined where there is none.
 */
export function passwordOwner({ request }: Pick<Action, 'request'>): string | undefined {
  const value = request.params['password'];
  const reference = typeof value === 'object' && '$secret' in value ? value.$secret : '';
  return reference.startsWith(generated) ? reference.slice(generated.length) : undefined;
}

/**
 * A container as accounts see it.
 *
 * @param container - as observed.
 * @param key - its key in the file; default: that of its ownership line.
 */
export function knownContainer(
  { vmid, ownership }: ActualContainer,
  key: ContainerKey = ownership?.key ?? String(vmid),
): KnownContainer {
  return { key, vmid, ...(ownership?.student === undefined ? {} : { student: ownership.student }) };
}

/** Containers that the fleet has now and will have. */
function ownContainers(plan: Plan, containers: readonly KnownContainer[]): OwnContainer[] {
  const made = new Map<Vmid, ContainerKey>();
  const destroyed = new Set<Vmid>();
  for (const { kind, target } of plan.actions) {
    if (target.vmid === undefined) continue;
    if (makingKinds.has(kind)) made.set(target.vmid, target.key);
    if (kind === 'container.destroy') destroyed.add(target.vmid);
  }
  const there = containers.map(({ key, vmid }): OwnContainer => {
    const isMadeAnew = destroyed.has(vmid) && made.has(vmid);
    const leaves = destroyed.has(vmid) && !isMadeAnew;
    return { key, vmid, leaves, ...(isMadeAnew ? { isMadeAnew } : {}) };
  });
  const known = new Set(containers.map(({ vmid }) => vmid));
  const fresh = [...made].filter(([vmid]) => !known.has(vmid));
  return [...there, ...fresh.map(([vmid, key]) => ({ key, vmid, leaves: false }))];
}

/** Whether a student is meant by `--target` and `--exclude`, which name containers. */
function studentFilter({ fleet, containers, policy }: AccountsRequest): (login: string) => boolean {
  const isMeant = keyFilter(policy);
  const keys = new Map<string, ContainerKey[]>();
  const add = (login: string, key: ContainerKey): void => {
    keys.set(login, [...(keys.get(login) ?? []), key]);
  };
  for (const student of fleet.students ?? []) for (const key of student.containers) add(student.login, key);
  for (const { key, student } of containers) if (student !== undefined) add(student, key);
  return (login) => (keys.get(login) ?? [login]).some(isMeant);
}

/** Those that are meant, with all that they depend on. */
function meantChanges(changes: readonly AccountChange[], request: AccountsRequest): AccountChange[] {
  const { policy } = request;
  const kept = policy.prune ? changes : changes.filter(({ risk }) => risk !== 'destructive');
  if (policy.target.length + policy.exclude.length === 0) return kept.slice();
  const isStudent = studentFilter(request);
  const byId = new Map(kept.map((change) => [change.id, change]));
  const meant = new Set<AccountChange>();
  const take = (change: AccountChange | undefined): void => {
    if (!change || meant.has(change)) return;
    meant.add(change);
    for (const id of change.dependsOn) take(byId.get(id));
  };
  for (const change of kept) if (change.student !== undefined && isStudent(change.student)) take(change);
  return kept.filter((change) => meant.has(change));
}

const actionOf = (fleet: string, access: ActualAccess, change: AccountChange): Action => ({
  id: change.id,
  kind: change.kind,
  target: { key: change.student ?? fleet, node: '' },
  request: change.request,
  completes: 'now',
  changes: change.changes,
  risk: change.risk,
  reason: change.reason,
  precondition: accountPrecondition(access, change),
  dependsOn: change.dependsOn,
});

const memberChange = ({ kind, request }: Action): boolean =>
  kind === 'container.configure' && request.path === '/pools';

/** The pool that an action puts its container into. */
function poolOf(action: Action): string | undefined {
  const { params } = action.request;
  const pool = memberChange(action) && params['delete'] !== true ? params['poolid'] : undefined;
  const given = makingKinds.has(action.kind) ? params['pool'] : pool;
  return typeof given === 'string' ? given : undefined;
}

/** What takes each container out of the pool that it is in. */
function departures(plan: Plan): ReadonlyMap<Vmid, string> {
  return new Map(
    plan.actions.flatMap((action): [Vmid, string][] =>
      action.target.vmid !== undefined && (action.kind === 'container.destroy' || memberChange(action))
        ? [[action.target.vmid, action.id]]
        : [],
    ),
  );
}

/** Puts the changes of pools and rights in their place behind the containers that they are about. */
function linkAfter(plan: Plan, changes: readonly AccountChange[], access: ActualAccess): AccountChange[] {
  const leaving = departures(plan);
  const making = new Map(
    plan.actions.flatMap(({ kind, id, target }): [string, string][] =>
      makingKinds.has(kind) && target.vmid !== undefined ? [[`/vms/${target.vmid}`, id]] : [],
    ),
  );
  const roleRemoval = changes.find(({ kind }) => kind === 'role.delete')?.id;
  const needless = new Set<string>();
  const linked = changes.map((change): AccountChange => {
    const { kind, target, request } = change;
    const members = access.pools.find(({ poolid }) => poolid === target)?.vmids ?? [];
    const after = kind.startsWith('pool.') ? members.flatMap((vmid) => leaving.get(vmid) ?? []) : [];
    // a role has no mark: it is known by its use, so it goes while it is still used
    if (roleRemoval !== undefined && (kind === 'user.delete' || kind === 'pool.delete'))
      after.push(roleRemoval);
    const made = kind === 'acl.grant' ? making.get(target) : undefined;
    if (made !== undefined) after.push(made);
    if (kind === 'pool.create' || kind === 'pool.update') return change;
    const dependsOn = [...change.dependsOn, ...after];
    if (kind !== 'pool.remove-member') return { ...change, dependsOn };
    // the plan takes some of them to another pool already
    const staying = String(request.params['vms'])
      .split(',')
      .filter((vmid) => !leaving.has(Number(vmid)));
    if (staying.length === 0) needless.add(change.id);
    return {
      ...change,
      dependsOn,
      request: { ...request, params: { ...request.params, vms: staying.join(',') } },
    };
  });
  return linked
    .filter(({ id }) => !needless.has(id))
    .map((change) => ({ ...change, dependsOn: change.dependsOn.filter((id) => !needless.has(id)) }));
}

const removing: ReadonlySet<AccountKind> = new Set(['user.delete', 'pool.delete', 'role.delete']);

/** Removals want a permission, and not more of them than allowed. */
function removalRefusals(fleet: string, changes: readonly AccountChange[], policy: Policy): Refusal[] {
  const removed = changes.filter(({ kind }) => removing.has(kind));
  if (removed.length === 0) return [];
  if (!policy.allow.destroy) {
    const byKey = new Map<string, AccountChange[]>();
    for (const change of removed) {
      const key = change.student ?? fleet;
      byKey.set(key, [...(byKey.get(key) ?? []), change]);
    }
    return [...byKey].map(([key, list]) => {
      const what = list.map(({ kind, target }) => `${kind.split('.')[0]} ${target}`);
      const reasons = [...new Set(list.map(({ reason }) => reason))];
      return refusal(
        { key },
        {
          needs: 'destroy',
          code: 'DESTROY_NOT_ALLOWED',
          message: `${nameSome(what)} would be removed (${reasons.join('; ')})`,
          hint: 'if that is what you want: --allow destroy',
        },
      );
    });
  }
  const users = removed.filter(({ kind }) => kind === 'user.delete').map(({ target }) => target);
  if (users.length <= policy.maxDestroy) return [];
  const tooMany = refusal(
    { key: fleet },
    {
      needs: 'max-destroy',
      code: 'TOO_MANY_DESTROYED',
      message: `the plan removes ${users.length} accounts (${nameSome(users)}), and at most ${policy.maxDestroy} are allowed`,
      hint: `if that is what you want: --max-destroy ${users.length}`,
    },
  );
  return [tooMany];
}

function passwordNotice(actions: readonly Action[]): Diagnostic[] {
  const owners = actions.flatMap((action) => passwordOwner(action) ?? []);
  if (owners.length === 0) return [];
  const whose = owners.length === 1 ? `the password of ${owners[0]} is` : `${owners.length} passwords are`;
  const message = `${whose} generated when this is carried out, and written into the sheet given with --credentials`;
  return [{ severity: 'info', code: 'CREDENTIALS', message }];
}

/**
 * Adds account actions to a plan.
 *
 * @param plan - of the containers, or an empty one.
 * @param changes - what is to be done; all that they depend on is among them.
 * @param request - what they were planned from.
 * @returns the plan in its order; the same plan when there is nothing to add.
 */
export function addAccountChanges(
  plan: Plan,
  changes: readonly AccountChange[],
  request: Pick<AccountsRequest, 'fleet' | 'access' | 'policy'>,
  more: Partial<Pick<Plan, 'refusals' | 'notices'>> = {},
): Plan {
  const { fleet, access, policy } = request;
  const linked = linkAfter(plan, changes, access);
  const added = linked.map((change) => actionOf(fleet.name, access, change));
  const pools = new Set(added.filter(({ kind }) => kind === 'pool.create').map(({ id }) => id));
  const own = plan.actions.map((action): Action => {
    const pool = poolOf(action);
    const creation = pool === undefined ? undefined : poolCreation(pool);
    return creation !== undefined && pools.has(creation)
      ? { ...action, dependsOn: [...action.dependsOn, creation] }
      : action;
  });
  const count = (kind: AccountKind): number => changes.filter((change) => change.kind === kind).length;
  const [create, remove] = [count('user.create'), count('user.delete')];
  const touched = new Set(changes.flatMap(({ student }) => student ?? [])).size;
  const { id: _id, ...rest } = plan;
  const body = {
    ...rest,
    actions: orderActions([...own, ...added]),
    refusals: [...plan.refusals, ...(more.refusals ?? []), ...removalRefusals(fleet.name, changes, policy)],
    notices: [...plan.notices, ...(more.notices ?? []), ...passwordNotice(added)],
    summary:
      changes.length === 0
        ? plan.summary
        : { ...plan.summary, accounts: { create, update: Math.max(0, touched - create - remove), remove } },
  };
  return { ...body, id: digestOf(body) };
}

/**
 * Adds what is to be done about accounts to the plan of the containers.
 *
 * @param plan - of the containers.
 * @param request - students, what there is, and what is allowed.
 * @returns the plan with everything in its order.
 */
export function withAccounts(plan: Plan, request: AccountsRequest): Plan {
  const { fleet, access, containers } = request;
  const accounts = planAccounts(fleet, access, ownContainers(plan, containers));
  const isStudent = studentFilter(request);
  const changes = meantChanges(accounts.changes, request);
  const refusals = accounts.refusals
    .filter(({ key }) => key === fleet.name || isStudent(key))
    .sort((a, b) => naturalCompare(a.key, b.key));
  return addAccountChanges(plan, changes, request, { refusals, notices: accounts.notices });
}

/** `accounts list`, `rotate` and `remove`: what there is of a fleet's accounts, and plans for some of them. */
import type { ClusterSnapshot } from '../../domain/actual.ts';
import { assemblePlan } from '../../domain/assemble.ts';
import type { DesiredFleet, DesiredStudent } from '../../domain/desired.ts';
import { ownedBy } from '../../domain/identify.ts';
import { isRoot } from '../../domain/judge-rights.ts';
import {
  type AccountChange,
  type ActualAccess,
  type OwnContainer,
  readMark,
} from '../../domain/lab/access.ts';
import { addAccountChanges } from '../../domain/lab/account-actions.ts';
import { planPasswords } from '../../domain/lab/account-users.ts';
import { planAccounts } from '../../domain/lab/accounts.ts';
import type { Plan, Policy } from '../../domain/plan.ts';
import { naturalCompare } from '../../util/compare.ts';
import { UsageError } from '../../util/errors.ts';
import { globMatcher } from '../../util/glob.ts';
import { suggest } from '../../util/suggest.ts';
import type { EngineContext } from '../context.ts';
import { observe } from '../observe.ts';
import { type Planned, ready } from '../plan.ts';
import { ownPassword } from '../secrets.ts';

/** `left`: the fleet made it, and the file does not have it any more: nobody on the roster, or no accounts at all. */
export type AccountState = 'active' | 'disabled' | 'expired' | 'missing' | 'foreign' | 'left';

/** One account. */
interface ListedAccount {
  readonly login: string;
  readonly name: string;
  readonly group: string | null;
  readonly userid: string;
  readonly state: AccountState;
  /** End of the account, ISO 8601; null: never. */
  readonly expires: string | null;
  readonly pool: string | null;
  readonly containers: readonly {
    readonly key: string;
    readonly vmid: number;
    readonly node: string;
    readonly status: string;
  }[];
}

/** The document `pvefleet.accounts/1`. */
export interface AccountsDocument {
  readonly format: 'pvefleet.accounts/1';
  readonly fleet: string;
  readonly accounts: readonly ListedAccount[];
}

/** Whose accounts are meant; nothing: everybody's. */
export interface AccountSelection {
  /** Logins, or globs over them. */
  readonly logins: readonly string[];
  readonly groups?: readonly string[];
}

interface Observed {
  readonly snapshot: ClusterSnapshot;
  readonly access: ActualAccess;
  readonly students: readonly DesiredStudent[];
}

/** Also of a file that has no accounts any more: those that are there carry the fleet's mark. */
async function observeAccounts(context: EngineContext, fleet: DesiredFleet): Promise<Observed> {
  const snapshot = await observe(context, { fleetName: fleet.name, access: fleet });
  return { snapshot, access: snapshot.access as ActualAccess, students: fleet.students ?? [] };
}

/** Logins of those who have an account of the fleet that its file does not have. */
function leavers({ access, students }: Observed, { name, accounts }: DesiredFleet): string[] {
  const there = new Set(accounts ? students.map(({ login }) => login) : []);
  // of users that others made, only the pools are marked
  const marked = [...access.users, ...access.pools].flatMap(({ comment }) => {
    const mark = readMark(comment);
    return mark?.fleet === name && mark.student !== undefined ? [mark.student] : [];
  });
  return [...new Set(marked)].filter((login) => !there.has(login));
}

/**
 * Whether a login is meant.
 *
 * @throws UsageError for a name that fits nobody, and for a group that nobody is in.
 */
function selector(
  { logins, groups: wanted }: AccountSelection,
  students: readonly DesiredStudent[],
  others: readonly string[],
): (login: string) => boolean {
  const all = [...students.map(({ login }) => login), ...others];
  for (const name of logins) {
    if (all.some(globMatcher(name))) continue;
    const near = suggest(name, all);
    throw new UsageError(`there is no student '${name}'`, {
      hint: near === undefined ? 'see who there is: pvefleet accounts list -f FILE' : `did you mean ${near}?`,
    });
  }
  const groups = new Map(students.map((student) => [student.login, student.group]));
  for (const group of wanted ?? []) {
    if ([...groups.values()].includes(group)) continue;
    const known = [...new Set([...groups.values()].filter((one) => one !== undefined))];
    throw new UsageError(`nobody is in the group '${group}'`, {
      hint: known.length === 0 ? 'the roster has no groups' : `there are ${known.join(', ')}`,
    });
  }
  const named = logins.map(globMatcher);
  return (login) =>
    (named.length === 0 || named.some((matches) => matches(login))) &&
    (wanted === undefined || wanted.includes(groups.get(login) ?? ''));
}

/**
 * Lists the accounts of a fleet.
 *
 * @param selection - whose; nothing: everybody's.
 * @returns one row per person, in natural order of logins.
 */
export async function listAccounts(
  context: EngineContext,
  fleet: DesiredFleet,
  selection: AccountSelection,
): Promise<AccountsDocument> {
  const observed = await observeAccounts(context, fleet);
  const { access, snapshot, students } = observed;
  const gone = leavers(observed, fleet);
  const isMeant = selector(selection, students, gone);
  const nowSeconds = context.clock.now() / 1_000;
  const owned = ownedBy(fleet.name, snapshot);
  const row = (login: string): ListedAccount => {
    const student = students.find((one) => one.login === login);
    const isMarked = (comment: string | undefined): boolean => {
      const mark = readMark(comment);
      return mark?.fleet === fleet.name && mark.student === login;
    };
    const user = access.users.find(({ userid, comment }) =>
      student?.account ? userid === student.account.userid : isMarked(comment),
    );
    const isOurs = readMark(user?.comment)?.fleet === fleet.name || fleet.accounts?.create === false;
    const dates = user && user.expire > 0 ? user.expire : undefined;
    const state = (): AccountState => {
      if (gone.includes(login)) return 'left';
      if (!user) return 'missing';
      if (!isOurs) return 'foreign';
      if (!user.enable) return 'disabled';
      return dates !== undefined && dates <= nowSeconds ? 'expired' : 'active';
    };
    const keys = new Set(student?.containers ?? []);
    const own = owned.filter(
      ({ ownership }) => keys.has(ownership?.key ?? '') || ownership?.student === login,
    );
    const fullName = [user?.firstname, user?.lastname].filter(Boolean).join(' ');
    return {
      login,
      name: student?.name ?? fullName,
      group: student?.group ?? null,
      userid: student?.account?.userid ?? user?.userid ?? '',
      state: state(),
      expires: dates === undefined ? null : new Date(dates * 1_000).toISOString(),
      pool: student?.account?.pool ?? access.pools.find(({ comment }) => isMarked(comment))?.poolid ?? null,
      containers: own.map(({ ownership, vmid, node, status }) => ({
        key: ownership?.key ?? '',
        vmid,
        node,
        status,
      })),
    };
  };
  const accounts = [...(fleet.accounts ? students.map(({ login }) => login) : []), ...gone]
    .filter(isMeant)
    .sort(naturalCompare)
    .map(row);
  return { format: 'pvefleet.accounts/1', fleet: fleet.name, accounts };
}

const emptyPlan = (fleet: string): Plan => assemblePlan({ fleet, containers: [] });

/**
 * Plans new passwords.
 *
 * @param selection - whose; nothing: everybody's.
 * @returns the plan; refused where a user is not the fleet's, and for API tokens.
 * @throws UsageError when nobody is meant.
 */
export async function makeRotatePlan(
  context: EngineContext,
  fleet: DesiredFleet,
  selection: AccountSelection,
  policy: Policy,
): Promise<Planned> {
  if (!fleet.accounts)
    throw new UsageError(`the file of ${fleet.name} has no accounts`, {
      hint: 'write accounts: {} under students to give each student one',
    });
  const { access, students, snapshot } = await observeAccounts(context, fleet);
  const isMeant = selector(selection, students, []);
  const meant = students.filter(({ login }) => isMeant(login));
  const { changes, refusals } = planPasswords(fleet.name, meant, access.users);
  // PVE: everybody but root confirms with the own password
  const confirmed =
    isRoot(context.identity) || (context.identity?.includes('!') ?? false) ? changes : changes.map(confirm);
  const plan = addAccountChanges(emptyPlan(fleet.name), confirmed, { fleet, access, policy }, { refusals });
  return ready(context, plan, snapshot);
}

function confirm(change: AccountChange): AccountChange {
  const { request } = change;
  const params = { ...request.params, 'confirmation-password': { $secret: ownPassword } };
  return { ...change, request: { ...request, params } };
}

/**
 * Plans the removal of accounts: users, pools and rights; with everybody's also the role. Containers stay.
 *
 * @param selection - whose, on the roster or not any more; nothing: everybody's.
 * @returns the plan; refused without the permission to destroy.
 */
export async function makeAccountRemovalPlan(
  context: EngineContext,
  fleet: DesiredFleet,
  selection: AccountSelection,
  policy: Policy,
): Promise<Planned> {
  const observed = await observeAccounts(context, fleet);
  const { access, students, snapshot } = observed;
  const own = ownedBy(fleet.name, snapshot).map(
    ({ ownership, vmid }): OwnContainer => ({ key: ownership?.key ?? '', vmid, leaves: false }),
  );
  const isMeant = selector(selection, students, leavers(observed, fleet));
  const isAll = selection.logins.length === 0 && selection.groups === undefined;
  const staying = students.filter(({ login }) => !isMeant(login));
  const leaving = new Set(
    students.flatMap(({ login, account }) => (isMeant(login) && account ? [account.userid] : [])),
  );
  const rest = isAll ? { name: fleet.name } : { ...fleet, students: staying };
  const { changes } = planAccounts(rest, access, own);
  const meant = changes.filter(({ student, request }) => {
    if (isAll) return true;
    return student === undefined ? leaving.has(String(request.params['users'])) : isMeant(student);
  });
  const worded = meant.map((change) => ({ ...change, reason: 'accounts are removed' }));
  const plan = addAccountChanges(emptyPlan(fleet.name), worded, { fleet, access, policy });
  return ready(context, plan, snapshot);
}

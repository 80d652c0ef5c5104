/** Users of students: created with a generated password, kept as the roster says, removed. Only those with the fleet's mark. */
import type { SecretPlaceholder, WireValue } from '../../schema/request.ts';
import { naturalCompare } from '../../util/compare.ts';
import type { DesiredAccounts, DesiredStudent } from '../desired.ts';
import type { FieldChange, Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import { type AccountChange, type ActualUser, readMark, writeMark } from './access.ts';

/** What the users come to. */
export interface UserPlan {
  readonly created: readonly AccountChange[];
  readonly removed: readonly AccountChange[];
  readonly refusals: readonly Refusal[];
}

type Fields = Readonly<Record<string, string | number | boolean>>;

/** Id of the change that creates a user. */
export const userCreation = (userid: string): string => `user/${userid}/create`;

/** Stands for the password that the engine makes up for a student. */
const generatedPassword = (login: string): SecretPlaceholder => ({ $secret: `generated:${login}` });

/**
 * Splits a name for the two fields that Proxmox VE has.
 *
 * @param name - `Anna Maria Huber`, or `Huber, Anna Maria`.
 * @returns everything but the last word, and that; a single word is the first name.
 */
export function splitName(name: string): { firstname: string; lastname?: string } {
  const [last = '', first = ''] = name.split(',').map((part) => part.trim());
  if (first !== '') return { firstname: first, lastname: last };
  const words = name.trim().split(/\s+/);
  const [lastname] = words.slice(1).slice(-1);
  return lastname === undefined
    ? { firstname: name.trim() }
    : { firstname: words.slice(0, -1).join(' '), lastname };
}

/** What the roster and the file say of a user; what they do not say is not managed. */
function wantedFields({ name, email }: DesiredStudent, { expire, enable }: DesiredAccounts): Fields {
  return {
    ...splitName(name),
    ...(email === undefined ? {} : { email }),
    ...(expire === undefined ? {} : { expire }),
    ...(enable === undefined ? {} : { enable }),
  };
}

function creation(
  fleet: string,
  accounts: DesiredAccounts,
  student: DesiredStudent,
  userid: string,
): AccountChange {
  const { login } = student;
  const fields = wantedFields(student, accounts);
  const params: Record<string, WireValue | SecretPlaceholder> = {
    userid,
    ...fields,
    comment: writeMark({ fleet, student: login }),
    ...(accounts.passwords === 'generated' ? { password: generatedPassword(login) } : {}),
  };
  return {
    id: userCreation(userid),
    kind: 'user.create',
    target: userid,
    student: login,
    request: { method: 'POST', path: '/access/users', params },
    changes: Object.entries(fields).map(([field, to]) => ({ field, from: null, to, effect: 'live' })),
    risk: 'safe',
    reason: 'not there yet',
    dependsOn: [],
    phase: 'before',
  };
}

function update(
  fleet: string,
  accounts: DesiredAccounts,
  student: DesiredStudent,
  user: ActualUser,
): AccountChange[] {
  const { login } = student;
  const { userid, comment } = user;
  const fields = Object.entries(wantedFields(student, accounts)).filter(
    ([field, to]) => ((user as unknown as Fields)[field] ?? '') !== to,
  );
  const before = readMark(comment)?.student;
  const changes = fields.map(
    ([field, to]): FieldChange => ({
      field,
      from: (user as unknown as Fields)[field] ?? null,
      to,
      effect: 'live',
    }),
  );
  if (before !== login) changes.push({ field: 'student', from: before ?? null, to: login, effect: 'live' });
  if (changes.length === 0) return [];
  const isLockedOut = changes.some(({ field, to }) => field === 'enable' && to === false);
  return [
    {
      id: `user/${userid}/update`,
      kind: 'user.update',
      target: userid,
      student: login,
      request: {
        method: 'PUT',
        path: '/access/users/{userid}',
        params: {
          userid,
          ...Object.fromEntries(fields),
          ...(before === login ? {} : { comment: writeMark({ fleet, student: login }, comment) }),
        },
      },
      changes,
      risk: isLockedOut ? 'disruptive' : 'safe',
      reason: `${changes.map(({ field }) => field).join(', ')} ${changes.length === 1 ? 'differs' : 'differ'}`,
      dependsOn: [],
      phase: 'before',
    },
  ];
}

function planUser(
  fleet: string,
  accounts: DesiredAccounts,
  student: DesiredStudent,
  users: ReadonlyMap<string, ActualUser>,
): { changes: readonly AccountChange[]; refusal?: Refusal } {
  const { login, account } = student;
  if (!account) return { changes: [] };
  const { userid } = account;
  const user = users.get(userid);
  const owner = readMark(user?.comment);
  const refuse = (code: string, message: string, hint: string): ReturnType<typeof planUser> => ({
    changes: [],
    refusal: refusal({ key: login }, { code, message, hint }),
  });
  if (!accounts.create) {
    if (user) return { changes: [] };
    return refuse(
      'USER_MISSING',
      `there is no user ${userid}`,
      `synchronise the realm ${accounts.realm}, or write create: true under accounts`,
    );
  }
  if (!user) return { changes: [creation(fleet, accounts, student, userid)] };
  if (owner?.fleet === fleet) return { changes: update(fleet, accounts, student, user) };
  return refuse(
    'USER_FOREIGN',
    `the user ${userid} exists and ${owner ? `belongs to the fleet ${owner.fleet}` : 'is not managed by pvefleet'}`,
    'write create: false under accounts to use it as it is, or give the student another login',
  );
}

/**
 * Plans the users.
 *
 * @param fleet - name of the fleet.
 * @param accounts - how they are kept; absent: not at all any more.
 * @param students - everybody.
 * @param users - those that there are.
 * @returns what to create and change before, and what to remove.
 */
export function planUsers(
  fleet: string,
  accounts: DesiredAccounts | undefined,
  students: readonly DesiredStudent[],
  users: readonly ActualUser[],
): UserPlan {
  const found = new Map(users.map((user) => [user.userid, user]));
  const plans = accounts ? students.map((student) => planUser(fleet, accounts, student, found)) : [];
  const wanted = new Set(accounts ? students.map(({ account }) => account?.userid) : []);
  const removed = users
    .filter(({ userid, comment }) => readMark(comment)?.fleet === fleet && !wanted.has(userid))
    .sort((a, b) => naturalCompare(a.userid, b.userid))
    .map(({ userid, comment }): AccountChange => {
      const student = readMark(comment)?.student;
      return {
        id: `user/${userid}/delete`,
        kind: 'user.delete',
        target: userid,
        ...(student === undefined ? {} : { student }),
        request: { method: 'DELETE', path: '/access/users/{userid}', params: { userid } },
        changes: [],
        risk: 'destructive',
        reason: 'left the roster',
        dependsOn: [],
        phase: 'after',
      };
    });
  return {
    created: plans.flatMap(({ changes }) => changes),
    removed,
    refusals: plans.flatMap((plan) => plan.refusal ?? []),
  };
}

/**
 * Plans new passwords.
 *
 * PVE: PUT /access/password cannot be called with an API token, only with a ticket.
 *
 * @param fleet - name of the fleet.
 * @param students - who gets one.
 * @param users - those that there are.
 * @returns a request for each; a refusal for users without the fleet's mark.
 */
export function planPasswords(
  fleet: string,
  students: readonly DesiredStudent[],
  users: readonly ActualUser[],
): { changes: readonly AccountChange[]; refusals: readonly Refusal[] } {
  const found = new Map(users.map((user) => [user.userid, user]));
  const changes: AccountChange[] = [];
  const refusals: Refusal[] = [];
  for (const { login, account } of students) {
    const user = found.get(account?.userid ?? '');
    if (!account || !user || readMark(user.comment)?.fleet !== fleet || !user.userid.endsWith('@pve')) {
      const message = user
        ? `the password of ${user.userid} is not ours to set`
        : `${login} has no user whose password could be set`;
      const hint = 'only users that this fleet created in the realm pve have generated passwords';
      refusals.push(refusal({ key: login }, { code: 'PASSWORD_FOREIGN', message, hint }));
      continue;
    }
    const { userid } = user;
    changes.push({
      id: `user/${userid}/password`,
      kind: 'user.password',
      target: userid,
      student: login,
      request: {
        method: 'PUT',
        path: '/access/password',
        params: { userid, password: generatedPassword(login) },
      },
      changes: [],
      risk: 'disruptive',
      reason: 'new password',
      dependsOn: [],
      phase: 'before',
    });
  }
  return { changes, refusals };
}

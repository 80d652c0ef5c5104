/**
 * Proof of a new password: a login with it, which opens nothing for this run. Where its owner cannot log in now, or the
 * login cannot be tried, it stays unproved, and that is told. Never shows a password.
 */
import { PveError } from '../../api/errors/pve-error.ts';
import type { ActualUser } from '../../domain/lab/access.ts';
import type { Action, FieldChange } from '../../domain/plan.ts';
import { messageOf } from '../../util/errors.ts';
import type { EngineContext } from '../context.ts';
import { warn } from '../notices.ts';
import { requestText } from '../request-text.ts';
import type { RunState } from '../run-state.ts';
import { generatedPassword } from './use-credentials.ts';

/** Field of the change that says that the server does not take a new password. */
const field = 'password';

/** Whether a proof has found that a new password is not in force. */
export const isPasswordRefused = (changes: readonly FieldChange[]): boolean =>
  changes.some((change) => change.field === field);

/** Where we make passwords: the realm whose users and passwords are those of Proxmox VE. */
const isOurRealm = (userid: string): boolean => userid.endsWith('@pve');

/** PVE: a realm may ask for a second factor that a new user cannot have yet; then no password opens anything. */
async function wantsSecondFactor(context: EngineContext): Promise<boolean> {
  const realms = await context.pve.get('/access/domains', {}, { signal: context.signal });
  return realms.some(({ realm, tfa }) => realm === 'pve' && tfa !== undefined);
}

/** Tells once per reason: a class of thirty needs no thirty lines. */
function tellUnproved(context: EngineContext, run: RunState | undefined, userid: string, why: string): void {
  if (run?.unproved.has(why)) return;
  run?.unproved.add(why);
  const message = `the new password of ${userid} is set, but was not tried: ${why}`;
  warn(context, 'PASSWORD_UNPROVED', message);
}

/**
 * Tries the password that an action has set.
 *
 * @param run - remembers what was told.
 * @param action - creates a user, or sets a password.
 * @param user - as the server has it now.
 * @returns nothing when the server takes the password, when no password was made up, or when it cannot be tried.
 */
export async function unprovedPassword(
  context: EngineContext,
  run: RunState | undefined,
  action: Action,
  user: ActualUser,
): Promise<FieldChange[]> {
  const { userid, enable, expire } = user;
  const password = isOurRealm(userid) ? await generatedPassword(context, action) : undefined;
  if (password === undefined) return [];
  const hasExpired = expire > 0 && expire * 1_000 <= context.clock.now();
  if (!enable || hasExpired) {
    tellUnproved(context, run, userid, `the account ${enable ? 'has expired' : 'is disabled'}`);
    return [];
  }
  try {
    if (await context.pve.tryPassword(userid, password, { signal: context.signal })) return [];
    if (await wantsSecondFactor(context)) {
      tellUnproved(context, run, userid, 'the realm pve wants a second factor');
      return [];
    }
  } catch (error) {
    // it is set, and the server said so: what stands against the proof alone does not undo that
    if (context.signal.aborted || !(error instanceof PveError)) throw error;
    tellUnproved(context, run, userid, messageOf(error));
    return [];
  }
  return [{ field, from: 'accepted at a login', to: 'refused', effect: 'live' }];
}

/**
 * Whether a password has arrived although the answer was lost: it is random, so where it opens, it was us.
 *
 * @param action - with the request as it was sent.
 */
export async function isPasswordSet(context: EngineContext, { request }: Action): Promise<boolean> {
  const [userid, password] = [requestText(request, 'userid') ?? '', requestText(request, 'password')];
  if (password === undefined || !isOurRealm(userid)) return false;
  return context.pve.tryPassword(userid, password, { signal: context.signal });
}

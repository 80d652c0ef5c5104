/** Generated passwords on their way: from the sheet into a request, and what became of it back into the sheet. */
import { isAccountAction, passwordOwner } from '../../domain/lab/account-actions.ts';
import type { Action } from '../../domain/plan.ts';
import { messageOf, UsageError } from '../../util/errors.ts';
import type { EngineContext } from '../context.ts';
import { warn } from '../notices.ts';
import type { ActionResult } from '../report.ts';
import { requestText } from '../request-text.ts';

/**
 * Opens the sheet before anything is written, where a plan is about accounts.
 *
 * @throws UsageError when passwords are to be made and there is no sheet, or it cannot be written.
 */
export async function openCredentials(context: EngineContext, actions: readonly Action[]): Promise<void> {
  if (context.credentials) {
    if (actions.some(isAccountAction)) await context.credentials.open();
    return;
  }
  if (actions.every((action) => passwordOwner(action) === undefined)) return;
  throw new UsageError('this makes passwords, and there is no sheet to write them into', {
    code: 'CREDENTIALS_NEEDED',
    hint: 'give a folder, or a file that ends with .csv: --credentials DIR',
  });
}

/**
 * The password that an action sets; in the sheet before it is returned.
 *
 * @returns undefined for actions that make none.
 * @throws UsageError when it cannot be written down.
 */
export async function generatedPassword(context: EngineContext, action: Action): Promise<string | undefined> {
  const login = passwordOwner(action);
  if (login === undefined || !context.credentials) return undefined;
  return context.credentials.passwordFor(login, requestText(action.request, 'userid') ?? '');
}

const inForce: ReadonlySet<ActionResult> = new Set(['ok', 'warnings', 'unchanged', 'diverged']);

/**
 * Notes in the sheet what an action came to. The password is there already, so a failure is a warning.
 *
 * @param isRefused - the server said that the password is set, and does not take it.
 */
export async function settleCredentials(
  context: EngineContext,
  action: Action,
  result: ActionResult,
  isRefused = false,
): Promise<void> {
  const { credentials } = context;
  const login = passwordOwner(action);
  if (!credentials) return;
  try {
    if (action.kind === 'user.delete' && inForce.has(result)) await credentials.forget(action.target.key);
    if (login === undefined) return;
    const outcome = isRefused
      ? 'disproved'
      : inForce.has(result)
        ? 'in-force'
        : result === 'indeterminate'
          ? 'unknown'
          : 'refused';
    await credentials.settle(login, outcome);
  } catch (error) {
    warn(
      context,
      'CREDENTIALS',
      `the credentials sheet could not be brought up to date: ${messageOf(error)}`,
    );
  }
}

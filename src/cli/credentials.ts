/** The credentials sheet around a command that sets passwords: opened when it is needed, put in order afterwards. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extendPlan } from '../domain/assemble.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import { passwordOwner } from '../domain/lab/account-actions.ts';
import type { Plan } from '../domain/plan.ts';
import { refusal } from '../domain/refusal.ts';
import type { EngineContext } from '../engine/context.ts';
import { PlanRefusedError } from '../engine/errors.ts';
import { type CredentialsSheet, createSheet } from '../engine/lab/credentials.ts';
import { type Details, readSheetDetails } from '../engine/lab/sheet-details.ts';
import { replaceFile } from '../engine/replace-file.ts';
import { renderHandOutHtml, renderHandOutMarkdown } from '../render/hand-out.ts';
import type { SheetRow } from '../spec/sheet.ts';
import { type ExitCode, messageOf } from '../util/errors.ts';
import type { Runtime } from './runtime.ts';

/** Names in a message, not too many of them. */
const some = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');

/**
 * Refuses a plan that makes passwords when there is nowhere to write them.
 *
 * @param plan - as planning made it.
 * @returns the plan, with a refusal where `--credentials` is missing.
 */
export function needingSheet({ options }: Pick<Runtime, 'options'>, plan: Plan): Plan {
  const owners = new Set(plan.actions.flatMap((action) => passwordOwner(action) ?? []));
  if (owners.size === 0 || options.credentials !== undefined) return plan;
  const what = owners.size === 1 ? 'a password' : `${owners.size} passwords`;
  const about = {
    code: 'CREDENTIALS_NEEDED',
    message: `this makes ${what}, and there is no sheet to write them into`,
    hint: 'give a folder for sheet and hand-outs, or a file that ends with .csv: --credentials DIR',
  };
  return extendPlan(plan, { refusals: [refusal({ key: plan.fleet }, about)] });
}

/**
 * The same for a plan that was saved: it is carried out as it is or not at all.
 *
 * @throws PlanRefusedError when `--credentials` is missing.
 */
export function assertSheet(runtime: Pick<Runtime, 'options'>, plan: Plan): void {
  const { refusals } = needingSheet(runtime, { ...plan, refusals: [] });
  if (refusals.length > 0) throw new PlanRefusedError({ fleet: plan.fleet, refusals });
}

/** Logins become names of files. */
const fileName = (login: string): string => login.replaceAll(/[^\w.-]/g, '_');

async function writeHandOuts(folder: string, rows: readonly SheetRow[], fleet: string): Promise<void> {
  for (const row of rows) {
    const base = join(folder, fileName(row.login));
    await replaceFile(`${base}.md`, renderHandOutMarkdown(row, fleet), 0o600);
    await replaceFile(`${base}.html`, renderHandOutHtml(row, fleet), 0o600);
  }
}

async function removeHandOuts(folder: string, logins: Iterable<string>): Promise<void> {
  for (const login of logins)
    for (const ending of ['md', 'html'])
      await rm(join(folder, `${fileName(login)}.${ending}`), { force: true });
}

/** What people have to be told about the sheet. */
function tellRest(runtime: Runtime, rows: readonly SheetRow[], { users }: Details, isOurs: boolean): void {
  const { output } = runtime;
  const unsure = [...new Set(rows.filter(({ state }) => state === 'unconfirmed').map(({ login }) => login))];
  if (unsure.length > 0)
    output.tell(
      `It is not certain which password is in force for ${some(unsure)}: all that may be are in the sheet. Set new ones: pvefleet accounts rotate`,
    );
  const known = new Set(rows.map(({ login }) => login));
  const unknown = isOurs ? [...users.values()].filter((login) => !known.has(login)) : [];
  if (unknown.length > 0)
    output.say(
      `The sheet has no password of ${some(unknown)}, whose accounts were there before. Set new ones: pvefleet accounts rotate`,
    );
}

async function putInOrder(
  runtime: Runtime,
  context: EngineContext,
  fleet: Pick<DesiredFleet, 'name' | 'students' | 'accounts'>,
  sheet: CredentialsSheet,
): Promise<void> {
  const details = await readSheetDetails(context, fleet);
  const rows = await sheet.finish(details.byLogin, (userid) => details.users.has(userid));
  const own = new Set(details.users.values());
  if (sheet.folder !== undefined) {
    const current = rows.filter(({ login, state }) => own.has(login) && state === 'in force');
    await writeHandOuts(sheet.folder, current, fleet.name);
    await removeHandOuts(sheet.folder, sheet.forgotten);
  }
  if (sheet.changed.size > 0)
    runtime.output.say(
      `Passwords of ${sheet.changed.size} ${sheet.changed.size === 1 ? 'account' : 'accounts'} are in ${sheet.file}${sheet.folder === undefined ? '' : ', hand-outs beside it'}.`,
    );
  tellRest(runtime, rows, details, fleet.accounts?.passwords !== 'realm');
}

/**
 * Runs a command with the sheet of `--credentials`.
 *
 * @param context - connection.
 * @param fleet - whose accounts; with its students where the file is known.
 * @param run - the command; gets a context that can make passwords.
 * @returns what `run` returns. Passwords are in the sheet before they are set; afterwards it is completed with containers,
 *   addresses and links, also when nothing was left to do.
 */
export async function withSheet(
  runtime: Runtime,
  context: EngineContext,
  fleet: Pick<DesiredFleet, 'name' | 'students' | 'accounts'>,
  run: (context: EngineContext) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { credentials } = runtime.options;
  if (credentials === undefined) return run(context);
  const sheet = createSheet(runtime.path(credentials));
  const connected: EngineContext = { ...context, credentials: sheet };
  try {
    const code = await run(connected);
    if (context.signal.aborted || !(sheet.isOpen || existsSync(sheet.file))) return code;
    try {
      await putInOrder(runtime, context, fleet, sheet);
    } catch (error) {
      runtime.output.tell(
        `The passwords are in ${sheet.file}, but it could not be completed: ${messageOf(error)}. Apply again with the same --credentials.`,
      );
      return code === 0 ? 5 : code;
    }
    return code;
  } finally {
    await sheet.close();
  }
}

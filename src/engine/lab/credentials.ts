/**
 * The credentials sheet on disk. A password is in the file, and the file on the disk, before the request that sets it is
 * sent: whatever is cut off, a password that is in force stands in the sheet. Nothing else ever holds one.
 */
import { chmod, constants, type FileHandle, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatSheet, parseSheet, type SheetRow, sheetHeader, sheetLine } from '../../spec/sheet.ts';
import { messageOf, UsageError } from '../../util/errors.ts';
import { replaceFile } from '../replace-file.ts';
import { generatePassword } from './password.ts';

/** What an action comes to for the password that it set; `disproved`: it is said to be set, and opens nothing. */
type PasswordOutcome = 'in-force' | 'refused' | 'unknown' | 'disproved';

/** Where the passwords of a run go. Part of the engine's context. */
export interface Credentials {
  /**
   * Makes the sheet, or opens the one that is there, so that a full disk or a missing permission is known before anything is
   * changed.
   *
   * @throws UsageError when that is impossible.
   */
  open(): Promise<void>;
  /**
   * The password that is about to be set: the same one for every attempt, also after a crash.
   *
   * @throws UsageError when it cannot be written down; nothing may be sent then.
   */
  passwordFor(login: string, userid: string): Promise<string>;
  /** Notes what became of it. */
  settle(login: string, outcome: PasswordOutcome): Promise<void>;
  /** Takes out who has no account any more. */
  forget(login: string): Promise<void>;
}

/** What else the sheet says of a student. */
export type SheetDetails = Partial<Omit<SheetRow, 'login' | 'password' | 'state'>>;

/** The sheet as the commands use it. */
export interface CredentialsSheet extends Credentials {
  readonly file: string;
  /** Folder for hand-outs; absent: only the CSV file is wanted. */
  readonly folder?: string;
  /** Whether it was opened, and may hold new lines. */
  readonly isOpen: boolean;
  /** Logins that were taken out. */
  readonly forgotten: ReadonlySet<string>;
  /** Logins whose password this run has set. */
  readonly changed: ReadonlySet<string>;
  /**
   * Puts the whole sheet in order: one line for each password that is or may be in force, with all details.
   *
   * @param details - by login; others keep theirs.
   * @param exists - whether there is such a user; decides about passwords of a run that was cut off.
   * @returns the lines as written.
   */
  finish(
    details: ReadonlyMap<string, SheetDetails>,
    exists: (userid: string) => boolean,
  ): Promise<readonly SheetRow[]>;
  /** Releases the sheet; without `finish` it stays as it is. */
  close(): Promise<void>;
}

const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const unwritable = (file: string, cause: unknown): UsageError =>
  new UsageError(`cannot write the credentials sheet ${file}: ${messageOf(cause)}`, {
    code: 'CREDENTIALS_UNWRITABLE',
    hint: 'nothing was changed; give a folder that you may write to: --credentials DIR',
    cause,
  });

/** The folder entry itself must survive a crash as well. Windows cannot do that, and need not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Between making a lock and writing its process into it, in milliseconds. */
const youngLockMs = 5_000;

/** Whether the process that holds a lock still runs. */
async function isHeld(lock: string): Promise<boolean> {
  const text = await readFile(lock, 'utf8').catch(() => '0');
  if (text === '') {
    const made = await stat(lock).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs < youngLockMs;
  }
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** One run at a time: the sheet is written anew at the end, and lines of another run would be lost. */
async function takeLock(lock: string, file: string): Promise<void> {
  for (const isLast of [false, true]) {
    try {
      const handle = await open(lock, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (isLast || (await isHeld(lock)))
        throw new UsageError(`the credentials sheet ${file} is in use by another run`, {
          code: 'CREDENTIALS_LOCKED',
          hint: `wait for it to end; if there is none, remove ${lock}`,
        });
      await rm(lock, { force: true });
    }
  }
}

async function readRows(file: string): Promise<SheetRow[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  });
  const rows = parseSheet(text);
  if (rows) return rows;
  throw new UsageError(`${file} is there, and is no credentials sheet of pvefleet`, {
    code: 'CREDENTIALS_INVALID',
    hint: 'give another name; nothing was changed',
  });
}

/** One line of each password: the file of a run that was cut off has one from before and one from after the answer. */
function collapse(rows: readonly SheetRow[]): SheetRow[] {
  const byLogin = new Map<string, SheetRow[]>();
  for (const row of rows) {
    const others = (byLogin.get(row.login) ?? []).filter(({ password }) => password !== row.password);
    byLogin.set(row.login, row.state === 'in force' ? [row] : [...others, row]);
  }
  return [...byLogin.values()].flat();
}

const isFile = (path: string): boolean => /\.csv$/i.test(path);

/**
 * The file behind `--credentials`.
 *
 * @param path - a file `….csv`, or a folder.
 */
export const sheetFile = (path: string): string => (isFile(path) ? path : join(path, 'credentials.csv'));

/**
 * Prepares a sheet; nothing is touched before `open`.
 *
 * @param path - a file `….csv`, or a folder that gets `credentials.csv` and hand-outs.
 * @param generate - makes up a password.
 * @returns the sheet.
 */
export function createSheet(path: string, generate: () => string = generatePassword): CredentialsSheet {
  const file = sheetFile(path);
  const folder = dirname(file);
  const lock = `${file}.lock`;
  let opening: Promise<void> | undefined;
  let handle: FileHandle | undefined;
  /** One or, while a password is being replaced, two of a login: the newest last. */
  let rows: SheetRow[] = [];
  const pending = new Map<string, SheetRow>();
  const changed = new Set<string>();
  const forgotten = new Set<string>();
  const doubted = new Set<string>();
  // appended one after another, so that lines do not mix
  let queue: Promise<unknown> = Promise.resolve();

  const append = (row: SheetRow): Promise<void> => {
    const written = queue.then(async () => {
      if (!handle) throw new Error('the sheet is not open');
      await handle.appendFile(sheetLine(row));
      await handle.sync();
    });
    queue = written.catch(() => undefined);
    return written;
  };

  const start = async (): Promise<void> => {
    let isLocked = false;
    try {
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      if (made !== undefined) await syncFolder(dirname(folder));
      await takeLock(lock, file);
      isLocked = true;
      rows = await readRows(file);
      const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
      // a link that somebody put there is not followed
      handle = await open(file, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
      await chmod(file, 0o600);
      const { size } = await stat(file);
      // what a crash has cut off must not run into the next line; it was never sent
      const text = size === 0 ? '' : await readFile(file, 'utf8');
      if (size === 0) await handle.appendFile(sheetHeader);
      else if (!text.endsWith('\n')) await replaceAndReopen(formatSheet(rows));
      await handle.sync();
      await syncFolder(folder);
    } catch (error) {
      await handle?.close();
      handle = undefined;
      if (isLocked) await rm(lock, { force: true });
      throw error instanceof UsageError ? error : unwritable(file, error);
    }
    rows = collapse(rows);
    for (const row of rows) if (row.state === 'unconfirmed') pending.set(row.login, row);
  };

  const replaceAndReopen = async (text: string): Promise<void> => {
    await replaceFile(file, text, 0o600);
    await handle?.close();
    handle = await open(file, constants.O_APPEND | constants.O_WRONLY);
  };

  const sheet: CredentialsSheet = {
    file,
    ...(isFile(path) ? {} : { folder }),
    changed,
    forgotten,
    get isOpen() {
      return handle !== undefined;
    },
    open: () => {
      opening ??= start();
      return opening;
    },
    passwordFor: async (login, userid) => {
      await sheet.open();
      const known = pending.get(login);
      if (known) return known.password;
      const before = rows.findLast((row) => row.login === login);
      const row: SheetRow = {
        name: '',
        group: '',
        email: '',
        containers: [],
        addresses: [],
        url: '',
        consoles: [],
        ...before,
        login,
        userid,
        password: generate(),
        state: 'unconfirmed',
      };
      await append(row).catch((cause: unknown) => {
        throw unwritable(file, cause);
      });
      rows.push(row);
      pending.set(login, row);
      return row.password;
    },
    settle: async (login, outcome) => {
      const row = pending.get(login);
      if (outcome === 'disproved') doubted.add(login);
      if (!row || outcome === 'unknown' || outcome === 'disproved') return;
      pending.delete(login);
      if (outcome === 'refused') {
        rows = rows.filter((one) => one !== row);
        return;
      }
      const confirmed: SheetRow = { ...row, state: 'in force' };
      rows = [...rows.filter((one) => one.login !== login), confirmed];
      changed.add(login);
      await append(confirmed);
    },
    forget: async (login) => {
      await sheet.open();
      rows = rows.filter((row) => row.login !== login);
      pending.delete(login);
      forgotten.add(login);
    },
    finish: async (details, exists) => {
      await sheet.open();
      await queue;
      const settled = rows.map((row): SheetRow => {
        const isOnly = rows.filter(({ login }) => login === row.login).length === 1;
        // there was no other password for this user, and it is there: so it is this one
        const isSure = row.state === 'in force' || (isOnly && exists(row.userid) && !doubted.has(row.login));
        return { ...row, ...details.get(row.login), state: isSure ? 'in force' : 'unconfirmed' };
      });
      rows = settled;
      await replaceAndReopen(formatSheet(settled));
      await syncFolder(folder);
      return settled;
    },
    close: async () => {
      if (!opening) return;
      // an opening that failed has told so already, and holds nothing
      const isOpen = await opening.then(
        () => true,
        () => false,
      );
      if (!isOpen) return;
      await queue;
      await handle?.close();
      handle = undefined;
      await rm(lock, { force: true });
    },
  };
  return sheet;
}

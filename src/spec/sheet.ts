/**
 * The credentials sheet: a CSV file with one line per student, and while passwords are set possibly two, because until the
 * server has answered nobody knows which one is in force. Pure: text in, rows out.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { naturalCompare } from '../util/compare.ts';

/** `unconfirmed`: the password was sent, and no answer came; it may be in force or not. */
type SheetState = 'in force' | 'unconfirmed';

/** One line. */
export interface SheetRow {
  readonly login: string;
  readonly name: string;
  readonly group: string;
  readonly email: string;
  readonly userid: string;
  readonly password: string;
  readonly state: SheetState;
  /** Host names with their ids, `student-anna (301)`. */
  readonly containers: readonly string[];
  readonly addresses: readonly string[];
  /** Where to log in. */
  readonly url: string;
  /** Links to the consoles. */
  readonly consoles: readonly string[];
}

const columns = [
  'login',
  'name',
  'group',
  'email',
  'userid',
  'password',
  'state',
  'containers',
  'addresses',
  'url',
  'consoles',
] as const;

/** A spreadsheet takes text that starts like this for a formula. */
const formula = /^[=+\-@\t\r]/;
const guard = (text: string): string => (formula.test(text) ? `'${text}` : text);
const unguard = (text: string): string =>
  text.startsWith("'") && formula.test(text.slice(1)) ? text.slice(1) : text;

function cell(value: string | readonly string[]): string {
  const text = guard(typeof value === 'string' ? value : value.join(' '));
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The first line. */
export const sheetHeader: string = `${columns.join(',')}\n`;

/**
 * Writes one line.
 *
 * @returns the line, with its end.
 */
export function sheetLine(row: SheetRow): string {
  return `${columns.map((column) => cell(row[column])).join(',')}\n`;
}

/**
 * Writes a whole sheet.
 *
 * @param rows - in any order.
 * @returns the text: header, and the rows in natural order of logins.
 */
export function formatSheet(rows: readonly SheetRow[]): string {
  const sorted = [...rows].sort((a, b) => naturalCompare(a.login, b.login));
  return sheetHeader + sorted.map(sheetLine).join('');
}

/**
 * Reads a sheet. A last line that was cut off by a crash is left out: its password was never sent.
 *
 * @param text - content of the file.
 * @returns the rows in the order of the file, or undefined when this is no credentials sheet.
 */
export function parseSheet(text: string): SheetRow[] | undefined {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.trim() === '') return text.trim() === '' ? [] : undefined;
  let records: Record<string, string>[];
  try {
    records = parse(whole, { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    if (error instanceof CsvError) return undefined;
    throw error;
  }
  if (!whole.replace('\uFEFF', '').startsWith(sheetHeader.trimEnd())) return undefined;
  const list = (words: string | undefined): string[] =>
    (words ?? '').split(/(?<=\)) | (?=https?:)/).filter(Boolean);
  return records.map((record): SheetRow => {
    const at = (column: (typeof columns)[number]): string => unguard(record[column] ?? '');
    return {
      login: at('login'),
      name: at('name'),
      group: at('group'),
      email: at('email'),
      userid: at('userid'),
      password: at('password'),
      state: at('state') === 'in force' ? 'in force' : 'unconfirmed',
      containers: list(at('containers')),
      addresses: at('addresses').split(' ').filter(Boolean),
      url: at('url'),
      consoles: list(at('consoles')),
    };
  });
}

/**
 * CSV text → the same kind of tree that YAML gives: a list of maps that know where each cell stands. Which columns there may
 * be is not known here; a column `nets.eth0.ip` is a path. The only place that knows the CSV parser.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { rosterLimit } from './file.ts';
import type { Findings, Problem } from './findings.ts';
import { createSource, type MapEntry, mapTree, type Place, type Source, type Tree } from './tree.ts';
import { splitTexts } from './values.ts';

const maxLength = 4 * 1024 ** 2;

/** Tells whether a value may stand at a path of a row. */
export type Accepts = (path: readonly string[], value: unknown) => boolean;

interface Cell {
  readonly text: string;
  readonly place: Place;
}

/** Offsets of the parser count bytes of UTF-8, those of places UTF-16 units. */
function unitsOf(text: string): (byte: number) => number {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === text.length) return (byte) => byte;
  const units = new Uint32Array(bytes.length + 1);
  let unit = 0;
  bytes.forEach((byte, at) => {
    units[at] = unit;
    // the last byte of a letter: continuation bytes follow the others
    const isLast = ((bytes[at + 1] ?? 0) & 0xc0) !== 0x80;
    if (isLast) unit += 1;
    // four bytes are two units
    if (byte >= 0xf0) unit += 1;
  });
  units[bytes.length] = text.length;
  return (byte) => units[Math.min(byte, bytes.length)] ?? text.length;
}

/** Spreadsheets separate by what the country has as its list separator. */
function delimiterOf(text: string): string {
  const head = text.split(/\r\n|\r|\n/).find((line) => line.trim() !== '' && !line.startsWith('#')) ?? '';
  const count = (sign: string): number => head.split(sign).length;
  return [',', ';', '\t'].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
}

/** What the parser's complaints are about; its own words speak of its options. */
const complaints: Readonly<Record<string, { message: string; hint: string }>> = {
  CSV_QUOTE_NOT_CLOSED: { message: 'a quote is opened and never closed', hint: 'close it with "' },
  CSV_INVALID_CLOSING_QUOTE: {
    message: 'text goes on behind a closing quote',
    hint: 'inside quotes a quote is written twice: ""',
  },
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: {
    message: 'text goes on behind a closing quote',
    hint: 'inside quotes a quote is written twice: ""',
  },
  INVALID_OPENING_QUOTE: {
    message: 'a quote stands within a text that is not quoted',
    hint: 'put the whole text in quotes, and write a quote inside it twice: ""',
  },
};

function placeOfLine(source: Source, line: number): Place {
  const start = source.lineStarts[Math.min(line, source.lineStarts.length) - 1] ?? 0;
  const next = source.text.slice(start).search(/[\r\n]|$/);
  return { source, start, end: start + Math.max(next, 0) };
}

function readCells(source: Source, findings: Findings): Cell[][] | undefined {
  const { text } = source;
  const toUnit = unitsOf(text);
  try {
    return parse(text, {
      delimiter: delimiterOf(text),
      comment: '#',
      comment_no_infix: true,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      cast: (value, { bytes, quoting }): Cell => {
        let end = toUnit(bytes);
        while (/[ \t]/.test(text.charAt(end - 1))) end -= 1;
        const written = quoting ? value.length + value.split('"').length + 1 : value.length;
        return { text: value.trim(), place: { source, start: Math.max(0, end - written), end } };
      },
    }) as unknown as Cell[][];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { code, lines } = error as CsvError & { lines?: number };
    const known = complaints[code] ?? { message: 'this is not CSV', hint: 'is the separator , or ; ?' };
    findings.report({ code: 'SPEC_CSV', ...known }, placeOfLine(source, lines ?? 1));
    return undefined;
  }
}

/** The columns, each a path into the row; one without a name has an empty path, and a second of a name none. */
function readHeader(header: readonly Cell[], findings: Findings): (readonly string[] | undefined)[] {
  const seen = new Map<string, Place>();
  return header.map(({ text, place }) => {
    const first = seen.get(text);
    if (first)
      findings.report({ code: 'SPEC_DUPLICATE_KEY', message: `there are two columns '${text}'` }, place, {
        message: 'first here',
        place: first,
      });
    else if (text !== '') seen.set(text, place);
    if (first) return undefined;
    return text === '' ? [] : text.split('.');
  });
}

/** Text that may also be a number, a yes or no, or a list, whichever the column takes. */
function treeOf({ text, place }: Cell, path: readonly string[], accepts: Accepts): Tree {
  const scalar = (value: string | number | boolean | null): Tree => ({ kind: 'scalar', value, text, place });
  const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text);
  if (accepts(path, text)) return scalar(text);
  if (isNumber && (accepts(path, Number(text)) || !accepts(path, [text]))) return scalar(Number(text));
  if (text === 'true' || text === 'false') return scalar(text === 'true');
  if (text === 'null' && accepts(path, null)) return scalar(null);
  const parts = [splitTexts(text), [text]].find((list) => accepts(path, list));
  if (!parts) return scalar(text);
  const items = parts.map((part): Tree => ({ kind: 'scalar', value: part, text: part, place }));
  return { kind: 'list', items, place, size: items.length + 1 };
}

const tooLong: Problem = {
  code: 'SPEC_CSV',
  message: 'the line has more cells than the header has columns',
  hint: 'put text that contains the separator in quotes',
};
const nameless = (column: number): Problem => ({
  code: 'SPEC_CSV',
  message: `column ${column} has no name`,
  hint: 'give it one in the first line, or empty it',
});

/** Puts a value at a path of a map that is being made. */
type Draft = Map<string, { key: Place; value: Tree | Draft }>;

function put(draft: Draft, [step = '', ...rest]: readonly string[], key: Place, value: Tree): void {
  if (rest.length === 0) {
    draft.set(step, { key, value });
    return;
  }
  const found = draft.get(step);
  const below = found?.value instanceof Map ? found.value : (new Map() as Draft);
  draft.set(step, { key, value: below });
  put(below, rest, key, value);
}

function finish(draft: Draft, place: Place): Tree {
  const entries = new Map<string, MapEntry>();
  for (const [name, { key, value }] of draft)
    entries.set(name, { key, value: value instanceof Map ? finish(value, place) : value });
  return mapTree(entries, place);
}

/**
 * Parses a CSV file with a header. The separator is the comma, semicolon or tabulator that its header has most of; lines
 * that start with # are remarks; an empty cell says nothing.
 *
 * @param file - name for messages.
 * @param text - content, without byte order mark.
 * @param accepts - what the columns take.
 * @param findings - gets what is wrong with the CSV itself.
 * @returns a list of maps, or undefined when the text cannot be understood; reported then.
 */
export function parseRosterCsv(
  file: string,
  text: string,
  accepts: Accepts,
  findings: Findings,
): Tree | undefined {
  const source = createSource(file, text);
  const whole: Place = { source, start: 0, end: 0 };
  if (text.length > maxLength) {
    findings.report({ code: 'SPEC_LIMIT', message: 'the file is larger than 4 MiB' }, whole);
    return undefined;
  }
  const odd = text.search(/[\0\uFFFD]/);
  if (odd >= 0) {
    findings.report(
      {
        code: 'SPEC_CSV',
        message: 'the file has letters that cannot be read: it is not UTF-8',
        hint: "save it as 'CSV UTF-8'",
      },
      { source, start: odd, end: odd + 1 },
    );
    return undefined;
  }
  const cells = readCells(source, findings);
  if (!cells) return undefined;
  const [header, ...rows] = cells;
  if (!header) {
    const hint = "its first line names the columns: 'name,group'";
    findings.report({ code: 'SPEC_CSV', message: 'the roster is empty', hint }, whole);
    return undefined;
  }
  if (rows.length > rosterLimit) {
    findings.report({ code: 'SPEC_LIMIT', message: `the roster has more than ${rosterLimit} lines` }, whole);
    return undefined;
  }
  const columns = readHeader(header, findings);
  const items = rows.flatMap((row): Tree[] => {
    const draft: Draft = new Map();
    row.forEach((cell, index) => {
      if (cell.text === '') return;
      const [key, path] = [header[index]?.place, columns[index]];
      if (!key) findings.report(tooLong, cell.place);
      else if (path?.length === 0) findings.report(nameless(index + 1), key);
      else if (path) put(draft, path, key, treeOf(cell, path, accepts));
    });
    const first = row.find(({ text }) => text !== '')?.place;
    const last = row.findLast(({ text }) => text !== '')?.place;
    return first && last ? [finish(draft, { ...first, end: last.end })] : [];
  });
  return { kind: 'list', items, place: whole, size: items.length + 1 };
}

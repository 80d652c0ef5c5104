/** Borderless tables. On a terminal they keep to its width; CSV-safe data stays in the JSON documents. */
import type { Style } from './style.ts';
import { displayWidth, flow, pad, wrap } from './wrap.ts';

/** A column: heading, alignment, and what becomes of it where the table does not fit. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Told by other columns as well: left out first, from the right. */
  readonly isSpare?: true;
  /** Goes under its row, on lines of its own. */
  readonly isBelow?: true;
  /** Never broken, so that it can be copied. */
  readonly isWhole?: true;
}

const gap = 2;
/** A column up to this stays as it is; a wider one may be broken at spaces, or inside words that are longer. */
const calm = 20;
const longWord = 28;
/** Columns that a broken column has at least; fewer where a table would not fit otherwise. */
const least = [16, 8] as const;

type Rows = readonly (readonly string[])[];

const widestLine = (text: string): number => Math.max(...text.split('\n').map(displayWidth));

const total = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap * Math.max(0, widths.length - 1);

function naturalWidths(columns: readonly Column[], rows: Rows): number[] {
  return columns.map(({ title }, at) =>
    rows.reduce((most, row) => Math.max(most, widestLine(row[at] ?? '')), title.length),
  );
}

/** How narrow a column may become. */
function floorOf({ title, isWhole, isBelow }: Column, width: number, word: number, isTight: boolean): number {
  if (isWhole || (width <= calm && !isTight)) return width;
  // it is easier to read below than in shreds
  if (isBelow && !isTight) return Math.min(width, longWord);
  const [usual, tight] = least;
  return Math.min(width, Math.max(title.length, isTight ? tight : word <= longWord ? word : usual));
}

/** Takes from the widest columns until the table fits; undefined when it cannot. */
function shrunk(
  columns: readonly Column[],
  natural: readonly number[],
  words: readonly number[],
  room: number,
  isTight: boolean,
): number[] | undefined {
  const floor = natural.map((width, at) =>
    floorOf(columns[at] as Column, width, words[at] as number, isTight),
  );
  if (total(floor) > room) return undefined;
  const widths = [...natural];
  while (total(widths) > room) {
    const open = widths.map((width, at) => (width > (floor[at] ?? 0) ? width : 0));
    const at = open.indexOf(Math.max(...open));
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

interface Layout {
  /** Indices of the columns side by side, with their widths. */
  readonly beside: readonly number[];
  readonly widths: readonly number[];
  readonly below: readonly number[];
}

function layoutOf(columns: readonly Column[], rows: Rows, style: Style): Layout {
  const natural = naturalWidths(columns, rows);
  const pick = (chosen: readonly number[]): { columns: Column[]; widths: number[] } => ({
    columns: chosen.map((at) => columns[at] as Column),
    widths: chosen.map((at) => natural[at] as number),
  });
  let beside = columns.map((_, at) => at);
  const fits = (): boolean => total(pick(beside).widths) <= style.width;
  if (!style.isTerminal || fits()) return { beside, widths: natural, below: [] };
  for (const at of beside.toReversed()) {
    if (columns[at]?.isSpare && !fits()) beside = beside.filter((other) => other !== at);
  }
  const under = beside.filter((at) => columns[at]?.isBelow);
  const words = naturalWidths(
    columns,
    rows.map((row) => row.map((cell) => cell.replaceAll(' ', '\n'))),
  );
  const attempts = [
    { below: [], isTight: false },
    { below: under, isTight: false },
    { below: under, isTight: true },
  ];
  for (const { below, isTight } of attempts) {
    const rest = beside.filter((at) => !below.includes(at));
    const chosen = pick(rest);
    const longest = rest.map((at) => words[at] as number);
    const widths = shrunk(chosen.columns, chosen.widths, longest, style.width, isTight);
    if (widths) return { beside: rest, widths, below };
  }
  // too many columns for this terminal; it breaks the lines
  return { beside, widths: pick(beside).widths, below: [] };
}

/** One row as lines: cells side by side, each continued in its column. */
function rowLines(cells: readonly string[], widths: readonly number[], columns: readonly Column[]): string[] {
  const wrapped = cells.map((cell, at) => wrap(cell, widths[at] ?? 0));
  const height = Math.max(1, ...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    wrapped
      .map((lines, at) => pad(lines[line] ?? '', widths[at] ?? 0, columns[at]?.align))
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}

/**
 * Renders rows under headings.
 *
 * @param columns - headings in order.
 * @param rows - cells as text, may hold escape sequences.
 * @param style - palette and width; only on a terminal a table is made to fit.
 * @returns lines, each ended by a newline.
 */
export function renderTable(columns: readonly Column[], rows: Rows, style: Style): string {
  const { beside, widths, below } = layoutOf(columns, rows, style);
  const shown = beside.map((at) => columns[at] as Column);
  const label = Math.max(0, ...below.map((at) => columns[at]?.title.length ?? 0));
  const lines = [
    ...rowLines(
      shown.map(({ title }) => style.dim(title)),
      widths,
      shown,
    ),
    ...rows.flatMap((row) => [
      ...rowLines(
        beside.map((at) => row[at] ?? ''),
        widths,
        shown,
      ),
      ...below
        .filter((at) => row[at] !== '')
        .map((at) => {
          // one column alone needs no name
          const name = below.length === 1 ? '' : `${pad(columns[at]?.title.toLowerCase() ?? '', label)}  `;
          const isWhole = columns[at]?.isWhole === true;
          return flow(`  ${style.dim(name)}`, row[at] ?? '', style, { keepWords: isWhole });
        }),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

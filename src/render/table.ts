/** Borderless tables for the terminal; CSV-safe data stays in the JSON documents. */
import Table from 'cli-table3';
import type { Style } from './style.ts';

/** A column: heading and alignment. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const none = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Renders rows under headings.
 *
 * @param columns - headings in order.
 * @param rows - cells as text, may hold escape sequences.
 * @param style - palette.
 * @returns lines, each ended by a newline.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const table = new Table({
    head: columns.map((column) => style.dim(column.title)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** Containers as a table, and one container in full. */
import type { ListDocument, ListedContainer, ShowDocument } from '../engine/list.ts';
import { formatSize, humanSize, MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { renderTasks } from './tasks.ts';
import { counted, showDuration } from './values.ts';
import { displayWidth, flow } from './wrap.ts';

/** A value for programs. */
type CsvValue = string | number | null | undefined;

interface ListColumn extends Column {
  /** What `--columns` calls it. */
  readonly name: string;
  readonly cell: (container: ListedContainer, style: Style) => string;
  /** The same as plain values, under the names of the JSON document. */
  readonly values: Readonly<Record<string, (container: ListedContainer) => CsvValue>>;
  /** Left out when no row has anything in it. */
  readonly optional?: true;
}

function statusCell(container: ListedContainer, style: Style): string {
  const word = container.template ? 'template' : container.status;
  const locked = container.lock ? ` (${container.lock})` : '';
  const color = word === 'running' ? style.green : word === 'unknown' ? style.yellow : style.dim;
  return color(word) + locked + (container.pending.length > 0 ? style.yellow(' restart due') : '');
}

const dash = '-';
const mib = (value: number | null): string => (value === null ? dash : formatSize(value * MiB));

function memoryCell(container: ListedContainer): string {
  const used = container.usage.memoryBytes;
  const limit = mib(container.memoryMiB);
  return container.status === 'running' && used !== null ? `${humanSize(used)} / ${limit}` : limit;
}

function diskCell(container: ListedContainer): string {
  const limit = container.rootfsBytes === null ? dash : formatSize(container.rootfsBytes);
  const used = container.usage.diskBytes;
  return container.status === 'running' && used !== null && used > 0
    ? `${humanSize(used)} / ${limit}`
    : limit;
}

function cpuCell(container: ListedContainer): string {
  const cores = container.cores === null ? 'all' : String(container.cores);
  return container.cpuLimit === null || container.cpuLimit === 0
    ? cores
    : `${cores} (limit ${container.cpuLimit})`;
}

const time = (text: string | undefined): string => text?.replace('T', ' ').replace(/:\d{2}Z$/, 'Z') ?? '';

/** What is done to it for a time. */
function noteCell({ frozen, boostedUntil }: ListedContainer, style: Style): string {
  return [
    ...(frozen === undefined ? [] : [style.yellow(`frozen since ${time(frozen)}`)]),
    ...(boostedUntil === undefined ? [] : [style.yellow(`boosted until ${time(boostedUntil)}`)]),
  ].join(', ');
}

const columns: readonly ListColumn[] = [
  {
    name: 'vmid',
    title: 'VMID',
    align: 'right',
    cell: (c) => String(c.vmid),
    values: { vmid: (c) => c.vmid },
  },
  { name: 'name', title: 'NAME', cell: (c, style) => style.bold(c.name), values: { name: (c) => c.name } },
  { name: 'node', title: 'NODE', cell: (c) => c.node, values: { node: (c) => c.node } },
  {
    name: 'status',
    title: 'STATUS',
    cell: statusCell,
    values: { status: (c) => (c.template ? 'template' : c.status) },
  },
  {
    name: 'cores',
    title: 'CORES',
    align: 'right',
    cell: cpuCell,
    values: { cores: (c) => c.cores, cpuLimit: (c) => c.cpuLimit },
  },
  {
    name: 'memory',
    title: 'MEMORY',
    align: 'right',
    cell: memoryCell,
    values: { memoryMiB: (c) => c.memoryMiB, memoryUsedBytes: (c) => c.usage.memoryBytes },
  },
  {
    name: 'swap',
    title: 'SWAP',
    align: 'right',
    cell: (c) => mib(c.swapMiB),
    values: { swapMiB: (c) => c.swapMiB },
  },
  {
    name: 'disk',
    title: 'DISK',
    align: 'right',
    cell: diskCell,
    values: { rootfsBytes: (c) => c.rootfsBytes, diskUsedBytes: (c) => c.usage.diskBytes },
  },
  {
    name: 'uptime',
    title: 'UPTIME',
    align: 'right',
    optional: true,
    cell: (c) => (c.uptimeSeconds ? showDuration(c.uptimeSeconds * 1000) : ''),
    values: { uptimeSeconds: (c) => c.uptimeSeconds },
  },
  {
    name: 'address',
    title: 'ADDRESS',
    optional: true,
    cell: (c) => c.addresses.join(' '),
    values: { addresses: (c) => c.addresses.join(' ') },
  },
  {
    name: 'group',
    title: 'GROUP',
    optional: true,
    cell: (c) => c.group ?? '',
    values: { group: (c) => c.group },
  },
  {
    name: 'student',
    title: 'STUDENT',
    optional: true,
    cell: (c) => c.student ?? '',
    values: { student: (c) => c.student },
  },
  {
    name: 'reset',
    title: 'LAST RESET',
    optional: true,
    cell: (c) => time(c.lastReset),
    values: { lastReset: (c) => c.lastReset },
  },
  {
    name: 'expires',
    title: 'EXPIRES',
    optional: true,
    cell: (c) => c.expires ?? '',
    values: { expires: (c) => c.expires },
  },
  {
    name: 'note',
    title: 'NOTE',
    optional: true,
    isBelow: true,
    cell: noteCell,
    values: { frozen: (c) => c.frozen, boostedUntil: (c) => c.boostedUntil },
  },
  {
    name: 'fleet',
    title: 'FLEET',
    optional: true,
    cell: (c) => c.fleet ?? '',
    values: { fleet: (c) => c.fleet, key: (c) => c.key },
  },
  { name: 'pool', title: 'POOL', optional: true, cell: (c) => c.pool ?? '', values: { pool: (c) => c.pool } },
  {
    name: 'tags',
    title: 'TAGS',
    cell: (c) => c.tags.join(' '),
    values: { tags: (c) => c.tags.join(' ') },
  },
];

/** Not shown unless they are asked for. */
const onlyAsked: ReadonlySet<string> = new Set(['tags']);

/** Left out one after another until the table fits into the terminal. */
const dispensable = [
  'swap',
  'cores',
  'pool',
  'uptime',
  'disk',
  'fleet',
  'group',
  'node',
  'reset',
  'expires',
  'student',
];

/** What `--columns` may name. */
export const listColumns: readonly string[] = columns.map(({ name }) => name);

function columnsOf(names: readonly string[] | undefined): readonly ListColumn[] {
  if (!names) return columns.filter(({ name }) => !onlyAsked.has(name));
  return names.flatMap((name) => columns.find((column) => column.name === name) ?? []);
}

/**
 * Gives the list as rows of plain values, for CSV.
 *
 * @param document - rows.
 * @param names - columns in order; default: all.
 * @returns headings, which are the same whatever the rows hold, and rows in order of vmid.
 */
export function listRows(
  document: ListDocument,
  names: readonly string[] | undefined,
): { readonly titles: readonly string[]; readonly rows: readonly (readonly CsvValue[])[] } {
  const chosen = (names ? columnsOf(names) : columns).flatMap(({ values }) => Object.entries(values));
  return {
    titles: chosen.map(([title]) => title),
    rows: document.containers
      .toSorted((a, b) => a.vmid - b.vmid)
      .map((container) => chosen.map(([, value]) => value(container))),
  };
}

/**
 * Renders the list.
 *
 * @param document - rows.
 * @param style - palette.
 * @param names - columns in order; default: those that have something in them.
 * @returns text that ends with a newline; on a terminal that is too narrow for it with fewer columns.
 */
export function renderList(document: ListDocument, style: Style, names?: readonly string[]): string {
  const rows = document.containers.toSorted((a, b) => a.vmid - b.vmid);
  if (rows.length === 0) return 'No containers.\n';
  const used = columnsOf(names).filter(
    (column) => names !== undefined || !column.optional || rows.some((row) => column.cell(row, style) !== ''),
  );
  const table = (shown: readonly ListColumn[], dress: Style): string =>
    renderTable(
      shown,
      rows.map((row) => shown.map((column) => column.cell(row, dress))),
      dress,
    );
  const natural: Style = { ...style, isTerminal: false };
  let [shown, left]: [readonly ListColumn[], string[]] = [used, []];
  const isTooWide = (): boolean =>
    table(
      shown.filter(({ isBelow }) => !isBelow),
      natural,
    )
      .split('\n')
      .some((line) => displayWidth(line) > style.width);
  for (const name of names !== undefined || !style.isTerminal ? [] : dispensable) {
    if (!isTooWide()) break;
    const fewer = shown.filter((column) => column.name !== name);
    if (fewer.length < shown.length) [shown, left] = [fewer, [...left, name]];
  }
  const hidden = `Not shown, as they do not fit (--columns): ${left.join(', ')}`;
  const more = left.length === 0 ? '' : `${flow('', style.dim(hidden), style)}\n`;
  const running = rows.filter((row) => row.status === 'running').length;
  return `${table(shown, style)}\n${counted(rows.length, 'container')}, ${running} running.\n${more}`;
}

function pairs(rows: readonly (readonly [name: string, value: string])[], style: Style): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => flow(`  ${style.dim(name.padEnd(width))}  `, value.trimEnd(), style));
}

/**
 * Renders one container in full.
 *
 * @param document - the container, its configuration, addresses and recent tasks.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderShow(document: ShowDocument, style: Style): string {
  const { container, config } = document;
  const owner =
    container.fleet === undefined
      ? 'no fleet'
      : `fleet ${container.fleet}, as ${container.key ?? container.name}`;
  const facts = pairs(
    [
      ['status', statusCell(container, style)],
      ...(container.uptimeSeconds
        ? ([['uptime', showDuration(container.uptimeSeconds * 1000)]] as const)
        : []),
      ['cores', cpuCell(container)],
      ['memory', memoryCell(container)],
      ['swap', mib(container.swapMiB)],
      ['disk', diskCell(container)],
      ['owner', owner],
      ...(container.pool === undefined ? [] : ([['pool', container.pool]] as const)),
    ],
    style,
  );
  const keys = [...new Set([...Object.keys(config.current), ...Object.keys(config.pending)])].sort(
    naturalCompare,
  );
  const settings = pairs(
    keys.map((key) => {
      const waiting = config.pending[key];
      const next =
        key in config.pending
          ? style.yellow(` ${style.glyph.arrow} ${waiting ?? 'unset'} after restart`)
          : '';
      return [key, `${config.current[key] ?? 'unset'}${next}`] as const;
    }),
    style,
  );
  const interfaces = pairs(
    document.interfaces.map(
      (one) => [one.name, [one.mac ?? '', ...one.addresses].filter(Boolean).join('  ')] as const,
    ),
    style,
  );
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', style.bold(title), ...lines];
  return `${[
    `${style.bold(container.name)}  ${container.vmid} on ${container.node}`,
    ...facts,
    ...section('Configuration', settings),
    ...section('Interfaces', interfaces),
    ...section(
      'Recent tasks',
      document.tasks.length === 0 ? [] : [renderTasks(document.tasks, style).trimEnd()],
    ),
  ].join('\n')}\n`;
}

/** Containers as a table, and one container in full. */
import type { ListDocument, ListedContainer, ShowDocument } from '../engine/list.ts';
import { formatSize, humanSize, MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { renderTasks } from './tasks.ts';
import { counted, showDuration } from './values.ts';

interface ListColumn extends Column {
  readonly cell: (container: ListedContainer, style: Style) => string;
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

const columns: readonly ListColumn[] = [
  { title: 'VMID', align: 'right', cell: (c) => String(c.vmid) },
  { title: 'NAME', cell: (c, style) => style.bold(c.name) },
  { title: 'NODE', cell: (c) => c.node },
  { title: 'STATUS', cell: statusCell },
  { title: 'CORES', align: 'right', cell: cpuCell },
  { title: 'MEMORY', align: 'right', cell: memoryCell },
  { title: 'SWAP', align: 'right', cell: (c) => mib(c.swapMiB) },
  { title: 'DISK', align: 'right', cell: diskCell },
  {
    title: 'UPTIME',
    align: 'right',
    optional: true,
    cell: (c) => (c.uptimeSeconds ? showDuration(c.uptimeSeconds * 1000) : ''),
  },
  { title: 'ADDRESS', optional: true, cell: (c) => c.addresses.join(' ') },
  { title: 'FLEET', optional: true, cell: (c) => c.fleet ?? '' },
  { title: 'POOL', optional: true, cell: (c) => c.pool ?? '' },
];

/**
 * Renders the list.
 *
 * @param document - rows.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderList(document: ListDocument, style: Style): string {
  const rows = document.containers.toSorted((a, b) => a.vmid - b.vmid);
  if (rows.length === 0) return 'No containers.\n';
  const used = columns.filter(
    (column) => !column.optional || rows.some((row) => column.cell(row, style) !== ''),
  );
  const cells = rows.map((row) => used.map((column) => column.cell(row, style)));
  const running = rows.filter((row) => row.status === 'running').length;
  return `${renderTable(used, cells, style)}\n${counted(rows.length, 'container')}, ${running} running.\n`;
}

function pairs(rows: readonly (readonly [name: string, value: string])[], style: Style): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => {
    const [first = '', ...more] = value.trimEnd().split('\n');
    const indent = ' '.repeat(width + 4);
    return [`  ${style.dim(name.padEnd(width))}  ${first}`, ...more.map((line) => indent + line)].join('\n');
  });
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

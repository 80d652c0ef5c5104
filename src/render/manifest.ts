/** The manifest of frozen containers as a table and as Markdown. */
import type { ManifestDocument, ManifestEntry } from '../engine/lab/freeze.ts';
import { formatSize } from '../util/bytes.ts';
import { markdownCell } from './markdown.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { counted } from './values.ts';

interface ManifestColumn extends Column {
  readonly cell: (entry: ManifestEntry) => string;
  /** Left out when no row has anything in it. */
  readonly optional?: true;
}

const sizeOf = ({ disks }: ManifestEntry): string => {
  const bytes = disks.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  return bytes === 0 ? '' : formatSize(bytes);
};

const columns: readonly ManifestColumn[] = [
  { title: 'WHO', cell: ({ student }) => student ?? '', optional: true },
  { title: 'GROUP', cell: ({ group }) => group ?? '', optional: true },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'VMID', align: 'right', cell: ({ vmid }) => String(vmid) },
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'STATUS', cell: ({ status }) => status },
  { title: 'FROZEN SINCE', isBelow: true, cell: ({ frozenSince }) => frozenSince ?? '' },
  { title: 'SNAPSHOT', isBelow: true, cell: ({ snapshot }) => snapshot?.name ?? '', optional: true },
  { title: 'TAKEN', isBelow: true, cell: ({ snapshot }) => snapshot?.takenAt ?? '', optional: true },
  { title: 'DISKS', align: 'right', cell: sizeOf },
  { title: 'DIGEST', isBelow: true, cell: ({ digest }) => digest },
  { title: 'WHY NOT', isBelow: true, cell: ({ error }) => error ?? '', optional: true },
];

const used = (entries: readonly ManifestEntry[]): readonly ManifestColumn[] =>
  columns.filter(({ optional, cell }) => !optional || entries.some((entry) => cell(entry) !== ''));

function summary({ containers, by, at }: ManifestDocument): string {
  const frozen = containers.filter(({ result }) => result === 'frozen').length;
  return `${frozen} of ${counted(containers.length, 'container')} frozen, ${at}, by ${by}`;
}

/**
 * Renders a manifest.
 *
 * @param manifest - what was frozen.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderManifest(manifest: ManifestDocument, style: Style): string {
  const entries = manifest.containers;
  if (entries.length === 0) return 'No containers.\n';
  // a digest is long; its beginning tells it apart
  const short = entries.map((entry) => ({ ...entry, digest: entry.digest.slice(0, 12) }));
  const shown = used(short);
  const rows = short.map((entry) => shown.map(({ cell }) => cell(entry)));
  return `${renderTable(shown, rows, style)}\n${summary(manifest)}.\n`;
}

/**
 * Renders a manifest as Markdown.
 *
 * @param manifest - what was frozen.
 * @returns Markdown that ends with a newline.
 */
export function renderManifestMarkdown(manifest: ManifestDocument): string {
  const entries = manifest.containers;
  const shown = used(entries);
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(' | ')} |`;
  return `${[
    '# Frozen containers',
    '',
    `${summary(manifest)}, at ${manifest.endpoint}.`,
    '',
    line(shown.map(({ title }) => title.toLowerCase())),
    `|${shown.map(() => '---').join('|')}|`,
    ...entries.map((entry) => line(shown.map(({ cell }) => cell(entry)))),
    '',
    `SHA-256 of the manifest: \`${manifest.sha256}\``,
  ].join('\n')}\n`;
}

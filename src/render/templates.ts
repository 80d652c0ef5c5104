/** Appliance templates as tables: what the storages have, what the catalogue offers. */
import type { Action } from '../domain/plan.ts';
import type { CatalogueDocument, TemplatesDocument } from '../engine/templates.ts';
import { humanSize } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';

/**
 * Says where an archive comes from and goes to.
 *
 * @param action - a download or an upload.
 * @returns for example `download debian-13-standard_13.1-2_amd64.tar.zst to local`.
 */
export function fetchLine(action: Action): string {
  const { params, upload } = action.request;
  const text = (name: string): string => String(params[name] ?? '');
  const to = `to ${text('storage')}`;
  const as = (name: string): string => (name === action.target.key ? '' : ` as ${action.target.key}`);
  if (upload) return `upload ${upload.path}${as(upload.path.replace(/^.*\//, ''))} ${to}`;
  if (params['reference'] !== undefined) return `pull ${text('reference')}${as('')} ${to}`;
  if (params['url'] !== undefined) {
    const unchecked = params['checksum'] === undefined ? ', without a checksum' : '';
    return `download ${text('url')}${as(text('url').replace(/^.*\//, ''))} ${to}${unchecked}`;
  }
  return `download ${text('template')} ${to}`;
}

/**
 * Renders the templates on the storages.
 *
 * @param document - rows.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderTemplates(document: TemplatesDocument, style: Style): string {
  if (document.templates.length === 0) {
    return 'No templates on the storages; pvefleet template list --available shows what can be downloaded.\n';
  }
  const rows = document.templates
    .toSorted((a, b) => naturalCompare(a.volid, b.volid) || naturalCompare(a.node, b.node))
    .map((one) => [
      style.bold(one.volid),
      one.node,
      one.sizeBytes === undefined ? '' : humanSize(one.sizeBytes),
    ]);
  return renderTable(
    [{ title: 'TEMPLATE' }, { title: 'NODE' }, { title: 'SIZE', align: 'right' }],
    rows,
    style,
  );
}

/** The name of an archive tells version and architecture, too. */
const catalogueColumns: readonly Column[] = [
  { title: 'TEMPLATE', isWhole: true },
  { title: 'SECTION', isSpare: true },
  { title: 'OS' },
  { title: 'VERSION', isSpare: true },
  { title: 'ARCH', isSpare: true },
];

/**
 * Renders the catalogue.
 *
 * @param document - rows.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderCatalogue(document: CatalogueDocument, style: Style): string {
  if (document.entries.length === 0) {
    return `The catalogue of ${document.node} is empty; run pveam update on that node.\n`;
  }
  const rows = document.entries
    .toSorted((a, b) => naturalCompare(a.section, b.section) || naturalCompare(a.template, b.template))
    .map((entry) => [
      style.bold(entry.template),
      entry.section,
      entry.os,
      entry.version,
      entry.architecture ?? '',
    ]);
  return renderTable(catalogueColumns, rows, style);
}

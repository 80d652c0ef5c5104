/** Appliance templates as tables: what the storages have, what the catalogue offers. */
import type { CatalogueDocument, TemplatesDocument } from '../engine/templates.ts';
import { humanSize } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

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
  const titles = ['TEMPLATE', 'SECTION', 'OS', 'VERSION', 'ARCH'];
  return renderTable(
    titles.map((title) => ({ title })),
    rows,
    style,
  );
}

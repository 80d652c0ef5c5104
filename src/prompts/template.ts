/** Choosing an appliance template: those on a storage first, then what the catalogue offers. */
import type { CatalogueEntry, StoredTemplate } from '../domain/actual.ts';
import { humanSize } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Choice, Prompts } from './io.ts';

/**
 * Lists templates as choices.
 *
 * @param stored - archives that are there.
 * @param catalogue - archives that would be downloaded first.
 * @returns choices whose value is a volume id or a file name of the catalogue.
 */
export function templateChoices(
  stored: readonly StoredTemplate[],
  catalogue: readonly CatalogueEntry[],
): Choice<string>[] {
  const fileOf = (volid: string): string => volid.split('/').at(-1) ?? volid;
  const there = new Set(stored.map((template) => fileOf(template.volid)));
  const volids = new Map(stored.map((template) => [template.volid, template]));
  return [
    ...[...volids.values()]
      .toSorted((a, b) => naturalCompare(a.volid, b.volid))
      .map((template) => ({
        value: template.volid,
        name: fileOf(template.volid),
        description: `on ${template.storage}${template.sizeBytes === undefined ? '' : `, ${humanSize(template.sizeBytes)}`}`,
      })),
    ...catalogue
      .filter((entry) => !there.has(entry.template))
      .toSorted(
        (a, b) =>
          Number(a.section !== 'system') - Number(b.section !== 'system') ||
          naturalCompare(a.template, b.template),
      )
      .map((entry) => ({
        value: entry.template,
        name: entry.template,
        description: `catalogue, ${entry.section}: is downloaded first`,
      })),
  ];
}

/**
 * Asks for a template.
 *
 * @param prompts - the terminal.
 * @param stored - archives that are there.
 * @param catalogue - archives that can be downloaded.
 * @returns a volume id `storage:vztmpl/file`, or a file name of the catalogue.
 */
export function askTemplate(
  prompts: Prompts,
  stored: readonly StoredTemplate[],
  catalogue: readonly CatalogueEntry[],
): Promise<string> {
  return prompts.search({
    message: 'Template (type to filter)',
    choices: templateChoices(stored, catalogue),
  });
}

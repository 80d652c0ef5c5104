/** Download of one appliance template. */
import type { CatalogueEntry } from './actual.ts';
import { assemblePlan } from './assemble.ts';
import { fetchAction } from './fetch-template.ts';
import type { Plan } from './plan.ts';
import type { TemplateSource } from './template-source.ts';

/**
 * Plans a download.
 *
 * @param entry - entry of the catalogue, or its file name.
 * @param node - node that fetches it.
 * @param storage - storage that gets it.
 * @param from - where it comes from; default: the catalogue.
 * @returns the plan; its fleet is empty.
 */
export function planDownload(
  entry: Pick<CatalogueEntry, 'template'>,
  node: string,
  storage: string,
  from?: TemplateSource,
): Plan {
  const { template } = entry;
  const shared = [
    fetchAction({ node, storage, template, ...(from ? { from } : {}) }, { reason: 'asked for' }),
  ];
  return assemblePlan({ fleet: '', containers: [], shared });
}

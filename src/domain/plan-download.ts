/** Download of one appliance template. */
import { downloadAction } from './actions.ts';
import type { CatalogueEntry } from './actual.ts';
import { assemblePlan } from './assemble.ts';
import type { Plan } from './plan.ts';

/**
 * Plans a download.
 *
 * @param entry - entry of the catalogue, or its file name.
 * @param node - node that fetches it.
 * @param storage - storage that gets it.
 * @returns the plan; its fleet is empty.
 */
export function planDownload(entry: Pick<CatalogueEntry, 'template'>, node: string, storage: string): Plan {
  const shared = [downloadAction(node, storage, entry.template, { reason: 'asked for' })];
  return assemblePlan({ fleet: '', containers: [], shared });
}

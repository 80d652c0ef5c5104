/** Appliance templates: what the storages have, what the catalogue offers, removal. Downloads go through a plan. */
import type { TaskOutcome } from '../api/types.ts';
import type { CatalogueEntry, StoredTemplate } from '../domain/actual.ts';
import { InternalError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';

/** Narrows what is listed; absent: all. */
export interface TemplateFilter {
  readonly node?: string;
  readonly storage?: string;
}

/** The document `pvefleet.templates/1`. */
export interface TemplatesDocument {
  readonly format: 'pvefleet.templates/1';
  readonly templates: readonly StoredTemplate[];
}

/** The document `pvefleet.catalogue/1`. */
export interface CatalogueDocument {
  readonly format: 'pvefleet.catalogue/1';
  /** Node whose catalogue this is. */
  readonly node: string;
  readonly entries: readonly CatalogueEntry[];
}

/** Archives on the storages; one on a shared storage is listed once. */
export async function listTemplates(
  context: EngineContext,
  filter: TemplateFilter = {},
): Promise<TemplatesDocument> {
  void [context, filter];
  throw new InternalError('not written yet');
}

/** The catalogue of a node; default: the first online one. */
export async function listCatalogue(context: EngineContext, node?: string): Promise<CatalogueDocument> {
  void [context, node];
  throw new InternalError('not written yet');
}

/** Removes an archive `storage:vztmpl/file`; throws UsageError when there is none, TaskFailedError when the task fails. */
export async function deleteTemplate(
  context: EngineContext,
  volid: string,
  options: { readonly node?: string } = {},
): Promise<TaskOutcome | undefined> {
  void [context, volid, options];
  throw new InternalError('not written yet');
}

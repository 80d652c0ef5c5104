/** Appliance templates: what the storages have, what the catalogue offers, removal. Downloads go through a plan. */
import { TaskFailedError } from '../api/errors/task-error.ts';
import type { TaskOutcome } from '../api/types.ts';
import { isUpid } from '../codec/upid.ts';
import type { CatalogueEntry, NodeInfo, StoredTemplate } from '../domain/actual.ts';
import { templateStorages } from '../domain/appliance.ts';
import { naturalCompare } from '../util/compare.ts';
import { UsageError } from '../util/errors.ts';
import { suggest } from '../util/suggest.ts';
import type { EngineContext } from './context.ts';
import { mapBounded } from './parallel.ts';
import { decodeResources, decodeStorages } from './resources.ts';
import { waitTask } from './tasks.ts';
import { eachOnce, readArchives, readCatalogue } from './template-store.ts';

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

async function onlineNodes(context: EngineContext): Promise<NodeInfo[]> {
  const rows = await context.pve.get('/cluster/resources', { type: 'node' }, { signal: context.signal });
  return decodeResources(rows).nodes.filter((node) => node.online);
}

function chooseNodes(nodes: readonly NodeInfo[], wanted: string | undefined): string[] {
  const names = nodes.map(({ node }) => node);
  if (wanted === undefined) return names;
  if (names.includes(wanted)) return [wanted];
  const near = suggest(wanted, names);
  throw new UsageError(`there is no online node '${wanted}'`, {
    hint: near === undefined ? `nodes: ${names.join(', ')}` : `did you mean ${near}?`,
  });
}

/**
 * Archives on the storages; one on a shared storage is listed once.
 *
 * @param filter - node and storage; absent: all.
 * @returns archives in order of node, storage and name.
 * @throws UsageError for a node that is not there, or a storage that takes no templates.
 */
export async function listTemplates(
  context: EngineContext,
  filter: TemplateFilter = {},
): Promise<TemplatesDocument> {
  const nodes = chooseNodes(await onlineNodes(context), filter.node);
  const perNode = await mapBounded(context.limits.requests, nodes, async (node) => {
    const rows = await context.pve.get('/nodes/{node}/storage', { node }, { signal: context.signal });
    return templateStorages(node, decodeStorages(node, rows));
  });
  const storages = eachOnce(perNode.flat());
  const chosen = storages.filter(({ storage }) => filter.storage === undefined || storage === filter.storage);
  if (chosen.length === 0 && filter.storage !== undefined) {
    throw new UsageError(`there is no storage '${filter.storage}' that takes templates`, {
      hint: `storages that do: ${[...new Set(storages.map(({ storage }) => storage))].join(', ') || 'none'}`,
    });
  }
  const lists = await mapBounded(context.limits.requests, chosen, (storage) =>
    readArchives(context, storage),
  );
  const templates = lists
    .flat()
    .sort((a, b) => naturalCompare(a.node, b.node) || naturalCompare(a.volid, b.volid));
  return { format: 'pvefleet.templates/1', templates };
}

/**
 * The catalogue of a node.
 *
 * @param node - default: the first online one.
 * @returns its entries in order of name.
 * @throws UsageError for a node that is not there.
 */
export async function listCatalogue(context: EngineContext, node?: string): Promise<CatalogueDocument> {
  const [first] = chooseNodes(await onlineNodes(context), node);
  if (first === undefined) throw new UsageError('no node is online');
  const entries = await readCatalogue(context, first);
  return {
    format: 'pvefleet.catalogue/1',
    node: first,
    entries: entries.sort((a, b) => naturalCompare(a.template, b.template)),
  };
}

function parseVolid(volid: string): string {
  const storage = /^([^:/\s]+):vztmpl\/[^/]+$/.exec(volid)?.[1];
  if (storage !== undefined) return storage;
  throw new UsageError(`'${volid}' is no template`, {
    hint: 'write STORAGE:vztmpl/FILE as template list shows it',
  });
}

/**
 * Removes an archive. Containers made from it do not need it any more.
 *
 * @param volid - `storage:vztmpl/file`.
 * @param options.node - where; needed when several nodes have a local archive of this name.
 * @returns how the task ended, or undefined when the server did it at once.
 * @throws UsageError when there is no such archive; TaskFailedError when the task fails.
 */
export async function deleteTemplate(
  context: EngineContext,
  volid: string,
  options: { readonly node?: string } = {},
): Promise<TaskOutcome | undefined> {
  const storage = parseVolid(volid);
  const filter = options.node === undefined ? { storage } : { storage, node: options.node };
  const { templates } = await listTemplates(context, filter);
  const found = templates.filter((template) => template.volid === volid);
  const [target] = found;
  if (!target) {
    const near = suggest(
      volid,
      templates.map((template) => template.volid),
    );
    throw new UsageError(`there is no template ${volid}`, {
      hint: near === undefined ? 'see what there is: pvefleet template list' : `did you mean ${near}?`,
    });
  }
  if (found.length > 1) {
    throw new UsageError(`${volid} is on several nodes: ${found.map(({ node }) => node).join(', ')}`, {
      hint: 'say which one with --node',
    });
  }
  const answer: unknown = await context.pve.delete('/nodes/{node}/storage/{storage}/content/{volume}', {
    node: target.node,
    storage,
    volume: volid,
  });
  if (!isUpid(answer)) return undefined;
  const outcome = await waitTask(context, answer);
  if (outcome.state === 'failed') {
    const { upid, exitStatus, log } = outcome;
    throw new TaskFailedError({ upid, doing: `delete ${volid}`, exitStatus, log });
  }
  return outcome;
}

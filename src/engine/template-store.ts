/** Which template archives the storages hold, and the appliance catalogue where something is missing. Reads only. */
import type { Returns } from '../api/types.ts';
import { decodeNumber } from '../codec/scalar.ts';
import type { CatalogueEntry, ClusterSnapshot, StorageInfo, StoredTemplate } from '../domain/actual.ts';
import { templateStorages } from '../domain/appliance.ts';
import { chooseTemplate, type TemplateRules } from '../domain/choose-template.ts';
import type { DesiredContainer } from '../domain/desired.ts';
import type { EngineContext } from './context.ts';
import { mapBounded } from './parallel.ts';
import { compact } from './resources.ts';

/** The part of a snapshot that is read here. */
export type Templates = Pick<ClusterSnapshot, 'templates' | 'catalogue'>;

/** Containers to be made, or everything there is. */
export type TemplateNeed = readonly DesiredContainer[] | 'all';

type CatalogueRow = Returns<'GET', '/nodes/{node}/aplinfo'>[number];

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * Decodes a row of the catalogue.
 *
 * @returns the entry, or undefined for a row without a file name.
 */
function decodeCatalogueEntry(row: CatalogueRow): CatalogueEntry | undefined {
  const template = text(row['template']);
  if (template === undefined) return undefined;
  return compact({
    template,
    package: text(row['package']) ?? '',
    version: text(row['version']) ?? '',
    os: text(row['os']) ?? '',
    section: text(row['section']) ?? '',
    architecture: text(row['architecture']),
    sha512: text(row['sha512sum']),
  }) as CatalogueEntry;
}

/**
 * Reads the catalogue of a node.
 *
 * @returns its entries; empty before the first `pveam update` of that node.
 */
export async function readCatalogue(context: EngineContext, node: string): Promise<CatalogueEntry[]> {
  const rows = await context.pve.get('/nodes/{node}/aplinfo', { node }, { signal: context.signal });
  return rows.map(decodeCatalogueEntry).filter((entry) => entry !== undefined);
}

/**
 * Reads the archives of one storage.
 *
 * @param storage - a storage that takes templates, as one node sees it.
 * @returns its archives.
 */
export async function readArchives(context: EngineContext, storage: StorageInfo): Promise<StoredTemplate[]> {
  const { node, storage: name } = storage;
  const rows = await context.pve.get(
    '/nodes/{node}/storage/{storage}/content',
    { node, storage: name, content: 'vztmpl' },
    { signal: context.signal },
  );
  return rows.map(
    (row) =>
      compact({ volid: row.volid, storage: name, node, sizeBytes: decodeNumber(row.size) }) as StoredTemplate,
  );
}

/** The storages that may hold the template of a container. */
function candidates(desired: DesiredContainer, storages: readonly StorageInfo[]): StorageInfo[] {
  const named = desired.templateStorage ?? /^([^:/]+):/.exec(desired.template)?.[1];
  const ofNode = templateStorages(desired.node, storages);
  return named === undefined ? ofNode : ofNode.filter(({ storage }) => storage === named);
}

/** Shared storages are read once, through the first node that has them. */
export function eachOnce(storages: readonly StorageInfo[]): StorageInfo[] {
  const seen = new Map<string, StorageInfo>();
  for (const storage of storages) {
    const key = storage.shared ? storage.storage : `${storage.node}/${storage.storage}`;
    if (!seen.has(key)) seen.set(key, storage);
  }
  return [...seen.values()];
}

/** Whether only the catalogue can tell what a container's template is, or whether it can be had. */
function needsCatalogue(
  desired: DesiredContainer,
  storages: readonly StorageInfo[],
  templates: readonly StoredTemplate[],
  rules: TemplateRules,
): boolean {
  const choice = chooseTemplate(rules, desired, { storages, templates, catalogue: [] });
  if (choice.kind === 'stored') return !templates.some(({ volid }) => volid === choice.volid);
  return choice.kind !== 'download';
}

/**
 * Reads what is needed to choose templates.
 *
 * @param snapshot - nodes and storages as observed.
 * @param need - containers to be made: their storages are listed, and the catalogue is read only when one of their
 *   templates is on none of them. Or `all`.
 * @param rules - aliases, own templates and lock of the fleet.
 * @returns archives and catalogue entries.
 */
export async function readTemplates(
  context: EngineContext,
  snapshot: Pick<ClusterSnapshot, 'nodes' | 'storages'>,
  need: TemplateNeed,
  rules: TemplateRules = {},
): Promise<Templates> {
  const { storages } = snapshot;
  const online = snapshot.nodes.filter((node) => node.online).map((node) => node.node);
  const isUp = ({ node }: { readonly node: string }): boolean => online.includes(node);
  const wanted = need === 'all' ? need : need.filter(isUp);
  const places =
    wanted === 'all'
      ? online.flatMap((node) => templateStorages(node, storages))
      : wanted.flatMap((desired) => candidates(desired, storages));
  const lists = await mapBounded(context.limits.requests, eachOnce(places), (storage) =>
    readArchives(context, storage),
  );
  const templates = lists.flat();
  const node =
    wanted === 'all'
      ? online[0]
      : wanted.find((desired) => needsCatalogue(desired, storages, templates, rules))?.node;
  return { templates, catalogue: node === undefined ? [] : await readCatalogue(context, node) };
}

/** Plans of single fetches from elsewhere than the catalogue: a URL, a registry, this machine. Changes nothing. */
import { chooseTemplate } from '../domain/choose-template.ts';
import { planDownload } from '../domain/plan-download.ts';
import type { TemplateSource } from '../domain/template-source.ts';
import { UsageError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { readLocalFile } from './local-files.ts';
import { observe } from './observe.ts';
import { type DownloadTarget, downloadNode, type Planned } from './plan.ts';

async function readSource(source: TemplateSource): Promise<TemplateSource> {
  if (source.kind !== 'file') return source;
  const local = await readLocalFile(source.location);
  if ('problem' in local)
    throw new UsageError(`cannot upload ${source.path}: ${local.problem}`, {
      code: 'TEMPLATE_FILE_UNREADABLE',
    });
  return { ...source, local };
}

/**
 * Plan of `template download URL`, `template download --oci` and `template upload`.
 *
 * @param file - name that the archive gets on the storage.
 * @param source - where it comes from.
 * @param target - node and storage.
 * @returns a plan of one step; carrying it out does nothing when the storage has a file of that name.
 * @throws UsageError for a node or storage that cannot take it, and a file that cannot be read.
 */
export async function makeFetchPlan(
  context: EngineContext,
  file: string,
  source: TemplateSource,
  target: Omit<DownloadTarget, 'aliases'> = {},
): Promise<Planned> {
  const from = await readSource(source);
  const snapshot = await observe(context, {});
  const node = downloadNode(snapshot, target.node);
  const version =
    from.kind === 'oci'
      ? (await context.pve.get('/version', {}, { signal: context.signal })).version
      : undefined;
  const user = {
    template: file,
    node,
    options: {},
    ...(target.storage === undefined ? {} : { templateStorage: target.storage }),
  };
  const stock = { ...snapshot, templates: [], ...(version === undefined ? {} : { version }) };
  const choice = chooseTemplate({ sources: { [file]: from } }, user, stock);
  if (choice.kind !== 'download') {
    const found = choice.kind === 'missing' ? choice.diagnostic : undefined;
    throw new UsageError(found?.message ?? `${file} cannot be fetched`, {
      code: found?.code ?? 'TEMPLATE_NOT_FOUND',
      hint: found?.hint,
    });
  }
  const plan = planDownload({ template: file }, choice.node, choice.storage, from);
  context.emit({ type: 'plan.ready', plan });
  return { plan, snapshot };
}
